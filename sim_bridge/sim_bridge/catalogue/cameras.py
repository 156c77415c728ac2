# SPDX-License-Identifier: Apache-2.0
"""Where people hold a camera, and robots do not: near, far, above, at a cat's height, tilted, zoomed in."""

from __future__ import annotations

import math

import numpy as np

from seal_perception.camera import Camera
from seal_perception.pose import R_BODY_OPTICAL
from seal_perception.types import FloatArray
from sim_bridge.catalogue.placing import SetUp

HABITS: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "room": (0.31, (56.0, 76.0), (0.12, 0.6)),
    "subject": (0.34, (36.0, 76.0), (0.35, 1.05)),
    "near": (0.12, (42.0, 76.0), (1.0, 2.1)),
    "far": (0.10, (44.0, 76.0), (0.05, 0.2)),
    "tele": (0.10, (16.0, 36.0), (0.2, 1.2)),
    "above": (0.11, (44.0, 76.0), (0.3, 1.1)),
}
"""How pictures are taken: share, horizontal field of view in degrees, and the subject's radius in half pictures."""
LOW_SHARE = 0.24
"""Share of cameras below a robot's: held by a child, stood on a shelf or the floor."""
LOW_M, STANDING_M, RAISED_M = (0.2, 0.79), (0.97, 1.8), (1.75, 2.6)
"""Heights of cameras; none stands between 0.80 and 0.96 m, where the robot's is."""
_TRIES = 50


def look_at(eye: FloatArray, target: FloatArray, roll: float) -> FloatArray:
    """T_world_camera of a camera at `eye` that looks at `target`, rolled by radians."""
    forward = (target - eye) / max(float(np.linalg.norm(target - eye)), 1e-6)
    left = np.cross([0.0, 0.0, 1.0], forward)
    left /= max(float(np.linalg.norm(left)), 1e-6)
    up = np.cross(forward, left)
    c, s = math.cos(roll), math.sin(roll)
    T = np.eye(4)
    T[:3, :3] = np.stack([forward, c * left + s * up, c * up - s * left], 1) @ R_BODY_OPTICAL
    T[:3, 3] = eye
    return T


def _free(setup: SetUp, eye: FloatArray, margin: float) -> bool:
    """Whether a camera can be there: inside the room or past an open wall, and not within a piece."""
    for axis in range(2):
        low, high = eye[axis] < 0.12, eye[axis] > setup.size[axis] - 0.12
        if (low and 2 * axis not in setup.open_walls) or (high and 2 * axis + 1 not in setup.open_walls):
            return False
    if np.hypot(*(eye[:2] - setup.size[:2] / 2)) > setup.reach or not 0.15 < eye[2] < setup.size[2] - 0.1:
        return False
    return not any((eye > b[0] - margin).all() and (eye < b[1] + margin).all() for b in setup.boxes)


def _height(habit: str, rng: np.random.Generator) -> float:
    if habit == "above":
        return float(rng.uniform(*RAISED_M))
    return float(rng.uniform(*LOW_M) if rng.random() < LOW_SHARE else rng.uniform(*STANDING_M))


def _roll(rng: np.random.Generator) -> float:
    """Nearly level; one picture in nine is held askew."""
    return float(rng.normal(0.0, 0.22) if rng.random() < 0.11 else rng.normal(0.0, 0.03))


def photographer(setup: SetUp, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Camera, FloatArray]:
    """Camera and pose of somebody who takes a picture of the subject in one of the `HABITS`."""
    assert setup.subject is not None
    centre, half = setup.subject.mean(0), (setup.subject[1] - setup.subject[0]) / 2
    radius = max(float(np.linalg.norm(half)), 0.15)
    names, weights = list(HABITS), np.array([share for share, *_ in HABITS.values()])
    habit = str(rng.choice(names, p=weights / weights.sum()))
    _, fovs, fills = HABITS[habit]
    fov = math.radians(rng.uniform(*fovs))
    for attempt in range(_TRIES):
        fill = math.exp(rng.uniform(*np.log(fills))) * (1 + attempt / _TRIES * (fills[0] < 0.3))
        distance = np.clip(radius / (fill * math.tan(fov / 2)), 0.35 + 0.4 * radius, 16.0)
        height = _height(habit, rng)
        level = math.sqrt(max(distance**2 - (height - centre[2]) ** 2, (0.3 * distance) ** 2))
        side = setup.facing + rng.normal(0.0, 0.8) if rng.random() < 0.72 else rng.uniform(-math.pi, math.pi)
        eye = np.array([centre[0] + level * math.cos(side), centre[1] + level * math.sin(side), height])
        if _free(setup, eye, 0.12):
            break
    else:
        eye = np.array([*(setup.size[:2] * rng.uniform(0.15, 0.85, 2)), rng.uniform(*STANDING_M)])
    aim = centre + half * rng.normal(0.0, 0.4, 3)
    away = float(np.linalg.norm(aim - eye)) * math.tan(fov / 2)
    aim += rng.normal(0.0, 0.42 if fills[1] < 0.7 else 0.16, 3) * [1.0, 1.0, 0.6] * away
    aim[2] = max(aim[2], 0.02)
    return Camera.from_hfov(*size, fov), look_at(eye, aim, _roll(rng))
