# SPDX-License-Identifier: Apache-2.0
"""Places hardly wider than the robot: 30 degrees and 0.25 m do not fit everywhere that the field leads through."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.policy.toy import CELL, FlatWorld, room, whole

from seal_perception.pose import planar_pose
from seal_perception.simulator import Action
from seal_policy.driving.step_driver import StepDriver, StepDriverConfig
from seal_policy.planning import tight_passage
from seal_policy.planning.motion import action_target, planar
from seal_policy.planning.planner import Planner

GOAL = (5.4, 1.5)


def two_rooms(gap_cells: int, low: int = 24) -> np.ndarray:
    """Two rooms of 2.4 x 3 m joined by a passage 1 m long and `gap_cells` of 5 cm wide."""
    blocked = room(6.0, 3.0)
    blocked[50:70, :] = True
    blocked[50:70, low : low + gap_cells] = False
    return blocked


def drive(world: FlatWorld, driver: StepDriver, steps: int) -> tuple[int, int]:
    """Steps until the goal (or all of them), and contacts."""
    contacts = 0
    for step in range(steps):
        if math.dist(world.T[:2, 3], GOAL) < 0.3:
            return step, contacts
        world.step(driver.act(*world.grids(), world.T, GOAL))
        contacts += world.collided
    return steps, contacts


SHIFTS = [0.0, 0.02, 0.06, 0.08, 0.12, 0.2]


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_passage_hardly_wider_than_the_robot_is_passed_from_anywhere(shift: float) -> None:
    """0.5 m for a robot of 0.36 m that keeps 5 cm free: its centre has 9 cm to be in."""
    world = FlatWorld(two_rooms(10), 1.0, 1.3 + shift, yaw=0.3)
    world.known[:] = True
    steps, contacts = drive(world, StepDriver(), 60)
    assert steps < 40 and contacts == 0


def test_without_manoeuvres_it_would_be_stuck_there() -> None:
    """What the search is for: switched off, the same passage is not passed from most starts."""
    taken = []
    for shift in SHIFTS[:3]:
        world = FlatWorld(two_rooms(10), 1.0, 1.3 + shift, yaw=0.3)
        world.known[:] = True
        taken.append(drive(world, StepDriver(StepDriverConfig(detour_steps=math.inf)), 60)[0])
    assert taken == [60, 60, 60]


def test_a_manoeuvre_does_what_it_promises() -> None:
    """Its steps keep clear of everything and end nearer to the goal; the straight case is known by hand."""
    obstacles, explored = whole(two_rooms(10))
    planner = Planner()
    for y in (1.31, 1.4, 1.52):
        pose = (2.0, y, 0.2)
        plan = planner.plan(obstacles, explored, planar_pose(*pose), GOAL)
        terrain = planner.terrain(obstacles, explored, [pose[:2], GOAL])
        found = tight_passage.search(terrain, plan.field, pose, planner.config.grow_m)
        assert found is not None
        T = planar_pose(*pose)
        for action in found:
            T = T @ action_target(action)
            assert terrain.clearance_at(planar(T)[:2]) > 0.18
        assert plan.field.at(planar(T)[:2]) < plan.field.at(pose[:2]) - 0.8
    free, known = whole(room(6.0, 3.0))
    plan = planner.plan(free, known, planar_pose(1.0, 1.5, 0.0), GOAL)
    terrain = planner.terrain(free, known, [(1.0, 1.5), GOAL])
    assert tight_passage.search(terrain, plan.field, (1.0, 1.5, 0.0), 0.23) == [Action.FORWARD] * 5


def test_where_nothing_fits_there_is_no_manoeuvre() -> None:
    obstacles, explored = whole(two_rooms(10))
    planner = Planner()
    plan = planner.plan(obstacles, explored, planar_pose(2.0, 1.5, 0.0), GOAL)
    terrain = planner.terrain(obstacles, explored, [(2.0, 1.5), GOAL])
    assert tight_passage.search(terrain, plan.field, (2.0, 1.5, 0.0), 0.35) is None


def test_a_way_that_cannot_be_driven_is_given_up_for_another() -> None:
    """A glass wall closes the short way for good; the long way round is open."""
    blocked = room(6.0, 6.0)
    blocked[58:62, :100] = True
    blocked[58:62, 26:42] = False  # a door that the map shows open
    world = FlatWorld(blocked, 1.0, 1.7)
    world.known[:] = True
    obstacles, explored = world.grids()
    world.blocked[60, 26:42] = True
    world.squares = np.argwhere(world.blocked) * CELL
    driver, contacts = StepDriver(), 0
    for _ in range(200):
        if math.dist(world.T[:2, 3], (5.0, 1.7)) < 0.3:
            break
        world.step(driver.act(obstacles, explored, world.T, (5.0, 1.7)))
        contacts += world.collided
    assert math.dist(world.T[:2, 3], (5.0, 1.7)) < 0.3
    assert contacts <= 10


def test_what_is_near_on_the_other_side_of_a_thin_wall_is_not_reachable() -> None:
    """Once, all within 0.45 m of the robot could be crossed slowly, so a goal behind a thin wall kept it there."""
    blocked = room(4.0, 4.0)
    blocked[:, 40] = True  # closed from wall to wall
    obstacles, explored = whole(blocked)
    plan = Planner().plan(obstacles, explored, planar_pose(2.0, 1.76, 0.0), (2.0, 2.35))
    assert plan.target_xy[1] < 2.0


def test_a_robot_that_stands_too_near_to_a_wall_still_gets_away() -> None:
    world = FlatWorld(room(5.0, 5.0), 0.29, 2.5, yaw=math.pi / 2)
    world.known[:] = True
    driver = StepDriver()
    for _ in range(30):
        world.step(driver.act(*world.grids(), world.T, (4.0, 2.5)))
    assert math.dist(world.T[:2, 3], (4.0, 2.5)) < 0.3
