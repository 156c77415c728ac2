# SPDX-License-Identifier: Apache-2.0
"""How much of a home a run has seen, and whether it stayed in free space: evaluation, with the simulator's truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from seal_bringup.evaluation.shut_in import read_end, remarks
from seal_mapping.voxels.io import load_map
from seal_perception.files import replacing
from seal_perception.grid import Grid2D
from seal_perception.pose import invert, planar_pose
from seal_perception.reading.text import read_json
from seal_perception.simulator import ReachableFloor
from seal_perception.types import BoolArray, FloatArray, UInt8Array
from sim_bridge.geometry.geodesic import path_length_m

Image = UInt8Array

_OUTSIDE, _UNSEEN, _SEEN = (255, 255, 255), (246, 190, 150), (222, 236, 222)
_OBSTACLE, _EXPLORED, _PATH = (70, 74, 82), (240, 240, 240), (30, 90, 200)
_START, _END, _GOAL = (20, 150, 60), (200, 30, 40), (150, 60, 180)


@dataclass(frozen=True)
class Coverage:
    """What a run saw of the floor that the robot can reach.

    Attributes:
        seen_share: share of the reachable floor that is explored in the map, in [0, 1].
        floor_m2: reachable floor.
        seen_m2: of it, explored.
        outside: poses of the path, and points between them, that lie outside free space (should be 0).
        path_m: length of the path.
        curve: (N,) share after each frame, if explored grids were recorded; else empty.
    """

    seen_share: float
    floor_m2: float
    seen_m2: float
    outside: int
    path_m: float
    curve: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, float | int | list[float]]:
        """The figures for a metrics file."""
        return {
            "seen_share": round(self.seen_share, 4),
            "floor_m2": round(self.floor_m2, 2),
            "seen_m2": round(self.seen_m2, 2),
            "outside_free_space": self.outside,
            "path_m": round(self.path_m, 2),
        }


def floor_points(floor: ReachableFloor, T_world_odom: FloatArray) -> FloatArray:
    """(N, 2) centres of the reachable cells in the odometry (= map) frame, metres."""
    cells = np.argwhere(floor.cells)
    world = np.asarray(floor.origin_xy) + (cells + 0.5) * floor.cell_m
    return _planar(invert(T_world_odom), world)


def seen_mask(floor: ReachableFloor, T_world_odom: FloatArray, explored: Grid2D) -> BoolArray:
    """(N,) whether each point of `floor_points` lies in an explored cell."""
    seen: BoolArray = explored.value_at(floor_points(floor, T_world_odom), False).astype(bool)
    return seen


def seen_share(floor: ReachableFloor, T_world_odom: FloatArray, explored: Grid2D) -> float:
    """Share of the reachable floor that is explored, in [0, 1].

    Raises:
        ValueError: if no floor is reachable.
    """
    if not floor.cells.any():
        raise ValueError("no floor is reachable, so no share of it can be seen")
    return float(seen_mask(floor, T_world_odom, explored).mean())


def points_outside(floor: ReachableFloor, T_world_odom: FloatArray, poses: FloatArray) -> int:
    """Number of points of a path outside the reachable floor (one cell of slack for rounding).

    Args:
        floor: where the robot's centre can be.
        T_world_odom: odometry to world.
        poses: (N, 4, 4) T_odom_base; the ways between them are sampled every half cell.
    """
    xy = _planar(T_world_odom, np.asarray(poses)[:, :2, 3])
    ways = [xy[:1]]
    for a, b in zip(xy[:-1], xy[1:], strict=True):
        count = max(1, math.ceil(2.0 * float(np.hypot(*(b - a))) / floor.cell_m))
        ways.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
    allowed = cv2.dilate(floor.cells.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    grid = Grid2D(allowed, np.asarray(floor.origin_xy), floor.cell_m)
    return int((~grid.value_at(np.concatenate(ways), False).astype(bool)).sum())


def measure(
    floor: ReachableFloor,
    T_world_odom: FloatArray,
    explored: Grid2D,
    poses: FloatArray,
    curve: tuple[float, ...] = (),
) -> Coverage:
    """All figures of a run; see `Coverage`.

    Args:
        floor: reachable floor, world frame.
        T_world_odom: odometry (= map) to world.
        explored: the map's explored cells at the end.
        poses: (N, 4, 4) T_odom_base.
        curve: share after each frame, if known.
    """
    share = seen_share(floor, T_world_odom, explored)
    area = float(floor.cells.sum()) * floor.cell_m**2
    path_m = path_length_m(np.asarray(poses)[:, :2, 3])
    return Coverage(share, area, share * area, points_outside(floor, T_world_odom, poses), path_m, curve)


class KnownFloor(Protocol):
    """A simulator that knows its reachable floor, reset to the run's seed."""

    T_world_odom: FloatArray

    def reachable_floor(self) -> ReachableFloor:
        """Floor the robot can reach from its start."""
        ...


