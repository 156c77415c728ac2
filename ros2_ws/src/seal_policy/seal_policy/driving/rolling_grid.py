# SPDX-License-Identifier: Apache-2.0
"""What the sensors showed around the robot lately: the layer that keeps a driving robot from touching things.

The map remembers everything at the place where odometry said it was, so with drift a wall stands in it twice, or beside
where it is now. What was seen during the last few metres is hardly shifted. This grid holds that and nothing else; the
driver stops for it, and corrects the map's obstacles by it before it plans (`RollingGrid.correct`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from seal_perception.camera import Camera
from seal_perception.grid import Grid2D
from seal_perception.parameters import parameter
from seal_perception.simulator import LaserScan
from seal_perception.types import BoolArray, Float32Array, FloatArray, Int32Array, IntArray
from seal_policy.planning.motion import Pose
from seal_policy.planning.terrain import clearance_m

_LASER_M = 0.05
"""What a laser shows so much above its own height is in the robot's way, whatever `high_m` says."""
_NEVER = np.float32(-np.inf)


@dataclass(frozen=True)
class RollingGridConfig:
    """What counts as an obstacle near the robot, and for how long."""

    cell_m: float = parameter(0.05, "edge of a cell, in metres", minimum=0.0)
    reach_m: float = parameter(3.0, "minimum reach of the grid from the robot, in metres", minimum=0.0)
    min_range_m: float = parameter(0.15, "minimum range of a reading, in metres", minimum=0.0)
    max_range_m: float = parameter(2.2, "maximum range of a reading, in metres", minimum=0.0)
    low_m: float = parameter(0.08, "lowest height of an obstacle above the floor, in metres")
    high_m: float = parameter(1.1, "greatest height of an obstacle above the floor, in metres")
    floor_m: float = parameter(0.05, "readings at most this far above or below zero are floor, in metres")
    min_points: int = parameter(4, "minimum number of readings of an obstacle cell", minimum=1)
    columns: int = parameter(
        160, "approximate number of sampled columns of a picture; rows have the same spacing", minimum=1
    )
    memory_m: float = parameter(
        5.0, "distance driven after which a cell not seen again is cleared, in metres", minimum=0.0
    )
    turn_m: float = parameter(0.15, "driving that a turn by 1 rad counts as, in metres")
    body_m: float = parameter(0.15, "cells within this distance are free, as the robot stands there, in metres")

    def __post_init__(self) -> None:
        if min(self.cell_m, self.reach_m, self.memory_m) <= 0 or self.min_points < 1 or self.columns < 1:
            raise ValueError(f"need cell_m, reach_m, memory_m > 0 and min_points, columns >= 1, got {self}")
        if not 0 <= self.min_range_m < self.max_range_m or not self.floor_m <= self.low_m < self.high_m:
            raise ValueError(f"need min_range_m < max_range_m and floor_m <= low_m < high_m, got {self}")


