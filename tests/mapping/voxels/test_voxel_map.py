# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapping.worlds import CAMERA, frame, random_depth, random_pose, reference_map, scores

from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, planar_pose

ROBOT = Camera.from_hfov(160, 120, np.deg2rad(79))
PINHOLE = Camera(1, 1, 10.0, 10.0, 0.0, 0.0)
"""One pixel that looks straight ahead."""


def test_one_pixel_fills_one_voxel():
    voxel_map = VoxelMap()
    gained = voxel_map.integrate_scores(frame(2.0, camera=PINHOLE), scores(PINHOLE, c2=231, c4=100))
    cloud = voxel_map.voxels()
    assert cloud.ijk.tolist() == [[40, 0, 18]]  # 2.00 m ahead, 0.88 m up: floor(0.905 / 0.05)
    assert np.allclose(cloud.xyz, [[2.0, 0.0, 0.9]])
    assert (cloud.label.tolist(), cloud.score.tolist(), cloud.views.tolist()) == ([2], [231], [1])
    assert cloud.best_score.tolist() == cloud.score_sum.tolist() == [[0, 0, 231, 0, 100, 0]]
    assert cloud.rgb.tolist() == [[100, 100, 100]]
    assert (gained, voxel_map.confident_count, voxel_map.frames) == (1, 1, 1)


def test_flat_floor_lies_in_the_layer_zero():
    T = camera_mounting(1.0, 0.0, np.pi / 2)  # straight down
    voxel_map = VoxelMap()
    voxel_map.integrate(frame(1.0, T), None)
    assert set(voxel_map.voxels().ijk[:, 2].tolist()) == {0}
    assert not voxel_map.obstacles().cells.any()


@pytest.mark.parametrize("depth", [0.0, np.nan, np.inf, -np.inf, -2.0, 0.49, 5.01])
def test_no_reading_and_out_of_range_are_left_out(depth):
    voxel_map = VoxelMap()
    assert voxel_map.integrate_scores(frame(depth), scores(c0=255)) == 0
    assert len(voxel_map.voxels()) == 0


def test_ceiling_and_what_lies_under_the_floor_are_left_out():
    up = camera_mounting(0.88, 0.0, -np.pi / 2)
    down = camera_mounting(0.88, 0.0, np.pi / 2)
    voxel_map = VoxelMap()
    voxel_map.integrate(frame(1.5, up), None)  # 2.38 m high
    voxel_map.integrate(frame(1.1, down), None)  # 0.22 m under the floor
    assert len(voxel_map.voxels()) == 0
    voxel_map.integrate(frame(0.93, down), None)  # 0.05 m under the floor: noise, kept
    assert set(voxel_map.voxels().ijk[:, 2].tolist()) == {-1}


def test_confident_is_230_not_229_and_counts_once():
    voxel_map = VoxelMap()
    item = frame(2.0, camera=PINHOLE)
    assert voxel_map.integrate_scores(item, scores(PINHOLE, c1=229)) == 0
    assert voxel_map.integrate_scores(item, scores(PINHOLE, c1=230)) == 1
    assert voxel_map.integrate_scores(item, scores(PINHOLE, c0=255, c1=255)) == 0
    assert voxel_map.integrate_scores(item, scores(PINHOLE)) == 0
    assert voxel_map.confident_count == 1


def test_maximum_over_pixels_then_maximum_and_sum_over_time():
    close = Camera(4, 1, 400.0, 400.0, 1.5, 0.0)  # four pixels, all in one voxel at 1 m
    voxel_map = VoxelMap()
    for values in ([10, 50, 20, 0], [0, 0, 0, 7], [0, 0, 0, 0]):
        image = np.zeros((1, 4, 6), np.uint8)
        image[0, :, 3] = values
        voxel_map.integrate_scores(frame(1.0, camera=close), image)
    cloud = voxel_map.voxels()
    assert len(cloud) == 1
    assert (cloud.best_score[0, 3], cloud.score_sum[0, 3], cloud.views[0]) == (50, 57, 3)


def test_equal_scores_take_the_lower_category():
    voxel_map = VoxelMap()
    voxel_map.integrate_scores(frame(2.0, camera=PINHOLE), scores(PINHOLE, c3=240, c1=240, c5=240))
    assert voxel_map.voxels().label.tolist() == [1]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), voxel_m=st.sampled_from([0.05, 0.1, 0.17]))
