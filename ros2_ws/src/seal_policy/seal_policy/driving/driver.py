# SPDX-License-Identifier: Apache-2.0
"""What the two drivers share: the route in force, remembered bumps, and whether the robot makes progress."""

from __future__ import annotations

import math

import numpy as np

from seal_perception.types import FloatArray
from seal_policy.planning.motion import Point, Pose
from seal_policy.planning.planner import Planner, PlannerConfig, Route
from seal_policy.planning.terrain import Terrain

PROGRESS_M = 0.1
"""The way left must become shorter by this much to count as progress."""


class Driver:
    """Base of `StepDriver`, whose time counts in steps, and `VelocityDriver`, whose time counts in seconds.

    Args:
        planner: how the map is planned over.

    Attributes:
        route: the route in force; None before the first goal and where it was dropped.
        replans: routes planned so far.
    """

    def __init__(self, planner: PlannerConfig) -> None:
        self.route: Route | None = None
        self.replans = 0
        self._planner = Planner(planner)
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
        self.route = self._planner.plan_on(terrain, pose[:2], goal)
        self.replans += 1
        left = self.route.field.at(pose[:2])
        if new_goal:
            self._best_left, self._progress_at = left, now
        else:  # a longer way is no lack of progress
            self._best_left = max(self._best_left, left)
        return new_goal

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
