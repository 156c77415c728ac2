# SPDX-License-Identifier: Apache-2.0
"""Goals in paced mode, where time runs: the rule that counts steps, by the clock."""

from __future__ import annotations

from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray
from seal_policy.goals.policy import GlobalPolicy, Point
from seal_policy.goals.rule import GoalConfig, GoalKeeper


class GoalTicks:
    """A `GoalKeeper`, whose rule counts steps, by the clock: a step is as long as one takes to drive.

    Args:
        policy: chooses goals.
        config: the rule's numbers.
        step_s: seconds that count as one step; 0.25 m take 0.83 s at 0.3 m/s, 30 degrees 0.65 s at 0.8 rad/s.
    """

    def __init__(self, policy: GlobalPolicy, config: GoalConfig | None = None, step_s: float = 0.7) -> None:
        if not step_s > 0:
            raise ValueError(f"step_s must be positive, got {step_s}")
        self.keeper = GoalKeeper(policy, config)
        self.given: list[tuple[float, Point]] = []
        self._step_s = step_s
        self._start_s: float | None = None
        self._step = -1

    @property
    def goal(self) -> Point | None:
        """The goal in force."""
        return self.keeper.clock.goal

    def update(self, time_s: float, obstacles: Grid2D, explored: Grid2D, T_map_base: FloatArray) -> Point | None:
        """A new goal if one is due at the map of this time, else None."""
        if self._start_s is None:
            self._start_s = time_s
        step = int((time_s - self._start_s) / self._step_s + 1e-6)
        if step <= self._step:
            return None
        self._step = step
        if not self.keeper.needs_goal(step, T_map_base, obstacles, explored):
            return None
        goal = self.keeper.next_goal(obstacles, explored, T_map_base, step)
        self.given.append((time_s, goal))
        return goal
