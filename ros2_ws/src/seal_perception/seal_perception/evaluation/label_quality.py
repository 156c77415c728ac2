# SPDX-License-Identifier: Apache-2.0
"""Quality of a dataset of automatic labels against the truth on the same pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from seal_perception.dataset import Annotation, CocoDataset
from seal_perception.errors import InputError
from seal_perception.evaluation.box_matching import KINDS, match_boxes
from seal_perception.types import BoolArray, IntArray


def label_quality(predicted: CocoDataset, truth: CocoDataset) -> dict[str, Any]:
    """Precision and recall of labels, by instance and by pixel.

    Pictures are matched by id; pictures that only one dataset has are an error. Instances match at box IoU >= 0.5 with
    the same category, greedily, highest `score` first. Predicted ignore regions count as no label; true ignore
    regions are left out of the pixel counts. Categories that the truth's file does not have cannot be judged: labels of
    them are left out, and `not_judged` names them where there are any.

    Returns:
        JSON-ready: for "overall" and each category `instance_precision`, `instance_recall`, `pixel_precision`,
        `pixel_recall` (0..1, None where undefined), `predicted`, `true`, `right` and `errors` by kind.

    Raises:
        InputError: if ids or sizes of pictures, or lists of categories, disagree.
    """
    names = predicted.names
    if truth.names != names:
        raise InputError(
            f"{predicted.file} was read for {names}, {truth.file} for {truth.names}: read both for one list"
        )
    if sorted(predicted.image_ids) != sorted(truth.image_ids):
        raise InputError(
            f"{predicted.folder} ({len(predicted)} pictures) and {truth.folder} ({len(truth)}) must hold the same ids"
        )
    lost = [names.index(name) for name in truth.not_in_file]
    place = {image_id: index for index, image_id in enumerate(truth.image_ids)}
    kinds = np.zeros((len(names), len(KINDS)), np.int64)
    true_count = np.zeros(len(names), np.int64)
    pixels = np.zeros((len(names), 3), np.int64)  # right, predicted, true
    for index, image_id in enumerate(predicted.image_ids):
        other = place[image_id]
        if predicted.size(index) != truth.size(other):
            raise InputError(f"picture {image_id} must be {truth.size(other)} (H, W), got {predicted.size(index)}")
        guesses = [a for a in predicted.annotations(index) if not a.ignore and a.mask.any() and a.category not in lost]
        guesses.sort(key=lambda a: -float(a.extra.get("score", 1.0)))
        everything = truth.annotations(other)
        real = [a for a in everything if not a.ignore]
        categories = np.array([a.category for a in guesses], np.int64)
        true_categories = np.array([a.category for a in real], np.int64)
        _, found = match_boxes([a.box() for a in guesses], categories, [a.box() for a in real], true_categories)
        np.add.at(kinds, (categories, found), 1)
        np.add.at(true_count, true_categories, 1)
        _count_pixels(pixels, guesses, real, _union([a for a in everything if a.ignore], truth.size(other)))
    out = {name: _row(kinds[c], true_count[c], pixels[c]) for c, name in enumerate(names.names)}
    overall = _row(kinds.sum(axis=0), true_count.sum(), pixels.sum(axis=0))
    figures = {"frames": len(predicted), "overall": overall, "per_category": out}
    return {**figures, "not_judged": list(truth.not_in_file)} if lost else figures


def _union(annotations: list[Annotation], size: tuple[int, ...]) -> BoolArray:
    out = np.zeros(size, bool)
    for annotation in annotations:
        out |= annotation.mask
    return out


def _count_pixels(pixels: IntArray, guesses: list[Annotation], real: list[Annotation], ignored: BoolArray) -> None:
    for category in range(len(pixels)):
        guess = _union([a for a in guesses if a.category == category], ignored.shape) & ~ignored
        true = _union([a for a in real if a.category == category], ignored.shape) & ~ignored
        pixels[category] += (int((guess & true).sum()), int(guess.sum()), int(true.sum()))


def _row(kinds: IntArray, true: int, pixels: IntArray) -> dict[str, Any]:
    predicted, right = int(kinds.sum()), int(kinds[0])
    return {
        "instance_precision": right / predicted if predicted else None,
        "instance_recall": right / int(true) if true else None,
        "pixel_precision": int(pixels[0]) / int(pixels[1]) if pixels[1] else None,
        "pixel_recall": int(pixels[0]) / int(pixels[2]) if pixels[2] else None,
        "predicted": predicted,
        "true": int(true),
        "right": right,
        "errors": {name: int(kinds[k]) for k, name in enumerate(KINDS) if k > 0},
    }
