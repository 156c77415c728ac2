# SPDX-License-Identifier: Apache-2.0
"""How far to trust labels where no truth is known: how many there are, and how often a frame's own detector agrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seal_perception.categories import SIX, CategorySet
from seal_perception.detections import Detections
from seal_perception.types import BoolArray

OWN_SCORE = "own_score"
AGREES = 0.5
"""Mask IoU and score from which a frame's own detection confirms a label."""


def own_score(category: int, mask: BoolArray, own: Detections) -> float:
    """Best score of the own detections of a category whose mask (H, W) overlaps a label's with IoU >= 0.5; 0 = none."""
    best = 0.0
    for index in np.flatnonzero(own.categories == category):
        other = own.masks[index]
        both = np.count_nonzero(mask & other)
        if both and both >= AGREES * np.count_nonzero(mask | other):
            best = max(best, float(own.scores[index]))
    return round(best, 4)


def summary_of(
    images: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]], names: CategorySet = SIX
) -> dict[str, Any]:
    """Counts of a dataset's rows, and per category of its list the self-consistency of its labels.

    Returns:
        frames, labelled_frames, annotations, ignore_regions, annotations_per_category and, where the frames' own
        detections were known, self_consistency: per category labels, objects, confirmed (the share of labels that the
        frame's own detection of score >= 0.5 confirms), score and support (medians).
    """
    objects = [row for row in annotations if not row.get("ignore", False)]
    per_category = [0] * len(names)
    for row in objects:
        per_category[row["category_id"] - 1] += 1
    out: dict[str, Any] = {
        "frames": len(images),
        "labelled_frames": len({row["image_id"] for row in objects}),
        "annotations": len(objects),
        "ignore_regions": len(annotations) - len(objects),
        "annotations_per_category": dict(zip(names.names, per_category, strict=True)),
    }
    if any(OWN_SCORE in row for row in objects):
        rows = {name: [r for r in objects if r["category_id"] == c] for c, name in enumerate(names.names, start=1)}
        out["self_consistency"] = {name: _consistency(some) for name, some in rows.items() if some}
    return out


def _consistency(rows: list[dict[str, Any]]) -> dict[str, Any]:
    known = [row for row in rows if OWN_SCORE in row]
    return {
        "labels": len(rows),
        "objects": len({row["instance"] for row in rows}),
        "confirmed": round(float(np.mean([row[OWN_SCORE] >= AGREES for row in known])), 4) if known else None,
        "score": float(np.median([row["score"] for row in rows])),
        "support": float(np.median([row["support"] for row in rows])),
    }
