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
_MAX_OFF = 0.02


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
        with np.errstate(over="ignore"):
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


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # absurd poses and cameras give no warnings
def surface_normals(view: View, near_m: float = NEAR_M, far_m: float = FAR_M) -> FloatArray:
    """(N, 3) unit normals in world axes, towards the camera, of the flat patches of a picture.

    A patch is a square of a fourteenth of the picture's width. On a plane 1 / depth is linear over the picture, and its
    three coefficients point along the normal: they are fitted by least squares, which noise of single pixels hardly
    moves. Patches with less than half of their pixels, or off the fit by more than 2 %, are edges, bends or noise.

    Args:
        view: the picture.
        near_m: smallest depth that is looked at.
        far_m: largest.
    """
    depth, camera = thinned(view.depth, view.camera, 200)
    size = max(5, camera.width // 14)
    step = max(1, size // 2)
    if min(camera.width, camera.height) < size:
        return np.zeros((0, 3))
    z = depth.astype(np.float64)
    known = (z > near_m) & (z < far_m)  # False for NaN
    w = np.where(known, 1.0 / np.where(known, z, 1.0), 0.0)
    x = (np.arange(camera.width) - camera.cx) / camera.fx * known
    y = ((np.arange(camera.height) - camera.cy) / camera.fy)[:, None] * known
    one = known.astype(np.float64)
    parts = np.stack([x * x, x * y, x, y * y, y, one, x * w, y * w, w, w * w])
    xx, xy, sx, yy, sy, count, xw, yw, sw, ww = _squares(parts, size, step)
    full = count >= 0.5 * size * size
    A = np.stack([xx, xy, sx, xy, yy, sy, sx, sy, count], axis=-1)[full].reshape(-1, 3, 3)
    b = np.stack([xw, yw, sw], axis=-1)[full]
    # Pixels in one row or column fix no plane: a little weight keeps the matrix regular, the fit is then off.
    A = A + 1e-9 * np.eye(3)
    regular = np.abs(np.linalg.det(A)) > 1e-30  # False for numbers of a camera that overflow
    A, b, full = A[regular], b[regular], _only(full, regular)
    fit = np.linalg.solve(A, b[..., None])[..., 0]
    number, mean = count[full], sw[full] / count[full]
    off = np.sqrt(np.maximum(ww[full] - (fit * b).sum(axis=-1), 0.0) / number)
    flat = off < _MAX_OFF * mean
    normal = -fit[flat] / np.linalg.norm(fit[flat], axis=-1, keepdims=True)
    normal = normal[np.isfinite(normal).all(axis=1)]
    return np.asarray(normal @ view.T_world_camera[:3, :3].T, np.float64)


def _only(full: BoolArray, kept: BoolArray) -> BoolArray:
    """The mask without those of its True pixels, in order, that are not kept."""
    out = full.copy()
    out[full] = kept
    return out


def _squares(parts: FloatArray, size: int, step: int) -> FloatArray:
    """(K, h, w) sums of (K, H, W) over squares of `size`, each `step` from the next."""
    total = np.zeros((len(parts), parts.shape[1] + 1, parts.shape[2] + 1))
    total[:, 1:, 1:] = parts.cumsum(axis=1).cumsum(axis=2)
    strips = total[:, size::step] - total[:, : parts.shape[1] + 1 - size : step]
    return np.asarray(strips[:, :, size::step] - strips[:, :, : parts.shape[2] + 1 - size : step], np.float64)


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # absurd poses and cameras give no warnings
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
