# SPDX-License-Identifier: Apache-2.0
"""Where the robot is in what it saw before: depth pictures matched with a grid of the surfaces in them, from above.

Correlative scan matching (Olson, "Real-Time Correlative Scan Matching", ICRA 2009): the points of a picture are tried
at every offset of a small window, and the offset is taken that lays most of them on surfaces of the grid. Offsets cost
something, so what the picture does not decide (a corridor's length) stays as odometry has it. No loop is closed by
moving what is in the grid already: a robot that comes back farther off than the window reaches is not found, and what
it sees is put in beside what it saw. Nothing is forgotten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit

from seal_perception.camera import Camera
from seal_perception.parameters import parameter
from seal_perception.pose import camera_mounting
from seal_perception.types import Float32Array, FloatArray, IntArray

_POINT_M, _LEAST_READINGS = 0.025, 3
"""Edge of the cells in which readings are one point, and how many it takes."""
_GROW = 64
"""Cells by which the grid grows at least."""
_MOST_POINTS = 800
"""Of a picture with more every second, third, ... counts: the search takes as long as it has points."""
_MOST_CELLS = 4096
"""Cells along a side of the grid, 205 m of 5 cm; a robot that claims to be farther away begins a new one."""
_COARSE, _FINE = (0.03, 0.035), (0.01, 0.00875)
"""Steps of the two searches, in metres and radians; the second goes from one step of the first to the next."""
_FULL_PRICE = 0.1
"""Share of the points that an offset of `likely_m` or a turn of `likely_rad` costs."""


@dataclass(frozen=True)
class ScanMatchConfig:
    """What is matched, and how far it may be off."""

    enabled: bool = parameter(True, "match pictures with what was seen before")
    cell_m: float = parameter(0.05, "edge of a cell, in metres", minimum=0.0)
    soft_m: float = parameter(
        0.05, "a surface counts less with the distance from it: sigma of a Gaussian, in metres", minimum=0.0
    )
    min_range_m: float = parameter(0.3, "minimum range of a reading, in metres", minimum=0.0)
    max_range_m: float = parameter(3.0, "maximum range of a reading, in metres", minimum=0.0)
    low_m: float = parameter(0.15, "lowest height of the readings above the floor, in metres")
    high_m: float = parameter(1.9, "greatest height of the readings above the floor, in metres")
    least_points: int = parameter(40, "minimum number of cells in a picture that is matched", minimum=1)
    least_known: float = parameter(
        0.35, "minimum share of a picture's points that must lie on known surfaces", minimum=0.0, maximum=1.0
    )
    window_m: float = parameter(0.18, "greatest offset that is tried, to 3 cm, in metres", minimum=0.0)
    window_rad: float = parameter(0.07, "greatest turn that is tried, to 0.02, in radians", minimum=0.0)
    likely_m: float = parameter(0.15, "offset that costs as much as 10 % of the points, in metres", minimum=0.0)
    likely_rad: float = parameter(0.3, "turn that costs as much as 10 % of the points, in radians", minimum=0.0)
    gain: float = parameter(0.1, "share of a picture's offset that is applied at once", minimum=0.0, maximum=1.0)
    turn_gain: float = parameter(0.5, "share of a picture's turn that is applied at once", minimum=0.0, maximum=1.0)
    frozen: float = parameter(
        0.5,
        "nothing new is put where the softened grid has so much: surfaces must not thicken",
        minimum=0.0,
        maximum=1.0,
    )
    full: int = parameter(3, "pictures that must show a surface until it counts in full", minimum=1)
    apart_m: float = parameter(0.15, "way after which a picture is put into the grid, in metres", minimum=0.0)
    apart_rad: float = parameter(0.2, "turn after which a picture is put into the grid, in radians", minimum=0.0)

    def __post_init__(self) -> None:
        if not 0 <= self.min_range_m < self.max_range_m or not self.low_m < self.high_m:
            raise ValueError(f"need min_range_m < max_range_m and low_m < high_m, got {self}")
        positive = ("cell_m", "soft_m", "likely_m", "likely_rad", "full", "least_points")
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("gain", "turn_gain", "frozen", "least_known"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        for name, most in (("window_m", 1.0), ("window_rad", 0.5), ("apart_m", math.inf), ("apart_rad", math.inf)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must lie in [0, {most:g}], got {getattr(self, name)}")


class Offset(NamedTuple):
    """How far a picture is off: metres in the map frame, and radians about the robot, left positive."""

    x_m: float
    y_m: float
    turn_rad: float


class ScanMatcher:
    """Keeps a grid of surfaces in the map frame, and finds pictures in it.

    Attributes:
        matched: pictures found in the grid.
        restarts: times that the grid was begun anew, as the robot claimed to be too far away from it.
    """

    def __init__(self, config: ScanMatchConfig | None = None) -> None:
        self.config = config or ScanMatchConfig()
        self.matched = self.restarts = 0
        self._low: IntArray = np.zeros(2, np.int64)
        self._seen: Float32Array = np.zeros((0, 0), np.float32)
        self._field: Float32Array = np.zeros((0, 0), np.float32)
        self._added: tuple[float, float, float] | None = None

    def points(self, depth: Float32Array, camera: Camera, T_base_camera: FloatArray) -> FloatArray:
        """(N, 3) x, y in metres of the base frame and weight of the cells that a picture shows surfaces in."""
        c = self.config
        found = _readings(
            np.ascontiguousarray(depth),
            max(1, camera.width // 160),
            np.ascontiguousarray(T_base_camera),
            np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
            np.array([c.min_range_m, c.max_range_m, c.low_m, c.high_m]),
        )
        if not len(found):
            return np.zeros((0, 3))
        cells = np.floor(found / _POINT_M).astype(np.int64)
        _, of, counts = np.unique((cells[:, 0] << 32) + cells[:, 1], return_inverse=True, return_counts=True)
        sums = np.stack([np.bincount(of.ravel(), found[:, k]) for k in (0, 1)], axis=1)
        means = sums / counts[:, None]
        # A surface seen from nearby has more readings, and is no surer for that.
        weights = np.minimum(np.sqrt(counts), 4.0) / np.maximum(np.hypot(*means.T), 0.5)
        keep = counts >= _LEAST_READINGS
        points = np.concatenate([means, weights[:, None]], axis=1)[keep]
        return points[:: math.ceil(len(points) / _MOST_POINTS) or 1]

    def find(self, points: FloatArray, pose: tuple[float, float, float]) -> Offset | None:
        """Where a picture is in the grid.

        Args:
            points: (N, 3) of `points`.
            pose: x, y (metres) and yaw (rad) at which the robot is taken to be, map frame.

        Returns:
            What of its offset is to be applied; None where too little of the picture is known.

        Raises:
            ValueError: for a pose that is not finite.
        """
        c = self.config
        _require_finite(pose)
        if len(points) < c.least_points or not self._seen.size:
            return None
        field = self._field
        offset, share = np.zeros(3), 0.0
        for (step_m, step_rad), reach in (
            (_COARSE, (c.window_m, c.window_rad)),
            (_FINE, (_COARSE[0], 0.5 * _COARSE[1])),
        ):
            window = np.array([reach[0], step_m, reach[1], step_rad, c.likely_m, c.likely_rad, _FULL_PRICE])
            offset, share = _search(field, self._low * c.cell_m, c.cell_m, points, np.array(pose), offset, window)
        if share < c.least_known:
            return None
        self.matched += 1
        return Offset(c.gain * float(offset[0]), c.gain * float(offset[1]), c.turn_gain * float(offset[2]))

    def add(self, points: FloatArray, pose: tuple[float, float, float]) -> None:
        """Put a picture into the grid, if the robot has moved on since the last one.

        Raises:
            ValueError: for a pose that is not finite.
        """
        c = self.config
        _require_finite(pose)
        if not len(points):
            return
        if self._added is not None:
            turn = pose[2] - self._added[2]
            turn = abs(math.atan2(math.sin(turn), math.cos(turn)))
            if math.dist(pose[:2], self._added[:2]) < c.apart_m and turn < c.apart_rad:
                return
        self._added = pose
        cos, sin = math.cos(pose[2]), math.sin(pose[2])
        x = pose[0] + cos * points[:, 0] - sin * points[:, 1]
        y = pose[1] + sin * points[:, 0] + cos * points[:, 1]
        ij = np.unique(np.floor(np.stack([x, y], axis=1) / c.cell_m).astype(np.int64), axis=0)
        self._cover(ij.min(axis=0), ij.max(axis=0) + 1)
        at = ij - self._low
        # What is beside a known surface is that surface, a little off.
        own, around = self._seen[at[:, 0], at[:, 1]], self._field[at[:, 0], at[:, 1]]
        at = at[(around < c.frozen) | (own > 0)]
        if not len(at):
            return
        self._seen[at[:, 0], at[:, 1]] = np.minimum(self._seen[at[:, 0], at[:, 1]] + 1.0 / c.full, 1.0)
        self._soften(at.min(axis=0), at.max(axis=0) + 1)

    def _cover(self, low: IntArray, high: IntArray) -> None:
        """Let the grid reach over the cells [low, high)."""
        shape = np.array(self._seen.shape)
        if shape.all() and (low >= self._low).all() and (high <= self._low + shape).all():
            return
        if shape.all():
            together = np.minimum(low, self._low), np.maximum(high, self._low + shape)
            if (together[1] - together[0]).max() + 2 * _GROW > _MOST_CELLS:
                self.restarts += 1
                self._seen, shape = np.zeros((0, 0), np.float32), np.zeros(2, np.int64)
            else:
                low, high = together
        low, high = low - _GROW, high + _GROW
        grown = np.zeros((2, *(high - low)), np.float32)
        if shape.all():
            a = self._low - low
            window = (slice(None), slice(a[0], a[0] + shape[0]), slice(a[1], a[1] + shape[1]))
            grown[window] = np.stack([self._seen, self._field])
        (self._seen, self._field), self._low = grown, low

    def _soften(self, low: IntArray, high: IntArray) -> None:
        """Let the surfaces in a window count by the distance from them: a point beside one lies partly on it."""
        sigma = self.config.soft_m / self.config.cell_m
        reach = math.ceil(4 * sigma) + 1
        a, b = np.maximum(low - reach, 0), np.minimum(high + reach, self._seen.shape)
        wide_a, wide_b = np.maximum(a - reach, 0), np.minimum(b + reach, self._seen.shape)
        soft = cv2.GaussianBlur(self._seen[wide_a[0] : wide_b[0], wide_a[1] : wide_b[1]], (0, 0), sigma)
        inner = soft[a[0] - wide_a[0] : b[0] - wide_a[0], a[1] - wide_a[1] : b[1] - wide_a[1]]
        self._field[a[0] : b[0], a[1] : b[1]] = np.minimum(inner * np.float32(2.0), np.float32(1.0))


def _require_finite(pose: tuple[float, float, float]) -> None:
    if not all(map(math.isfinite, pose)):
        raise ValueError(f"a pose must be three numbers, got {pose}")


def warm_up() -> None:
    """Match a made-up picture, so that all is compiled before time runs."""
    camera = Camera(64, 48, 32.0, 32.0, 31.5, 23.5)
    matcher = ScanMatcher(ScanMatchConfig(least_points=1))
    points = matcher.points(np.full((48, 64), 1.0, np.float32), camera, camera_mounting(0.88))
    matcher.add(points, (0.0, 0.0, 0.0))
    matcher.find(points, (0.0, 0.0, 0.0))


@njit(cache=True)
def _readings(depth, stride, T, intrinsics, limits):  # type: ignore[no-untyped-def]  # numba infers
    """(N, 2) x, y in base_link of the readings at a height between two limits."""
    near, far, low, high = limits
    fx, fy, cx, cy = intrinsics
    out = np.empty(((depth.shape[0] // stride + 1) * (depth.shape[1] // stride + 1), 2))
    count = 0
    for v in range(0, depth.shape[0], stride):
        for u in range(0, depth.shape[1], stride):
            d = depth[v, u]
            if not (d >= near and d <= far):
                continue
            px, py = (u - cx) / fx * d, (v - cy) / fy * d
            z = T[2, 0] * px + T[2, 1] * py + T[2, 2] * d + T[2, 3]
            if z < low or z > high:
                continue
            out[count, 0] = T[0, 0] * px + T[0, 1] * py + T[0, 2] * d + T[0, 3]
            out[count, 1] = T[1, 0] * px + T[1, 1] * py + T[1, 2] * d + T[1, 3]
            count += 1
    return out[:count]


@njit(cache=True)
def _search(field, origin, cell, points, pose, start, window):  # type: ignore[no-untyped-def]  # numba infers
    """Offset (3,) from the pose with most points on surfaces, less its price; and the share of the points on them.

    Args:
        field: (X, Y) 0 to 1, how much of a surface a cell holds.
        origin: (2,) metres, lower corner of cell [0, 0].
        cell: its edge in metres.
        points: (N, 3) x, y in metres of the base frame, and weight.
        pose: (3,) x, y in metres and yaw in rad.
        start: (3,) offset around which is searched.
        window: reach and step in metres, the same in rad, offset and turn that cost in full, and what they cost.
    """
    reach, step, turn, turn_step, likely, likely_turn, full_price = window
    n, nt = int(round(reach / step)), int(round(turn / turn_step))
    total = points[:, 2].sum()
    best, best_share = -np.inf, 0.0
    best_offset = start.copy()
    xs, ys = np.empty(len(points)), np.empty(len(points))
    for t in range(-nt, nt + 1):
        angle = start[2] + t * turn_step
        c, s = math.cos(pose[2] + angle), math.sin(pose[2] + angle)
        for k in range(len(points)):
            xs[k] = (pose[0] + c * points[k, 0] - s * points[k, 1] - origin[0]) / cell - 0.5
            ys[k] = (pose[1] + s * points[k, 0] + c * points[k, 1] - origin[1]) / cell - 0.5
        for a in range(-n, n + 1):
            dx = start[0] + a * step
            for b in range(-n, n + 1):
                dy = start[1] + b * step
                found = 0.0
                for k in range(len(points)):
                    x, y = xs[k] + dx / cell, ys[k] + dy / cell
                    i, j = int(math.floor(x)), int(math.floor(y))
                    if i < 0 or j < 0 or i + 1 >= field.shape[0] or j + 1 >= field.shape[1]:
                        continue
                    p, q = x - i, y - j
                    value = (1 - p) * ((1 - q) * field[i, j] + q * field[i, j + 1])
                    value += p * ((1 - q) * field[i + 1, j] + q * field[i + 1, j + 1])
                    found += points[k, 2] * value
                share = found / total
                price = (dx * dx + dy * dy) / (likely * likely) + angle * angle / (likely_turn * likely_turn)
                if share - full_price * price > best:
                    best, best_share = share - full_price * price, share
                    best_offset[0], best_offset[1], best_offset[2] = dx, dy, angle
    return best_offset, best_share
