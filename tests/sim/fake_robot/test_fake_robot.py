# SPDX-License-Identifier: Apache-2.0
"""The fake robot's habits, in simulated time and a corridor of 2 m: stamps, delays, watchdog, bumper, backup limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from seal_bringup.stack.config import shared_folder
from seal_perception.errors import InputError
from seal_perception.pose import planar_pose
from seal_perception.simulator import Observation
from seal_perception.types import FloatArray
from sim_bridge.fake_robot.base import BACKUP_LIMIT, BASES, BUMP, CLIFF, WHEEL_DROP
from sim_bridge.fake_robot.faces import FACES, camera_topics, split_channel, stand_in_signals
from sim_bridge.fake_robot.robot import NS, FakeRobot, FakeRobotConfig, Sent

WALL_M = 2.0
BEGIN_NS = 1_700_000_000 * NS


class Corridor:
    """A robot that drives along x and turns on the spot; a wall stands 2 m ahead."""

    def __init__(self) -> None:
        self.x = self.yaw = 0.0
        self.looks = 0

    @property
    def T_odom_base(self) -> FloatArray:
        return planar_pose(self.x, 0.0, self.yaw)

    def drive(self, forward_mps: float, turn_radps: float, seconds: float) -> bool:
        if self.x + forward_mps * seconds > WALL_M:
            return True
        self.x += forward_mps * seconds
        self.yaw += turn_radps * seconds
        return False

    def observe(self) -> Observation:
        self.looks += 1
        return Observation(
            self.looks, np.zeros((2, 2, 3), np.uint8), np.ones((2, 2), np.float32), self.T_odom_base, False
        )


def made(**changes: object) -> tuple[FakeRobot, Corridor]:
    world = Corridor()
    return FakeRobot(world, FakeRobotConfig(**changes), BEGIN_NS), world  # type: ignore[arg-type]


def run(robot: FakeRobot, seconds: float) -> list[Sent]:
    end_ns, sent = robot.stamp_ns + round(seconds * NS), list[Sent]()
    while robot.stamp_ns < end_ns:
        sent += robot.advance(min(robot.stamp_ns + NS // 10, end_ns) - 1)
    return sent


@pytest.mark.parametrize(("base", "hz"), [("kobuki", 50), ("create3", 20)])
def test_no_picture_has_a_stamp_of_odometry_and_its_pose_is_true(base: str, hz: int) -> None:
    robot, _ = made(base=base, no_picture=0.0)
    sent: list[Sent] = []
    for _ in range(5):
        robot.command(0.2, 0.1)  # again and again, or a Create 3 stops by itself
        sent += run(robot, 0.2)
    odometry = [s for s in sent if s.picture is None]
    pictures = [s for s in sent if s.picture is not None]
    assert len(odometry) == hz and abs(len(pictures) - 30) <= 1
    off = [min(abs(p.stamp_ns - o.stamp_ns) for o in odometry) for p in pictures]
    assert min(off) >= 5_000_000
    for p in pictures:
        seconds = (p.stamp_ns - BEGIN_NS) / NS
        assert p.picture is not None
        np.testing.assert_allclose(p.picture.T_odom_base, planar_pose(0.2 * seconds, 0, 0.1 * seconds), atol=1e-9)


def test_pictures_come_late_and_some_are_lost() -> None:
    robot, _ = made(no_picture=0.2, no_depth=0.2)
    pictures = [s for s in run(robot, 20.0) if s.picture is not None]
    ages = [(s.due_ns - s.stamp_ns) / NS for s in pictures]
    assert 0.02 <= min(ages) < 0.03 and 0.05 < max(ages) <= 0.06
    assert 430 < len(pictures) < 530 and 0.12 < np.mean([not s.depth for s in pictures]) < 0.28
    again = [s for s in run(made(no_picture=0.2, no_depth=0.2)[0], 20.0) if s.picture is not None]
    assert [s.due_ns for s in again] == [s.due_ns for s in pictures]


@pytest.mark.parametrize(("base", "watchdog_s"), [("kobuki", 2.0), ("create3", 0.5)])
def test_it_stops_by_itself_only_after_its_watchdogs_time(base: str, watchdog_s: float) -> None:
    robot, world = made(base=base)
    run(robot, 1.0)
    assert world.x == 0.0 and robot.standing
    robot.command(0.2, 0.0)
    run(robot, watchdog_s)
    assert world.x == pytest.approx(0.2 * watchdog_s)
    run(robot, 1.0)
    assert world.x == pytest.approx(0.2 * watchdog_s) and robot.standing


@pytest.mark.parametrize(("base", "fastest_mps"), [("kobuki", 0.7), ("create3", 0.306)])
def test_it_drives_no_faster_than_its_base(base: str, fastest_mps: float) -> None:
    robot, world = made(base=base)
    robot.command(5.0, 0.0)
    run(robot, 0.4)
    assert world.x == pytest.approx(0.4 * fastest_mps)


def test_a_bumper_stays_pressed_until_the_robot_goes_back() -> None:
    robot, world = made()
    world.x = 1.9
    robot.command(0.3, 0.0)
    told = [s.state for s in run(robot, 1.0) if s.state is not None]
    assert told[0].bumper == 0 and told[-1].bumper == 2 and BUMP in told[-1].hazards and robot.contacts == 1
    robot.command(0.0, 0.0)
    assert all(s.state.bumper == 2 for s in run(robot, 0.5) if s.state is not None), "it still leans on the wall"
    robot.command(-0.1, 0.0)
    told = [s.state for s in run(robot, 0.5) if s.state is not None]
    assert told[0].bumper == 2 and told[-1].bumper == 0


def test_a_create_3_drives_back_no_farther_than_it_drove_ahead() -> None:
    robot, world = made(base="create3")
    robot.command(-0.2, 0.0)
    told = [s.state for s in run(robot, 0.4) if s.state is not None]
    assert world.x == 0.0 and told[-1].hazards == (BACKUP_LIMIT,)
    robot.command(0.2, 0.0)
    run(robot, 0.4)
    robot.command(-0.2, 0.5)
    told = [s.state for s in run(robot, 0.4) if s.state is not None]
    assert world.x == pytest.approx(0.0, abs=2e-3) and told[0].hazards == () and world.yaw > 0.15
    kobuki, free = made()
    kobuki.command(-0.2, 0.0)
    run(kobuki, 0.4)
    assert free.x == pytest.approx(-0.08)


def test_cliff_and_wheel_drop_are_told_as_both_bases_do() -> None:
    robot, _ = made()
    robot.base.cliff = robot.base.wheel_drop = True
    state = robot.base.state
    assert (state.cliff, state.wheel_drop, state.hazards) == (2, 3, (CLIFF, WHEEL_DROP))


def test_a_machine_that_is_too_slow_leaves_time_out() -> None:
    robot, world = made()
    robot.command(0.2, 0.0)
    run(robot, 0.1)
    assert list(robot.advance(robot.stamp_ns + 5 * NS)) and world.x < 0.03 and robot.left_out_s == pytest.approx(5.0)


@pytest.mark.parametrize("base", list(BASES))
def test_a_face_has_the_topics_of_the_robots_file(base: str) -> None:
    """The bridge's file and the fake robot's face were written from the same sources: they must fit."""
    values = parameters(base)
    face = FACES[base]
    names = (face.velocity, face.odometry, face.odom_frame, face.base_frame)
    keys = ("velocity_topic", "odometry_topic", "odom_frame", "base_frame")
    assert names == tuple(values["base"][key] for key in keys)
    assert values["base"]["picture_topic"].replace("{robot}", "x") == camera_topics("4.54", "x").info
    known = {(c.topic, c.type, field) for c in face.channels for field in c.fields}
    signals = {n: v for n, v in values.items() if isinstance(v, dict) and v.get("topic")}
    assert {(s["topic"], s["type"], s["field"]) for s in signals.values()} <= known and len(signals) >= 5


def parameters(base: str) -> dict[str, dict[str, str]]:
    path: Path = shared_folder("config") / "robots" / f"locobot_{base}.yaml"
    values: dict[str, dict[str, str]] = yaml.safe_load(path.read_text())["/**/robot_bridge"]["ros__parameters"]
    return values


def test_fields_of_messages_that_are_not_installed_come_one_by_one() -> None:
    signals = {n: v for n, v in parameters("create3").items() if isinstance(v, dict) and v.get("topic")}
    found = stand_in_signals(signals, "create3", lambda kind: kind.startswith("sensor_msgs"))
    assert found["contact.topic"] == found["cliff.topic"] == "/{robot}/mobile_base/hazard_detection/type"
    assert (found["contact.type"], found["contact.field"]) == ("std_msgs/msg/UInt8MultiArray", "data[]")
    assert found["docked.type"] == "std_msgs/msg/Bool" and "battery.topic" not in found
    assert stand_in_signals(signals, "create3", lambda kind: True) == {}
    sent = {row.topic for channel in FACES["create3"].channels[:1] for row in split_channel(channel)}
    assert sent == {"/{robot}/mobile_base/hazard_detection/type"}


def test_both_generations_of_the_cameras_driver() -> None:
    assert camera_topics("4.54", "rn").depth == "/rn/camera/aligned_depth_to_color/image_raw"
    assert camera_topics("4.55", "rn").colour == "/rn/camera/camera/color/image_raw"
    with pytest.raises(InputError, match=r"must be 4.54 or 4.55, got '4'"):
        camera_topics("4", "rn")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base": "roomba"}, "kobuki or create3"),
        ({"camera_delay_s": (0.1, 0.0)}, "two rising"),
        ({"camera_hz": 0.0}, "camera_hz"),
    ],
)
def test_wrong_settings_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FakeRobotConfig(**changes)  # type: ignore[arg-type]


def test_scraping_along_a_wall_is_one_contact() -> None:
    """At 200 ticks a second, wheels that err leave a wall and touch it again within one bump."""
    robot, world = made()
    world.x = 1.9
    for speeds in ((0.3, 0.0), (0.0, 0.1), (0.3, 0.0), (-0.1, 0.0), (0.3, 0.0)):
        robot.command(*speeds)
        run(robot, 0.1)
    robot.command(0.3, 0.0)
    run(robot, 0.5)
    assert robot.contacts == 1
    robot.command(-0.1, 0.0)
    run(robot, 0.5)
    robot.command(0.3, 0.0)
    run(robot, 0.5)
    assert robot.contacts == 2
