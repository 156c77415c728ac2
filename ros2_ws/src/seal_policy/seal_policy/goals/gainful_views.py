# SPDX-License-Identifier: Apache-2.0
"""Goals that make the map surer of its objects: frontiers first, then views of what is uncertain from new sides.

Ours, not the paper's: a hand-made stand-in for what its learned policy is paid for (Gainful Curiosity).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.types import BoolArray, FloatArray, IntArray, UInt8Array
from seal_policy.goals.frontier import FrontierConfig, FrontierPolicy, View
from seal_policy.goals.policy import PolicyInput
from seal_policy.goals.visibility import doubt_in_view, looks_taken
from seal_policy.planning.local_policy import heading_to
from seal_policy.planning.motion import FORWARD_M, TURN_RAD, Point, Pose
from seal_policy.planning.planner import PlannerConfig, descend_cells
from seal_policy.planning.terrain import coarsen, window

_RAYS = 180
_LOOK_RAYS = 60
_TENTHS = 10.0
"""Cells of `PolicyInput.uncertainty` count tenths of a voxel."""


@dataclass(frozen=True)
class ViewsConfig:
    """How views are weighed.

    Attributes:
        floor_m2_per_step: a frontier that may show at least so much unknown floor per step (m2) comes before any view.
        near_m: nearest distance from a viewpoint to what it is to show (metres).
        far_m: farthest distance (metres); looks from farther away do not count as looks either.
        counts_from_m: nearest distance at which something in view counts as looked at (metres).
        through_m: the camera sees so far over a low object (metres).
        window_rad: what a view is chosen for lies in this angle: less than the field of view, as the robot turns in
            steps of 30 degrees.
        enough_looks: pictures of one side of a thing after which more of them are worth nothing.
        min_voxels: least gain of a view, in voxels.
        ahead_m: free way in metres from a viewpoint towards what it shows. The robot drives there to face it.
        faces_rad: the robot faces what lies within this angle ahead.
        arrive_m: the robot is at a viewpoint within this distance (metres); the rule's own is 0.3.
        again_m: a place this near to a former viewpoint (metres) ...
        again_rad: ... with a direction of view this near to its is that viewpoint, and is not gone to again.
        remembered_poses: looks from earlier poses than these last ones are forgotten.
    """

    floor_m2_per_step: float = 0.08
    near_m: float = 1.0
    far_m: float = 3.0
    counts_from_m: float = 0.5
    through_m: float = 1.0
    window_rad: float = math.radians(60.0)
    enough_looks: int = 3
    min_voxels: float = 3.0
    ahead_m: float = 0.5
    faces_rad: float = math.radians(25.0)
    arrive_m: float = 0.45
    again_m: float = 0.4
    again_rad: float = math.radians(40.0)
    remembered_poses: int = 2000

    def __post_init__(self) -> None:
        if not 0 < self.counts_from_m <= self.near_m < self.far_m or min(self.through_m, self.ahead_m) <= 0:
            raise ValueError(
                "need 0 < counts_from_m <= near_m < far_m, through_m > 0 and ahead_m > 0; got "
                f"{self.counts_from_m}, {self.near_m}, {self.far_m}, {self.through_m}, {self.ahead_m}"
            )
        if self.enough_looks < 1 or self.remembered_poses < 1 or not min(self.min_voxels, self.floor_m2_per_step) >= 0:
            raise ValueError(
                "need enough_looks >= 1, remembered_poses >= 1, min_voxels >= 0 and floor_m2_per_step >= 0; got "
                f"{self.enough_looks}, {self.remembered_poses}, {self.min_voxels}, {self.floor_m2_per_step}"
            )


@dataclass(frozen=True)
class _Look:
    """A look at `aim` from `place`, metres, map frame."""

    place: Point
    aim: Point

    @property
    def facing(self) -> float:
        """Direction of the look in rad."""
        return math.atan2(self.aim[1] - self.place[1], self.aim[0] - self.place[0])


class GainfulViewsPolicy(FrontierPolicy):
    """`FrontierPolicy` while a frontier shows enough; then the view that shows most that is uncertain per step.

    A goal is a place, without a heading. At a viewpoint the next goal therefore lies `ahead_m` towards what is to be
    seen: the robot turns to it before it drives. Each look is given once: what stays uncertain from all sides is left.
    Where nothing is uncertain, or the map does not say, it goes where the frontier policy goes.
    """

    def __init__(
        self,
        config: FrontierConfig | None = None,
        planner: PlannerConfig | None = None,
        views: ViewsConfig | None = None,
    ) -> None:
        super().__init__(config, planner)
        self.views = views or ViewsConfig()
        self._going: _Look | None = None
        self._done: list[_Look] = []  # no more than fit beside each other: `again_m`, `again_rad`

    def _frontier(self, view: View, pose: Pose, inp: PolicyInput) -> Point | None:
        """The best place at a frontier; a look where one is under way, or where that place shows too little."""
        found = self._best_frontier(view, pose, inp)
        if found is None:
            return None
        arrived = self._going is not None and math.dist(pose[:2], self._going.place) <= self.views.arrive_m
        if arrived or found[1] < self.views.floor_m2_per_step:
            return self._next_look(view, pose, inp) or found[0]
        return found[0]

    def _beyond_frontiers(self, view: View, pose: Pose, inp: PolicyInput) -> Point | None:
        return self._next_look(view, pose, inp) or super()._beyond_frontiers(view, pose, inp)

    def _next_look(self, view: View, pose: Pose, inp: PolicyInput) -> Point | None:
        """The goal for the look under way or the best one; None if no look gains enough."""
        if inp.uncertainty is None:
            return None
        doubt = _doubt(view, inp.obstacles, inp.uncertainty)
        going = self._going
        if going is not None and len(inp.failed) and math.dist(inp.failed[-1], going.place) < 1e-6:
            self._end(going)
        if not doubt.any():
            return None
        return self._look_from_here(view, pose) or self._best_look(view, doubt, pose, inp)

    def _end(self, look: _Look) -> None:
        self._going = None
        self._done.append(look)

    def _look_from_here(self, view: View, pose: Pose) -> Point | None:
        """At the viewpoint: the place to drive to so that the robot faces what it came for; None where it does."""
        look = self._going
        if look is None or math.dist(pose[:2], look.place) > self.views.arrive_m:
            return None
        self._end(look)
        if abs(heading_to(pose, look.aim)) <= self.views.faces_rad:
            return None
        facing = math.atan2(look.aim[1] - pose[1], look.aim[0] - pose[0])
        free = self._has_way(view, np.array([pose[:2]]), np.array([facing]))[0]
        return self._ahead(pose[:2], facing) if free else None

    def _best_look(self, view: View, doubt: FloatArray, pose: Pose, inp: PolicyInput) -> Point | None:
        """The goal for the look with the greatest gain per step, which may be from where the robot stands."""
        c = self.views
        here = view.cost.grid.clipped_cells(pose[:2])
        places = np.concatenate([here[None], self._spaced_places(view)])
        gain, facing, away = self._gains(view, doubt, places, inp)
        xy = view.places(places)
        xy[0] = pose[:2]
        usable = self._usable(view, places, gain, c.min_voxels, inp, -1.0)
        usable[1:] &= np.hypot(*(xy[1:] - pose[:2]).T) > c.arrive_m
        usable &= self._has_way(view, xy, facing) & self._is_new(xy, facing)
        if not usable.any():
            self._going = None
            return None
        steps = np.full(len(places), np.inf)
        for k in np.flatnonzero(usable):
            steps[k] = self._steps(view, pose, places[k], float(facing[k]), is_here=k == 0)
        worth = gain / (steps + self.config.offset_steps)
        if self._going is not None:
            worth = np.where(np.hypot(*(xy - self._going.place).T) < c.again_m, self.config.stay * worth, worth)
        k = int(np.argmax(np.where(usable, worth, -1.0)))
        place = (float(xy[k, 0]), float(xy[k, 1]))
        look = _Look(place, self._ahead(place, float(facing[k]), float(away[k])))
        if k == 0:
            self._end(look)
            return self._ahead(place, look.facing)
        self._going = look
        return place

    def _gains(
        self, view: View, doubt: FloatArray, places: IntArray, inp: PolicyInput
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of each place (N, 2): voxels gained by its best look, and where they lie on average (rad and metres away)."""
        c, grid = self.views, view.cost.grid
        near, far, through = (round(metres / grid.cell_m) for metres in (c.counts_from_m, c.far_m, c.through_m))
        poses = np.array(inp.poses[-c.remembered_poses :], np.float64).reshape(-1, 3)
        poses[:, :2] = grid.in_cells(poses[:, :2])
        looks = looks_taken(view.blocked, doubt, poses, (near, far), _LOOK_RAYS, self.config.fov_rad, through)
        left = _worth_of_sides(looks, c.enough_looks)
        between = (round(c.near_m / grid.cell_m), far)
        by_ray, moment = doubt_in_view(view.blocked, doubt, left, places, between, _RAYS, through)
        width = max(1, round(c.window_rad / (2.0 * math.pi) * _RAYS))
        angle = 2.0 * math.pi * np.arange(_RAYS) / _RAYS
        sums = [_windows(part, width) for part in (by_ray, moment, by_ray * np.cos(angle), by_ray * np.sin(angle))]
        best = np.arange(len(places)), np.argmax(sums[0], axis=1)
        seen, total, x, y = (part[best] for part in sums)
        return seen, np.arctan2(y, x), total / np.maximum(seen, 1e-9) * grid.cell_m

    def _has_way(self, view: View, xy: FloatArray, facing: FloatArray) -> BoolArray:
        """(N,) whether the robot can drive `ahead_m` straight from places (N, 2) in these directions."""
        free = np.ones(len(xy), bool)
        step = view.cost.grid.cell_m
        for d in np.arange(step, self.views.ahead_m + 0.5 * step, step):
            points = xy + d * np.stack([np.cos(facing), np.sin(facing)], axis=1)
            free &= np.isfinite(view.cost.grid.value_at(points, np.inf).astype(np.float64))
        return free

    def _is_new(self, xy: FloatArray, facing: FloatArray) -> BoolArray:
        """(N,) whether looks from places (N, 2) in these directions have not been given before."""
        new = np.ones(len(xy), bool)
        for look in self._done:
            near = np.hypot(*(xy - look.place).T) < self.views.again_m
            new &= ~(near & (np.abs(_turned(facing - look.facing)) < self.views.again_rad))
        return new

    def _ahead(self, xy: Point, facing: float, metres: float | None = None) -> Point:
        """The point `ahead_m`, or so many metres, from a place."""
        d = self.views.ahead_m if metres is None else metres
        return xy[0] + d * math.cos(facing), xy[1] + d * math.sin(facing)

    @staticmethod
    def _steps(view: View, pose: Pose, place: IntArray, facing: float, is_here: bool) -> float:
        """Steps and turns to a place, and until the robot faces along `facing` there."""
        if is_here:
            return float(abs(_turned(facing - pose[2]))) / TURN_RAD
        way = view.places(descend_cells(view.cost.grid.cells, place))[::-1]
        first = abs(heading_to(pose, way[min(len(way) - 1, 6)]))
        x, y = way[-1] - way[max(0, len(way) - 5)]
        last = abs(_turned(facing - math.atan2(y, x)))
        return float(view.cost.grid.cells[place[0], place[1]]) / FORWARD_M + (first + float(last)) / TURN_RAD


