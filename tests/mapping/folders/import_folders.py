# SPDX-License-Identifier: Apache-2.0
"""Folders of RGB-D frames to import: a floor and a table seen by a camera that walks past, in both layouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from seal_perception.camera import Camera
from seal_perception.pose import camera_mounting, pose_to_xyz_quat

CAMERA = Camera(64, 48, 50.0, 51.0, 31.0, 24.5)
TABLE_M = 0.75
EYE_M = 1.5


def pose(k: int) -> np.ndarray:
    """T_map_camera of frame k: looking down by 30 degrees, 10 cm further per frame."""
    T = camera_mounting(EYE_M, 0.1 * k, np.deg2rad(30.0))
    T[1, 3] = 0.3
    return T


def depth_m(T: np.ndarray, half: float = 0.4) -> np.ndarray:
    """(H, W) metres to the floor z = 0 or to the table top, a square of 2 x `half` 2 m ahead."""
    rays = CAMERA.rays() @ T[:3, :3].T
    with np.errstate(divide="ignore"):
        floor, table = ((height - T[2, 3]) / rays[..., 2] for height in (0.0, TABLE_M))
    hit = T[:3, 3] + rays * table[..., None]
    on_table = (np.abs(hit[..., 0] - 2.0) < half) & (np.abs(hit[..., 1]) < half) & (table > 0)
    depth = np.where(on_table, table, floor)
    return np.where((depth > 0) & (depth < 8.0), depth, 0.0)


def colour(k: int) -> np.ndarray:
    """(H, W, 3) uint8 of frame k."""
    return np.random.default_rng(k).integers(0, 256, (CAMERA.height, CAMERA.width, 3), np.uint8)


def write_numbered(folder: Path, numbers: Sequence[int], T_world_map: np.ndarray | None = None) -> Path:
    """color/, depth/, K.txt and poses.txt; frame k has the k-th number. A world may be given that is not upright."""
    T_world_map = np.eye(4) if T_world_map is None else T_world_map
    (folder / "color").mkdir(parents=True)
    (folder / "depth").mkdir()
    lines = []
    for k, number in enumerate(numbers):
        cv2.imwrite(str(folder / "color" / f"{number:05d}.jpg"), colour(k))
        raw = np.rint(depth_m(pose(k)) * 1000).astype(np.uint16)
        cv2.imwrite(str(folder / "depth" / f"{number:05d}.png"), raw)
        lines.append(" ".join(f"{v:.9e}" for v in (T_world_map @ pose(k)).ravel()))
    (folder / "poses.txt").write_text("\n".join(lines) + "\n")
    np.savetxt(folder / "K.txt", CAMERA.matrix)
    return folder


TUM_START_US = 1_305_031_102_175_304


def tum_stamp(us: int) -> str:
    """Seconds with six digits, of microseconds after the first picture."""
    text = str(TUM_START_US + us)
    return f"{text[:-6]}.{text[-6:]}"


def write_tum(folder: Path, count: int) -> Path:
    """rgb at 30 Hz, depth 7 ms later, poses at 100 Hz from 3 ms before; no picture has the stamp of a pose."""
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
    lists: dict[str, list[str]] = {"rgb": [], "depth": []}
    for k in range(count):
        images = {"rgb": (33_333 * k, colour(k)), "depth": (33_333 * k + 7_000, None)}
        for name, (us, pixels) in images.items():
            if pixels is None:
                pixels = np.rint(depth_m(tum_pose(us)) * 5000).astype(np.uint16)
            file = f"{name}/{tum_stamp(us)}.png"
            cv2.imwrite(str(folder / file), pixels)
            lists[name].append(f"{tum_stamp(us)} {file}")
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("# colour or depth\n" + "\n".join(lines) + "\n")
    rows = []
    for us in range(-3_000, 33_333 * count + 20_000, 10_000):
        xyz, quat = pose_to_xyz_quat(tum_pose(us))
        rows.append(" ".join([tum_stamp(us), *(f"{v:.9f}" for v in (*xyz, *quat))]))
    (folder / "groundtruth.txt").write_text("# timestamp tx ty tz qx qy qz qw\n" + "\n".join(rows) + "\n")
    np.savetxt(folder / "K.txt", CAMERA.matrix)
    return folder


def tum_pose(us: int) -> np.ndarray:
    """T_map_camera at a time: 10 cm per 33.333 ms."""
    T = pose(0)
    T[0, 3] = 0.1 * us / 33_333
    return T
