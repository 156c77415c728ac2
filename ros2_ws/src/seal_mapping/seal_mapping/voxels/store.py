# SPDX-License-Identifier: Apache-2.0
"""Where the map's voxels lie in memory: blocks on demand, found through a directory that grows; and the 2D grids."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seal_mapping.voxels.blocks import (
    BLOCK,
    BLOCK_VOXELS,
    Blocks,
    Grids,
    Voxels,
    block_indices,
    places_in_block,
    voxels_in_block,
)
from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.voxel_set import voxel_keys
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray, Int32Array, IntArray

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
        num_blocks: number of blocks in use.
        num_rows: number of voxels that a point ever fell in.
        blocks: where rows are found.
        voxels: the rows.
        grids: the 2D grids.
    """

    def __init__(self, config: MapConfig) -> None:
        self._config = config
        self.num_blocks = self.num_rows = 0
        none: Int32Array = np.zeros(0, np.int32)
        directory: Int32Array = np.zeros((0, 0, 0), np.int32)
        self.blocks = Blocks(directory, np.zeros(3, np.int32), np.zeros((0, 3), np.int32), none, none, none)
        self.voxels = self._fresh_rows(0)
        self.grids = Grids(np.zeros((0, 0), np.bool_), np.zeros((0, 0), np.bool_))
        self.reserve(_START_BLOCKS, _START_ROWS)

    def _fresh_rows(self, rows: int) -> Voxels:
        config = self._config
        return Voxels.zeros(rows, config.num_categories, config.range_weight_m > 0, config.clear_views > 0)

    @classmethod
    def restore(cls, config: MapConfig, cloud: VoxelCloud, explored: Grid2D) -> VoxelStore:
        """A store that holds these voxels and explored cells, as if the frames that made them had been fused.

        Raises:
            InputError: if a voxel lies outside the grid or the heights of the map, occurs twice or was never seen.
        """
        out = cls(config)
        if explored.cells.size == 0 and len(cloud) == 0:
            return out
        ijk, (low, shape) = cloud.ijk.astype(np.int64), _extent(config, explored)
        blocks = np.unique(block_indices(ijk), axis=0)
        if len(blocks) and ((blocks < low).any() or (blocks >= low + shape).any()):
            raise InputError("a voxel lies outside the map's grids or heights")
        if len(np.unique(voxel_keys(ijk))) < len(ijk) or (cloud.views == 0).any():
            raise InputError("a voxel occurs twice, or was never seen")
        out.relay(low, shape, empty=True)
        out.fill(ijk)
        for name, array in out.voxels._asdict().items():
            if len(array) and name != "miss_count":
                array[: len(cloud)] = getattr(cloud, name)
        first, last = config.obstacle_layers
        high = (ijk[:, 2] >= first) & (ijk[:, 2] <= last) & (cloud.views >= config.obstacle_min_views)
        out.grids.obstacles[tuple((ijk[high, :2] - low[:2] * BLOCK).T)] = True
        out.grids.explored[:] = explored.cells
        return out

    def reserve(self, blocks: int, rows: int) -> None:
        """Make room for `blocks` and `rows`; what is there is kept. Fresh pages cost no memory until touched.

        Raises:
            InputError: if places could no longer be counted in 31 bits.
        """
        if blocks > _MAX_BLOCKS:
            raise InputError(f"the map would need {blocks} blocks, more than {_MAX_BLOCKS}; use larger voxels")
        old = self.blocks
        if blocks > len(old.block_ijk):
            block_ijk = _grown(old.block_ijk, self.num_blocks, blocks)
            row_of = _grown(old.row_of, self.num_blocks * BLOCK_VOXELS, blocks * BLOCK_VOXELS)
            self.blocks = old._replace(block_ijk=block_ijk, row_of=row_of)
        if rows > len(old.place):
            place, slot = (_grown(array, self.num_rows, rows) for array in (old.place, old.slot))
            self.blocks = self.blocks._replace(place=place, slot=slot)
            fresh = self._fresh_rows(rows)
            for name, array in self.voxels._asdict().items():
                getattr(fresh, name)[: self.num_rows] = array[: self.num_rows]
            self.voxels = fresh

    def grow(self) -> None:
        """Make room for half as many again of what is full."""
        blocks, rows = len(self.blocks.block_ijk), len(self.blocks.place)
        more_blocks = blocks + blocks // 2 if self.num_blocks == blocks else blocks
        more_rows = rows + rows // 2 if self.num_rows == rows else rows
        self.reserve(min(more_blocks, _MAX_BLOCKS) if self.num_blocks < _MAX_BLOCKS else more_blocks, more_rows)

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
        directory = self.blocks.directory
        old_low = self.blocks.low.astype(np.int64)
        old_high = old_low + directory.shape - 1
        empty = directory.size == 0
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
        grids = Grids(*(np.zeros((BLOCK * int(shape[0]), BLOCK * int(shape[1])), np.bool_) for _ in range(2)))
        if not empty:
            x, y, z = (self.blocks.low - low).tolist()
            nx, ny, nz = self.blocks.directory.shape
            directory[x : x + nx, y : y + ny, z : z + nz] = self.blocks.directory
            inside = (slice(BLOCK * x, BLOCK * (x + nx)), slice(BLOCK * y, BLOCK * (y + ny)))
            for new, old in zip(grids, self.grids, strict=True):
                new[inside] = old
        self.blocks = self.blocks._replace(directory=directory, low=low.astype(np.int32))
        self.grids = grids

    def count_confident(self) -> int:
        """Number of voxels whose best category score is confident."""
        best = self.voxels.best_score[: self.num_rows].max(axis=1)
        return int((best >= self._config.confident).sum())

    def grid_origin(self) -> FloatArray:
        """(2,) lower corner of cell [0, 0] of the grids in metres."""
        edge = BLOCK * self._config.voxel_m
        origin: FloatArray = self._config.origin[:2] + self.blocks.low[:2].astype(np.float64) * edge
        return origin

    @property
    def nbytes(self) -> int:
        """Bytes in use by rows, blocks, directory and grids (not the reserve)."""
        blocks = self.blocks
        per_row = sum(array[:1].nbytes for array in (*self.voxels, blocks.place, blocks.slot))
        grids = sum(grid.nbytes for grid in self.grids) + blocks.directory.nbytes
        return self.num_rows * per_row + self.num_blocks * (BLOCK_VOXELS * blocks.row_of.itemsize + 12) + grids

    def rows_at(self, ijk: IntArray) -> IntArray:
        """(N,) rows of the voxels (N, 3); -1 where none was seen."""
        directory, row_of, views = self.blocks.directory, self.blocks.row_of, self.voxels.views
        index = block_indices(ijk) - self.blocks.low
        inside = np.all((index >= 0) & (index < np.array(directory.shape)), axis=1)
        block: IntArray = np.full(len(ijk), -1, np.int64)
        block[inside] = directory[tuple(index[inside].T)]
        places = block * BLOCK_VOXELS + places_in_block(ijk)
        rows: IntArray = np.where(block >= 0, row_of[np.maximum(places, 0)].astype(np.int64) - 1, -1)
        return np.where((rows >= 0) & (views[np.maximum(rows, 0)] > 0), rows, -1)

    def within(self, low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
        """As `seen`, of the voxels low..high (3,) (inclusive); looks at the blocks in that box alone."""
        blocks = self.blocks.block_ijk[: self.num_blocks]
        near = np.flatnonzero(((blocks >= block_indices(low)) & (blocks <= block_indices(high))).all(axis=1))
        places = self.blocks.row_of[: self.num_blocks * BLOCK_VOXELS].reshape(-1, BLOCK_VOXELS)[near]
        rows: IntArray = places[places > 0].astype(np.int64) - 1
        rows = rows[self.voxels.views[rows] > 0]
        ijk = self.voxels_of(rows)
        inside = np.flatnonzero(((ijk >= low) & (ijk <= high)).all(axis=1))
        order = inside[np.argsort(voxel_keys(ijk[inside]), kind="stable")]
        return rows[order], ijk[order]

    def fill(self, ijk: IntArray) -> None:
        """Give each voxel (N, 3) of an empty store a row, in this order; directory and grids must cover them."""
        blocks, block = np.unique(block_indices(ijk), axis=0, return_inverse=True)
        self.reserve(max(len(blocks), _START_BLOCKS), max(len(ijk), _START_ROWS))
        self.num_blocks, self.num_rows = len(blocks), len(ijk)
        self.blocks.block_ijk[: len(blocks)] = blocks
        self.blocks.directory[tuple((blocks - self.blocks.low).T)] = np.arange(len(blocks))
        place = block.reshape(-1) * BLOCK_VOXELS + places_in_block(ijk)
        self.blocks.place[: len(ijk)] = place
        self.blocks.row_of[place] = np.arange(1, len(ijk) + 1)

    def remove(self, rows: Int32Array, layers: tuple[int, int], min_views: int) -> None:
        """Forget these voxels; a cell whose last obstacle goes is free again. What was explored stays so."""
        for array in self.voxels:
            if len(array):
                array[rows] = 0
        cells = np.unique(self.voxels_of(rows.astype(np.int64))[:, :2], axis=0)
        high = np.arange(layers[0], layers[1] + 1)
        column = np.concatenate([np.repeat(cells, len(high), axis=0), np.tile(high, len(cells))[:, None]], axis=1)
        left = self.rows_at(column)
        blocked = ((left >= 0) & (self.voxels.views[np.maximum(left, 0)] >= min_views)).reshape(len(cells), len(high))
        xy = cells - self.blocks.low[:2].astype(np.int64) * BLOCK
        self.grids.obstacles[xy[:, 0], xy[:, 1]] = blocked.any(axis=1)

    def voxels_of(self, rows: IntArray) -> IntArray:
        """(N, 3) voxel indices of rows (N,)."""
        place = self.blocks.place[rows].astype(np.int64)
        corner = self.blocks.block_ijk[place // BLOCK_VOXELS].astype(np.int64) * BLOCK
        voxels: IntArray = corner + voxels_in_block(place % BLOCK_VOXELS)
        return voxels

    def seen(self) -> tuple[IntArray, IntArray]:
        """Rows (N,) and voxel indices (N, 3) of the voxels seen so far, in the order x, y, z."""
        rows = np.flatnonzero(self.voxels.views[: self.num_rows]).astype(np.int64)
        ijk = self.voxels_of(rows)
        order = np.argsort(voxel_keys(ijk), kind="stable")
        return rows[order], ijk[order]


def _extent(config: MapConfig, explored: Grid2D) -> tuple[IntArray, IntArray]:
    """Lowest block (3,) and number of blocks (3,) of a map with these explored cells and its heights."""
    edge = BLOCK * config.voxel_m
    low_xy = np.floor((explored.origin_xy - config.origin[:2]) / edge + 0.5).astype(np.int64)
    heights = np.array([config.min_height_m, config.max_height_m])
    layers = np.floor((heights - config.origin[2]) / edge).astype(np.int64)
    shape = np.array([explored.shape[0] // BLOCK, explored.shape[1] // BLOCK, layers[1] - layers[0] + 1])
    return np.array([*low_xy, layers[0]]), shape


def _grown(old: npt.NDArray[Any], used: int, length: int) -> npt.NDArray[Any]:
    fresh = np.zeros((length, *old.shape[1:]), old.dtype)
    fresh[:used] = old[:used]
    return fresh
