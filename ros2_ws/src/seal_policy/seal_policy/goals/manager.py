# SPDX-License-Identifier: Apache-2.0
"""The goal in force: asks the policy for a new one when the rule says that one is due.

There is one manager per run, in the policy node or in `Explorer`. Whoever drives gets the goal in force with every
frame, and knows nothing of the rule.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray
from seal_policy.goals.policy import NO_LAYERS, GlobalPolicy, MapLayers, PolicyInput
from seal_policy.goals.rule import GoalConfig, goal_due
from seal_policy.goals.visibility import unknown_m2_around
from seal_policy.planning.motion import Point, Pose, planar
from seal_policy.planning.new_floor import NewFloor

REMEMBERED_STEPS = 100
"""Goals that could not be reached are told to the policy for this many steps."""


class GoalManager:
    """Keeps the goal in force, the way so far, and which goals could not be reached.

    Each step is looked at once: a second call with the same step, or with an earlier one, changes nothing.

    Args:
        policy: chooses goals.
        config: the rule's numbers.

    Attributes:
        goal: the goal in force, map frame; None during the first look around.
        heading: direction from the robot to that goal when it was given, in rad.
    """

    def __init__(self, policy: GlobalPolicy, config: GoalConfig | None = None) -> None:
        self.config = config or GoalConfig()
        self.goal: Point | None = None
        self.heading = 0.0
        self._policy = policy
        self._poses: list[Pose] = []
        self._failed: list[tuple[int, Point]] = []
        self._new_floor = NewFloor()
        self._step = -1
        self._due = False
        self._goal_step = 0
        self._unknown_m2 = 0.0
        self._reached = False
        self._place: Point | None = None
        self._still_since = 0
        self._haunt: Point | None = None
        self._haunt_since = 0

    def update(
        self,
        step: int,
        obstacles: Grid2D,
        explored: Grid2D,
        T_map_base: FloatArray,
        layers: MapLayers = NO_LAYERS,
    ) -> bool:
        """Look at a step and ask the policy for a goal if one is due.

        Args:
            step: number of actions taken; in paced mode `StepClock.step`.
            obstacles: map of the same stamp as the pose.
            explored: aligned with `obstacles`.
            T_map_base: (4, 4) pose of the robot.
            layers: of the same map, for policies that look at more than its grids.

        Returns:
            Whether a goal was given at this call.
        """
        if not self.is_due(step, obstacles, explored, T_map_base):
            return False
        goal = self._policy.goal(self.policy_input(step, obstacles, explored, T_map_base, layers))
        self._take(step, goal, obstacles, explored)
        return True

    def is_due(self, step: int, obstacles: Grid2D, explored: Grid2D, T_map_base: FloatArray) -> bool:
        """Whether `update` will ask the policy at this step."""
        if step > self._step:
            self._step = step
            self._note_pose(step, planar(T_map_base))
            self._new_floor.note(step, explored)
            self._due = self._rule(step, obstacles, explored, T_map_base)
        return self._due

    def drop(self) -> None:
        """Forget the goal in force: the robot went elsewhere, and the goal has not failed. A new one is due."""
        self.goal, self._reached = None, False
        self._due = self._step >= self.config.spin_steps

    def policy_input(
        self,
        step: int,
        obstacles: Grid2D,
        explored: Grid2D,
        T_map_base: FloatArray,
        layers: MapLayers = NO_LAYERS,
    ) -> PolicyInput:
        """What the policy gets at a step at which a goal is due: the map, the way, the goals that failed lately."""
        noted = bool(self._failed) and self._failed[-1][0] == step
        if self.goal is not None and not noted and self.is_stuck(step):
            self._failed.append((step, self.goal))
        lately = [goal for since, goal in self._failed if step - since <= REMEMBERED_STEPS]
        failed = np.array(lately).reshape(-1, 2)
        quiet = self._new_floor.quiet_steps(step)
        cells = layers.uncertainty() if layers.uncertainty is not None else None
        volume = None if layers.volume is None else partial(layers.volume, planar(T_map_base)[:2])
        return PolicyInput(obstacles, explored, T_map_base, step, np.array(self._poses), failed, quiet, cells, volume)

    def is_stuck(self, step: int) -> bool:
        """Whether the robot has stood still, or gone to and fro, for so long that its goal must be out of reach.

        Where goals are not renewed on arrival, a robot that has been at its goal only waits there for the next one.
        """
        if self._reached and not self.config.renew_on_arrival:
            return False
        return step - max(self._still_since, self._goal_step) >= self.config.still_steps or self._loiters(step)

    def _rule(self, step: int, obstacles: Grid2D, explored: Grid2D, T_map_base: FloatArray) -> bool:
        c = self.config
        seen = (
            self.goal is not None
            and self._unknown_m2 > c.seen_least_m2
            and self._view_m2(obstacles, explored) <= c.seen_share * self._unknown_m2
        )
        if goal_due(step, T_map_base, self.goal, self._goal_step, c, self._still_since, seen):
            return True
        return c.renew_on_arrival and self.goal is not None and self._loiters(step)

    def _loiters(self, step: int) -> bool:
        return step - max(self._haunt_since, self._goal_step) >= self.config.loiter_steps

    def _note_pose(self, step: int, pose: Pose) -> None:
        """Since when the robot has stood at its place, and stayed near it; whether it has been at its goal."""
        xy = pose[:2]
        self._poses.append(pose)
        if self._place is None or math.dist(self._place, xy) > 0.05:
            self._place, self._still_since = xy, step
        if self._haunt is None or math.dist(self._haunt, xy) > self.config.loiter_m:
            self._haunt, self._haunt_since = xy, step
        if self.goal is not None and math.dist(self.goal, xy) <= self.config.arrive_m:
            self._reached = True

    def _take(self, step: int, goal: Point, obstacles: Grid2D, explored: Grid2D) -> None:
        x, y, _ = self._poses[-1]
        self.goal, self._goal_step = (float(goal[0]), float(goal[1])), step
        self.heading = math.atan2(self.goal[1] - y, self.goal[0] - x)
        self._unknown_m2 = self._view_m2(obstacles, explored)
        self._reached = self._due = False

    def _view_m2(self, obstacles: Grid2D, explored: Grid2D) -> float:
        """Unknown floor that may be seen from the goal, in m2."""
        if self.goal is None:
            return 0.0
        return unknown_m2_around(obstacles, explored, self.goal, self.config.view_m, self.config.through_m)


class StepClock:
    """Steps for paced mode, where time runs: the rule counts steps, and a step is as long as one takes to drive.

    Args:
        step_s: seconds that count as one step; 0.25 m take 0.83 s at 0.3 m/s, 30 degrees 0.65 s at 0.8 rad/s.
    """

    def __init__(self, step_s: float = 0.7) -> None:
        if not step_s > 0:
            raise ValueError(f"step_s must be positive, got {step_s}")
        self._step_s = step_s
        self._start_s: float | None = None

    def step(self, time_s: float) -> int:
        """The step that a time belongs to; the first time is in step 0."""
        if self._start_s is None:
            self._start_s = time_s
        return int((time_s - self._start_s) / self._step_s + 1e-6)
