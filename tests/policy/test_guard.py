# SPDX-License-Identifier: Apache-2.0
"""The planner's guard in simulated time: what it waits for, what stops it, and how often it sends the stop."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from seal_perception.pose import planar_pose
from seal_policy.driving.guard import (
    GOAL,
    MAP,
    NOT_ENABLED,
    ODOMETRY,
    PICTURE,
    SCORES,
    STOP,
    DriveGuard,
    GuardConfig,
    Speeds,
)

AHEAD: Speeds = (0.3, 0.0)
PERIOD_S = 0.1
INPUTS = (PICTURE, MAP, GOAL, SCORES)


class Drive:
    """A robot that drives ahead for ever, as far as the guard lets it; 10 looks and commands per second."""

    def __init__(self, guard: DriveGuard) -> None:
        self.guard, self.ticks, self.x = guard, 0, 0.0
        self.sent: list[tuple[float, Speeds]] = []

    @property
    def time_s(self) -> float:
        return self.ticks * PERIOD_S

    def run(self, seconds: float, without: Collection[str] = ()) -> list[Speeds]:
        """What is sent meanwhile, while some inputs do not come."""
        begin = len(self.sent)
        for _ in range(round(seconds / PERIOD_S)):
            self.ticks += 1
            if ODOMETRY not in without:
                self.guard.see_odometry(round((50.0 + self.time_s) * 1e9), planar_pose(self.x, 0, 0), self.time_s)
            for name in INPUTS:
                if name not in without:
                    self.guard.seen(name)
            blocked = bool(self.guard.reasons(self.time_s))
            out = self.guard.to_send(None if blocked or ODOMETRY in without else AHEAD, self.time_s)
            if out is not None:
                self.sent.append((self.time_s, out))
        return [speeds for _, speeds in self.sent[begin:]]


def test_nothing_is_sent_before_all_is_there_and_it_is_allowed() -> None:
    drive = Drive(DriveGuard())
    assert drive.guard.reasons(0.0)[0] == NOT_ENABLED
    assert drive.run(3.0) == []
    drive.guard.enable(True)
    assert drive.run(1.0) == [AHEAD] * 10
    for name in INPUTS:
        drive = Drive(DriveGuard(enabled=True))
        assert drive.run(3.0, without=[name]) == [], name
        assert drive.guard.reasons(drive.time_s) == [f"no {name} yet"]
        assert drive.run(0.1) == [AHEAD]


@pytest.mark.parametrize(("name", "limit_s"), [(ODOMETRY, 0.3), (PICTURE, 1.0), (MAP, 5.0), (GOAL, 5.0), (SCORES, 5.0)])
def test_an_input_that_ends_stops_it_and_is_named(name: str, limit_s: float) -> None:
    drive = Drive(DriveGuard(enabled=True))
    drive.run(2.0)
    ended = drive.time_s
    drive.run(limit_s + 2.0, without=[name])
    first = next(time for time, speeds in drive.sent if speeds == STOP)
    assert first <= ended + limit_s + 0.3 + 1e-9
    assert [speeds for _, speeds in drive.sent][-3:] == [STOP] * 3, "three times, then silence"
    assert [speeds for _, speeds in drive.sent].count(STOP) == 3
    assert drive.guard.reasons(drive.time_s)[0].startswith(f"no {name} for ")
    assert drive.run(0.5)[-1] == AHEAD, "it goes on when the input is there again"


@pytest.mark.parametrize(
    ("changes", "text"),
    [((1.0, 0.0), "odometry jumped by 1.00 m"), ((0.0, -60.0), "stamps went back by 59.9")],
)
def test_odometry_that_jumps_or_goes_back_latches(changes: tuple[float, float], text: str) -> None:
    drive = Drive(DriveGuard(enabled=True))
    drive.run(2.0)
    ahead, later = changes
    drive.x += ahead
    drive.ticks += round(later / PERIOD_S)
    assert drive.run(3.0) == [STOP] * 3
    assert drive.guard.latched.startswith(text)
    assert drive.guard.reasons(drive.time_s) == [f"{drive.guard.latched}: call explore/enable"]
    drive.guard.enable(True)
    assert drive.run(0.2) == [AHEAD] * 2


def test_after_a_jump_what_was_known_must_come_anew() -> None:
    drive = Drive(DriveGuard(enabled=True))
    drive.run(2.0)
    drive.x += 1.0
    drive.run(1.0, without=[MAP])
    drive.guard.enable(True)
    assert drive.run(1.0, without=[MAP]) == [] and drive.guard.reasons(drive.time_s) == ["no map yet"]


def test_an_odd_message_is_a_stop_and_not_the_end() -> None:
    drive = Drive(DriveGuard(enabled=True))
    drive.run(1.0)
    drive.guard.odd("odom cannot be used: NaN", drive.time_s)
    assert drive.guard.to_send(AHEAD, drive.time_s) == STOP, "at once"
    assert drive.guard.reasons(drive.time_s) == ["odom cannot be used: NaN"]
    assert drive.run(0.4) == [STOP] * 2
    assert drive.run(1.0)[-1] == AHEAD and drive.guard.stops == 1


def test_taking_permission_away_stops_it() -> None:
    drive = Drive(DriveGuard(enabled=True))
    drive.run(1.0)
    drive.guard.enable(False)
    assert drive.run(2.0) == [STOP] * 3


def test_a_limit_of_zero_is_none() -> None:
    drive = Drive(DriveGuard(GuardConfig(scores_s=0.0), enabled=True))
    assert drive.run(1.0, without=[SCORES]) == [AHEAD] * 10


def _late(guard: DriveGuard, late_s: float, ticks: int, of_ticks: int) -> list[str]:
    """Odometry at 50 Hz that is this late, and the other inputs; why it stands after it."""
    stamp_s = 50.0 + ticks / of_ticks
    guard.see_odometry(round(stamp_s * 1e9), planar_pose(0, 0, 0), stamp_s, late_s)
    for name in INPUTS:
        guard.seen(name)
    return guard.reasons(stamp_s)


def test_odometry_that_waits_in_a_queue_is_as_none() -> None:
    """A busy computer reads older and older poses: it must not drive on them."""
    guard = DriveGuard(enabled=True)
    assert all(_late(guard, 7.0, k, 50) == [] for k in range(50)), "clocks of two computers may differ"
    behind = [_late(guard, 7.0 + 0.01 * (k - 50), k, 50) for k in range(50, 150)]
    assert behind[50] == [] and behind[51] == ["odometry is 0.5 s old when it is read: this computer is too slow"]
    assert all(behind[51:])
    assert _late(guard, 7.05, 150, 50) == [], "it has caught up"


def test_clocks_that_part_slowly_are_no_delay() -> None:
    guard = DriveGuard(enabled=True)
    assert all(_late(guard, 0.0002 * k, k, 1) == [] for k in range(20000)), "0.2 ms a second, for hours"


def test_a_wish_that_is_no_number_is_a_stop() -> None:
    drive = Drive(DriveGuard(enabled=True))
    drive.run(1.0)
    assert drive.guard.to_send((float("nan"), 0.0), drive.time_s) == STOP
