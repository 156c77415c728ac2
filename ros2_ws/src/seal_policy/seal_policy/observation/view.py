# SPDX-License-Identifier: Apache-2.0
"""The local map that a learnt goal policy observes, and a picture of it.

The window lies on the map's own cells, the robot's cell in its middle, its axes those of the map (the paper embeds the
heading beside a map that is not turned).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from seal_mapping.palette import category_colour
from seal_mapping.voxels.local_map import LocalMapConfig, window_volume
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.grid import Grid2D
from seal_perception.types import BoolArray, Float32Array, FloatArray, UInt8Array
from seal_policy.planning.motion import Point
from seal_policy.planning.terrain import coarsen
from seal_policy.planning.terrain import window as crop

_UNKNOWN, _FLOOR, _WALL = (255, 255, 255), (229, 227, 221), (74, 80, 92)
_PATH, _ROBOT, _GOAL = (4, 92, 88), (200, 30, 40), (150, 60, 180)


@dataclass(frozen=True)
class LocalFrame:
    """Where the window lies.

    Attributes:
        low_xy: (2,) its lower corner in metres, map frame.
        size_m: (2,) its extent.
    """

    low_xy: FloatArray
    size_m: FloatArray

    def point(self, action: npt.ArrayLike) -> Point:
        """The point in the map that an action in [0, 1]^2 names, rounded to 1e-6 m."""
        x, y = self.low_xy + np.asarray(action, dtype=np.float64) * self.size_m
        return round(float(x), 6), round(float(y), 6)

    def action(self, point: Point) -> Float32Array:
        """The action that names a point; a point outside the window goes to its edge, straight towards the middle."""
        share = (np.asarray(point) - self.low_xy) / self.size_m - 0.5
        beyond = max(1.0, float(np.abs(share).max()) / 0.5)
        return np.clip(share / beyond + 0.5, 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True)
class LocalView:
    """What is seen in the window.

    Attributes:
        frame: where it lies.
        flat: (2 + C, X, Y) uint8: 255 where an obstacle is, 255 where explored, then each category's best score of 255
            over all heights.
        volume: (1 + C, X, Y, Z) uint8: 255 where a voxel is, then each category's best score.
    """

    frame: LocalFrame
    flat: UInt8Array
    volume: UInt8Array


def map_shapes(config: LocalMapConfig, voxel_m: float, categories: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of `LocalView.flat` and `LocalView.volume`."""
    (nx, ny, nz), _ = config.lattice(voxel_m)
    return (2 + categories, nx, ny), (1 + categories, nx, ny, nz)


def local_view(voxel_map: VoxelMap, xy: Point, config: LocalMapConfig) -> LocalView:
    """The window around a point of the map (metres)."""
    volume = window_volume(voxel_map, xy, config)
    return view_of(voxel_map.obstacles(), voxel_map.explored(), volume, xy, config)


def view_of(obstacles: Grid2D, explored: Grid2D, volume: UInt8Array, xy: Point, config: LocalMapConfig) -> LocalView:
    """The window around a point from the parts of a map.

    Args:
        obstacles: bool cells, map frame, on the map's own voxels.
        explored: aligned with them.
        volume: (1 + C, X, Y, Z) uint8 of the same window (`window_volume`).
        xy: the point in metres.
        config: size and pooling of the window.
    """
    low, high = window_cells(obstacles, xy, config)
    nx, ny = (int(n) for n in (high - low) // config.pool)
    flat = np.empty((1 + len(volume), nx, ny), np.uint8)
    flat[0] = _pooled(obstacles, low, high, config.pool)
    flat[1] = _pooled(explored, low, high, config.pool)
    flat[2:] = volume[1:].max(axis=3)
    return LocalView(
        LocalFrame(obstacles.corner(low), np.asarray((high - low) * obstacles.cell_m, np.float64)), flat, volume
    )


def window_cells(grid: Grid2D, xy: Point, config: LocalMapConfig) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """First cell of a grid that lies in the window around a point, and the one behind its last; (2,) each."""
    (nx, ny, _), first = config.lattice(grid.cell_m)
    low = grid.world_to_cell(xy) + np.array(first[:2])
    return low, low + np.array([nx, ny]) * config.pool


def _pooled(grid: Grid2D, low: npt.NDArray[np.int_], high: npt.NDArray[np.int_], pool: int) -> UInt8Array:
    """Cells [low, high) of a grid, pooled by "any", as 0 or 255."""
    cells: BoolArray = np.asarray(coarsen(crop(grid.cells, low, high), pool).any(axis=2))
    return cells.astype(np.uint8) * np.uint8(255)


def heading_index(yaw: float, bins: int) -> int:
    """Which of `bins` equal sectors a heading (rad) lies in; the middle of sector 0 is the map's +x."""
    return math.floor(yaw / (2.0 * math.pi) * bins + 0.5) % bins


def draw_view(view: LocalView, path: FloatArray, goal: Point | None, pixels: int, said: int = 128) -> UInt8Array:
    """Picture of the window from above, the map's +x to the right and +y up.

    Args:
        view: the window.
        path: (N, 3) x, y and yaw of the robot so far, the last one now.
        goal: the goal in force.
        pixels: edge of the picture.
        said: score of 255 from which a category's colour is shown.

    Returns:
        (pixels, pixels, 3) uint8 RGB.
    """
    picture = np.full((*view.flat.shape[1:], 3), _UNKNOWN, np.uint8)
    picture[view.flat[1] > 0] = _FLOOR
    picture[view.flat[0] > 0] = _WALL
    best = view.flat[2:].max(axis=0)
    for category in range(len(view.flat) - 2):
        picture[(best >= said) & (view.flat[2 + category] == best)] = category_colour(category)
    upright = np.ascontiguousarray(picture.transpose(1, 0, 2)[::-1])
    image = cv2.resize(upright, (pixels, pixels), interpolation=cv2.INTER_NEAREST)

    def at(x: float, y: float) -> tuple[int, int]:
        share = (np.array([x, y]) - view.frame.low_xy) / view.frame.size_m
        return round(float(share[0]) * pixels), round((1.0 - float(share[1])) * pixels)

    line = np.array([at(x, y) for x, y, _ in path], np.int32).reshape(-1, 1, 2)
    cv2.polylines(image, [line], False, _PATH, 2, cv2.LINE_AA)
    if goal is not None:
        cv2.drawMarker(image, at(*goal), _GOAL, cv2.MARKER_TILTED_CROSS, pixels // 32, 2, cv2.LINE_AA)
    x, y, yaw = (float(v) for v in path[-1])
    cv2.circle(image, at(x, y), max(3, pixels // 70), _ROBOT, -1, cv2.LINE_AA)
    nose = at(x + 0.4 * math.cos(yaw), y + 0.4 * math.sin(yaw))
    cv2.line(image, at(x, y), nose, _ROBOT, 2, cv2.LINE_AA)
    return np.asarray(image, np.uint8)
