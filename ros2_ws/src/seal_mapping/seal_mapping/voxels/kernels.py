# SPDX-License-Identifier: Apache-2.0
"""The compiled inner loops of the voxel map.

Storage: blocks of 8 x 8 x 8 places. `directory` (BX, BY, BZ) int32 holds a block's number or -1. Place v of block b,
v = (x * 8 + y) * 8 + z inside the block, has its row in the per-voxel arrays at `row_of[b * 512 + v]` - 1; 0 = no point
ever fell there. So a place costs 4 bytes, and only a voxel that was seen costs a row.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from seal_mapping.voxels.config import WEIGHT_ONE
from seal_perception.types import BoolArray, Float32Array, FloatArray, Int32Array, UInt8Array, UInt16Array, UInt32Array

BLOCK = 8
BLOCK_VOXELS = BLOCK**3


@njit(cache=True)
def filter_edges(depth: Float32Array, share: float) -> Float32Array:
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
                if not (0 <= rr < height and 0 <= uu < width and depth[rr, uu] > 0.0 and depth[rr, uu] < np.inf):
                    continue
                if abs(depth[rr, uu] - d) > limit:
                    out[r, u] = 0.0
                    break
    return out


@njit(cache=True, inline="always")
def range_weight(depth_m: float, full_m: float) -> int:
    """Weight of a reading in sixteenths: 16 up to `full_m`, then falling with the square of the depth; at least 1."""
    if depth_m <= full_m:
        return WEIGHT_ONE
    share = full_m / depth_m
    return max(1, int(math.floor(WEIGHT_ONE * share * share + 0.5)))


@njit(cache=True)
def scatter(
    start: int,
    depth: Float32Array,
    rgb: UInt8Array,
    scores: UInt8Array,
    with_scores: bool,
    T: FloatArray,
    intrinsics: FloatArray,
    origin: FloatArray,
    limits: FloatArray,
    voxel_m: float,
    directory: Int32Array,
    low: Int32Array,
    block_ijk: Int32Array,
    row_of: Int32Array,
    place: Int32Array,
    slot: Int32Array,
    state: Int32Array,
    touched: Int32Array,
    frame_best: UInt8Array,
    frame_rgb: UInt8Array,
    frame_depth: Float32Array,
    near: FloatArray,
    far: FloatArray,
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
        block_ijk: (block capacity, 3) block index of each block; appended to.
        row_of: (block capacity * 512,) row + 1 of each place; appended to.
        place: (row capacity,) place of each row; appended to.
        slot: (row capacity,) a row's position in `touched`, if touched[slot[row]] == row.
        state: [number of blocks, number of touched voxels, number of rows], changed in place.
        touched: (>= H * W,) rows seen in this frame.
        frame_best: (>= H * W, C) their best scores in this frame.
        frame_rgb: (>= H * W, 3) colour of the first pixel that fell in them.
        frame_depth: (>= H * W,) its depth.
        near: (W, 3) per column: squared ground distance, x, y of the nearest point at obstacle height.
        far: (W, 3) the same of the farthest point; -1 = none.

    Returns:
        H * W when done, or the pixel at which a new block or row is needed and there is no room.
    """
    height, width = depth.shape
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    min_depth, max_depth, min_z, max_z = limits[0], limits[1], limits[2], limits[3]
    low_obstacle, high_obstacle = limits[4], limits[5]
    tx, ty, tz = T[0, 3], T[1, 3], T[2, 3]
    num_categories = scores.shape[2]
    blocks, count, rows = state[0], state[1], state[2]
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
                        state[0], state[1], state[2] = blocks, count, rows
                        return r * width + u
                    b = blocks
                    directory[bx, by, bz] = b
                    block_ijk[b, 0], block_ijk[b, 1], block_ijk[b, 2] = i >> 3, j >> 3, k >> 3
                    blocks += 1
                at = b * BLOCK_VOXELS + (((i & 7) << 6) | ((j & 7) << 3) | (k & 7))
                row = row_of[at] - 1
                if row < 0:
                    if rows == len(place):
                        state[0], state[1], state[2] = blocks, count, rows
                        return r * width + u
                    row = rows
                    row_of[at] = row + 1
                    place[row] = at
                    rows += 1
                s = slot[row]
                if s >= count or touched[s] != row:
                    s = count
                    slot[row] = s
                    touched[s] = row
                    frame_depth[s] = d
                    for c in range(num_categories):
                        frame_best[s, c] = 0
                    for c in range(3):
                        frame_rgb[s, c] = rgb[r, u, c]
                    count += 1
                last_i, last_j, last_k, last_s = i, j, k, s
            if with_scores:
                for c in range(num_categories):
                    frame_best[s, c] = max(frame_best[s, c], scores[r, u, c])
    state[0], state[1], state[2] = blocks, count, rows
    return height * width


