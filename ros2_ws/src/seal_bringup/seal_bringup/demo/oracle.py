# SPDX-License-Identifier: Apache-2.0
"""True labels of the frames that a robot recorded: for evaluation and for the `oracle` row alone."""

from __future__ import annotations

from typing import Any, Protocol

from seal_mapping.datasets.labeller import Labeller
from seal_mapping.source import BagFrame
from seal_perception.dataset import Annotation
from seal_perception.pose import invert
from seal_perception.simulator import Simulator, TruthSource
from sim_bridge.evaluation.frames import truth_annotations


class TrueWorld(Simulator, TruthSource, Protocol):
    """A simulator that also renders the true labels."""


class Truth(Labeller):
    """The true labels of each recorded frame. It renders in one thread: write with one worker.

    Args:
        world: the simulator, reset to the run's seed, so that its odometry frame is the recording's map frame.
        about: JSON-ready facts kept in the dataset.
    """

    name = "oracle"
    frame_key = "index"

    def __init__(self, world: TrueWorld, about: dict[str, Any]) -> None:
        self._world, self._about = world, about
        self._T_camera_base = invert(world.T_base_camera)

    def annotations(self, item: BagFrame) -> list[Annotation]:
        """Every object that the frame shows, as the simulator renders it from the recorded pose."""
        T_world_base = self._world.T_world_odom @ item.frame.T_map_camera @ self._T_camera_base
        _, truth = self._world.render_at(T_world_base)
        return truth_annotations(truth)

    def info(self) -> dict[str, Any]:
        """The facts, marked as the truth."""
        return {**self._about, "labels": "oracle: the simulator's truth"}
