# SPDX-License-Identifier: Apache-2.0
r"""Weights beside each other on labelled frames: AP, confident detections, and whether a score means what it says.

python -m seal_bringup.experiments.detectors.compare \
    --weights before=old.safetensors --weights now=seal-small \
    --frames homes=frames/train_01,frames/train_02 --frames office=frames/office \
    --json results/detectors.json --plot docs/images/reliability.png

A group of frames is a name and dataset folders (`seal scene frames`, or any COCO dataset that `seal evaluate` reads).
The plot has a panel for each group: of the detections with scores in a bin, the share that is right (box IoU >= 0.5,
category, no duplicate).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seal_bringup.provenance import provenance
from seal_perception.dataset import CocoDataset
from seal_perception.detector.detector import load_detector
from seal_perception.errors import InputError
from seal_perception.evaluation.evaluate import (
    CalibrationData,
    DetectsPictures,
    calibration_data,
    detect_all,
    evaluate_detections,
)
from seal_perception.files import replacing, write_json
from seal_perception.types import BoolArray, FloatArray

EDGES = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
"""Edges of the bins of scores."""
FEW = 10
"""A bin with fewer detections is drawn as a hollow point."""


class Measured(NamedTuple):
    """One detector on one dataset."""

    figures: dict[str, Any]
    data: CalibrationData


def measure(detector: DetectsPictures, folder: Path) -> Measured:
    """AP and confident detections of a dataset, and what its reliability is counted from."""
    dataset = CocoDataset(folder)
    found = detect_all(detector, dataset)
    figures = evaluate_detections(found, dataset)
    confident = figures["confident"]
    row = {key: figures[key] for key in ("frames", "instances", "box_ap50", "mask_ap50", "box_ap50_interval")}
    row["per_category"] = figures["per_category"]
    row["above_90"] = {"detections": confident["detections"], "right": confident["right"]}
    return Measured(row, calibration_data(found, dataset))


def reliability(scores: FloatArray, right: BoolArray) -> list[dict[str, float | int]]:
    """Per bin of `EDGES` with a detection: mean score, share that is right, count."""
    place = np.clip(np.searchsorted(EDGES, scores, side="right") - 1, 0, len(EDGES) - 2)
    rows: list[dict[str, float | int]] = []
    for k in np.unique(place):
        own = place == k
        rows.append(
            {
                "score": round(float(scores[own].mean()), 4),
                "right": round(float(right[own].mean()), 4),
                "count": int(own.sum()),
            }
        )
    return rows


def summary(parts: list[Measured]) -> dict[str, Any]:
    """A group's mean AP over its datasets, and its confident detections and reliability in sum."""
    scores, right = (np.concatenate([getattr(part.data, name) for part in parts]) for name in ("scores", "right"))
    above = [part.figures["above_90"] for part in parts]
    means: dict[str, Any] = {}
    for key in ("box_ap50", "mask_ap50"):
        values = [part.figures[key] for part in parts if part.figures[key] is not None]
        means[key] = float(np.mean(values)) if values else None
    counts = {key: sum(row[key] for row in above) for key in ("detections", "right")}
    return {**means, "above_90": counts, "reliability": reliability(scores, right)}


def named(text: str) -> tuple[str, str]:
    """NAME=VALUE.

    Raises:
        InputError: if it is something else.
    """
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise InputError(f"expected NAME=VALUE, got {text!r}")
    return name, value


def draw(path: Path, table: dict[str, dict[str, Any]]) -> None:
    """A panel for each group with a line for each detector; written beside, then renamed."""
    from matplotlib.figure import Figure

    groups = list(next(iter(table.values())))
    figure = Figure(figsize=(3.4 * len(groups), 3.4), layout="constrained")
    for axis, group in zip(np.ravel([figure.subplots(1, len(groups), sharey=True)]), groups, strict=True):
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--")
        for number, (name, rows) in enumerate(table.items()):
            bins = rows[group]["reliability"]
            line = axis.plot([b["score"] for b in bins], [b["right"] for b in bins], label=name, color=f"C{number}")
            many = [b for b in bins if b["count"] >= FEW]
            axis.plot(
                *zip(*((b["score"], b["right"]) for b in bins), strict=True),
                "o",
                mfc="white",
                color=line[0].get_color(),
            )
            if many:
                axis.plot(*zip(*((b["score"], b["right"]) for b in many), strict=True), "o", color=line[0].get_color())
        axis.set(title=group, xlabel="score", xlim=(0, 1), ylim=(0, 1))
    first = figure.axes[0]
    first.set_ylabel("share that is right")
    first.legend(frameon=False)
    with replacing(path) as beside:
        figure.savefig(beside, format=path.suffix[1:] or "png", dpi=110)


def main() -> None:
    """Measure each weights file on each group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--weights", action="append", required=True, help="NAME=FILE, seal-small, seal-homes or coco; repeat"
    )
    parser.add_argument("--frames", action="append", required=True, help="NAME=FOLDER,FOLDER,...; repeat")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    groups = dict(named(text) for text in options.frames)
    table: dict[str, dict[str, Any]] = {}
    for name, weights in map(named, options.weights):
        detector = load_detector(weights)
        table[name] = {}
        for group, folders in groups.items():
            parts = {Path(folder).name: measure(detector, Path(folder)) for folder in folders.split(",")}
            row = summary(list(parts.values()))
            table[name][group] = {**row, "datasets": {key: part.figures for key, part in parts.items()}}
            above = row["above_90"]
            figures = f"box AP50 {_figure(row['box_ap50'])}, mask AP50 {_figure(row['mask_ap50'])}"
            print(
                f"{name} on {group}: {figures}; above 0.9: {above['right']} of {above['detections']} right", flush=True
            )
    if options.json:
        write_json(options.json, {"provenance": provenance(), "detectors": table})
    if options.plot:
        draw(options.plot, table)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()
