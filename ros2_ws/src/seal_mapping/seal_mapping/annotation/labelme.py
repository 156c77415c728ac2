# SPDX-License-Identifier: Apache-2.0
"""Outlines of a labelme file: polygons, rectangles, circles, and masks that a model proposed."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import numpy as np

from seal_mapping.annotation.drawn import DrawnObject
from seal_perception.coco.masks import Mask, mask_to_runs, runs_to_mask
from seal_perception.coco.names import CategoryNames, LeftOut, shown
from seal_perception.coco.pictures import decode_png
from seal_perception.coco.shapes import outline, require_inside
from seal_perception.errors import InputError
from seal_perception.types import FloatArray, IntArray

IGNORE = "__ignore__"
_CIRCLE_POINTS = 96
_SOLID = ("polygon", "rectangle", "oriented_rectangle", "rotation")
"""Shapes that are given by their corners, in labelme and its descendants."""
_MAX_MASK_TEXT = 40_000_000


def labelme_objects(
    document: dict[str, Any], size: tuple[int, int], names: CategoryNames, left_out: LeftOut
) -> tuple[list[DrawnObject], int]:
    """What was drawn on a picture.

    Args:
        document: of the file.
        size: width and height of the picture.
        names: which labels are ours.
        left_out: counts what is not taken.

    Returns:
        The objects, and how many regions were marked `__ignore__`.

    Raises:
        InputError: if a shape is broken; the text names it.
    """
    objects: dict[Any, DrawnObject] = {}
    ignored = 0
    for number, shape in enumerate(document["shapes"]):
        where = f"shape {number} ({shown(shape['label'])!r})"
        if shape["label"] == IGNORE:
            ignored += 1
            continue
        ours = names.find(shape["label"])
        if ours is None:
            left_out.other(shape["label"])
            continue
        category, known = ours
        polygons, runs = _shape(shape, size, where)
        # Parts of one object share a group or a numbered label; every other shape is an object of its own.
        group = shape.get("group_id")
        key = ("group", category, known, group) if group is not None else ("label", known) if known else number
        old = objects.get(key)
        if old is not None:
            polygons, runs = (*old.polygons, *polygons), _union(old.runs, runs, size)
        objects[key] = DrawnObject(where if old is None else old.where, category, polygons, runs, known)
    return list(objects.values()), ignored


def _shape(shape: dict[str, Any], size: tuple[int, int], where: str) -> tuple[tuple[FloatArray, ...], IntArray | None]:
    """Outlines or a mask of one shape."""
    kind, points = shape.get("shape_type") or "polygon", shape["points"]
    if kind == "mask":
        return (), mask_to_runs(_mask(shape.get("mask"), points, size, where))
    if kind == "circle" and len(points) == 2:
        points = _circle(points, where)
    elif kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        points = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    elif kind not in _SOLID:
        raise InputError(
            f"{where}: is a {shown(kind)}, which encloses nothing; draw a polygon, a rectangle, a circle or a mask"
        )
    found = outline(points, where)
    require_inside([found], *size, where)
    return (found,), None


def _circle(points: list[Any], where: str) -> FloatArray:
    """A circle's centre and a point on it, as a polygon of the same area."""
    (x, y), (u, v) = ((float(a), float(b)) for a, b in points)
    angle = np.arange(_CIRCLE_POINTS) * (2 * np.pi / _CIRCLE_POINTS)
    radius = np.hypot(u - x, v - y) / np.sqrt(_CIRCLE_POINTS / (2 * np.pi) * np.sin(2 * np.pi / _CIRCLE_POINTS))
    if not radius > 0:
        raise InputError(f"{where}: its circle has no area; remove or redraw it")
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def _mask(text: Any, points: list[Any], size: tuple[int, int], where: str) -> Mask:
    """(H, W) mask of the picture from the PNG of its box; the size is compared before pixels are unpacked."""
    (xa, ya), (xb, yb) = ((int(float(x)), int(float(y))) for x, y in points)
    (x0, x1), (y0, y1), (width, height) = sorted((xa, xb)), sorted((ya, yb)), size
    if not isinstance(text, str) or len(text) > _MAX_MASK_TEXT:
        raise InputError(f"{where}: a mask must be a PNG in base64, at most {_MAX_MASK_TEXT / 1e6:.0f} MB")
    if not (0 <= x0 <= x1 < width and 0 <= y0 <= y1 < height):
        corners = f"{x0}, {y0} to {x1}, {y1}"
        raise InputError(f"{where}: its mask lies at {corners}, outside its picture of {width} x {height}")
    try:
        pixels = decode_png(base64.b64decode(text, validate=True), (y1 - y0 + 1, x1 - x0 + 1))
    except (binascii.Error, ValueError) as error:
        raise InputError(f"{where}: its mask is no PNG in base64 of its box: {shown(error)}") from error
    if not pixels.any():
        raise InputError(f"{where}: its mask is empty; remove it")
    mask = np.zeros((height, width), bool)
    mask[y0 : y1 + 1, x0 : x1 + 1] = pixels > 0
    return mask


def _union(a: IntArray | None, b: IntArray | None, size: tuple[int, int]) -> IntArray | None:
    if a is None or b is None:
        return b if a is None else a
    width, height = size
    return mask_to_runs(runs_to_mask(a, height, width) | runs_to_mask(b, height, width))


def is_labelme(document: Any) -> bool:
    """Whether a JSON document is a labelme file."""
    return isinstance(document, dict) and "shapes" in document


def labelme_name(document: dict[str, Any], path: Path) -> str:
    """File name of the picture that was drawn on."""
    return str(document.get("imagePath") or path.with_suffix("").name)
