# SPDX-License-Identifier: Apache-2.0
"""Picture of a soak: memory of each node over time, and the ages of what they publish."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seal_bringup.experiments.robot.growth import WARM_S
from seal_perception.files import replacing


def draw_soak(path: Path, name: str, figures: Mapping[str, Any]) -> None:
    """Write a PNG.

    Args:
        path: to write, whole or not at all.
        name: of the run.
        figures: with `memory` and `ages`, as `run_cell` returns them.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    for node, columns in figures["memory"].items():
        top.plot([s / 60 for s in columns["s"]], columns["mb"], label=node, linewidth=1.2)
    top.set(ylabel="resident memory, MB", title=f"{name}: {figures['driven_m']:.0f} m driven", ylim=(0, None))
    top.legend(fontsize=8, ncols=5)
    for topic in sorted({topic for row in figures["ages"] for topic in row["ages_s"]}):
        rows = [row for row in figures["ages"] if topic in row["ages_s"]]
        bottom.plot(
            [row["s"] / 60 for row in rows], [row["ages_s"][topic][0] for row in rows], label=topic, linewidth=1
        )
    bottom.set(xlabel="minutes", ylabel="age on arrival, s (median of 10 s)", ylim=(0, None))
    bottom.legend(fontsize=8, ncols=4)
    for axes in (top, bottom):
        axes.axvline(WARM_S / 60, color="0.6", linewidth=0.8, linestyle="--")
        axes.grid(alpha=0.3)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100, format="png")
