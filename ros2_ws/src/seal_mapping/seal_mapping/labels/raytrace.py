# SPDX-License-Identifier: Apache-2.0
"""Label pictures of a labelled volume, by exact voxel traversal.

Source: SEAL Algorithm 5 and Amanatides and Woo (1987). Departs from Algorithm 5, which never stops at the first hit
(later, empty cells overwrite it), assumes a 90 degree field of view and ignores the camera's height: here a ray stops
at the first occupied or labelled voxel, with the frame's own intrinsics and pose.

The walk itself is `voxels.traversal`: empty space is crossed in leaps, and the voxel that is hit is that of the plain
walk (test).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numba import njit, prange

from seal_mapping.labels.config import PIXELS
from seal_mapping.labels.volume import LabelCrop, LabelVolume
from seal_mapping.voxels.traversal import leap_to_stop
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import check_pose
from seal_perception.types import Float32Array, FloatArray, Int8Array, Int32Array

# OpenMP first: where a library has loaded an old TBB, numba would otherwise warn about it at every start.
numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]


class View(NamedTuple):
    """Where rays start and go: pixel (u, v) looks along `rotation` @ ((u - cx) / fx, (v - cy) / fy, 1).

    Attributes:
        p: (3,) float64 the camera in voxels of the crop.
        rotation: (3, 3) float64 optical frame to map frame, in voxels per metre.
        intrinsics: (4,) float64 fx, fy, cx, cy.
    """

    p: FloatArray
    rotation: FloatArray
    intrinsics: FloatArray


class PixelRule(NamedTuple):
    """How a pixel takes its label.

    Attributes:
        by_depth: from the voxel that its own depth falls in, where it has one; otherwise by ray.
        depth_check_m: no label where the ray stops farther than this from the pixel's own depth; 0 = no check.
        half_voxel_m: half a voxel's edge.
        max_depth_m: no label beyond.
    """

    by_depth: bool
    depth_check_m: float
    half_voxel_m: float
    max_depth_m: float


@njit(cache=True, parallel=True, nogil=True)
def _render(
    view: View, crop: LabelCrop, rule: PixelRule, depth: Float32Array, out: Int32Array, out_depth: Float32Array
) -> None:
    """Fill `out` (H, W) with instance ids and `out_depth` with the depth at which each ray stops (0 = nowhere)."""
    height, width = out.shape
    p, rotation, instance, clearance = view.p, view.rotation, crop.instance, crop.clearance
    fx, fy, cx, cy = view.intrinsics[0], view.intrinsics[1], view.intrinsics[2], view.intrinsics[3]
    by_depth, check, half_voxel, max_t = rule.by_depth, rule.depth_check_m, rule.half_voxel_m, rule.max_depth_m
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
                x, y, z, t = leap_to_stop(p[0], p[1], p[2], dx, dy, dz, clearance, max_t)
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
    crop = volume.crop_around(camera, T, max_range_m)
    view = View(
        (T[:3, 3] - volume.origin) / volume.voxel_m - crop.low,
        T[:3, :3] / volume.voxel_m,
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
    )
    rule = PixelRule(pixels == "depth", float(depth_check_m), 0.5 * volume.voxel_m, float(max_range_m))
    own = np.ascontiguousarray(depth) if needed and depth is not None else np.zeros((1, 1), np.float32)
    ids, ray_depth = np.empty(size, np.int32), np.empty(size, np.float32)
    _render(view, crop, rule, own, ids, ray_depth)
    return ids, ray_depth
