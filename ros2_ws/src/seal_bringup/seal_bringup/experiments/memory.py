# SPDX-License-Identifier: Apache-2.0
"""How much memory maps and labelling take: a 24 m home, a 200 m building, a streamed bag of growing length.

python -m seal_bringup.experiments.memory --out results/memory.json

Each row is measured in a process of its own. Peaks are the process's greatest resident size minus that before the first
frame (after the compiled code was loaded and warmed on one frame): of the map alone, and with labels traced as well.
`map_mb` is the size that the map reports; `dense_mb` what a dense float32 map of 1 + C channels over the same box
would take.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, prange

from seal_bringup.provenance import provenance
from seal_mapping.bags.reader import open_bag
from seal_mapping.benchmarks.episode_benchmark import write_episode
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.raytrace import render_labels
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.camera import Camera
from seal_perception.files import write_json
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose
from seal_perception.running.processes import code_command, module_command
from seal_perception.types import Float32Array, FloatArray, IntArray

Boxes = FloatArray
"""(N, 7): low x y z, high x y z, category or -1."""
_WALL_M = 0.1
_HEIGHT_M = 2.6


def room(x: float, y: float, width: float, depth: float, rng: np.random.Generator) -> list[list[float]]:
    """Furniture of a room with its lower corner at x, y: a bed or couch, a table, two chairs, a plant, a cupboard."""
    out = []
    for size, category in (
        ((2.0, 1.6, 0.55), 3 if rng.random() < 0.5 else 1),
        ((1.4, 0.9, 0.75), -1),
        ((0.5, 0.5, 0.9), 0),
        ((0.5, 0.5, 0.9), 0),
        ((0.4, 0.4, 1.3), 2),
        ((1.0, 0.45, 1.9), -1),
    ):
        a, b = (size[1], size[0]) if rng.random() < 0.5 else size[:2]
        i = x + 0.2 + rng.random() * max(width - a - 0.4, 0.1)
        j = y + 0.2 + rng.random() * max(depth - b - 0.4, 0.1)
        out.append([i, j, 0.0, i + a, j + b, size[2], category])
    return out


def grid_home(size_m: float = 24.0, rooms: int = 6) -> Boxes:
    """A square home of rooms side by side, each with a door towards the next; floor and ceiling are planes."""
    rng, edge = np.random.default_rng(0), size_m / rooms
    out: list[list[float]] = []
    for n in range(rooms + 1):
        for m in range(rooms):
            low, high, door = m * edge, (m + 1) * edge, (m + 0.5) * edge
            gaps = [(low, high)] if n in (0, rooms) else [(low, door - 0.45), (door + 0.45, high)]
            for a, b in gaps:
                half = _WALL_M / 2
                out.append([n * edge - half, a, 0.0, n * edge + half, b, _HEIGHT_M, -1])
                out.append([a, n * edge - half, 0.0, b, n * edge + half, _HEIGHT_M, -1])
    for i in range(rooms):
        for j in range(rooms):
            out += room(i * edge, j * edge, edge, edge, rng)
    return np.array(out)


def corridors(length_m: float = 200.0) -> Boxes:
    """Two corridors of a building that cross, 2 m wide, with a piece of furniture every 4 m."""
    rng = np.random.default_rng(0)
    out: list[list[float]] = []
    for side in (-1.0, 1.0):
        wall = side * 1.0
        for low, high in ((0.0, length_m / 2 - 1), (length_m / 2 + 1, length_m)):
            near, far = sorted((wall, wall + side * _WALL_M))
            middle = length_m / 2
            out.append([low, middle + near, 0.0, high, middle + far, _HEIGHT_M, -1])
            out.append([middle + near, low, 0.0, middle + far, high, _HEIGHT_M, -1])
    for n in range(int(length_m / 4)):
        at, category = 4.0 * n + 1.0, int(rng.integers(-1, 6))
        if abs(at - length_m / 2) < 2.0:
            continue
        side = length_m / 2 + (0.45 if n % 2 else -0.95)
        out.append([at, side, 0.0, at + 0.8, side + 0.5, 0.9, category])
        out.append([side, at, 0.0, side + 0.5, at + 0.8, 0.9, category])
    return np.array(out)


@njit(cache=True, parallel=True)
def _cast(rays: FloatArray, start: FloatArray, boxes: Boxes) -> tuple[Float32Array, IntArray]:
    """Depth and category of the first box, or of floor or ceiling, on each ray (H, W, 3)."""
    height, width, _ = rays.shape
    depth = np.empty((height, width), np.float32)
    category = np.empty((height, width), np.int64)
    for r in prange(height):
        for c in range(width):
            ray = rays[r, c]
            level = (0.0 if ray[2] < 0 else _HEIGHT_M) - start[2]
            best, kind = (level / ray[2] if ray[2] != 0.0 else np.inf), -1
            for n in range(len(boxes)):
                enter, leave = -np.inf, np.inf
                for axis in range(3):
                    if ray[axis] == 0.0:
                        if not boxes[n, axis] <= start[axis] <= boxes[n, 3 + axis]:
                            enter = np.inf
                        continue
                    a = (boxes[n, axis] - start[axis]) / ray[axis]
                    b = (boxes[n, 3 + axis] - start[axis]) / ray[axis]
                    enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
                if 0.0 < enter < leave and enter < best:
                    best, kind = enter, int(boxes[n, 6])
            depth[r, c], category[r, c] = best, kind
    return depth, category


def look(boxes: Boxes, camera: Camera, T: FloatArray, stamp_ns: int) -> tuple[Frame, Any]:
    """Frame and (H, W, C) scores of boxes, floor and ceiling, by slab tests on the boxes within reach."""
    start = T[:3, 3]
    near = boxes[(boxes[:, :2] < start[:2] + 8.0).all(axis=1) & (boxes[:, 3:5] > start[:2] - 8.0).all(axis=1)]
    depth, category = _cast(camera.rays() @ T[:3, :3].T, start.copy(), near)
    scores = np.zeros((*depth.shape, 6), np.uint8)
    r, c = np.nonzero(category >= 0)
    scores[r, c, category[r, c]] = 242
    rgb = np.full((*depth.shape, 3), 90, np.uint8)
    rgb[r, c] = (200, 120, 60)
    return Frame(stamp_ns, rgb, depth, camera, T), scores


def tour_home(size_m: float = 24.0, rooms: int = 6, turns: int = 12) -> Iterator[FloatArray]:
    """A full turn at four places of every room."""
    edge = size_m / rooms
    for i in range(rooms):
        for j in range(rooms):
            for dx, dy in ((0.3, 0.3), (0.7, 0.3), (0.3, 0.7), (0.7, 0.7)):
                for n in range(turns):
                    yield planar_pose((i + dx) * edge, (j + dy) * edge, 2 * math.pi * n / turns) @ camera_mounting(0.88)


def tour_corridors(length_m: float = 200.0) -> Iterator[FloatArray]:
    """There and back through both corridors, looking along and to both sides."""
    middle = length_m / 2
    for n in range(int(length_m)):
        for turn in range(0, 360, 60):
            yield planar_pose(n + 0.5, middle, math.radians(turn)) @ camera_mounting(0.88)
            yield planar_pose(middle, n + 0.5, math.radians(turn + 30)) @ camera_mounting(0.88)


def resident_mb() -> float:
    """Greatest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def map_row(boxes: Boxes, tour: Iterator[FloatArray], label_every: int) -> dict[str, Any]:
    """Map and label one world; figures of the row."""
    camera = Camera.from_hfov(160, 120, math.radians(79.0))
    poses = list(tour)
    warm = VoxelMap()
    warm.integrate_scores(*look(boxes, camera, poses[0], 0))
    volume = propagate(warm, LabelConfig(rule="paper", min_instance_m3=0.0))
    render_labels(volume, camera, poses[0])
    before = resident_mb()
    voxel_map = VoxelMap()
    for n, T in enumerate(poses):
        voxel_map.integrate_scores(*look(boxes, camera, T, n))
    mapped = resident_mb() - before
    held, cloud = voxel_map.nbytes / 1e6, voxel_map.voxels()
    box = (cloud.ijk.max(axis=0) - cloud.ijk.min(axis=0) + 1).astype(np.float64)
    seen_floor = len(np.unique(cloud.ijk[cloud.ijk[:, 2] <= 1][:, :2], axis=0)) * voxel_map.config.voxel_m**2
    del cloud
    volume = propagate(voxel_map, LabelConfig(rule="paper", min_instance_m3=0.025))
    for T in poses[::label_every]:
        render_labels(volume, camera, T)
    return {
        "frames": len(poses),
        "box_m": [round(float(v) * voxel_map.config.voxel_m, 1) for v in box],
        "floor_seen_m2": round(seen_floor, 1),
        "voxels": int(voxel_map.store.num_rows),
        "map_mb": round(held, 1),
        "peak_map_mb": round(mapped, 1),
        "peak_with_labels_mb": round(resident_mb() - before, 1),
        "dense_mb": round(float(np.prod(box)) * 7 * 4 / 1e6, 1),
        "objects": len(volume.instances),
    }


