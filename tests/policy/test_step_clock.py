# SPDX-License-Identifier: Apache-2.0
"""The rule of goals by the clock: steps of so many seconds, whatever the rate of maps."""

from __future__ import annotations

import numpy as np
import pytest

from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose
from seal_policy.goals.manager import GoalManager, StepClock
from seal_policy.goals.policy import PolicyInput
from seal_policy.goals.rule import GoalConfig

GRID = Grid2D(np.zeros((40, 40), bool), np.zeros(2), 0.05)


class _Counting:
    """A policy whose goals are their number."""

    def __init__(self) -> None:
        self.asked: list[PolicyInput] = []

    def goal(self, inp: PolicyInput) -> tuple[float, float]:
        self.asked.append(inp)
        return float(len(self.asked)), 0.0


@pytest.mark.parametrize("rate", [2, 5, 30])
def test_goals_come_after_the_first_look_and_then_by_the_period(rate: int) -> None:
    config = GoalConfig(spin_steps=4, period_steps=10, renew_on_arrival=False)
    manager, clock = GoalManager(_Counting(), config), StepClock(0.5)
    times = [100.0 + k / rate for k in range(12 * rate + 1)]
    given = [
        t for k, t in enumerate(times) if manager.update(clock.step(t), GRID, GRID, planar_pose(0.02 * k, 0.0, 0.0))
    ]
    assert [round(t - 100.0, 6) for t in given] == [2.0, 7.0, 12.0]
    assert manager.goal == (3.0, 0.0)


def test_a_robot_that_stands_still_gets_another_goal_and_the_old_one_counts_as_failed() -> None:
    policy = _Counting()
    manager = GoalManager(policy, GoalConfig(spin_steps=0, period_steps=100, still_steps=10))
    clock, T = StepClock(), planar_pose(0.5, 0.5, 0.0)
    # 10 steps of 0.7 s; the first map after them brings the goal.
    assert [k / 5 for k in range(60) if manager.update(clock.step(k / 5), GRID, GRID, T)] == [0.0, 7.0]
    np.testing.assert_array_equal(policy.asked[1].failed, [[1.0, 0.0]])


def test_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="step_s must be positive, got 0"):
        StepClock(0.0)
