# SPDX-License-Identifier: Apache-2.0
"""What the two drivers share: the route in force, remembered bumps, and whether the robot makes progress."""

from __future__ import annotations

import math

import numpy as np

from seal_perception.types import FloatArray
from seal_policy.planning.motion import Point, Pose
from seal_policy.planning.new_floor import NewFloor
from seal_policy.planning.planner import FINER, Planner, PlannerConfig, Route
from seal_policy.planning.terrain import Terrain, finer

PROGRESS_M = 0.1
"""The way left must become shorter by this much to count as progress."""
NARROW_AHEAD_M = 1.0
"""A narrow place so far ahead is aimed at: 30 degrees and 0.25 m need some room to line up."""
NEARLY_M = 0.05
"""A place is narrow up to this much more than the usual clearance: a cell of the map."""
SHORT_M = 0.3
"""A goal is out of reach if the way ends farther than this from it: the robot would not count as arrived."""


class Driver:
    """Base of `StepDriver`, whose time counts in steps, and `VelocityDriver`, whose time counts in seconds.

    Args:
        planner: how the map is planned over.

    Attributes:
        route: the route in force; None before the first goal and where it was dropped.
        replans: routes planned so far.
        squeezes: whether that route needs the narrow margin.
    """

    def __init__(self, planner: PlannerConfig) -> None:
        self.route: Route | None = None
        self.replans = 0
        self.squeezes = False
        self._planner = Planner(planner)
        self._narrow = Planner(planner.narrow) if planner.narrow is not None else None
        self._new_floor = NewFloor()
        self._squeezed_to: Point | None = None
        self._bumps: list[tuple[float, Point]] = []
        self._best_left = math.inf
        self._progress_at: float = 0

    @property
    def path(self) -> FloatArray:
        """(N, 2) metres, the way to follow; empty without a route."""
        return self.route.path if self.route is not None else np.zeros((0, 2))

    def _plan(self, terrain: Terrain, pose: Pose, goal: Point, now: float) -> bool:
        """Plan a new route and put it in force; whether it leads to another goal than the one before."""
        new_goal = self.route is None or self.route.goal_xy != goal
        self.route = self._route(terrain, pose, goal, now)
        self.replans += 1
        left = self.route.field.at(pose[:2])
        if new_goal:
            self._best_left, self._progress_at = left, now
        else:  # a longer way is no lack of progress
            self._best_left = max(self._best_left, left)
        return new_goal

    def _route(self, terrain: Terrain, pose: Pose, goal: Point, now: float) -> Route:
        """A route with the usual margin; with the narrow one where only that leads to the goal and nothing is new."""
        route = self._planner.plan_on(terrain, pose[:2], goal)
        self.squeezes = False
        if self._narrow is None or route.short_m <= SHORT_M:
            return route
        patience = self._planner.config.patience_steps
        if goal != self._squeezed_to and self._new_floor.quiet_steps(int(now)) < patience:
            return route
        narrow = self._narrow.plan_on(self._finer(terrain), pose[:2], goal)
        if narrow.short_m > route.short_m - SHORT_M:
            return route
        self.squeezes, self._squeezed_to = True, goal
        return narrow

    def _finer(self, terrain: Terrain) -> Terrain:
        return finer(terrain, [xy for _, xy in self._bumps], times=FINER)

    def _fitting(self, terrain: Terrain) -> Terrain:
        """The terrain on the cells that the route in force was planned on."""
        return self._finer(terrain) if self.squeezes else terrain

    def _kept_m(self, terrain: Terrain, pose: Pose) -> float:
        """Clearance to keep here: the narrow margin only where the next metre of a narrow route needs it."""
        usual = self._planner.config.grow_m
        if self.route is None or self._narrow is None or not self.squeezes:
            return usual
        path = self.route.field.descend(pose[:2])
        path = path[np.hypot(*(path - np.array(pose[:2])).T) <= NARROW_AHEAD_M]
        cells = terrain.clearance.clipped_cells(path)
        least = float(terrain.clearance.cells[cells[:, 0], cells[:, 1]].min(initial=np.inf))
        return usual if least >= usual + NEARLY_M else self._narrow.config.grow_m

    def _note_progress(self, left_m: float, now: float) -> None:
        """Take the way left, and when it last became shorter."""
        if left_m < self._best_left - PROGRESS_M:
            self._best_left, self._progress_at = left_m, now

    def _mark_bump(self, pose: Pose, ahead_m: float, now: float) -> None:
        """Remember something unseen ahead of the robot, or behind it where `ahead_m` is negative."""
        x, y, yaw = pose
        self._bumps.append((now, (x + ahead_m * math.cos(yaw), y + ahead_m * math.sin(yaw))))

    def _forget_bumps(self, now: float, lasting: float) -> None:
        """Drop the bumps that are as old as `lasting`."""
        self._bumps = [(since, xy) for since, xy in self._bumps if now - since < lasting]
