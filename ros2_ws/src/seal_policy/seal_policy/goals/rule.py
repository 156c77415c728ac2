# SPDX-License-Identifier: Apache-2.0
"""When a new goal is due: one rule, a pure function of what the policy knows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seal_perception.parameters import parameter
from seal_perception.types import FloatArray
from seal_policy.planning.motion import Point, planar


@dataclass(frozen=True)
class GoalConfig:
    """When goals are renewed."""

    period_steps: int = parameter(25, "maximum number of steps between goals (the paper: 25)", minimum=1)
    spin_steps: int = parameter(
        12, "steps of the first look around, before the first goal; 12 x 30 degrees = a full circle", minimum=0
    )
    renew_on_arrival: bool = parameter(
        True,
        "also ask for a new goal when the robot has arrived, is stuck or has seen what the goal was for",
    )
    arrive_m: float = parameter(0.3, "distance to the goal that counts as arrived, in metres")
    still_steps: int = parameter(
        10, "steps without moving after which the robot counts as stuck (a half turn takes 6)", minimum=7
    )
    loiter_steps: int = parameter(13, "steps within `loiter_m` of one place after which the robot counts as stuck, too")
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

    Depends on nothing but steps, odometry, the last goal and the map of this step's stamp.

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