def bag_row(frames: int) -> dict[str, Any]:
    """Write a bag of a turn in a home, 640 x 480, and label it."""
    camera, boxes = Camera.from_hfov(640, 480, math.radians(79.0)), grid_home(8.0, 2)
    poses = list(tour_home(8.0, 2))
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "bag"
        shots = [look(boxes, camera, T, 0) for T in poses[:24]]
        write_episode(bag, shots, frames)
        size = sum(path.stat().st_size for path in bag.iterdir()) / 1e6
        del shots
        code = f"from seal_bringup.experiments.memory import label_bag_row; label_bag_row({str(bag)!r})"
        done = subprocess.run(code_command(code), capture_output=True, text=True, check=True)
        return {"frames": frames, "bag_mb": round(size, 1), **json.loads(done.stdout.splitlines()[-1])}


def label_bag_row(bag: str) -> None:
    """Label a bag in this process and print its figures as JSON."""
    from time import monotonic

    before, start = resident_mb(), monotonic()
    with tempfile.TemporaryDirectory() as folder:
        summary = write_dataset(open_bag(bag), LabelProp(), DatasetWork(Path(folder) / "out", resume_key="x"))
    seconds = monotonic() - start
    print(
        json.dumps(
            {
                "seconds": round(seconds, 1),
                "peak_mb": round(resident_mb() - before, 1),
                "labels": summary["annotations"],
            }
        )
    )


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    "24 m home": lambda: map_row(grid_home(), tour_home(), 24),
    "200 m building": lambda: map_row(corridors(), tour_corridors(), 12),
    "bag of 300 frames": lambda: bag_row(300),
    "bag of 1500 frames": lambda: bag_row(1500),
}


def main() -> None:
    """Measure every row in a process of its own and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/memory.json"))
    parser.add_argument("--row", help="measure only this one and print it as JSON")
    options = parser.parse_args()
    if options.row:
        print(json.dumps(ROWS[options.row]()))
        return
    rows = {}
    for name in ROWS:
        command = module_command("seal_bringup.experiments.memory", "--row", name)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows[name] = json.loads(done.stdout.splitlines()[-1])
        print(name, rows[name], flush=True)
    write_json(options.out, {"provenance": provenance(), "rows": rows})


if __name__ == "__main__":
    main()
