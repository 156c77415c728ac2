# SPDX-License-Identifier: Apache-2.0
"""How the robot moves: discrete steps and driving at a speed share one pose, stopped by whatever is in the way."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from seal_perception.pose import invert, planar_pose, pose_yaw
from seal_perception.types import FloatArray
from sim_bridge.geometry.twist import STILL, Twist
from sim_bridge.robot.motion_noise import MotionNoise


def arc(forward_m: float, turn_rad: float) -> tuple[float, float]:
    """(ahead, left) metres from the start of an arc of length `forward_m` that turns by `turn_rad`, exactly.

    The chord of the arc has length `forward_m * sin(turn / 2) / (turn / 2)` and points half the turn to the side.
    """
    half = 0.5 * turn_rad
    chord = forward_m * float(np.sinc(half / math.pi))
    return chord * math.cos(half), chord * math.sin(half)


class Body:
    """Pose of a round robot in the frame of its start, and what its odometry makes of it.

    Discrete turns are counted as integers, so that twelve of 30 degrees come back to the very same pose. Without noise
    the odometry gives the true pose.

    Args:
        forward_m, turn_rad: length of a discrete step and angle of a discrete turn.
        free: whether the robot's centre may be at (x, y) of the frame of the start.
        spacing_m: the path is checked for obstacles at this spacing.
        noise: errors of motion and odometry, None = none.
    """

    def __init__(
        self,
        forward_m: float,
        turn_rad: float,
        free: Callable[[float, float], bool],
        spacing_m: float,
        noise: MotionNoise | None = None,
    ) -> None:
        self._forward_m = forward_m
        self._turn_rad = turn_rad
        self._free = free
        self._spacing_m = spacing_m
        self._noise = noise
        self.reset()

    def reset(self, seed: int = 0, noise_seed: int = 0) -> None:
        """Back to the start; the errors are drawn by both seeds, those of motion apart from those of odometry."""
        self._xy: FloatArray = np.zeros(2)
        self._turns = 0
        self._rest_rad = 0.0
        self._claim: FloatArray = np.zeros(3)
        self._rng_motion = np.random.default_rng((noise_seed, seed, 1))
        self._rng_odometry = np.random.default_rng((noise_seed, seed, 2))
        self.twist = STILL

    @property
    def yaw(self) -> float:
        """Heading in radians, left positive, not wrapped."""
        return self._turns * self._turn_rad + self._rest_rad

    @property
    def T_start_base(self) -> FloatArray:
        """(4, 4) true pose in the frame of the start."""
        return planar_pose(float(self._xy[0]), float(self._xy[1]), self.yaw)

    @property
    def T_odom_base(self) -> FloatArray:
        """(4, 4) pose that the odometry claims; its frame is that of the start."""
        if self._noise is None or self._noise.odometry_scale == 0.0:
            return self.T_start_base
        return planar_pose(*(float(value) for value in self._claim))

    def forward(self) -> bool:
        """One step ahead unless a point of the way is not free; then stay. Returns whether it was blocked."""
        before = self.T_start_base
        ahead, left, turned = self._error(self._forward_m, 0.0)
        direction = np.array([math.cos(self.yaw), math.sin(self.yaw)])
        target = self._xy + (self._forward_m + ahead) * direction + left * np.array([-direction[1], direction[0]])
        count = max(2, math.ceil(self._forward_m / self._spacing_m))
        self.twist = STILL
        for share in np.linspace(0.0, 1.0, count + 1)[1:]:
            way = self._xy + share * (target - self._xy)
            if not self._free(float(way[0]), float(way[1])):
                return True
        self._xy = target
        self._rest_rad += turned
        self._claim_motion(before, self._forward_m, 0.0)
        return False

    def stop(self) -> None:
        """Stand still; the pose stays."""
        self.twist = STILL

    def turn(self, count: int) -> None:
        """`count` discrete turns to the left."""
        before = self.T_start_base
        ahead, left, turned = self._error(0.0, count * self._turn_rad)
        self._shift(ahead, left)
        self._turns += count
        self._rest_rad += turned
        self.twist = STILL
        self._claim_motion(before, 0.0, count * self._turn_rad)

    def drive(self, forward_m: float, turn_rad: float, seconds: float = 1.0) -> bool:
        """Along an arc (backwards for a negative length); at an obstacle stop on the last free point of the way.

        Returns:
            Whether something was in the way.
        """
        before = self.T_start_base
        ahead, left, turned = self._error(forward_m, turn_rad, on_arc=True)
        if forward_m == 0.0:
            self._shift(ahead, left)
            ahead = left = 0.0
        length, angle = forward_m + ahead, turn_rad + turned
        done = self._free_share(length, angle) if forward_m != 0.0 else 1.0
        if done > 0.0:
            self._xy = np.array(self._along(length * done, angle * done))
            # Errors are in the frame before the motion.
            self._shift(0.0, left * done)
            self._rest_rad += angle * done
        blocked = done < 1.0
        self.twist = STILL if blocked or seconds <= 0.0 else Twist(length / seconds, angle / seconds)
        self._claim_motion(before, forward_m * done, turn_rad * done)
        return blocked

    def _free_share(self, forward_m: float, turn_rad: float) -> float:
        """Share of an arc up to its last free point."""
        count = max(1, math.ceil(abs(forward_m) / self._spacing_m))
        for k in range(1, count + 1):
            if not self._free(*self._along(forward_m * k / count, turn_rad * k / count)):
                return (k - 1) / count
        return 1.0

    def _along(self, forward_m: float, turn_rad: float) -> tuple[float, float]:
        ahead, left = arc(forward_m, turn_rad)
        return self._moved(ahead, left)

    def _moved(self, ahead: float, left: float) -> tuple[float, float]:
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return float(self._xy[0] + c * ahead - s * left), float(self._xy[1] + s * ahead + c * left)

    def _shift(self, ahead: float, left: float) -> None:
        """Slip a little, unless something is there."""
        target = self._moved(ahead, left)
        if (ahead != 0.0 or left != 0.0) and self._free(*target):
            self._xy = np.array(target)

    def _error(self, forward_m: float, turn_rad: float, on_arc: bool = False) -> tuple[float, float, float]:
        """Metres ahead, metres to the left and radians by which the true motion differs from the commanded one."""
        if self._noise is None or self._noise.actuation_scale == 0.0:
            return 0.0, 0.0, 0.0
        ahead, left, turned = self._noise.actuation_error(self._rng_motion, forward_m, turn_rad, on_arc)
        return float(ahead), float(left), float(turned)

    def _claim_motion(self, T_start_before: FloatArray, forward_m: float, turn_rad: float) -> None:
        """Add the motion since `T_start_before` to the odometry, as it measures it."""
        if self._noise is None or self._noise.odometry_scale == 0.0:
            return
        moved = invert(T_start_before) @ self.T_start_base
        error = self._noise.odometry_error(self._rng_odometry, forward_m, turn_rad)
        x, y, turned = np.array([moved[0, 3], moved[1, 3], pose_yaw(moved)]) + error
        c, s = math.cos(self._claim[2]), math.sin(self._claim[2])
        self._claim = self._claim + np.array([c * x - s * y, s * x + c * y, turned])
