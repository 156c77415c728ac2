# SPDX-License-Identifier: Apache-2.0
"""The gate in simulated time: nothing moves before `enable`; each condition stops it in time, and is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import pytest

from seal_perception.pose import planar_pose
from sim_bridge.robot_base.gate import (
    BATTERY,
    CLIFF,
    COMMAND,
    CONTACT,
    DOCKED,
    KIDNAPPED,
    NOT_ENABLED,
    ODOMETRY,
    OFFLINE,
    PICTURE,
    SIGNALS,
    WHEEL_DROP,
    Gate,
    GateConfig,
)
from sim_bridge.robot_base.limits import STOP, LimitsConfig, Speeds, clipped, slewed

PERIOD_S = 0.05
AHEAD: Speeds = (0.2, 0.1)


class Base:
    """A base that drives as it is told, with odometry and ticks at 20 Hz and pictures at 5 Hz."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.ticks, self.pose = gate, 0, planar_pose(0.0, 0.0, 0.0)
        self.wanted: Speeds = AHEAD
        self.ahead_m = self.later_s = 0.0
        self.told: list[tuple[float, Speeds]] = []

    @property
    def time_s(self) -> float:
        return self.ticks * PERIOD_S

    def run(self, seconds: float, without: Collection[str] = ()) -> list[Speeds]:
        """What the base is told meanwhile, while some inputs do not come."""
        begin = len(self.told)
        for _ in range(round(seconds / PERIOD_S)):
            self.ticks += 1
            forward, turn = self.told[-1][1] if self.told else STOP
            self.pose = self.pose @ planar_pose(forward * PERIOD_S, 0.0, turn * PERIOD_S)
            if ODOMETRY not in without:
                T = planar_pose(self.ahead_m, 0.0, 0.0) @ self.pose
                self.gate.see_odometry(round((500.0 + self.time_s + self.later_s) * 1e9), T, self.time_s)
            if PICTURE not in without and self.ticks % 4 == 1:
                self.gate.see_picture(self.time_s)
            if COMMAND not in without:
                self.gate.see_command(self.wanted, self.time_s)
            self.told.append((self.time_s, self.gate.to_send(self.time_s)))
        return [speeds for _, speeds in self.told[begin:]]

    def names(self) -> list[str]:
        return [reason.name for reason in self.gate.reasons(self.time_s)]


@pytest.fixture
def base() -> Base:
    """A base that drives."""
    made = Base(Gate())
    made.run(1.0)
    assert made.gate.enable(True) == ""
    assert made.run(2.0)[-1] == AHEAD
    return made


def test_nothing_moves_before_enable() -> None:
    base = Base(Gate())
    assert set(base.run(10.0)) == {STOP} and base.names() == [NOT_ENABLED]
    base.gate.enable(True)
    assert base.run(1.0)[-1] == AHEAD


@pytest.mark.parametrize("name", [COMMAND, ODOMETRY, PICTURE])
def test_enabled_without_one_of_its_inputs_it_stands(name: str) -> None:
    base = Base(Gate())
    base.gate.enable(True)
    assert set(base.run(5.0, without=[name])) == {STOP} and base.names() == [name]
    assert base.gate.reasons(base.time_s)[0].text == f"no {name} yet"


CONDITIONS: dict[str, tuple[Callable[[Base], None], Collection[str], float]] = {
    NOT_ENABLED: (lambda base: _nothing(base.gate.enable(False)), (), 0.0),
    COMMAND: (lambda base: None, (COMMAND,), 0.5),
    ODOMETRY: (lambda base: None, (ODOMETRY,), 0.3),
    PICTURE: (lambda base: None, (PICTURE,), 1.0),
    "odometry jumped": (lambda base: setattr(base, "ahead_m", 0.31), (), 0.0),
    "stamps went back": (lambda base: setattr(base, "later_s", -1.0), (), 0.0),
    **{
        name: (lambda base, name=name: base.gate.see_signal(name, True, base.time_s), (), 0.0)  # type: ignore[misc]
        for name in SIGNALS
    },
}


def _nothing(text: str) -> None:
    assert text == ""


