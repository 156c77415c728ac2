# SPDX-License-Identifier: Apache-2.0
"""Searches while the clock runs: asked for, driven by speeds, ended, refused, begun anew. In one process."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.policy.objectgoal.worlds import CHAIR, ByColour, chair_at, wall, world

from seal_bringup.paced.run import PacedRates, PacedStack, drive_paced
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import SIX
from seal_perception.errors import InputError
from seal_perception.pose import pose_yaw
from seal_perception.types import FloatArray
from seal_policy.driving.velocity_driver import VelocityDriver
from seal_policy.goals.manager import GoalManager, StepClock
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.objectgoal.live import ENDED, FOUND, GOES, IDLE, OVER, REPLACED, SEARCHES, LiveSearch
from seal_policy.registry import make_policy
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.robot.paced_robot import PacedConfig


def stack(max_s: float = 0.0, policy: str = "frontier") -> tuple[PacedStack, LiveSearch]:
    """A robot's head that goes by colours, with searches."""
    goals, clock = GoalManager(make_policy(policy)), StepClock()
    search = LiveSearch(SIX, ObjectGoalConfig(), lambda: goals, clock.step, max_s)
    return PacedStack(VoxelMap(), goals, VelocityDriver(), ByColour(), clock=clock, search=search), search


def drive(
    room: EmbeddedSimulator, head: PacedStack, seconds: float, at: dict[int, Callable[[], Any]]
) -> list[tuple[float, FloatArray, str]]:
    """Drive for a while, doing something after some pictures; time, pose and state at each picture."""
    seen: list[tuple[float, FloatArray, str]] = []

    def watch(robot: Any, _: Any, T_map_base: FloatArray) -> None:
        assert head.search is not None
        at.get(len(seen), lambda: None)()
        seen.append((robot.time_s, T_map_base.copy(), head.search.state.state))

    rates = PacedRates(PacedConfig(physics_hz=20, camera_hz=5), 10)
    drive_paced(room, head, seconds, rates, 0, watch)
    return seen


def test_a_chair_seen_before_it_is_asked_for_is_gone_to_and_faced_until_something_else_is_wanted() -> None:
    head, search = stack()
    seen = drive(world(chair_at(2.0, 0.5)), head, 60.0, {60: lambda: search.ask("chair"), 250: lambda: search.ask("")})
    states = [state for _, _, state in seen]
    assert set(states[:60]) == {IDLE} and GOES in states and FOUND in states[60:250]
    assert SEARCHES not in states[70:250], "it is in the map already: nothing is left to explore for"
    (end,) = search.ended
    assert (end.category, end.state) == ("chair", FOUND) and end.thing == pytest.approx((2.0, 0.5), abs=0.25)
    assert 0.0 < end.seconds < 40.0 and 0.0 < end.way_m < 5.0 and end.away_m <= 1.0 and end.overlap >= 0.3
    stopped = states.index(FOUND)
    standing = np.stack([T for _, T, _ in seen[stopped + 10 : 251]])
    assert len(standing) > 20 and np.ptp(standing[:, :2, 3], axis=0).max() < 1e-6, "it stands"
    x, y = standing[0, :2, 3]
    off = math.atan2(0.5 - y, 2.0 - x) - pose_yaw(standing[-1])
    assert math.cos(off) > math.cos(math.radians(15.0)), "and faces the chair"
    assert set(states[252:]) == {IDLE}
    moved = np.stack([T for _, T, _ in seen[252:]])
    assert np.ptp([pose_yaw(T) for T in moved]) + np.ptp(moved[:, 0, 3]) > 0.2, "it explores again"


@pytest.mark.parametrize("policy", ["frontier", "gainful_views"])
def test_a_chair_behind_a_wall_is_explored_for(policy: str) -> None:
    head, search = stack(policy=policy)
    room = world(chair_at(2.2, 2.0), wall((1.0, -0.5), (1.2, 3.0)))
    states = [state for *_, state in drive(room, head, 90.0, {0: lambda: search.ask(" Chair ")})]
    assert states[5] == SEARCHES and states[-1] == FOUND
    assert [end.state for end in search.ended] == [FOUND]


def test_what_ends_a_search_is_told() -> None:
    head, search = stack(max_s=8.0)
    asks = {5: "bed", 15: "sofa", 20: "tv", 25: ""}
    seen = drive(world(), head, 6.0, {k: (lambda text=text: search.ask(text)) for k, text in asks.items()})
    ended = [(end.category, end.state) for end in search.ended]
    assert ended == [("bed", REPLACED), ("couch", REPLACED), ("tv", ENDED)]
    assert seen[-1][2] == IDLE
    head, search = stack(max_s=3.0)
    seen = drive(world(), head, 6.0, {0: lambda: search.ask("toilet")})
    (end,) = search.ended
    assert (end.category, end.state) == ("toilet", OVER) and end.seconds == pytest.approx(3.2, abs=0.3)
    assert seen[-1][2] == OVER and not search.active and "toilet: time is over (3 s" in search.state.text
    search.ask("")
    assert search.state.state == IDLE


@pytest.mark.parametrize("words", ["lamp", "chair_2", "bed 7", "chair\x00", "x" * 500, "[]"])
def test_what_is_no_category_is_refused_and_the_search_goes_on(words: str) -> None:
    _, search = stack()
    search.ask("chair")
    with pytest.raises(InputError, match=r"object_goal must be one of chair, .*, or empty to end a search; got") as got:
        search.ask(words)
    assert len(str(got.value)) < 250 and "\x00" not in str(got.value)
    assert (search.state.category, search.state.state, search.ended) == ("chair", SEARCHES, [])


def test_after_a_jump_of_odometry_a_search_begins_anew() -> None:
    head, search = stack()
    anew = {0: lambda: search.ask("chair"), 150: search.begin_anew}
    states = [state for *_, state in drive(world(chair_at(2.0, 0.5)), head, 40.0, anew)]
    assert states[149] == FOUND != states[150] and states[-1] == FOUND
    assert [end.state for end in search.ended] == [FOUND, FOUND]
    idle = stack()[1]
    idle.begin_anew()
    assert idle.state.state == IDLE and not idle.active and CHAIR == 0