def test_same_as_the_plain_loop(seed, voxel_m):
    rng = np.random.default_rng(seed)
    config = MapConfig(voxel_m=voxel_m, num_categories=3)
    camera = Camera.from_hfov(20, 15, 1.3)
    frames = []
    for n in range(4):
        image = rng.integers(0, 256, (15, 20, 3)).astype(np.uint8) * (rng.random((15, 20, 1)) < 0.5)
        item = frame(random_depth(rng, camera), random_pose(rng), camera)
        frames.append((item, None if n == 2 else image.astype(np.uint8)))
    voxel_map = VoxelMap(config)
    gains = [voxel_map.integrate_scores(item, image) for item, image in frames]
    expected = reference_map(frames, config)
    cloud = voxel_map.voxels()
    assert {tuple(v) for v in cloud.ijk.tolist()} == set(expected)
    for row, voxel in enumerate(map(tuple, cloud.ijk.tolist())):
        views, best, total = expected[voxel]
        assert cloud.views[row] == views
        assert (cloud.best_score[row] == best).all()
        assert (cloud.score_sum[row] == total).all()
    recount = sum(bool(best.max() >= 230) for _, best, _ in expected.values())
    assert sum(gains) == voxel_map.confident_count == recount
    obstacles, explored = voxel_map.obstacles(), voxel_map.explored()
    first, last = config.obstacle_layers
    cells = {(i, j) for i, j, k in expected if first <= k <= last}
    low = np.rint((obstacles.origin_xy + voxel_m / 2) / voxel_m).astype(int)
    assert {tuple(c) for c in (np.argwhere(obstacles.cells) + low).tolist()} == cells
    assert obstacles.shape == explored.shape and (obstacles.origin_xy == explored.origin_xy).all()
    assert {(i, j) for i, j, _ in expected} <= {tuple(c) for c in (np.argwhere(explored.cells) + low).tolist()}
    assert voxel_map.explored_area_m2 == pytest.approx(explored.cells.sum() * voxel_m**2)


