# SPDX-License-Identifier: Apache-2.0
"""Goals at frontiers, the baseline that needs no learning: where most unknown floor may be seen per step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from seal_perception.types import BoolArray, FloatArray, IntArray
from seal_policy.goals.policy import PolicyInput
from seal_policy.goals.visibility import (
    MOST_LOOKS,
    RAYS,
    cluster_frontiers,
    frontier_cells,
    new_sides_in_view,
    sides_seen,
    unknown_in_view,
)
from seal_policy.goals.way import Visits, Way, paint_discs, poses_since_near
from seal_policy.planning.local_policy import heading_to
from seal_policy.planning.motion import FORWARD_M, TURN_RAD, Point, Pose, planar
from seal_policy.planning.planner import FINER, Field, Planner, PlannerConfig, descend_cells, disc
from seal_policy.planning.terrain import Terrain, coarsen, finer

_WAY_M, _NEAR_GOAL_M = 0.5, 0.4
"""Spacing of the way that is remembered; a goal is reached from so near."""


@dataclass(frozen=True)
class FrontierConfig:
    """How frontiers are weighed.

    Attributes:
        min_frontier_m: shorter frontiers are ignored (metres).
        min_gain_m2: places that may show less unknown floor are ignored (m2).
        narrow_gain_m2: the same for places that only the narrow margin leads to (m2).
        piece_m: a long frontier is cut into pieces of this size in metres.
        view_m: range of a look in metres; the robot maps to 5 m.
        through_m: depth of a look into the unknown in metres.
        offset_steps: added to the steps to a goal; a large number prefers big gains, a small one near goals.
        stay: factor on the worth of places near the last goal, so that the robot does not turn back half-way.
        near_sight_m: the camera cannot see the floor nearer than this (metres); around the robot's way it is taken as
            floor.
        look_m: an object must be this near for a second look at it (metres).
        step_out_m: least distance in metres to the next place from which objects are looked at again.
        fov_rad: horizontal field of view in rad, to know what has been looked at.
        tried: factor on the worth of places at a former goal that the robot has been to. What it did not see from there
            the first time, it hardly will the second.
        failed_m: places this near to a goal that could not be reached are left out (metres).
        closed_steps: steps for which the way to such a goal counts as closed.
        closed_m: radius in metres of the closed part of the way.
        closed_ahead_m: distance in metres from the robot to the closed part.
    """

    min_frontier_m: float = 0.5
    min_gain_m2: float = 0.5
    narrow_gain_m2: float = 1.0
    piece_m: float = 1.5
    view_m: float = 4.5
    through_m: float = 2.0
    offset_steps: float = 4.0
    stay: float = 1.3
    near_sight_m: float = 1.6
    look_m: float = 3.5
    step_out_m: float = 1.0
    fov_rad: float = math.radians(79.0)
    tried: float = 0.5
    failed_m: float = 0.4
    closed_steps: int = 100
    closed_m: float = 0.15
    closed_ahead_m: float = 0.45

    def __post_init__(self) -> None:
        if min(self.min_frontier_m, self.piece_m, self.view_m, self.through_m, self.look_m) <= 0:
            raise ValueError(f"lengths of FrontierConfig must be > 0, got {self}")
        if self.offset_steps <= 0 or self.stay < 1 or not 0 < self.tried <= 1:
            raise ValueError(
                "need offset_steps > 0, stay >= 1 and tried in (0, 1]; "
                f"got {self.offset_steps}, {self.stay}, {self.tried}"
            )


@dataclass(frozen=True)
class View:
    """The map on coarse cells, and what it costs to get anywhere in it."""

    terrain: Terrain
    cost: Field
    blocked: BoolArray
    unknown: BoolArray

    def places(self, ij: IntArray) -> FloatArray:
        """Centres in metres."""
        return self.cost.grid.cell_to_world(ij)


@dataclass(frozen=True)
class Left:
    """What is left to see.

    Attributes:
        xy: (N, 2) places within reach, metres, map frame.
        gain_m2: (N,) unknown floor that each may show.
        cost: the way to each from the robot.
        terrain: clearance on the map's own cells.
    """

    xy: FloatArray
    gain_m2: FloatArray
    cost: Field
    terrain: Terrain


class FrontierPolicy:
    """Goes where most unknown floor may be seen per step; when none is left, to see objects from new sides."""

    def __init__(self, config: FrontierConfig | None = None, planner: PlannerConfig | None = None) -> None:
        self.config = config or FrontierConfig()
        usual = replace(planner or PlannerConfig(), unknown_speed=0.0)
        self._planner = Planner(usual)
        self._narrow = Planner(usual.narrow) if usual.narrow is not None else None
        self._patience = usual.patience_steps
        self._new_at = 0
        self._last: Point | None = None
        self._way = Way(_WAY_M)
        self._visits = Visits(_NEAR_GOAL_M)
        self._failed: list[Point] = []
        self._closed: list[tuple[int, Point]] = []

    def goal(self, inp: PolicyInput) -> Point:
        """See `GlobalPolicy.goal`."""
        pose = planar(inp.T_map_base)
        self._note(inp)
        view = self._view(inp, self._planner)
        if self._last is not None and len(inp.failed) and math.dist(inp.failed[-1], self._last) < 1e-6:
            self._closed.append((inp.step, _way_out(view.cost, self._last, pose, self.config.closed_ahead_m)))
            view = self._view(inp, self._planner)
        best = self._frontier(view, pose, inp)
        if inp.quiet_steps >= self._patience:
            best = self._behind_narrow(view, pose, inp) or best
        if best is None:
            best = self._beyond_frontiers(view, pose, inp)
        self._last = best if best is not None else pose[:2]
        self._visits.give(self._last)
        return self._last

    def _beyond_frontiers(self, view: View, pose: Pose, inp: PolicyInput) -> Point | None:
        """Where to go when no frontier is worth it."""
        return self._second_look(view, pose, inp) or self._patrol(view, pose, inp)

    def left(self, inp: PolicyInput, narrow: bool = False) -> Left:
        """The places at frontiers within reach, of the narrow margin if asked, however little they show."""
        view = self._view(inp, self._narrow if narrow and self._narrow is not None else self._planner)
        places, gain = self._frontier_places(view)
        return Left(view.places(places), gain, view.cost, view.terrain)

    def _view(self, inp: PolicyInput, planner: Planner) -> View:
        """Coarse grids and the robot's travel cost over known floor."""
        c = self.config
        x, y, _ = planar(inp.T_map_base)
        terrain = self._planner.terrain(inp.obstacles, inp.explored, [(x, y)])
        if planner is self._narrow:
            terrain = finer(terrain, times=FINER)
        factor = planner.config.factor
        way = self._way.points(inp.poses[:, :2]) if len(inp.poses) else np.array([[x, y]])
        known = terrain.explored.copy()
        paint_discs(known, *terrain.clearance.centres(), way, c.near_sight_m)
        speed = planner.speed(terrain, (x, y), known)
        i, j = terrain.cell((x, y))
        for since, point in self._closed:
            if inp.step - since < c.closed_steps and math.dist(point, (x, y)) > 2 * c.closed_m:
                speed.cells[disc(speed, point, c.closed_m)] = 0.0
        cost = planner.march(speed, (i // factor, j // factor))
        blocked: BoolArray = np.asarray(coarsen(terrain.obstacles, factor).any(axis=2))
        unknown: BoolArray = ~np.asarray(coarsen(terrain.explored, factor).any(axis=2)) & ~blocked
        return View(terrain, cost, blocked, unknown)

    def _note(self, inp: PolicyInput) -> None:
        """Remember which goals have failed since floor was last new."""
        if inp.step - inp.quiet_steps > self._new_at:
            self._new_at, self._failed = inp.step - inp.quiet_steps, []
        self._failed += [(x, y) for x, y in inp.failed.tolist() if (x, y) not in self._failed]

    def _frontier(self, view: View, pose: Pose, inp: PolicyInput) -> Point | None:
        """The best place at a frontier, or None if none is worth going to."""
        found = self._best_frontier(view, pose, inp)
        return found[0] if found is not None else None

    def _best_frontier(self, view: View, pose: Pose, inp: PolicyInput) -> tuple[Point, float] | None:
        """The best place at a frontier with what it may show per step (m2), or None if none shows enough."""
        places, gain = self._frontier_places(view)
        return self._best_worth(view, pose, places, gain, self.config.min_gain_m2, inp)

    def _behind_narrow(self, usual: View, pose: Pose, inp: PolicyInput) -> Point | None:
        """The best place that only the narrow margin leads to, or None while the usual one leaves something new."""
        c, narrow = self.config, self._narrow
        if narrow is None or self._leaves_something(usual, inp):
            return None
        view = self._view(inp, narrow)
        places, gain = self._frontier_places(view)
        if not len(places):
            return None
        only_so = ~np.isfinite(usual.cost.grid.cells[places[:, 0], places[:, 1]])
        return self._best(view, pose, places, gain * only_so, c.narrow_gain_m2, inp)

    def _leaves_something(self, view: View, inp: PolicyInput) -> bool:
        """Whether a frontier within reach is left that the robot neither has been to nor failed to get to."""
        places, gain = self._frontier_places(view)
        usable = self._usable(view, places, gain, self.config.min_gain_m2, inp, 0.3)
        for point in (*self._visits.seen(inp.poses[:, :2]), *self._failed):
            usable &= np.hypot(*(view.places(places) - point).T) > 0.5
        return bool(usable.any())

    def _frontier_places(self, view: View) -> tuple[IntArray, FloatArray]:
        """(N, 2) cells that the robot can reach, one per frontier, and the unknown floor in m2 that each may show."""
        c, cell = self.config, view.cost.grid.cell_m
        free = ~view.blocked & ~view.unknown
        cells = frontier_cells(free, view.unknown)
        pieces = cluster_frontiers(cells, max(1, round(c.min_frontier_m / cell)), max(1, round(c.piece_m / cell)))
        reachable = np.argwhere(np.isfinite(view.cost.grid.cells))
        found = []
        for piece in pieces:
            away = ((reachable - piece.mean(axis=0)) ** 2).sum(axis=1)
            k = int(np.argmin(away))
            if away[k] * cell**2 <= 1.0:
                found.append(reachable[k])
        if not found:
            return np.zeros((0, 2), np.int64), np.zeros(0)
        places = np.unique(np.array(found, dtype=np.int64), axis=0)
        gain = cell**2 * unknown_in_view(
            view.blocked, view.unknown, places, round(c.view_m / cell), RAYS, round(c.through_m / cell)
        )
        return places, gain

    def _second_look(self, view: View, pose: Pose, inp: PolicyInput) -> Point | None:
        """The place that shows most sides of objects not yet seen, per step to get there."""
        c, cell = self.config, view.cost.grid.cell_m
        places = self._spaced_places(view)
        if not len(places):
            return None
        in_cells = inp.poses[-MOST_LOOKS:].copy()
        in_cells[:, :2] = view.cost.grid.in_cells(in_cells[:, :2])
        reach = round(c.look_m / cell)
        seen = sides_seen(view.blocked, in_cells, reach, 60, c.fov_rad)
        gain = cell * new_sides_in_view(view.blocked, seen, places, reach, 180)
        return self._best(view, pose, places, gain, 0.0, inp, c.step_out_m)

    def _patrol(self, view: View, pose: Pose, inp: PolicyInput) -> Point | None:
        """The place that the robot has not been near for longest, per step to get there: it never just stands."""
        places = self._spaced_places(view)
        if not len(places) or not len(inp.poses):
            return None
        unseen_for = poses_since_near(view.places(places), inp.poses, 1.0).astype(np.float64)
        return self._best(view, pose, places, unseen_for, 0.0, inp, self.config.step_out_m)

    def _spaced_places(self, view: View) -> IntArray:
        """(N, 2) cells that the robot can reach, half a metre apart."""
        spacing = max(1, round(0.5 / view.cost.grid.cell_m))
        reachable = np.argwhere(np.isfinite(view.cost.grid.cells))
        return reachable[(reachable % spacing == 0).all(axis=1)]

    def _best(
        self,
        view: View,
        pose: Pose,
        places: IntArray,
        gain: FloatArray,
        min_gain: float,
        inp: PolicyInput,
        least_m: float = 0.3,
    ) -> Point | None:
        """`_best_worth` without the worth."""
        found = self._best_worth(view, pose, places, gain, min_gain, inp, least_m)
        return found[0] if found is not None else None

    def _best_worth(
        self,
        view: View,
        pose: Pose,
        places: IntArray,
        gain: FloatArray,
        min_gain: float,
        inp: PolicyInput,
        least_m: float = 0.3,
    ) -> tuple[Point, float] | None:
        """Place with the greatest gain per step and that worth, or None if no gain is above the least one.

        Places that cost less than `least_m` to drive to are left out.
        """
        c = self.config
        xy = view.places(places)
        away = view.cost.grid.cells[places[:, 0], places[:, 1]]
        turns = self._first_turns(view, pose, places)
        worth = gain / (away / FORWARD_M + turns + c.offset_steps)
        if self._last is not None:
            worth = np.where(np.hypot(*(xy - self._last).T) < c.piece_m, c.stay * worth, worth)
        worth = worth * c.tried ** self._visits.near(xy, inp.poses[:, :2], 0.5)
        usable = self._usable(view, places, gain, min_gain, inp, least_m)
        if not usable.any():
            return None
        k = int(np.argmax(np.where(usable, worth, -1.0)))
        return (float(xy[k, 0]), float(xy[k, 1])), float(worth[k])

    def _usable(
        self, view: View, places: IntArray, gain: FloatArray, min_gain: float, inp: PolicyInput, least_m: float
    ) -> BoolArray:
        """(N,) whether a place gains enough, is not too near, and has not just failed."""
        xy = view.places(places)
        usable: BoolArray = (gain > min_gain) & (view.cost.grid.cells[places[:, 0], places[:, 1]] > least_m)
        for point in inp.failed:
            usable &= np.hypot(*(xy - point).T) > self.config.failed_m
        return usable

    @staticmethod
    def _first_turns(view: View, pose: Pose, places: IntArray) -> FloatArray:
        """(N,) turns until the robot faces along the way to each place."""
        turns = np.zeros(len(places))
        for k, place in enumerate(places):
            if math.isfinite(view.cost.grid.cells[place[0], place[1]]):
                way = view.places(descend_cells(view.cost.grid.cells, place))[::-1]
                turns[k] = abs(heading_to(pose, way[min(len(way) - 1, 6)])) / TURN_RAD
        return turns


def _way_out(cost: Field, goal: Point, pose: Pose, ahead_m: float) -> Point:
    """The point of the way from a pose to a goal that is first so far away, or the goal where all of it is nearer."""
    for x, y in cost.descend(goal)[::-1].tolist():
        if math.dist((x, y), pose[:2]) >= ahead_m:
            return x, y
    return goal
