# SPDX-License-Identifier: Apache-2.0
"""Questions to a voxel map: what is at these points, in this box, along this ray.

A ray walks from voxel to voxel (`traversal`). The map is sparse, so it looks up a block when it enters one and steps
through an empty block without looking; the voxels it visits are those of the plain walk (test).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from seal_mapping.voxels.blocks import BLOCK, BLOCK_VOXELS, Occupied, block_index, index_in_block, place_in_block
from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.traversal import cross_plane, start_walk
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.voxels.voxel_set import MAX_INDEX
from seal_perception.errors import InputError
from seal_perception.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class RayHit:
    """The first occupied voxel on a ray.

    Attributes:
        ijk: its index.
        distance_m: from the ray's origin to where it enters the voxel; 0 if it starts inside.
        voxel: the map's entry of it, one row.
    """

    ijk: tuple[int, int, int]
    distance_m: float
    voxel: VoxelCloud


def at_points(voxel_map: VoxelMap, xyz: npt.ArrayLike) -> tuple[BoolArray, VoxelCloud]:
    """The voxels that points lie in.

    Args:
        voxel_map: the map.
        xyz: (N, 3) points in metres, map frame; several may lie in one voxel.

    Returns:
        (N,) which of them lie in a voxel that was seen, and those voxels, one row per such point in their order.

    Raises:
        InputError: if the points are not (N, 3) finite numbers.
    """
    points = _numbers(xyz, "points")
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"points must be (N, 3) metres in the map frame, got shape {points.shape}")
    return voxel_map.at(voxel_of(points, voxel_map.config))


def in_box(voxel_map: VoxelMap, low_xyz: npt.ArrayLike, high_xyz: npt.ArrayLike) -> VoxelCloud:
    """The seen voxels whose centre lies in the box low_xyz..high_xyz (3,) in metres, bounds included.

    Raises:
        InputError: if a corner is not three finite numbers, or the lower one is not below.
    """
    low, high = _vector(low_xyz, "the box's lower corner"), _vector(high_xyz, "the box's upper corner")
    if (low > high).any():
        raise InputError(f"a box needs low <= high on every axis, got {low.tolist()} and {high.tolist()}")
    size, slack = voxel_map.config.voxel_m, 1e-9
    bound = float(MAX_INDEX)
    first = np.ceil(np.clip(low / size - slack, -bound, bound)).astype(np.int64)
    last = np.floor(np.clip(high / size + slack, -bound, bound)).astype(np.int64)
    return voxel_map.within(first, last)


def along_ray(
    voxel_map: VoxelMap, origin: npt.ArrayLike, direction: npt.ArrayLike, max_range_m: float, min_views: float = 1
) -> RayHit | None:
    """The first voxel on a ray that enough frames saw.

    Where a ray runs through an edge or a corner, x is crossed before y and y before z.

    Args:
        voxel_map: the map.
        origin: (3,) metres, map frame.
        direction: (3,) of any length but 0.
        max_range_m: voxels entered farther away are not looked at; may be infinite.
        min_views: views that a voxel needs (`VoxelCloud.occupied`).

    Returns:
        The hit, or None.

    Raises:
        InputError: if a number is not finite, the direction is 0, the range negative or the origin beyond any map.
    """
    start, way = _vector(origin, "a ray's origin"), _vector(direction, "a ray's direction")
    length = float(np.linalg.norm(way))
    if not 0 < length < np.inf:
        raise InputError(f"a ray's direction must not be 0, got {way.tolist()}")
    if not max_range_m >= 0:
        raise InputError(f"a ray's range must be >= 0 m, got {max_range_m}")
    config = voxel_map.config
    p = (start - config.origin) / config.voxel_m
    if np.abs(p).max() > MAX_INDEX:
        reach = MAX_INDEX * config.voxel_m
        raise InputError(f"a ray's origin must lie within {reach:.0f} m of the map's zero, got {start.tolist()}")
    d = way / (length * config.voxel_m)
    ijk, row, t = _first_seen(p, d, float(max_range_m), voxel_map.occupied(min_views))
    if row < 0:
        return None
    return RayHit(ijk, t, voxel_map.cloud(np.array([row]), np.array([ijk])))


def voxel_of(xyz: FloatArray, config: MapConfig) -> IntArray:
    """(N, 3) int64 voxels that the points (N, 3) in metres lie in; far beyond any map they are all alike."""
    cells = np.floor((xyz - config.origin) / config.voxel_m)
    return np.clip(cells, -(1 << 40), 1 << 40).astype(np.int64)


def _numbers(values: npt.ArrayLike, what: str) -> npt.NDArray[Any]:
    try:
        out = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be numbers in metres, got {str(values)[:60]!r}") from error
    if not np.isfinite(out).all():
        raise InputError(f"{what} must be finite, got {out[~np.isfinite(out)][0]}")
    return out


def _vector(values: npt.ArrayLike, what: str) -> FloatArray:
    out = _numbers(values, what)
    if out.shape != (3,):
        raise InputError(f"{what} must be x, y, z in metres, got shape {out.shape}")
    return out


@njit(cache=True)
def _first_seen(
    p: FloatArray, d: FloatArray, max_t: float, occupied: Occupied
) -> tuple[tuple[int, int, int], int, float]:
    """The first occupied voxel on a ray, its row, and t there; row -1 if there is none.

    Args:
        p: (3,) float64 origin in voxels.
        d: (3,) float64 direction in voxels.
        max_t: greatest t at which a voxel is entered.
        occupied: finds the voxels that stop the ray.
    """
    directory, low, row_of = occupied.directory, occupied.low, occupied.row_of
    views, weight, min_weight = occupied.views, occupied.weight, occupied.min_weight
    walk = start_walk(p, d)
    at, t, block = walk.at, 0.0, -1
    enters_block = True
    while t <= max_t:
        if enters_block:
            block, inside = -1, True
            for axis in range(3):
                n = block_index(at[axis]) - low[axis]
                beyond = n >= directory.shape[axis] if walk.step[axis] > 0 else n < 0
                if (beyond or walk.next_t[axis] == np.inf) and not 0 <= n < directory.shape[axis]:
                    return (0, 0, 0), -1, -1.0
                inside = inside and 0 <= n < directory.shape[axis]
            if inside:
                block = directory[block_index(at[0]) - low[0], block_index(at[1]) - low[1], block_index(at[2]) - low[2]]
        if block >= 0:
            row = row_of[block * BLOCK_VOXELS + place_in_block(at[0], at[1], at[2])] - 1
            if row >= 0 and views[row] > 0 and weight[row] >= min_weight:
                return (at[0], at[1], at[2]), row, t
        axis, t = cross_plane(walk)
        enters_block = index_in_block(at[axis]) == (0 if walk.step[axis] > 0 else BLOCK - 1)
    return (0, 0, 0), -1, -1.0
