# SPDX-License-Identifier: Apache-2.0
"""The camera's mounting as parameters, for nodes that turn odometry into camera poses."""

from __future__ import annotations

import math

from rclpy.node import Node

from seal_perception.nodes.params import declare
from seal_perception.pose import camera_mounting
from seal_perception.types import FloatArray


def declare_mounting(node: Node) -> FloatArray:
    """T_base_camera (4, 4) from `mounting.*`."""
    height = declare(node, "mounting.height_m", 0.88, "camera above the floor, in metres")
    forward = declare(node, "mounting.forward_m", 0.0, "camera ahead of the base, in metres")
    left = declare(node, "mounting.left_m", 0.0, "camera to the left of the base's middle, in metres")
    pan = declare(node, "mounting.pan_left_deg", 0.0, "camera panned to the left, in degrees; before it is tilted")
    tilt = declare(node, "mounting.tilt_down_deg", 0.0, "camera tilted down, in degrees")
    roll = declare(node, "mounting.roll_deg", 0.0, "camera turned clockwise, seen from behind, in degrees")
    return camera_mounting(height, forward, math.radians(tilt), math.radians(roll), left, math.radians(pan))
