# SPDX-License-Identifier: Apache-2.0
"""The compiled inner loops of the voxel map: `scatter` a frame into voxels, `fuse` it with the frames before."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from seal_mapping.voxels.blocks import (
    BLOCK,
    BLOCK_VOXELS,
    Blocks,
    Grids,
    Voxels,
    block_index,
    place_in_block,
    voxel_in_block,
)
from seal_mapping.voxels.config import WEIGHT_ONE
from seal_perception.types import BoolArray, Float32Array, FloatArray, Int32Array, UInt8Array


class Picture(NamedTuple):
    """The pixels of a frame.

    Attributes:
        depth: (H, W) float32 metres.
        rgb: (H, W, 3) uint8.
        scores: (H, W, C) uint8 best score of 255 per category; (0, 0, C) for a frame without scores.
        with_scores: whether it has them; a loop over pixels that asks the array for its size is 5 % slower.
    """

    depth: Float32Array
    rgb: UInt8Array
    scores: UInt8Array
    with_scores: bool


class View(NamedTuple):
    """Where a frame was taken, and which of its points are kept.

    Attributes:
        T_map_camera: (4, 4) optical frame to map frame.
        intrinsics: (4,) fx, fy, cx, cy.
        origin: (3,) lower corner of voxel (0, 0, 0) in metres.
        voxel_m: edge of a voxel.
        min_depth_m: nearer points are left out.
        max_depth_m: as are points farther away.
        min_height_m: lowest height that is kept.
        max_height_m: greatest height that is kept.
        obstacle_min_m: lowest height of an obstacle.
        obstacle_max_m: greatest height of an obstacle.
    """

    T_map_camera: FloatArray
    intrinsics: FloatArray
    origin: FloatArray
    voxel_m: float
    min_depth_m: float
    max_depth_m: float
    min_height_m: float
    max_height_m: float
    obstacle_min_m: float
    obstacle_max_m: float


class Rules(NamedTuple):
    """How frames are fused and voxels cleared; the fields of `MapConfig` with these names.

    Attributes:
        confident: score from which a voxel is confident.
        vote_score: score from which a view votes for a category.
        range_weight_m: depth up to which a view has full weight; 0 = every view counts 1 and `Voxels.weight` is empty.
        obstacle_layers: first and last layer of obstacles.
        obstacle_min_views: views that make an obstacle.
        clear_views: misses in a row that remove a voxel.
        clear_margin_m: metres behind a voxel's centre at which the background of a miss must lie.
    """

    confident: int
    vote_score: int
    range_weight_m: float
    obstacle_layers: tuple[int, int]
    obstacle_min_views: int
    clear_views: int
    clear_margin_m: float


class Touched(NamedTuple):
    """The voxels that one frame touches, in the order in which its pixels first fall in them.

    Attributes:
        row: (n,) int32 their rows.
        best_score: (n, C) uint8 best score in this frame.
        rgb: (n, 3) uint8 colour of the first pixel that fell in them.
        depth: (n,) float32 its depth in metres.
    """

    row: Int32Array
    best_score: UInt8Array
    rgb: UInt8Array
    depth: Float32Array

    @classmethod
    def room(cls, pixels: int, num_categories: int) -> Touched:
        """Room for a frame of so many pixels."""
        scores, rgb = np.zeros((pixels, num_categories), np.uint8), np.zeros((pixels, 3), np.uint8)
        return cls(np.zeros(pixels, np.int32), scores, rgb, np.zeros(pixels, np.float32))

    def first(self, count: int) -> Touched:
        """The first `count` of them (views)."""
        return Touched._make(array[:count] for array in self)


class Columns(NamedTuple):
    """What each column of a picture sees on the floor plan: squared ground distance, x, y relative to the camera.

    Attributes:
        near: (W, 3) of the nearest point at obstacle height; distance inf = none.
        far: (W, 3) of the farthest point; distance -1 = none.
    """

    near: FloatArray
    far: FloatArray


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
    start: int, picture: Picture, view: View, blocks: Blocks, counts: Int32Array, touched: Touched, columns: Columns
) -> int:
    """Put the pixels from `start` on (row-major) into the frame's list of touched voxels.

    Per voxel and category the frame keeps the greatest score of the pixels that fall in it.

    Args:
        start: first pixel to look at.
        picture: the frame's pixels.
        view: pose and limits.
        blocks: the map's voxels; the directory must cover everything within max_depth_m of the camera. Blocks and
            rows are appended.
        counts: [number of blocks, number of touched voxels, number of rows], changed in place.
        touched: room for H * W voxels; filled.
        columns: changed in place.

    Returns:
        H * W when done, or the pixel at which a new block or row is needed and there is no room.
    """
    depth, rgb, scores = picture.depth, picture.rgb, picture.scores
    T, intrinsics, origin, voxel_m = view.T_map_camera, view.intrinsics, view.origin, view.voxel_m
    min_depth, max_depth, min_z, max_z = view.min_depth_m, view.max_depth_m, view.min_height_m, view.max_height_m
    low_obstacle, high_obstacle = view.obstacle_min_m, view.obstacle_max_m
    directory, low, block_ijk = blocks.directory, blocks.low, blocks.block_ijk
    row_of, place, slot = blocks.row_of, blocks.place, blocks.slot
    touched_row, frame_best, frame_rgb, frame_depth = touched.row, touched.best_score, touched.rgb, touched.depth
    near, far, with_scores = columns.near, columns.far, picture.with_scores
    height, width = depth.shape
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    tx, ty, tz = T[0, 3], T[1, 3], T[2, 3]
    num_categories = scores.shape[2]
    num_blocks, count, num_rows = counts[0], counts[1], counts[2]
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
                d = np.float64(max_depth)
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
                bx, by, bz = block_index(i) - low[0], block_index(j) - low[1], block_index(k) - low[2]
                b = directory[bx, by, bz]
                if b < 0:
                    if num_blocks == len(block_ijk):
                        counts[0], counts[1], counts[2] = num_blocks, count, num_rows
                        return r * width + u
                    b = num_blocks
                    directory[bx, by, bz] = b
                    block_ijk[b, 0], block_ijk[b, 1], block_ijk[b, 2] = block_index(i), block_index(j), block_index(k)
                    num_blocks += 1
                at = b * BLOCK_VOXELS + place_in_block(i, j, k)
                row = row_of[at] - 1
                if row < 0:
                    if num_rows == len(place):
                        counts[0], counts[1], counts[2] = num_blocks, count, num_rows
                        return r * width + u
                    row = num_rows
                    row_of[at] = row + 1
                    place[row] = at
                    num_rows += 1
                s = slot[row]
                if s >= count or touched_row[s] != row:
                    s = count
                    slot[row] = s
                    touched_row[s] = row
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
    counts[0], counts[1], counts[2] = num_blocks, count, num_rows
    return height * width


@njit(cache=True)
def fuse(touched: Touched, frame: int, rules: Rules, blocks: Blocks, voxels: Voxels, grids: Grids) -> tuple[int, int]:
    """Fold a frame's touched voxels into the map: max, sum and counts over time, colour, both 2D grids.

    Views stop at 65535, and with them sums, counts and weights, so that their ratios stay what they are.

    Args:
        touched: of `scatter`.
        frame: number of the frame, kept as the voxel's last.
        rules: thresholds.
        blocks: where the voxels lie.
        voxels: changed in place.
        grids: changed in place.

    Returns:
        Number of voxels that became confident, number of cells that became explored.
    """
    touched_row, frame_best, frame_rgb, frame_depth = touched.row, touched.best_score, touched.rgb, touched.depth
    views, last_frame, best_score, score_sum = voxels.views, voxels.last_frame, voxels.best_score, voxels.score_sum
    votes, rgb, weight, miss_count = voxels.votes, voxels.rgb, voxels.weight, voxels.miss_count
    block_ijk, low, place = blocks.block_ijk, blocks.low, blocks.place
    confident, vote_score, layers = rules.confident, rules.vote_score, rules.obstacle_layers
    obstacles, explored = grids.obstacles, grids.explored
    gained, cells = 0, 0
    num_categories = best_score.shape[1]
    for s in range(len(touched_row)):
        row = touched_row[s]
        n = int(views[row])
        before = 0
        after = 0
        share = np.uint32(1)
        if len(weight) > 0:
            share = np.uint32(range_weight(frame_depth[s], rules.range_weight_m))
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
        b = place[row] // BLOCK_VOXELS
        dx, dy, dz = voxel_in_block(place[row] % BLOCK_VOXELS)
        x = (block_ijk[b, 0] - low[0]) * BLOCK + dx
        y = (block_ijk[b, 1] - low[1]) * BLOCK + dy
        k = block_ijk[b, 2] * BLOCK + dz
        if n == rules.obstacle_min_views and layers[0] <= k <= layers[1]:
            obstacles[x, y] = True
        if not explored[x, y]:
            explored[x, y] = True
            cells += 1
    return gained, cells


@njit(cache=True)
def mark_free(
    camera: FloatArray, columns: Columns, stride: int, cell_m: float, origin: FloatArray, explored: BoolArray
) -> int:
    """Mark the cells between the camera and what each image column hits first, on the floor plan.

    A column is free up to its nearest point at obstacle height, or, if it has none, up to its farthest point.

    Args:
        camera: (2,) x, y in metres.
        columns: of `scatter`.
        stride: every how many columns a ray is drawn.
        cell_m: edge of a cell.
        origin: (2,) lower corner of cell [0, 0].
        explored: (X, Y), changed in place.

    Returns:
        Number of cells that became explored.
    """
    near, far = columns.near, columns.far
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
