# SPDX-License-Identifier: Apache-2.0
"""A search in one process: simulator, detector, map and agent, without ROS and without truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.simulator import Action, Simulator
from seal_perception.types import FloatArray
from seal_perception.upright import FrameDetector
from seal_policy.loop import Run
from seal_policy.objectgoal.agent import Event, ObjectGoalAgent
from seal_policy.objectgoal.orders import Sight, found_pixels

MAX_STEPS = 500
"""Actions of an episode (docs/method.md)."""


@dataclass(frozen=True)
class Search:
    """How a search went, as the robot knows it.

    Attributes:
        stopped: whether the robot stopped because it took itself to be there.
        poses: (N + 1, 4, 4) T_map_base before each of N actions, and after the last.
        explored_m2: (N + 1,) floor seen at each.
        collisions: blocked forward steps.
        events: the agent's decisions about things.
    """

    stopped: bool
    poses: FloatArray
    explored_m2: FloatArray
    collisions: int
    events: tuple[Event, ...]

    @property
    def steps(self) -> int:
        """Actions taken; the stop is none."""
        return len(self.poses) - 1


def search(
    simulator: Simulator,
    detector: FrameDetector,
    voxel_map: VoxelMap,
    agent: ObjectGoalAgent,
    seed: int,
    max_steps: int = MAX_STEPS,
    on_step: Callable[[Run], None] = lambda run: None,
) -> Search:
    """Search until the robot stops itself, or for `max_steps` actions.

    Args:
        simulator: the world; only its senses are used.
        detector: finds things in its pictures.
        voxel_map: an empty map; holds the result afterwards.
        agent: a fresh one.
        seed: start pose.
        max_steps: most actions.
        on_step: called after each picture was mapped.

    Raises:
        ValueError: if `max_steps` is negative.
    """
    if max_steps < 0:
        raise ValueError(f"max_steps must be >= 0, got {max_steps}")
    run = Run(simulator, detector, voxel_map, agent.explorer)
    run.start(seed)
    poses, areas, stopped = [], [], False
    while True:
        on_step(run)
        poses.append(run.seen.T_odom_base.copy())
        areas.append(voxel_map.explored_area_m2)
        found = found_pixels(run.detections, agent.category, run.frame.depth.shape)
        action = agent.act(Sight(run.step, run.frame, run.seen.T_odom_base, voxel_map, found))
        if action is Action.STOP:
            stopped = bool(agent.events) and agent.events[-1].step == run.step
            break
        if run.step >= max_steps:
            break
        run.take(action)
    return Search(stopped, np.stack(poses), np.array(areas), run.collisions, tuple(agent.events))
