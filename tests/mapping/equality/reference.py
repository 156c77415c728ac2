# SPDX-License-Identifier: Apache-2.0
"""The map update in plain loops and float64: what the compiled map must equal. One short function per step.

A point is p = T_map_camera (d (u - cx) / fx, d (v - cy) / fy, d); its voxel is floor((p - origin) / size).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NEAR = 1e-9


class TooClose(Exception):
    """A number lies within `NEAR` of a border: there rounding decides, and other orders of the same sums may differ."""


def floored(value):
    below = math.floor(value)
    if min(value - below, below + 1 - value) < NEAR:
        raise TooClose
    return below


def at_most(value, bar):
    if abs(value - bar) < NEAR:
        raise TooClose
    return value <= bar


@dataclass
class Voxel:
    """What the map keeps of a voxel; lists have an entry per category."""

    best_score: list
    score_sum: list
    votes: list
    views: int = 0
    weight: int = 0
    last_frame: int = 0
    miss_count: int = 0
    rgb: list = field(default_factory=lambda: [0, 0, 0])


@dataclass
class Point:
    """What one pixel saw: `offset` is p minus the camera's place; beyond the range it is cut off at the range."""

    row: int
    column: int
    depth: float
    beyond: bool
    offset: list
    z: float

    @property
    def ground(self):
        return self.offset[0] * self.offset[0] + self.offset[1] * self.offset[1]


@dataclass
class World:
    """The map: voxel (i, j, k) -> what it holds; the explored cells (i, j); per frame the reward."""

    voxels: dict = field(default_factory=dict)
    explored: set = field(default_factory=set)
    gains: list = field(default_factory=list)

    def confident(self, config):
        return sum(max(voxel.best_score) >= config.confident for voxel in self.voxels.values())

    def obstacles(self, config):
        low, high = config.obstacle_min_m - NEAR, config.obstacle_max_m + NEAR
        enough = {v for v, voxel in self.voxels.items() if voxel.views >= config.obstacle_min_views}
        return {(i, j) for i, j, k in enough if low <= k * config.voxel_m <= high}


def reference_map(frames, config):
    """The world after these (Frame, score picture or None)."""
    world = World()
    for number, (item, image) in enumerate(frames):
        before = world.confident(config)
        depth = reference_edge_filter(item.depth, config.edge_filter)
        points = seen_points(depth, item, config)
        for index, seen in frame_voxels(points, item, image, config).items():
            none = [0] * config.num_categories
            voxel = world.voxels.setdefault(index, Voxel(none[:], none[:], none[:]))
            fuse(voxel, seen, number, config)
            world.explored.add(index[:2])
        reference_clear(world, depth, item, number, config)
        reference_explored(world, points, item, config)
        world.gains.append(world.confident(config) - before)
    return world


def reading(depth):
    return 0 < depth < math.inf


def reference_edge_filter(depth, share):
    """Depth [row][column] as floats; 0 where one of the 4 neighbours differs by more than this share (0 = off)."""
    height, width = depth.shape
    out = [[float(d) for d in row] for row in depth]
    for r in range(height):
        for u in range(width):
            d = float(depth[r, u])
            for rr, uu in ((r - 1, u), (r + 1, u), (r, u - 1), (r, u + 1)):
                if share > 0 and reading(d) and 0 <= rr < height and 0 <= uu < width:
                    other = float(depth[rr, uu])
                    if reading(other) and abs(other - d) > share * d:
                        out[r][u] = 0.0
    return out


def seen_points(depth, item, config):
    """A `Point` per pixel with a reading, row by row."""
    T, camera, out = item.T_map_camera, item.camera, []
    for r in range(camera.height):
        for u in range(camera.width):
            d = depth[r][u]
            if not reading(d):
                continue
            beyond = d > config.max_depth_m
            d = min(d, config.max_depth_m)
            a, b = (u - camera.cx) / camera.fx, (r - camera.cy) / camera.fy
            offset = [(T[n, 0] * a + (T[n, 1] * b + T[n, 2])) * d for n in range(3)]
            out.append(Point(r, u, d, beyond, offset, offset[2] + T[2, 3]))
    return out


@dataclass
class Seen:
    """What one frame saw of a voxel: the first pixel's depth and colour, the greatest score of all its pixels."""

    depth: float
    rgb: list
    best_score: list


