# SPDX-License-Identifier: Apache-2.0
"""One registered RGB-D picture with the pose it was taken from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seal_perception.camera import Camera
from seal_perception.pose import check_pose
from seal_perception.types import Float32Array, FloatArray, UInt8Array


@dataclass(frozen=True)
class Frame:
    """An RGB-D frame.

    Attributes:
        stamp_ns: time of the picture in nanoseconds.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 metres along the optical axis, registered to colour; 0, NaN or inf = no reading.
        camera: intrinsics that fit both pictures.
        T_map_camera: (4, 4) float64, optical frame to map frame.
    """

    stamp_ns: int
    rgb: UInt8Array
    depth: Float32Array
    camera: Camera
    T_map_camera: FloatArray

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        if self.rgb.shape != (*size, 3) or self.rgb.dtype != np.uint8:
            raise ValueError(f"rgb must be {(*size, 3)} uint8, got {self.rgb.shape} {self.rgb.dtype}")
        if self.depth.shape != size or self.depth.dtype != np.float32:
            raise ValueError(f"depth must be {size} float32 in metres, got {self.depth.shape} {self.depth.dtype}")
        object.__setattr__(self, "T_map_camera", check_pose(self.T_map_camera, "T_map_camera"))
