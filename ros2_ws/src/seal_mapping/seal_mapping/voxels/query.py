# SPDX-License-Identifier: Apache-2.0
"""Questions to a voxel map: what is at these points, in this box, along this ray; where are the objects.

A ray walks from voxel to voxel (`traversal`). The map is sparse, so it looks up a block when it enters one and steps
through an empty block without looking; the voxels it visits are those of the plain walk (test).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.kernels import BLOCK_VOXELS
from seal_mapping.voxels.traversal import cross_plane, start_walk
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.voxels.voxel_set import MAX_INDEX
from seal_perception.errors import InputError
from seal_perception.types import BoolArray, FloatArray, Int32Array, IntArray, UInt16Array


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


@dataclass(frozen=True)
class ObjectBox:
    """An object and the box around its voxels along the map's axes.

    Attributes:
        item: its row in the table of objects.
        low_xyz: (3,) float64 lowest corner in metres, map frame.
        high_xyz: (3,) float64 highest corner.
        ijk: (N, 3) int32 its voxels.
    """

    item: Instance
    low_xyz: FloatArray
    high_xyz: FloatArray
    ijk: Int32Array


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
    config, store = voxel_map.config, voxel_map.store
    p = (start - config.origin) / config.voxel_m
    if np.abs(p).max() > MAX_INDEX:
        reach = MAX_INDEX * config.voxel_m
        raise InputError(f"a ray's origin must lie within {reach:.0f} m of the map's zero, got {start.tolist()}")
    weights, one = voxel_map.view_weights()
    ray = np.stack([p, way / (length * config.voxel_m)])
    x, y, z, t = _first_seen(
        ray, float(max_range_m), store.directory, store.low, store.row_of, store.views, weights, float(min_views * one)
    )
    if t < 0:
        return None
    _, voxel = voxel_map.at([[x, y, z]])
    return RayHit((x, y, z), t, voxel)


def object_boxes(volume: LabelVolume) -> list[ObjectBox]:
    """The objects of a labelled volume with their boxes, by id."""
    rows = np.flatnonzero(volume.instance > 0)
    rows = rows[np.argsort(volume.instance[rows], kind="stable")]
    starts = np.searchsorted(volume.instance[rows], [item.id for item in volume.instances])
    ends = np.searchsorted(volume.instance[rows], [item.id for item in volume.instances], side="right")
    out = []
    for item, start, end in zip(volume.instances, starts, ends, strict=True):
        ijk = volume.ijk[rows[start:end]]
        low, high = ijk.min(axis=0).astype(np.float64), ijk.max(axis=0) + 1.0
        out.append(ObjectBox(item, volume.origin + low * volume.voxel_m, volume.origin + high * volume.voxel_m, ijk))
    return out


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
    ray: FloatArray,
    max_t: float,
    directory: Int32Array,
    low: Int32Array,
    row_of: Int32Array,
    views: UInt16Array,
    weights: npt.NDArray[Any],
    least: float,
) -> tuple[int, int, int, float]:
    """The first voxel on a ray whose views count at least `least`, and t there; t = -1 if there is none.

    Args:
        ray: (2, 3) float64 origin and direction, in voxels.
        max_t: greatest t at which a voxel is entered.
        directory: (X, Y, Z) int32 block at each place of blocks, -1 = none.
        low: (3,) int32 place of its [0, 0, 0].
        row_of: per voxel of a block its row + 1, 0 = not seen.
        views: (rows,) frames that saw each voxel.
        weights: (rows,) what those views count.
        least: minimum of that.
    """
    walk = start_walk(ray[0], ray[1])
    at, t, block = walk.at, 0.0, -1
    enters_block = True
    while t <= max_t:
        if enters_block:
            block, inside = -1, True
            for axis in range(3):
                n = (at[axis] >> 3) - low[axis]
                beyond = n >= directory.shape[axis] if walk.step[axis] > 0 else n < 0
                if (beyond or walk.next_t[axis] == np.inf) and not 0 <= n < directory.shape[axis]:
                    return 0, 0, 0, -1.0
                inside = inside and 0 <= n < directory.shape[axis]
            if inside:
                block = directory[(at[0] >> 3) - low[0], (at[1] >> 3) - low[1], (at[2] >> 3) - low[2]]
        if block >= 0:
            place = ((at[0] & 7) << 6) | ((at[1] & 7) << 3) | (at[2] & 7)
            row = row_of[block * BLOCK_VOXELS + place] - 1
            if row >= 0 and views[row] > 0 and weights[row] >= least:
                return at[0], at[1], at[2], t
        axis, t = cross_plane(walk)
        enters_block = at[axis] & 7 == (0 if walk.step[axis] > 0 else 7)
    return 0, 0, 0, -1.0
