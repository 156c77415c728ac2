# SPDX-License-Identifier: Apache-2.0
"""What was seen lately: from depth pictures worked out by hand, from a laser, forgotten with the way driven."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from seal_perception.camera import Camera
from seal_perception.grid import Grid2D
from seal_perception.pose import camera_mounting, planar_pose
from seal_perception.simulator import LaserScan
from seal_policy.driving.rolling_grid import RollingGrid, RollingGridConfig

CAMERA = Camera.from_hfov(160, 120, math.radians(79.0))
T_BASE_CAMERA = camera_mounting(0.88)


def _room_picture(wall_m: float = 9.0, top_m: float = 2.5) -> np.ndarray:
    """Depth over an endless floor with a wall `wall_m` ahead of the camera, `top_m` high; nothing beyond 10 m."""
    v = (np.arange(CAMERA.height) - CAMERA.cy) / CAMERA.fy
    floor = np.where(v > 0, 0.88 / np.maximum(v, 1e-9), np.inf)
    at_wall = 0.88 - v * wall_m
    depth = np.where(floor < wall_m, floor, np.where(at_wall <= top_m, wall_m, 0.0))
    column = np.where(depth < 10.0, depth, 0.0).astype(np.float32)
    return np.repeat(column[:, None], CAMERA.width, axis=1)


FAR = RollingGridConfig(max_range_m=3.5)


def _look(grid: RollingGrid, pose: tuple[float, float, float], depth: np.ndarray) -> None:
    grid.stand(pose)
    grid.see_depth(depth, CAMERA, planar_pose(*pose) @ T_BASE_CAMERA)


def test_a_wall_ahead_is_an_obstacle_and_the_floor_before_it_is_free() -> None:
    grid = RollingGrid()
    _look(grid, (0.0, 0.0, 0.0), _room_picture(2.0))
    obstacles, free = grid.obstacles(), grid.free()
    assert obstacles.value_at([2.0, 0.0], False) and not obstacles.value_at([1.8, 0.0], False)
    assert free.value_at([1.8, 0.3], False) and not free.value_at([2.0, 0.0], False)
    assert not free.value_at([1.0, 0.0], False), "the camera cannot see the floor nearer than 1.4 m"
    assert free.value_at([0.1, 0.0], False), "but the robot stands on floor"
    row = grid.clearance().cells[tuple(obstacles.world_to_cell([1.0, 0.0]))]
    assert row == pytest.approx(1.0, abs=0.03)


def test_a_wall_seen_from_another_place_stays_where_it_is() -> None:
    grid = RollingGrid()
    _look(grid, (1.0, 2.0, math.pi / 2), _room_picture(1.5))
    cells = grid.obstacles()
    assert cells.value_at([1.0, 3.5], False)
    grid.stand((1.0, 0.2, 0.0))  # the grid goes along
    cells = grid.obstacles()
    assert cells.value_at([1.0, 3.5], False) and cells.origin_xy[1] < -2.7


def test_what_is_looked_through_is_free_again() -> None:
    grid = RollingGrid(FAR)
    _look(grid, (0.0, 0.0, 0.0), _room_picture(2.0))
    _look(grid, (0.0, 0.0, 0.0), _room_picture(3.0))
    assert not grid.obstacles().value_at([2.0, 0.0], True) and grid.obstacles().value_at([3.0, 0.0], False)


@pytest.mark.parametrize("pose", [(3.1, 0.0, 0.0), (2.0, 0.0, 2.0), (2.4, 0.0, -1.0)])
def test_it_is_forgotten_after_so_much_driving_and_turning(pose: tuple[float, float, float]) -> None:
    grid = RollingGrid(RollingGridConfig(memory_m=3.0, turn_m=0.6))
    _look(grid, (0.0, 0.0, 0.0), _room_picture(2.0))
    grid.stand((1.0, 1.0, 0.0))  # 1.41 m
    assert grid.obstacles().value_at([2.0, 0.8], False)
    grid.stand(pose)
    way = 1.414 + math.dist((1.0, 1.0), pose[:2]) + 0.6 * abs(pose[2])
    assert (way > 3.0) and not grid.obstacles().value_at([2.0, 0.8], True)


def test_a_low_threshold_and_a_high_shelf_are_no_obstacles() -> None:
    grid = RollingGrid()
    _look(grid, (0.0, 0.0, 0.0), _room_picture(2.0, top_m=0.06))
    assert not grid.obstacles().cells.any()
    depth = np.zeros((120, 160), np.float32)
    depth[:30] = 2.0  # (59.5 - 29) / 97 * 2 + 0.88 = 1.5 m and higher
    _look(grid, (0.0, 0.0, 0.0), depth)
    assert not grid.obstacles().cells.any()


def test_single_readings_and_nothing_are_left_out() -> None:
    grid = RollingGrid()
    depth = np.full((120, 160), np.nan, np.float32)
    depth[60, 80:83] = 1.5  # three in a cell, one too few
    _look(grid, (0.0, 0.0, 0.0), depth)
    assert not grid.obstacles().cells.any()


def test_a_laser_shows_obstacles_only() -> None:
    ranges = np.array([1.0, np.inf, -np.inf, 2.0, 9.0], np.float32)
    scan = LaserScan(ranges, 0.0, math.pi / 2, 0.1, 12.0, planar_pose(0.1, 0.0, 0.0, 0.2))
    grid = RollingGrid()
    grid.stand((0.0, 0.0, math.pi / 2))
    grid.see_scan(scan, planar_pose(0.0, 0.0, math.pi / 2))
    assert np.argwhere(grid.obstacles().cells).shape == (2, 2)
    assert grid.obstacles().value_at([[0.0, 1.1], [2.0, 0.1]], False).all()


def test_a_laser_above_what_the_camera_looks_at_still_stops_the_robot() -> None:
    """On a large tower it is 0.66 m high, and low table tops made `high_m` 0.65: each wall that it saw was dropped."""
    mounting = planar_pose(0.0, 0.0, 0.0)
    mounting[2, 3] = 0.66
    grid = RollingGrid(replace(FAR, high_m=0.65))
    grid.stand((0.0, 0.0, 0.0))
    grid.see_scan(LaserScan(np.array([1.0], np.float32), 0.0, 0.1, 0.1, 12.0, mounting), planar_pose(0.0, 0.0, 0.0))
    assert grid.obstacles().value_at([[1.0, 0.0]], False).all()


def test_the_map_is_corrected_where_the_robot_has_looked() -> None:
    grid = RollingGrid(FAR)
    _look(grid, (0.0, 0.0, 0.0), _room_picture(2.5))
    stale = Grid2D(np.zeros((400, 40), bool), np.array([-10.025, -1.025]), 0.05)
    for x in (2.0, 1.0, 8.0):  # on floor that is seen to be free; where the camera cannot see; far away
        stale.cells[tuple(stale.world_to_cell([x, 0.0]))] = True
    out = grid.correct(stale)
    values = out.value_at([[2.0, 0.0], [1.0, 0.0], [8.0, 0.0], [2.5, 0.0]], False)
    np.testing.assert_array_equal(values, [False, True, True, True])
    assert stale.value_at([2.0, 0.0], False), "the map itself is left alone"
    far = Grid2D(np.ones((4, 4), bool), np.array([50.0, 50.0]), 0.05)
    np.testing.assert_array_equal(grid.correct(far).cells, far.cells)


@pytest.mark.parametrize(
    ("changes", "message"), [({"cell_m": 0.0}, "need cell_m"), ({"low_m": 0.01}, "floor_m <= low_m < high_m")]
)
def test_wrong_numbers_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RollingGridConfig(**changes)  # type: ignore[arg-type]