def test_growing_in_every_direction_loses_nothing():
    """Many far-apart views, into negative coordinates, past the first reserve of blocks; order does not matter."""
    rng = np.random.default_rng(3)
    config = MapConfig(num_categories=2)
    items = []
    for x, y in rng.uniform(-60, 60, (40, 2)):
        T = planar_pose(x, y, rng.uniform(-3, 3)) @ camera_mounting(0.88)
        image = rng.integers(0, 256, (24, 32, 2)).astype(np.uint8)
        items.append((frame(rng.uniform(1, 5), T), image))
    there, back = VoxelMap(config), VoxelMap(config)
    for item in items:
        there.integrate_scores(*item)
    for item in reversed(items):
        back.integrate_scores(*item)
    a, b = there.voxels(), back.voxels()
    assert len(a) > 3000 and (a.ijk.min(axis=0)[:2] < -500).all()
    assert there.store.num_blocks > 256
    for name in ("ijk", "views", "best_score", "score_sum"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert there.confident_count == back.confident_count
    assert there.explored_area_m2 == pytest.approx(back.explored_area_m2)
    assert {tuple(v) for v in a.ijk.tolist()} == set(reference_map(items, config))
    assert there.nbytes < 60e6  # a dense box of that size would take about 4 GB


def test_explored_reaches_to_the_wall_and_not_behind_it():
    voxel_map = VoxelMap()
    voxel_map.integrate(frame(3.0, camera=ROBOT), None)  # a wall 3 m ahead
    explored, obstacles = voxel_map.explored(), voxel_map.obstacles()
    ahead = np.stack([np.arange(0.1, 2.9, 0.05), np.zeros(56)], axis=1)
    assert explored.value_at(ahead, False).all()
    assert not obstacles.value_at(ahead, False).any()
    assert obstacles.value_at([[3.0, 0.0], [3.0, 2.0]], False).all()
    xy = explored.cell_to_world(np.argwhere(explored.cells))
    assert xy[:, 0].max() <= 3.0 + 0.05
    assert xy[:, 0].min() >= -0.25  # the footprint, and nothing behind the robot
    assert not explored.value_at([[0.5, 1.5], [-1.0, 0.0]], False).any()  # outside the field of view


def test_what_hangs_high_does_not_hide_the_floor_below_and_a_low_obstacle_does():
    depth = np.full((120, 160), 4.0, np.float32)
    depth[:45] = 2.0  # upper rows: a lintel 2 m ahead, above 1.1 m
    voxel_map = VoxelMap()
    voxel_map.integrate(frame(depth, camera=ROBOT), None)
    assert voxel_map.explored().value_at([[3.0, 0.0]], False).all()
    assert not voxel_map.obstacles().value_at([[2.0, 0.0]], False).any()
    depth = np.full((120, 160), 4.0, np.float32)
    depth[90:] = 1.0  # lower rows: a box 1 m ahead, its top at about 0.6 m
    voxel_map = VoxelMap()
    voxel_map.integrate(frame(depth, camera=ROBOT), None)
    assert voxel_map.obstacles().value_at([[1.0, 0.0]], False).all()
    assert not voxel_map.explored().value_at([[3.0, 0.0], [2.0, 0.5]], False).any()


def test_near_obstacle_limits_the_free_rays_though_it_is_not_mapped():
    depth = np.full((120, 160), 4.0, np.float32)
    depth[60:] = 0.4
    voxel_map = VoxelMap()
    voxel_map.integrate(frame(depth, camera=ROBOT), None)
    assert not voxel_map.explored().value_at([[1.0, 0.0], [3.0, 0.0]], False).any()
    assert not voxel_map.obstacles().cells[voxel_map.obstacles().world_to_cell((0.4, 0.0))[0]].any()


def test_nothing_seen_leaves_the_footprint_only():
    voxel_map = VoxelMap()
    voxel_map.integrate(frame(np.nan, planar_pose(-7.0, 2.0, 1.0) @ camera_mounting(0.88)), None)
    xy = voxel_map.explored().cell_to_world(np.argwhere(voxel_map.explored().cells))
    assert len(xy) and (np.linalg.norm(xy - [-7.0, 2.0], axis=1) <= 0.2 + 1e-9).all()
    assert voxel_map.explored_area_m2 == pytest.approx(np.pi * 0.2**2, abs=0.03)


def test_an_obstacle_can_need_several_views():
    voxel_map = VoxelMap(MapConfig(obstacle_min_views=3))
    for n in range(3):
        assert voxel_map.obstacles().cells.any() == (n == 3)
        voxel_map.integrate(frame(2.0), None)
    assert voxel_map.obstacles().cells.any()


def test_edge_filter_drops_flying_pixels():
    depth = np.full((24, 32), 2.0, np.float32)
    depth[:, 16:] = 3.0
    depth[:, 15] = 2.5  # between the two surfaces
    with_filter, without = VoxelMap(MapConfig(edge_filter=0.1)), VoxelMap()
    for voxel_map in (with_filter, without):
        voxel_map.integrate(frame(depth), None)
    assert 50 in without.voxels().ijk[:, 0]
    assert 50 not in with_filter.voxels().ijk[:, 0]
    assert {40, 60} <= set(with_filter.voxels().ijk[:, 0].tolist())


def test_views_stop_at_their_type_and_keep_the_mean():
    voxel_map = VoxelMap()
    item, image = frame(2.0, camera=PINHOLE), scores(PINHOLE, c0=100)
    voxel_map.integrate_scores(item, image)
    views = voxel_map.store.voxels.views
    views[views > 0] = 65534
    voxel_map.store.voxels.score_sum[:] *= 65534
    for _ in range(3):
        voxel_map.integrate_scores(item, image)
    cloud = voxel_map.voxels()
    assert cloud.views.tolist() == [65535] and cloud.score_sum[0, 0] == 65535 * 100


def test_wrong_input_is_refused_in_one_line():
    voxel_map = VoxelMap()
    with pytest.raises(InputError, match=r"scores must be \(24, 32, 6\) uint8, got \(24, 32, 5\) uint8"):
        voxel_map.integrate_scores(frame(1.0), scores(categories=5))
    with pytest.raises(InputError, match="float64"):
        voxel_map.integrate_scores(frame(1.0), scores().astype(float))
    far = planar_pose(1e12, 0.0, 0.0) @ camera_mounting(0.88)
    with pytest.raises(InputError, match="is a pose wrong"):
        voxel_map.integrate(frame(1.0, far), None)
    voxel_map.integrate(frame(1.0), None)
    with pytest.raises(InputError, match=r"span .* m; is a pose wrong"):
        voxel_map.integrate(frame(1.0, planar_pose(2e4, 2e4, 0.0) @ camera_mounting(0.88)), None)
    assert voxel_map.frames == 1


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"voxel_m": 0.0}, "voxel_m must be positive, got 0.0"),
        ({"min_depth_m": 5.0}, "min_depth_m < max_depth_m, got 5.0 and 5.0"),
        ({"confident": 256}, r"1\.\.255, got 256"),
        ({"max_height_m": -1.0}, "min_height_m < max_height_m"),
        ({"obstacle_min_views": 0}, "at least 1, got 0"),
    ],
)
def test_wrong_configuration_shows_the_values(values, text):
    with pytest.raises(ValueError, match=text):
        MapConfig(**values)


def test_timings_name_every_stage():
    voxel_map = VoxelMap()
    voxel_map.integrate_scores(frame(2.0), scores())
    assert list(voxel_map.timings) == ["filter", "grow", "scatter", "fuse", "clear", "explore", "total"]
    assert CAMERA.width == 32 and voxel_map.timings["total"] > 0


@pytest.mark.parametrize("name", ["voxel_m", "max_depth_m", "min_height_m", "range_weight_m"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_numbers_that_are_none_are_refused_before_compiled_code_meets_them(name, value):
    with pytest.raises(ValueError, match=f"{name} must be finite"):
        MapConfig(**{name: value})


def test_a_camera_that_sees_everything_is_refused():
    with pytest.raises(ValueError, match="focal lengths must be at least"):
        Camera(32, 24, 1e-310, 10.0, 16.0, 12.0)
