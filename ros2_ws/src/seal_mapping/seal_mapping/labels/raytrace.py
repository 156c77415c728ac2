# SPDX-License-Identifier: Apache-2.0
"""Label pictures of a labelled volume, by exact voxel traversal.

Source: SEAL Algorithm 5 and Amanatides and Woo (1987). Departs from Algorithm 5, which never stops at the first hit
(later, empty cells overwrite it), assumes a 90 degree field of view and ignores the camera's height: here a ray stops
at the first occupied or labelled voxel, with the frame's own intrinsics and pose.

Empty space is crossed in leaps: the volume holds, per empty voxel, the chessboard distance n to the nearest stop, so
the cube of n - 1 voxels around it is empty and is left at once. Every plane is still crossed in Amanatides and Woo's
order (ties: x before y before z), so the voxel that is hit is theirs exactly (test).
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import njit, prange

from seal_mapping.labels.config import PIXELS
from seal_mapping.labels.volume import LabelVolume
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import check_pose
from seal_perception.types import Float32Array, FloatArray, Int8Array, Int32Array, UInt8Array

_TINY = 1e-12

# OpenMP first: where a library has loaded an old TBB, numba would otherwise warn about it at every start.
numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]


@njit(cache=True, inline="always")
def _inverse(d: float) -> float:
    return 1.0 / d if abs(d) > _TINY else np.inf


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
    t = -p * inverse if index < 0 else (size - p) * inverse
    return t if t >= 0.0 else np.inf


@njit(cache=True)
def _trace(
    px: float,
    py: float,
    pz: float,
    dx: float,
    dy: float,
    dz: float,
    clearance: UInt8Array,
    max_t: float,
) -> tuple[int, int, int, float]:
    """First stop of one ray: its voxel and the parameter at which it is entered; x = -1 if there is none."""
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


@njit(cache=True, parallel=True, nogil=True)
def _render(
    p: FloatArray,
    rotation: FloatArray,
    intrinsics: FloatArray,
    instance: Int32Array,
    clearance: UInt8Array,
    depth: Float32Array,
    by_depth: bool,
    check: float,
    half_voxel: float,
    max_t: float,
    out: Int32Array,
    out_depth: Float32Array,
) -> None:
    """Fill `out` (H, W) with instance ids and `out_depth` with the depth at which each ray stops (0 = nowhere)."""
    height, width = out.shape
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    nx, ny, nz = instance.shape
    for r in prange(height):
        v = (r - cy) / fy
        for u in range(width):
            a = (u - cx) / fx
            dx = rotation[0, 0] * a + rotation[0, 1] * v + rotation[0, 2]
            dy = rotation[1, 0] * a + rotation[1, 1] * v + rotation[1, 2]
            dz = rotation[2, 0] * a + rotation[2, 1] * v + rotation[2, 2]
            d = np.float64(depth[r, u]) if by_depth or check > 0.0 else 0.0
            known = d > 0.0 and d < np.inf
            if by_depth and known:
                x = int(math.floor(p[0] + d * dx))
                y = int(math.floor(p[1] + d * dy))
                z = int(math.floor(p[2] + d * dz))
                t = d
                if d > max_t or not (0 <= x < nx and 0 <= y < ny and 0 <= z < nz):
                    x = -1
            else:
                x, y, z, t = _trace(p[0], p[1], p[2], dx, dy, dz, clearance, max_t)
                if check > 0.0 and known and abs(t + half_voxel - d) > check:
                    x = -1
            if x >= 0:
                out[r, u] = instance[x, y, z]
                out_depth[r, u] = t
            else:
                out[r, u] = 0
                out_depth[r, u] = 0.0


def render_labels(
    volume: LabelVolume,
    camera: Camera,
    T_map_camera: FloatArray,
    max_range_m: float = 5.1,
    *,
    pixels: str = "ray",
    depth: Float32Array | None = None,
    depth_check_m: float = 0.0,
) -> tuple[Int32Array, Int8Array]:
    """Instance and category picture of a labelled volume, seen from a pose.

    Args:
        volume: of `propagate`.
        camera: intrinsics of the picture.
        T_map_camera: (4, 4) optical frame to map frame.
        max_range_m: depth beyond which nothing is labelled.
        pixels: "ray" or "depth" (`LabelConfig.pixels`).
        depth: (H, W) float32 the frame's own depth; needed for "depth" and for the check.
        depth_check_m: leave a pixel unlabelled if its ray stops farther than this from its own depth; 0 = off.

    Returns:
        (H, W) int32 instance id, 0 = none, < 0 = region to ignore; (H, W) int8 category, -1 = none.

    Raises:
        InputError: if depth is needed and missing, or has another size.
    """
    ids, _ = trace_image(volume, camera, T_map_camera, max_range_m, pixels, depth, depth_check_m)
    return ids, volume.category_table()[ids]


def trace_image(
    volume: LabelVolume,
    camera: Camera,
    T_map_camera: FloatArray,
    max_range_m: float = 5.1,
    pixels: str = "ray",
    depth: Float32Array | None = None,
    depth_check_m: float = 0.0,
) -> tuple[Int32Array, Float32Array]:
    """As `render_labels`: (H, W) int32 instance id and (H, W) float32 depth at which the ray stops, 0 = nowhere.

    With `pixels="depth"` the depth is the pixel's own wherever that lies inside the volume, labelled or not.
    """
    if pixels not in PIXELS:
        raise InputError(f"pixels must be one of {', '.join(PIXELS)}, got {pixels!r}")
    size = (camera.height, camera.width)
    needed = pixels == "depth" or depth_check_m > 0
    if needed and (depth is None or depth.shape != size or depth.dtype != np.float32):
        got = "none" if depth is None else f"{depth.shape} {depth.dtype}"
        raise InputError(f"depth must be {size} float32 in metres for these labels, got {got}")
    T = check_pose(T_map_camera, "T_map_camera")
    window = volume.around(camera, T, max_range_m)
    ids = np.empty(size, np.int32)
    ray_depth = np.empty(size, np.float32)
    _render(
        (T[:3, 3] - volume.origin) / volume.voxel_m - window.low,
        T[:3, :3] / volume.voxel_m,
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        window.instance,
        window.clearance,
        np.ascontiguousarray(depth) if needed and depth is not None else np.zeros((1, 1), np.float32),
        pixels == "depth",
        float(depth_check_m),
        0.5 * volume.voxel_m,
        float(max_range_m),
        ids,
        ray_depth,
    )
    return ids, ray_depth
