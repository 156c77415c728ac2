# SPDX-License-Identifier: Apache-2.0
"""How uncertain the map is about the objects over each cell of the floor: what a policy of views goes by.

A voxel with some evidence of an object counts with the binary entropy of its best category's mean score, in bits. The
mean is pulled towards 1/2 as if a few more views had been undecided, so that a voxel with few views is uncertain
whatever they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from seal_mapping.voxels.blocks import BLOCK, BLOCK_VOXELS, Blocks, Voxels, voxel_in_block
from seal_perception.types import UInt8Array

MOST = 100
"""Greatest value of a cell: ten voxels' worth of uncertainty or more."""


@dataclass(frozen=True)
class UncertaintyConfig:
    """What counts as uncertain.

    Attributes:
        min_mean: least mean score (0..1) of the best category; with less there is no object. In train_02 a run of
            `gainful_views` ended with 4949 right confident voxels with 0.3 (results/gainful_views.json), 4030 with 0.1.
        undecided_views: views with score 1/2 that are added to a voxel's own.
    """

    min_mean: float = 0.3
    undecided_views: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.min_mean < 1 or not 0 <= self.undecided_views < math.inf:
            raise ValueError(
                f"need min_mean in (0, 1) and undecided_views >= 0, got {self.min_mean}, {self.undecided_views}"
            )


def uncertain_cells(
    blocks: Blocks, voxels: Voxels, num_rows: int, weight_one: int, config: UncertaintyConfig | None = None
) -> UInt8Array:
    """Uncertainty over each cell of the floor.

    Args:
        blocks: where the voxels lie.
        voxels: their rows.
        num_rows: rows in use.
        weight_one: weight of one view, as in `VoxelCloud`.
        config: what counts as uncertain.

    Returns:
        (X, Y) uint8, aligned with the map's grids: tenths of a voxel's worth of uncertainty, at most `MOST`.
    """
    config = config or UncertaintyConfig()
    shape = (BLOCK * blocks.directory.shape[0], BLOCK * blocks.directory.shape[1])
    sums = np.zeros(shape, np.int64)
    _add_up(blocks, voxels, num_rows, weight_one, config.min_mean, config.undecided_views, sums)
    return np.minimum((sums + 50) // 100, MOST).astype(np.uint8)


@njit(cache=True, nogil=True)
def _add_up(blocks, voxels, num_rows, weight_one, min_mean, undecided, sums):  # type: ignore[no-untyped-def]  # numba
    """Add each voxel's uncertainty in thousandths, whole numbers so that the order of voxels plays no part, to `sums`.

    Args:
        blocks: `Blocks`.
        voxels: `Voxels`.
        num_rows: rows in use.
        weight_one: weight of one view.
        min_mean: least mean score of the best category.
        undecided: views with score 1/2 that are added.
        sums: (X, Y) int64.
    """
    weighted = len(voxels.weight) > 0
    for row in range(num_rows):
        weight = float(voxels.weight[row]) if weighted else float(voxels.views[row])
        if weight == 0.0:  # a row without a voxel
            continue
        total = np.int64(0)
        for c in range(voxels.score_sum.shape[1]):
            total = max(total, np.int64(voxels.score_sum[row, c]))
        if total < min_mean * 255.0 * weight:
            continue
        views = weight / weight_one
        p = (total / (255.0 * weight_one) + 0.5 * undecided) / (views + undecided)
        if p >= 1.0:  # certain, with no undecided views added
            continue
        entropy = -(p * math.log2(p) + (1.0 - p) * math.log2(1.0 - p))
        place = blocks.place[row]
        corner = blocks.block_ijk[place // BLOCK_VOXELS]
        x, y, _ = voxel_in_block(place % BLOCK_VOXELS)
        i = BLOCK * (corner[0] - blocks.low[0]) + x
        j = BLOCK * (corner[1] - blocks.low[1]) + y
        sums[i, j] += int(math.floor(1000.0 * entropy + 0.5))
