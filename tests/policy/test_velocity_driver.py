# SPDX-License-Identifier: Apache-2.0
"""The driver in a toy world: it arrives without touching, stops when it is blind, backs off, looks around."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from tests.policy.driven_toy import DrivenToy, run
from tests.policy.toy import room, whole

from seal_perception.camera import Camera
from seal_perception.grid import Grid2D
from seal_perception.pose import camera_mounting, planar_pose, pose_yaw
from seal_perception.simulator import LaserScan
from seal_policy.driving.velocity import Velocity
from seal_policy.driving.velocity_driver import STOP, VelocityDriver, VelocityDriverConfig, warm_up


def _two_rooms() -> np.ndarray:
    blocked = room(8, 4)
    blocked[78:82] = True
    blocked[78:82, 30:46] = False  # a door of 0.8 m
    return blocked


def test_it_drives_through_a_door_and_touches_nothing() -> None:
    world = DrivenToy(_two_rooms(), 1.0, 3.0, math.pi)
    assert run(world, VelocityDriver(), (7.0, 1.0), 60.0) == 0


def test_it_explores_unknown_floor_among_pillars() -> None:
    blocked = room(7, 5)
    rng = np.random.default_rng(4)
    for i, j in rng.integers([40, 10], [110, 90], size=(14, 2)):
        blocked[i : i + 3, j : j + 3] = True
    world = DrivenToy(blocked, 1.0, 2.5)
    assert run(world, VelocityDriver(), (6.0, 2.5), 90.0) == 0


def test_the_same_world_gives_the_same_way() -> None:
    ends = []
    for _ in range(2):
        world = DrivenToy(_two_rooms(), 1.0, 1.0)
        run(world, VelocityDriver(), (6.0, 3.0), 60.0)
        ends.append(world.T)
    np.testing.assert_array_equal(ends[0], ends[1])


def test_a_map_that_has_drifted_does_not_make_it_touch_anything() -> None:
    """The map says that the door is 40 cm further; the laser knows better."""
    world = DrivenToy(_two_rooms(), 1.0, 2.0)
    driver = VelocityDriver()
    shifted = np.zeros_like(world.blocked)
    shifted[:, 8:] = world.blocked[:, :-8]
    shifted[:, :8] = True
    contacts = 0
    for k in range(200):
        if k % 2 == 0:
            driver.see_scan(k / 10, world.scan(), world.T)
            driver.see_map(*whole(shifted))
        contacts += world.drive(driver.steer(k / 10, world.T, (7.0, 2.0)), 0.1)
    assert contacts == 0 and 1.5 < world.T[0, 3] < 3.9 - 0.18


def test_before_a_goal_it_looks_around_to_the_left() -> None:
    driver = VelocityDriver()
    world = DrivenToy(room(4, 4), 2.0, 2.0)
    driver.see_scan(0.0, world.scan(), world.T)
    for k in range(5):
        speed = driver.steer(k / 10, world.T, None)
    assert (speed.forward_mps, speed.turn_radps) == (0.0, 0.8)


@pytest.mark.parametrize("heading", [2.0, -3.0])
def test_without_a_goal_it_turns_to_a_heading_and_stands_and_that_is_no_stall(heading: float) -> None:
    driver, world = VelocityDriver(), DrivenToy(room(4, 4), 2.0, 2.0, 0.5)
    shortest = math.atan2(math.sin(heading - 0.5), math.cos(heading - 0.5))
    for k in range(600):
        if k % 2 == 0:
            driver.see_scan(k / 10, world.scan(), world.T)
            driver.see_map(*whole(world.blocked))
        speed = driver.steer(k / 10, world.T, None, heading)
        assert speed.forward_mps == 0.0 and (k != 5 or speed.turn_radps * shortest > 0)
        world.drive(speed, 0.1)
    off = pose_yaw(world.T) - heading
    assert speed == STOP and abs(math.atan2(math.sin(off), math.cos(off))) < 0.15
    stalls = driver.stalls
    for k in range(600, 640):
        driver.see_scan(k / 10, world.scan(), world.T)
        world.drive(driver.steer(k / 10, world.T, (3.0, 3.0)), 0.1)
    assert driver.stalls == stalls and math.dist(world.T[:2, 3], (2.0, 2.0)) > 0.3


def test_it_stands_when_nothing_has_been_seen_for_a_while() -> None:
    driver, world = VelocityDriver(), DrivenToy(room(6, 4), 1.0, 2.0)
    assert driver.steer(0.0, world.T, (5.0, 2.0)) == STOP, "nothing was seen yet"
    driver.see_scan(0.1, world.scan(), world.T)
    driver.see_map(*whole(world.blocked))
    assert driver.steer(0.2, world.T, (5.0, 2.0)).forward_mps > 0
    assert driver.steer(1.05, world.T, (5.0, 2.0)).forward_mps > 0
    assert driver.steer(1.15, world.T, (5.0, 2.0)) == STOP


@pytest.mark.parametrize("late", [0, 2, 4])
def test_pictures_that_come_late_do_not_make_it_forget(late: int) -> None:
    """A wall to the left is seen at the start; then 3 m ahead, over floor alone. Memory lasts for 5 m."""
    driver, camera = VelocityDriver(), Camera(8, 6, 4.0, 4.0, 3.5, 2.5)
    wall = LaserScan(np.full(40, 1.0, np.float32), 1.4, 0.01, 0.05, 6.0, planar_pose(0.0, 0.0, 0.0, 0.2))
    nothing = np.zeros((6, 8), np.float32)
    way = [planar_pose(0.03 * k, 0.0, 0.0) for k in range(101)]
    driver.see_scan(0.0, wall, way[0])
    for k, pose in enumerate(way):
        if k % 2 == 0 and k >= late:
            driver.see_depth((k - late) / 10, nothing, camera, way[k - late], camera_mounting(0.88))
        driver.steer(k / 10, pose, None)
    assert driver.rolling_grid.obstacles().value_at([0.0, 1.0], False)


def test_after_a_contact_it_backs_off_turns_and_remembers(caplog: pytest.LogCaptureFixture) -> None:
    driver, world = VelocityDriver(), DrivenToy(room(6, 4), 2.0, 2.0)
    glass = Grid2D(np.zeros_like(world.blocked), np.zeros(2), 0.05)
    known = Grid2D(np.ones_like(world.blocked), np.zeros(2), 0.05)
    way = []
    with caplog.at_level(logging.DEBUG, logger="seal_policy"):
        for k in range(60):
            driver.see_scan(k / 10, world.scan(), world.T)
            driver.see_map(glass, known)
            if k == 5:
                driver.see_contact()
            way.append(driver.steer(k / 10, world.T, (5.0, 2.0)))
            world.drive(way[-1], 0.1)
    assert "contact at (2." in caplog.text
    back = [k for k, speed in enumerate(way) if speed.forward_mps < 0]
    # 0.2 m at 0.12 m/s = 1.7 s, then 0.8 rad at 0.8 rad/s = 1 s.
    assert back[0] == 5 and 15 <= len(back) <= 17
    assert all(abs(way[k].turn_radps) > 0.3 for k in range(back[-1] + 1, back[-1] + 10))
    assert min(math.dist(p, (2.34, 2.0)) for p in driver.path) > 0.2, "the new way leads around the place"


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_base_that_cannot_go_back_turns_away_from_what_it_touched(side: float) -> None:
    """A Create 3 on an arc touches things on the arc's inner side. It turned 46 degrees, to the left, and went on."""
    driver, world = VelocityDriver(VelocityDriverConfig(back_m=0.0)), DrivenToy(room(6, 4), 3.0, 2.0)
    driver.see_scan(0.0, world.scan(), world.T)
    driver.see_map(*whole(world.blocked))
    driver._last = Velocity(0.25, 0.5 * side)
    driver.see_contact()
    touched, turned = None, 0.0
    for k in range(1, 40):
        driver.see_scan(k / 10, world.scan(), world.T)
        speed = driver.steer(k / 10, world.T, (5.0, 2.0 + 0.2 * side))
        touched = touched or driver._touches[0][1]
        before = math.dist(world.T[:2, 3], touched)
        if turned < 1.25:
            assert speed.forward_mps == 0.0 and speed.turn_radps * side <= 0.0
        turned += abs(speed.turn_radps) * 0.1
        world.drive(speed, 0.1)
        assert math.dist(world.T[:2, 3], touched) > before - 1e-3
    assert touched is not None and (touched[1] - 2.0) * side > 0.1
    assert math.dist(world.T[:2, 3], (3.0, 2.0)) > 0.1, "it drives on"


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_what_it_touched_straight_ahead_leaves_the_side_to_the_room(side: float) -> None:
    """A wall 0.4 m to one side: it turns to the other one."""
    blocked = room(6, 4)
    driver, world = VelocityDriver(), DrivenToy(blocked, 3.0, 2.0 + side * (2.0 - 0.4))
    driver.see_scan(0.0, world.scan(), world.T)
    driver.see_map(*whole(blocked))
    driver._last = Velocity(0.25, 0.0)
    driver.see_contact()
    driver.steer(0.1, world.T, (5.0, 2.0))
    turns = [velocity.turn_radps for velocity, _ in driver._manoeuvre if velocity.turn_radps]
    assert len(turns) == 1 and turns[0] * side < 0


