# SPDX-License-Identifier: Apache-2.0
"""Which labels are right, for the page of labels where the truth is known: evaluation only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seal_perception.dataset import CocoDataset
from seal_perception.evaluation.box_matching import KINDS, match_boxes

RIGHT = KINDS[0]


@dataclass(frozen=True)
class Verdicts:
    """What every label is, and what has no label.

    Attributes:
        kind: one of `KINDS` per annotation id of the labels.
        missed: per picture's position the true annotations' rows that no label found.
    """

    kind: dict[int, str]
    missed: dict[int, list[dict[str, Any]]]

    def wrong(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of the labels' rows that are not right."""
        return [row for row in rows if self.kind.get(row["id"], RIGHT) != RIGHT]


def judge(labels: CocoDataset, truth: CocoDataset) -> Verdicts:
    """Match every picture's labels as `evaluation.label_quality` does, which also checks that pictures fit."""
    place = {image_id: index for index, image_id in enumerate(truth.image_ids)}
    kind: dict[int, str] = {}
    missed: dict[int, list[dict[str, Any]]] = {}
    for index, image_id in enumerate(labels.image_ids):
        guesses = [row for row in labels.rows(index) if not row.get("ignore", False)]
        guesses.sort(key=lambda row: -float(row.get("score", 1.0)))
        real = [row for row in truth.rows(place[image_id]) if not row.get("ignore", False)]
        found, kinds = match_boxes(
            [_corners(row) for row in guesses],
            [row["category_id"] for row in guesses],
            [_corners(row) for row in real],
            [row["category_id"] for row in real],
        )
        kind.update({int(row["id"]): KINDS[k] for row, k in zip(guesses, kinds, strict=True)})
        missed[index] = [row for n, row in enumerate(real) if n not in found]
    return Verdicts(kind, missed)


def _corners(row: dict[str, Any]) -> tuple[float, float, float, float]:
    x, y, w, h = row["bbox"]
    return x, y, x + w, y + h
