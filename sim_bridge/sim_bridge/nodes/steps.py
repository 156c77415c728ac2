# SPDX-License-Identifier: Apache-2.0
"""Relative poses of the `step` topic as discrete actions."""

from __future__ import annotations

import math

import numpy as np

from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.simulator import Action
from seal_perception.types import FloatArray


def action_poses(forward_m: float, turn_rad: float) -> dict[Action, FloatArray]:
    """T_base_target of each action of a robot with these steps."""
    return {
        Action.STOP: np.eye(4),
        Action.FORWARD: planar_pose(forward_m, 0.0, 0.0),
        Action.LEFT: planar_pose(0.0, 0.0, turn_rad),
        Action.RIGHT: planar_pose(0.0, 0.0, -turn_rad),
    }


def nearest_action(T_base_target: FloatArray, forward_m: float, turn_rad: float) -> Action:
    """The action whose pose is nearest to the one asked for; a whole step and a whole turn count the same."""

    def distance(T: FloatArray) -> float:
        shift = math.dist(T[:2, 3], T_base_target[:2, 3]) / forward_m
        turn = pose_yaw(T) - pose_yaw(T_base_target)
        return shift + abs(math.atan2(math.sin(turn), math.cos(turn))) / turn_rad

    poses = action_poses(forward_m, turn_rad)
    return min(poses, key=lambda action: distance(poses[action]))
