# SPDX-License-Identifier: Apache-2.0
"""The table of both bars: counted by hand on small datasets, and the shipped one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seal_bringup.experiments.labels.confirmed import LEAST, SHOWN, objects_of, quality
from seal_mapping.labels.config import LabelConfig
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.reading.text import read_json


def mask(x: int, y: int, size: int = 20) -> np.ndarray:
    out = np.zeros((60, 80), bool)
    out[y : y + size, x : x + size] = True
    return out


def label(instance: int, score: float, own: float, where: np.ndarray, category: int = 0) -> Annotation:
    return Annotation(category, where, {"instance": instance, "score": score, "own_score": own})


def write(folder: Path, pictures: list[list[Annotation]]) -> CocoDataset:
    with DatasetWriter(folder, {}) as writer:
        for annotations in pictures:
            writer.add(np.zeros((60, 80, 3), np.uint8), annotations)
    return CocoDataset(folder)


def test_labels_are_counted_by_object(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", [[Annotation(0, mask(0, 0))], [Annotation(0, mask(0, 0))]])
    labels = write(
        tmp_path / "labels",
        [
            [label(1, 0.5, 0.2, mask(2, 2)), label(2, 0.9, 0.0, mask(50, 30))],
            [label(1, 0.5, 0.6, mask(30, 30)), label(3, 0.4, 0.0, mask(0, 0), category=1)],
        ],
    )
    rows = objects_of(labels, truth)
    assert [(row["labels"], row["right"], row["shown"]) for row in rows] == [(2, 1, 0.6), (1, 0, 0.0), (1, 0, 0.0)]
    assert quality(rows, 2, 0.45, 0.0)["precision"] == round(1 / 3, 4)
    best = quality(rows, 2, 0.45, 0.5)
    assert (best["precision"], best["recall"], best["right"], best["labels"]) == (0.5, 0.5, 1, 2)
    assert quality(rows, 2, 1.0, 0.0)["precision"] == 0.0


def test_the_default_is_a_row_of_the_shipped_table(repo_root: Path) -> None:
    found = read_json(repo_root / "results/confirmed.json")
    table = {(row["least_overlap"], row["confirm_score"]): row for row in found["table"]}
    assert set(table) == {(least, shown) for least in LEAST for shown in SHOWN}
    default = LabelConfig()
    now, before = table[default.least_overlap, default.confirm_score], table[0.4, 0.0]
    assert now["precision"] > before["precision"] and now["recall"] > before["recall"]
    assert all(home > "train_10" for home in found["homes"]), "homes that the model was fitted on say little"
    text = (repo_root / "docs/labels.md").read_text(encoding="utf-8")
    for row in (now, before):
        shares = f"| {row['right'] / row['labels']:.2f} | {row['right'] / found['true']:.2f} |"
        shown = f"{shares} {row['right']} | {row['labels'] - row['right']} |"
        assert shown in text, shown
    rows = [row for some in found["objects"].values() for row in some]
    assert quality(rows, found["true"], default.least_overlap, default.confirm_score) == now
