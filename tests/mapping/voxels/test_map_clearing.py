# SPDX-License-Identifier: Apache-2.0
"""A chair stands in a room, is seen, and is taken away: free-space clearing forgets it, and only it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seal_mapping.voxels.io import load_map, save_map
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.camera import Camera
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose

CAMERA = Camera.from_hfov(160, 120, math.radians(79))
ROOM = (np.array([-3.0, -2.0, 0.0]), np.array([3.0, 2.0, 2.5]))
CHAIR = (np.array([1.0, -0.25, 0.0]), np.array([1.5, 0.25, 0.9]))
POSES = [planar_pose(x, y, yaw) for x, y, yaw in ((-0.6, 0, 0), (-0.4, 0.7, -0.3), (-0.4, -0.7, 0.3), (-0.2, 0.1, 0.1))]
OTHER = [planar_pose(x, y, yaw) for x, y, yaw in ((-0.9, 0.2, 0.05), (0.0, 1.2, -0.8), (0.0, -1.2, 0.8))]


def picture(T_map_base, chair=True):
    """Depth (H, W) and what is a chair (H, W), by each pixel's ray and the boxes' slabs."""
    T = T_map_base @ camera_mounting(0.88, 0.0, 0.15)
    rays = CAMERA.rays().astype(np.float64) @ T[:3, :3].T
    with np.errstate(divide="ignore"):
        inverse = 1.0 / np.where(rays == 0.0, 1e-30, rays)
    far = np.maximum((ROOM[0] - T[:3, 3]) * inverse, (ROOM[1] - T[:3, 3]) * inverse).min(axis=-1)
    a, b = (CHAIR[0] - T[:3, 3]) * inverse, (CHAIR[1] - T[:3, 3]) * inverse
    enter, leave = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
    hit = (enter < leave) & (enter > 0) & chair
    return np.where(hit, enter, far).astype(np.float32), hit, T


def look(voxel_map, T_map_base, chair=True, change=lambda depth: depth):
    depth, hit, T = picture(T_map_base, chair)
    scores = np.zeros((CAMERA.height, CAMERA.width, 6), np.uint8)
    scores[hit, 0] = 250
    rgb = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)
    return voxel_map.integrate_scores(Frame(0, rgb, change(depth), CAMERA, T), scores)


def seen_with_chair(clear_views):
    voxel_map = VoxelMap(MapConfig(clear_views=clear_views))
    for T in POSES:
        look(voxel_map, T)
    return voxel_map


def is_chair(cloud):
    """Voxels of the chair's box, without the two lowest layers: one is the floor as well, and behind the next the floor
    is nearer than `clear_margin_m`."""
    inside = (cloud.xyz >= CHAIR[0] - 0.03) & (cloud.xyz <= CHAIR[1] + 0.03)
    return inside.all(axis=1) & (cloud.ijk[:, 2] > 1)


def recount(voxel_map):
    return int((voxel_map.voxels().score >= voxel_map.config.confident).sum())


def cells_of_chair(voxel_map):
    """(N,) whether the cells that the chair stands on are obstacles."""
    grid = voxel_map.obstacles()
    xy = np.stack(np.meshgrid(np.arange(1.0, 1.51, 0.05), np.arange(-0.25, 0.26, 0.05)), axis=-1).reshape(-1, 2)
    return grid.value_at(xy, False)


@pytest.fixture
def cleared():
    """The map before, and the same map after the chair went and was looked for from the same and other poses."""
    before, after = seen_with_chair(2), seen_with_chair(2)
    for T in (*POSES, *OTHER):
        look(after, T, chair=False)
    return before, after


def test_a_chair_that_was_taken_away_is_forgotten(cleared):
    before, after = cleared
    stood = before.voxels().take(is_chair(before.voxels()))
    assert len(stood) > 250 and before.confident_count > 250
    assert is_chair(after.voxels()).sum() <= 0.05 * len(stood)
    assert cells_of_chair(before).sum() >= 20
    assert not cells_of_chair(after).any() and after.explored().value_at([[1.25, 0.0]], False).all()
    assert after.confident_count == recount(after) < 0.2 * before.confident_count
    left = after.voxels().take(after.voxels().score >= after.config.confident)
    assert set(left.ijk[:, 2].tolist()) == {0, 1}  # see `is_chair`; below what counts as an obstacle
    assert before.confident_count == recount(before)


def test_the_rest_of_the_room_stays(cleared):
    before, after = cleared
    room = before.voxels().take(~is_chair(before.voxels()))
    found, cloud = after.at(room.ijk)
    wall, floor = room.ijk[:, 0] == 60, room.ijk[:, 2] == 0
    assert found.all() and wall.sum() > 1000 and floor.sum() > 500
    assert (cloud.views >= room.views).all()
    behind = after.obstacles().value_at([[3.0, 0.0], [3.0, 0.5], [3.0, -0.5]], False)
    assert behind.all()


def test_what_was_explored_stays_so(cleared):
    before, after = cleared
    was = before.explored()
    assert after.explored().value_at(was.cell_to_world(np.argwhere(was.cells)), False).all()
    assert after.explored_area_m2 >= before.explored_area_m2


def test_what_is_lost_is_told_by_integrate():
    voxel_map = seen_with_chair(2)
    confident = voxel_map.confident_count
    gains = [look(voxel_map, T, chair=False) for T in (*POSES, *OTHER)]
    assert gains[0] == 0 and min(gains) < -50
    assert confident + sum(gains) == voxel_map.confident_count


def test_off_by_default_nothing_is_ever_forgotten():
    voxel_map, untouched = seen_with_chair(0), seen_with_chair(0)
    assert MapConfig().clear_views == 0
    for T in (*POSES, *OTHER):
        look(voxel_map, T, chair=False)
    stood = untouched.voxels()
    found, cloud = voxel_map.at(stood.ijk)
    assert found.all() and (cloud.best_score == stood.best_score).all() and (cloud.score_sum == stood.score_sum).all()
    assert voxel_map.confident_count == untouched.confident_count == recount(voxel_map)
    assert cells_of_chair(voxel_map).tolist() == cells_of_chair(untouched).tolist()


def glass(depth):
    """No reading where the chair stood: a window, a mirror, black cloth."""
    depth = depth.copy()
    depth[:, 30:130] = np.nan
    return depth


def edges(depth):
    """Every third reading missing: no pixel has all its neighbours."""
    depth = depth.copy()
    depth.reshape(-1)[::3] = 0.0
    return depth


@pytest.mark.parametrize("change", [glass, edges, lambda depth: np.full_like(depth, np.inf)])
def test_holes_and_edges_in_the_depth_clear_nothing(change):
    voxel_map = seen_with_chair(1)
    stood = voxel_map.voxels()
    for _ in range(3):
        for T in POSES:
            look(voxel_map, T, chair=False, change=change)
    found, _ = voxel_map.at(stood.ijk[is_chair(stood)])
    assert found.all()
    assert voxel_map.confident_count == recount(voxel_map)


def test_a_voxel_outside_the_picture_is_never_cleared():
    voxel_map = seen_with_chair(1)
    stood = voxel_map.voxels()
    for yaw in (math.pi, 2.2, -2.2):  # the back turned to the chair
        for _ in range(3):
            look(voxel_map, planar_pose(-0.6, 0.0, yaw), chair=False)
    assert voxel_map.at(stood.ijk[is_chair(stood)])[0].all()
    too_far = planar_pose(-2.9, 0.0, 0.0)  # in the picture, but the readings behind it lie beyond max_depth_m
    short = VoxelMap(MapConfig(clear_views=1, max_depth_m=3.0))
    for T in POSES:
        look(short, T)
    chair = short.voxels().take(is_chair(short.voxels()))
    for _ in range(3):
        look(short, too_far, chair=False)
    assert short.at(chair.ijk)[0].all()


def test_one_view_that_looks_through_is_not_enough_and_a_fresh_sight_starts_anew():
    voxel_map = seen_with_chair(2)
    stood = voxel_map.voxels()
    for _ in range(3):
        look(voxel_map, POSES[0], chair=False)
        look(voxel_map, POSES[0], chair=True)
    visible = voxel_map.at(stood.ijk[is_chair(stood)])[1]
    again = visible.last_frame == voxel_map.frames - 1
    assert again.sum() > 50
    found, _ = voxel_map.at(visible.ijk[again])
    assert found.all()


def test_a_cleared_map_is_saved_and_goes_on_the_same(cleared, tmp_path):
    _, after = cleared
    save_map(after, tmp_path / "map.npz")
    loaded = load_map(tmp_path / "map.npz")
    for turn in range(2):
        a, b = after.voxels(), loaded.voxels()
        for name in ("ijk", "rgb", "views", "last_frame", "best_score", "score_sum", "votes"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
        assert (after.frames, after.confident_count) == (loaded.frames, loaded.confident_count)
        ours, theirs = after.obstacles(), loaded.obstacles()
        cells = ours.cell_to_world(np.argwhere(ours.cells))
        assert theirs.value_at(cells, False).all() and theirs.cells.sum() == ours.cells.sum()
        assert loaded.explored_area_m2 == pytest.approx(after.explored_area_m2)
        if turn == 0:  # the chair comes back
            assert look(after, POSES[0]) == look(loaded, POSES[0]) > 0