@pytest.mark.parametrize("name", CONDITIONS)
def test_each_condition_stops_it_in_time_and_is_named(base: Base, name: str) -> None:
    """Within 0.3 s and a period after the input's own limit; it stays stopped while the condition holds."""
    cause, without, limit_s = CONDITIONS[name]
    begun = base.time_s
    cause(base)
    told = base.run(limit_s + 0.3 + PERIOD_S, without=without)
    assert told[-1] == STOP
    stopped = next(time for time, speeds in base.told if time > begun and speeds == STOP)
    assert stopped - begun <= limit_s + 0.3 + PERIOD_S
    assert name in base.names()
    if name != CONTACT:
        assert set(base.run(5.0, without=without)) == {STOP} and name in base.names()
        assert all(reason.text for reason in base.gate.reasons(base.time_s))


@pytest.mark.parametrize("name", [COMMAND, ODOMETRY, PICTURE])
def test_an_input_that_soon_comes_back_lets_it_go_on(base: Base, name: str) -> None:
    base.run(1.5, without=[name])
    assert base.run(1.0)[-1] == AHEAD


@pytest.mark.parametrize("name", [ODOMETRY, PICTURE])
def test_an_input_that_was_away_for_long_needs_a_person(base: Base, name: str) -> None:
    """A cable that is plugged in again, or a base's driver that starts anew and counts from zero, starts no wheel."""
    base.run(3.0, without=[name])
    assert set(base.run(5.0)) == {STOP} and base.names() == [f"{name} was away"]
    assert base.gate.enable(True) == ""
    assert base.run(1.0)[-1] == AHEAD


def test_a_base_that_counts_from_zero_after_a_while_is_not_believed(base: Base) -> None:
    base.run(1.0, without=[ODOMETRY])
    base.ahead_m = -1.0
    base.run(1.0)
    assert "odometry jumped" in base.names()


def test_what_is_wrong_with_the_topics_closes_it(base: Base) -> None:
    base.gate.see_graph(("nobody publishes /bumper",))
    assert set(base.run(1.0)) == {STOP} and base.names() == ["topics"]
    base.gate.see_graph(())
    assert base.run(1.0)[-1] == AHEAD


def test_after_a_stall_it_does_not_make_up_for_the_time() -> None:
    gate = Gate()
    gate.enable(True)
    for now_s in (0.0, 5.0):
        gate.see_odometry(round((9 + now_s) * 1e9), planar_pose(0.0, 0.0, 0.0), now_s)
        gate.see_picture(now_s)
        gate.see_command((0.2, 0.0), now_s)
        gate.enable(True)
        forward, _ = gate.to_send(now_s)
    assert forward == pytest.approx(0.1)


@pytest.mark.parametrize("name", [CLIFF, WHEEL_DROP, KIDNAPPED, BATTERY, DOCKED, OFFLINE])
def test_what_latches_needs_a_person(base: Base, name: str) -> None:
    base.gate.see_signal(name, True, base.time_s)
    base.run(1.0)
    assert "not enabled: " in base.gate.enable(True), "not while it holds"
    base.gate.see_signal(name, False, base.time_s)
    assert set(base.run(5.0)) == {STOP} and base.names() == [name], "it is over, and latched"
    assert base.gate.reasons(base.time_s)[0].latched
    assert base.gate.enable(True) == ""
    assert base.run(1.0)[-1] == AHEAD


@pytest.mark.parametrize(("ahead_m", "later_s"), [(0.31, 0.0), (0.0, -1.0)])
def test_odometry_that_cannot_be_believed_latches(base: Base, ahead_m: float, later_s: float) -> None:
    base.ahead_m, base.later_s = ahead_m, later_s
    assert set(base.run(3.0)[1:]) == {STOP}
    base.gate.enable(True)
    assert base.run(1.0)[-1] == AHEAD


def test_at_a_contact_it_stands_and_then_goes_back_or_turns_but_not_ahead(base: Base) -> None:
    base.gate.see_signal(CONTACT, True, base.time_s)
    assert set(base.run(0.45)) == {STOP}
    assert base.run(1.0)[-1] == (0.0, 0.1), "still pressed: the turn passes"
    base.wanted = (-0.1, 0.0)
    assert base.run(1.0)[-1] == (-0.1, 0.0)
    base.gate.see_signal(CONTACT, False, base.time_s)
    base.wanted = AHEAD
    assert base.run(1.0)[-1] == AHEAD


def test_a_bumper_that_is_told_of_again_and_again_is_one_contact(base: Base) -> None:
    for _ in range(40):
        base.gate.see_signal(CONTACT, True, base.time_s)
        base.run(PERIOD_S)
    assert base.told[-1][1] == (0.0, 0.1)


