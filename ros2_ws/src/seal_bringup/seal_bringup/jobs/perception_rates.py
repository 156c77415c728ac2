# SPDX-License-Identifier: Apache-2.0
"""`seal benchmark perception`: what each way to run a detector costs, what it is worth, and the frontier as a plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seal_bringup.provenance import provenance
from seal_perception.benchmarks.perception_benchmark import PerceptionRow, frontier, measure
from seal_perception.benchmarks.variants import FULL_SIZE, Variant, coco_variants, small_variants
from seal_perception.dataset import CocoDataset
from seal_perception.detector.facts import SHIPPED, is_coco
from seal_perception.detector.weights import load_small
from seal_perception.errors import InputError
from seal_perception.files import replacing
from seal_perception.simulator import Action
from seal_perception.types import UInt8Array

HOME = "train_01"
_PICTURES = 8


@dataclass(frozen=True)
class PerceptionJob:
    """What to measure.

    Attributes:
        weights: of the small network: a shipped name or a file.
        frames: labelled dataset for AP; None = times alone.
        repeats: measured pictures per variant.
    """

    weights: str = "seal-small"
    frames: Path | None = None
    repeats: int = 20


def perception(
    job: PerceptionJob,
    variants: Sequence[Variant] | None = None,
    progress: Callable[[str], object] = lambda text: None,
) -> dict[str, Any]:
    """Measure all variants.

    Args:
        job: what to measure.
        variants: instead of all that this machine can run.
        progress: called with what is measured next.

    Returns:
        JSON-ready: rows (as every benchmark's, with more keys), frontier (names), pictures, frames, provenance.

    Raises:
        InputError: if weights or frames cannot be read, or the weights are of another form than the small network's.
    """
    _require_small(job.weights)
    truth = None if job.frames is None else CocoDataset(job.frames)
    if truth is not None:
        truth.check_pictures()
    progress(f"pictures of {HOME}")
    chosen = variants if variants is not None else [*small_variants(job.weights), *coco_variants()]
    rows = measure(chosen, home_pictures(), job.weights, job.repeats, truth, progress)
    return {
        "rows": [{**asdict(row), "ratio": row.ratio} for row in rows],
        "frontier": [row.stage for row in frontier(rows)],
        "pictures": f"{_PICTURES} frames of {HOME}",
        "frames": None if truth is None else {"pictures": len(truth), "sha256": truth.hash()},
        "provenance": provenance(),
    }


def _require_small(weights: str) -> None:
    """Refuse weights of another form before anything is measured; shipped ones may be absent."""
    if is_coco(weights):
        raise InputError(
            "--weights is the small network's (seal-small, seal-homes, a file); the COCO form is measured anyway"
        )
    if weights != "seal-small" or SHIPPED.is_file():
        load_small(weights)


def home_pictures(count: int = _PICTURES) -> list[UInt8Array]:
    """What the robot sees while it turns at the start of a training home, (480, 640, 3) uint8."""
    from sim_bridge.embedded import EmbeddedConfig
    from sim_bridge.worlds import open_simulator

    simulator = open_simulator(HOME, EmbeddedConfig(width=FULL_SIZE[0], height=FULL_SIZE[1]))
    pictures = [simulator.reset().rgb]
    while len(pictures) < count:
        pictures.append(simulator.step(Action.LEFT).rgb)
    simulator.close()
    return pictures


def draw_frontier(path: Path, found: dict[str, Any]) -> None:
    """Write a PNG: box AP50 over milliseconds per picture, a point per variant, the frontier as a line.

    Args:
        path: the file.
        found: of `perception`, with frames.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    rows = [row for row in found["rows"] if row["box_ap50"] is not None]
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for network in dict.fromkeys(row["network"] for row in rows):
        own = [row for row in rows if row["network"] == network]
        axes.scatter([row["ms"] for row in own], [row["box_ap50"] for row in own], label=network, s=28)
    line = sorted((row["ms"], row["box_ap50"], row["stage"]) for row in rows if row["stage"] in found["frontier"])
    axes.step([point[0] for point in line], [point[1] for point in line], where="post", color="0.5", linewidth=1)
    for number, (ms, ap, stage) in enumerate(line):
        below = -10 - 9 * (number % 3)  # neighbours' names side by side would cover each other
        axes.annotate(stage, (ms, ap), xytext=(5, below), textcoords="offset points", fontsize=7)
    axes.margins(0.1)
    axes.set_xscale("log")
    for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        ticks(ScalarFormatter())
    axes.set(
        xlabel=f"milliseconds per picture (median, {found['provenance']['cores']} cores)",
        ylabel="box AP50",
        title=f"{found['frames']['pictures']} labelled pictures; grey: nothing is both faster and better",
    )
    axes.legend(fontsize=8)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=110, format="png")


def rows_of(found: dict[str, Any]) -> list[PerceptionRow]:
    """The rows, to be printed."""
    return [PerceptionRow(**{k: v for k, v in row.items() if k != "ratio"}) for row in found["rows"]]
