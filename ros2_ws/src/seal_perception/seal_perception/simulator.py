# SPDX-License-Identifier: Apache-2.0
"""What every simulator offers: the robot's senses, and apart from them the truth for evaluation."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from seal_perception.camera import Camera


class Action(enum.Enum):
    """Discrete steps of the robot (design.md: 0.25 m forward, turns of 30 degrees)."""

    STOP = 0
    FORWARD = 1
    LEFT = 2
    RIGHT = 3


@dataclass(frozen=True)
class Observation:
    """What the robot senses after a step; the odometry frame is the start pose, z = 0 on the floor.

    Attributes:
        step: number of actions taken since reset.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 metres, 0 = none.
        T_odom_base: (4, 4) float64.
        collided: whether the last action was blocked.
    """

    step: int
    rgb: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    T_odom_base: npt.NDArray[np.float64]
    collided: bool


@runtime_checkable
class Simulator(Protocol):
    """A world with one robot in it; nothing here tells a label."""

    name: str
    camera: Camera
    T_base_camera: npt.NDArray[np.float64]

    def reset(self, seed: int = 0) -> Observation:
        """Put the robot at the start pose that belongs to `seed` and return the first observation."""
        ...

    def step(self, action: Action) -> Observation:
        """Take one action and return what is then seen."""
        ...

    def close(self) -> None:
        """Free what the simulator holds."""
        ...


@dataclass(frozen=True)
class TruthImages:
    """Labels of one picture, for evaluation only.

    Attributes:
        instance: (H, W) int32, 0 = nothing hit, else an instance id > 0 (walls and floors have ids too).
        category: (H, W) int8 category index, -1 = none of the six.
    """

    instance: npt.NDArray[np.int32]
    category: npt.NDArray[np.int8]


@dataclass(frozen=True)
class ReachableFloor:
    """Floor that the robot's centre can reach from its start, in the world frame.

    Attributes:
        cells: (X, Y) bool, indexed [ix, iy].
        origin_xy: (2,) lower corner of cell [0, 0] in metres.
        cell_m: edge of a cell in metres.
    """

    cells: npt.NDArray[np.bool_]
    origin_xy: npt.NDArray[np.float64]
    cell_m: float


@runtime_checkable
class TruthSource(Protocol):
    """The simulator's labels and geometry. Evaluation only: no node, map, policy, label or training step calls it."""

    T_world_odom: npt.NDArray[np.float64]

    def truth_images(self) -> TruthImages:
        """Labels of the picture last seen."""
        ...

    def render_at(self, T_world_base: npt.NDArray[np.float64]) -> tuple[Observation, TruthImages]:
        """Picture and labels from any pose; the robot is not moved."""
        ...

    def reachable_floor(self) -> ReachableFloor:
        """Floor that the robot can reach from its start pose."""
        ...