def test_a_command_that_is_no_number_is_none(base: Base) -> None:
    base.wanted = (math.nan, 0.0)
    assert base.run(0.1)[0] == STOP and base.names() == [COMMAND]
    base.wanted = AHEAD
    assert base.run(1.0)[-1] == AHEAD


def test_a_safety_sensor_that_falls_silent_stops_it() -> None:
    base = Base(Gate(sensor_s={CLIFF: 0.5}))
    base.gate.enable(True)
    assert set(base.run(1.0)) == {STOP} and base.names() == [CLIFF]
    for _ in range(20):
        base.gate.see_signal(CLIFF, False, base.time_s)
        base.run(0.1)
    assert base.told[-1][1] == AHEAD
    base.run(0.5 + 0.3 + PERIOD_S)
    assert base.told[-1][1] == STOP
    text = base.gate.reasons(base.time_s)[0].text
    assert text.startswith("no cliff for ") and text.endswith("the base does not tell whether it is safe")


def test_speeds_rise_slowly_and_fall_at_once() -> None:
    gate = Gate(GateConfig(), LimitsConfig(max_forward_mps=0.25, forward_mps2=0.5, turn_radps2=2.0))
    base = Base(gate)
    base.wanted = (9.0, 0.0)
    gate.enable(True)
    told = [forward for forward, _ in base.run(1.0)]
    assert max(b - a for a, b in zip(told, told[1:], strict=False)) <= 0.5 * PERIOD_S + 1e-9 and told[-1] == 0.25
    base.wanted = (-9.0, 0.0)
    back = [forward for forward, _ in base.run(1.0)]
    assert back[0] <= 0.0 and back[-1] == -0.12
    base.wanted = STOP
    assert base.run(PERIOD_S) == [STOP]


def test_no_wheel_is_faster_than_it_can_be() -> None:
    """Create 3: at 0.3 m/s next to no turn is left; both are scaled, so the arc stays."""
    limits = LimitsConfig(max_forward_mps=0.3, max_turn_radps=1.5, max_wheel_mps=0.306, wheel_distance_m=0.233)
    forward, turn = clipped((0.3, 1.0), limits)
    assert abs(forward) + abs(turn) * 0.1165 == pytest.approx(0.306) and turn / forward == pytest.approx(1.0 / 0.3)
    assert clipped((0.3, 0.0), limits) == (0.3, 0.0)
    forward, turn = clipped((0.1, 1.0), LimitsConfig(max_turn_radps=0.8))
    assert (forward, turn) == pytest.approx((0.08, 0.8)), "the arc that the planner checked"
    forward, turn = clipped((1.0, 0.4), LimitsConfig(max_forward_mps=0.25, max_wheel_mps=0.0))
    assert (forward, turn) == pytest.approx((0.25, 0.1))
    assert clipped((-0.3, 0.5), LimitsConfig(max_back_mps=0.0, max_wheel_mps=0.0)) == (0.0, 0.5)
    assert clipped((-0.3, 0.0), LimitsConfig(max_back_mps=0.0)) == (0.0, 0.0), "a base that refuses to go back"
    assert slewed((0.2, 0.0), (-0.2, 0.0), 0.1, LimitsConfig(forward_mps2=0.5))[0] == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LimitsConfig(max_forward_mps=0.0), "max_forward_mps must be a positive number, got 0.0"),
        (lambda: LimitsConfig(turn_radps2=math.inf), "turn_radps2 must be a positive number"),
        (lambda: LimitsConfig(wheel_distance_m=0.0), "max_wheel_mps needs the wheel_distance_m"),
        (lambda: GateConfig(command_s=0.0), "command_s must be a positive number, got 0.0"),
        (lambda: GateConfig(odometry_s=math.inf), "odometry_s must be a positive number, got inf"),
        (lambda: GateConfig(jump_m=0.0), "jump_m must be a positive number, got 0.0"),
        (lambda: GateConfig(picture_s=math.inf), "picture_s and contact_s must be numbers"),
        (lambda: LimitsConfig(max_back_mps=math.inf), "max_back_mps must be a number, got inf"),
        (lambda: Gate().see_signal("bump", True, 0.0), "a signal must be one of contact, cliff, .*, got 'bump'"),
    ],
)
def test_wrong_numbers_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