def evaluate_run(run_dir: Path, world: KnownFloor) -> dict[str, Any]:
    """Figures of a run's folder (map.npz, trajectory.json), and topdown.png beside them.

    Of a run that did not get on, or saw little, `line` says why (`shut_in.remarks`).

    Args:
        run_dir: folder of a finished run.
        world: the run's scene, reset to the run's seed; its truth is read here, after the run, and nowhere before.
    """
    voxel_map = load_map(run_dir / "map.npz")
    trajectory = read_json(run_dir / "trajectory.json")
    poses = np.stack([planar_pose(*pose) for pose in trajectory["poses"]])
    floor, explored = world.reachable_floor(), voxel_map.explored()
    goals = tuple((int(step), (float(x), float(y))) for step, x, y in trajectory["goals"])
    picture = top_down(voxel_map.obstacles(), explored, poses, goals, floor, world.T_world_odom)
    write_top_down(run_dir / "topdown.png", picture)
    figures = measure(floor, world.T_world_odom, explored, poses)
    end = read_end(run_dir)
    said = remarks(end, figures.seen_share) if end is not None else {}
    return {**figures.as_dict(), "explored_m2": round(voxel_map.explored_area_m2, 2), **said}


def top_down(
    obstacles: Grid2D,
    explored: Grid2D,
    poses: FloatArray,
    goals: tuple[tuple[int, tuple[float, float]], ...] = (),
    floor: ReachableFloor | None = None,
    T_world_odom: FloatArray | None = None,
    pixels_per_m: float = 40.0,
) -> Image:
    """Picture of a run from above, x to the right, y up, in the map frame.

    Args:
        obstacles: bool cells, drawn dark.
        explored: aligned bool cells, drawn light.
        poses: (N, 4, 4) T_map_base, drawn as a line from green (start) to red (end).
        goals: (step, (x, y)) given on the way.
        floor: reachable floor; unseen parts are drawn orange, seen ones green. Evaluation only.
        T_world_odom: needed with `floor`.
        pixels_per_m: scale.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    xy = np.asarray(poses)[:, :2, 3]
    known = obstacles.cells | explored.cells
    points = [xy, obstacles.cell_to_world(np.argwhere(known))]
    ground = floor_points(floor, T_world_odom) if floor is not None and T_world_odom is not None else np.zeros((0, 2))
    low = np.concatenate([*points, ground]).min(axis=0) - 0.3
    high = np.concatenate([*points, ground]).max(axis=0) + 0.3
    width, height = (int(v) for v in np.ceil((high - low) * pixels_per_m))
    px = (low[0] + (np.arange(width) + 0.5) / pixels_per_m)[None, :]
    py = (high[1] - (np.arange(height) + 0.5) / pixels_per_m)[:, None]
    centres = np.stack(np.broadcast_arrays(px, py), axis=-1)
    image = np.full((height, width, 3), _OUTSIDE, np.uint8)
    seen = explored.value_at(centres, False).astype(bool)
    image[seen] = _EXPLORED
    if floor is not None and T_world_odom is not None:
        world = Grid2D(floor.cells, np.asarray(floor.origin_xy), floor.cell_m)
        on_floor = world.value_at(_planar(T_world_odom, centres.reshape(-1, 2)), False).reshape(height, width)
        image[on_floor.astype(bool) & seen] = _SEEN
        image[on_floor.astype(bool) & ~seen] = _UNSEEN
    image[obstacles.value_at(centres, False).astype(bool)] = _OBSTACLE
    return _draw_run(image, xy, goals, low, high, pixels_per_m)


def _draw_run(
    image: Image,
    xy: FloatArray,
    goals: tuple[tuple[int, tuple[float, float]], ...],
    low: FloatArray,
    high: FloatArray,
    scale: float,
) -> Image:
    """Path, goals, start and end on the picture, in place; a metre's bar in the corner."""

    def pixel(p: npt.ArrayLike) -> tuple[int, int]:
        x, y = np.asarray(p, dtype=np.float64)
        return round((x - low[0]) * scale), round((high[1] - y) * scale)

    for k, (a, b) in enumerate(zip(xy[:-1], xy[1:], strict=True)):
        share = k / max(1, len(xy) - 1)
        colour = tuple(int((1 - share) * s + share * e) for s, e in zip(_PATH, _END, strict=True))
        cv2.line(image, pixel(a), pixel(b), colour, 2, cv2.LINE_AA)
    for number, (_, goal) in enumerate(goals, start=1):
        cv2.drawMarker(image, pixel(goal), _GOAL, cv2.MARKER_TILTED_CROSS, 9, 2, cv2.LINE_AA)
        x, y = pixel(goal)
        cv2.putText(image, str(number), (x + 6, y - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _GOAL, 1, cv2.LINE_AA)
    cv2.circle(image, pixel(xy[0]), 6, _START, -1, cv2.LINE_AA)
    cv2.circle(image, pixel(xy[-1]), 6, _END, -1, cv2.LINE_AA)
    bottom = image.shape[0] - 8
    cv2.line(image, (8, bottom), (8 + round(scale), bottom), (0, 0, 0), 2)
    cv2.putText(image, "1 m", (12, bottom - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return image


def write_top_down(path: Path, image: Image) -> None:
    """Write a picture as PNG, whole or not at all."""
    ok, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    if not ok:
        raise ValueError(f"could not encode a picture of shape {image.shape} as PNG")
    with replacing(path) as part:
        part.write_bytes(data.tobytes())


def _planar(T: FloatArray, xy: FloatArray) -> FloatArray:
    """Points (N, 2) on the floor of one frame in the other."""
    moved: FloatArray = xy @ T[:2, :2].T + T[:2, 3]
    return moved
