# SPDX-License-Identifier: Apache-2.0
"""Fast marching to a goal over the explored crop of the map (docs/method.md).

Obstacles are grown by the robot's radius on the map's own 5 cm cells; the field is marched on cells twice as wide, a
quarter of the work. That stays safe: a coarse cell is open if any fine cell in it is, a grown wall is at least eight
fine cells thick, so nothing leaks through it; and each step is checked on the fine grid (see `local_policy`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import skfmm
from numba import njit

from seal_perception.grid import Grid2D
from seal_perception.parameters import parameter
from seal_perception.types import BoolArray, FloatArray
from seal_policy.planning.motion import Point, planar
from seal_policy.planning.terrain import Terrain, build_terrain, coarsen

FINER = 2
"""Cells per cell of the map and axis where the narrow margin is looked at."""
_NARROW_SPEED = 0.1
"""Relative speed where the robot just fits with the narrow margin: ten times the way is not too far round."""


@dataclass(frozen=True)
class PlannerConfig:
    """How the planner sees the world."""

    robot_radius_m: float = parameter(0.18, "radius of the robot's footprint, in metres", minimum=0.0)
    margin_m: float = parameter(
        0.05,
        "clearance beyond the radius, in metres; at least about half a cell, as an obstacle fills its cell",
        minimum=0.0,
    )
    narrow_margin_m: float = parameter(
        0.0,
        "clearance beyond the radius where nothing else is left to see, in metres; `margin_m` or more = never squeeze",
        minimum=0.0,
    )
    patience_steps: int = parameter(
        40, "steps without new floor after which `narrow_margin_m` counts where a goal needs it", minimum=1
    )
    unknown_speed: float = parameter(
        0.5, "speed in unexplored cells relative to explored ones; 0 = never enter them", minimum=0.0, maximum=1.0
    )
    near_speed: float = parameter(
        0.5, "relative speed where the robot just fits; rises to 1 within `comfort_m` more", minimum=0.0, maximum=1.0
    )
    comfort_m: float = parameter(0.2, "clearance beyond the grown obstacle at which speed is full, in metres")
    border_m: float = parameter(1.0, "unknown border around the explored crop, in metres")
    escape_m: float = parameter(
        0.45,
        "a robot inside a grown obstacle crosses cells within this distance slowly, if they leave it about "
        "as much room as it has, in metres",
    )
    factor: int = parameter(2, "fine cells per coarse cell and axis", minimum=1)

    def __post_init__(self) -> None:
        if not 0.0 <= self.unknown_speed <= 1.0 or not 0.0 < self.near_speed <= 1.0:
            raise ValueError(
                f"unknown_speed must be in [0, 1], near_speed in (0, 1]; got {self.unknown_speed}, {self.near_speed}"
            )
        if self.robot_radius_m <= 0 or self.margin_m < 0 or self.factor < 1:
            raise ValueError(
                "robot_radius_m must be > 0, margin_m >= 0, factor >= 1; "
                f"got {self.robot_radius_m}, {self.margin_m}, {self.factor}"
            )
        if self.narrow_margin_m < 0 or self.patience_steps < 1:
            raise ValueError(
                "narrow_margin_m must be >= 0 (the robot is no thinner than its radius), patience_steps >= 1; "
                f"got {self.narrow_margin_m}, {self.patience_steps}"
            )

    @property
    def grow_m(self) -> float:
        """By how much obstacles are grown."""
        return self.robot_radius_m + self.margin_m

    @property
    def narrow(self) -> PlannerConfig | None:
        """The same with the narrow margin, slow where only that fits, for `finer` terrain; None if no narrower."""
        if self.narrow_margin_m >= self.margin_m:
            return None
        slow, factor = min(self.near_speed, _NARROW_SPEED), FINER * self.factor
        return replace(self, margin_m=self.narrow_margin_m, near_speed=slow, factor=factor)


TIGHT = PlannerConfig(margin_m=0.03, narrow_margin_m=0.03, unknown_speed=0.15)
"""For `VelocityDriver`, which can aim anywhere and stops by what it sees: it fits where steps of 30 degrees do not.

