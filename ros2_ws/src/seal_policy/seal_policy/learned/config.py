# SPDX-License-Identifier: Apache-2.0
"""Shape of a goal network."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.local_map import LocalMapConfig
from seal_perception.categories import CATEGORIES

LEARNED = ("gainful_curiosity", "ans", "semantic_curiosity")
"""The learned policies by name."""
INPUTS = ("volume", "floor", "scores", "uncertainty", "memory")
"""What a network may look at: the map in three dimensions; obstacles and explored floor; each category's best score
from above; the first channel of `observe.memory_of`; its others."""
SEES = {
    "gainful_curiosity": INPUTS,
    "ans": ("floor", "memory"),
    "semantic_curiosity": ("floor", "scores", "memory"),
}
"""What the network of a policy may look at at most: over ROS, mapping publishes no more for it."""
HEADS = ("cells", "point")


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of a `GoalNetwork`.

    Attributes:
        inputs: of `INPUTS`; "floor" is always one.
        categories: names of the map's categories, in order.
        size_m, height_m, pool: the window, as of `LocalMapConfig`.
        heading_bins: number of sectors that headings are sorted into, each with an embedding.
        heading_size: length of that embedding.
        volume_channels: of the two 3D convolutions.
        flat_channels: of the three 2D convolutions.
        hidden: of the first two fully connected layers; the third gives goal and value.
        head: "point": mean and spread of a Gaussian over the window (as SemExp); "cells": a probability for each of
            `grid` x `grid` cells.
        grid: cells of the window along an edge that the convolutions work on, and that "cells" chooses from.
    """

    inputs: tuple[str, ...] = INPUTS
    categories: tuple[str, ...] = CATEGORIES
    size_m: tuple[float, float] = (12.0, 12.0)
    height_m: tuple[float, float] = (0.0, 2.0)
    pool: int = 4
    heading_bins: int = 72
    heading_size: int = 8
    volume_channels: tuple[int, int] = (8, 16)
    flat_channels: tuple[int, int, int] = (32, 48, 64)
    hidden: tuple[int, int] = (256, 128)
    head: str = "cells"
    grid: int = 30

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # a file gives lists
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        if "floor" not in self.inputs or not set(self.inputs) <= set(INPUTS):
            raise ValueError(f"inputs must be of {', '.join(INPUTS)}, with floor, got {self.inputs}")
        if self.head not in HEADS:
            raise ValueError(f"head must be {' or '.join(HEADS)}, got {self.head!r}")
        if (len(self.volume_channels), len(self.flat_channels), len(self.hidden)) != (2, 3, 2):
            raise ValueError("a goal network has two 3D convolutions, three 2D convolutions and two hidden layers")
        sizes = (*self.volume_channels, *self.flat_channels, *self.hidden, self.heading_bins, self.heading_size)
        if not all(isinstance(n, int) and 1 <= n <= 4096 for n in sizes) or not 8 <= self.grid <= 256:
            raise ValueError(f"widths must be 1..4096 and grid 8..256, got {sizes} and {self.grid}")
        nx, ny, _ = self.cells
        if nx != ny or nx // self.grid not in (1, 2, 4) or nx % self.grid:
            raise ValueError(f"the window must be 1, 2 or 4 times {self.grid} cells square, got {nx} x {ny}")

    @property
    def window(self) -> LocalMapConfig:
        """The window of the map that is observed."""
        return LocalMapConfig(self.size_m, self.height_m, self.pool)

    @property
    def cells(self) -> tuple[int, int, int]:
        """Cells of the window along x, y and z."""
        return self.window.lattice(MapConfig().voxel_m)[0]

    @property
    def factor(self) -> int:
        """Cells of the window along an edge of a cell of `grid`."""
        return self.cells[0] // self.grid

    @property
    def sees_volume(self) -> bool:
        """Whether mapping's volume is needed."""
        return "volume" in self.inputs or "scores" in self.inputs

    @property
    def sees_memory(self) -> bool:
        """Whether the observation "memory" is needed."""
        return "uncertainty" in self.inputs or "memory" in self.inputs

    @property
    def channels(self) -> int:
        """Number of 2D channels that are observed."""
        per = {"floor": 2, "scores": len(self.categories), "uncertainty": 1, "memory": 2}
        return sum(per.get(name, 0) for name in self.inputs)

    def strides(self) -> tuple[int, int]:
        """Strides of the two 3D convolutions."""
        return {1: (1, 1), 2: (2, 1), 4: (2, 2)}[self.factor]

    def heights(self) -> int:
        """Cells along z after both 3D convolutions."""
        z = self.cells[2]
        for stride in self.strides():
            z = math.ceil(z / stride)
        return z

    def shape(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return dataclasses.asdict(self)
