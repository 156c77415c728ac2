# SPDX-License-Identifier: Apache-2.0
"""The robot's discrete steps as poses, and poses as numbers that survive a trip through a message."""

from __future__ import annotations

import math

import numpy as np

from seal_perception.errors import InputError
from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.simulator import Action
from seal_perception.types import FloatArray

Point = tuple[float, float]
"""x, y in metres."""
Pose = tuple[float, float, float]
"""x, y in metres and yaw in rad, left positive."""

FORWARD_M = 0.25
"""Length of a forward step in metres (docs/method.md)."""
TURN_RAD = math.pi / 6
"""Angle of a turn (docs/method.md: 30 degrees)."""

_TARGETS: dict[Action, FloatArray] = {
    Action.STOP: np.eye(4),
    Action.FORWARD: planar_pose(FORWARD_M, 0.0, 0.0),
    Action.LEFT: planar_pose(0.0, 0.0, TURN_RAD),
    Action.RIGHT: planar_pose(0.0, 0.0, -TURN_RAD),
}


def action_target(action: Action) -> FloatArray:
    """T_base_target, the relative pose that the `step` message asks for (identity = stop)."""
    return _TARGETS[action].copy()


def target_action(T_base_target: FloatArray) -> Action:
    """The action whose relative pose this is; the inverse of `action_target`.

    Raises:
        InputError: if it is none of the four, to 1 mm and 0.001 rad.
    """
    for action, T in _TARGETS.items():
        if np.allclose(T_base_target, T, atol=1e-3):
            return action
    x, y, yaw = planar(T_base_target)
    raise InputError(
        "step must be 0.25 m ahead, a turn of +-30 degrees or the identity; "
        f"got x {x:.3f} m, y {y:.3f} m, yaw {math.degrees(yaw):.1f} degrees"
    )


def planar(T_map_base: FloatArray) -> tuple[float, float, float]:
    """x, y (metres) and yaw (rad) of a pose, rounded to 1e-6.

    A quaternion in a message brings the pose back with errors of some 1e-16; rounded, a run over ROS and one in a
    single process decide alike.
    """
    x, y = float(T_map_base[0, 3]), float(T_map_base[1, 3])
    return round(x, 6) + 0.0, round(y, 6) + 0.0, round(pose_yaw(T_map_base), 6) + 0.0


def wrap(angle: float) -> float:
    """An angle in rad, brought into (-pi, pi]."""
    return math.atan2(math.sin(angle), math.cos(angle))


def moved(T_before: FloatArray, T_after: FloatArray) -> bool:
    """Whether the base went more than half a forward step between two poses."""
    return math.dist(planar(T_before)[:2], planar(T_after)[:2]) > 0.5 * FORWARD_M
