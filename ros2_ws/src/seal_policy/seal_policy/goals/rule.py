# SPDX-License-Identifier: Apache-2.0
"""When a new goal is due: one rule that policy and planner, two processes in lockstep, both compute."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from seal_perception.grid import Grid2D
from seal_perception.parameters import parameter
from seal_perception.types import FloatArray
from seal_policy.goals.policy import GlobalPolicy, Point, PolicyInput
from seal_policy.goals.visibility import unknown_m2_around
from seal_policy.planning.motion import planar


@dataclass(frozen=True)
class GoalConfig:
    """When goals are renewed."""

    period_steps: int = parameter(25, "steps after which a new goal is due at the latest (the paper: 25)", minimum=1)
    spin_steps: int = parameter(
        12, "steps of the first look around, before the first goal; 12 x 30 degrees = a full circle", minimum=0
    )
    renew_on_arrival: bool = parameter(
        True, "ask for a new goal also when the robot has arrived, stands still or has seen what it went for"
    )
    arrive_m: float = parameter(0.3, "distance to the goal that counts as arrived, in metres")
    still_steps: int = parameter(10, "steps without moving that count as stuck (turning round takes 6)", minimum=7)
    loiter_steps: int = parameter(
        13, "steps within `loiter_m` of one place that count as stuck, too: to and fro leads nowhere"
    )
    loiter_m: float = parameter(0.3, "radius of that place, in metres", minimum=0.0)
    seen_share: float = parameter(
        0.3,
        "a goal chosen for its view of unknown floor is done when no more than this share of that floor is left",
    )
    seen_least_m2: float = parameter(
        0.3, "a goal with less unknown floor in view was chosen for something else, in square metres"
    )
    view_m: float = parameter(4.5, "reach of that view, in metres")
    through_m: float = parameter(2.0, "distance that the view is followed into the unknown, in metres")
    fresh_steps: int = parameter(3, 'minimum steps for which a goal is kept before "seen" can end it', minimum=1)

    def __post_init__(self) -> None:
        if self.period_steps < 1 or self.spin_steps < 0 or self.still_steps < 7 or self.fresh_steps < 1:
            raise ValueError(
                "need period_steps >= 1, spin_steps >= 0, still_steps >= 7, fresh_steps >= 1; got "
                f"{self.period_steps}, {self.spin_steps}, {self.still_steps}, {self.fresh_steps}"
            )
        if self.loiter_steps < self.still_steps or self.loiter_m <= 0:
            raise ValueError(
                "need loiter_steps >= still_steps and loiter_m > 0; got "
                f"{self.loiter_steps}, {self.still_steps}, {self.loiter_m}"
            )
        if min(self.arrive_m, self.view_m, self.through_m) <= 0 or not 0 <= self.seen_share < 1:
            raise ValueError(
                "need arrive_m, view_m, through_m > 0 and seen_share in [0, 1); got "
                f"{self.arrive_m}, {self.view_m}, {self.through_m}, {self.seen_share}"
            )


def goal_due(
    step: int,
    T_map_base: FloatArray,
    goal: Point | None,
    goal_step: int,
    config: GoalConfig,
    still_since: int = 0,
    seen: bool = False,
) -> bool:
    """Whether a new goal is due before the action of this step is chosen.

    Depends on nothing but steps, odometry, the last goal and the map of this step's stamp, so that the policy and the
    planner come to the same answer without asking each other.

    Args:
        step: number of actions taken.
        T_map_base: (4, 4) pose after them.
        goal: the last goal (x, y), or None before the first.
        goal_step: step at which it was given.
        config: the rule's numbers.
        still_since: step since which the robot has stood at its place.
        seen: whether most of the unknown floor that the goal was to show has been seen.
    """
    if step < config.spin_steps:
        return False
    if goal is None or step - goal_step >= config.period_steps:
        return True
    if not config.renew_on_arrival or step <= goal_step:
        return False
    x, y, _ = planar(T_map_base)
    if math.dist((x, y), goal) <= config.arrive_m:
        return True
    if step - max(still_since, goal_step) >= config.still_steps:
        return True
    return seen and step - goal_step >= config.fresh_steps


class GoalClock:
    """Keeps what `goal_due` needs; policy and planner each own one and feed both the same."""

    def __init__(self, config: GoalConfig | None = None) -> None:
        self.config = config or GoalConfig()
        self.goal: Point | None = None
        self._goal_step = 0
        self._unknown_m2 = 0.0
        self._reached = False
        self._place: Point | None = None
        self._still_since = 0
        self._haunt: Point | None = None
        self._haunt_since = 0

    def due(self, step: int, T_map_base: FloatArray, obstacles: Grid2D, explored: Grid2D) -> bool:
        """Whether a new goal is due at this step; call once per step, with the map of the same stamp."""
        x, y, _ = planar(T_map_base)
        if self._place is None or math.dist(self._place, (x, y)) > 0.05:
            self._place, self._still_since = (x, y), step
        if self._haunt is None or math.dist(self._haunt, (x, y)) > self.config.loiter_m:
            self._haunt, self._haunt_since = (x, y), step
        if self.goal is not None and math.dist(self.goal, (x, y)) <= self.config.arrive_m:
            self._reached = True
        seen = (
            self.goal is not None
            and self._unknown_m2 > self.config.seen_least_m2
            and self._view_m2(obstacles, explored) <= self.config.seen_share * self._unknown_m2
        )
        if goal_due(step, T_map_base, self.goal, self._goal_step, self.config, self._still_since, seen):
            return True
        return self.config.renew_on_arrival and self.goal is not None and self._loiters(step)

    def stuck(self, step: int) -> bool:
        """Whether the robot has stood still, or gone to and fro, for so long that its goal must be out of reach.

        Where goals are not renewed on arrival, a robot that has been at its goal only waits there for the next one.
        """
        if self._reached and not self.config.renew_on_arrival:
            return False
        return step - max(self._still_since, self._goal_step) >= self.config.still_steps or self._loiters(step)

    def _loiters(self, step: int) -> bool:
        return step - max(self._haunt_since, self._goal_step) >= self.config.loiter_steps

    def set(self, step: int, goal: Point, obstacles: Grid2D, explored: Grid2D) -> None:
        """Take the goal given at a step."""
        self.goal, self._goal_step = (float(goal[0]), float(goal[1])), step
        self._unknown_m2 = self._view_m2(obstacles, explored)
        self._reached = False

    def _view_m2(self, obstacles: Grid2D, explored: Grid2D) -> float:
        """Unknown floor that may be seen from the goal."""
        if self.goal is None:
            return 0.0
        return unknown_m2_around(obstacles, explored, self.goal, self.config.view_m, self.config.through_m)


class GoalKeeper:
    """The policy's side: asks it for a goal when one is due."""

    def __init__(self, policy: GlobalPolicy, config: GoalConfig | None = None) -> None:
        self.policy = policy
        self.clock = GoalClock(config)
        self._poses: list[tuple[float, float, float]] = []
        self._failed: list[tuple[int, Point]] = []

    def needs_goal(self, step: int, T_map_base: FloatArray, obstacles: Grid2D, explored: Grid2D) -> bool:
        """Whether a goal is due; call once per step."""
        self._poses.append(planar(T_map_base))
        return self.clock.due(step, T_map_base, obstacles, explored)

    def policy_input(self, obstacles: Grid2D, explored: Grid2D, T_map_base: FloatArray, step: int) -> PolicyInput:
        """What a policy gets that is asked at this step, at which a goal is due: way and failed goals are kept here."""
        noted = bool(self._failed) and self._failed[-1][0] == step
        if self.clock.goal is not None and not noted and self.clock.stuck(step):
            self._failed.append((step, self.clock.goal))
        failed = np.array([goal for since, goal in self._failed if step - since <= 100]).reshape(-1, 2)
        return PolicyInput(obstacles, explored, T_map_base, step, np.array(self._poses), failed)

    def next_goal(self, obstacles: Grid2D, explored: Grid2D, T_map_base: FloatArray, step: int) -> Point:
        """Ask the policy for a goal and take it as the current one."""
        goal = self.policy.goal(self.policy_input(obstacles, explored, T_map_base, step))
        self.clock.set(step, goal, obstacles, explored)
        return goal
