# SPDX-License-Identifier: Apache-2.0
"""Annotations of others as rows of our own form: our category ids, compressed masks, boxes, checked extra keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from seal_perception.coco.document import CocoImage, CocoObject, object_box
from seal_perception.coco.masks import polygons_to_rle, runs_to_rle
from seal_perception.coco.names import shown
from seal_perception.coco.shapes import whole
from seal_perception.errors import InputError

OWN_KEYS = ("id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd")
"""Keys that every row has; the others are an annotation's `extra`."""
_NUMBERS = ("score", "views", "support", "seen", "own_score")


def own_row(item: CocoObject, image: CocoImage) -> dict[str, Any] | None:
    """A row as datasets hold it; None for what covers no pixel. Its segmentation is None for a box alone.

    Raises:
        InputError: if box, area or a key of ours is none, or box and mask do not overlap; the text names the
            annotation.
    """
    box, rle = object_box(item, image), _rle(item, image)
    if rle is None and box is None:
        raise InputError(f"{item.where}: has neither outline nor box; remove the annotation")
    if rle is not None:
        x, y, w, h = (float(side) for side in coco_mask.toBbox(rle))
        box = box or (x, y, w, h)
        apart = min(x + w, box[0] + box[2]) <= max(x, box[0]) or min(y + h, box[1] + box[3]) <= max(y, box[1])
        if apart and min(w, h, box[2], box[3]) > 0:
            raise InputError(f"{item.where}: its box {list(box)} lies beside its mask, whose box is {[x, y, w, h]}")
    assert box is not None
    area = item.row.get("area")
    if not _finite(area):
        area = box[2] * box[3] if rle is None else float(coco_mask.area(rle))
    if box[2] == 0 or box[3] == 0 or (rle is not None and item.polygons and not coco_mask.area(rle)):
        return None
    return {
        **_extra(item),
        "id": item.row.get("id"),
        "image_id": image.id,
        "category_id": item.category + 1,
        "bbox": list(box),
        "area": area,
        "segmentation": rle,
        "iscrowd": int(item.crowd),
    }


def box_rle(box: list[float], height: int, width: int) -> dict[str, Any]:
    """Compressed run lengths of the pixels of a box x, y, w, h; at least one."""
    x, y, w, h = box
    left, top = (int(np.clip(np.floor(low), 0, side - 1)) for low, side in ((x, width), (y, height)))
    right, bottom = (int(np.clip(np.ceil(end), 1, side)) for end, side in ((x + w, width), (y + h, height)))
    mask = np.zeros((height, width), np.uint8, order="F")
    mask[top : max(bottom, top + 1), left : max(right, left + 1)] = 1
    rle = coco_mask.encode(mask)
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


def _rle(item: CocoObject, image: CocoImage) -> dict[str, Any] | None:
    if item.runs is not None:
        segmentation = item.row["segmentation"]
        if isinstance(segmentation["counts"], str):  # `read_runs` has checked it
            return {"size": [image.height, image.width], "counts": segmentation["counts"]}
        return runs_to_rle(item.runs, image.height, image.width)
    if not item.polygons:
        return None
    try:
        return polygons_to_rle(item.polygons, image.height, image.width)
    except InputError as error:
        raise InputError(f"{item.where}: {error}") from error


def _extra(item: CocoObject) -> dict[str, Any]:
    """Further keys; those that we read ourselves must be what we expect, and null counts as absent."""
    extra = {key: value for key, value in item.row.items() if key not in OWN_KEYS}
    for key in (*_NUMBERS, "instance"):
        value = extra.get(key)
        if value is None:
            extra.pop(key, None)
            continue
        good = _finite(value) if key in _NUMBERS else whole(value) == value
        if not good:
            raise InputError(f"{item.where}: {key} must be a number, got {shown(repr(value))}")
    if "ignore" in extra:
        extra["ignore"] = item.ignore
    return extra


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300
