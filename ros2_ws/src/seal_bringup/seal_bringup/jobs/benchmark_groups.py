# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of all packages by group, and the group "loop": the whole loop in one process and over ROS."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.benchmarking import BenchmarkRow
from seal_perception.errors import InputError
from seal_perception.reading.text import read_json

GROUPS = {
    "render": "sim_bridge.benchmarks.render_benchmark",
    "sensors": "sim_bridge.benchmarks.sensor_benchmark",
    "detector": "seal_perception.detector.detector_benchmark",
    "mapping": "seal_mapping.benchmarks.mapping_benchmark",
    "labels": "seal_mapping.benchmarks.mapping_benchmark",
    "planning": "seal_policy.policy_benchmark",
    "loop": "seal_bringup.jobs.benchmark_groups",
}
"""Group -> the module whose `rows(repeats)` measures it."""

PARTS = {"mapping": ("labels",)}
"""The groups that a name stands for: the map and the labels that are made from it."""

HOME = "train_01"
WIDTH, HEIGHT = 160, 120


def collect(
    group: str | None, repeats: int = 20, on_group: Callable[[str], object] = lambda name: None
) -> list[BenchmarkRow]:
    """Rows of one group, or of all.

    Args:
        group: its name; None = all groups.
        repeats: measured calls per stage.
        on_group: called with the names that are measured next.

    Raises:
        InputError: if there is no such group; the text lists those that exist.
    """
    if group is not None and group not in GROUPS:
        raise InputError(f"unknown benchmark group {group!r}; expected one of {', '.join(GROUPS)}, worlds, perception")
    rows: list[BenchmarkRow] = []
    for module in dict.fromkeys(GROUPS.values() if group is None else [GROUPS[group]]):
        on_group(", ".join(name for name, home in GROUPS.items() if home == module))
        rows += import_module(module).rows(repeats)
    wanted = {group, *PARTS.get(group or "", ())}
    return [row for row in rows if group is None or row.group in wanted]


def as_dicts(rows: list[BenchmarkRow]) -> list[dict[str, Any]]:
    """Rows as JSON has them: group, stage, size, ms, p90_ms, baseline, baseline_ms, ratio."""
    return [{**asdict(row), "ratio": row.ratio} for row in rows]


def rows(repeats: int = 20) -> list[BenchmarkRow]:
    """Group "loop": one step without the detector at 160 x 120, in one process and over ROS.

    A step is simulate, integrate, goal, plan, act. Over ROS it is also five processes, messages and the bag; its
    baseline is the loop in one process. The overall pace (first to last frame) stands in `size`.
    """
    steps = max(20, 10 * repeats)
    _explore(20)
    times = _explore(steps)
    ms, p90 = np.percentile(times, [50, 90])
    pace = 1e3 / float(np.mean(times))
    one = BenchmarkRow("loop", "step in one process", _size(steps, pace), float(ms), float(p90))
    ros_ms, ros_p90, ros_pace = _explore_over_ros(steps)
    over = BenchmarkRow("loop", "step over ROS", _size(steps, ros_pace), ros_ms, ros_p90, "in one process", one.ms)
    return [one, over]


def _size(steps: int, pace: float) -> str:
    return f"{WIDTH} x {HEIGHT}, {steps} steps of {HOME} at {pace:.1f} steps/s"


def _explore(steps: int) -> list[float]:
    """Milliseconds from frame to frame in one process."""
    from seal_mapping.voxels.voxel_map import VoxelMap
    from seal_policy.explorer import Explorer
    from seal_policy.loop import explore
    from seal_policy.registry import make_policy
    from sim_bridge.embedded import EmbeddedConfig
    from sim_bridge.worlds import open_simulator

    simulator = open_simulator(HOME, EmbeddedConfig(width=WIDTH, height=HEIGHT))
    stamps: list[float] = []
    explore(
        simulator,
        None,
        VoxelMap(),
        Explorer(make_policy("frontier")),
        steps,
        on_frame=lambda *_: stamps.append(time.perf_counter()),
    )
    return [1e3 * (b - a) for a, b in zip(stamps[:-1], stamps[1:], strict=True)]


def _explore_over_ros(steps: int) -> tuple[float, float, float]:
    """Median and 90 % milliseconds of a step over ROS, and steps per second from the first to the last frame."""
    from seal_bringup.stack.config import StackConfig
    from seal_bringup.stack.runner import run_stack

    with tempfile.TemporaryDirectory(prefix="seal_benchmark_") as folder:
        config = StackConfig(
            scene=HOME,
            steps=steps,
            run_dir=Path(folder),
            weights="none",
            width=WIDTH,
            height=HEIGHT,
            domain_id=1 + os.getpid() % 100,
        )
        result = run_stack(config, progress=lambda progress: None)
        median, p90 = read_json(result.status_path)["ms"]["whole step"]
    return float(median), float(p90), result.steps_per_s
