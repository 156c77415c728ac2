# SPDX-License-Identifier: Apache-2.0
"""Where a round robot can stand: a grid over the floor, from the triangles of a scene.

Triangles are sampled every half cell. A sample between `low` and `high` metres above the floor blocks its cell; a
sample at floor height that faces up makes it floor. The robot's centre may stand on floor cells at least its radius
and half a cell away from every blocked one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.simulator import ReachableFloor
from seal_perception.types import BoolArray, FloatArray
from sim_bridge.geometry.mesh import Mesh, Scene, merge

MAX_CELLS = 36_000_000
"""Cells of the largest collision map: 120 x 120 m at 2 cm. `seal scene info` of such a plane takes 20 s, 0.6 GB."""
STRIPE_CELLS = 4_000_000
MAX_SAMPLES = 5e9
"""Samples of triangles for one map, about ten seconds: some 35 floors of that size on each other."""


@dataclass(frozen=True)
class CollisionMap:
    """What blocks a robot, and where it fits, on one grid of the world frame.

    Attributes:
        blocked: bool cells: something stands there.
        standing: bool cells: the robot's centre may be there.
    """

    blocked: Grid2D
    standing: Grid2D

    def reachable_from(self, xy: npt.ArrayLike) -> ReachableFloor:
        """Cells that the centre can reach from `xy` (from the nearest cell where it can stand).

        Raises:
            ValueError: if the robot can stand nowhere.
        """
        standing = self.standing
        if not standing.cells.any():
            raise ValueError("the robot fits nowhere on this floor")
        regions, _ = ndimage.label(standing.cells)
        i, j = nearest(standing.cells, standing.world_to_cell(xy))
        return ReachableFloor(regions == regions[i, j], standing.origin_xy, standing.cell_m)


def nearest(mask: BoolArray, ij: npt.ArrayLike) -> tuple[int, int]:
    """The true cell of `mask` nearest to cell `ij` (ties: lowest index)."""
    best: tuple[float, int, int] | None = None
    for rows in stripes(mask.shape):
        cells = np.argwhere(mask[rows]) + np.array([rows.start, 0])
        if len(cells):
            squared = ((cells - np.asarray(ij)) ** 2).sum(1)
            k = int(squared.argmin())
            if best is None or squared[k] < best[0]:
                best = (squared[k], int(cells[k, 0]), int(cells[k, 1]))
    if best is None:
        raise ValueError("no cell of the mask is true")
    return best[1], best[2]


def stripes(shape: tuple[int, ...]) -> list[slice]:
    """Rows of a large grid in parts, so that what is worked out of them fits into memory; a small grid is one part."""
    rows = max(1, STRIPE_CELLS // max(1, shape[1]))
    return [slice(start, min(start + rows, shape[0])) for start in range(0, shape[0], rows)]


def closer(free: BoolArray, reach_m: float, cell_m: float) -> BoolArray:
    """Whether the nearest false cell is less than `reach_m` away, in parts for large grids."""
    out = np.zeros(free.shape, bool)
    halo = math.ceil(reach_m / cell_m) + 2
    for rows in stripes(free.shape):
        low, high = max(0, rows.start - halo), min(len(free), rows.stop + halo)
        if len(free) == rows.stop - rows.start or not free[low:high].all():
            distance = ndimage.distance_transform_edt(free[low:high])[rows.start - low : rows.stop - low]
            out[rows] = distance * cell_m < reach_m
    return out


class _Cells(NamedTuple):
    """The grid that triangles are sampled into: (X, Y) bool arrays, lower corner, edge of a cell."""

    blocked: BoolArray
    floor: BoolArray
    origin: FloatArray
    cell: float


@numba.njit(cache=True, nogil=True)
def _band(u, v, z_u, z_v, bottom, top):  # type: ignore[no-untyped-def]
    """First and last parameter where a line (u at height z_u, v at z_v) is between two heights; inf, -inf for none."""
    if max(z_u, z_v) < bottom - 1e-6 or min(z_u, z_v) > top + 1e-6:
        return np.inf, -np.inf
    rise = z_v - z_u
    if abs(rise) < 1e-9:
        return min(u, v), max(u, v)
    one = min(max((bottom - z_u) / rise, 0.0), 1.0)
    two = min(max((top - z_u) / rise, 0.0), 1.0)
    one, two = u + one * (v - u), u + two * (v - u)
    return min(one, two), max(one, two)


@numba.njit(cache=True, nogil=True)
def _whole(value, most):  # type: ignore[no-untyped-def]
    """A number as an index up to `most`, -1 for what is below 0."""
    return int(max(-1.0, min(float(most), np.floor(value))))


@numba.njit(cache=True, nogil=True)
def _sample(corners, up, cells, low, high):  # type: ignore[no-untyped-def]
    """Mark the cells under triangles (F, 3, 3); obstacles lie at `low` to `high`, floor within `low` of 0."""
    blocked, floor, origin, cell = cells
    floor_band = low
    for f in range(len(corners)):
        a, b, c = corners[f, 0], corners[f, 1], corners[f, 2]
        lowest, highest = min(a[2], b[2], c[2]), max(a[2], b[2], c[2])
        on_floor = up[f] and highest > -floor_band and lowest < floor_band
        if not on_floor and (highest < low or lowest > high):
            continue
        nu = int(np.ceil(np.sqrt(((b - a) ** 2).sum()) / (0.5 * cell))) + 1
        nv = int(np.ceil(np.sqrt(((c - a) ** 2).sum()) / (0.5 * cell))) + 1
        # Only what can lie in the band is walked: a column may be kilometres tall.
        bottom = -floor_band if on_floor else low
        first, final = _band(0.0, 1.0, a[2], b[2], bottom, high)
        for side in ((0.0, a[2]), (1.0, b[2])):
            one, two = _band(side[0], 0.0, side[1], c[2], bottom, high)
            first, final = min(first, one), max(final, two)
        for i in range(max(0, _whole(first * nu - 2.0, nu)), _whole(final * nu + 2.0, nu) + 1):
            s = i / nu
            last = int(np.floor((1.0 - s) * nv + 1e-6)) + 1
            z_0 = a[2] + s * (b[2] - a[2])
            near, far = _band(0.0, 1.0, z_0, z_0 + c[2] - a[2], bottom, high)
            for j in range(max(0, _whole(near * nv - 2.0, last)), _whole(far * nv + 2.0, last) + 1):
                t = min(j / nv, 1.0 - s)
                z = a[2] + s * (b[2] - a[2]) + t * (c[2] - a[2])
                obstacle = low <= z <= high
                ground = on_floor and -floor_band < z < floor_band
                if not (obstacle or ground):
                    continue
                x = int(np.floor((a[0] + s * (b[0] - a[0]) + t * (c[0] - a[0]) - origin[0]) / cell))
                y = int(np.floor((a[1] + s * (b[1] - a[1]) + t * (c[1] - a[1]) - origin[1]) / cell))
                if 0 <= x < blocked.shape[0] and 0 <= y < blocked.shape[1]:
                    if obstacle:
                        blocked[x, y] = True
                    else:
                        floor[x, y] = True


def _require_few_samples(corners: FloatArray, cell_m: float, high_m: float) -> None:
    """Refuse surfaces near the floor that take minutes to sample: thousands of large ones on each other."""
    edges = [np.linalg.norm(corners[:, k] - corners[:, 0], axis=1) / (0.5 * cell_m) + 1 for k in (1, 2)]
    share = np.minimum(1.0, 2.0 * high_m / np.maximum(np.ptp(corners[:, :, 2], axis=1), 1e-9))
    samples = float((0.5 * edges[0] * edges[1] * share).sum())
    if samples > MAX_SAMPLES:
        area = samples * (0.5 * cell_m) ** 2
        raise InputError(
            f"the scene has {area:,.0f} m2 of surfaces near the floor, too many for a floor plan; are things of it "
            "there many times? Give its unit (--scale), or remove them"
        )


def collision_map(
    scene: Scene | Mesh, radius_m: float = 0.18, cell_m: float = 0.02, low_m: float = 0.05, high_m: float = 1.1
) -> CollisionMap:
    """Collision map of a scene for a disc of `radius_m`, `high_m` tall, that rolls over things lower than `low_m`.

    Raises:
        InputError: if it would have more than 36 million cells, or too much surface near the floor.
    """
    mesh = merge([part.mesh for part in scene.parts]) if isinstance(scene, Scene) else scene
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    up = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
    near_floor = corners[:, :, 2].min(1) < high_m
    if not near_floor.any():
        nothing = Grid2D(np.zeros((1, 1), bool), np.zeros(2), cell_m)
        return CollisionMap(nothing, nothing)
    lower = corners[near_floor].reshape(-1, 3)[:, :2].min(0)
    upper = corners[near_floor].reshape(-1, 3)[:, :2].max(0)
    origin = (np.floor(lower / cell_m) - 2) * cell_m
    shape = tuple(int(n) for n in np.ceil((upper - origin) / cell_m) + 3)
    if math.prod(shape) > MAX_CELLS:
        x, y = upper - lower
        raise InputError(
            f"the scene is {x:.0f} x {y:.0f} m at the floor, too large for a floor plan of {cell_m:g} m cells; give "
            "its unit (--scale) or remove what lies far away"
        )
    _require_few_samples(corners[near_floor], cell_m, high_m)
    blocked, floor = np.zeros(shape, bool), np.zeros(shape, bool)
    _sample(corners, up, _Cells(blocked, floor, origin, cell_m), low_m, high_m)
    floor = ndimage.binary_closing(floor, iterations=2) & ~blocked
    standing = floor & ~closer(~blocked, radius_m + 0.5 * cell_m, cell_m)
    return CollisionMap(Grid2D(blocked, origin, cell_m), Grid2D(standing, origin, cell_m))
