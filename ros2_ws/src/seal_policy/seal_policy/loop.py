# SPDX-License-Identifier: Apache-2.0
"""Exploration in one process: simulator, detector, map and explorer, without ROS and without truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from seal_mapping.grid import Grid2D
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.simulator import Action, Observation, Simulator
from seal_policy.explorer import Explorer
from seal_policy.global_policy import Point
from seal_policy.rewards import GainfulCuriosity

FIRST_STAMP_NS = 1_000_000_000
STEP_NS = 100_000_000


class FrameDetector(Protocol):
    """What the loop needs of a detector."""

    def detect(self, rgb: npt.NDArray[np.uint8]) -> Detections:
        """Objects in a picture (H, W, 3)."""
        ...


class SemanticMap(Protocol):
    """What the loop needs of a map."""

    @property
    def confident_count(self) -> int:
        """Voxels whose best score is confident."""
        ...

    @property
    def explored_area_m2(self) -> float:
        """Floor seen so far."""
        ...

    def integrate(self, frame: Frame, scores: npt.NDArray[np.uint8] | None) -> int:
        """Put a frame in; returns the increase of the confident count."""
        ...

    def obstacles(self) -> Grid2D:
        """Bool cells the robot cannot be in."""
        ...

    def explored(self) -> Grid2D:
        """Bool cells seen, aligned with the obstacles."""
        ...


@dataclass(frozen=True)
class Trajectory:
    """What happened in a run of N actions.

    Attributes:
        poses: (N + 1, 4, 4) T_map_base of each frame.
        actions: the N actions.
        goals: (step, (x, y)) of each goal given, map frame.
        rewards: (N + 1,) int64 confident voxels gained by each frame.
        explored_m2: (N + 1,) float64 floor seen after each frame.
        confident: (N + 1,) int64 confident voxels after each frame.
        collisions: number of blocked forward steps.
        replans: number of plans made.
    """

    poses: npt.NDArray[np.float64]
    actions: tuple[Action, ...]
    goals: tuple[tuple[int, Point], ...]
    rewards: npt.NDArray[np.int64]
    explored_m2: npt.NDArray[np.float64]
    confident: npt.NDArray[np.int64]
    collisions: int
    replans: int


def stamp_ns(step: int) -> int:
    """Stamp of the frame after `step` actions in lockstep."""
    return FIRST_STAMP_NS + step * STEP_NS


def observation_frame(simulator: Simulator, seen: Observation) -> Frame:
    """The frame of an observation; the map frame is the odometry frame."""
    T_map_camera = seen.T_odom_base @ simulator.T_base_camera
    return Frame(stamp_ns(seen.step), seen.rgb, seen.depth, simulator.camera, T_map_camera)


def explore(
    simulator: Simulator,
    detector: FrameDetector | None,
    voxel_map: SemanticMap,
    explorer: Explorer,
    steps: int,
    on_frame: Callable[[int, Frame, Detections | None, Action | None], None] | None = None,
    seed: int = 0,
) -> Trajectory:
    """Explore for a number of actions from the start pose that belongs to `seed`.

    Args:
        simulator: the world; only its senses are used.
        detector: None = map without categories.
        voxel_map: an empty map; holds the result afterwards.
        explorer: a fresh one.
        steps: number of actions N; N + 1 frames are mapped.
        on_frame: called with (step, frame, detections, action taken next, None after the last frame).
        seed: start pose.

    Raises:
        ValueError: if steps is negative.
    """
    if steps < 0:
        raise ValueError(f"steps must be >= 0, got {steps}")
    reward = GainfulCuriosity()
    poses, actions, goals, areas, confident = [], [], [], [], []
    collisions = 0
    seen = simulator.reset(seed)
    for step in range(steps + 1):
        frame = observation_frame(simulator, seen)
        found = detector.detect(frame.rgb) if detector is not None else None
        voxel_map.integrate(frame, found.score_image() if found is not None else None)
        reward.update(voxel_map.confident_count)
        poses.append(seen.T_odom_base.copy())
        areas.append(voxel_map.explored_area_m2)
        confident.append(voxel_map.confident_count)
        action = None
        if step < steps:
            action = explorer.act(voxel_map.obstacles(), voxel_map.explored(), seen.T_odom_base, step)
            if explorer.goal_given and explorer.goal is not None:
                goals.append((step, explorer.goal))
            actions.append(action)
        if on_frame is not None:
            on_frame(step, frame, found, action)
        if action is not None:
            seen = simulator.step(action)
            collisions += int(seen.collided)
    return Trajectory(
        np.stack(poses),
        tuple(actions),
        tuple(goals),
        np.array(reward.history, dtype=np.int64),
        np.array(areas, dtype=np.float64),
        np.array(confident, dtype=np.int64),
        collisions,
        explorer.navigator.replans,
    )