class RollingGrid:
    """A square grid that goes with the robot, in the odometry frame.

    Each cell knows how far the robot had driven when it was last seen to be an obstacle, and when to be free floor; the
    later of the two holds until it is forgotten.
    """

    def __init__(self, config: RollingGridConfig | None = None) -> None:
        self.config = config or RollingGridConfig()
        side = 2 * math.ceil(1.5 * self.config.reach_m / self.config.cell_m)
        self._hit = np.full((side, side), _NEVER, np.float32)
        self._free = np.full((side, side), _NEVER, np.float32)
        self._low: IntArray | None = None
        self._pose = (0.0, 0.0, 0.0)
        self._driven = 0.0
        self._clearance: Grid2D | None = None

    @property
    def origin_xy(self) -> FloatArray:
        """(2,) lower corner of cell [0, 0]; cells lie like the map's voxels, half a cell off zero."""
        low = np.zeros(2, np.int64) if self._low is None else self._low
        return np.asarray((low - 0.5) * self.config.cell_m, np.float64)

    def stand(self, pose: Pose) -> None:
        """The robot is at x, y (metres) and yaw (rad) of the odometry frame: what it stands on is free."""
        c = self.config
        if self._low is not None:
            turn = pose[2] - self._pose[2]
            turn = abs(math.atan2(math.sin(turn), math.cos(turn)))
            self._driven += math.dist(pose[:2], self._pose[:2]) + c.turn_m * turn
        self._pose = pose
        self._centre(pose)
        x, y = (axis - pose[k] for k, axis in enumerate(self._grid(self._hit).centres()))
        rows, columns = np.flatnonzero(np.abs(x) <= c.body_m), np.flatnonzero(np.abs(y) <= c.body_m)
        window = np.ix_(rows, columns)
        body = x[rows, None] ** 2 + y[None, columns] ** 2 <= c.body_m**2
        self._hit[window] = np.where(body, _NEVER, self._hit[window])
        self._free[window] = np.where(body, np.float32(self._driven), self._free[window])
        self._clearance = None

    def see_depth(self, depth: Float32Array, camera: Camera, T_odom_camera: FloatArray) -> None:
        """Put in a depth picture (H, W) in metres, 0 or NaN = none, taken at the present place."""
        c = self.config
        hits, floors = np.zeros(self._hit.shape, np.int32), np.zeros(self._hit.shape, np.int32)
        view = _View(np.ascontiguousarray(T_odom_camera), camera.fx, camera.fy, camera.cx, camera.cy)
        limits = _Limits(*map(float, (c.min_range_m, c.max_range_m, c.low_m, c.high_m, c.floor_m)))
        counts = _Counts(hits, floors, self.origin_xy, float(c.cell_m))
        _count(np.ascontiguousarray(depth), max(1, camera.width // c.columns), view, limits, counts)
        blocked = hits >= c.min_points
        self._set(blocked, (floors > 0) & (hits == 0))

    def see_scan(self, scan: LaserScan, T_odom_base: FloatArray) -> None:
        """Put in a laser's sweep. It shows obstacles only: beside its plane there may be others."""
        ranges, angles = np.asarray(scan.ranges, np.float64), scan.angles_rad
        good = np.isfinite(ranges) & (ranges <= self.config.max_range_m)
        x, y = ranges[good] * np.cos(angles[good]), ranges[good] * np.sin(angles[good])
        points = np.stack([x, y, np.zeros_like(x), np.ones_like(x)])
        xyz = (T_odom_base @ scan.T_base_laser @ points)[:3].T
        plane_m = float((T_odom_base @ scan.T_base_laser)[2, 3])  # a laser is part of the robot: it must fit there too
        high = (xyz[:, 2] >= self.config.low_m) & (xyz[:, 2] <= max(self.config.high_m, plane_m + _LASER_M))
        grid = self._grid(self._hit)
        ij = grid.world_to_cell(xyz[high, :2])
        ij = ij[grid.contains(ij)]
        blocked = np.zeros(self._hit.shape, bool)
        blocked[ij[:, 0], ij[:, 1]] = True
        self._set(blocked, np.zeros_like(blocked))

    def _set(self, blocked: BoolArray, free: BoolArray) -> None:
        now = np.float32(self._driven)
        self._hit[blocked], self._free[blocked] = now, _NEVER
        self._hit[free], self._free[free] = _NEVER, now
        self._clearance = None

    def obstacles(self) -> Grid2D:
        """Cells in which something stood when they were last seen."""
        return self._grid(self._hit >= self._driven - self.config.memory_m)

    def free(self) -> Grid2D:
        """Cells that were floor when they were last seen."""
        return self._grid(self._free >= self._driven - self.config.memory_m)

    def clearance(self) -> Grid2D:
        """Float32 metres from each cell's centre to that of the nearest obstacle nearby; aligned with `obstacles`."""
        if self._clearance is None:
            self._clearance = self._grid(clearance_m(self.obstacles().cells, self.config.cell_m))
        return self._clearance

    def correct(self, obstacles: Grid2D) -> Grid2D:
        """The map's obstacles, where the robot has looked lately as it looks now."""
        side, cell = len(self._hit), self.config.cell_m
        low = np.maximum(obstacles.world_to_cell(self.origin_xy + 0.5 * cell), 0)
        high = np.minimum(obstacles.world_to_cell(self.origin_xy + (side - 0.5) * cell) + 1, obstacles.shape)
        cells = obstacles.cells.copy()
        if (high > low).all():
            # Nearest cell of this grid for each row and column of the map's, whose cells may have another size.
            grid = self._grid(self._hit)
            rows, columns = (
                grid.cells_along(k, axis[low[k] : high[k]]).clip(0, side - 1)
                for k, axis in enumerate(obstacles.centres())
            )
            window = np.ix_(rows, columns)
            part = cells[low[0] : high[0], low[1] : high[1]]
            part &= ~self.free().cells[window]
            part |= self.obstacles().cells[window]
        return obstacles.with_cells(cells)

    def _grid(self, cells: npt.NDArray[Any]) -> Grid2D:
        """Values (N, N) over the cells where they lie now."""
        return Grid2D(cells, self.origin_xy, self.config.cell_m)

    def _centre(self, pose: Pose) -> None:
        """Let the grid go with the robot, a quarter of its side at a time."""
        side = len(self._hit)
        cell = np.floor(np.asarray(pose[:2]) / self.config.cell_m + 0.5).astype(np.int64)
        if self._low is None:
            self._low = cell - side // 2
        shift = cell - side // 2 - self._low
        if np.abs(shift).max() * self.config.cell_m <= 0.5 * self.config.reach_m:
            return
        self._low = self._low + shift
        for grid in (self._hit, self._free):
            old = grid.copy()
            grid[:] = _NEVER
            a, b = np.maximum(shift, 0), np.minimum(side + shift, side)
            if (b > a).all():
                part = old[a[0] : b[0], a[1] : b[1]]
                grid[a[0] - shift[0] : b[0] - shift[0], a[1] - shift[1] : b[1] - shift[1]] = part


class _View(NamedTuple):
    """Where a depth picture was taken, and the camera's numbers in pixels."""

    T_odom_camera: FloatArray
    fx: float
    fy: float
    cx: float
    cy: float


class _Limits(NamedTuple):
    """Ranges of depth and of an obstacle's height, and how far from zero the floor is read; metres."""

    near: float
    far: float
    low: float
    high: float
    floor: float


class _Counts(NamedTuple):
    """Readings per cell (N, N), changed in place, and where the cells lie."""

    hits: Int32Array
    floors: Int32Array
    origin: FloatArray
    edge: float


@njit(cache=True)
def _count(depth, stride, view, limits, counts):  # type: ignore[no-untyped-def]  # numba infers
    """Add up, per cell, the readings at an obstacle's height and those on the floor, in place.

    From one reading of a column on the floor to the next above it, all is floor: what stood there would hide the next.
    """
    T, fx, fy, cx, cy = view
    near, far, low, high, floor = limits
    hits, floors, origin, cell = counts
    for u in range(0, depth.shape[1], stride):
        before_x, before_y, before = 0.0, 0.0, False
        for v in range(depth.shape[0] - 1, -1, -stride):
            d = depth[v, u]
            if not (d >= near and d <= far):
                before = False
                continue
            px, py = (u - cx) / fx * d, (v - cy) / fy * d
            z = T[2, 0] * px + T[2, 1] * py + T[2, 2] * d + T[2, 3]
            obstacle = z >= low and z <= high
            if not obstacle and abs(z) > floor:
                before = False
                continue
            x = (T[0, 0] * px + T[0, 1] * py + T[0, 2] * d + T[0, 3] - origin[0]) / cell
            y = (T[1, 0] * px + T[1, 1] * py + T[1, 2] * d + T[1, 3] - origin[1]) / cell
            if obstacle:
                _add(hits, x, y)
                before = False
                continue
            steps = int(max(abs(x - before_x), abs(y - before_y))) + 1 if before else 1
            for k in range(1, steps + 1):
                share = k / steps if before else 1.0
                _add(floors, before_x + share * (x - before_x), before_y + share * (y - before_y))
            before_x, before_y, before = x, y, True


@njit(cache=True)
def _add(cells, x, y):  # type: ignore[no-untyped-def]  # numba infers
    """Count one reading at (x, y), in cells."""
    i, j = int(math.floor(x)), int(math.floor(y))
    if 0 <= i < cells.shape[0] and 0 <= j < cells.shape[1]:
        cells[i, j] += 1
