# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from tests.policy.toy import CELL, room, whole

from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose
from seal_policy.planning.planner import Planner, PlannerConfig
from seal_policy.planning.terrain import build_terrain, coarsen
from seal_policy.policy_benchmark import full_map_time, office_map


def test_field_is_straight_line_distance_in_an_empty_room() -> None:
    obstacles, explored = whole(room(10.0, 8.0))
    planner = Planner(PlannerConfig(near_speed=1.0))
    plan = planner.plan(obstacles, explored, planar_pose(1.0, 1.0, 0.0), (8.0, 6.0))
    for xy in ((1.0, 1.0), (8.0, 1.0), (2.0, 6.0), (7.0, 5.0), (4.5, 3.5)):
        straight = math.dist(xy, plan.target_xy)
        assert plan.field.at(xy) == pytest.approx(straight, rel=0.05, abs=0.12)


def test_path_goes_round_a_wall_and_keeps_clear_of_it() -> None:
    blocked = room(6.0, 6.0)
    blocked[58:62, :90] = True
    obstacles, explored = whole(blocked)
    plan = Planner().plan(obstacles, explored, planar_pose(1.0, 1.0, 0.0), (5.0, 1.0))
    assert plan.path[:, 1].max() > 90 * CELL
    assert math.dist(plan.path[-1], (5.0, 1.0)) < 0.1
    centres = (np.argwhere(blocked) + 0.5) * CELL
    gaps = np.hypot(*(plan.path[:, None] - centres[None]).transpose(2, 0, 1)).min(axis=1)
    assert gaps.min() > 0.18


def test_thin_walls_do_not_leak_through_the_coarse_cells() -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        blocked = room(6.0, 6.0)
        angle, shift = rng.uniform(-0.6, 0.6), rng.uniform(-0.5, 0.5)
        for x in np.arange(0.0, 6.0, 0.01):  # one cell thick, from wall to wall
            blocked[int(x / CELL), int((3.0 + shift + (x - 3.0) * math.tan(angle)) / CELL)] = True
        obstacles, explored = whole(blocked)
        plan = Planner().plan(obstacles, explored, planar_pose(3.0, 0.6, 0.0), (3.0, 5.4))
        assert not np.isfinite(plan.field.at((3.0, 5.4)))


def test_narrow_door_is_passed_where_the_robot_fits_only() -> None:
    for door_cells, fits in ((16, True), (7, False)):
        blocked = room(6.0, 4.0)
        blocked[60:62, :] = True
        blocked[60:62, 40 : 40 + door_cells] = False
        obstacles, explored = whole(blocked)
        plan = Planner().plan(obstacles, explored, planar_pose(1.0, 1.0, 0.0), (5.0, 2.0))
        assert (math.dist(plan.target_xy, (5.0, 2.0)) < 0.1) is fits


def test_goal_in_an_obstacle_becomes_the_nearest_reachable_place() -> None:
    blocked = room(6.0, 4.0)
    blocked[70:90, 30:50] = True
    obstacles, explored = whole(blocked)
    plan = Planner().plan(obstacles, explored, planar_pose(1.0, 2.0, 0.0), (3.6, 2.0))
    assert plan.goal_xy == (3.6, 2.0)
    assert plan.target_xy[0] == pytest.approx(3.5 - 0.23, abs=0.1)
    assert plan.target_xy[1] == pytest.approx(2.0, abs=0.15)


def test_start_inside_a_grown_obstacle_still_finds_a_way() -> None:
    obstacles, explored = whole(room(5.0, 5.0))
    plan = Planner().plan(obstacles, explored, planar_pose(0.22, 2.5, 0.0), (4.0, 2.5))
    assert len(plan.path) > 10 and math.dist(plan.path[-1], (4.0, 2.5)) < 0.1


@pytest.mark.parametrize(("speed", "through"), [(0.0, False), (0.9, True)])
def test_unknown_floor_is_crossed_only_if_allowed(speed: float, through: bool) -> None:
    blocked = room(6.0, 4.0)
    blocked[55:60, 15:] = True  # an explored way leads round below; straight on is unknown
    known = np.ones_like(blocked)
    known[55:60, 30:50] = False
    cells = blocked & known
    obstacles, explored = Grid2D(cells, np.zeros(2), CELL), Grid2D(known, np.zeros(2), CELL)
    planner = Planner(PlannerConfig(unknown_speed=speed))
    plan = planner.plan(obstacles, explored, planar_pose(1.0, 2.0, 0.0), (5.0, 2.0))
    assert (plan.path[:, 1].min() > 1.2) == through


