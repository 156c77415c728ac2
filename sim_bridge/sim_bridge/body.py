# SPDX-License-Identifier: Apache-2.0
"""How the robot moves: discrete steps and driving at a speed share one pose, stopped by whatever is in the way."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from seal_perception.pose import planar_pose

FloatArray = npt.NDArray[np.float64]


def arc(forward_m: float, turn_rad: float) -> tuple[float, float]:
    """(ahead, left) metres from the start of an arc of length `forward_m` that turns by `turn_rad`, exactly.

    The chord of the arc has length `forward_m * sin(turn / 2) / (turn / 2)` and points half the turn to the side.
    """
    half = 0.5 * turn_rad
    chord = forward_m * float(np.sinc(half / math.pi))
    return chord * math.cos(half), chord * math.sin(half)


class Body:
    """Pose of a round robot in the frame of its start.

    Discrete turns are counted as integers, so that twelve of 30 degrees come back to the very same pose.

    Args:
        forward_m, turn_rad: length of a discrete step and angle of a discrete turn.
        free: whether the robot's centre may be at (x, y) of the frame of the start.
        spacing_m: the way is looked at this often.
    """

    def __init__(
        self, forward_m: float, turn_rad: float, free: Callable[[float, float], bool], spacing_m: float
    ) -> None:
        self._forward_m = forward_m
        self._turn_rad = turn_rad
        self._free = free
        self._spacing_m = spacing_m
        self.reset()

    def reset(self) -> None:
        """Back to the start."""
        self._xy: FloatArray = np.zeros(2)
        self._turns = 0
        self._rest_rad = 0.0

    @property
    def yaw(self) -> float:
        """Heading in radians, left positive, not wrapped."""
        return self._turns * self._turn_rad + self._rest_rad

    @property
    def T_start_base(self) -> FloatArray:
        """(4, 4) true pose in the frame of the start."""
        return planar_pose(float(self._xy[0]), float(self._xy[1]), self.yaw)

    def forward(self) -> bool:
        """One step ahead unless a point of the way is not free; then stay. Returns whether it was blocked."""
        target = self._xy + self._forward_m * np.array([math.cos(self.yaw), math.sin(self.yaw)])
        count = max(2, math.ceil(self._forward_m / self._spacing_m))
        for share in np.linspace(0.0, 1.0, count + 1)[1:]:
            way = self._xy + share * (target - self._xy)
            if not self._free(float(way[0]), float(way[1])):
                return True
        self._xy = target
        return False

    def turn(self, count: int) -> None:
        """`count` discrete turns to the left."""
        self._turns += count

    def drive(self, forward_m: float, turn_rad: float) -> bool:
        """Along an arc (backwards for a negative length); at an obstacle stop on the last free point of the way.

        Returns:
            Whether something was in the way.
        """
        count = max(1, math.ceil(abs(forward_m) / self._spacing_m))
        start, yaw = self._xy, self.yaw
        done, blocked = count, False
        for k in range(1, count + 1):
            x, y = self._along(start, yaw, forward_m * k / count, turn_rad * k / count)
            if forward_m != 0.0 and not self._free(x, y):
                done, blocked = k - 1, True
                break
        if done:
            self._xy = np.array(self._along(start, yaw, forward_m * done / count, turn_rad * done / count))
            self._rest_rad += turn_rad * done / count
        return blocked

    @staticmethod
    def _along(start: FloatArray, yaw: float, forward_m: float, turn_rad: float) -> tuple[float, float]:
        ahead, left = arc(forward_m, turn_rad)
        c, s = math.cos(yaw), math.sin(yaw)
        return float(start[0] + c * ahead - s * left), float(start[1] + s * ahead + c * left)
