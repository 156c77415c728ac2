# SPDX-License-Identifier: Apache-2.0
"""How voxels lie in memory: blocks of 8 x 8 x 8 places, rows of arrays, and the tuples of arrays that kernels take.

`directory` (BX, BY, BZ) holds a block's number or -1. Place v of block b, v = (x * 8 + y) * 8 + z inside the block, has
its row in the arrays of `Voxels` at `row_of[b * 512 + v]` - 1; 0 = no point ever fell there. So a place costs 4 bytes,
and only a voxel that was seen costs a row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from seal_perception.types import BoolArray, Int32Array, IntArray, UInt8Array, UInt16Array, UInt32Array

BLOCK = 8
BLOCK_VOXELS = BLOCK**3


class Blocks(NamedTuple):
    """Where the row of a voxel is found.

    Attributes:
        directory: (BX, BY, BZ) int32 block number, -1 = none.
        low: (3,) int32 block index of directory[0, 0, 0].
        block_ijk: (block capacity, 3) int32 block index of each block.
        row_of: (block capacity * 512,) int32 row + 1 of each place, 0 = never seen.
        place: (row capacity,) int32 place of each row, block * 512 + place in the block.
        slot: (row capacity,) int32 scratch of `kernels.scatter`.
    """

    directory: Int32Array
    low: Int32Array
    block_ijk: Int32Array
    row_of: Int32Array
    place: Int32Array
    slot: Int32Array


class Voxels(NamedTuple):
    """What the map keeps of voxels, one row each.

    Attributes:
        views: (N,) uint16 frames that saw the voxel; 0 = cleared.
        last_frame: (N,) uint32 number of the last of them, from 0.
        best_score: (N, C) uint8 best score per category.
        score_sum: (N, C) uint32 sum over frames of the frame's best score, times its weight.
        votes: (N, C) uint16 frames that voted for the category (`MapConfig.vote_score`).
        rgb: (N, 3) uint8 colour.
        weight: (N,) uint32 sum of the frames' weights in sixteenths; empty where all views weigh 1.
        miss_count: (N,) uint8 frames in a row that looked through; empty where nothing is cleared.
    """

    views: UInt16Array
    last_frame: UInt32Array
    best_score: UInt8Array
    score_sum: UInt32Array
    votes: UInt16Array
    rgb: UInt8Array
    weight: UInt32Array = np.zeros(0, np.uint32)
    miss_count: UInt8Array = np.zeros(0, np.uint8)

    @classmethod
    def zeros(cls, rows: int, num_categories: int, weighted: bool = False, clearing: bool = False) -> Voxels:
        """Rows of nothing; fresh pages cost no memory until they are touched."""
        return cls(
            views=np.zeros(rows, np.uint16),
            last_frame=np.zeros(rows, np.uint32),
            best_score=np.zeros((rows, num_categories), np.uint8),
            score_sum=np.zeros((rows, num_categories), np.uint32),
            votes=np.zeros((rows, num_categories), np.uint16),
            rgb=np.zeros((rows, 3), np.uint8),
            weight=np.zeros(rows if weighted else 0, np.uint32),
            miss_count=np.zeros(rows if clearing else 0, np.uint8),
        )

    def take(self, rows: npt.NDArray[Any]) -> Voxels:
        """A copy of these rows (N,)."""
        return Voxels(
            self.views[rows],
            self.last_frame[rows],
            self.best_score[rows],
            self.score_sum[rows],
            self.votes[rows],
            self.rgb[rows],
            self.weight[rows] if len(self.weight) else self.weight,
            self.miss_count[rows] if len(self.miss_count) else self.miss_count,
        )


class Grids(NamedTuple):
    """The 2D grids, (8 BX, 8 BY) bool each, aligned with the directory."""

    obstacles: BoolArray
    explored: BoolArray


class Occupied(NamedTuple):
    """What finds the voxels that enough frames saw.

    Attributes:
        directory: as in `Blocks`.
        low: as in `Blocks`.
        row_of: as in `Blocks`.
        views: as in `Voxels`.
        weight: (row capacity,) what counts against `min_weight`: views, or their weights.
        min_weight: weight that a voxel needs.
    """

    directory: Int32Array
    low: Int32Array
    row_of: Int32Array
    views: UInt16Array
    weight: UInt16Array | UInt32Array
    min_weight: float


@njit(cache=True, inline="always")
def block_index(i: int) -> int:
    """Index of the block, along one axis, that voxel index i lies in."""
    return i >> 3


@njit(cache=True, inline="always")
def index_in_block(i: int) -> int:
    """Voxel index i counted from its block's first, along one axis, 0..7."""
    return i & 7


@njit(cache=True, inline="always")
def place_in_block(i: int, j: int, k: int) -> int:
    """Place 0..511 of voxel (i, j, k) in its block."""
    return ((i & 7) << 6) | ((j & 7) << 3) | (k & 7)


@njit(cache=True, inline="always")
def voxel_in_block(place: int) -> tuple[int, int, int]:
    """Voxel of a place, x, y, z from the block's corner, each 0..7."""
    return place >> 6, (place >> 3) & 7, place & 7


def block_indices(ijk: IntArray) -> IntArray:
    """`block_index` of voxels (N, 3)."""
    return ijk >> 3


def places_in_block(ijk: IntArray) -> IntArray:
    """(N,) `place_in_block` of voxels (N, 3)."""
    local = ijk & 7
    places: IntArray = (local[:, 0] << 6) | (local[:, 1] << 3) | local[:, 2]
    return places


def voxels_in_block(places: IntArray) -> IntArray:
    """(N, 3) `voxel_in_block` of places (N,)."""
    return np.stack([places >> 6, (places >> 3) & 7, places & 7], axis=1)
