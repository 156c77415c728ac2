# SPDX-License-Identifier: Apache-2.0
"""Paced mode's clock, watchdog and contacts, on a world that only writes down what it is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.sim.rooms import FAST, room

from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.robot.paced_robot import PacedConfig, PacedRobot


class _Notes:
    """A drivable world that touches something on the ticks it is told."""

    T_odom_base = np.eye(4)

    def __init__(self, touching: set[int] | None = None) -> None:
        self.driven: list[tuple[float, float, float]] = []
        self._touching = touching or set()

    def drive(self, forward_mps: float, turn_radps: float, seconds: float) -> bool:
        self.driven.append((forward_mps, turn_radps, seconds))
        return len(self.driven) - 1 in self._touching

    def observe(self) -> None:
        raise AssertionError("not asked for a picture")


def test_a_command_holds_until_the_next_one_or_until_it_is_too_old() -> None:
    world = _Notes()
    robot = PacedRobot(world, PacedConfig(physics_hz=50, camera_hz=5, command_timeout_s=0.5))  # type: ignore[arg-type]
    robot.tick()
    robot.command(0.2, 0.5)
    for _ in range(10):
        robot.tick()
    robot.command(0.1, 0.0)
    for _ in range(30):
        robot.tick()
    speeds = [(v, w) for v, w, _ in world.driven]
    assert speeds == [(0.0, 0.0)] + [(0.2, 0.5)] * 10 + [(0.1, 0.0)] * 25 + [(0.0, 0.0)] * 5
    assert {dt for _, _, dt in world.driven} == {0.02} and robot.idle


def test_stamps_and_pictures_follow_the_ticks() -> None:
    config = PacedConfig(physics_hz=30, camera_hz=10)
    robot = PacedRobot(_Notes(), config)  # type: ignore[arg-type]
    stamps, pictures = [], []
    for _ in range(31):
        stamps.append(robot.stamp_ns)
        pictures.append(robot.picture_due)
        robot.tick()
    assert stamps[0] == 1_000_000_000 and stamps[30] == 2_000_000_000 and len(set(stamps)) == 31
    assert [k for k, due in enumerate(pictures) if due] == list(range(0, 31, 3))
    assert sum(pictures) == 11


def test_touching_on_and_on_is_one_contact() -> None:
    robot = PacedRobot(_Notes({3, 4, 5, 9}))  # type: ignore[arg-type]
    assert [k for k in range(12) if robot.tick()] == [3, 9]
    assert robot.contacts == 2 and not robot.touching


def test_commands_are_clipped_and_must_be_numbers() -> None:
    robot = PacedRobot(_Notes())  # type: ignore[arg-type]
    assert robot.command(2.0, -9.0) == (0.306, -1.5)
    with pytest.raises(ValueError, match="speeds must be numbers, got nan m/s"):
        robot.command(math.nan, 0.0)


def test_a_real_room_is_driven_and_the_wall_is_one_contact() -> None:
    world = EmbeddedSimulator(room(), FAST)
    world.reset()
    robot = PacedRobot(world)
    for k in range(600):
        if k % 5 == 0:
            robot.command(0.3, 0.0)
        robot.tick()
    assert robot.contacts == 1 and robot.touching and robot.time_s == 12.0
    assert world.T_odom_base[0, 3] == pytest.approx(2.0 - 0.18, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"camera_hz": 7}, "a multiple of camera_hz"),
        ({"physics_hz": 5}, "physics_hz must be 10..1000"),
        ({"command_timeout_s": 0.009}, "a tick or more, or the robot never moves; got 0.009 s at 50 Hz"),
        ({"command_timeout_s": math.inf}, "a tick or more, or the robot never moves; got inf s"),
        ({"command_timeout_s": 0.0}, "command_timeout_s, max_forward_mps and max_turn_radps must be positive"),
    ],
)
def test_wrong_rates_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PacedConfig(**changes)  # type: ignore[arg-type]
