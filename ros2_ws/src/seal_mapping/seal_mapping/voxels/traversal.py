# SPDX-License-Identifier: Apache-2.0
"""Which voxels a ray visits, in their order.

Source: J. Amanatides and A. Woo, "A Fast Voxel Traversal Algorithm for Ray Tracing", Eurographics 1987.

A ray is p + t d, in units of a voxel's edge: voxel (i, j, k) covers i..i+1, j..j+1, k..k+1. Between two voxels lies a
plane, and the ray crosses plane n of the x axis at t = (n - p_x) / d_x, the same for y and z. The walk keeps the next
plane of each axis and always crosses the nearest: that is the next voxel. Where planes tie (an edge, a corner), x is
crossed before y and y before z. Every t is computed anew from its plane, so no error adds up over a long ray.

First comes the plain walk, one voxel per step: `start_walk` and `cross_plane`. Below it, `leap_to_stop` takes fewer
steps in a dense box: where the box holds, per empty voxel, the chessboard distance n to the nearest stop, the n - 1
voxels around are empty too, and the ray leaves that cube at once. It stops where the plain walk stops (test).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from seal_perception.types import FloatArray, IntArray, UInt8Array

TINY = 1e-12
"""A direction's component below this is taken as 0."""


class Walk(NamedTuple):
    """A ray on its way; `cross_plane` changes `at` and `next_t`.

    Attributes:
        p: (3,) float64 origin in voxels.
        inverse: (3,) float64 1 / direction; 0 where the ray crosses no plane of the axis.
        step: (3,) int64 +1 or -1, the side to which it crosses.
        at: (3,) int64 voxel that it is in.
        next_t: (3,) float64 t at which it crosses the next plane of each axis; infinite where it never does.
    """

    p: FloatArray
    inverse: FloatArray
    step: IntArray
    at: IntArray
    next_t: FloatArray


@njit(cache=True)
def start_walk(p: FloatArray, d: FloatArray) -> Walk:
    """The walk from p (3,) along d (3,), in the voxel that holds p."""
    at, step = np.empty(3, np.int64), np.empty(3, np.int64)
    inverse, next_t = np.empty(3), np.empty(3)
    for axis in range(3):
        at[axis] = int(math.floor(p[axis]))
        step[axis] = 1 if d[axis] > 0.0 else -1
        if abs(d[axis]) > TINY:
            inverse[axis] = 1.0 / d[axis]
            plane = at[axis] + 1 if step[axis] > 0 else at[axis]
            next_t[axis] = (plane - p[axis]) * inverse[axis]
        else:
            inverse[axis], next_t[axis] = 0.0, np.inf
    return Walk(p, inverse, step, at, next_t)


@njit(cache=True)
def cross_plane(walk: Walk) -> tuple[int, float]:
    """Cross the nearest plane into the next voxel; the plane's axis, and t there."""
    next_t = walk.next_t
    axis = 0 if next_t[0] <= next_t[1] and next_t[0] <= next_t[2] else 1
    if axis == 1 and next_t[2] < next_t[1]:
        axis = 2
    t = next_t[axis]
    walk.at[axis] += walk.step[axis]
    plane = walk.at[axis] + 1 if walk.step[axis] > 0 else walk.at[axis]
    next_t[axis] = (plane - walk.p[axis]) * walk.inverse[axis]
    return axis, t


@njit(cache=True, inline="always")
def _inverse(d: float) -> float:
    return 1.0 / d if abs(d) > TINY else np.inf


@njit(cache=True, inline="always")
def _plane_t(plane: int, p: float, inverse: float) -> float:
    """Where the ray crosses a plane of the voxel grid; never, where it runs along it."""
    return (plane - p) * inverse if abs(inverse) < np.inf else np.inf


