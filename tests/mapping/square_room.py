# SPDX-License-Identifier: Apache-2.0
"""Depth pictures of a square room, in closed form."""

from __future__ import annotations

import math

import numpy as np

from seal_perception.camera import Camera
from seal_perception.pose import camera_mounting

CAMERA = Camera.from_hfov(160, 120, math.radians(79.0))
T_BASE_CAMERA = camera_mounting(0.88)


def room_depth(pose: tuple[float, float, float], walls_rad: float = 0.0, half_m: float = 2.5) -> np.ndarray:
    """Depth in a square room around the origin whose walls stand at an angle; rays are followed in closed form."""
    x, y, yaw = pose
    c, s = math.cos(walls_rad), math.sin(walls_rad)
    x, y = c * x + s * y, -s * x + c * y
    bearing = yaw - walls_rad - np.arctan((np.arange(CAMERA.width) - CAMERA.cx) / CAMERA.fx)
    dx, dy = np.cos(bearing), np.sin(bearing)
    with np.errstate(divide="ignore"):
        away = np.minimum((np.sign(dx) * half_m - x) / dx, (np.sign(dy) * half_m - y) / dy)
    depth = away * np.cos(bearing - yaw + walls_rad)
    return np.repeat(depth[None, :].astype(np.float32), CAMERA.height, axis=0)
