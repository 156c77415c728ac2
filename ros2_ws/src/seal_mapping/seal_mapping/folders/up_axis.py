# SPDX-License-Identifier: Apache-2.0
"""Which axis of a recording's world points up, and where its floor lies."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.types import Float32Array, FloatArray

UP_AXES = ("x", "-x", "y", "-y", "z", "-z")
MAX_TILT_DEG = 35.0
"""If the cameras' mean up is farther than this from every axis, no axis is taken for up."""

_MIN_DEPTH_M, _MAX_DEPTH_M = 0.3, 5.0
_FLAT_COS = math.cos(math.radians(30.0))
_BIN_M = 0.025
_NEAR_PEAK_M = 0.05
_STRONG = 0.05
_MIN_POINTS = 200
_COLUMNS = 90

_ROTATIONS: dict[str, list[list[float]]] = {
    "x": [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
    "-x": [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
    "y": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "-y": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "z": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "-z": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
}


@dataclass(frozen=True)
class Floor:
    """A floor that was found.

    Attributes:
        height_m: its height along the world's up axis.
        share: share of the points on level surfaces that lie within 5 cm of it, in [0, 1].
        camera_m: median height of the cameras above it.
    """

    height_m: float
    share: float
    camera_m: float


def upright_rotation(up: str) -> FloatArray:
    """(3, 3) rotation from a world with this axis up to one with z up; the other axes turn as little as possible.

    Raises:
        InputError: if `up` is no axis.
    """
    if up not in _ROTATIONS:
        raise InputError(f"--up must be auto, {', '.join(UP_AXES)}; got {up!r}")
    return np.array(_ROTATIONS[up], np.float64)


def find_up(T_world_camera: FloatArray) -> tuple[str, float]:
    """The axis of the world nearest to where the cameras' upper edges point in the mean.

    Args:
        T_world_camera: (N, 4, 4) poses of the optical frame.

    Returns:
        The axis and its angle to the mean in degrees.

    Raises:
        InputError: if no axis is within `MAX_TILT_DEG`.
    """
    mean = -T_world_camera[:, :3, 1].mean(axis=0)
    norm = float(np.linalg.norm(mean))
    along = {axis: float(upright_rotation(axis)[2] @ mean) for axis in UP_AXES}
    axis = max(along, key=lambda name: along[name])
    angle = math.degrees(math.acos(min(1.0, along[axis] / norm))) if norm > 0 else 180.0
    # A mean that is short is the mean of cameras held in all directions: its own direction says nothing.
    if angle > MAX_TILT_DEG or norm < 0.5:
        raise InputError(
            f"cannot tell which axis of the world is up: the cameras' mean up is "
            f"({', '.join(f'{v:.2f}' for v in mean)}), {angle:.0f} degrees from {axis}; say it: --up {axis}, "
            f"or another of {', '.join(UP_AXES)}"
        )
    return axis, angle


def level_heights(depth: Float32Array, camera: Camera, T_world_camera: FloatArray, up: str) -> FloatArray:
    """(N,) heights, along the world's up axis, of those points of a picture whose surface faces up.

    Args:
        depth: (H, W) float32 metres, 0 or not finite = no reading.
        camera: its intrinsics.
        T_world_camera: (4, 4) pose of the optical frame.
        up: axis of the world.
    """
    step = max(1, camera.width // _COLUMNS)
    z = depth[::step, ::step].astype(np.float64)
    z = np.where((z > _MIN_DEPTH_M) & (z < _MAX_DEPTH_M), z, np.nan)
    points = camera.rays()[::step, ::step] * z[..., None]
    right = points[:-1, 1:] - points[:-1, :-1]
    down = points[1:, :-1] - points[:-1, :-1]
    normal = np.cross(down, right)  # towards the camera
    axis = upright_rotation(up)[2]
    upward = normal @ (T_world_camera[:3, :3].T @ axis)
    flat = upward > _FLAT_COS * np.linalg.norm(normal, axis=-1)  # False where a neighbour has no reading
    world = points[:-1, :-1][flat] @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]
    return np.asarray(world @ axis, np.float64)


def find_floor(heights: Iterable[FloatArray], camera_heights: FloatArray) -> Floor:
    """The lowest strong peak among the heights of level surfaces.

    Strong is a twentieth of the highest peak: a table may cover more of the pictures than the floor does, while wrong
    readings below the floor are few and scattered.

    Args:
        heights: arrays as `level_heights` gives them.
        camera_heights: (N,) heights of the cameras along the same axis.

    Raises:
        InputError: if too little level surface was seen, or the lowest is above the cameras.
    """
    found = [part for part in heights if part.size]
    values = np.concatenate(found) if found else np.zeros(0)
    if values.size < _MIN_POINTS:
        raise InputError(
            f"cannot find the floor: {values.size} points on level surfaces were seen, {_MIN_POINTS} are needed; "
            "give its height along the up axis: --floor METRES"
        )
    first = math.floor(float(values.min()) / _BIN_M) - 2
    counts = np.bincount((np.floor(values / _BIN_M) - first).astype(np.int64))
    smooth = np.convolve(counts, [1.0, 1.0, 1.0])  # a peak on the edge of two bins counts as one
    inner, before, after = smooth[1:-1], smooth[:-2], smooth[2:]
    peaks = np.flatnonzero((inner >= before) & (inner >= after) & (inner >= _STRONG * inner.max()))
    centre = (first + int(peaks[0]) + 0.5) * _BIN_M
    near = values[np.abs(values - centre) <= _NEAR_PEAK_M]
    height = float(np.median(near))
    share = float((np.abs(values - height) <= _NEAR_PEAK_M).mean())
    camera_m = float(np.median(camera_heights)) - height
    if camera_m <= 0:
        raise InputError(
            f"cannot find the floor: the lowest level surface is {-camera_m:.2f} m above the cameras; check --up, or "
            "give the floor's height along the up axis: --floor METRES"
        )
    return Floor(height, share, camera_m)
