# SPDX-License-Identifier: Apache-2.0
"""Poses: `T_a_b` is a (4, 4) float64 matrix that takes points of frame b to frame a."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import mat2quat, quat2mat

from seal_perception.types import FloatArray

R_BODY_OPTICAL: FloatArray = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Optical axes (x right, y down, z forward) written in body axes (x forward, y left, z up)."""


def planar_pose(x: float, y: float, yaw: float, z: float = 0.0) -> FloatArray:
    """T_world_base of a robot standing at (x, y, z) metres, turned left by `yaw` radians."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, -s, 0.0, x], [s, c, 0.0, y], [0.0, 0.0, 1.0, z], [0.0, 0.0, 0.0, 1.0]])


def pose_yaw(T: FloatArray) -> float:
    """Heading in radians of the pose's x axis in the ground plane, in (-pi, pi]."""
    return math.atan2(float(T[1, 0]), float(T[0, 0]))


def invert(T: FloatArray) -> FloatArray:
    """Inverse of a rigid pose."""
    out = np.eye(4)
    out[:3, :3] = T[:3, :3].T
    out[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return out


def camera_mounting(
    height_m: float,
    forward_m: float = 0.0,
    tilt_down_rad: float = 0.0,
    roll_rad: float = 0.0,
    left_m: float = 0.0,
    pan_left_rad: float = 0.0,
) -> FloatArray:
    """T_base_camera (optical) of a camera above the base that looks forward, panned to the left, then tilted down.

    `roll_rad` turns it clockwise about its axis, seen from behind: its right side goes down, its picture shows the
    world turned counter-clockwise.
    """
    c, s = math.cos(tilt_down_rad), math.sin(tilt_down_rad)
    pitch = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    T = np.eye(4)
    T[:3, :3] = pitch @ R_BODY_OPTICAL
    if pan_left_rad:
        T[:3, :3] = planar_pose(0.0, 0.0, pan_left_rad)[:3, :3] @ T[:3, :3]
    if roll_rad:
        c, s = math.cos(roll_rad), math.sin(roll_rad)
        T[:3, :3] = T[:3, :3] @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    T[:3, 3] = (forward_m, left_m, height_m)
    return T


def pose_to_xyz_quat(T: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Translation (3,) and unit quaternion (4,) in ROS order x, y, z, w."""
    w, x, y, z = mat2quat(T[:3, :3])
    return T[:3, 3].copy(), np.array([x, y, z, w])


def pose_from_xyz_quat(xyz: npt.ArrayLike, quat_xyzw: npt.ArrayLike) -> FloatArray:
    """Pose from a translation and a quaternion in ROS order x, y, z, w.

    Raises:
        ValueError: if a value is not finite or the quaternion's norm is not near 1.
    """
    q = np.asarray(quat_xyzw, dtype=np.float64)
    t = np.asarray(xyz, dtype=np.float64)
    norm = float(np.linalg.norm(q))
    if not (np.isfinite(t).all() and abs(norm - 1.0) < 1e-2):
        raise ValueError(f"pose needs finite metres and a unit quaternion x, y, z, w; got {t.tolist()}, {q.tolist()}")
    T = np.eye(4)
    T[:3, :3] = quat2mat([q[3], q[0], q[1], q[2]])
    T[:3, 3] = t
    return T


def check_pose(T: npt.ArrayLike, name: str = "pose") -> FloatArray:
    """Return `T` as float64 after checking that it is a finite rigid (4, 4) transform.

    Raises:
        ValueError: if it is not.
    """
    T = np.asarray(T, dtype=np.float64)
    if T.shape != (4, 4) or not np.isfinite(T).all():
        raise ValueError(f"{name} must be a finite (4, 4) matrix, got shape {T.shape}:\n{T}")
    if not np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-4) or np.linalg.det(T[:3, :3]) < 0:
        raise ValueError(f"{name} must have a rotation in its upper left, got\n{T[:3, :3]}")
    return T
