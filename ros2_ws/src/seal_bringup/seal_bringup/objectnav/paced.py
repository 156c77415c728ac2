# SPDX-License-Identifier: Apache-2.0
"""A search while the clock runs: the robot of paced mode in one process, as `object_goal` drives it over ROS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from seal_bringup.objectnav.detection_cache import NamedDetector
from seal_bringup.objectnav.settings import SearchSettings
from seal_bringup.paced.run import PacedRates, PacedStack, drive_paced, paced_stack
from seal_bringup.stack.presets import MAPS
from seal_mapping.voxels.config import MapConfig
from seal_perception.categories import CategorySet
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.types import FloatArray, UInt8Array
from seal_policy.objectgoal.live import FOUND, LiveSearch
from seal_policy.objectgoal.search import Search
from seal_policy.planning.planner import TIGHT
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.robot.paced_robot import PacedConfig

STEP_S = 0.7
"""Seconds that count as one step, as the policy node has them."""
CAMERA_HZ = 2
SETTLE_S = 2.0
"""The robot has found its thing: it brakes and turns to it for so long before it is judged."""

Look = Callable[[Frame, Detections | None], None]


def map_config(settings: SearchSettings, names: CategorySet) -> MapConfig:
    """The map of a search: the noisy preset where the sensors have noise."""
    return MAPS["noisy" if settings.noise else "clean"].for_names(names)


def search_paced(
    world: EmbeddedSimulator, detector: NamedDetector, settings: SearchSettings, category: str, seed: int, look: Look
) -> tuple[Search, PacedStack]:
    """Search until the robot stands before what it takes for the thing, or the time of `max_steps` is over.

    Args:
        world: only its senses are used.
        detector: finds things in its pictures.
        settings: of the search.
        category: asked for at the first picture.
        seed: start pose.
        look: called with the first picture of each step, and the last one, and what was found in it.

    Returns:
        The search, a pose per step, and the robot's head with its map.
    """
    kept = _Kept(detector)
    config = map_config(settings, detector.names)
    head = paced_stack(config, settings.policy, settings.seed, kept, settings.noise, settings.policy_weights)
    agent = settings.agent
    driver = replace(agent.explorer.driver, planner=TIGHT)
    agent = replace(agent, explorer=replace(agent.explorer, driver=driver))
    search = LiveSearch(detector.names, agent, lambda: head.goals, head.clock.step, 0.0)
    head = replace(head, search=search)
    search.ask(category)
    poses: list[FloatArray] = []
    areas: list[float] = []
    steps, since = [-1], list[float]()

    def settled() -> bool:
        return bool(since) and since[-1] - since[0] >= SETTLE_S

    def keep(robot: Any, seen: Any, T_map_base: FloatArray) -> None:
        if search.state.state == FOUND:
            since.append(robot.time_s)
        if (step := head.clock.step(robot.time_s)) == steps[-1] and not settled():
            return  # a step is judged by its first picture, as one without a clock is by its only one
        steps.append(step)
        poses.append(T_map_base.copy())
        areas.append(head.voxel_map.explored_area_m2)
        look(Frame(robot.stamp_ns, seen.rgb, seen.depth, world.camera, T_map_base @ world.T_base_camera), kept.found)

    robot = drive_paced(
        world, head, settings.max_steps * STEP_S, PacedRates(PacedConfig(physics_hz=20, camera_hz=CAMERA_HZ)), seed,
        keep, settled,
    )  # fmt: skip
    return Search(bool(since), np.stack(poses), np.array(areas), robot.contacts, search.events), head


class _Kept:
    """A detector that remembers what it found last."""

    def __init__(self, detector: NamedDetector) -> None:
        self._detector, self.names = detector, detector.names
        self.found: Detections | None = None

    def detect(self, rgb: UInt8Array) -> Detections:
        """As the detector."""
        self.found = self._detector.detect(rgb)
        return self.found
