# SPDX-License-Identifier: Apache-2.0
"""How well a map of every second frame predicts the depth of the others; frames are streamed, one at a time.

A ray is as deep as where it enters the voxel that stops it, plus half a voxel. Shares are of the readings that the map
may hold. `precise`: within 10 cm of the sensor; `early`, `late`: farther off; `no_hit`: the ray meets nothing. `kept`:
share of the mapped frames' readings that the filters leave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from seal_mapping.datasets.parallel import prefetch
from seal_mapping.labels.config import PAPER
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.raytrace import trace_image
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.source import FrameSource
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.kernels import filter_edges
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.types import BoolArray, Float32Array, IntArray

NEAR_M = 0.1
_BIN_M, _BINS = 0.001, 20_000
"""Errors are counted by millimetre from -10 to 10 m, so that the median needs no list of them."""

Rows = dict[str, tuple[MapConfig, float]]
Mask = BoolArray


def held(frame: Frame, config: MapConfig) -> Mask:
    """(H, W) readings that a map of these ranges and heights holds."""
    depth = frame.depth
    with np.errstate(invalid="ignore"):
        inside = (depth >= config.min_depth_m) & (depth <= config.max_depth_m)
        T = frame.T_map_camera
        height = (frame.camera.rays() @ T[2, :3]) * depth + T[2, 3]
        out: Mask = inside & (height >= config.min_height_m) & (height <= config.max_height_m)
    return out


def stops(voxel_map: VoxelMap, min_views: float) -> LabelVolume:
    """The voxels that stop a ray: those that `min_views` frames saw, as in the paper's labelling."""
    return propagate(voxel_map, replace(PAPER, min_views=max(1, round(min_views))))


def traced_depth(volume: LabelVolume, frame: Frame, max_depth_m: float) -> Float32Array:
    """(H, W) metres along the optical axis that the map predicts; 0 = the ray meets nothing."""
    _, entered = trace_image(volume, frame.camera, frame.T_map_camera, max_depth_m + 1.0)
    return np.where(entered > 0, entered + np.float32(0.5 * volume.voxel_m), np.float32(0.0))


@dataclass
class _Row:
    """Counts behind one row."""

    pixels: int = 0
    precise: int = 0
    early: int = 0
    late: int = 0
    errors: IntArray = field(default_factory=lambda: np.zeros(_BINS, np.int64))

    def add(self, traced: Float32Array, depth: Float32Array) -> None:
        hit = traced > 0
        error = traced[hit] - depth[hit]
        self.pixels += len(depth)
        self.precise += int((np.abs(error) <= NEAR_M).sum())
        self.early += int((error < -NEAR_M).sum())
        self.late += int((error > NEAR_M).sum())
        place = np.clip(np.floor(error / _BIN_M).astype(np.int64) + _BINS // 2, 0, _BINS - 1)
        self.errors += np.bincount(place, minlength=_BINS)

    def shares(self) -> dict[str, float]:
        hits, n = self.precise + self.early + self.late, self.pixels
        middle = int(np.searchsorted(np.cumsum(self.errors), 0.5 * hits))
        return {
            "precise": self.precise / n,
            "early": self.early / n,
            "late": self.late / n,
            "no_hit": (n - hits) / n,
            "median_error_m": round((middle - _BINS // 2 + 0.5) * _BIN_M, 4) if hits else float("nan"),
        }


def filter_rows() -> Rows:
    """The filters of real depth one by one and together: map and minimum number of views per row."""
    plain = MapConfig(min_height_m=-0.5, max_height_m=3.5)
    out: Rows = {"no filter": (plain, 1)}
    for views in (2, 3, 5, 8):
        out[f"min_views {views}"] = (plain, views)
    for share in (0.02, 0.05):
        out[f"edge_filter {share}"] = (replace(plain, edge_filter=share), 1)
    for far in (3.0, 4.0):
        out[f"max_depth_m {far}"] = (replace(plain, max_depth_m=far), 1)
    out["clear_views 3"] = (replace(plain, clear_views=3), 1)
    out["min_views 3, edge_filter 0.05"] = (replace(plain, edge_filter=0.05), 3)
    for full in (1.5, 2.5, 3.0):
        out[f"min_views 3, range_weight_m {full}"] = (replace(plain, range_weight_m=full), 3)
    out["min_views 3, clear_views 3"] = (replace(plain, clear_views=3), 3)
    out["min_views 2, range_weight_m 2.5, edge_filter 0.05"] = (
        replace(plain, edge_filter=0.05, range_weight_m=2.5),
        2,
    )
    every = replace(plain, edge_filter=0.05, range_weight_m=2.5, clear_views=3)
    out["min_views 3, all three"] = (every, 3)
    out["min_views 2, all three"] = (every, 2)
    return out


def check_maps(
    source: FrameSource, rows: Rows, judge: MapConfig, progress: Callable[[int, int], None] | None = None
) -> dict[str, dict[str, float]]:
    """Odd frames traced in maps of the even ones; one map at a time is in memory.

    Args:
        source: the frames; walked through twice per map.
        rows: per name the map's numbers and the views that a voxel needs.
        judge: readings that this configuration's map may hold are compared, whatever the row's own range.
        progress: called with (frames done, frames to do) over all walks.

    Returns:
        Per row precise, early, late, no_hit, median_error_m (to the millimetre), kept, voxels, memory_mb, pixels.

    Raises:
        InputError: if there are fewer than two frames or no reading to compare.
    """
    configs = list(dict.fromkeys(config for config, _ in rows.values()))
    total, done = 2 * len(configs) * len(source), 0
    if len(source) < 2:
        raise InputError(f"a check needs two frames or more, got {len(source)}")
    found: dict[str, dict[str, float]] = {}
    for config in configs:
        voxel_map, kept, readings = VoxelMap(config), 0, 0
        for n, item in enumerate(prefetch(source)):
            if n % 2 == 0:
                voxel_map.integrate(item.frame, None)
                depth = item.frame.depth
                left = filter_edges(depth, config.edge_filter) if config.edge_filter > 0 else depth
                kept += int(held(replace(item.frame, depth=left), config).sum())
                readings += int(held(item.frame, judge).sum())
            done += 1
            if progress is not None:
                progress(done, total)
        names = [name for name, (other, _) in rows.items() if other == config]
        volumes = {name: stops(voxel_map, rows[name][1]) for name in names}
        counts = {name: _Row() for name in names}
        for n, item in enumerate(prefetch(source)):
            if n % 2 == 1:
                valid = held(item.frame, judge)
                for name in names:
                    traced = traced_depth(volumes[name], item.frame, judge.max_depth_m)
                    counts[name].add(traced[valid], item.frame.depth[valid])
            done += 1
            if progress is not None:
                progress(done, total)
        if not readings or not counts[names[0]].pixels:
            raise InputError("no depth reading lies in the map's range and heights: nothing can be compared")
        cloud = voxel_map.voxels()
        for name in names:
            found[name] = {
                **counts[name].shares(),
                "kept": kept / readings,
                "voxels": int(cloud.occupied(rows[name][1]).sum()),
                "memory_mb": voxel_map.nbytes / 1e6,
                "pixels": counts[name].pixels,
            }
    return {name: found[name] for name in rows}
