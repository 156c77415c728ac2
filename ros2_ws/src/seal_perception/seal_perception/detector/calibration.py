# SPDX-License-Identifier: Apache-2.0
"""Score calibration: a monotone map, so that "above 0.9" means right nine times in ten.

Platt scaling (Platt 1999) on the logit of the raw score: sigmoid(slope * logit(score) + offset), slope > 0, fitted
by Newton's method on detections of held-out catalogue pictures. A monotone map leaves AP as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.types import Float32Array, FloatArray

_EDGE = 1e-6


@dataclass(frozen=True)
class Calibration:
    """sigmoid(slope * logit(score) + offset); the default changes nothing."""

    slope: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and np.isfinite(self.offset) and self.slope > 0):
            raise ValueError(f"calibration needs a positive slope and a finite offset, got {self.slope}, {self.offset}")

    def apply(self, scores: Float32Array) -> Float32Array:
        """(N,) raw scores in [0, 1] to (N,) calibrated scores."""
        if self.slope == 1.0 and self.offset == 0.0:
            return scores
        return _sigmoid(self.slope * _logit(scores) + self.offset).astype(np.float32)

    def as_dict(self) -> dict[str, float]:
        """For weights' metadata."""
        return {"slope": self.slope, "offset": self.offset}

    @classmethod
    def from_metadata(cls, facts: dict[str, Any]) -> Calibration:
        """The calibration stored with weights, or the one that changes nothing."""
        stored = facts.get("calibration")
        return cls(float(stored["slope"]), float(stored["offset"])) if stored else cls()


def fit_calibration(scores: npt.ArrayLike, correct: npt.ArrayLike, steps: int = 50, prior: float = 1e-3) -> Calibration:
    """Most likely calibration.

    Args:
        scores: (N,) raw scores.
        correct: (N,) bool, whether the detection was right.
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
    design = np.stack([x, np.ones_like(x)], axis=1)
    start = np.array([1.0, 0.0])
    theta = start.copy()
    for _ in range(steps):
        p = _sigmoid(design @ theta)
        gradient = design.T @ (p - y) / len(x) + prior * (theta - start)
        hessian = (design * (p * (1 - p))[:, None]).T @ design / len(x) + prior * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        theta = theta - step * min(1.0, 2.0 / float(np.linalg.norm(step) + 1e-12))
        if float(np.linalg.norm(step)) < 1e-9:
            break
    return Calibration(float(theta[0]), float(theta[1])) if theta[0] > 0 else Calibration()


def _logit(scores: npt.NDArray[np.floating[Any]]) -> FloatArray:
    p = np.clip(np.asarray(scores, np.float64), _EDGE, 1.0 - _EDGE)
    return np.log(p) - np.log1p(-p)


def _sigmoid(x: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -50.0, 50.0)))
