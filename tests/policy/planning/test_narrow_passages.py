# SPDX-License-Identifier: Apache-2.0
"""The narrow margin: only where nothing else is left, only where it is needed, never less than the robot itself."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.policy.toy import CELL, FlatWorld, room

from seal_perception.grid import Grid2D
from seal_perception.simulator import Action
from seal_policy.driving.step_driver import StepDriver, StepDriverConfig
from seal_policy.driving.velocity_driver import VelocityDriver
from seal_policy.explorer import Explorer, ExplorerConfig
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.goals.policy import PolicyInput
from seal_policy.planning.motion import planar
from seal_policy.planning.new_floor import NewFloor
from seal_policy.planning.planner import TIGHT, PlannerConfig

WALL_X, BEHIND_X = 2.5, 2.9


def walled(width_m: float, middle_y: float = 1.5, yaw: float = 0.0) -> FlatWorld:
    """Two rooms and a wall of 10 cm with a gap: the map shows only whole cells free, the robot touches true edges.

    A screen behind the gap hides the second room from the first.
    """
    blocked = room(6.0, 3.0)
    blocked[76:78, 12:48] = True
    low, high = middle_y - width_m / 2, middle_y + width_m / 2
    free = (np.arange(60) * CELL >= low - 1e-9) & ((np.arange(60) + 1) * CELL <= high + 1e-9)
    wall = slice(round(WALL_X / CELL), round(WALL_X / CELL) + 2)
    blocked[wall] |= ~free
    world = FlatWorld(blocked, 1.0, 1.5, yaw)
    corners = np.argwhere(blocked) * CELL
    in_wall = (corners[:, 0] > WALL_X - 0.01) & (corners[:, 0] < WALL_X + 0.06)
    gap = np.flatnonzero(free) * CELL
    corners[in_wall & (corners[:, 1] < middle_y), 1] += low - gap[0]
    corners[in_wall & (corners[:, 1] > middle_y), 1] += high - (gap[-1] + CELL)
    world.squares = corners
    return world


def explored(world: FlatWorld, steps: int, planner: PlannerConfig) -> tuple[list[Action], list[bool], int]:
    """Actions, whether each was on a narrow route, and contacts; ends 0.3 m behind the wall."""
    config = ExplorerConfig(driver=StepDriverConfig(planner=planner))
    explorer = Explorer(FrontierPolicy(planner=planner), config)
    actions, squeezed, contacts = [], [], 0
    for step in range(steps):
        if world.T[0, 3] > BEHIND_X:
            break
        world.look()
        actions.append(explorer.act(*world.grids(), world.T, step))
        squeezed.append(explorer.driver.squeezes)
        world.step(actions[-1])
        contacts += world.collided
    return actions, squeezed, contacts


@pytest.mark.parametrize("yaw", [0.0, 0.2, -0.25])
def test_a_gap_of_46_cm_is_passed_once_nothing_else_is_left(yaw: float) -> None:
    world = walled(0.46, yaw=yaw)
    _, squeezed, contacts = explored(world, 110, PlannerConfig())
    assert world.T[0, 3] > BEHIND_X
    assert contacts == 0 and not any(squeezed[:40])
    without = walled(0.46, yaw=yaw)
    _, squeezed, _ = explored(without, 80, PlannerConfig(narrow_margin_m=0.05))
    assert without.T[0, 3] < WALL_X and not any(squeezed)


@pytest.mark.parametrize(("width_m", "middle_y"), [(0.38, 1.525), (0.3, 1.5)])
def test_a_gap_that_the_map_does_not_show_to_be_wide_enough_is_not_tried(width_m: float, middle_y: float) -> None:
    """0.38 m: the map shows 0.35 m of it free, and the robot is 0.36 m wide."""
    world = walled(width_m, middle_y)
    _, squeezed, contacts = explored(world, 70, PlannerConfig())
    assert world.T[0, 3] < WALL_X and not any(squeezed) and contacts == 0


def test_where_the_usual_margin_leads_everywhere_the_narrow_one_changes_nothing() -> None:
    taken = []
    for narrow in (0.0, 0.05):
        actions, squeezed, _ = explored(walled(0.7, yaw=0.3), 60, PlannerConfig(narrow_margin_m=narrow))
        taken.append(actions)
        assert not any(squeezed)
    assert taken[0] == taken[1]


def test_a_goal_behind_a_wide_way_is_never_left_for_one_behind_a_narrow_gap() -> None:
    """Long without new floor: but a frontier within reach is left."""
    world = walled(0.46)
    world.look()
    world.known[:50] = True
    whole = world.known.copy()
    world.known[10:40, 4:20] = False  # of the robot's own room
    poses, policy = [planar(world.T)], FrontierPolicy()
    assert policy.goal(PolicyInput(*world.grids(), world.T, 60, np.array(poses), quiet_steps=50))[0] < WALL_X
    world.known = whole
    for quiet_steps in (39, 39, 39, 40):  # it looks through the gap from here and there
        goal = policy.goal(PolicyInput(*world.grids(), world.T, 99, np.array(poses), quiet_steps=quiet_steps))
        assert (goal[0] > WALL_X) == (quiet_steps == 40)
        poses.append((*goal, 0.0))


def test_the_driver_squeezes_only_after_its_patience_and_near_the_gap_only() -> None:
    world = walled(0.46)
    world.known[:] = True
    driver = StepDriver()
    goal, where = (3.3, 1.5), []
    for _ in range(110):
        if math.dist(world.T[:2, 3], goal) < 0.3:
            break
        world.step(driver.act(*world.grids(), world.T, goal))
        assert not world.collided and (not driver.squeezes or driver._step >= PlannerConfig().patience_steps)
        if driver.squeezes:
            terrain = driver._fitting(driver._planner.terrain(*world.grids(), [world.T[:2, 3], goal]))
            if driver._kept_m(terrain, planar(world.T)) < 0.2:
                where.append(abs(world.T[0, 3] - WALL_X))
    assert math.dist(world.T[:2, 3], goal) < 0.3 and where and max(where) < 1.4


def test_no_margin_is_below_the_robots_radius() -> None:
    assert PlannerConfig().narrow == replace(PlannerConfig(), margin_m=0.0, near_speed=0.1, factor=4)
    assert PlannerConfig(margin_m=0.02, narrow_margin_m=0.02).narrow is None and TIGHT.narrow is None
    assert VelocityDriver()._narrow is None
    for wrong in ({"narrow_margin_m": -0.01}, {"patience_steps": 0}):
        with pytest.raises(ValueError, match="narrow_margin_m must be >= 0"):
            PlannerConfig(**wrong)


def test_new_floor_is_a_square_metre_of_it() -> None:
    def seen(cells: int) -> Grid2D:
        grid = np.zeros((60, 60), bool)
        grid.ravel()[:cells] = True
        return Grid2D(grid, np.zeros(2), CELL)

    floor = NewFloor()
    for step, cells in enumerate([100, 100, 499, 500, 899, 899]):
        floor.note(step, seen(cells))
    assert floor.quiet_steps(5) == 2
