# SPDX-License-Identifier: Apache-2.0
"""The policy's dense local map: the map around the robot, turned to it and pooled; a view made on demand, nothing kept.

Source: SEAL's global policy takes the semantic map centred on the robot. Departs from it: turned so that the robot's
x is the array's +x, where the paper embeds the heading beside a map that is not turned. `T_map_robot` with the robot's
position alone gives the paper's view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from seal_mapping.voxels.blocks import BLOCK, BLOCK_VOXELS, Occupied, block_index, index_in_block, place_in_block
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.pose import check_pose, planar_pose
from seal_perception.types import FloatArray, IntArray, UInt8Array

OCCUPIED = 255
MAX_SAMPLES = 1 << 30


@dataclass(frozen=True)
class LocalMapConfig:
    """Size of the local map.

    Attributes:
        size_m: extent along the robot's x and y, the robot in the middle, in metres.
        height_m: lowest and highest z in metres above the robot's base.
        pool: a cell is this many voxels a side.
        min_views: views that a voxel needs to be in the local map (`VoxelCloud.occupied`).
    """

    size_m: tuple[float, float] = (12.0, 12.0)
    height_m: tuple[float, float] = (0.0, 2.0)
    pool: int = 2
    min_views: float = 1

    def __post_init__(self) -> None:
        if len(self.size_m) != 2 or not all(0 < v < np.inf for v in self.size_m):
            raise ValueError(f"size_m must be two positive metres, got {self.size_m}")
        if len(self.height_m) != 2 or not -np.inf < self.height_m[0] < self.height_m[1] < np.inf:
            raise ValueError(f"height_m must be low < high in metres, got {self.height_m}")
        if self.pool < 1:
            raise ValueError(f"pool must be at least 1, got {self.pool}")

    def lattice(self, voxel_m: float) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Number of cells along x, y, z, and the first sample in voxels from the robot.

        Samples lie on whole voxels from the robot: a robot that stands in the middle of a voxel, as one at the map's
        zero does, samples the middles of voxels. Cells are counted so that they cover the sizes asked for; with an
        even number of samples the robot is the first of the upper half.
        """
        slack = 1e-6
        samples = [max(1, math.ceil(size / voxel_m - slack)) for size in self.size_m]
        low = math.ceil(self.height_m[0] / voxel_m - slack)
        high = math.ceil(self.height_m[1] / voxel_m - slack)
        nx, ny, nz = (-(-n // self.pool) for n in (*samples, max(1, high - low)))
        return (nx, ny, nz), (-(nx * self.pool // 2), -(ny * self.pool // 2), low)


def local_map(voxel_map: VoxelMap, T_map_robot: npt.ArrayLike, config: LocalMapConfig | None = None) -> UInt8Array:
    """The map around the robot.

    Each cell is looked up at pool^3 samples one voxel apart in the robot's axes, and takes the maximum over the voxels
    found: whatever the heading, no cell inside a surface is missed for lack of a sample in it.

    Args:
        voxel_map: the map.
        T_map_robot: (4, 4) pose of the robot's base (x ahead, y left, z up) in the map.
        config: size, height, pooling.

    Returns:
        (1 + C, X, Y, Z) uint8: channel 0 is 255 where a voxel is, then each category's best score of 255. +x is ahead
        of the robot, +y to its left.

    Raises:
        InputError: if the pose is not rigid, or the local map is too large to be an array.
    """
    config = config or LocalMapConfig()
    try:
        T = check_pose(T_map_robot, "T_map_robot")
    except (TypeError, ValueError) as error:
        raise InputError(str(error).replace("\n", " ")) from error
    shape, first = config.lattice(voxel_map.config.voxel_m)
    samples = math.prod(n * config.pool for n in shape)
    if samples > MAX_SAMPLES:
        raise InputError(f"a local map of {samples} voxels is too large; lower size_m {config.size_m} or height_m")
    numbers, occupied = voxel_map.config, voxel_map.occupied(config.min_views)
    out = np.zeros((1 + numbers.num_categories, *shape), np.uint8)
    origin = (T[:3, 3] - numbers.origin) / numbers.voxel_m
    if occupied.directory.size == 0 or np.abs(origin).max() > 1e9:
        return out
    lattice = _Lattice(origin, np.ascontiguousarray(T[:3, :3]), np.array(first, np.int64), config.pool)
    _sample(lattice, occupied, voxel_map.store.voxels.best_score, out)
    return out


def window_volume(voxel_map: VoxelMap, xy: npt.ArrayLike, config: LocalMapConfig | None = None) -> UInt8Array:
    """`local_map` on the map's own cells and axes: the cell that holds a point (metres) is in the middle."""
    grid = voxel_map.obstacles()
    x, y = (float(v) for v in grid.cell_to_world(grid.world_to_cell(xy)))
    return local_map(voxel_map, planar_pose(x, y, 0.0), config)


class _Lattice(NamedTuple):
    """The samples of a local map.

    Attributes:
        origin: (3,) the robot in voxels.
        R: (3, 3) its axes in the map.
        first: (3,) int64 first sample in voxels from the robot.
        pool: samples per cell and axis.
    """

    origin: FloatArray
    R: FloatArray
    first: IntArray
    pool: int


@njit(cache=True, nogil=True)
def _sample(lattice: _Lattice, occupied: Occupied, best_score: UInt8Array, out: UInt8Array) -> None:
    """Fill `out` (1 + C, X, Y, Z) with the best scores (rows, C) of the occupied voxels at the samples."""
    origin, R, first, pool = lattice.origin, lattice.R, lattice.first, lattice.pool
    directory, low, row_of = occupied.directory, occupied.low, occupied.row_of
    views, weight, min_weight = occupied.views, occupied.weight, occupied.min_weight
    num_categories = best_score.shape[1]
    bx_size, by_size, bz_size = directory.shape
    upright = R[0, 2] == 0.0 and R[1, 2] == 0.0 and R[2, 2] == 1.0
    for x in range(out.shape[1]):
        for sx in range(first[0] + x * pool, first[0] + (x + 1) * pool):
            for y in range(out.shape[2]):
                for sy in range(first[1] + y * pool, first[1] + (y + 1) * pool):
                    px = origin[0] + R[0, 0] * sx + R[0, 1] * sy
                    py = origin[1] + R[1, 0] * sx + R[1, 1] * sy
                    pz = origin[2] + R[2, 0] * sx + R[2, 1] * sy
                    last_x, last_y, last_z, block = -1, -1, -1, -1
                    after = 0
                    while after < out.shape[3] * pool:
                        n = after
                        after = n + 1
                        sz = first[2] + n
                        i = int(math.floor(px + R[0, 2] * sz))
                        j = int(math.floor(py + R[1, 2] * sz))
                        k = int(math.floor(pz + R[2, 2] * sz))
                        bx, by, bz = block_index(i) - low[0], block_index(j) - low[1], block_index(k) - low[2]
                        if bx != last_x or by != last_y or bz != last_z:
                            last_x, last_y, last_z, block = bx, by, bz, -1
                            if 0 <= bx < bx_size and 0 <= by < by_size and 0 <= bz < bz_size:
                                block = directory[bx, by, bz]
                        if block < 0:
                            if upright:  # the samples up to the block's last layer are in it too
                                after = max(after, n + BLOCK - 1 - index_in_block(k))
                            continue
                        row = row_of[block * BLOCK_VOXELS + place_in_block(i, j, k)] - 1
                        if row < 0 or views[row] == 0 or weight[row] < min_weight:
                            continue
                        z = n // pool
                        out[0, x, y, z] = OCCUPIED
                        for c in range(num_categories):
                            if best_score[row, c] > out[1 + c, x, y, z]:
                                out[1 + c, x, y, z] = best_score[row, c]
