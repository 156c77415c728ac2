# SPDX-License-Identifier: Apache-2.0
"""A room of 6 x 5 x 2.5 m with a table-high block, seen without noise: depth in closed form."""

from __future__ import annotations

import numpy as np

from seal_mapping.geometry.surfaces import View
from seal_perception.camera import Camera
from seal_perception.pose import camera_mounting, planar_pose

CAMERA = Camera(80, 60, 70.0, 70.0, 39.5, 29.5)
ROOM = np.array([[-3.0, -2.5, 0.0], [3.0, 2.5, 2.5]])
BLOCK = np.array([[1.4, -0.3, 0.0], [2.2, 0.3, 0.7]])
GREY, RED = (120, 140, 160), (200, 30, 30)


def seen(T_map_camera: np.ndarray, camera: Camera = CAMERA) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 and (H, W) float32 metres of the room from a pose of the optical frame."""
    rays = camera.rays() @ T_map_camera[:3, :3].T
    eye = T_map_camera[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        wall = np.min(np.where(rays > 0, (ROOM[1] - eye) / rays, (ROOM[0] - eye) / rays), axis=-1)
        a, b = (BLOCK[0] - eye) / rays, (BLOCK[1] - eye) / rays
    enter, leave = np.max(np.minimum(a, b), axis=-1), np.min(np.maximum(a, b), axis=-1)
    hit = (enter < leave) & (enter > 0) & (enter < wall)
    rgb = np.where(hit[..., None], np.array(RED, np.uint8), np.array(GREY, np.uint8))
    return rgb, np.where(hit, enter, wall).astype(np.float32)


def bodies(count: int = 24) -> list[np.ndarray]:
    """T_map_base of a robot that turns once round while it drives 3 cm per frame."""
    return [planar_pose(-1.0 + 0.03 * k, 0.3, 2 * np.pi * k / count) for k in range(count)]


def walk(count: int = 20, height: float = 1.4, tilt_deg: float = 27.0) -> list[np.ndarray]:
    """T_map_camera of somebody who walks ahead, looking down, a little to the left and right."""
    down = camera_mounting(height, 0.1, np.deg2rad(tilt_deg))
    return [planar_pose(-1.0 + 0.03 * k, 0.3, 0.5 * np.sin(k / 3)) @ down for k in range(count)]


def views(poses: list[np.ndarray], T_world_map: np.ndarray | None = None) -> list[View]:
    """The pictures of some poses, in another world than the map's if one is given."""
    T = np.eye(4) if T_world_map is None else T_world_map
    return [View(seen(pose)[1], CAMERA, T @ pose) for pose in poses]


def off_surfaces(points: np.ndarray) -> np.ndarray:
    """(N,) metres from points (N, 3) of the map to the nearest surface of the room."""
    walls = np.min(np.abs(np.concatenate([points - ROOM[0], ROOM[1] - points], axis=1)), axis=1)
    out = np.linalg.norm(np.maximum(np.maximum(BLOCK[0] - points, points - BLOCK[1]), 0), axis=1)
    inside = np.min(np.abs(np.concatenate([points - BLOCK[0], BLOCK[1] - points], axis=1)), axis=1)
    return np.minimum(walls, np.where(out > 0, out, inside))


def points_of(depth: np.ndarray, camera: Camera, T_map_camera: np.ndarray) -> np.ndarray:
    """(N, 3) points of the map that a depth picture shows."""
    good = np.isfinite(depth) & (depth > 0)
    return (camera.rays() * depth[..., None])[good] @ T_map_camera[:3, :3].T + T_map_camera[:3, 3]
