# SPDX-License-Identifier: Apache-2.0
"""Places to look at a thing from, on maps drawn by hand; and what of a thing a picture shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.policy.toy import CELL, room, whole

from seal_perception.camera import Camera
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.pose import camera_mounting, planar_pose
from seal_policy.objectgoal.beliefs import Belief
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.objectgoal.standoff import Band, Eye, find_standoff, seen_in, visible
from seal_policy.planning.planner import Field, Planner

EYE = Eye(0.88, math.radians(31.7))
CONFIG = ObjectGoalConfig()
BLOCKS = (slice(60, 70), slice(35, 45))
"""A thing of half a metre around (3.25, 2.0) in a room of 5 x 4 m."""


def thing(overlap: float = 0.6) -> Belief:
    i, j, k = np.meshgrid(np.arange(60, 70), np.arange(35, 45), np.arange(2, 17), indexing="ij")
    ijk = np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(np.int32)
    return Belief(overlap, 5.0, ijk, (ijk + 0.5) * CELL)


def ground(wall: bool = False, top: float = 2.0) -> tuple[Field, Grid2D]:
    """Travel cost from (1, 2) and heights: the room's walls are 2 m high, the thing 0.85 m."""
    blocked = room(5.0, 4.0)
    tops = np.where(blocked, 2.0, -np.inf)
    blocked[BLOCKS], tops[BLOCKS] = True, 0.85
    if wall:  # right of it, and along its upper side, from wall to wall but for the left
        tops[50:52, 2:78], blocked[50:52, 2:60] = top, True
    obstacles, explored = whole(blocked)
    planner = Planner()
    terrain = planner.terrain(obstacles, explored, [(1.0, 2.0)])
    i, j = terrain.cell((1.0, 2.0))
    cost = planner.march(planner.speed(terrain, (1.0, 2.0)), (i // 2, j // 2))
    return cost, Grid2D(tops, np.zeros(2), CELL)


def test_the_nearest_place_in_front_is_taken_and_looks_at_what_it_shows() -> None:
    found = find_standoff(thing(), *ground(), EYE, Band.to_stop(CONFIG))
    assert found is not None
    assert 3.0 - CONFIG.reach_m <= found.place[0] < 3.0 - 0.18 and abs(found.place[1] - 2.0) < 0.6
    assert found.aim[0] > found.place[0] and found.share > 0.2
    assert found.way_m == pytest.approx(found.place[0] - 1.0, abs=0.6)
    assert thing().distance_m(found.place) <= CONFIG.reach_m


def test_a_look_is_taken_from_farther_away_and_from_another_side_the_next_time() -> None:
    cost, tops = ground()
    first = find_standoff(thing(), cost, tops, EYE, Band.to_look(CONFIG))
    assert first is not None
    assert CONFIG.look_near_m <= thing().distance_m(first.place) <= CONFIG.look_far_m
    side, angle = first.bearing(thing().centre), math.radians(CONFIG.side_deg)
    second = find_standoff(thing(), cost, tops, EYE, Band.to_look(CONFIG), [(side, angle)])
    assert second is not None
    turn = second.bearing(thing().centre) - side
    assert abs((turn + math.pi) % (2 * math.pi) - math.pi) >= angle
    every = [(math.radians(a), math.radians(50.0)) for a in range(0, 360, 45)]
    assert find_standoff(thing(), cost, tops, EYE, Band.to_look(CONFIG), every) is None


def test_a_place_that_could_not_be_reached_is_left_out() -> None:
    cost, tops = ground()
    first = find_standoff(thing(), cost, tops, EYE, Band.to_stop(CONFIG))
    assert first is not None
    other = find_standoff(thing(), cost, tops, EYE, Band.to_stop(CONFIG), failed=[(first.place, 0.3)])
    assert other is not None and math.dist(first.place, other.place) > 0.3


def test_nothing_within_reach_is_no_place() -> None:
    cost, tops = ground()
    shut_in = Field(cost.grid.with_cells(np.where(cost.grid.cells < 0.5, cost.grid.cells, np.inf)))
    assert find_standoff(thing(), shut_in, tops, EYE, Band.to_stop(CONFIG)) is None


def test_the_camera_sees_over_what_is_low_and_not_through_what_is_high() -> None:
    place, points = np.array([[1.0, 2.0]]), np.array([[3.0, 2.0, 0.8]])
    assert visible(ground(wall=True, top=0.5)[1], place, points, EYE).all()
    assert not visible(ground(wall=True, top=1.5)[1], place, points, EYE).any()
    # Out of the picture: too low for its lower edge, or nearer than depth is mapped.
    near = np.array([[2.7, 2.0]])
    assert not visible(ground()[1], near, np.array([[3.0, 2.0, 0.1]]), EYE).any()
    assert not visible(ground()[1], near, np.array([[3.0, 2.0, 0.8]]), EYE).any()


def test_a_picture_shows_the_voxels_that_its_depth_agrees_with() -> None:
    camera = Camera.from_hfov(160, 120, math.radians(79.0))
    T = planar_pose(1.0, 2.0, 0.0) @ camera_mounting(0.88)

    def at_depth(metres: float) -> int:
        depth = np.full((120, 160), metres, np.float32)
        return len(seen_in(Frame(0, np.zeros((120, 160, 3), np.uint8), depth, camera, T), thing(), CELL))

    assert at_depth(2.02) >= 100  # the front of the thing is 2 m ahead
    assert at_depth(1.5) == at_depth(0.0) == 0
    behind = Frame(0, np.zeros((120, 160, 3), np.uint8), np.full((120, 160), 2.0, np.float32), camera,
                   planar_pose(1.0, 2.0, math.pi) @ camera_mounting(0.88))  # fmt: skip
    assert len(seen_in(behind, thing(), CELL)) == 0


def test_the_same_thing_is_known_by_its_voxels_or_its_place() -> None:
    one = thing()
    moved = Belief(0.5, 2.0, one.ijk + np.array([20, 0, 0], np.int32), one.xyz + np.array([1.0, 0.0, 0.0]))
    part = Belief(0.5, 2.0, one.ijk[:40], one.xyz[:40])
    assert one.is_same(part, 0.05) and not one.is_same(moved, 0.5) and one.is_same(moved, 1.1)
    assert one.distance_m((1.0, 2.0)) == pytest.approx(2.025, abs=0.01)