def _doubt(view: View, obstacles: Grid2D, uncertainty: Grid2D) -> FloatArray:
    """(X, Y) voxels' worth of uncertainty on the view's cells.

    Raises:
        InputError: if the uncertainty is not on the obstacles' cells.
    """
    place, expected = ((*grid.origin_xy.tolist(), grid.cell_m) for grid in (uncertainty, obstacles))
    if uncertainty.shape != obstacles.shape or not np.allclose(place, expected):
        raise InputError(
            f"uncertainty must be aligned with obstacles, {obstacles.shape} at {expected[:2]} of {expected[2]} m, "
            f"got {uncertainty.shape} at {place[:2]} of {place[2]} m"
        )
    fine = view.terrain.clearance
    low = np.rint((fine.origin_xy - uncertainty.origin_xy) / fine.cell_m).astype(np.int64)
    cells = window(uncertainty.cells, low, low + np.array(fine.shape))
    factor = round(view.cost.grid.cell_m / fine.cell_m)
    tenths: FloatArray = np.asarray(coarsen(cells, factor)).sum(axis=2, dtype=np.float64)
    return tenths / _TENTHS


def _worth_of_sides(looks: UInt8Array, enough: int) -> FloatArray:
    """(X, Y, 8) share of a cell's doubt that another look from an octant is worth, from the looks (X, Y, 8) so far.

    A neighbouring octant counts half: so the other side is worth more than the next, which may begin a step away, and
    a side between two that were seen is worth nothing.
    """
    had = np.minimum(looks.astype(np.float64), enough) / enough
    return np.asarray(np.maximum(1.0 - had - 0.5 * (np.roll(had, 1, axis=2) + np.roll(had, -1, axis=2)), 0.0))


def _windows(values: FloatArray, width: int) -> FloatArray:
    """(N, R) sums over `width` directions from each on, around the circle."""
    sums = np.cumsum(np.concatenate([np.zeros((len(values), 1)), values, values[:, : width - 1]], axis=1), axis=1)
    return np.asarray(sums[:, width:] - sums[:, :-width])


def _turned(angle: FloatArray | float) -> FloatArray:
    """An angle as one in (-pi, pi]."""
    return np.asarray(np.arctan2(np.sin(angle), np.cos(angle)))
