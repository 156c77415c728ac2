# SPDX-License-Identifier: Apache-2.0
"""Free-space clearing: a voxel that several views in a row looked through is forgotten.

Source: named as future work in SEAL (things that move); the test per voxel is the usual projective one (a voxel is
free where the depth behind its centre's pixel lies beyond it). Off by default (`MapConfig.clear_views` = 0).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from seal_mapping.voxels.blocks import BLOCK_VOXELS, Blocks, Voxels, voxel_in_block
from seal_mapping.voxels.kernels import Rules, View
from seal_perception.types import Float32Array, FloatArray, Int32Array


@njit(cache=True)
def looks_through(depth: Float32Array, view: View, margin: float, x: float, y: float, z: float) -> bool:
    """Whether a picture sees something behind the point x, y, z of its optical frame.

    All readings in the 3 x 3 pixels around the point's pixel must lie more than `margin` behind it, so that an edge or
    a hole in the depth clears nothing.
    """
    intrinsics, min_depth, max_depth = view.intrinsics, view.min_depth_m, view.max_depth_m
    if z < min_depth or z > max_depth:
        return False
    u = int(math.floor(x / z * intrinsics[0] + intrinsics[2] + 0.5))
    v = int(math.floor(y / z * intrinsics[1] + intrinsics[3] + 0.5))
    if u < 1 or v < 1 or u >= depth.shape[1] - 1 or v >= depth.shape[0] - 1:
        return False
    for r in range(v - 1, v + 2):
        for c in range(u - 1, u + 2):
            d = depth[r, c]
            if not (d > z + margin and d < np.inf):
                return False
    return True


@njit(cache=True)
def clear_free(
    depth: Float32Array, T_camera_map: FloatArray, view: View, rules: Rules, frame: int, blocks: Blocks, voxels: Voxels
) -> tuple[Int32Array, int]:
    """Count a miss for every voxel that the frame looked through; list those with `clear_views` misses in a row.

    Args:
        depth: (H, W) metres.
        T_camera_map: (4, 4) map frame to optical frame.
        view: the frame's intrinsics, and limits.
        rules: thresholds.
        frame: number of this frame; voxels that it touched are left out.
        blocks: the map's voxels, with `block_ijk` of the blocks in use alone.
        voxels: `miss_count` is changed in place.

    Returns:
        (n,) the rows to remove, and how many of them are confident.
    """
    origin, voxel_m, min_depth, max_depth = view.origin, view.voxel_m, view.min_depth_m, view.max_depth_m
    block_ijk, row_of, confident = blocks.block_ijk, blocks.row_of, rules.confident
    views, last_frame, best_score, miss_count = voxels.views, voxels.last_frame, voxels.best_score, voxels.miss_count
    removed = np.empty(len(views), np.int32)
    R, t = T_camera_map[:3, :3], T_camera_map[:3, 3]
    half = 4.0 * voxel_m
    radius = half * math.sqrt(3.0)
    count, lost = 0, 0
    for b in range(len(block_ijk)):
        x = origin[0] + (8 * block_ijk[b, 0] + 4) * voxel_m
        y = origin[1] + (8 * block_ijk[b, 1] + 4) * voxel_m
        z = origin[2] + (8 * block_ijk[b, 2] + 4) * voxel_m
        ahead = R[2, 0] * x + R[2, 1] * y + R[2, 2] * z + t[2]
        if ahead < min_depth - radius or ahead > max_depth + radius:
            continue
        for v in range(BLOCK_VOXELS):
            row = row_of[b * BLOCK_VOXELS + v] - 1
            if row < 0 or views[row] == 0 or last_frame[row] == frame:
                continue
            dx, dy, dz = voxel_in_block(v)
            px = x + (dx - 3.5) * voxel_m
            py = y + (dy - 3.5) * voxel_m
            pz = z + (dz - 3.5) * voxel_m
            cx = R[0, 0] * px + R[0, 1] * py + R[0, 2] * pz + t[0]
            cy = R[1, 0] * px + R[1, 1] * py + R[1, 2] * pz + t[1]
            cz = R[2, 0] * px + R[2, 1] * py + R[2, 2] * pz + t[2]
            if not looks_through(depth, view, rules.clear_margin_m, cx, cy, cz):
                continue
            miss_count[row] = min(int(miss_count[row]) + 1, 255)
            if miss_count[row] >= rules.clear_views:
                removed[count] = row
                count += 1
                for c in range(best_score.shape[1]):
                    if best_score[row, c] >= confident:
                        lost += 1
                        break
    return removed[:count], lost
