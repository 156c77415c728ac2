# SPDX-License-Identifier: Apache-2.0
"""A camera's focal lengths and principal point, as compiled kernels take them."""

from __future__ import annotations

from typing import NamedTuple

from seal_perception.camera import Camera


class Pinhole(NamedTuple):
    """Focal lengths and principal point in pixels; numba compiles it as a tuple of four numbers."""

    fx: float
    fy: float
    cx: float
    cy: float

    @staticmethod
    def from_camera(camera: Camera) -> Pinhole:
        """Those of a camera."""
        return Pinhole(float(camera.fx), float(camera.fy), float(camera.cx), float(camera.cy))
