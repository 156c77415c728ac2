# SPDX-License-Identifier: Apache-2.0
"""The explored part of the map as a planner sees it: clearance to obstacles, known and unknown cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from seal_perception.grid import Grid2D
from seal_perception.types import BoolArray, Float32Array
from seal_policy.planning.motion import Point

Kind = TypeVar("Kind", bound=np.generic)

FAR_M = 10.0
"""Clearance is measured so far."""


@dataclass(frozen=True)
class Terrain:
    """A crop of the map, in the map frame; grids indexed [ix, iy].

    Attributes:
        clearance: float32 cells, metres from a cell's centre to the nearest obstacle cell's centre.
        explored: (X, Y) bool, on the same cells.
        obstacles: (X, Y) bool, on the same cells, without bumps.
    """

    clearance: Grid2D
    explored: BoolArray
    obstacles: BoolArray

    def cell(self, xy: npt.ArrayLike) -> tuple[int, int]:
        """Cell of a point in metres, clipped to the crop."""
        return self.clearance.clipped_cell(xy)

    def clearance_at(self, xy: npt.ArrayLike) -> float:
        """Clearance in metres of the cell that holds a point."""
        return float(self.clearance.cells[self.cell(xy)])


def build_terrain(
    obstacles: Grid2D,
    explored: Grid2D,
    keep_xy: Iterable[npt.ArrayLike],
    border_m: float = 1.0,
    bumps: Iterable[Point] = (),
    bump_radius_m: float = 0.1,
    factor: int = 2,
) -> Terrain:
    """Crop the map to what is explored and the points to keep, and measure clearance in it.

    Args:
        obstacles: bool cells, True = the robot cannot be there.
        explored: bool cells, aligned with `obstacles`.
        keep_xy: points in metres that must lie inside the crop (robot, goal).
        border_m: width of the unknown border around what is explored.
        bumps: points in metres where the robot ran into something unseen.
        bump_radius_m: how much nearer than a true obstacle a bump may be passed.
        factor: the crop's sides are made multiples of this number of cells.

    Raises:
        ValueError: if the two grids are not aligned.
    """
    if obstacles.cells.shape != explored.cells.shape or not np.allclose(obstacles.origin_xy, explored.origin_xy):
        raise ValueError(
            f"obstacles and explored must be aligned, got {obstacles.cells.shape} at {obstacles.origin_xy} "
            f"and {explored.cells.shape} at {explored.origin_xy}"
        )
    grid = obstacles.rounded()
    known = obstacles.cells | explored.cells
    low, high = _extent(known, [grid.world_to_cell(p) for p in keep_xy])
    border = round(border_m / grid.cell_m)
    low, high = low - border, high + border
    low = low - np.mod(low, factor)
    high = high + np.mod(low - high, factor)
    blocked = window(obstacles.cells, low, high)
    clearance = Grid2D(clearance_m(blocked, grid.cell_m), grid.corner(low), grid.cell_m)
    for bump in bumps:
        _add_bump(clearance, bump, bump_radius_m)
    return Terrain(clearance, window(explored.cells, low, high), blocked)


def finer(terrain: Terrain, bumps: Iterable[Point] = (), bump_radius_m: float = 0.1, times: int = 2) -> Terrain:
    """The same crop on smaller cells: where a passage is an even number of cells wide, no centre lies in its middle.

    Args:
        terrain: the crop on the map's own cells.
        bumps: as in `build_terrain`.
        bump_radius_m: as in `build_terrain`.
        times: cells per cell and axis.
    """
    blocked, explored = (
        np.repeat(np.repeat(cells, times, axis=0), times, axis=1) for cells in (terrain.obstacles, terrain.explored)
    )
    edge = terrain.clearance.cell_m / times
    clearance = Grid2D(clearance_m(blocked, edge), terrain.clearance.origin_xy, edge)
    for bump in bumps:
        _add_bump(clearance, bump, bump_radius_m)
    return Terrain(clearance, explored, blocked)


def _extent(known: BoolArray, points: list[npt.NDArray[np.int_]]) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """Smallest box [low, high) of cells around the known ones and the points."""
    corners = list(points)
    used_x, used_y = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    if used_x.size:
        corners += [np.array([used_x[0], used_y[0]]), np.array([used_x[-1], used_y[-1]])]
    stacked = np.stack(corners) if corners else np.zeros((1, 2), dtype=int)
    return stacked.min(axis=0), stacked.max(axis=0) + 1


def window(cells: npt.NDArray[Kind], low: npt.NDArray[np.int_], high: npt.NDArray[np.int_]) -> npt.NDArray[Kind]:
    """Cells [low, high) of a grid; what lies outside it is 0 or False."""
    out = np.zeros(tuple(int(n) for n in high - low), dtype=cells.dtype)
    a = np.maximum(low, 0)
    b = np.maximum(np.minimum(high, cells.shape), a)
    part = cells[a[0] : b[0], a[1] : b[1]]
    start = a - low
    out[start[0] : start[0] + part.shape[0], start[1] : start[1] + part.shape[1]] = part
    return out


def clearance_m(blocked: BoolArray, cell_m: float) -> Float32Array:
    """(X, Y) metres from each cell's centre to that of the nearest blocked cell, at most `FAR_M`."""
    if not blocked.any():
        return np.full(blocked.shape, FAR_M, dtype=np.float32)
    free = np.ascontiguousarray(~blocked).view(np.uint8)
    distance: Float32Array = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.minimum(distance * np.float32(cell_m), np.float32(FAR_M))


def _add_bump(clearance: Grid2D, bump: Point, radius_m: float) -> None:
    """Lower the clearance around a bump, in place."""
    reach = round(0.4 / clearance.cell_m)
    centre = clearance.world_to_cell(bump)
    a = np.maximum(centre - reach, 0)
    b = np.minimum(centre + reach + 1, clearance.shape)
    if (b <= a).any():
        return
    x, y = (axis[a[k] : b[k]] - bump[k] for k, axis in enumerate(clearance.centres()))
    patch = clearance.cells[a[0] : b[0], a[1] : b[1]]
    np.minimum(patch, (np.hypot(x[:, None], y[None, :]) + radius_m).astype(np.float32), out=patch)


def coarsen(cells: npt.NDArray[np.generic], factor: int) -> npt.NDArray[np.generic]:
    """View of a grid as blocks: (X, Y) to (X / factor, Y / factor, factor * factor)."""
    x, y = cells.shape[0] // factor, cells.shape[1] // factor
    blocks = cells[: x * factor, : y * factor].reshape(x, factor, y, factor)
    return blocks.transpose(0, 2, 1, 3).reshape(x, y, factor * factor)