def test_for_a_while_it_goes_no_nearer_to_what_it_touched() -> None:
    driver, world = VelocityDriver(VelocityDriverConfig(touch_s=5.0)), DrivenToy(room(6, 4), 2.0, 2.0)
    driver.see_scan(0.0, world.scan(), world.T)
    driver.see_map(*whole(world.blocked))
    driver.steer(0.0, world.T, (5.0, 2.0))
    driver.see_contact()
    driver.steer(0.1, world.T, (5.0, 2.0))
    nearby, at = driver._near(), driver._touches[0][1]
    assert math.dist(at, (2.0, 2.0)) == pytest.approx(0.18 + 0.025)
    assert nearby.grid.cells[tuple(nearby.grid.world_to_cell(at))] < 0.04
    driver.see_scan(6.0, world.scan(), world.T)
    driver.steer(6.0, world.T, (5.0, 2.0))
    nearby = driver._near()
    assert nearby.grid.cells[tuple(nearby.grid.world_to_cell(at))] > 1.0


def test_a_wall_behind_shortens_the_way_back() -> None:
    blocked = room(4, 4)
    driver, world = VelocityDriver(), DrivenToy(blocked, 0.4, 2.0)  # 0.14 m behind it are free of the radius and 3 cm
    contacts, way, xs = 0, [], []
    for k in range(40):
        driver.see_scan(k / 10, world.scan(), world.T)
        driver.see_map(*whole(blocked))
        if k == 2:
            driver.see_contact()
        way.append(driver.steer(k / 10, world.T, (3.0, 2.0)))
        xs.append(world.T[0, 3])
        contacts += world.drive(way[-1], 0.1)
    back = [k for k, speed in enumerate(way) if speed.forward_mps < 0]
    assert contacts == 0 and back[0] == 2
    assert 0.05 < xs[2] - min(xs) < 0.16, "in the open it is 0.2 m"
    assert 6 <= len(back) <= 13 and back == list(range(2, 2 + len(back)))
    assert all(abs(way[k].turn_radps) > 0.3 for k in range(back[-1] + 1, back[-1] + 9))