@njit(cache=True)
def fuse(
    touched: Int32Array,
    count: int,
    frame: int,
    frame_best: UInt8Array,
    frame_rgb: UInt8Array,
    frame_depth: Float32Array,
    confident: int,
    vote_score: int,
    full_weight_m: float,
    views: UInt16Array,
    last_frame: UInt32Array,
    best_score: UInt8Array,
    score_sum: UInt32Array,
    votes: UInt16Array,
    weight: UInt32Array,
    miss_count: UInt8Array,
    rgb: UInt8Array,
    place: Int32Array,
    block_ijk: Int32Array,
    low: Int32Array,
    layers: tuple[int, int],
    obstacle_min_views: int,
    obstacles: BoolArray,
    explored: BoolArray,
) -> tuple[int, int]:
    """Fold a frame's touched voxels into the map: max, sum and counts over time, colour, both 2D grids.

    Views stop at 65535, and with them sums, counts and weights, so that their ratios stay what they are.

    Args:
        touched: rows of `scatter`, with `frame_best`, `frame_rgb` and `frame_depth`.
        count: number of them.
        frame: number of the frame, kept as the voxel's last.
        frame_best: (n, C) best scores in this frame.
        frame_rgb: (n, 3) colour.
        frame_depth: (n,) metres.
        confident: score from which a voxel is confident.
        vote_score: score from which a view votes for a category.
        full_weight_m: depth up to which a view has full weight; 0 = every view counts 1 and `weight` is empty.
        views: (rows,) as the arrays that follow, of the store; changed in place.
        last_frame: (rows,) frame that last saw the voxel.
        best_score: (rows, C).
        score_sum: (rows, C) weighted sums of the frame's best.
        votes: (rows, C) views that voted for the category.
        weight: (rows,) sum of weights, or empty.
        miss_count: (rows,) views in a row that looked through the voxel, or empty.
        rgb: (rows, 3).
        place: (rows,) place of each row.
        block_ijk: (blocks, 3).
        low: (3,) of the directory.
        layers: first and last layer of obstacles.
        obstacle_min_views: views that make an obstacle.
        obstacles: (X, Y), changed in place.
        explored: (X, Y), changed in place.

    Returns:
        Number of voxels that became confident, number of cells that became explored.
    """
    gained, cells = 0, 0
    num_categories = best_score.shape[1]
    for s in range(count):
        row = touched[s]
        n = int(views[row])
        before = 0
        after = 0
        share = np.uint32(1)
        if len(weight) > 0:
            share = np.uint32(range_weight(frame_depth[s], full_weight_m))
        for c in range(num_categories):
            old, new = best_score[row, c], frame_best[s, c]
            before = max(before, old)
            if new > old:
                best_score[row, c] = new
            after = max(after, best_score[row, c])
            if n < 65535:
                score_sum[row, c] += share * np.uint32(new)
                if new >= vote_score:
                    votes[row, c] += np.uint16(1)
        if before < confident <= after:
            gained += 1
        if n < 65535:
            n += 1
            views[row] = n
            if len(weight) > 0:
                weight[row] += share
        last_frame[row] = frame
        if len(miss_count) > 0:
            miss_count[row] = 0
        fresh = n if n < 8 else 8
        for c in range(3):
            rgb[row, c] = (int(rgb[row, c]) * (fresh - 1) + int(frame_rgb[s, c]) + fresh // 2) // fresh
        b, inside = place[row] // BLOCK_VOXELS, place[row] % BLOCK_VOXELS
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
    camera: FloatArray,
    near: FloatArray,
    far: FloatArray,
    stride: int,
    cell_m: float,
    origin: FloatArray,
    explored: BoolArray,
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
def mark_disc(centre: FloatArray, radius_m: float, cell_m: float, origin: FloatArray, explored: BoolArray) -> int:
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
