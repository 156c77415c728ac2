# SPDX-License-Identifier: Apache-2.0
"""Speed of the map and of the labels, beside baselines that are decent themselves.

Groups "mapping" (baseline: a vectorised numpy scatter into a dense map) and "labels" (baseline: the same ray-tracing,
compiled and parallel too, that walks voxel by voxel).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numba import njit, prange

from seal_mapping.benchmarks.episode_benchmark import FRAMES as EPISODE
from seal_mapping.benchmarks.episode_benchmark import episode_rows
from seal_mapping.labels.config import PAPER, VOTE
from seal_mapping.labels.propagate import LabelConfig, LabelVolume, propagate
from seal_mapping.labels.raytrace import render_labels
from seal_mapping.labels.volume import LabelCrop
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.benchmarking import BenchmarkRow, time_ms
from seal_perception.camera import Camera
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose
from seal_perception.types import BoolArray, Float32Array, FloatArray, Int32Array, IntArray, UInt8Array

_ROOM = ((-3.0, -2.5, 0.0), (3.0, 2.5, 2.5))
_BOXES = (  # low corner, high corner, category: furniture of the benchmark's room
    ((1.5, -2.4, 0.0), (2.9, -0.6, 0.5), 3),
    ((-2.9, -1.0, 0.0), (-2.1, 1.2, 0.8), 1),
    ((0.8, 1.2, 0.0), (1.3, 1.7, 0.9), 0),
    ((-1.0, 2.1, 0.0), (-0.6, 2.5, 1.1), 2),
    ((2.7, 0.5, 0.6), (2.9, 1.7, 1.3), 5),
    ((-0.6, -2.4, 0.0), (-0.1, -1.8, 0.8), 4),
)


def room_frames(width: int, height: int, count: int = 24) -> list[tuple[Frame, UInt8Array]]:
    """Frames of a furnished box of a room with score pictures, taken while turning on a circle; always the same."""
    camera = Camera.from_hfov(width, height, math.radians(79.0))
    rng = np.random.default_rng(0)
    out: list[tuple[Frame, UInt8Array]] = []
    for n in range(count):
        angle = 2.0 * math.pi * n / count
        T = planar_pose(0.5 * math.cos(angle), 0.5 * math.sin(angle), angle) @ camera_mounting(0.88)
        depth, category = _look(camera, T)
        scores = np.zeros((height, width, 6), np.uint8)
        rows, columns = np.nonzero(category >= 0)
        scores[rows, columns, category[rows, columns]] = rng.integers(180, 256)
        rgb = np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
        out.append((Frame(n, rgb, depth, camera, T), scores))
    return out


def _look(camera: Camera, T: FloatArray) -> tuple[Float32Array, IntArray]:
    """Depth and category of the benchmark's room by slab tests, (H, W) each."""
    rays, start = camera.rays() @ T[:3, :3].T, T[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        planes = (np.array(_ROOM)[:, None, None] - start) / rays
        depth = np.fmax(planes[0], planes[1]).min(axis=-1)
        category = np.full(depth.shape, -1, np.int64)
        for low, high, index in _BOXES:
            a, b = (np.array(low) - start) / rays, (np.array(high) - start) / rays
            enter, leave = np.fmin(a, b).max(axis=-1), np.fmax(a, b).min(axis=-1)
            hit = (enter > 0) & (enter < leave) & (enter < depth)
            depth[hit], category[hit] = enter[hit], index
    return depth.astype(np.float32), category


class DenseNumpyMap:
    """Baseline: Algorithm 3 as a numpy scatter into a dense box of 12.8 x 12.8 x 2.1 m around the origin.

    Keeps what `VoxelMap` keeps per voxel (best, sum, views), but no colour, no 2D grids and no confident count.
    """

    def __init__(self, config: MapConfig) -> None:
        self.config = config
        self._low = np.array([-128, -128, -2])
        self._shape = np.array([256, 256, 43])
        n = int(np.prod(self._shape))
        self.best_score = np.zeros((config.num_categories, n), np.uint8)
        self.score_sum = np.zeros((config.num_categories, n), np.uint32)
        self.views = np.zeros(n, np.uint16)
        self._frame = np.zeros((config.num_categories, n), np.uint8)
        self._seen = np.zeros(n, bool)

    def integrate(self, frame: Frame, scores: UInt8Array) -> None:
        """Put a frame into the map; work grows with the pixels, not with the box."""
        config, camera, T = self.config, frame.camera, frame.T_map_camera
        valid = (frame.depth >= config.min_depth_m) & (frame.depth <= config.max_depth_m)
        rows, columns = np.nonzero(valid)
        z = frame.depth[valid].astype(np.float64)
        points = np.stack([(columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z])
        points = T[:3, :3] @ points + T[:3, 3:]
        ijk = np.floor((points - config.origin[:, None]) / config.voxel_m).astype(np.int64) - self._low[:, None]
        kept = (ijk[2] >= 0) & (points[2] <= config.max_height_m)
        ijk, rows, columns = ijk[:, kept], rows[kept], columns[kept]
        flat = (ijk[0] * self._shape[1] + ijk[1]) * self._shape[2] + ijk[2]
        self._seen[flat] = True
        touched = np.flatnonzero(self._seen)
        values = scores[rows, columns]
        for c in range(config.num_categories):
            some = np.flatnonzero(values[:, c])
            np.maximum.at(self._frame[c], flat[some], values[some, c])
            fresh = self._frame[c, touched]
            self.best_score[c, touched] = np.maximum(self.best_score[c, touched], fresh)
            self.score_sum[c, touched] += fresh
            self._frame[c, touched] = 0
        self.views[touched] += 1
        self._seen[touched] = False


@njit(cache=True, parallel=True)
def _plain_walk(
    p: FloatArray,
    rotation: FloatArray,
    intrinsics: FloatArray,
    instance: Int32Array,
    stops: BoolArray,
    max_t: float,
    out: Int32Array,
) -> None:
    """Amanatides and Woo for a camera inside the box: one voxel per step."""
    height, width = out.shape
    size = stops.shape
    for r in prange(height):
        for u in range(width):
            a, b = (u - intrinsics[2]) / intrinsics[0], (r - intrinsics[3]) / intrinsics[1]
            dx = rotation[0, 0] * a + rotation[0, 1] * b + rotation[0, 2]
            dy = rotation[1, 0] * a + rotation[1, 1] * b + rotation[1, 2]
            dz = rotation[2, 0] * a + rotation[2, 1] * b + rotation[2, 2]
            x, y, z = int(math.floor(p[0])), int(math.floor(p[1])), int(math.floor(p[2]))
            sx, sy, sz = (1 if dx > 0 else -1), (1 if dy > 0 else -1), (1 if dz > 0 else -1)
            gx = abs(1.0 / dx) if dx != 0.0 else np.inf
            gy = abs(1.0 / dy) if dy != 0.0 else np.inf
            gz = abs(1.0 / dz) if dz != 0.0 else np.inf
            tx = (x + 1 - p[0] if dx > 0 else p[0] - x) * gx
            ty = (y + 1 - p[1] if dy > 0 else p[1] - y) * gy
            tz = (z + 1 - p[2] if dz > 0 else p[2] - z) * gz
            t = 0.0
            out[r, u] = 0
            while t <= max_t and 0 <= x < size[0] and 0 <= y < size[1] and 0 <= z < size[2]:
                if stops[x, y, z]:
                    out[r, u] = instance[x, y, z]
                    break
                if tx <= ty and tx <= tz:
                    t, tx, x = tx, tx + gx, x + sx
                elif ty <= tz:
                    t, ty, y = ty, ty + gy, y + sy
                else:
                    t, tz, z = tz, tz + gz, z + sz


def plain_labels(volume: LabelVolume, crop: LabelCrop, stops: BoolArray, frame: Frame) -> Int32Array:
    """Baseline of `render_labels`: (H, W) int32 instance ids."""
    camera, T = frame.camera, frame.T_map_camera
    out = np.empty((camera.height, camera.width), np.int32)
    _plain_walk(
        (T[:3, 3] - volume.origin) / volume.voxel_m - crop.low,
        T[:3, :3] / volume.voxel_m,
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        crop.instance,
        stops,
        5.1,
        out,
    )
    return out


def _each(
    function: Callable[[Frame, UInt8Array], object], frames: list[tuple[Frame, UInt8Array]]
) -> Callable[[], object]:
    """A call that goes on to the next frame every time."""
    cycle = itertools.cycle(frames)
    return lambda: function(*next(cycle))


def mapping_rows(
    repeats: int = 20, sizes: Sequence[tuple[int, int]] = ((640, 480), (320, 240), (160, 120))
) -> list[BenchmarkRow]:
    """The map update at some picture sizes (width, height), and what is read from the map of the last of them."""
    rows = []
    for width, height in sizes:
        frames, size = room_frames(width, height), f"{width}x{height}"
        voxel_map, dense = VoxelMap(), DenseNumpyMap(MapConfig())
        ours = time_ms(_each(voxel_map.integrate_scores, frames), repeats, len(frames))
        theirs = time_ms(_each(dense.integrate, frames), repeats)
        rows.append(BenchmarkRow("mapping", "integrate", size, *ours, "numpy scatter into a dense map", theirs[0]))
    count = f"{len(voxel_map.voxels())} voxels, {voxel_map.nbytes / 1e6:.1f} MB"
    rows.append(BenchmarkRow("mapping", "confident_count", count, *time_ms(lambda: voxel_map.confident_count, repeats)))
    rows.append(BenchmarkRow("mapping", "voxels", count, *time_ms(voxel_map.voxels, repeats)))
    rows.append(BenchmarkRow("mapping", "obstacles + explored", count, *time_ms(lambda: _grids(voxel_map), repeats)))
    return rows


def _grids(voxel_map: VoxelMap) -> None:
    voxel_map.obstacles()
    voxel_map.explored()


def label_rows(repeats: int = 20) -> list[BenchmarkRow]:
    """Propagation, and label pictures by ray and by depth."""
    frames = room_frames(640, 480)
    voxel_map = VoxelMap()
    for frame, scores in frames:
        voxel_map.integrate_scores(frame, scores)
    volume = propagate(voxel_map, PAPER)
    crop = volume.crop(*volume.bounds())
    stops = crop.clearance == 0
    size, shape = "640x480", "x".join(str(n) for n in crop.instance.shape)

    def traced(frame: Frame, _: UInt8Array) -> object:
        return render_labels(volume, frame.camera, frame.T_map_camera)

    def looked_up(frame: Frame, _: UInt8Array) -> object:
        return render_labels(volume, frame.camera, frame.T_map_camera, pixels="depth", depth=frame.depth)

    def plain(frame: Frame, _: UInt8Array) -> object:
        return plain_labels(volume, crop, stops, frame)

    baseline = time_ms(_each(plain, frames), repeats)[0]
    name = "plain numba traversal"
    few = max(3, repeats // 4)
    rules = {"paper": PAPER, "instance_vote": VOTE, "objects": LabelConfig()}
    table = [
        BenchmarkRow("labels", "ray-traced labels", size, *time_ms(_each(traced, frames), repeats), name, baseline),
        BenchmarkRow("labels", "labels by depth", size, *time_ms(_each(looked_up, frames), repeats), name, baseline),
    ]
    for rule, config in rules.items():
        spent = time_ms(functools.partial(propagate, voxel_map, config), few, 1)
        table.append(BenchmarkRow("labels", f"propagate, {rule}", shape, *spent))
    return [*table, *episode_rows(frames, EPISODE if repeats >= 10 else 24)]


def rows(repeats: int = 20) -> list[BenchmarkRow]:
    """All rows of the groups "mapping" and "labels"."""
    return [*mapping_rows(repeats), *label_rows(repeats)]
