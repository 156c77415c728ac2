# SPDX-License-Identifier: Apache-2.0
"""Which categories were ever found over each cell of the floor: what Semantic Curiosity counts."""

from __future__ import annotations

import numpy as np
from numba import njit

from seal_mapping.voxels.blocks import BLOCK, BLOCK_VOXELS, Blocks, Voxels, voxel_in_block


def category_cells(blocks: Blocks, voxels: Voxels, num_rows: int, least: int) -> int:
    """Pairs of a floor cell and a category that some voxel over the cell has with a best score of at least `least`.

    A cell whose voxels were taken for two things by two pictures counts twice.

    Args:
        blocks: where the voxels lie.
        voxels: their rows.
        num_rows: rows in use.
        least: score of 255.
    """
    shape = (BLOCK * blocks.directory.shape[0], BLOCK * blocks.directory.shape[1], voxels.best_score.shape[1])
    found = np.zeros(shape, np.bool_)
    _mark(blocks, voxels, num_rows, least, found)
    return int(np.count_nonzero(found))


@njit(cache=True, nogil=True)
def _mark(blocks, voxels, num_rows, least, found):  # type: ignore[no-untyped-def]  # numba
    """Set (X, Y, C) `found` where a voxel of the column has the category."""
    for row in range(num_rows):
        if voxels.views[row] == 0:  # a row without a voxel
            continue
        place = blocks.place[row]
        corner = blocks.block_ijk[place // BLOCK_VOXELS]
        x, y, _ = voxel_in_block(place % BLOCK_VOXELS)
        i = BLOCK * (corner[0] - blocks.low[0]) + x
        j = BLOCK * (corner[1] - blocks.low[1]) + y
        for c in range(voxels.best_score.shape[1]):
            if voxels.best_score[row, c] >= least:
                found[i, j, c] = True
