# SPDX-License-Identifier: Apache-2.0
"""Exploration in one process: simulator, detector, map and explorer, without ROS and without truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.simulator import FIRST_STAMP_NS, STEP_NS, Action, Observation, Simulator
from seal_perception.types import FloatArray, IntArray
from seal_perception.upright import FrameDetector, detect_frame
from seal_policy.explorer import Explorer
from seal_policy.goals.layers import layers_of
from seal_policy.planning.motion import Point
from seal_policy.rewards import GainfulCuriosity


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
        replans: number of routes planned.
    """

    poses: FloatArray
    actions: tuple[Action, ...]
    goals: tuple[tuple[int, Point], ...]
    rewards: IntArray
    explored_m2: FloatArray
    confident: IntArray
    collisions: int
    replans: int


def stamp_ns(step: int) -> int:
    """Stamp of the frame after `step` actions in lockstep."""
    return FIRST_STAMP_NS + step * STEP_NS


def observation_frame(simulator: Simulator, seen: Observation) -> Frame:
    """The frame of an observation; the map frame is the odometry frame."""
    T_map_camera = seen.T_odom_base @ simulator.T_base_camera
    return Frame(stamp_ns(seen.step), seen.rgb, seen.depth, simulator.camera, T_map_camera)


class Run:
    """A run taken a step at a time: `explore` and the training environment both drive this one.

    Args:
        simulator: the world; only its senses are used.
        detector: None = map without categories.
        voxel_map: an empty map; holds the result afterwards.
        explorer: a fresh one.

    Attributes:
        step: number of actions taken.
        seen: what the robot last sensed.
        frame: the same as a frame of the map.
        detections: what the detector found in it; None without a detector.
        goals: (step, (x, y)) of each goal given so far, map frame.
        collisions: number of blocked forward steps so far.
    """

    def __init__(
        self, simulator: Simulator, detector: FrameDetector | None, voxel_map: VoxelMap, explorer: Explorer
    ) -> None:
        self._simulator = simulator
        self._detector = detector
        self.voxel_map = voxel_map
        self.explorer = explorer
        self.step = 0
        self.goals: list[tuple[int, Point]] = []
        self.collisions = 0
        self.seen: Observation
        self.frame: Frame
        self.detections: Detections | None = None

    def start(self, seed: int = 0) -> None:
        """Put the robot at the start pose of `seed` and map the first frame."""
        self._map(self._simulator.reset(seed))

    def goal_due(self) -> bool:
        """Whether `choose` will ask the policy for a goal at this step."""
        obstacles, explored = self.voxel_map.obstacles(), self.voxel_map.explored()
        return self.explorer.goals.is_due(self.step, obstacles, explored, self.seen.T_odom_base)

    def choose(self) -> Action:
        """Goal when due, plan when needed, then an action; once per step."""
        obstacles, explored = self.voxel_map.obstacles(), self.voxel_map.explored()
        action = self.explorer.act(obstacles, explored, self.seen.T_odom_base, self.step, layers_of(self.voxel_map))
        if self.explorer.goal_given and self.explorer.goal is not None:
            self.goals.append((self.step, self.explorer.goal))
        return action

    def take(self, action: Action) -> None:
        """Let the robot act, and map what it then sees."""
        seen = self._simulator.step(action)
        self.step += 1
        self.collisions += int(seen.collided)
        self._map(seen)

    def _map(self, seen: Observation) -> None:
        self.seen, self.frame = seen, observation_frame(self._simulator, seen)
        self.detections = None if self._detector is None else detect_frame(self._detector, self.frame)
        self.voxel_map.integrate(self.frame, self.detections)


def explore(
    simulator: Simulator,
    detector: FrameDetector | None,
    voxel_map: VoxelMap,
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
    run = Run(simulator, detector, voxel_map, explorer)
    reward = GainfulCuriosity()
    poses, actions, areas, confident = [], [], [], []
    run.start(seed)
    for step in range(steps + 1):
        reward.update(voxel_map.confident_count)
        poses.append(run.seen.T_odom_base.copy())
        areas.append(voxel_map.explored_area_m2)
        confident.append(voxel_map.confident_count)
        action = run.choose() if step < steps else None
        if on_frame is not None:
            on_frame(step, run.frame, run.detections, action)
        if action is not None:
            actions.append(action)
            run.take(action)
    return Trajectory(
        np.stack(poses),
        tuple(actions),
        tuple(run.goals),
        np.array(reward.history, dtype=np.int64),
        np.array(areas, dtype=np.float64),
        np.array(confident, dtype=np.int64),
        run.collisions,
        explorer.driver.replans,
    )
