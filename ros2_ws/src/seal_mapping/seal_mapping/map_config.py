# SPDX-License-Identifier: Apache-2.0
"""The numbers of the voxel map and the cloud of voxels that it hands out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seal_perception.categories import NUM_CATEGORIES


@dataclass(frozen=True)
class MapConfig:
    """Parameters of `VoxelMap`.

    Attributes:
        voxel_m: edge of a voxel, and of a cell of the 2D grids, in metres.
        num_categories: C, channels of a score image.
        min_depth_m: nearer readings are not put into the map.
        max_depth_m: readings farther than this are not put into the map.
        min_height_m: lowest kept height above the floor (a little below it, for noise).
        max_height_m: greatest kept height; leaves out the ceiling.
        obstacle_min_m: an obstacle is an occupied voxel whose centre is at least this high ...
        obstacle_max_m: ... and at most this high.
        obstacle_min_views: frames that must have seen such a voxel; more than 1 is for noisy sensors.
        confident: score of 255 from which a voxel counts as confident ("> 0.9" is >= 230).
        footprint_m: radius of the disc around the camera that counts as explored.
        edge_filter: flying pixels: a pixel is left out where a 4-neighbour's depth differs by more
            than this share of its own; 0 = off.
    """

    voxel_m: float = 0.05
    num_categories: int = NUM_CATEGORIES
    min_depth_m: float = 0.5
    max_depth_m: float = 5.0
    min_height_m: float = -0.1
    max_height_m: float = 2.0
    obstacle_min_m: float = 0.1
    obstacle_max_m: float = 1.1
    obstacle_min_views: int = 1
    confident: int = 230
    footprint_m: float = 0.2
    edge_filter: float = 0.0

    def __post_init__(self) -> None:
        if not self.voxel_m > 0:
            raise ValueError(f"voxel_m must be positive, got {self.voxel_m}")
        if self.num_categories < 1:
            raise ValueError(f"num_categories must be at least 1, got {self.num_categories}")
        if not 0 <= self.min_depth_m < self.max_depth_m:
            raise ValueError(f"need 0 <= min_depth_m < max_depth_m, got {self.min_depth_m} and {self.max_depth_m}")
        if not self.min_height_m < self.max_height_m:
            raise ValueError(f"need min_height_m < max_height_m, got {self.min_height_m} and {self.max_height_m}")
        if not self.obstacle_min_m <= self.obstacle_max_m:
            raise ValueError(f"need obstacle_min_m <= obstacle_max_m, got {self.obstacle_min_m}, {self.obstacle_max_m}")
        if self.obstacle_min_views < 1:
            raise ValueError(f"obstacle_min_views must be at least 1, got {self.obstacle_min_views}")
        if not 1 <= self.confident <= 255:
            raise ValueError(f"confident must be in 1..255, got {self.confident}")
        if self.footprint_m < 0 or self.edge_filter < 0:
            raise ValueError(f"footprint_m and edge_filter must be >= 0, got {self.footprint_m}, {self.edge_filter}")

    @property
    def origin(self) -> npt.NDArray[np.float64]:
        """(3,) lower corner of voxel (0, 0, 0): half a voxel below the map's zero on every axis.

        So neither a flat floor nor a wall at a multiple of the voxel's edge lies on a boundary.
        """
        return np.full(3, -0.5 * self.voxel_m)

    @property
    def obstacle_layers(self) -> tuple[int, int]:
        """First and last voxel index k in z whose centre is at an obstacle's height."""
        slack = 1e-9
        first = int(np.ceil(self.obstacle_min_m / self.voxel_m - slack))
        return first, int(np.floor(self.obstacle_max_m / self.voxel_m + slack))


@dataclass(frozen=True)
class VoxelCloud:
    """All voxels that were seen at least once, in an order that does not depend on the order of frames.

    Attributes:
        ijk: (N, 3) int32 voxel index; the centre of voxel (i, j, k) is (i, j, k) * voxel_m.
        xyz: (N, 3) float32 centres in metres, map frame.
        rgb: (N, 3) uint8 colour.
        label: (N,) int8 category with the best score, -1 where no score is above 0; ties: lower index.
        score: (N,) uint8 that category's best score.
        views: (N,) uint16 frames that saw the voxel.
        evidence: (N, C) uint32, sum over those frames of the frame's best score (of 255).
        best: (N, C) uint8 best score per category.
    """

    ijk: npt.NDArray[np.int32]
    xyz: npt.NDArray[np.float32]
    rgb: npt.NDArray[np.uint8]
    label: npt.NDArray[np.int8]
    score: npt.NDArray[np.uint8]
    views: npt.NDArray[np.uint16]
    evidence: npt.NDArray[np.uint32]
    best: npt.NDArray[np.uint8]

    @classmethod
    def of(
        cls,
        ijk: npt.NDArray[np.int32],
        voxel_m: float,
        rgb: npt.NDArray[np.uint8],
        views: npt.NDArray[np.uint16],
        evidence: npt.NDArray[np.uint32],
        best: npt.NDArray[np.uint8],
    ) -> VoxelCloud:
        """Cloud of these voxels; what follows from the arguments is worked out."""
        score = best.max(axis=1)
        label = np.where(score > 0, best.argmax(axis=1), -1).astype(np.int8)
        return cls(ijk, (ijk * voxel_m).astype(np.float32), rgb, label, score, views, evidence, best)

    def __len__(self) -> int:
        return len(self.views)
