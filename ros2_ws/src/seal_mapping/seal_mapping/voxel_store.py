# SPDX-License-Identifier: Apache-2.0
"""Where the map's voxels lie in memory: blocks on demand, found through a directory that grows; and the 2D grids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seal_mapping.map_config import MapConfig
from seal_mapping.map_kernels import BLOCK, BLOCK_VOXELS
from seal_perception.errors import InputError

MAX_DIRECTORY = 1 << 26
"""Most blocks that the directory may span, full or empty."""
_MAX_BLOCK_INDEX = 1 << 26
_START_BLOCKS = 256
_MARGIN = np.array([2, 2, 0])

_Int64 = npt.NDArray[np.int64]


class VoxelStore:
    """Arrays of a voxel map.

    Attributes:
        blocks: number of blocks in use.
        low: (3,) int32 block index of directory[0, 0, 0].
        directory: (BX, BY, BZ) int32 block number, -1 = none.
        block_ijk: (capacity, 3) int32 block index of each block.
        views: (capacity * 512,) uint16 frames that saw a voxel.
        best: (capacity * 512, C) uint8 best score per category.
        total: (capacity * 512, C) uint32 sum over frames of the frame's best score.
        rgb: (capacity * 512, 3) uint8 colour.
        slot: (capacity * 512,) int32 scratch of `map_kernels.scatter`.
        obstacles: (8 BX, 8 BY) bool, aligned with the directory.
        explored: (8 BX, 8 BY) bool.
    """

    def __init__(self, config: MapConfig) -> None:
        self._config = config
        self.blocks = 0
        self.low: npt.NDArray[np.int32] = np.zeros(3, np.int32)
        self.directory: npt.NDArray[np.int32] = np.zeros((0, 0, 0), np.int32)
        self.obstacles: npt.NDArray[np.bool_] = np.zeros((0, 0), np.bool_)
        self.explored: npt.NDArray[np.bool_] = np.zeros((0, 0), np.bool_)
        c = config.num_categories
        self.block_ijk: npt.NDArray[np.int32] = np.zeros((0, 3), np.int32)
        self.views: npt.NDArray[np.uint16] = np.zeros(0, np.uint16)
        self.best: npt.NDArray[np.uint8] = np.zeros((0, c), np.uint8)
        self.total: npt.NDArray[np.uint32] = np.zeros((0, c), np.uint32)
        self.rgb: npt.NDArray[np.uint8] = np.zeros((0, 3), np.uint8)
        self.slot: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self.reserve(_START_BLOCKS)

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` blocks; what is there is kept. Fresh pages cost no memory until touched."""
        if capacity <= len(self.block_ijk):
            return
        used = self.blocks
        fresh = np.zeros((capacity, 3), np.int32)
        fresh[:used] = self.block_ijk[:used]
        self.block_ijk = fresh
        for name in ("views", "best", "total", "rgb", "slot"):
            old = getattr(self, name)
            grown = np.zeros((capacity * BLOCK_VOXELS, *old.shape[1:]), old.dtype)
            grown[: used * BLOCK_VOXELS] = old[: used * BLOCK_VOXELS]
            setattr(self, name, grown)

    def grow(self) -> None:
        """Make room for as many blocks again."""
        self.reserve(2 * len(self.block_ijk))

    def cover(self, low_m: npt.NDArray[np.float64], high_m: npt.NDArray[np.float64]) -> None:
        """Let directory and grids cover the box low_m..high_m (3,) in metres, map frame.

        Raises:
            InputError: if that is absurdly large, as it is with a wrong pose.
        """
        edge = BLOCK * self._config.voxel_m
        low, high = (np.floor((corner - self._config.origin) / edge) for corner in (low_m, high_m))
        if max(np.abs(low).max(), np.abs(high).max()) > _MAX_BLOCK_INDEX:
            raise InputError(f"a point at {np.round(high_m, 1).tolist()} m is too far for the map; is a pose wrong?")
        self.cover_blocks(low.astype(np.int64), high.astype(np.int64))

    def cover_blocks(self, low: _Int64, high: _Int64) -> None:
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

    def relay(self, low: _Int64, shape: _Int64, empty: bool) -> None:
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

    def grid_origin(self) -> npt.NDArray[np.float64]:
        """(2,) lower corner of cell [0, 0] of the grids in metres."""
        edge = BLOCK * self._config.voxel_m
        origin: npt.NDArray[np.float64] = self._config.origin[:2] + self.low[:2].astype(np.float64) * edge
        return origin

    @property
    def nbytes(self) -> int:
        """Bytes in use by blocks, directory and grids (not the reserve)."""
        per_voxel = sum(getattr(self, name)[:1].nbytes for name in ("views", "best", "total", "rgb", "slot"))
        grids = self.obstacles.nbytes + self.explored.nbytes + self.directory.nbytes
        return self.blocks * (BLOCK_VOXELS * per_voxel + 12) + grids

    def rows_of(self, ijk: _Int64) -> _Int64:
        """(N,) rows of the voxels (N, 3), whose blocks must all be there."""
        index = (ijk >> 3) - self.low
        block = self.directory[index[:, 0], index[:, 1], index[:, 2]].astype(np.int64)
        inside = ijk & 7
        rows: _Int64 = block * BLOCK_VOXELS + ((inside[:, 0] << 6) | (inside[:, 1] << 3) | inside[:, 2])
        return rows

    def seen(self) -> tuple[_Int64, _Int64]:
        """Rows (N,) and voxel indices (N, 3) of the voxels seen so far, sorted by block, then by place in it."""
        blocks = self.block_ijk[: self.blocks].astype(np.int64)
        order = np.lexsort((blocks[:, 2], blocks[:, 1], blocks[:, 0]))
        views = self.views[: self.blocks * BLOCK_VOXELS].reshape(self.blocks, BLOCK_VOXELS)
        place, inside = np.nonzero(views[order])
        block = order[place]
        local = np.stack([inside >> 6, (inside >> 3) & 7, inside & 7], axis=1)
        return block * BLOCK_VOXELS + inside, (blocks[block] * BLOCK + local).reshape(-1, 3)
