# SPDX-License-Identifier: Apache-2.0
"""Where the map's voxels lie in memory: blocks on demand, found through a directory that grows; and the 2D grids."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.kernels import BLOCK, BLOCK_VOXELS
from seal_mapping.voxels.voxel_set import voxel_keys
from seal_perception.errors import InputError
from seal_perception.types import BoolArray, FloatArray, Int32Array, IntArray, UInt8Array, UInt16Array, UInt32Array

MAX_DIRECTORY = 1 << 26
"""Most blocks that the directory may span, full or empty."""
_MAX_BLOCK_INDEX = 1 << 16
"""So that `voxel_keys` holds every voxel: 26 km each way with voxels of 5 cm."""
_MAX_BLOCKS = (1 << 31) // BLOCK_VOXELS - 1
_START_BLOCKS = 256
_START_ROWS = 1 << 15
_MARGIN = np.array([2, 2, 0])


class VoxelStore:
    """Arrays of a voxel map.

    Attributes:
        blocks: number of blocks in use.
        rows: number of voxels that a point ever fell in.
        low: (3,) int32 block index of directory[0, 0, 0].
        directory: (BX, BY, BZ) int32 block number, -1 = none.
        block_ijk: (block capacity, 3) int32 block index of each block.
        row_of: (block capacity * 512,) int32 row + 1 of each place, 0 = never seen.
        place: (row capacity,) int32 place of each row, block * 512 + place in the block.
        views: (row capacity,) uint16 frames that saw a voxel; 0 = cleared.
        last_frame: (row capacity,) uint32 number of the last of them.
        best_score: (row capacity, C) uint8 best score per category.
        score_sum: (row capacity, C) uint32 sum over frames of the frame's best score, times its weight.
        votes: (row capacity, C) uint16 frames that voted for the category (`MapConfig.vote_score`).
        rgb: (row capacity, 3) uint8 colour.
        weight: (row capacity,) uint32 sum of the frames' weights in sixteenths; empty where all weigh 1.
        miss_count: (row capacity,) uint8 frames in a row that looked through; empty where nothing is cleared.
        slot: (row capacity,) int32 scratch of `map_kernels.scatter`.
        obstacles: (8 BX, 8 BY) bool, aligned with the directory.
        explored: (8 BX, 8 BY) bool.
    """

    def __init__(self, config: MapConfig) -> None:
        self._config = config
        self.blocks = self.rows = 0
        self.low: Int32Array = np.zeros(3, np.int32)
        self.directory: Int32Array = np.zeros((0, 0, 0), np.int32)
        self.obstacles: BoolArray = np.zeros((0, 0), np.bool_)
        self.explored: BoolArray = np.zeros((0, 0), np.bool_)
        c = config.num_categories
        self.block_ijk: Int32Array = np.zeros((0, 3), np.int32)
        self.row_of: Int32Array = np.zeros(0, np.int32)
        self.place: Int32Array = np.zeros(0, np.int32)
        self.views: UInt16Array = np.zeros(0, np.uint16)
        self.last_frame: UInt32Array = np.zeros(0, np.uint32)
        self.best_score: UInt8Array = np.zeros((0, c), np.uint8)
        self.score_sum: UInt32Array = np.zeros((0, c), np.uint32)
        self.votes: UInt16Array = np.zeros((0, c), np.uint16)
        self.rgb: UInt8Array = np.zeros((0, 3), np.uint8)
        self.weight: UInt32Array = np.zeros(0, np.uint32)
        self.miss_count: UInt8Array = np.zeros(0, np.uint8)
        self.slot: Int32Array = np.zeros(0, np.int32)
        self._row_names = ["place", "views", "last_frame", "best_score", "score_sum", "votes", "rgb", "slot"]
        if config.range_weight_m > 0:
            self._row_names.append("weight")
        if config.clear_views > 0:
            self._row_names.append("miss_count")
        self.reserve(_START_BLOCKS, _START_ROWS)

    def reserve(self, blocks: int, rows: int) -> None:
        """Make room for `blocks` and `rows`; what is there is kept. Fresh pages cost no memory until touched.

        Raises:
            InputError: if places could no longer be counted in 31 bits.
        """
        if blocks > _MAX_BLOCKS:
            raise InputError(f"the map would need {blocks} blocks, more than {_MAX_BLOCKS}; use larger voxels")
        if blocks > len(self.block_ijk):
            self.block_ijk = _grown(self.block_ijk, self.blocks, blocks)
            self.row_of = _grown(self.row_of, self.blocks * BLOCK_VOXELS, blocks * BLOCK_VOXELS)
        if rows > len(self.place):
            for name in self._row_names:
                setattr(self, name, _grown(getattr(self, name), self.rows, rows))

    def grow(self) -> None:
        """Make room for half as many again of what is full."""
        blocks, rows = len(self.block_ijk), len(self.place)
        more_blocks = blocks + blocks // 2 if self.blocks == blocks else blocks
        more_rows = rows + rows // 2 if self.rows == rows else rows
        self.reserve(min(more_blocks, _MAX_BLOCKS) if self.blocks < _MAX_BLOCKS else more_blocks, more_rows)

    def cover(self, low_m: FloatArray, high_m: FloatArray) -> None:
        """Let directory and grids cover the box low_m..high_m (3,) in metres, map frame.

        Raises:
            InputError: if that is absurdly large, as it is with a wrong pose.
        """
        edge = BLOCK * self._config.voxel_m
        low, high = (np.floor((corner - self._config.origin) / edge) for corner in (low_m, high_m))
        if not max(np.abs(low).max(), np.abs(high).max()) <= _MAX_BLOCK_INDEX:  # NaN is not
            raise InputError(f"a point at {np.round(high_m, 1).tolist()} m is too far for the map; is a pose wrong?")
        self.cover_blocks(low.astype(np.int64), high.astype(np.int64))

    def cover_blocks(self, low: IntArray, high: IntArray) -> None:
        """Let directory and grids cover the blocks low..high (inclusive), with a margin so that they seldom grow."""
        old_low = self.low.astype(np.int64)
        old_high = old_low + self.directory.shape - 1
        empty = self.directory.size == 0
        if not empty and (low >= old_low).all() and (high <= old_high).all():
            return
        low, high = low - _MARGIN, high + _MARGIN
        if not empty:
            low, high = np.minimum(low, old_low), np.maximum(high, old_high)
        shape = high - low + 1
        if np.prod(shape.astype(np.float64)) > MAX_DIRECTORY:
            size = " x ".join(f"{s * BLOCK * self._config.voxel_m:.0f}" for s in shape)
            raise InputError(f"the map would have to span {size} m; is a pose wrong?")
        self.relay(low, shape, empty)

    def relay(self, low: IntArray, shape: IntArray, empty: bool) -> None:
        """Lay directory and grids out anew from block `low` on, with what they held."""
        directory = np.full((int(shape[0]), int(shape[1]), int(shape[2])), -1, np.int32)
        obstacles = np.zeros((BLOCK * int(shape[0]), BLOCK * int(shape[1])), np.bool_)
        explored = obstacles.copy()
        if not empty:
            x, y, z = (self.low - low).tolist()
            nx, ny, nz = self.directory.shape
            directory[x : x + nx, y : y + ny, z : z + nz] = self.directory
            inside = (slice(BLOCK * x, BLOCK * (x + nx)), slice(BLOCK * y, BLOCK * (y + ny)))
            obstacles[inside] = self.obstacles
            explored[inside] = self.explored
        self.directory, self.obstacles, self.explored = directory, obstacles, explored
        self.low = low.astype(np.int32)

    def grid_origin(self) -> FloatArray:
        """(2,) lower corner of cell [0, 0] of the grids in metres."""
        edge = BLOCK * self._config.voxel_m
        origin: FloatArray = self._config.origin[:2] + self.low[:2].astype(np.float64) * edge
        return origin

    @property
    def nbytes(self) -> int:
        """Bytes in use by rows, blocks, directory and grids (not the reserve)."""
        per_row = sum(getattr(self, name)[:1].nbytes for name in self._row_names)
        grids = self.obstacles.nbytes + self.explored.nbytes + self.directory.nbytes
        return self.rows * per_row + self.blocks * (BLOCK_VOXELS * self.row_of.itemsize + 12) + grids

    def rows_at(self, ijk: IntArray) -> IntArray:
        """(N,) rows of the voxels (N, 3); -1 where none was seen."""
        index = (ijk >> 3) - self.low
        inside = np.all((index >= 0) & (index < np.array(self.directory.shape)), axis=1)
        block: IntArray = np.full(len(ijk), -1, np.int64)
        block[inside] = self.directory[tuple(index[inside].T)]
        local = ijk & 7
        places = block * BLOCK_VOXELS + ((local[:, 0] << 6) | (local[:, 1] << 3) | local[:, 2])
        rows: IntArray = np.where(block >= 0, self.row_of[np.maximum(places, 0)].astype(np.int64) - 1, -1)
        return np.where((rows >= 0) & (self.views[np.maximum(rows, 0)] > 0), rows, -1)

    def within(self, low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
        """As `seen`, of the voxels low..high (3,) (inclusive); looks at the blocks in that box alone."""
        blocks = self.block_ijk[: self.blocks]
        near = np.flatnonzero(((blocks >= low >> 3) & (blocks <= high >> 3)).all(axis=1))
        places = self.row_of[: self.blocks * BLOCK_VOXELS].reshape(-1, BLOCK_VOXELS)[near]
        rows: IntArray = places[places > 0].astype(np.int64) - 1
        rows = rows[self.views[rows] > 0]
        ijk = self.voxels_of(rows)
        inside = np.flatnonzero(((ijk >= low) & (ijk <= high)).all(axis=1))
        order = inside[np.argsort(voxel_keys(ijk[inside]), kind="stable")]
        return rows[order], ijk[order]

    def fill(self, ijk: IntArray) -> None:
        """Give each voxel (N, 3) of an empty store a row, in this order; directory and grids must cover them."""
        blocks, block = np.unique(ijk >> 3, axis=0, return_inverse=True)
        self.reserve(max(len(blocks), _START_BLOCKS), max(len(ijk), _START_ROWS))
        self.blocks, self.rows = len(blocks), len(ijk)
        self.block_ijk[: len(blocks)] = blocks
        self.directory[tuple((blocks - self.low).T)] = np.arange(len(blocks))
        local = ijk & 7
        inside = (local[:, 0] << 6) | (local[:, 1] << 3) | local[:, 2]
        self.place[: len(ijk)] = block.reshape(-1) * BLOCK_VOXELS + inside
        self.row_of[self.place[: len(ijk)]] = np.arange(1, len(ijk) + 1)

    def remove(self, rows: Int32Array, layers: tuple[int, int], min_views: int) -> None:
        """Forget these voxels; a cell whose last obstacle goes is free again. What was explored stays so."""
        for name in ("views", "last_frame", "best_score", "score_sum", "votes", "rgb", *self._row_names[8:]):
            getattr(self, name)[rows] = 0
        cells = np.unique(self.voxels_of(rows.astype(np.int64))[:, :2], axis=0)
        high = np.arange(layers[0], layers[1] + 1)
        column = np.concatenate([np.repeat(cells, len(high), axis=0), np.tile(high, len(cells))[:, None]], axis=1)
        left = self.rows_at(column)
        blocked = ((left >= 0) & (self.views[np.maximum(left, 0)] >= min_views)).reshape(len(cells), len(high))
        xy = cells - self.low[:2].astype(np.int64) * BLOCK
        self.obstacles[xy[:, 0], xy[:, 1]] = blocked.any(axis=1)

    def voxels_of(self, rows: IntArray) -> IntArray:
        """(N, 3) voxel indices of rows (N,)."""
        place = self.place[rows].astype(np.int64)
        inside = place % BLOCK_VOXELS
        local = np.stack([inside >> 6, (inside >> 3) & 7, inside & 7], axis=1)
        voxels: IntArray = self.block_ijk[place // BLOCK_VOXELS].astype(np.int64) * BLOCK + local
        return voxels

    def seen(self) -> tuple[IntArray, IntArray]:
        """Rows (N,) and voxel indices (N, 3) of the voxels seen so far, in the order x, y, z."""
        rows = np.flatnonzero(self.views[: self.rows]).astype(np.int64)
        ijk = self.voxels_of(rows)
        order = np.argsort(voxel_keys(ijk), kind="stable")
        return rows[order], ijk[order]


def _grown(old: npt.NDArray[Any], used: int, length: int) -> npt.NDArray[Any]:
    fresh = np.zeros((length, *old.shape[1:]), old.dtype)
    fresh[:used] = old[:used]
    return fresh
