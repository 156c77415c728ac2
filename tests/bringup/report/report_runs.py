# SPDX-License-Identifier: Apache-2.0
"""Run folders for the tests of the report: a small room seen by a real VoxelMap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seal_mapping.voxels.io import save_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.camera import Camera
from seal_perception.categories import CATEGORIES, COLOURS
from seal_perception.files import write_json
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose

ROWS = ("pretrained", "self_training", "label_prop_paper", "label_prop", "oracle")


# --- a small room, seen by a real VoxelMap ---------------------------------------------------------------------------


def room_boxes() -> list[tuple[tuple[float, ...], tuple[float, ...], int]]:
    """(low, high, category or -1) in metres, with the robot at the origin."""
    walls = [
        ((-2.1, -2.6, 0.0), (3.6, -2.5, 2.6), -1),
        ((-2.1, 2.5, 0.0), (3.6, 2.6, 2.6), -1),
        ((-2.1, -2.6, 0.0), (-2.0, 2.6, 2.6), -1),
        ((3.5, -2.6, 0.0), (3.6, 2.6, 2.6), -1),
        ((-2.1, -2.6, -0.1), (3.6, 2.6, 0.0), -1),
        ((0.9, 0.9, 0.0), (1.0, 2.5, 2.6), -1),
    ]
    things = [
        ((2.6, -0.9, 0.0), (3.4, 0.9, 0.42), 1),
        ((3.2, -0.9, 0.42), (3.4, 0.9, 0.85), 1),
        ((1.0, -2.3, 0.0), (1.5, -1.8, 0.45), 0),
        ((1.0, -2.35, 0.45), (1.5, -2.25, 0.95), 0),
        ((-1.9, -2.4, 0.0), (-1.5, -2.0, 1.1), 2),
        ((-1.9, 0.9, 0.0), (0.1, 2.4, 0.5), 3),
        ((1.2, 2.0, 0.0), (2.4, 2.4, 0.6), -1),
        ((1.4, 2.2, 0.6), (2.2, 2.3, 1.1), 5),
    ]
    return walls + things


def see(camera: Camera, T_map_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour, depth and scores of the room by the slab test of every ray with every box."""
    eye = T_map_camera[:3, 3]
    rays = camera.rays() @ T_map_camera[:3, :3].T
    depth = np.full(rays.shape[:2], np.inf)
    which = np.full(rays.shape[:2], -1)
    boxes = room_boxes()
    with np.errstate(divide="ignore", invalid="ignore"):
        for index, (low, high, _) in enumerate(boxes):
            a, b = (np.array(low) - eye) / rays, (np.array(high) - eye) / rays
            near, far = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
            hit = (near < far) & (near > 0.05) & (near < depth)
            depth[hit], which[hit] = near[hit], index
    kinds = np.array([box[2] for box in boxes])
    tints = np.array([[190, 185, 170]] * 4 + [[150, 110, 80], [190, 185, 170]] + [[90, 100, 130]] * 8)
    rgb = np.where((which >= 0)[..., None], tints[which], 0).astype(np.uint8)
    scores = np.zeros((*which.shape, len(CATEGORIES)), dtype=np.uint8)
    rows, cols = np.nonzero((which >= 0) & (kinds[which] >= 0))
    scores[rows, cols, kinds[which[rows, cols]]] = 246
    return rgb, np.where(np.isfinite(depth), depth, 0).astype(np.float32), scores


def walk() -> list[list[float]]:
    """Poses x, y, yaw of a short way with a look around at each end."""
    poses = [[0.0, 0.0, k * np.pi / 6] for k in range(12)]
    poses += [[0.25 * k, -0.1 * k, -0.4] for k in range(1, 7)]
    return poses + [[1.5, -0.6, -0.4 + k * np.pi / 6] for k in range(1, 13)]


