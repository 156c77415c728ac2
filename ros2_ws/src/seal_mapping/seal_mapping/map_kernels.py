# SPDX-License-Identifier: Apache-2.0
"""The compiled inner loops of the voxel map.

Storage: blocks of 8 x 8 x 8 voxels. `directory` (BX, BY, BZ) int32 holds a block's number or -1; voxel v of block b
is row b * 512 + v of every per-voxel array, v = (x * 8 + y) * 8 + z inside the block.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

BLOCK = 8
BLOCK_VOXELS = BLOCK**3

_U8 = npt.NDArray[np.uint8]
_I32 = npt.NDArray[np.int32]
_F32 = npt.NDArray[np.float32]
_F64 = npt.NDArray[np.float64]


@njit(cache=True)
def filter_edges(depth: _F32, share: float) -> _F32:
    """Copy of `depth` (H, W) with 0 where a 4-neighbour with a reading differs by more than `share` of the depth."""
    height, width = depth.shape
    out = depth.copy()
    for r in range(height):
        for u in range(width):
            d = depth[r, u]
            if not (d > 0.0):
                continue
            limit = share * d
            for dr, du in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                rr, uu = r + dr, u + du
                if 0 <= rr < height and 0 <= uu < width and depth[rr, uu] > 0.0 and abs(depth[rr, uu] - d) > limit:
                    out[r, u] = 0.0
                    break
    return out


@njit(cache=True)
def scatter(
    start: int,
    depth: _F32,
    rgb: _U8,
    scores: _U8,
    with_scores: bool,
    T: _F64,
    intrinsics: _F64,
    origin: _F64,
    limits: _F64,
    voxel_m: float,
    directory: _I32,
    low: _I32,
    block_ijk: _I32,
    slot: _I32,
    state: _I32,
    touched: _I32,
    frame_best: _U8,
    frame_rgb: _U8,
    near: _F64,
    far: _F64,
) -> int:
    """Put the pixels from `start` on (row-major) into the frame's list of touched voxels.

    Per voxel and category the frame keeps the greatest score of the pixels that fall in it.

    Args:
        start: first pixel to look at.
        depth: (H, W) metres.
        rgb: (H, W, 3).
        scores: (H, W, C), read only if `with_scores`.
        with_scores: whether the frame has scores.
        T: (4, 4) T_map_camera.
        intrinsics: fx, fy, cx, cy.
        origin: (3,) lower corner of voxel (0, 0, 0).
        limits: min_depth, max_depth, min_height, max_height, lowest and highest obstacle height in metres.
        voxel_m: edge of a voxel.
        directory: block numbers; must cover everything within max_depth of the camera.
        low: (3,) block index of directory[0, 0, 0].
        block_ijk: (capacity, 3) block index of each block; appended to.
        slot: per voxel, its place in `touched`, if touched[slot[v]] == v.
        state: [number of blocks, number of touched voxels], changed in place.
        touched: (>= H * W,) voxels seen in this frame.
        frame_best: (>= H * W, C) their best scores in this frame.
        frame_rgb: (>= H * W, 3) colour of the first pixel that fell in them.
        near: (W, 3) per column: squared ground distance, x, y of the nearest point at obstacle height.
        far: (W, 3) the same of the farthest point; -1 = none.

    Returns:
        H * W when done, or the pixel at which a new block is needed and `block_ijk` is full.
    """
    height, width = depth.shape
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    min_depth, max_depth, min_z, max_z = limits[0], limits[1], limits[2], limits[3]
    low_obstacle, high_obstacle = limits[4], limits[5]
    tx, ty, tz = T[0, 3], T[1, 3], T[2, 3]
    num_categories = scores.shape[2]
    blocks, count = state[0], state[1]
    last_i, last_j, last_k, last_s = 0, 0, -(1 << 30), -1
    for r in range(start // width, height):
        v = (r - cy) / fy
        row_x = T[0, 1] * v + T[0, 2]
        row_y = T[1, 1] * v + T[1, 2]
        row_z = T[2, 1] * v + T[2, 2]
        first = start - r * width if r == start // width else 0
        for u in range(first, width):
            d = np.float64(depth[r, u])
            if not (d > 0.0 and d < np.inf):
                continue
            beyond = d > max_depth
            if beyond:
                d = max_depth
            a = (u - cx) / fx
            dx = (T[0, 0] * a + row_x) * d
            dy = (T[1, 0] * a + row_y) * d
            z = (T[2, 0] * a + row_z) * d + tz
            ground = dx * dx + dy * dy
            if ground > far[u, 0]:
                far[u, 0], far[u, 1], far[u, 2] = ground, dx, dy
            if beyond:
                continue
            if z >= low_obstacle and z <= high_obstacle and ground < near[u, 0]:
                near[u, 0], near[u, 1], near[u, 2] = ground, dx, dy
            if d < min_depth or z < min_z or z > max_z:
                continue
            i = int(math.floor((dx + tx - origin[0]) / voxel_m))
            j = int(math.floor((dy + ty - origin[1]) / voxel_m))
            k = int(math.floor((z - origin[2]) / voxel_m))
            if i == last_i and j == last_j and k == last_k:
                s = last_s
            else:
                bx, by, bz = (i >> 3) - low[0], (j >> 3) - low[1], (k >> 3) - low[2]
                b = directory[bx, by, bz]
                if b < 0:
                    if blocks == len(block_ijk):
                        state[0], state[1] = blocks, count
                        return r * width + u
                    b = blocks
                    directory[bx, by, bz] = b
                    block_ijk[b, 0], block_ijk[b, 1], block_ijk[b, 2] = i >> 3, j >> 3, k >> 3
                    blocks += 1
                voxel = b * BLOCK_VOXELS + (((i & 7) << 6) | ((j & 7) << 3) | (k & 7))
                s = slot[voxel]
                if s >= count or touched[s] != voxel:
                    s = count
                    slot[voxel] = s
                    touched[s] = voxel
                    for c in range(num_categories):
                        frame_best[s, c] = 0
                    for c in range(3):
                        frame_rgb[s, c] = rgb[r, u, c]
                    count += 1
                last_i, last_j, last_k, last_s = i, j, k, s
            if with_scores:
                for c in range(num_categories):
                    frame_best[s, c] = max(frame_best[s, c], scores[r, u, c])
    state[0], state[1] = blocks, count
    return height * width


@njit(cache=True)
def fuse(
    touched: _I32,
    count: int,
    frame_best: _U8,
    frame_rgb: _U8,
    confident: int,
    views: npt.NDArray[np.uint16],
    best: _U8,
    total: npt.NDArray[np.uint32],
    rgb: _U8,
    block_ijk: _I32,
    low: _I32,
    layers: tuple[int, int],
    obstacle_min_views: int,
    obstacles: npt.NDArray[np.bool_],
    explored: npt.NDArray[np.bool_],
) -> tuple[int, int]:
    """Fold a frame's touched voxels into the map: max and sum over time, views, colour, both 2D grids.

    Views stop at 65535, and with them the sums, so that sum / views stays the mean.

    Returns:
        Number of voxels that became confident, number of cells that became explored.
    """
    gained, cells = 0, 0
    num_categories = best.shape[1]
    for s in range(count):
        voxel = touched[s]
        n = int(views[voxel])
        before = 0
        after = 0
        for c in range(num_categories):
            old, new = best[voxel, c], frame_best[s, c]
            before = max(before, old)
            if new > old:
                best[voxel, c] = new
            after = max(after, best[voxel, c])
            if n < 65535:
                total[voxel, c] += np.uint32(new)
        if before < confident <= after:
            gained += 1
        if n < 65535:
            n += 1
            views[voxel] = n
        weight = n if n < 8 else 8
        for c in range(3):
            rgb[voxel, c] = (int(rgb[voxel, c]) * (weight - 1) + frame_rgb[s, c] + weight // 2) // weight
        b, inside = voxel // BLOCK_VOXELS, voxel % BLOCK_VOXELS
        x = ((block_ijk[b, 0] - low[0]) << 3) + (inside >> 6)
        y = ((block_ijk[b, 1] - low[1]) << 3) + ((inside >> 3) & 7)
        k = (block_ijk[b, 2] << 3) + (inside & 7)
        if n == obstacle_min_views and layers[0] <= k <= layers[1]:
            obstacles[x, y] = True
        if not explored[x, y]:
            explored[x, y] = True
            cells += 1
    return gained, cells


@njit(cache=True)
def mark_free(
    camera: _F64, near: _F64, far: _F64, stride: int, cell_m: float, origin: _F64, explored: npt.NDArray[np.bool_]
) -> int:
    """Mark the cells between the camera and what each image column hits first, on the floor plan.

    A column is free up to its nearest point at obstacle height, or, if it has none, up to its farthest point.

    Args:
        camera: (2,) x, y in metres.
        near: (W, 3) as in `scatter`; x, y relative to the camera.
        far: (W, 3).
        stride: every how many columns a ray is drawn.
        cell_m: edge of a cell.
        origin: (2,) lower corner of cell [0, 0].
        explored: (X, Y), changed in place.

    Returns:
        Number of cells that became explored.
    """
    cells = 0
    for u in range(0, len(near), stride):
        row = near[u] if near[u, 0] < np.inf else far[u]
        if row[0] <= 0.0 or row[0] == np.inf:
            continue
        length = math.sqrt(row[0])
        steps = int(length / (0.5 * cell_m))
        for n in range(steps + 1):
            t = n * 0.5 * cell_m / length
            x = int(math.floor((camera[0] + t * row[1] - origin[0]) / cell_m))
            y = int(math.floor((camera[1] + t * row[2] - origin[1]) / cell_m))
            if 0 <= x < explored.shape[0] and 0 <= y < explored.shape[1] and not explored[x, y]:
                explored[x, y] = True
                cells += 1
    return cells


@njit(cache=True)
def mark_disc(centre: _F64, radius_m: float, cell_m: float, origin: _F64, explored: npt.NDArray[np.bool_]) -> int:
    """Mark the cells whose centre lies within `radius_m` of `centre` (2,), and the cell it stands in."""
    cells = 0
    ci = int(math.floor((centre[0] - origin[0]) / cell_m))
    cj = int(math.floor((centre[1] - origin[1]) / cell_m))
    reach = int(radius_m / cell_m) + 1
    for i in range(max(ci - reach, 0), min(ci + reach + 1, explored.shape[0])):
        for j in range(max(cj - reach, 0), min(cj + reach + 1, explored.shape[1])):
            dx = origin[0] + (i + 0.5) * cell_m - centre[0]
            dy = origin[1] + (j + 0.5) * cell_m - centre[1]
            if not explored[i, j] and (dx * dx + dy * dy <= radius_m * radius_m or (i == ci and j == cj)):
                explored[i, j] = True
                cells += 1
    return cells
