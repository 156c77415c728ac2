# SPDX-License-Identifier: Apache-2.0
"""The gate before the fake robot's wheels, in simulated time: each of its conditions stops both bases in time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection

import pytest
from tests.sim.fake_robot.test_fake_robot import Corridor

from seal_perception.pose import planar_pose
from sim_bridge.fake_robot.base import BASES
from sim_bridge.fake_robot.robot import NS, FakeRobot, FakeRobotConfig, Sent
from sim_bridge.robot_base.gate import (
    CLIFF,
    COMMAND,
    CONTACT,
    NOT_ENABLED,
    ODOMETRY,
    PICTURE,
    SIGNALS,
    WHEEL_DROP,
    Gate,
)
from sim_bridge.robot_base.limits import STOP

PERIOD_S, TICK_S = 0.05, 0.005
BEGIN_NS = 1_700_000_000 * NS


class Driven:
    """A fake robot behind the gate, turned and driven by a planner that never stops asking; 20 commands a second."""

    def __init__(self, base: str) -> None:
        self.world, self.gate = Corridor(), Gate()
        self.robot = FakeRobot(self.world, FakeRobotConfig(base=base, no_picture=0.0), BEGIN_NS)
        self.ticks, self.moved_s = 0, -1.0
        self.ahead_m = self.back_s = 0.0
        self._way: list[tuple[int, int, Sent]] = []

    @property
    def now_s(self) -> float:
        return self.ticks * TICK_S

    def run(self, seconds: float, without: Collection[str] = ()) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.ticks += 1
            now_ns, before = BEGIN_NS + round(self.now_s * NS), (self.world.x, self.world.yaw)
            for sent in self.robot.advance(now_ns):
                heapq.heappush(self._way, (sent.due_ns, len(self._way) + self.ticks * 100, sent))
            if (self.world.x, self.world.yaw) != before:
                self.moved_s = self.now_s
            while self._way and self._way[0][0] <= now_ns:
                self._take(heapq.heappop(self._way)[2], without)
            if self.ticks % round(PERIOD_S / TICK_S) == 0:
                if COMMAND not in without:
                    self.gate.see_command((0.05, 0.4), self.now_s)
                self.robot.command(*self.gate.to_send(self.now_s))

    def _take(self, sent: Sent, without: Collection[str]) -> None:
        if sent.picture is not None:
            if PICTURE not in without:
                self.gate.see_picture(self.now_s)
        elif ODOMETRY not in without:
            T = planar_pose(self.ahead_m, 0.0, 0.0) @ sent.T_odom_base
            self.gate.see_odometry(sent.stamp_ns - round(self.back_s * NS), T, self.now_s)
            state = sent.state
            for name, on in ((CONTACT, state.bumper), (CLIFF, state.cliff), (WHEEL_DROP, state.wheel_drop)):
                if on:
                    self.gate.see_signal(name, True, self.now_s)


def told(name: str) -> Callable[[Driven], object]:
    return lambda driven: driven.gate.see_signal(name, True, driven.now_s)


def against_the_wall(driven: Driven) -> None:
    driven.world.x = 1.999


CONDITIONS: dict[str, tuple[Callable[[Driven], object], float]] = {
    NOT_ENABLED: (lambda driven: driven.gate.enable(False), 0.0),
    COMMAND: (lambda driven: None, 0.5),
    ODOMETRY: (lambda driven: None, 0.3),
    PICTURE: (lambda driven: None, 1.0),
    "odometry jumped": (lambda driven: setattr(driven, "ahead_m", 0.31), 0.0),
    "stamps went back": (lambda driven: setattr(driven, "back_s", 1.0), 0.0),
    "topics": (lambda driven: driven.gate.see_graph(("nobody publishes the bumper",)), 0.0),
    **{name: (told(name), 0.0) for name in SIGNALS},
    CLIFF: (lambda driven: setattr(driven.robot.base, "cliff", True), 0.0),
    WHEEL_DROP: (lambda driven: setattr(driven.robot.base, "wheel_drop", True), 0.0),
}
"""What happens, and after how long it counts."""


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", CONDITIONS)
def test_each_condition_stops_the_fake_robot_in_time_and_is_named(base: str, name: str) -> None:
    """Within 0.3 s and a period after its limit."""
    driven = Driven(base)
    driven.run(1.0)
    assert driven.moved_s < 0, "nothing moves before it is enabled"
    assert driven.gate.enable(True) == ""
    driven.run(2.0)
    assert driven.moved_s == driven.now_s
    cause, limit_s = CONDITIONS[name]
    begun_s = driven.now_s
    cause(driven)
    driven.run(limit_s + 0.3 + PERIOD_S, without=(name,))
    assert name in [reason.name for reason in driven.gate.reasons(driven.now_s)]
    stood_s = driven.moved_s
    assert stood_s - begun_s <= limit_s + 0.3 + PERIOD_S and driven.gate.to_send(driven.now_s) == STOP
    if name != CONTACT:  # after a moment it may turn away
        driven.run(3.0, without=(name,))
        assert driven.moved_s == stood_s


@pytest.mark.parametrize("base", BASES)
def test_a_wall_stops_the_fake_robot(base: str) -> None:
    """Its bumper is pressed, is told with odometry, and the gate sends zero before the wheels push on."""
    driven = Driven(base)
    driven.run(1.0)
    driven.gate.enable(True)
    driven.run(1.0)
    against_the_wall(driven)
    begun_s = driven.now_s
    driven.run(0.3 + PERIOD_S)
    assert driven.gate.to_send(driven.now_s) == STOP and driven.moved_s - begun_s <= 0.3 + PERIOD_S
    assert CONTACT in [reason.name for reason in driven.gate.reasons(driven.now_s)]
