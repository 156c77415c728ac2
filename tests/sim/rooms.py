# SPDX-License-Identifier: Apache-2.0
"""Small hand-made scenes with known answers, and cheap settings to draw them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from seal_perception.pose import camera_mounting, planar_pose
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.geometry.mesh import Lamp, Material, Part, Scene
from sim_bridge.modelling.shapes import box_between, quad

PLAIN = LightConfig(shadows=False)
FAST = EmbeddedConfig(width=160, height=120, light=PLAIN, cache_light=False)
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
GREY, RED = (Material(np.full((1, 1, 3), value, np.uint8)) for value in (150, (200, 30, 30)))
WALL_M = 2.0


def shell(half: float = WALL_M, height: float = 2.5) -> list[Part]:
    """An empty room: inner faces at +-half, floor at 0."""
    h, z = half, height
    faces = {
        "floor": quad((-h, -h, 0), (2 * h, 0, 0), (0, 2 * h, 0), GREY),
        "ceiling": quad((-h, h, z), (2 * h, 0, 0), (0, -2 * h, 0), GREY),
        "wall east": quad((h, h, 0), (0, -2 * h, 0), (0, 0, z), GREY),
        "wall west": quad((-h, -h, 0), (0, 2 * h, 0), (0, 0, z), GREY),
        "wall north": quad((-h, h, 0), (2 * h, 0, 0), (0, 0, z), GREY),
        "wall south": quad((h, -h, 0), (-2 * h, 0, 0), (0, 0, z), GREY),
    }
    return [Part(name, mesh) for name, mesh in faces.items()]


def room(*furniture: Part, half: float = WALL_M) -> Scene:
    """The empty room with things in it, one lamp, start in the middle."""
    return Scene("room", (*shell(half), *furniture), (Lamp((0.0, 0.0, 2.2)),))


def box_part(low: tuple[float, float, float], high: tuple[float, float, float], category: int = 0) -> Part:
    """A red box of a category."""
    return Part("box", box_between(low, high, RED), category)


def camera_at(x: float, y: float, yaw_deg: float) -> np.ndarray:
    """T_world_camera of the robot's camera, 0.88 m high."""
    return planar_pose(x, y, math.radians(yaw_deg)) @ camera_mounting(0.88)