def frame_voxels(points, item, image, config):
    """Voxel (i, j, k) -> `Seen`, of the points within range and height."""
    out, origin = {}, -0.5 * config.voxel_m
    for point in points:
        if point.beyond or point.depth < config.min_depth_m:
            continue
        if not config.min_height_m <= point.z <= config.max_height_m:
            continue
        p = [point.offset[n] + item.T_map_camera[n, 3] for n in range(3)]
        index = tuple(floored((value - origin) / config.voxel_m) for value in p)
        if index not in out:
            colour = item.rgb[point.row, point.column].tolist()
            out[index] = Seen(point.depth, colour, [0] * config.num_categories)
        if image is not None:
            scores = image[point.row, point.column].tolist()
            out[index].best_score = [max(old, new) for old, new in zip(out[index].best_score, scores, strict=True)]
    return out


def view_weight(depth, full_m):
    """Sixteenths: 16 up to `full_m`, then by the square of the depth, at least 1; 1 for all where it is 0."""
    if full_m == 0:
        return 1
    if depth <= full_m:
        return 16
    share = full_m / depth
    return max(1, math.floor(16 * share * share + 0.5))


def fuse(voxel, seen, number, config):
    """Max, sum and counts over time; colour is a running mean of the last 8 views."""
    weight = view_weight(seen.depth, config.range_weight_m)
    for c, score in enumerate(seen.best_score):
        voxel.best_score[c] = max(voxel.best_score[c], score)
        voxel.score_sum[c] += weight * score
        voxel.votes[c] += score >= config.vote_score
    voxel.views += 1
    voxel.weight += weight
    voxel.last_frame = number
    voxel.miss_count = 0
    n = min(voxel.views, 8)
    voxel.rgb = [(old * (n - 1) + new + n // 2) // n for old, new in zip(voxel.rgb, seen.rgb, strict=True)]


def reference_clear(world, depth, item, number, config):
    """Forget voxels that `clear_views` frames in a row looked through (0 = off)."""
    T = item.T_map_camera
    for index, voxel in list(world.voxels.items()):
        if config.clear_views == 0 or voxel.last_frame == number:
            continue
        away = [index[n] * config.voxel_m - T[n, 3] for n in range(3)]
        q = [sum(T[m, n] * away[m] for m in range(3)) for n in range(3)]  # R transposed: map to optical frame
        voxel.miss_count += looks_through(depth, item.camera, q, config)
        if voxel.miss_count >= config.clear_views:
            del world.voxels[index]


def looks_through(depth, camera, q, config):
    """Whether the 3 x 3 pixels around the point q of the optical frame all see something well behind it."""
    x, y, z = q
    if not (at_most(config.min_depth_m, z) and at_most(z, config.max_depth_m)):
        return False
    u, v = floored(camera.fx * x / z + camera.cx + 0.5), floored(camera.fy * y / z + camera.cy + 0.5)
    around = [(r, c) for r in (v - 1, v, v + 1) for c in (u - 1, u, u + 1)]
    if not all(0 <= r < camera.height and 0 <= c < camera.width for r, c in around):
        return False
    readings = [depth[r][c] for r, c in around]
    return all(reading(d) and not at_most(d, z + config.clear_margin_m) for d in readings)


def reference_explored(world, points, item, config):
    """Cells crossed by the free ray of every column, then the disc around the camera."""
    for column in range(0, item.camera.width, max(1, item.camera.width // 160)):
        mark_free(world, [point for point in points if point.column == column], item, config)
    mark_disc(world, item, config)


def mark_free(world, points, item, config):
    """Up to the nearest point at obstacle height or, if there is none, up to the farthest: a cell every half cell."""
    low, high = config.obstacle_min_m, config.obstacle_max_m
    high_points = [point for point in points if not point.beyond and low <= point.z <= high]
    if not points:
        return
    target = min(high_points, key=lambda p: p.ground) if high_points else max(points, key=lambda p: p.ground)
    length, cell = math.sqrt(target.ground), config.voxel_m
    if length == 0:
        return
    for n in range(int(length / (0.5 * cell)) + 1):
        t = n * 0.5 * cell / length
        world.explored.add(cell_of([item.T_map_camera[n, 3] + t * target.offset[n] for n in range(2)], cell))


def cell_of(xy, cell_m):
    return tuple(floored((value + 0.5 * cell_m) / cell_m) for value in xy)


def mark_disc(world, item, config):
    """Cells whose centre lies within the footprint's radius, and the cell that the camera stands in."""
    x, y = item.T_map_camera[:2, 3].tolist()
    i, j = cell_of((x, y), config.voxel_m)
    reach = int(config.footprint_m / config.voxel_m) + 1
    for a in range(i - reach, i + reach + 1):
        for b in range(j - reach, j + reach + 1):
            away = (a * config.voxel_m - x) ** 2 + (b * config.voxel_m - y) ** 2
            if (a, b) == (i, j) or at_most(away, config.footprint_m**2):
                world.explored.add((a, b))
