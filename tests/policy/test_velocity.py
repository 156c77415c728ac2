# SPDX-License-Identifier: Apache-2.0
"""Arcs: the best one in open space and at walls, speeds that change slowly and stop at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.policy.toy import room, whole

from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose
from seal_policy.driving.velocity import Clearance, Velocity, VelocityConfig, VelocityPolicy
from seal_policy.planning.planner import Planner
from seal_policy.planning.terrain import build_terrain

POLICY = VelocityPolicy()
NOTHING_NEAR = Clearance(Grid2D(np.full((4, 4), 10.0, np.float32), np.zeros(2), 0.05), 0.23, outside_m=10.0)


def _choose(blocked: Any, pose: tuple[float, float, float], goal: tuple[float, float], last: float = 0.0) -> Any:
    obstacles, explored = whole(blocked)
    plan = Planner().plan(obstacles, explored, planar_pose(*pose), goal)
    mapped = Clearance.of_terrain(build_terrain(obstacles, explored, [pose[:2], goal]), 0.23)
    return POLICY.choose(plan.field, pose, mapped, NOTHING_NEAR, last)


def test_a_goal_straight_ahead_is_driven_to_at_full_speed() -> None:
    chosen = _choose(room(6, 4), (1.0, 2.0, 0.0), (5.0, 2.0))
    assert chosen.forward_mps == pytest.approx(0.3) and abs(chosen.turn_radps) < 0.2


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_goal_behind_is_turned_to_on_the_spot_and_not_back_and_forth(side: float) -> None:
    chosen = _choose(room(6, 4), (3.0, 2.0, math.pi), (5.0, 2.0), last=0.5 * side)
    assert chosen.turn_radps == side and chosen.forward_mps <= 0.1


def test_a_goal_to_the_left_is_turned_to_by_the_left() -> None:
    assert _choose(room(6, 6), (3.0, 2.0, 0.0), (3.0, 5.0)).turn_radps > 0


def test_no_arc_comes_nearer_to_a_wall_than_it_may() -> None:
    blocked = room(6, 4)
    blocked[60:64, :40] = True  # a wall across the way, open from y = 2 on
    obstacles, explored = whole(blocked)
    pose, goal = (2.6, 1.0, 0.0), (5.0, 1.0)
    plan = Planner().plan(obstacles, explored, planar_pose(*pose), goal)
    near = Clearance.of_terrain(build_terrain(obstacles, explored, [pose[:2], goal]), 0.23)
    chosen = POLICY.choose(plan.field, pose, near, near)
    assert chosen is not None and chosen.turn_radps > 0.5
    straight = POLICY.free_s(pose, Velocity(0.3, 0.0), near)
    # 3.0 (wall) + 0.025 (centre of its first cell) - 0.23 - 2.6 = 0.195 m at 0.3 m/s, in samples of 0.15 s.
    assert straight == pytest.approx(0.6)


def test_without_a_free_arc_there_is_no_choice() -> None:
    blocked = room(6, 4)
    obstacles, explored = whole(blocked)
    plan = Planner().plan(obstacles, explored, planar_pose(3.0, 2.0, 0.0), (5.0, 2.0))
    tight = np.full((120, 80), 0.2, np.float32)
    tight[60, 40] = 0.5
    chosen = POLICY.choose(
        plan.field, (3.025, 2.025, 0.0), Clearance(Grid2D(tight, np.zeros(2), 0.05), 0.23), NOTHING_NEAR
    )
    assert chosen is not None and chosen.forward_mps == 0.0, "it can always turn"


def test_clearance_that_is_gone_must_not_become_less() -> None:
    grid = Clearance(Grid2D(np.full((10, 10), 0.1, np.float32), np.zeros(2), 0.05), 0.23)
    assert grid.needed(0.25, 0.25) == pytest.approx(0.099)
    assert grid.needed(9.0, 9.0) < 0.0, "beyond the grid there is no less"


def test_speeds_rise_slowly_and_fall_at_once() -> None:
    def slew(last: tuple[float, float], wanted: tuple[float, float]) -> tuple[float, float]:
        out = POLICY.slewed(Velocity(*last), Velocity(*wanted), 0.1)
        return round(out.forward_mps, 6), round(out.turn_radps, 6)

    assert slew((0.0, 0.0), (0.3, 1.0)) == (0.06, 0.2), "on the same arc"
    assert slew((0.3, 1.0), (0.0, 0.1)) == (0.0, 0.1)
    assert slew((0.3, 0.8), (-0.12, -1.0)) == (-0.06, -0.4)
    assert slew((0.0, 0.0), (0.0, 1.0)) == (0.0, 0.4)
    assert slew((0.3, 0.0), (0.3, 0.0)) == (0.3, 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_forward_mps": 0.0}, "max_forward_mps must be positive, got 0.0"),
        ({"turn_levels": 0}, "forward_levels and turn_levels must be >= 1, got 3, 0"),
        ({"stop_s": 3.0}, "need sample_s <= stop_s <= horizon_s"),
    ],
)
def test_wrong_numbers_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VelocityConfig(**changes)
