# SPDX-License-Identifier: Apache-2.0
"""Where to go next: the interface of goal policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray, UInt8Array
from seal_policy.planning.motion import Point


@dataclass(frozen=True)
class PolicyInput:
    """What a goal policy sees of the world.

    Attributes:
        obstacles: bool cells, map frame.
        explored: bool cells, aligned with `obstacles`.
        T_map_base: (4, 4) pose of the robot.
        step: number of actions taken.
        poses: (N, 3) x, y (metres) and yaw (rad) of all frames so far, the last one the robot's.
        failed: (M, 2) goals that could not be reached lately.
        quiet_steps: steps since floor was last new, as `NewFloor` counts it.
        uncertainty: how uncertain the map is about the objects over each cell, in tenths of a voxel (uint8, 100 at
            most; `VoxelMap.uncertainty`), on the cells of `obstacles`; None where whoever asks has no such map.
        volume: gives the map's window around the robot, (1 + C, X, Y, Z) uint8 (`voxels.local_map.window_volume`);
            None where whoever asks has no such map. A function, as it costs more than a goal of most policies.
    """

    obstacles: Grid2D
    explored: Grid2D
    T_map_base: FloatArray
    step: int
    poses: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    failed: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))
    quiet_steps: int = 0
    uncertainty: Grid2D | None = None
    volume: Callable[[], UInt8Array] | None = None


@dataclass(frozen=True)
class MapLayers:
    """What some policies see of the map beyond its two grids; asked for only where a goal is due.

    Attributes:
        uncertainty: gives `PolicyInput.uncertainty`; None = there is none.
        volume: gives the volume of `PolicyInput.volume` around a point of the map (metres); None = there is none.
    """

    uncertainty: Callable[[], Grid2D] | None = None
    volume: Callable[[Point], UInt8Array] | None = None


NO_LAYERS = MapLayers()


class GlobalPolicy(Protocol):
    """Chooses a goal in the map frame from what has been mapped."""

    def goal(self, inp: PolicyInput) -> Point:
        """The next goal, x and y in metres, map frame."""
        ...
