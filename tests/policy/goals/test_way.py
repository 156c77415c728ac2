# SPDX-License-Identifier: Apache-2.0
"""What a policy remembers of a way of hours: the same as a look at all of it, at a cost that does not grow with it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seal_policy.goals import way as ways
from seal_policy.goals.way import Visits, Way, paint_discs, poses_since_near


def walk(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.cumsum(rng.normal(0, 0.2, (n, 2)), axis=0), -3.0, 3.0)


def test_a_way_read_bit_by_bit_is_the_way_read_at_once() -> None:
    xy, way = walk(300), Way(0.5)
    kept = [tuple(xy[0])]
    for point in xy[1:]:
        if math.dist(kept[-1], point) >= 0.5:
            kept.append(tuple(point))
    for n in (1, 2, 40, 40, 299, 300):
        found = way.points(xy[:n])
    np.testing.assert_array_equal(found, kept)
    assert 10 < len(kept) < 300
    np.testing.assert_array_equal(way.points(xy[50:60])[0], xy[50])  # another way: begun anew


def test_goals_count_as_visited_once_the_way_came_near() -> None:
    xy, visits = walk(200), Visits(0.4)
    given: list[tuple[float, float]] = []
    rng = np.random.default_rng(1)
    for n in range(1, 201):
        if n % 5 == 0:
            given.append((float(rng.uniform(-4, 4)), float(rng.uniform(-4, 4))))
            visits.give(given[-1])
        if n % 7 == 0:
            wanted = [goal for goal in given if np.hypot(*(xy[:n] - goal).T).min() < 0.4]
            assert visits.seen(xy[:n]) == wanted
    assert 0 < len(wanted) < len(given)
    places = rng.uniform(-3, 3, (50, 2))
    near = [sum(math.dist(place, goal) < 0.5 for goal in wanted) for place in places]
    assert visits.near(places, xy, 0.5).tolist() == near and max(near) > 0
    assert Visits(0.4).near(places, xy, 0.5).tolist() == [0] * 50


def test_what_was_read_of_a_way_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goal looked at the whole way again, for every goal ever given: after half an hour they came seconds late."""
    looked: list[int] = []
    real = np.hypot
    monkeypatch.setattr(ways.np, "hypot", lambda a, b: looked.append(len(a)) or real(a, b))
    xy, visits = walk(5000), Visits(0.4)
    for n in range(1000, 5001, 10):
        visits.give((50.0, 50.0))
        visits.seen(xy[:n])
    assert len(looked) == 401 * 402 // 2 and sum(looked) < 401 * 5000 + 401 * 401 * 10


@pytest.mark.parametrize("radius_m", [0.05, 0.3, 1.6])
def test_discs_are_those_of_the_distance(radius_m: float) -> None:
    x, y = -1.0 + 0.05 * (np.arange(60) + 0.5), 0.3 + 0.05 * (np.arange(45) + 0.5)
    points = np.random.default_rng(2).uniform(-3, 4, (12, 2))  # some far outside of the cells
    cells = np.zeros((60, 45), bool)
    cells[0, 0] = True
    paint_discs(cells, x, y, points, radius_m)
    away = (x[:, None, None] - points[:, 0]) ** 2 + (y[None, :, None] - points[:, 1]) ** 2
    wanted = (away <= radius_m**2).any(axis=2)
    wanted[0, 0] = True
    np.testing.assert_array_equal(cells, wanted)
    paint_discs(np.zeros((0, 0), bool), x[:0], y[:0], points, radius_m)


def test_poses_since_a_place_was_near() -> None:
    poses = np.array([[0, 0, 1], [1, 0, 1], [2, 0, 1], [1, 0, 1], [5, 0, 1]], float)
    places = np.array([[0, 0.5], [1, 0.5], [9, 9], [5, 0.99], [5, 1.0]])
    assert poses_since_near(places, poses, 1.0).tolist() == [4, 1, 5, 0, 5]
