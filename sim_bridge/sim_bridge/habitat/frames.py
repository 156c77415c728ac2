# SPDX-License-Identifier: Apache-2.0
"""Habitat's conventions turned into ours and back; plain arrays, so they are checked without habitat-sim.

Habitat: metres, y up, an agent or camera looks along its -z with x to the right; rotations as quaternions; a pixel's
centre lies at +0.5; `hfov` in degrees; depth along the optical axis, 0 = nothing hit. Checked with habitat-sim 0.3.3.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import mat2quat, quat2mat

from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import check_pose
from seal_perception.types import Float32Array, FloatArray, Int32Array, UInt8Array, UInt32Array

R_WORLD_HABITAT: FloatArray = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Habitat's world turned to z up: (x, y, z) there is (x, -z, y) here, as for glTF files."""

R_AGENT_BASE: FloatArray = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
"""Base axes (x forward, y left, z up) written in the agent's (x right, y up, -z forward)."""

R_GL_OPTICAL: FloatArray = np.diag([1.0, -1.0, -1.0])
"""Optical axes (x right, y down, z forward) written in Habitat's camera axes (x right, y up, -z forward)."""


def habitat_camera(width: int, height: int, hfov_deg: float) -> Camera:
    """Intrinsics of a Habitat pinhole sensor, pixel centres at integers.

    There fx = fy = (width / 2) / tan(hfov / 2) and the axis meets the picture at (width / 2, height / 2) with pixel
    centres at +0.5, which is ((width - 1) / 2, (height - 1) / 2) here.
    """
    return Camera.from_hfov(width, height, math.radians(hfov_deg))


def habitat_hfov_deg(camera: Camera) -> float:
    """Habitat's horizontal field of view of a camera (inverse of `habitat_camera`).

    Raises:
        InputError: if it is none of Habitat's: pixels that are not square, or an axis beside the middle.
    """
    hfov_deg = math.degrees(2.0 * math.atan(camera.width / 2.0 / camera.fx))
    like = habitat_camera(camera.width, camera.height, hfov_deg)
    if not np.allclose(camera.matrix, like.matrix, atol=1e-3):
        raise InputError(
            "Habitat's camera has square pixels and its axis in the middle of the picture, got "
            f"fx {camera.fx}, fy {camera.fy}, cx {camera.cx}, cy {camera.cy} at {camera.width} x {camera.height}; "
            "give a field of view instead"
        )
    return hfov_deg


def to_world(points: npt.ArrayLike) -> FloatArray:
    """(..., 3) points of Habitat's world in ours."""
    return np.asarray(points, np.float64) @ R_WORLD_HABITAT.T


def to_habitat(points: npt.ArrayLike) -> FloatArray:
    """(..., 3) points of our world in Habitat's."""
    return np.asarray(points, np.float64) @ R_WORLD_HABITAT


def _pose(position: npt.ArrayLike, rotation_wxyz: npt.ArrayLike, body: FloatArray) -> FloatArray:
    q = np.asarray(rotation_wxyz, np.float64)
    if q.shape != (4,) or not abs(float(np.linalg.norm(q)) - 1.0) < 1e-3:
        raise ValueError(f"rotation must be a unit quaternion w, x, y, z, got {q.tolist()}")
    T = np.eye(4)
    T[:3, :3] = R_WORLD_HABITAT @ quat2mat(q) @ body
    T[:3, 3] = to_world(position)
    return check_pose(T, "Habitat's pose")


def base_pose(position: npt.ArrayLike, rotation_wxyz: npt.ArrayLike) -> FloatArray:
    """T_world_base of an agent.

    Args:
        position: (3,) metres in Habitat's world.
        rotation_wxyz: (4,) unit quaternion, w first.

    Raises:
        ValueError: if a value is not finite or the quaternion is none.
    """
    return _pose(position, rotation_wxyz, R_AGENT_BASE)


def camera_pose(position: npt.ArrayLike, rotation_wxyz: npt.ArrayLike) -> FloatArray:
    """T_world_camera (optical frame) of a sensor; arguments as in `base_pose`."""
    return _pose(position, rotation_wxyz, R_GL_OPTICAL)


def camera_state(T_world_camera: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Habitat's position (3,) and quaternion w, x, y, z (4,) of a camera (inverse of `camera_pose`)."""
    T = check_pose(T_world_camera, "T_world_camera")
    rotation = R_WORLD_HABITAT.T @ T[:3, :3] @ R_GL_OPTICAL.T
    return to_habitat(T[:3, 3]), np.asarray(mat2quat(rotation), np.float64)


def colour(rgba: UInt8Array) -> UInt8Array:
    """(H, W, 3) of Habitat's (H, W, 4) picture."""
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8:
        raise ValueError(f"Habitat's picture must be (H, W, 4) uint8, got {rgba.shape} {rgba.dtype}")
    return np.ascontiguousarray(rgba[..., :3])


def instances(semantic: UInt32Array, depth: Float32Array, unlabelled: int) -> Int32Array:
    """(H, W) instance ids of Habitat's semantic picture; 0 is left to mean "nothing hit".

    Habitat writes 0 both where nothing was hit and for what its files give the id 0 (mostly "unknown"); the depth
    tells the two apart.

    Args:
        semantic: (H, W) Habitat's ids.
        depth: (H, W) metres of the same view, 0 = nothing hit.
        unlabelled: the id for things hit that have Habitat's id 0; one that no object has.
    """
    if semantic.shape != depth.shape:
        raise ValueError(f"semantic {semantic.shape} and depth {depth.shape} must be of one view")
    ids = np.where(semantic == 0, unlabelled, semantic.astype(np.int64))
    return np.where(depth > 0, ids, 0).astype(np.int32)