def room_map(width: int = 80) -> VoxelMap:
    camera = Camera.from_hfov(width, width * 3 // 4, np.radians(79))
    voxel_map = VoxelMap()
    for step, (x, y, yaw) in enumerate(walk()):
        T = planar_pose(x, y, yaw) @ camera_mounting(0.88)
        rgb, depth, scores = see(camera, T)
        voxel_map.integrate_scores(Frame(step * 100_000_000, rgb, depth, camera, T), scores)
    return voxel_map


# --- a run folder ----------------------------------------------------------------------------------------------------


def home_metrics(shift: float) -> dict[str, Any]:
    rows = {}
    for i, (row, box) in enumerate(zip(ROWS, (34.13, 36.27, 39.84, 43.76, 58.92), strict=True)):
        box += shift
        rows[row] = {
            "box_ap50": box,
            "mask_ap50": box - 4.31,
            "box_ap50_interval": [box - 3.21, box + 3.12],
            "mask_ap50_interval": [box - 8.02, box - 0.97],
            "per_category": {
                name: {"box_ap50": box + 7 * j - 15.5 + i, "mask_ap50": box + 6 * j - 19.7}
                for j, name in enumerate(CATEGORIES)
            },
        }
    labels = {
        row: {
            "precision": 0.8437 - 0.07 * i,
            "recall": 0.6012 - 0.05 * i,
            "pixel_precision": 0.911,
            "pixel_recall": 0.7023,
            "per_category": {
                name: {"precision": 0.9 - 0.031 * j, "recall": 0.7 - 0.041 * j, "instances": 113 - 17 * j}
                for j, name in enumerate(CATEGORIES)
            },
            "errors": {"background": 12 + i, "wrong category": 3, "localisation": 4, "duplicate": 1},
        }
        for i, row in enumerate(("label_prop", "label_prop_paper", "self_training"))
    }
    return {
        "rows": rows,
        "labels": labels,
        "coverage": {"reachable_seen": 0.9312, "explored_m2": 55.24},
        "timings": {"perception": 71.34},
        "stages": {"explore": 81.2, "labels label_prop": 17.6, "fine-tune label_prop": 121.4},
    }


def make_run(folder: Path, homes: tuple[str, ...] = ("test_01",), width: int = 80) -> dict[str, Any]:
    """Write a whole run folder; return its metrics."""
    metrics: dict[str, Any] = {
        "format": 1,
        "seed": 0,
        "preset": "laptop",
        "homes": {home: home_metrics(1.7 * i) for i, home in enumerate(homes)},
        "mean": {key: home_metrics(0.9)[key] for key in ("rows", "labels")},
    }
    write_json(folder / "metrics.json", metrics)
    versions = {"commit": "abc1234def", "numpy": np.__version__}
    write_json(folder / "config.json", {"seed": 0, "demo": {"steps": 30, "policy": "frontier"}, "versions": versions})
    voxel_map, poses = room_map(width), walk()
    camera = Camera.from_hfov(2 * width, 2 * width * 3 // 4, np.radians(79))
    for home in homes:
        save_map(voxel_map, folder / home / "map.npz")
        write_json(
            folder / home / "trajectory.json",
            {"poses": poses, "goals": [[0, 1.4, -0.5], [25, 0.3, -1.6]], "actions": [1] * (len(poses) - 1)},
        )
        steps = list(range(len(poses)))
        write_json(
            folder / home / "status.json",
            {
                "step": steps,
                "confident_voxels": [round(4200 * (1 - 0.9**k)) for k in steps],
                "explored_m2": [round(26.4 * (1 - 0.86**k), 2) for k in steps],
                "ms": {"map update": [6.21, 9.73], "plan": [2.84, 14.15], "goal": [11.02, 13.9]},
            },
        )
        for number, index in enumerate((3, 16, 20, 26)):
            rgb, _, scores = see(camera, planar_pose(*poses[index]) @ camera_mounting(0.88))
            painted = np.where(scores.max(-1, keepdims=True) > 0, COLOURS[scores.argmax(-1)], rgb).astype(np.uint8)
            for kind, picture in (("before", rgb), ("label", painted), ("after", painted), ("truth", painted)):
                path = folder / home / "samples" / f"{number:03d}_{kind}.png"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(picture).save(path)
    return metrics
