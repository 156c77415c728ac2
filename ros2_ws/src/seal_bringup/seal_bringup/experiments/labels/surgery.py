# SPDX-License-Identifier: Apache-2.0
"""Labels in which one kind of mistake is put right by the truth: for diagnosis alone, no stage of SEAL may use them.

A label *is of* a true object by the kinds of `box_matching`: "right" (box IoU >= 0.5, its category), else "wrong
category" (>= 0.5, any category), else "poor localisation" (>= 0.1, its category), greedily by score, and each object
takes one label. Labels that are of none are false (background and duplicates); objects without a label are missing.
Regions to ignore are no labels and stay as they are. Everything works on COCO rows of our own form.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.coco.rows import OWN_KEYS
from seal_perception.dataset import ANNOTATIONS, CocoDataset
from seal_perception.errors import InputError
from seal_perception.evaluation.box_matching import match_boxes
from seal_perception.files import write_json
from seal_perception.training.join import link_or_copy
from seal_perception.types import IntArray

Row = dict[str, Any]
PLACE = ("bbox", "area", "segmentation")
"""Keys that say where an object is."""
_PASSES = ((0.5, True), (0.5, False), (0.1, True))
"""Box IoU, and whether the category must agree; what one pass matches the next does not see."""


def match_objects(labels: Sequence[Row], objects: Sequence[Row]) -> IntArray:
    """Which true object each label is of.

    Args:
        labels: N rows of one picture, no regions to ignore.
        objects: M rows of the truth there.

    Returns:
        (N,) index into `objects`, -1 = false; no object occurs twice.
    """
    matched: IntArray = np.full(len(labels), -1, np.int64)
    order = sorted(range(len(labels)), key=lambda n: -float(labels[n].get("score", 1.0)))
    for iou, alike in _PASSES:
        left = [n for n in order if matched[n] < 0]
        free = [m for m in range(len(objects)) if m not in matched]
        found, _ = match_boxes(
            _boxes([labels[n] for n in left]),
            [labels[n]["category_id"] * alike for n in left],
            _boxes([objects[m] for m in free]),
            [objects[m]["category_id"] * alike for m in free],
            iou,
        )
        for n, m in zip(left, found.tolist(), strict=True):
            if m >= 0:
                matched[n] = free[m]
    return matched


def _boxes(rows: Sequence[Row]) -> list[tuple[float, float, float, float]]:
    return [(x, y, x + w, y + h) for x, y, w, h in (row["bbox"] for row in rows)]


Swap = Callable[[list[Row], list[Row], IntArray], list[Row]]
"""New labels of one picture, from its labels (N,), its true objects and `match_objects`."""


def _of_truth(labels: list[Row], objects: list[Row], matched: IntArray, keys: Sequence[str]) -> list[Row]:
    """Matched labels with these keys of their objects."""
    taken = [{} if m < 0 else {key: objects[m][key] for key in keys} for m in matched]
    return [{**row, **new} for row, new in zip(labels, taken, strict=True)]


def _missing(objects: list[Row], matched: IntArray, extra: dict[str, Any]) -> list[Row]:
    """Rows for the objects without a label; the simulator's numbers of objects, which are not the map's, stay out."""
    rows = [row for m, row in enumerate(objects) if m not in matched]
    return [{**{key: row[key] for key in OWN_KEYS}, **extra} for row in rows]


SWAPS: dict[str, Swap] = {
    "place": lambda labels, objects, matched: _of_truth(labels, objects, matched, PLACE),
    "category": lambda labels, objects, matched: _of_truth(labels, objects, matched, ("category_id",)),
    "no_false": lambda labels, objects, matched: [row for row, m in zip(labels, matched, strict=True) if m >= 0],
    "all_objects": lambda labels, objects, matched: labels + _missing(objects, matched, {"from_truth": True}),
    "missing_ignored": lambda labels, objects, matched: labels + _missing(objects, matched, {"ignore": True}),
}
"""What is taken from the truth, all else left as it was labelled: true masks and boxes of matched labels; their true
categories; that false ones are false; missing objects as labels; missing objects as regions to ignore."""


def write_swapped(labels: CocoDataset, truth: CocoDataset, swap: str, out: Path) -> None:
    """Write a dataset with the pictures of `labels` and its labels after a swap.

    Pictures are hard links where the file system allows it, else copies; their ids and names stay, ids of annotations
    are counted anew from 1.

    Args:
        labels: of recorded frames, as SEAL wrote them.
        truth: of the same frames, read for the same list of categories.
        swap: one of `SWAPS`.
        out: folder to make; a folder without `annotations.json` is unfinished and is replaced.

    Raises:
        InputError: if there is no such swap, lists of categories, ids or sizes of pictures differ, a picture is
            missing, or `out` holds a finished dataset.
    """
    if swap not in SWAPS:
        raise InputError(f"swap must be one of {', '.join(SWAPS)}, got {swap!r}")
    if labels.names != truth.names:
        raise InputError(f"{labels.file} was read for {labels.names}, {truth.file} for {truth.names}: read alike")
    if sorted(labels.image_ids) != sorted(truth.image_ids):
        raise InputError(
            f"{labels.folder} ({len(labels)} pictures) and {truth.folder} ({len(truth)}) must hold the same ids"
        )
    if (out / ANNOTATIONS).exists():
        raise InputError(f"{out} already holds a finished dataset; choose another folder or remove it")
    shutil.rmtree(out, ignore_errors=True)
    place = {image_id: index for index, image_id in enumerate(truth.image_ids)}
    images: list[Row] = []
    annotations: list[Row] = []
    for index, image_id in enumerate(labels.image_ids):
        other = place[image_id]
        if labels.size(index) != truth.size(other):
            raise InputError(f"picture {image_id} must be {truth.size(other)} (H, W), got {labels.size(index)}")
        image, own = labels.image_info(index), labels.objects(index)
        path = out / image["file_name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(labels.picture_path(index), path)
        images.append(image)
        objects = truth.objects(other)
        rows = SWAPS[swap](own, objects, match_objects(own, objects))
        for row in rows + [row for row in labels.rows(index) if row.get("ignore", False) or row["iscrowd"]]:
            annotations.append({**row, "id": len(annotations) + 1, "image_id": image_id})
    info = {**labels.info, "swapped": f"{swap}, by the simulator's truth: for diagnosis alone"}
    document = {"info": info, "images": images, "annotations": annotations, "categories": labels.names.table()}
    write_json(out / ANNOTATIONS, document, indent=None)
