# SPDX-License-Identifier: Apache-2.0
"""Surfaces that a depth picture shows: their normals, and the heights of those that face up."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from seal_perception.camera import Camera
from seal_perception.types import BoolArray, Float32Array, FloatArray

NEAR_M, FAR_M = 0.3, 5.0
"""Depth that is looked at: farther readings of a real sensor are too noisy for a normal."""

_COLUMNS = 90
_FLAT_COS = math.cos(math.radians(30.0))
_MAX_STEP = 0.2
_MAX_BEND = 0.5


@dataclass(frozen=True)
class View:
    """A depth picture that is looked at for its geometry.

    Attributes:
        depth: (H, W) float32 metres, 0 or not finite = no reading.
        camera: intrinsics of the depth picture, of its size.
        T_world_camera: (4, 4) pose of the optical frame.
    """

    depth: Float32Array
    camera: Camera
    T_world_camera: FloatArray

    def scaled(self, factor: float) -> View:
        """The view with all depth multiplied."""
        return self if factor == 1.0 else replace(self, depth=(self.depth * np.float32(factor)).astype(np.float32))

    def turned(self, R_camera_optical: FloatArray) -> View:
        """The view whose pose was that of another frame of the camera; (3, 3) takes optical axes to that frame's."""
        T = self.T_world_camera.copy()
        T[:3, :3] = T[:3, :3] @ R_camera_optical
        return replace(self, T_world_camera=T)

    def moved(self, T_new_world: FloatArray) -> View:
        """The view in another world; (4, 4)."""
        return replace(self, T_world_camera=T_new_world @ self.T_world_camera)

    def readings(self) -> Float32Array:
        """(N,) the depth where there is a reading."""
        return self.depth[np.isfinite(self.depth) & (self.depth > 0)]


def thinned(depth: Float32Array, camera: Camera, columns: int = 320) -> tuple[Float32Array, Camera]:
    """Every n-th pixel of a picture and the camera of such a picture; at least `columns` columns stay.

    Args:
        depth: (H, W) metres.
        camera: its intrinsics.
        columns: as many are kept, or up to twice as many.
    """
    step = max(1, camera.width // columns)
    if step == 1:
        return depth, camera
    kept = np.ascontiguousarray(depth[::step, ::step])
    height, width = kept.shape
    return kept, Camera(width, height, camera.fx / step, camera.fy / step, camera.cx / step, camera.cy / step)


def _points(view: View, near_m: float, far_m: float) -> FloatArray:
    """(h, w, 3) points of every n-th pixel in the optical frame, NaN where there is no reading in the range."""
    step = max(1, view.camera.width // _COLUMNS)
    z = view.depth[::step, ::step].astype(np.float64)
    z = np.where((z > near_m) & (z < far_m), z, np.nan)
    return np.asarray(view.camera.rays()[::step, ::step] * z[..., None], np.float64)


def surface_normals(view: View, near_m: float = NEAR_M, far_m: float = FAR_M) -> FloatArray:
    """(N, 3) unit normals in world axes, towards the camera, of the smooth patches of a picture.

    A patch is a pixel with its four neighbours on a coarse grid. Edges and bends are left out: a neighbour that lies a
    fifth of the depth nearer or farther, or three in a row that are far from even.

    Args:
        view: the picture.
        near_m: smallest depth that is looked at.
        far_m: largest.
    """
    points = _points(view, near_m, far_m)
    if min(points.shape[:2]) < 3:
        return np.zeros((0, 3))
    middle = points[1:-1, 1:-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        good: BoolArray = np.ones(middle.shape[:2], bool)
        across = []
        for before, after in ((points[1:-1, :-2], points[1:-1, 2:]), (points[:-2, 1:-1], points[2:, 1:-1])):
            span = after - before
            length = np.linalg.norm(span, axis=-1)
            good &= np.abs(span[..., 2]) < _MAX_STEP * middle[..., 2]
            good &= np.linalg.norm(after + before - 2.0 * middle, axis=-1) < _MAX_BEND * length
            across.append(span)
        normal = np.cross(across[1], across[0])[good]  # towards the camera
        normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    normal = normal[np.isfinite(normal).all(axis=1)]
    return np.asarray(normal @ view.T_world_camera[:3, :3].T, np.float64)


def level_points(view: View, axis: FloatArray, near_m: float = NEAR_M, far_m: float = FAR_M) -> FloatArray:
    """(N, 3) points, in the world, of a picture's surfaces that face up within 30 degrees.

    Args:
        view: the picture.
        axis: (3,) the world's up, of unit length.
        near_m: smallest depth that is looked at.
        far_m: largest.
    """
    points = _points(view, near_m, far_m)
    R = view.T_world_camera[:3, :3]
    right = points[:-1, 1:] - points[:-1, :-1]
    down = points[1:, :-1] - points[:-1, :-1]
    normal = np.cross(down, right)  # towards the camera
    upward = normal @ (R.T @ axis)
    flat = upward > _FLAT_COS * np.linalg.norm(normal, axis=-1)  # False where a neighbour has no reading
    return np.asarray(points[:-1, :-1][flat] @ R.T + view.T_world_camera[:3, 3], np.float64)