@njit(cache=True, inline="always")
def _advance(index: int, p: float, d: float, inverse: float, t: float, before: bool) -> int:
    """Index along one axis after every plane with parameter < t (<= t where `before`) was crossed."""
    if abs(inverse) == np.inf:
        return index
    new = int(math.floor(p + t * d))
    if d > 0.0:
        new = max(new, index)
        while new > index and not ((new - p) * inverse < t or (before and (new - p) * inverse == t)):
            new -= 1
        while (new + 1 - p) * inverse < t or (before and (new + 1 - p) * inverse == t):
            new += 1
    else:
        new = min(new, index)
        while new < index and not ((new + 1 - p) * inverse < t or (before and (new + 1 - p) * inverse == t)):
            new += 1
        while (new - p) * inverse < t or (before and (new - p) * inverse == t):
            new -= 1
    return new


@njit(cache=True)
def _enter(p: float, inverse: float, index: int, size: int) -> float:
    """Parameter at which the ray enters the slab 0..size-1; 0 if it is inside, inf if it never does."""
    if 0 <= index < size:
        return 0.0
    if abs(inverse) == np.inf:
        return np.inf
    if (index < 0) == (inverse < 0.0):  # away from the slab, from its very plane on too
        return np.inf
    return -p * inverse if index < 0 else (size - p) * inverse


@njit(cache=True)
def leap_to_stop(
    px: float,
    py: float,
    pz: float,
    dx: float,
    dy: float,
    dz: float,
    clearance: UInt8Array,
    max_t: float,
) -> tuple[int, int, int, float]:
    """The first stop of the ray p + t d in a dense box, up to max_t.

    Args:
        px: origin in voxels of the box; inside or outside of it.
        py: the same.
        pz: the same.
        dx: direction in voxels.
        dy: the same.
        dz: the same.
        clearance: (X, Y, Z) uint8 chessboard distance in voxels to the nearest stop; 0 = stop.
        max_t: greatest t at which a voxel is entered.

    Returns:
        The voxel and the t at which it is entered; x = -1 if there is none.
    """
    nx, ny, nz = clearance.shape
    ix, iy, iz = _inverse(dx), _inverse(dy), _inverse(dz)
    x, y, z = int(math.floor(px)), int(math.floor(py)), int(math.floor(pz))
    t = 0.0
    if not (0 <= x < nx and 0 <= y < ny and 0 <= z < nz):
        ex, ey, ez = _enter(px, ix, x, nx), _enter(py, iy, y, ny), _enter(pz, iz, z, nz)
        t = max(ex, max(ey, ez))
        if t == np.inf or t > max_t:
            return -1, -1, -1, t
        outside_x, outside_y, outside_z = not 0 <= x < nx, not 0 <= y < ny, not 0 <= z < nz
        axis = 2 if outside_z and ez == t else (1 if outside_y and ey == t else 0)
        x0, y0, z0 = x, y, z
        x = (0 if x0 < 0 else nx - 1) if axis == 0 and outside_x else _advance(x0, px, dx, ix, t, axis > 0)
        y = (0 if y0 < 0 else ny - 1) if axis == 1 else _advance(y0, py, dy, iy, t, axis > 1)
        z = (0 if z0 < 0 else nz - 1) if axis == 2 else _advance(z0, pz, dz, iz, t, False)
    while 0 <= x < nx and 0 <= y < ny and 0 <= z < nz:
        n = int(clearance[x, y, z])
        if n == 0:
            return x, y, z, t
        tx = _plane_t(x + n if dx > 0.0 else x - n + 1, px, ix)
        ty = _plane_t(y + n if dy > 0.0 else y - n + 1, py, iy)
        tz = _plane_t(z + n if dz > 0.0 else z - n + 1, pz, iz)
        if tx <= ty and tx <= tz:
            t = tx
            if t > max_t:
                break
            x = x + n if dx > 0.0 else x - n
            y = _advance(y, py, dy, iy, t, False)
            z = _advance(z, pz, dz, iz, t, False)
        elif ty <= tz:
            t = ty
            if t > max_t:
                break
            x = _advance(x, px, dx, ix, t, True)
            y = y + n if dy > 0.0 else y - n
            z = _advance(z, pz, dz, iz, t, False)
        else:
            t = tz
            if t > max_t:
                break
            x = _advance(x, px, dx, ix, t, True)
            y = _advance(y, py, dy, iy, t, True)
            z = z + n if dz > 0.0 else z - n
    return -1, -1, -1, t
