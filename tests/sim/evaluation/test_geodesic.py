# SPDX-License-Identifier: Apache-2.0
"""Driving distances against straight lines, known corners and Dijkstra's algorithm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from seal_perception.errors import InputError
from seal_perception.simulator import ReachableFloor
from sim_bridge.geometry.geodesic import geodesic_field, path_length_m

CELL = 0.02


def floor_of(cells: np.ndarray, origin: tuple[float, float] = (0.0, 0.0), cell_m: float = CELL) -> ReachableFloor:
    return ReachableFloor(cells, np.array(origin), cell_m)


def room(x_m: float = 5.0, y_m: float = 5.0) -> np.ndarray:
    return np.ones((round(x_m / CELL), round(y_m / CELL)), bool)


def around_a_block() -> ReachableFloor:
    """5 x 5 m; a block from the left wall to x = 3, y from 2 to 3: its corners are (3, 2) and (3, 3)."""
    cells = room()
    cells[:150, 100:150] = False
    return floor_of(cells, (-1.0, 10.0))


def test_an_empty_room_is_crossed_in_a_straight_line() -> None:
    floor = floor_of(room())
    target = np.array([1.01, 1.01])
    field = geodesic_field(floor, target)
    points = np.random.default_rng(0).uniform(0.05, 4.95, (500, 2))
    straight = np.hypot(*(points - target).T)
    assert np.abs(field.at(points) - straight).max() < 0.015
    far = straight > 1.0
    assert (np.abs(field.at(points) - straight)[far] / straight[far]).max() < 0.005
    assert field.at(target) == 0.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((1.0, 1.0), (1.0, 4.0), math.sqrt(5.0) + 1.0 + math.sqrt(5.0)),  # round two corners
        ((2.9, 1.9), (2.9, 3.1), 2 * math.hypot(0.1, 0.1) + 1.0),
        ((4.0, 1.0), (4.0, 4.0), 3.0),  # past the block
        ((1.0, 1.0), (4.0, 3.0), math.sqrt(5.0) + math.sqrt(2.0)),  # round one
    ],
)
def test_ways_round_known_corners(a: tuple[float, float], b: tuple[float, float], expected: float) -> None:
    floor = around_a_block()
    shift = np.array([-1.0, 10.0])
    here, there = np.array(a) + shift, np.array(b) + shift
    assert geodesic_field(floor, there).at(here) == pytest.approx(expected, rel=0.01)
    assert geodesic_field(floor, here).at(there) == pytest.approx(expected, rel=0.01)
    way = geodesic_field(floor, there).path(here)
    assert way[0].tolist() == here.tolist() and np.hypot(*(way[-1] - there)) < CELL
    assert path_length_m(way) == pytest.approx(expected, rel=0.01, abs=0.02)


def test_the_nearest_of_several_points_counts() -> None:
    floor = floor_of(room())
    points = np.array([[0.51, 0.51], [4.51, 4.51], [0.51, 4.51]])
    field = geodesic_field(floor, points)
    assert field.at([1.01, 0.51]) == pytest.approx(0.5, abs=0.01)
    assert field.at([4.51, 4.01]) == pytest.approx(0.5, abs=0.01)
    assert np.hypot(*(field.path([1.0, 4.0])[-1] - points[2])) < CELL
    np.testing.assert_allclose(np.sort(field.sources, axis=0), np.sort(points, axis=0), atol=1e-9)


def test_between_straight_line_and_dijkstra_on_a_cluttered_floor() -> None:
    rng = np.random.default_rng(3)
    cells = np.ones((60, 60), bool)
    for _ in range(25):
        i, j = rng.integers(0, 55, 2)
        cells[i : i + rng.integers(2, 12), j : j + rng.integers(2, 12)] = False
    cells[30, 30] = True
    floor = floor_of(cells, cell_m=0.1)
    target = np.array([3.05, 3.05])
    values = geodesic_field(floor, target).values / 0.1
    steps = plain_dijkstra(cells, (30, 30))
    np.testing.assert_array_equal(np.isfinite(values), np.isfinite(steps))
    reached = np.isfinite(values)
    assert 500 < reached.sum() < cells.size
    straight = np.hypot(*(np.argwhere(reached) - 30).T)
    assert (values[reached] >= straight - 0.25).all()
    # Dijkstra's ways keep to eight directions, so they are never shorter but for the march's own error.
    assert (values[reached] <= 1.02 * steps[reached] + 0.5).all()
    assert (values[reached] >= 0.90 * steps[reached] - 0.5).all()


def plain_dijkstra(cells: np.ndarray, source: tuple[int, int]) -> np.ndarray:
    """Lengths in cells over eight neighbours; a diagonal needs both of its sides."""
    index = np.arange(cells.size).reshape(cells.shape)
    rows, columns, weights = [], [], []
    for i, j in np.argwhere(cells).tolist():
        for a, b in ((1, 0), (0, 1), (1, 1), (1, -1)):
            x, y = i + a, j + b
            if not (0 <= x < cells.shape[0] and 0 <= y < cells.shape[1] and cells[x, y]):
                continue
            if a and b and not (cells[x, j] and cells[i, y]):
                continue
            rows.append(index[i, j])
            columns.append(index[x, y])
            weights.append(math.hypot(a, b))
    graph = coo_matrix((weights, (rows, columns)), shape=(cells.size, cells.size)).tocsr()
    found: np.ndarray = dijkstra(graph, directed=False, indices=index[source]).reshape(cells.shape)
    return found


def test_what_cannot_be_reached_is_infinitely_far() -> None:
    cells = room()
    cells[100:110] = False
    floor = floor_of(cells)
    field = geodesic_field(floor, [1.0, 1.0])
    assert field.at([4.0, 1.0]) == math.inf  # another island
    assert field.at([2.1, 1.0]) == math.inf  # not floor
    assert field.at([-3.0, 1.0]) == math.inf  # outside
    assert field.path([4.0, 1.0]).shape == (0, 2)
    assert np.isfinite(field.at([[0.5, 0.5], [1.9, 4.9]])).all()


def test_a_single_cell_is_a_floor() -> None:
    floor = floor_of(np.ones((1, 1), bool))
    field = geodesic_field(floor, [0.01, 0.01])
    assert field.at([0.01, 0.01]) == 0.0
    assert field.path([0.01, 0.01]).tolist() == [[0.01, 0.01]]


def test_a_floor_no_wider_than_the_seed_has_straight_ways() -> None:
    """All of the floor lies beside the source, and a margin that is no floor beyond."""
    cells = np.zeros((12, 12), bool)
    cells[5:7, 5:7] = True
    low, high = 5.5 * CELL, 6.5 * CELL
    field = geodesic_field(floor_of(cells), [low, low])
    assert field.at([low, low]) == 0.0
    assert field.at([high, low]) == pytest.approx(CELL)
    assert field.at([high, high]) == pytest.approx(math.sqrt(2) * CELL)
    assert field.at([high + CELL, low]) == math.inf
    assert np.isfinite(field.values).sum() == 4


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (np.zeros((0, 2)), "points on the reachable floor, got none"),
        ([[1.0, 1.0], [9.0, 1.0]], r"got \[9.0, 1.0\]"),
        ([[2.5, 2.5]], r"got \[2.5, 2.5\]"),
    ],
)
def test_points_off_the_floor_are_refused(points: object, text: str) -> None:
    cells = room()
    cells[120:130, 120:130] = False
    with pytest.raises(InputError, match=text):
        geodesic_field(floor_of(cells), np.asarray(points))


def test_lengths_of_ways() -> None:
    assert path_length_m([[0, 0], [3, 4], [3, 5]]) == 6.0
    assert path_length_m([[1, 1]]) == path_length_m(np.zeros((0, 2))) == 0.0
