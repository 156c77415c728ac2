# SPDX-License-Identifier: Apache-2.0
"""What the map's filters do on real depth: frames ray-traced in a map of the others, with and without each filter.

seal bag import ../shared/data/hololens_room room
python -m seal_bringup.experiments.real_depth room --out results/real_depth.json

Odd frames are traced in a map of the even ones, on the pixels whose own depth lies in 0.5..5 m. A ray is as deep as
where it enters the voxel that stops it, plus half a voxel. `precise`: within 10 cm of the sensor; `early`, `late`:
farther off; `no_hit`: the ray meets nothing. `kept`: share of the even frames' readings that the filters leave.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.provenance import provenance
from seal_mapping.bag import open_bag
from seal_mapping.label_config import PAPER
from seal_mapping.label_prop import propagate
from seal_mapping.map_kernels import filter_edges
from seal_mapping.raytrace import trace_image
from seal_mapping.source import BagFrame
from seal_mapping.voxel_map import MapConfig, VoxelMap
from seal_perception.files import write_json

NEAR_M = 0.1
RANGE_M = (0.5, 5.0)
"""Readings on which every row is judged, whatever its own range."""
TRACE_M = 6.0


def candidates() -> dict[str, tuple[MapConfig, int]]:
    """Map and least number of views per row."""
    plain = MapConfig(min_depth_m=RANGE_M[0], max_depth_m=RANGE_M[1], min_height_m=-0.5, max_height_m=3.5)
    out: dict[str, tuple[MapConfig, int]] = {"no filter": (plain, 1)}
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


def measure(even: list[BagFrame], odd: list[BagFrame], config: MapConfig, min_views: int) -> dict[str, float]:
    """One row of the table."""
    voxel_map = VoxelMap(config)
    kept = readings = 0
    for item in even:
        voxel_map.integrate(item.frame, None)
        depth = item.frame.depth
        left = filter_edges(depth, config.edge_filter) if config.edge_filter > 0 else depth
        readings += int(_in_range(depth, *RANGE_M).sum())
        kept += int(_in_range(left, config.min_depth_m, config.max_depth_m).sum())
    volume = propagate(voxel_map, replace(PAPER, min_views=min_views))
    errors = []
    for item in odd:
        valid = _in_range(item.frame.depth, *RANGE_M)
        _, traced = trace_image(volume, item.frame.camera, item.frame.T_map_camera, TRACE_M)
        hit = traced[valid] > 0
        error = np.full(hit.shape, np.nan, np.float32)
        error[hit] = traced[valid][hit] + 0.5 * config.voxel_m - item.frame.depth[valid][hit]
        errors.append(error)
    error = np.concatenate(errors)
    hit = np.isfinite(error)
    return {
        "precise": float((np.abs(error[hit]) <= NEAR_M).sum() / len(error)),
        "early": float((error[hit] < -NEAR_M).sum() / len(error)),
        "late": float((error[hit] > NEAR_M).sum() / len(error)),
        "no_hit": float((~hit).mean()),
        "median_error_m": float(np.median(error[hit])),
        "kept": kept / readings,
        "voxels": int(voxel_map.voxels().occupied(min_views).sum()),
        "memory_mb": voxel_map.nbytes / 1e6,
        "pixels": len(error),
    }


def _in_range(depth: np.ndarray[Any, np.dtype[np.float32]], low: float, high: float) -> Any:
    return np.isfinite(depth) & (depth >= low) & (depth <= high)


def main() -> None:
    """Measure every row and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/real_depth.json"))
    options = parser.parse_args()
    items = list(open_bag(options.bag))
    even, odd = items[::2], items[1::2]
    rows = {}
    for name, (config, min_views) in candidates().items():
        rows[name] = measure(even, odd, config, min_views)
        shares = "  ".join(f"{key} {rows[name][key]:.3f}" for key in ("precise", "early", "late", "no_hit", "kept"))
        print(f"{name:50s} {shares}", flush=True)
    write_json(options.out, {"provenance": provenance(), "frames": [len(even), len(odd)], "rows": rows})


if __name__ == "__main__":
    main()
