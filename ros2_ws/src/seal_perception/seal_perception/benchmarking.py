# SPDX-License-Identifier: Apache-2.0
"""Timing of a stage beside a named baseline, in one run on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BenchmarkRow:
    """One line of `seal benchmark`; times are medians in milliseconds, warm.

    `ratio` is baseline_ms / ms: above 1, the stage is faster than its baseline.
    """

    group: str
    stage: str
    size: str
    ms: float
    p90_ms: float
    baseline: str | None = None
    baseline_ms: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster than the baseline."""
        return None if self.baseline_ms is None else self.baseline_ms / self.ms


def time_ms(function: Callable[[], object], repeats: int = 20, warm_up: int = 3) -> tuple[float, float]:
    """Median and 90 % figure in milliseconds of `repeats` calls after `warm_up` unmeasured ones."""
    for _ in range(warm_up):
        function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times)), float(np.percentile(times, 90))