It has no narrower margin: what it saw lately lies on cells of its own, and closes a passage that only just fits.
"""


@dataclass(frozen=True)
class Field:
    """Travel cost in metres of full-speed driving; inf where the source cannot be reached.

    Attributes:
        grid: float64 costs, map frame.
    """

    grid: Grid2D

    def at(self, xy: npt.ArrayLike) -> float:
        """Cost at a point in metres; inf outside."""
        ij = self.grid.world_to_cell(xy)
        return float(self.grid.cells[ij[0], ij[1]]) if self.grid.contains(ij) else math.inf

    def descend(self, xy: npt.ArrayLike) -> FloatArray:
        """Path (N, 2) in metres from a point down to the source; empty where the source cannot be reached."""
        if not math.isfinite(self.at(xy)):
            return np.zeros((0, 2))
        return self.grid.cell_to_world(descend_cells(self.grid.cells, self.grid.world_to_cell(xy)))


@dataclass(frozen=True)
class Route:
    """A way to the goal.

    Attributes:
        goal_xy: the goal asked for.
        target_xy: the free, reachable point nearest to it, where the path ends.
        field: travel cost to `target_xy`.
        path: (N, 2) metres, map frame, from the robot to `target_xy`.
        explored_on_path: (N,) bool, what of the path was explored when it was planned.
    """

    goal_xy: Point
    target_xy: Point
    field: Field
    path: FloatArray
    explored_on_path: BoolArray

    @property
    def short_m(self) -> float:
        """Metres that are missing to the goal at the end of the path."""
        return math.dist(self.target_xy, self.goal_xy)

    @property
    def boxed_in(self) -> bool:
        """Whether next to nothing (0.3 m2) can be reached at all: obstacles have closed around the robot."""
        return bool(np.isfinite(self.field.grid.cells).sum() * self.field.grid.cell_m**2 < 0.3)


@njit(cache=True)
def descend_cells(values, start):  # type: ignore[no-untyped-def]  # numba infers
    """Cells (N, 2) from a start, each the lowest of the eight around the one before, down to a minimum."""
    path = np.empty((values.size, 2), np.int64)
    i, j = start[0], start[1]
    path[0, 0], path[0, 1] = i, j
    count = 1
    while count < values.size:
        bi, bj = i, j
        for di in range(-1, 2):
            for dj in range(-1, 2):
                ni, nj = i + di, j + dj
                if 0 <= ni < values.shape[0] and 0 <= nj < values.shape[1] and values[ni, nj] < values[bi, bj]:
                    bi, bj = ni, nj
        if bi == i and bj == j:
            break
        i, j = bi, bj
        path[count, 0], path[count, 1] = i, j
        count += 1
    return path[:count].copy()


class Planner:
    """Plans by fast marching; holds no state but its configuration."""

    def __init__(self, config: PlannerConfig | None = None) -> None:
        self.config = config or PlannerConfig()

    def terrain(
        self,
        obstacles: Grid2D,
        explored: Grid2D,
        keep_xy: Iterable[npt.ArrayLike],
        bumps: Iterable[Point] = (),
    ) -> Terrain:
        """The explored crop with its clearance; `keep_xy` are points that it must hold."""
        c = self.config
        return build_terrain(obstacles, explored, keep_xy, c.border_m, bumps, factor=c.factor)

    def plan(
        self,
        obstacles: Grid2D,
        explored: Grid2D,
        T_map_base: FloatArray,
        goal_xy: Point,
        bumps: Iterable[Point] = (),
    ) -> Route:
        """Plan from the robot to a goal in the map frame (metres)."""
        x, y, _ = planar(T_map_base)
        return self.plan_on(self.terrain(obstacles, explored, [(x, y), goal_xy], bumps), (x, y), goal_xy)

    def plan_on(self, terrain: Terrain, robot_xy: Point, goal_xy: Point) -> Route:
        """Plan on a terrain that holds both points."""
        speed = self.speed(terrain, robot_xy)
        target = self._nearest_reachable(terrain, speed, robot_xy, goal_xy)
        field = self.march(speed, target)
        path = field.descend(robot_xy)
        cells = terrain.clearance.clipped_cells(path)
        seen = terrain.explored[cells[:, 0], cells[:, 1]]
        end = (float(path[-1, 0]), float(path[-1, 1])) if len(path) else robot_xy
        return Route(goal_xy, end, field, path, seen)

    def speed(self, terrain: Terrain, robot_xy: Point, known: BoolArray | None = None) -> Grid2D:
        """Relative speed on coarse cells, 0 = blocked.

        Args:
            terrain: the crop.
            robot_xy: the robot is let out of grown obstacles that it stands in.
            known: cells of the crop to take as explored; the terrain's own if None.
        """
        c = self.config
        open_m = coarsen(terrain.clearance.cells, c.factor).max(axis=2)
        ease = np.clip((open_m - c.grow_m) / max(c.comfort_m, 1e-6), 0.0, 1.0)
        speed = np.where(open_m >= c.grow_m, c.near_speed + (1.0 - c.near_speed) * ease, 0.0)
        seen = coarsen(terrain.explored if known is None else known, c.factor).any(axis=2)
        speed[~seen] *= c.unknown_speed
        here = terrain.clearance_at(robot_xy)
        if here < c.grow_m:
            near = disc(self._coarse(terrain, speed), robot_xy, c.escape_m)
            speed[near & (speed == 0.0) & (open_m > max(0.0, here - terrain.clearance.cell_m))] = 0.1
        i, j = terrain.cell(robot_xy)
        speed[i // c.factor, j // c.factor] = max(speed[i // c.factor, j // c.factor], 0.1)
        return self._coarse(terrain, speed.astype(np.float64))

    def march(self, speed: Grid2D, source: tuple[int, int]) -> Field:
        """Fast marching from a cell over the speeds given; of a cell that no free one adjoins, to itself alone."""
        if not _adjoins(speed.cells > 0.0, source):  # skfmm refuses a front that cannot move
            values = np.full(speed.shape, np.inf)
            values[source] = 0.0
            return Field(speed.with_cells(values))
        phi = np.ones(speed.shape)
        phi[source] = -1.0
        blocked: np.ma.MaskedArray[Any, Any] = np.ma.MaskedArray(phi, speed.cells <= 0.0)
        time = skfmm.travel_time(blocked, np.maximum(speed.cells, 1e-3), dx=speed.cell_m)
        values = np.ma.filled(np.ma.asarray(time), np.inf).astype(np.float64)
        values[source] = 0.0
        return Field(speed.with_cells(values))

    def _coarse(self, terrain: Terrain, values: npt.NDArray[np.floating]) -> Grid2D:
        """Values (X, Y) over the coarse cells of a terrain."""
        return Grid2D(values, terrain.clearance.origin_xy, terrain.clearance.cell_m * self.config.factor)

    def _nearest_reachable(self, terrain: Terrain, speed: Grid2D, robot_xy: Point, goal_xy: Point) -> tuple[int, int]:
        """Coarse cell nearest to the goal among those connected to the robot's."""
        f = self.config.factor
        _, labels = cv2.connectedComponents((speed.cells > 0.0).astype(np.uint8), connectivity=4)
        i, j = terrain.cell(robot_xy)
        reachable = labels == labels[i // f, j // f]
        gi, gj = terrain.cell(goal_xy)
        if reachable[gi // f, gj // f]:
            return gi // f, gj // f
        cells = np.argwhere(reachable)
        centre = speed.in_cells(goal_xy) - 0.5
        best = cells[int(np.argmin(((cells - centre) ** 2).sum(axis=1)))]
        return int(best[0]), int(best[1])


def _adjoins(free: BoolArray, cell: tuple[int, int]) -> bool:
    """Whether one of the four cells around a cell is free."""
    i, j = cell
    around = ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
    return any(free[a, b] for a, b in around if 0 <= a < free.shape[0] and 0 <= b < free.shape[1])


def disc(grid: Grid2D, xy: Point, radius_m: float) -> BoolArray:
    """(X, Y) whether the centre of a cell lies within a radius of a point."""
    x, y = (axis - xy[k] for k, axis in enumerate(grid.centres()))
    inside: BoolArray = x[:, None] ** 2 + y[None, :] ** 2 <= radius_m**2
    return inside
