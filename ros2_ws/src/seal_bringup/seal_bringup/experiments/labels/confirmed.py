# SPDX-License-Identifier: Apache-2.0
"""From which expected overlap, and shown by which score, is an object worth a label? Label quality on training homes.

Every object down to an expected overlap of 0.2 is labelled without a second look, and counted with the best score of a
frame's own detection that shows it as a whole (`seal_mapping.datasets.confirm`). So each pair of bars is one sum:
nearly what a labelling with these bars gives, as a lower bar joins candidates that touch. Homes that the model of
objects was fitted on say little: take others.

python -m seal_bringup.experiments.labels.confirmed --homes train_11,train_12 --out results/confirmed.json
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from seal_bringup.demo.config import TRAINING_HOMES, parse_homes
from seal_bringup.experiments.recordings import record, require_training_home, true_labels
from seal_bringup.provenance import provenance
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.summary import OWN_SCORE
from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.objects.model import model_digest, shipped_model
from seal_perception.dataset import CocoDataset
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.evaluation.box_matching import match_boxes
from seal_perception.files import sha256, write_json

LEAST = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
SHOWN = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Bars of the expected overlap and of the best score of a detection that shows the object."""

Row = dict[str, Any]


def objects_of(labels: CocoDataset, truth: CocoDataset) -> list[Row]:
    """One row per labelled object: category, overlap, shown, and its labels that are right and all of them.

    A label is right with a box IoU of 0.5 or more with a true object of its category, each taken once.
    """
    out: dict[int, Row] = {}
    for index in range(len(labels)):
        own, objects = labels.objects(index), truth.objects(index)
        matched, _ = match_boxes(
            [_corners(row) for row in own],
            [row["category_id"] for row in own],
            [_corners(row) for row in objects],
            [row["category_id"] for row in objects],
            0.5,
        )
        for row, found in zip(own, matched.tolist(), strict=True):
            empty = {"category": row["category_id"], "overlap": row["score"], "shown": 0.0, "right": 0, "labels": 0}
            one = out.setdefault(row["instance"], empty)
            one["shown"] = max(one["shown"], row.get(OWN_SCORE, 0.0))
            one["labels"] += 1
            one["right"] += found >= 0
    return list(out.values())


def _corners(row: Row) -> tuple[float, float, float, float]:
    x, y, w, h = row["bbox"]
    return x, y, x + w, y + h


def quality(rows: Sequence[Row], true: int, least: float, shown: float) -> Row:
    """Precision and recall of the labels of the objects that reach both bars; `true` is how many there should be."""
    kept = [row for row in rows if row["overlap"] >= least and row["shown"] >= shown]
    right, labels = (sum(row[key] for row in kept) for key in ("right", "labels"))
    share = {"precision": round(right / max(labels, 1), 4), "recall": round(right / max(true, 1), 4)}
    return {"least_overlap": least, "confirm_score": shown, **share, "right": right, "labels": labels}


def main() -> None:
    """Label the homes once, and write the table of all pairs of bars."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", default=",".join(TRAINING_HOMES[10:]))
    parser.add_argument("--work", type=Path, default=Path("runs/confirmed"))
    parser.add_argument("--weights", default="seal-small")
    parser.add_argument("--out", type=Path, default=Path("results/confirmed.json"))
    options = parser.parse_args()
    homes, config = parse_homes(options.homes), replace(LabelConfig(), least_overlap=min(LEAST), confirm_score=0.0)
    for home in homes:
        require_training_home(home)
    rows, true = defaultdict[str, list[Row]](list), 0
    for home in homes:
        folder = options.work / home
        recording = record(home, folder, options.weights)
        truth = CocoDataset(true_labels(home, folder, recording))
        if not (folder / "labels" / "annotations.json").is_file():
            write_dataset(recording, LabelProp(config), DatasetWork(folder / "labels"))
        labels = CocoDataset(folder / "labels")
        if labels.image_ids != truth.image_ids:
            raise InputError(f"{labels.folder} and {truth.folder} must hold the same pictures; remove {folder}")
        rows[home] = objects_of(labels, truth)
        true += sum(len(truth.objects(index)) for index in range(len(truth)))
        print(f"{home}: {len(rows[home])} objects", flush=True)
    everything = [row for some in rows.values() for row in some]
    table = [quality(everything, true, *bars) for bars in product(LEAST, SHOWN)]
    about = {"homes": list(homes), "weights": sha256(resolve_weights(options.weights))}
    about["object_model"] = model_digest(shipped_model())
    write_json(options.out, {"provenance": provenance(), **about, "true": true, "table": table, "objects": rows})
    for row in table:
        print("overlap {least_overlap:.2f} shown {confirm_score:.1f}  ".format(**row), end="")
        print("precision {precision:.3f} recall {recall:.3f} of {labels} labels".format(**row))


if __name__ == "__main__":
    main()
