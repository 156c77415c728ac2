# SPDX-License-Identifier: Apache-2.0
"""Score calibration: "above 0.9" shall mean right nine times in ten, whatever the category and the size.

Platt scaling (Platt 1999) on the logit of the raw score, with an offset for each category and one that grows with the
detection's size: sigmoid(slope * logit(score) + offset + category_offset + size_slope * log(size)), slope > 0, fitted
by Newton's method on detections of held-out catalogue pictures. Size is the square root of the share of the picture
that the box covers: the nearest to a range that one picture gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.categories import NUM_CATEGORIES, CategorySet
from seal_perception.types import Float32Array, FloatArray, IntArray

_EDGE = 1e-6
SMALLEST = 0.01
"""Sizes below this, 3 x 2 pixels of 320 x 240, count as this."""


@dataclass(frozen=True)
class Calibration:
    """The map of raw scores; the default changes nothing."""

    slope: float = 1.0
    offset: float = 0.0
    category_offsets: tuple[float, ...] = (0.0,) * NUM_CATEGORIES
    size_slope: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "category_offsets", tuple(float(v) for v in self.category_offsets))
        numbers = (self.slope, self.offset, self.size_slope, *self.category_offsets)
        if not (np.isfinite(numbers).all() and self.slope > 0):
            raise ValueError(f"calibration needs a positive slope and finite offsets, got {self}")

    def apply(self, scores: Float32Array, categories: IntArray, sizes: FloatArray) -> Float32Array:
        """Calibrated scores.

        Args:
            scores: (N,) raw scores in [0, 1].
            categories: (N,) category of each; negative ones (none of the list) get no offset.
            sizes: (N,) from `relative_sizes`.

        Returns:
            (N,) scores in [0, 1].
        """
        if (self.slope, self.offset, self.size_slope) == (1.0, 0.0, 0.0) and not any(self.category_offsets):
            return scores
        own = np.append(np.asarray(self.category_offsets), 0.0)[np.where(categories < 0, -1, categories)]
        grown = self.size_slope * _log_size(sizes)
        return _sigmoid(self.slope * _logit(scores) + self.offset + own + grown).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        """For weights' metadata."""
        return {
            "slope": self.slope,
            "offset": self.offset,
            "category_offsets": list(self.category_offsets),
            "size_slope": self.size_slope,
        }

    @classmethod
    def from_metadata(cls, facts: dict[str, Any]) -> Calibration:
        """The calibration stored with weights, or the one that changes nothing; earlier files hold two numbers."""
        stored, count = facts.get("calibration"), len(facts.get("categories", ())) or NUM_CATEGORIES
        if not stored:
            return cls(category_offsets=(0.0,) * count)
        offsets = stored.get("category_offsets", (0.0,) * count)
        if len(offsets) != count:
            raise ValueError(f"expected {count} category offsets, got {len(offsets)}")
        return cls(float(stored["slope"]), float(stored["offset"]), offsets, float(stored.get("size_slope", 0.0)))

    def for_categories(self, before: CategorySet, now: CategorySet) -> Calibration:
        """The same for another list: the offsets of names that both have stay, new names have none."""
        own = dict(zip(before.names, self.category_offsets, strict=True))
        return replace(self, category_offsets=tuple(own.get(name, 0.0) for name in now.names))


def relative_sizes(boxes: npt.NDArray[Any], height: int, width: int) -> FloatArray:
    """(N,) square roots of the shares of an `height` x `width` picture that (N, 4) boxes x0, y0, x1, y1 cover."""
    sides = np.clip(np.asarray(boxes, np.float64)[:, 2:] - boxes[:, :2], 0.0, None)
    return np.sqrt(sides.prod(axis=1) / (height * width))


def fit_calibration(
    scores: npt.ArrayLike,
    correct: npt.ArrayLike,
    categories: IntArray,
    sizes: FloatArray,
    steps: int = 50,
    prior: float = 1e-3,
) -> Calibration:
    """Most likely calibration.

    Args:
        scores: (N,) raw scores.
        correct: (N,) bool, whether the detection was right.
        categories: (N,) category of each.
        sizes: (N,) from `relative_sizes`.
        steps: Newton steps at most.
        prior: weight of a Gaussian prior per detection around the identity; keeps few data finite.

    Returns:
        The identity if there are fewer than 20 detections, if all are right or all wrong, or if the best slope is not
        positive.
    """
    x = _logit(np.asarray(scores, np.float64))
    y = np.asarray(correct, np.float64)
    if len(x) < 20 or y.min() == y.max():
        return Calibration()
    own = (np.asarray(categories)[:, None] == np.arange(NUM_CATEGORIES)).astype(np.float64)
    design = np.column_stack([x, np.ones_like(x), _log_size(sizes), own])
    start = np.zeros(design.shape[1])
    start[0] = 1.0
    theta: FloatArray = start.copy()
    for _ in range(steps):
        p = _sigmoid(design @ theta)
        gradient = design.T @ (p - y) / len(x) + prior * (theta - start)
        hessian = (design * (p * (1 - p))[:, None]).T @ design / len(x) + prior * np.eye(len(start))
        step = np.linalg.solve(hessian, gradient)
        theta = theta - step * min(1.0, 2.0 / float(np.linalg.norm(step) + 1e-12))
        if float(np.linalg.norm(step)) < 1e-9:
            break
    slope, offset, size_slope, *offsets = (float(v) for v in theta)
    return Calibration(slope, offset, tuple(offsets), size_slope) if slope > 0 else Calibration()


def _log_size(sizes: npt.NDArray[Any]) -> FloatArray:
    return np.log(np.clip(np.asarray(sizes, np.float64), SMALLEST, 1.0))


def _logit(scores: npt.NDArray[np.floating[Any]]) -> FloatArray:
    p = np.clip(np.asarray(scores, np.float64), _EDGE, 1.0 - _EDGE)
    return np.log(p) - np.log1p(-p)


def _sigmoid(x: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -50.0, 50.0)))