def test_at_the_goal_it_looks_around() -> None:
    driver, world = VelocityDriver(), DrivenToy(room(6, 4), 3.0, 2.0)
    turned = 0.0
    for k in range(50):
        driver.see_scan(k / 10, world.scan(), world.T)
        driver.see_map(*whole(world.blocked))
        before = pose_yaw(world.T)
        world.drive(driver.steer(k / 10, world.T, (3.05, 2.0)), 0.1)
        turn = pose_yaw(world.T) - before
        turned += abs(math.atan2(math.sin(turn), math.cos(turn)))
    assert turned > 3.0 and math.dist(world.T[:2, 3], (3.0, 2.0)) < 0.3
    assert driver.stalls == 0


def test_no_way_to_the_goal_is_no_stall_and_no_contact() -> None:
    """The map does not know the wall, the laser does: the robot looks around at the nearest place to the goal."""
    blocked = room(6, 4)
    blocked[60:64] = True
    driver, world = VelocityDriver(VelocityDriverConfig(stall_s=3.0)), DrivenToy(blocked, 1.0, 2.0)
    unseen = blocked.copy()
    unseen[60:64] = False
    contacts = 0
    for k in range(200):
        if k % 2 == 0:
            driver.see_scan(k / 10, world.scan(), world.T)
            driver.see_map(*whole(unseen))
        contacts += world.drive(driver.steer(k / 10, world.T, (5.0, 2.0)), 0.1)
    assert contacts == 0 and driver.stalls == 0 and 2.4 < world.T[0, 3] < 3.0 - 0.18


