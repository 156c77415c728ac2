# SPDX-License-Identifier: Apache-2.0
"""Which predicted object is which true one, and why the others are wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seal_perception.types import FloatArray, IntArray

KINDS: tuple[str, ...] = ("right", "background", "wrong category", "poor localisation", "duplicate")
"""What a predicted object is: index 0 is right, the others are the kinds of error."""


def box_iou(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """(N, M) intersection over union of (N, 4) and (M, 4) boxes x0, y0, x1, y1."""
    a, b = np.asarray(a, np.float64).reshape(-1, 4), np.asarray(b, np.float64).reshape(-1, 4)
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    inside = np.clip(high - low, 0.0, None).prod(axis=2)
    areas = (a[:, 2:] - a[:, :2]).prod(axis=1)[:, None] + (b[:, 2:] - b[:, :2]).prod(axis=1)[None, :]
    out: FloatArray = inside / np.maximum(areas - inside, 1e-12)
    return out


def match_boxes(
    boxes: npt.ArrayLike,
    categories: npt.ArrayLike,
    true_boxes: npt.ArrayLike,
    true_categories: npt.ArrayLike,
    iou: float = 0.5,
) -> tuple[IntArray, IntArray]:
    """Match predicted to true objects of one picture, greedily in the order given (best score first).

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        categories: (N,).
        true_boxes: (M, 4).
        true_categories: (M,).
        iou: overlap of boxes from which an object counts as found.

    Returns:
        (N,) index of the true object or -1, and (N,) index into `KINDS`: a wrong one is a "duplicate" where it lies on
        a found object of its category, "wrong category" where it lies on another's, "poor localisation" where it
        overlaps its own category by 0.1 to `iou`, else "background".
    """
    categories, true_categories = np.asarray(categories, np.int64), np.asarray(true_categories, np.int64)
    overlap = box_iou(boxes, true_boxes)
    matched = np.full(len(categories), -1, np.int64)
    kinds = np.ones(len(categories), np.int64)
    if len(true_categories) == 0:
        return matched, kinds
    free = np.ones(len(true_categories), bool)
    for i, category in enumerate(categories):
        same = true_categories == category
        candidates = np.where(same & free, overlap[i], -1.0)
        best = int(candidates.argmax())
        if candidates[best] >= iou:
            matched[i], kinds[i], free[best] = best, 0, False
        elif (overlap[i][same] >= iou).any():
            kinds[i] = KINDS.index("duplicate")
        elif (overlap[i][~same] >= iou).any():
            kinds[i] = KINDS.index("wrong category")
        elif (overlap[i][same] >= 0.1).any():
            kinds[i] = KINDS.index("poor localisation")
    return matched, kinds
