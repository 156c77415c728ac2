# SPDX-License-Identifier: Apache-2.0
"""Numbers of annotation files, checked before anything is made of them: sizes, outlines, boxes, masks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from seal_perception.coco.names import shown
from seal_perception.errors import InputError
from seal_perception.types import FloatArray

MAX_SIDE = 16_384
MAX_PIXELS = 100_000_000
MAX_POINTS = 10_000
MAX_OBJECTS = 1000
"""Per picture."""
MAX_COORDINATE = 1e6
_BOX_SLACK = 1.0
"""Pixels by which a box may stick out of its picture: tools round."""


def whole(value: Any) -> int | None:
    """A whole number, also written as 3.0 or "3"; None if it is none."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else None


def size_of(width: Any, height: Any, where: str) -> tuple[int, int]:
    """A picture's width and height.

    Raises:
        InputError: if they are no sizes of a picture.
    """
    sides = [None if isinstance(side, str) else whole(side) for side in (width, height)]
    if any(side is None or not 1 <= side <= MAX_SIDE for side in sides):
        raise InputError(
            f"{where}: width and height must be 1..{MAX_SIDE} pixels, got {shown(width)} x {shown(height)}"
        )
    across, down = (int(side or 0) for side in sides)
    if across * down > MAX_PIXELS:
        raise InputError(f"{where}: width and height must be at most {MAX_PIXELS} pixels, got {across} x {down}")
    return across, down


def outline(points: Iterable[Any], where: str) -> FloatArray:
    """(P, 2) float64 of x, y: an outline that encloses something.

    Raises:
        InputError: if it does not, is too long, or a number is none.
    """
    out = _points(points, where)
    if len(out) < 3:
        raise InputError(f"{where}: a polygon needs at least 3 points, got {len(out)}")
    if not _encloses(out):
        raise InputError(f"{where}: its polygon has no area; remove or redraw it")
    return out


def outlines(segmentation: Any, where: str) -> tuple[FloatArray, ...]:
    """Polygons of a COCO annotation: a list of lists x, y, x, y, ..., or one such list; parts without area are dropped.

    Raises:
        InputError: if none of them encloses anything, or one is no polygon.
    """
    if isinstance(segmentation[0], (int, float)):
        segmentation = [segmentation]
    found = []
    for flat in segmentation:
        if not isinstance(flat, list) or len(flat) % 2:
            raise InputError(f"{where}: a polygon must be a list x, y, x, y, ...")
        found.append(_points(zip(flat[::2], flat[1::2], strict=True), where))
    solid = [part for part in found if len(part) >= 3 and _encloses(part)]
    return tuple(solid) if solid else (outline(found[0], where),)


def require_inside(polygons: Iterable[FloatArray], width: int, height: int, where: str) -> None:
    """Refuse outlines that lie wholly outside of their picture.

    Raises:
        InputError: if they do.
    """
    points = np.concatenate(list(polygons))
    if (points.max(axis=0) <= 0).any() or (points.min(axis=0) >= (width, height)).any():
        raise InputError(f"{where}: lies wholly outside its picture of {width} x {height}")


def box_of(value: Any, width: int, height: int, where: str) -> tuple[float, float, float, float] | None:
    """A COCO box x, y, width, height; None if there is none.

    Raises:
        InputError: if it is no box, or not inside of its picture.
    """
    if value is None or value == []:
        return None
    text = f"{where}: box {shown(value)} must be x, y, w, h inside the picture of {width} x {height}"
    if not isinstance(value, list) or len(value) != 4 or any(type(part) not in (int, float) for part in value):
        raise InputError(text)
    if not all(abs(part) <= MAX_COORDINATE for part in value):  # NaN is not either
        raise InputError(text)
    x, y, w, h = value
    inside = min(x, y) >= -_BOX_SLACK and x + w <= width + _BOX_SLACK and y + h <= height + _BOX_SLACK
    if w < 0 or h < 0 or not inside:
        raise InputError(text)
    return x, y, w, h


def _points(points: Iterable[Any], where: str) -> FloatArray:
    """(P, 2) float64 of points whose numbers are numbers."""
    try:
        pairs = [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: a polygon's points must be pairs of numbers ({shown(error)})") from error
    if len(pairs) > MAX_POINTS:
        raise InputError(f"{where}: a polygon may have {MAX_POINTS} points, got {len(pairs)}")
    for x, y in pairs:
        if not (math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) <= MAX_COORDINATE):
            raise InputError(f"{where}: a point lies at {x:g}, {y:g}")
    return np.array(pairs, np.float64).reshape(-1, 2)


def _encloses(points: FloatArray) -> bool:
    """Whether points do not all lie on one line; not by the signed area, which is 0 for a figure of eight too."""
    away = points - points[0]
    longest = away[np.argmax((away**2).sum(axis=1))]
    return bool(np.abs(away[:, 0] * longest[1] - away[:, 1] * longest[0]).max() >= 1e-9)
