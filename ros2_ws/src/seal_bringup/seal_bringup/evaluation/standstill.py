# SPDX-License-Identifier: Apache-2.0
"""Whether a run got stuck: stretches in which the robot neither moved on nor saw anything new."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seal_perception.types import BoolArray, FloatArray

AREA_M2 = 0.05
"""Less new floor than 20 cells of the map is nothing new: a stray cell turns up while a robot spins, too."""
SPINS = (20, 0.25)
"""On one spot: for 20 steps never farther than one step from where it was."""
DITHERS = (60, 1.0)
"""To and fro, or round and round, in one spot: for 60 steps never farther than 1 m from where it was."""


def without_progress(xy: npt.ArrayLike, explored_m2: npt.ArrayLike, steps: int, radius_m: float) -> BoolArray:
    """Which steps belong to a stretch of `steps` steps without progress.

    A stretch from step k to k + steps is without progress if the robot is never farther than `radius_m` from where it
    began it, and the explored area grows by less than `AREA_M2`.

    Args:
        xy: (N + 1, 2) positions in metres, one before each of N steps and the last.
        explored_m2: (N + 1,) explored area at each.
        steps: length of a stretch.
        radius_m: how far the robot may go meanwhile.

    Returns:
        (N,) bool.

    Raises:
        ValueError: if the shapes disagree or `steps` is below 1.
    """
    xy, area = _checked(xy, explored_m2)
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    out = np.zeros(len(xy) - 1, dtype=bool)
    for k in range(len(xy) - steps):
        away = float(np.hypot(*(xy[k : k + steps + 1] - xy[k]).T).max())
        if away <= radius_m + 1e-6 and area[k + steps] - area[k] < AREA_M2 - 1e-9:
            out[k : k + steps] = True
    return out


def stuck_steps(xy: npt.ArrayLike, explored_m2: npt.ArrayLike) -> int:
    """Number of steps of a run in which the robot was stuck: it spins (`SPINS`) or dithers (`DITHERS`).

    Raises:
        ValueError: if the shapes disagree.
    """
    either = without_progress(xy, explored_m2, *SPINS) | without_progress(xy, explored_m2, *DITHERS)
    return int(either.sum())


def longest_standstill(xy: npt.ArrayLike, explored_m2: npt.ArrayLike) -> int:
    """Most steps in a row in which the robot stayed within 0.25 m (of `SPINS`) of a place and saw nothing new.

    Raises:
        ValueError: if the shapes disagree.
    """
    xy, area = _checked(xy, explored_m2)
    longest = 0
    for k in range(len(xy) - 1):
        away = np.hypot(*(xy[k:] - xy[k]).T) > SPINS[1] + 1e-6
        over = away | (area[k:] - area[k] >= AREA_M2 - 1e-9)
        longest = max(longest, int(np.argmax(over)) - 1 if over.any() else len(over) - 1)
    return longest


def _checked(xy: npt.ArrayLike, explored_m2: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    points, area = np.asarray(xy, np.float64), np.asarray(explored_m2, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or area.shape != (len(points),):
        raise ValueError(
            f"expected positions (N + 1, 2) and an area for each, got shapes {points.shape} and {area.shape}"
        )
    return points, area