def test_crop_holds_points_outside_the_map_and_follows_the_explored_part() -> None:
    cells = np.zeros((400, 400), bool)
    known = cells.copy()
    known[100:120, 200:240] = True
    terrain = build_terrain(Grid2D(cells, np.zeros(2), CELL), Grid2D(known, np.zeros(2), CELL), [(-1.0, 9.0)])
    assert terrain.explored.shape == (180, 100)
    assert terrain.clearance.origin_xy == pytest.approx([-2.0, 8.0])
    assert terrain.explored.sum() == known.sum()
    assert terrain.explored[terrain.cell((5.1, 10.1))]


def test_clearance_is_exact_distance_between_cells() -> None:
    cells = np.zeros((20, 20), bool)
    cells[3, 4] = True
    grid = Grid2D(cells, np.zeros(2), CELL)
    terrain = build_terrain(grid, Grid2D(~cells, np.zeros(2), CELL), [(0.5, 0.5)], border_m=0.0)
    i, j = np.indices(terrain.clearance.shape)
    assert terrain.clearance.cells == pytest.approx(np.hypot(i - 3, j - 4) * CELL, abs=1e-5)


def test_bump_lowers_the_clearance_around_it_only() -> None:
    cells = np.zeros((40, 40), bool)
    grid, known = Grid2D(cells, np.zeros(2), CELL), Grid2D(~cells, np.zeros(2), CELL)
    terrain = build_terrain(grid, known, [(1.0, 1.0)], bumps=[(1.025, 1.025)], bump_radius_m=0.1)
    assert terrain.clearance_at((1.025, 1.025)) == pytest.approx(0.1)
    assert terrain.clearance_at((1.125, 1.025)) == pytest.approx(0.2)
    assert terrain.clearance_at((1.6, 1.025)) == pytest.approx(10.0)


def test_coarsen_groups_neighbours() -> None:
    blocks = coarsen(np.arange(16).reshape(4, 4), 2)
    assert blocks[0, 0].tolist() == [0, 1, 4, 5] and blocks[1, 0].tolist() == [8, 9, 12, 13]


def test_plan_on_the_crop_agrees_with_fast_marching_on_the_whole_map() -> None:
    obstacles, explored = office_map()
    plan = Planner(PlannerConfig(near_speed=1.0)).plan(obstacles, explored, planar_pose(3.0, 3.0, 0.0), (14.5, 9.0))
    full = full_map_time(obstacles, 0.23, (14.5, 9.0))
    for x, y in ((3.0, 3.0), (8.5, 6.5), (12.0, 10.0)):
        expected = full[int(x / CELL), int(y / CELL)]
        if np.isfinite(expected):
            assert plan.field.at((x, y)) == pytest.approx(expected, rel=0.06, abs=0.2)
    assert np.isfinite(full[60, 60])


def test_grids_that_are_not_aligned_are_refused() -> None:
    a, b = Grid2D(np.zeros((4, 4), bool), np.zeros(2), CELL), Grid2D(np.zeros((5, 4), bool), np.zeros(2), CELL)
    with pytest.raises(ValueError, match=r"must be aligned, got \(4, 4\).*\(5, 4\)"):
        build_terrain(a, b, [(0.0, 0.0)])


@pytest.mark.parametrize("bad", [{"unknown_speed": 1.5}, {"near_speed": 0.0}, {"robot_radius_m": 0.0}, {"factor": 0}])
def test_impossible_configurations_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        PlannerConfig(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("side_m", [0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6])
def test_a_robot_that_is_walled_in_gets_a_route_to_where_it_stands(side_m: float) -> None:
    """Where its own cell alone was free, fast marching ended with an error, and the planner node stood for ever."""
    cells = np.ones((80, 80), bool)
    half = round(0.5 * side_m / CELL)
    cells[40 - half : 40 + half + 1, 40 - half : 40 + half + 1] = False
    obstacles = Grid2D(cells, np.full(2, -2.0), CELL)
    explored = obstacles.with_cells(np.ones_like(cells))
    route = Planner(PlannerConfig(margin_m=0.03, narrow_margin_m=0.03)).plan(
        obstacles, explored, planar_pose(0.02, 0.02, 0.0), (1.5, 0.0)
    )
    assert route.boxed_in and math.isfinite(route.field.at((0.02, 0.02)))
    assert math.dist(route.target_xy, (0.02, 0.02)) < 0.4


def test_fast_marching_from_a_cell_that_stands_alone() -> None:
    speed = np.zeros((5, 5))
    speed[2, 2] = 0.1
    field = Planner().march(Grid2D(speed, np.zeros(2), 0.1), (2, 2))
    assert field.grid.cells[2, 2] == 0.0 and np.isinf(field.grid.cells).sum() == 24
