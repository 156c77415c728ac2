# SPDX-License-Identifier: Apache-2.0
"""What a goal policy remembers of the robot's way, at a cost that hardly grows with the way: robots drive for hours."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from seal_perception.types import FloatArray, IntArray
from seal_policy.planning.motion import Point

_SEEN = -1


class Way:
    """The points of a growing way, leaving out those nearer than a spacing to the one kept before.

    Args:
        spacing_m: in metres.
    """

    def __init__(self, spacing_m: float) -> None:
        self._spacing_m = spacing_m
        self._kept: list[Point] = []
        self._read = 0

    def points(self, xy: FloatArray) -> FloatArray:
        """(M, 2) points kept of the whole way (N, 2); only what is new since the last call is looked at."""
        if len(xy) < self._read:
            self._kept, self._read = [], 0
        for x, y in xy[self._read :].tolist():
            if not self._kept or math.dist(self._kept[-1], (x, y)) >= self._spacing_m:
                self._kept.append((x, y))
        self._read = len(xy)
        return np.array(self._kept).reshape(-1, 2)


class Visits:
    """Goals that were given, and which of them the robot has been near.

    Args:
        near_m: from so near, in metres, a goal counts as visited.
    """

    def __init__(self, near_m: float) -> None:
        self._near_m = near_m
        self._goals: list[Point] = []
        self._read: list[int] = []  # poses that were looked at for each goal; _SEEN once it was reached

    def give(self, goal: Point) -> None:
        """Note a goal."""
        self._goals.append(goal)
        self._read.append(0)

    def seen(self, xy: FloatArray) -> list[Point]:
        """The goals given that the way (N, 2) came near, in the order in which they were given."""
        for k, read in enumerate(self._read):
            if read == _SEEN or len(xy) <= read:
                continue
            near = np.hypot(*(xy[read:] - self._goals[k]).T).min() < self._near_m
            self._read[k] = _SEEN if near else len(xy)
        return [goal for goal, read in zip(self._goals, self._read, strict=True) if read == _SEEN]

    def near(self, places: FloatArray, xy: FloatArray, within_m: float) -> IntArray:
        """(P,) how many of `seen` lie nearer than `within_m` to each place (P, 2)."""
        seen = np.array(self.seen(xy)).reshape(-1, 2)
        away = np.hypot(*(places[:, None] - seen[None]).transpose(2, 0, 1))
        count: IntArray = (away < within_m).sum(axis=1)
        return count


@njit(cache=True)
def paint_discs(cells, x, y, points, radius_m):  # type: ignore[no-untyped-def]  # numba infers
    """Set the cells (X, Y) within a radius of any point, in place.

    Args:
        cells: (X, Y) bool.
        x: (X,) centres of the rows in metres, rising by equal steps.
        y: (Y,) centres of the columns, likewise.
        points: (N, 2) metres.
        radius_m: in metres.
    """
    if len(x) == 0 or len(y) == 0:
        return
    step = x[1] - x[0] if len(x) > 1 else 1.0
    for p in range(len(points)):
        px, py = points[p, 0], points[p, 1]
        i0 = max(0, int((px - radius_m - x[0]) / step) - 1)
        i1 = min(len(x), int((px + radius_m - x[0]) / step) + 3)
        j0 = max(0, int((py - radius_m - y[0]) / step) - 1)
        j1 = min(len(y), int((py + radius_m - y[0]) / step) + 3)
        for i in range(i0, i1):
            dx = x[i] - px
            if abs(dx) > radius_m:
                continue
            for j in range(j0, j1):
                dy = y[j] - py
                if abs(dy) <= radius_m and dx**2 + dy**2 <= radius_m**2:
                    cells[i, j] = True


@njit(cache=True)
def poses_since_near(places, poses, radius_m):  # type: ignore[no-untyped-def]  # numba infers
    """(P,) number of poses since the robot was last nearer than a radius to each place; all of them if it never was.

    Args:
        places: (P, 2) metres.
        poses: (N, 2 or more) x and y first, metres, in the order of time.
        radius_m: in metres.
    """
    since = np.full(len(places), len(poses), np.int64)
    for p in range(len(places)):
        for k in range(len(poses) - 1, -1, -1):
            if math.hypot(places[p, 0] - poses[k, 0], places[p, 1] - poses[k, 1]) < radius_m:
                since[p] = len(poses) - 1 - k
                break
    return since
