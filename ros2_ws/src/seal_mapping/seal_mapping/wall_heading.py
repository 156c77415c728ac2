# SPDX-License-Identifier: Apache-2.0
"""Pose by walls: odometry's heading drifts with every turn, walls that stand at right angles do not.

Pairs of depth readings beside each other give the directions of upright surfaces; those that lie near one of the two
directions of the home's walls say by how much the heading is off. Where walls stand at all angles they say nothing.
The position, and what of the heading walls leave open, come from matching the picture with those before
(`scan_matching`). No loop is closed: what is mapped stays where it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from seal_mapping import scan_matching
from seal_mapping.scan_matching import Offset, ScanMatchConfig, ScanMatcher
from seal_perception.camera import Camera
from seal_perception.parameters import parameter
from seal_perception.pose import camera_mounting, invert, planar_pose, pose_yaw
from seal_perception.types import Float32Array, FloatArray

_QUARTER = 0.5 * math.pi
_BINS = 180
"""Of half a degree, over a quarter turn."""
_PEAK_RAD = 0.04


@dataclass(frozen=True)
class WallHeadingConfig:
    """How directions of walls are read from a depth picture."""

    min_range_m: float = parameter(0.3, "minimum range of a reading, in metres", minimum=0.0)
    max_range_m: float = parameter(4.0, "maximum range of a reading, in metres", minimum=0.0)
    low_m: float = parameter(0.3, "lowest height of the readings above the floor, in metres")
    high_m: float = parameter(1.9, "greatest height of the readings above the floor, in metres")
    span: float = parameter(
        0.1, "distance of two paired readings, as a share of the picture's width", minimum=0.0, maximum=1.0
    )
    longest_m: float = parameter(1.0, "maximum distance between the points of a pair on one surface, in metres")
    first_pictures: int = parameter(
        5, "pictures at the start that give the directions of the walls: the most frequent ones", minimum=1
    )
    first_turn_rad: float = parameter(
        0.15, "turn from one of them to the next, in radians: one view may show a thing that stands askew", minimum=0.0
    )
    least_unity: float = parameter(
        0.3,
        "minimum share of all weight that surfaces within `soft_rad` of these directions need for them to be taken",
    )
    gate_rad: float = parameter(
        0.3,
        "maximum angle between a wall and one of the two directions, in radians",
        minimum=0.0,
        maximum=math.pi / 4,
    )
    soft_rad: float = parameter(
        0.12,
        "nearer surfaces count by exp(-(angle / soft_rad)^2), in radians: in every home some surfaces stand askew",
        minimum=0.0,
    )
    least_pairs: int = parameter(60, "minimum number of pairs of a picture that corrects anything", minimum=1)
    gain: float = parameter(0.4, "share of a picture's correction that is applied at once", minimum=0.0, maximum=1.0)
    beside: float = parameter(
        0.5, "share of the gain that is left to walls where a picture was matched", minimum=0.0, maximum=1.0
    )
    match: ScanMatchConfig = parameter(ScanMatchConfig(), "how pictures are matched with what was seen before")

    def __post_init__(self) -> None:
        if not 0 <= self.min_range_m < self.max_range_m or not self.low_m < self.high_m:
            raise ValueError(f"need min_range_m < max_range_m and low_m < high_m, got {self}")
        if not (0 < self.span < 1 and 0 < self.gate_rad <= math.pi / 4 and self.soft_rad > 0 and 0 < self.gain <= 1):
            raise ValueError(
                "need span in (0, 1), gate_rad in (0, pi / 4], soft_rad > 0, gain in (0, 1]; "
                f"got {self.span}, {self.gate_rad}, {self.soft_rad}, {self.gain}"
            )
        if not 0 <= self.first_turn_rad < math.pi or not 0 <= self.beside <= 1:
            raise ValueError(
                f"need first_turn_rad in [0, pi) and beside in [0, 1], got {self.first_turn_rad}, {self.beside}"
            )
        if self.first_pictures < 1 or self.least_pairs < 1:
            raise ValueError(
                f"first_pictures and least_pairs must be >= 1, got {self.first_pictures}, {self.least_pairs}"
            )


class WallHeading:
    """Goes along with odometry, turns its heading back to the walls and shifts its position back to what was seen.

    Attributes:
        walls_rad: direction of the walls in [0, pi / 2), odometry frame of the start; None = not known (yet).
        corrected: pictures whose walls have corrected the heading.
        matcher: what was seen so far.
    """

    def __init__(self, config: WallHeadingConfig | None = None) -> None:
        self.config = config or WallHeadingConfig()
        self.walls_rad: float | None = None
        self.corrected = 0
        self._first = np.zeros(_BINS)
        self._pictures = 0
        self._looked: float | None = None
        self._claimed: FloatArray | None = None
        self._pose: FloatArray = np.eye(4)
        self.matcher = ScanMatcher(self.config.match)

    @property
    def T_map_odom(self) -> FloatArray:
        """(4, 4) the correction: the map's frame is odometry's of the start, without what it has drifted."""
        return np.eye(4) if self._claimed is None else self._pose @ invert(self._claimed)

    def follow(self, T_odom_base: FloatArray) -> FloatArray:
        """T_map_base (4, 4) for what odometry claims now; to be called with each of its poses."""
        if self._claimed is None:
            self._pose = np.array(T_odom_base, np.float64)
        else:
            self._pose = self._pose @ invert(self._claimed) @ T_odom_base
        self._claimed = np.array(T_odom_base, np.float64)
        return self._pose.copy()

    def see_depth(
        self,
        depth: Float32Array,
        camera: Camera,
        T_base_camera: FloatArray,
        T_odom_base: FloatArray | None = None,
    ) -> float:
        """Correct the pose by a depth picture.

        Args:
            depth: (H, W) float32 metres, 0 or NaN = none.
            camera: its intrinsics.
            T_base_camera: (4, 4) mounting.
            T_odom_base: (4, 4) what odometry claims for the time of the picture; None = the last pose followed.

        Returns:
            By how much the heading was corrected by walls, in rad, left positive.
        """
        T_odom_base = (np.eye(4) if self._claimed is None else self._claimed) if T_odom_base is None else T_odom_base
        points = self.matcher.points(depth, camera, T_base_camera) if self.config.match.enabled else None
        found = points is not None and self._by_match(points, self.T_map_odom @ T_odom_base)
        yaw = pose_yaw(self.T_map_odom @ T_odom_base)
        turn = self._by_walls(depth, camera, T_base_camera, yaw, self.config.beside if found else 1.0)
        if points is not None:
            self.matcher.add(points, _planar(self.T_map_odom @ T_odom_base))
        return turn

    def _by_walls(
        self,
        depth: Float32Array,
        camera: Camera,
        T_base_camera: FloatArray,
        yaw: float,
        share: float,
    ) -> float:
        """Turn to the walls; returns by how much."""
        c = self.config
        directions, weights = _surfaces(
            np.ascontiguousarray(depth),
            max(1, round(c.span * camera.width)),
            max(1, camera.width // 160),
            np.ascontiguousarray(T_base_camera),
            np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
            np.array([c.min_range_m, c.max_range_m, c.low_m, c.high_m, c.longest_m]),
        )
        directions += yaw
        if self.walls_rad is None:
            self._learn(directions, weights, yaw)
            return 0.0
        off = _from_walls(directions, self.walls_rad)
        near = np.abs(off) <= c.gate_rad
        if int(near.sum()) < c.least_pairs:
            return 0.0
        off, weights = off[near], weights[near] * np.exp(-((off[near] / c.soft_rad) ** 2))
        turn = -c.gain * share * float((weights * off).sum() / weights.sum())
        self._shift(Offset(0.0, 0.0, turn), self._pose)
        self.corrected += 1
        return turn

    def _by_match(self, points: FloatArray, T_map_base: FloatArray) -> bool:
        """Go where the picture lies on what was seen before; whether it was found there."""
        found = self.matcher.find(points, _planar(T_map_base))
        if found is None:
            return False
        self._shift(found, T_map_base)
        return True

    def _shift(self, offset: Offset, T_map_base: FloatArray) -> None:
        """Correct by an offset, which turns about a pose of the base.

        About the vertical alone: pitch and height stay the base's own, the map stays level.
        """
        about = planar_pose(0.0, 0.0, offset.turn_rad)
        at = T_map_base[:2, 3]
        about[:2, 3] = at - about[:2, :2] @ at + [offset.x_m, offset.y_m]
        self._pose = about @ self._pose

    def _learn(self, directions: FloatArray, weights: FloatArray, yaw: float) -> None:
        """Take the walls' directions from the first pictures that look different ways: the most frequent ones.

        Not the mean: a door leaf or a table that stands askew near the start would turn that by many degrees.
        """
        if not len(directions):
            return
        if self._looked is not None and abs(math.remainder(yaw - self._looked, math.tau)) < self.config.first_turn_rad:
            return
        self._looked = yaw
        bins = np.floor(directions / _QUARTER * _BINS).astype(np.int64) % _BINS
        # Less weight to what is near than its accuracy deserves, so that one thing before the camera does not decide.
        self._first += np.bincount(bins, np.sqrt(weights), _BINS)
        self._pictures += 1
        if self._pictures < self.config.first_pictures:
            return
        centres: FloatArray = (np.arange(_BINS, dtype=np.float64) + 0.5) * (_QUARTER / _BINS)
        votes = np.array([self._first @ np.exp(-((_from_walls(centres, at) / _PEAK_RAD) ** 2)) for at in centres])
        peak = float(centres[int(votes.argmax())])
        off = _from_walls(centres, peak)
        around = self._first * (np.abs(off) <= self.config.soft_rad)
        if around.sum() > 0 and around.sum() >= self.config.least_unity * self._first.sum():
            self.walls_rad = float(peak + (around * off).sum() / around.sum()) % _QUARTER
        else:
            self._first, self._pictures = np.zeros(_BINS), 0


def warm_up() -> None:
    """Look at a made-up picture, so that all is compiled before time runs."""
    camera = Camera(8, 6, 4.0, 4.0, 3.5, 2.5)
    WallHeading().see_depth(np.full((6, 8), 1.5, np.float32), camera, camera_mounting(0.88))
    scan_matching.warm_up()


def _planar(T: FloatArray) -> tuple[float, float, float]:
    return float(T[0, 3]), float(T[1, 3]), pose_yaw(T)


def _from_walls(directions: FloatArray, walls_rad: float) -> FloatArray:
    """Angles in [-pi / 4, pi / 4) by which directions are off the nearer direction of the walls."""
    off: FloatArray = directions - walls_rad
    return off - _QUARTER * np.floor(off / _QUARTER + 0.5)


@njit(cache=True)
def _surfaces(depth, span, stride, T, intrinsics, limits):  # type: ignore[no-untyped-def]  # numba
    """Directions in base_link of pairs of readings beside each other, and their weights.

    A pair's weight is the inverse of its direction's variance: (length / depth^2)^2.
    """
    near, far, low, high, longest = limits
    fx, fy, cx, cy = intrinsics
    most = (depth.shape[0] // stride + 1) * (depth.shape[1] // stride + 1)
    directions, weights = np.empty(most), np.empty(most)
    count = 0
    for v in range(0, depth.shape[0], stride):
        for u in range(0, depth.shape[1] - span, stride):
            a, b = depth[v, u], depth[v, u + span]
            if not (a >= near and a <= far and b >= near and b <= far):
                continue
            ax, ay = (u - cx) / fx * a, (v - cy) / fy * a
            bx, by = (u + span - cx) / fx * b, (v - cy) / fy * b
            az = T[2, 0] * ax + T[2, 1] * ay + T[2, 2] * a + T[2, 3]
            bz = T[2, 0] * bx + T[2, 1] * by + T[2, 2] * b + T[2, 3]
            if az < low or az > high or bz < low or bz > high:
                continue
            dx, dy, dd = bx - ax, by - ay, b - a
            x = T[0, 0] * dx + T[0, 1] * dy + T[0, 2] * dd
            y = T[1, 0] * dx + T[1, 1] * dy + T[1, 2] * dd
            length = math.hypot(x, y)
            if length > longest or length < 0.02:
                continue
            directions[count] = math.atan2(y, x)
            weights[count] = (length / max(a, b) ** 2) ** 2
            count += 1
    return directions[:count], weights[:count]
