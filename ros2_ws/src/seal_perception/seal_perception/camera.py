# SPDX-License-Identifier: Apache-2.0
"""A pinhole camera: pixel (u, v) has its centre at integer coordinates, as in ROS and OpenCV."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from seal_perception.errors import InputError
from seal_perception.types import FloatArray

MIN_FOCAL_PIXELS = 0.01
"""A shorter one is a mistake, and makes rays that nothing can be computed with."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics of a rectified camera; lengths in pixels.

    The optical frame is x right, y down, z forward (REP 103).
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise InputError(f"camera size must be positive, got {self.width} x {self.height}")
        if not (self.fx > 0 and self.fy > 0 and math.isfinite(self.fx) and math.isfinite(self.fy)):
            raise InputError(f"focal lengths must be positive and finite, got fx={self.fx}, fy={self.fy}")
        if min(self.fx, self.fy) < MIN_FOCAL_PIXELS:
            raise InputError(f"focal lengths must be at least {MIN_FOCAL_PIXELS} pixels, got {self.fx}, {self.fy}")
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise InputError(f"principal point must be finite, got cx={self.cx}, cy={self.cy}")

    @classmethod
    def from_hfov(cls, width: int, height: int, hfov_rad: float) -> Camera:
        """Camera with square pixels and the principal point in the middle of the picture."""
        if not 0.0 < hfov_rad < math.pi:
            raise InputError(f"hfov_rad must lie in (0, pi), got {hfov_rad}")
        focal = width / 2.0 / math.tan(hfov_rad / 2.0)
        return cls(width, height, focal, focal, (width - 1) / 2.0, (height - 1) / 2.0)

    @property
    def matrix(self) -> FloatArray:
        """(3, 3) K."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def rays(self) -> FloatArray:
        """(H, W, 3) directions in the optical frame with z = 1: point = ray * depth."""
        u = (np.arange(self.width) - self.cx) / self.fx
        v = (np.arange(self.height) - self.cy) / self.fy
        rays = np.ones((self.height, self.width, 3))
        rays[..., 0] = u[None, :]
        rays[..., 1] = v[:, None]
        return rays
