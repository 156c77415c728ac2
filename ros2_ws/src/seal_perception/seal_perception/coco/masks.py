# SPDX-License-Identifier: Apache-2.0
"""Outlines and run lengths as annotation tools write them, made into masks.

Coordinates in such files (COCO, labelme, CVAT) are lengths on the picture: pixel (u, v) covers u..u+1, v..v+1, so its
centre is at (u + 0.5, v + 0.5). A pixel belongs to a polygon if its centre lies inside by the even-odd rule; a centre
on a left or upper edge is inside, on a right or lower edge outside. A square from (10, 10) to (20, 20) is therefore
exactly 100 pixels, as with pycocotools (cv2.fillPoly would give 121), and neighbours that share an edge share no pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from seal_perception.errors import InputError
from seal_perception.types import BoolArray, FloatArray, IntArray

Mask = BoolArray

_MAX_CROSSINGS = 1 << 24
"""Of a polygon's edges with the rows of a picture; more is no drawing of a human."""
_MAX_DIGITS = 12
"""Five-bit digits of one compressed run length."""
_MAX_RUN = 1 << 31
_MAX_OUTLINE = 100
"""Longest outline that COCO's own code fills, in widths + heights of the picture: its time and memory grow with it."""


def fill_polygon(points: FloatArray, height: int, width: int) -> Mask:
    """(H, W) bool mask of one closed polygon (P, 2) of x, y; what lies outside the picture is cut off.

    Raises:
        InputError: if its edges cross rows absurdly often.
    """
    x0, y0 = points.T
    x1, y1 = np.roll(points, -1, axis=0).T
    first = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), 0, height).astype(np.int64)
    count = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), 0, height).astype(np.int64) - first
    total = int(count.sum())
    if total > _MAX_CROSSINGS:
        raise InputError(f"a polygon of {len(points)} points is too intricate; draw it with fewer points")
    edge = np.repeat(np.arange(len(points)), count)
    row = np.arange(total) - (np.cumsum(count) - count - first)[edge]
    share = (row + 0.5 - y0[edge]) / (y1 - y0)[edge]
    column = np.clip(np.ceil(x0[edge] + share * (x1 - x0)[edge] - 0.5), 0, width).astype(np.int64)
    # Each crossing turns the rest of its row over; those right of the picture fall in a column of their own.
    crossings = np.bincount(row * (width + 1) + column, minlength=height * (width + 1)).reshape(height, width + 1)
    return np.asarray(np.logical_xor.accumulate(crossings[:, :width] % 2 == 1, axis=1))


def fill_polygons(parts: Sequence[FloatArray], height: int, width: int) -> Mask:
    """(H, W) bool union of the polygons of one object."""
    mask = np.zeros((height, width), bool)
    for points in parts:
        mask |= fill_polygon(points, height, width)
    return mask


def polygons_to_rle(parts: Sequence[FloatArray], height: int, width: int) -> dict[str, Any]:
    """Compressed run lengths of the union of the polygons, filled by COCO's own code, so that figures are COCO's.

    It differs from `fill_polygons` in pixels on the edge.

    Raises:
        InputError: if an outline is absurdly long.
    """
    for points in parts:
        around = np.abs(np.roll(points, -1, axis=0) - points).sum()
        if around > _MAX_OUTLINE * (height + width):
            raise InputError(f"a polygon's outline is {around:.0f} pixels long; draw it with fewer points")
    filled = [part.ravel().tolist() for part in parts]
    return _as_text(coco_mask.merge(coco_mask.frPyObjects(filled, height, width)))


def runs_to_rle(runs: IntArray, height: int, width: int) -> dict[str, Any]:
    """Compressed run lengths, as COCO's evaluator takes them, of runs that `read_runs` has checked."""
    return _as_text(coco_mask.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width))


def _as_text(rle: dict[str, Any]) -> dict[str, Any]:
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def read_runs(counts: object, height: int, width: int) -> IntArray:
    """Run lengths of a COCO mask, column by column, starting with the outside.

    Args:
        counts: a list of lengths, or COCO's compressed text.
        height: of the picture.
        width: of the picture.

    Returns:
        (R,) int64 that add up to height * width.

    Raises:
        InputError: if they do not, or the text is none.
    """
    pixels = height * width
    if isinstance(counts, str):
        if len(counts) > _MAX_DIGITS * (pixels + 2):
            raise InputError(f"a mask's text of {len(counts)} characters is too long for {width} x {height} pixels")
        runs = _decompress(counts)
        good = bool(((runs >= 0) & (runs <= pixels)).all())
    elif isinstance(counts, list) and all(type(value) is int for value in counts):
        good = all(0 <= value <= pixels for value in counts)
        runs = np.array(counts if good else [], np.int64)
    else:
        raise InputError("a mask's counts must be a list of whole numbers or compressed text")
    if not good or runs.sum() != pixels:
        got = f", got {runs.sum()}" if good else ""
        raise InputError(f"a mask's counts must be >= 0 and add up to {pixels} ({width} x {height}){got}")
    return runs


def _decompress(text: str) -> IntArray:
    """Run lengths of COCO's text: digits of 5 bits, low ones first.

    From the fourth on they are differences to the run two before. Decoded here because a hand-made text must not reach
    compiled code that trusts it.
    """
    try:
        digits = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError as error:
        raise InputError("a mask's compressed counts are broken") from error
    ends = np.flatnonzero(digits & 0x20 == 0)
    if len(digits) == 0:
        return np.zeros(0, np.int64)
    if digits.min() < 0 or digits.max() >= 64:
        raise InputError("a mask's compressed counts are broken")
    starts = np.concatenate([[0], ends + 1])
    lengths = np.diff(np.concatenate([starts, [len(digits)]]))
    if lengths.max() > _MAX_DIGITS:
        raise InputError("a mask's compressed counts are broken")
    if lengths[-1]:
        raise InputError("a mask's compressed counts are cut off")
    starts, lengths = starts[:-1], lengths[:-1]
    place = np.arange(len(digits)) - np.repeat(starts, lengths)
    values = np.add.reduceat((digits & 0x1F) << 5 * place, starts)
    values -= np.where(digits[ends] & 0x10, np.int64(1) << 5 * lengths, 0)
    # Sums of no more runs than a picture has pixels, each below 2^60: they are compared before they could wrap.
    if (np.abs(values) > _MAX_RUN).any():
        raise InputError("a mask's compressed counts are broken")
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def mask_to_runs(mask: Mask) -> IntArray:
    """Run lengths of an (H, W) mask, the inverse of `runs_to_mask`."""
    flat = np.concatenate([[False], mask.T.ravel()])
    turns = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], turns, [mask.size]])).astype(np.int64)


def runs_to_mask(runs: IntArray, height: int, width: int) -> Mask:
    """(H, W) bool mask of run lengths that add up to height * width."""
    inside = np.arange(len(runs)) % 2 == 1
    return np.ascontiguousarray(np.repeat(inside, runs).reshape(width, height).T)


def resize_mask(mask: Mask, height: int, width: int) -> Mask:
    """(height, width) bool: each pixel takes the value at its centre's place in `mask`."""
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(np.int64)
    return mask[rows[:, None], columns[None, :]]