def test_wheels_that_slip_are_a_stall_it_goes_back_turns_and_plans_anew() -> None:
    driver, world = VelocityDriver(VelocityDriverConfig(stall_s=3.0)), DrivenToy(room(6, 4), 2.0, 2.0)
    way, replans = [], []
    for k in range(75):
        driver.see_scan(k / 10, world.scan(), world.T)
        driver.see_map(*whole(world.blocked))
        way.append(driver.steer(k / 10, world.T, (5.0, 2.0)))  # and the robot stays where it is
        replans.append(driver.replans)
    assert all(speed.forward_mps > 0 for speed in way[1:31])
    # After 3 s: 0.2 m back at 0.12 m/s = 1.7 s, 0.8 rad at 0.8 rad/s = 1 s, and ahead again.
    assert way[31].forward_mps < 0 and [speed.forward_mps for speed in way[32:47]] == [-0.12] * 15
    turn = way[49:56]
    assert all(speed.forward_mps == 0 and abs(speed.turn_radps) > 0.3 for speed in turn)
    assert all(speed.forward_mps > 0 for speed in way[60:]) and replans[60] > replans[31]
    assert driver.stalls == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"touch_s": math.inf}, "touch_s must be"),
        ({"replan_s": 0.0}, "replan_s must be positive, got 0.0"),
        ({"back_m": -1.0}, "back_m, back_turn_rad, away_turn_rad and"),
    ],
)
def test_wrong_numbers_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VelocityDriverConfig(**changes)  # type: ignore[arg-type]


def test_warming_up_leaves_nothing_behind() -> None:
    out = []
    for _ in range(2):
        driver, world = VelocityDriver(), DrivenToy(room(4, 4), 2.0, 2.0)
        driver.see_scan(0.0, world.scan(), world.T)
        driver.see_map(*whole(world.blocked))
        out.append(driver.steer(0.1, world.T, (3.0, 3.0)))
        warm_up()
    assert out[0] == out[1] != STOP


def test_a_pose_in_a_message_steers_alike() -> None:
    """Rounded poses: noise of 1e-9 in the pose changes nothing."""
    out = []
    for noise in (0.0, 1e-9):
        driver, world = VelocityDriver(), DrivenToy(_two_rooms(), 1.0, 3.0)
        driver.see_scan(0.0, world.scan(), world.T)
        driver.see_map(*whole(world.blocked))
        out.append(driver.steer(0.1, planar_pose(1.0 + noise, 3.0, 0.0), (7.0, 1.0)))
    assert out[0] == out[1]
