# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapping.worlds import box, frame, map_of

from seal_mapping.voxels.local_map import LocalMapConfig, local_map
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.errors import InputError
from seal_perception.pose import planar_pose

SIZE = 0.05
SMALL = LocalMapConfig(size_m=(1.2, 0.8), height_m=(0.0, 0.6), pool=1)


def reference(world, T, config):
    """Sample by sample, in loops of float64."""
    (nx, ny, nz), first = config.lattice(world.config.voxel_m)
    cloud, size = world.voxels(), world.config.voxel_m
    rows = {tuple(v): n for n, v in enumerate(cloud.ijk.tolist()) if cloud.occupied(config.min_views)[n]}
    out = np.zeros((1 + world.config.num_categories, nx, ny, nz), np.uint8)
    base = (T[:3, 3] + 0.5 * size) / size
    for a in range(nx * config.pool):
        for b in range(ny * config.pool):
            for c in range(nz * config.pool):
                s = (first[0] + a, first[1] + b, first[2] + c)
                q = [base[n] + T[n, 0] * s[0] + T[n, 1] * s[1] + T[n, 2] * s[2] for n in range(3)]
                row = rows.get(tuple(math.floor(v) for v in q))
                if row is not None:
                    cell = (slice(None), a // config.pool, b // config.pool, c // config.pool)
                    out[cell] = np.maximum(out[cell], [255, *cloud.best_score[row]])
    return out


def some_map(seed, num_categories=3):
    rng = np.random.default_rng(seed)
    config = MapConfig(num_categories=num_categories, min_height_m=-5.0, max_height_m=5.0)
    cells = rng.integers(-20, 20, (600, 3))
    entries = {tuple(v): {int(rng.integers(num_categories)): int(rng.integers(256))} for v in cells.tolist()}
    return map_of(entries, views={voxel: int(rng.integers(1, 4)) for voxel in entries}, config=config)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), pool=st.integers(1, 3), tilted=st.booleans(), min_views=st.integers(1, 3))
def test_same_as_the_plain_loop(seed, pool, tilted, min_views):
    rng = np.random.default_rng(seed)
    world = some_map(seed)
    T = planar_pose(*rng.uniform(-0.6, 0.6, 2), rng.uniform(-4, 4), rng.uniform(-0.2, 0.2))
    if tilted:
        a = rng.uniform(-0.4, 0.4)
        roll = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
        T[:3, :3] = T[:3, :3] @ roll
    config = LocalMapConfig(size_m=(0.9, 0.7), height_m=(-0.2, 0.5), pool=pool, min_views=min_views)
    np.testing.assert_array_equal(local_map(world, T, config), reference(world, T, config))


def test_at_the_maps_zero_without_pooling_it_is_the_map_itself():
    world = some_map(4)
    out = local_map(world, np.eye(4), SMALL)
    assert out.shape == (4, 24, 16, 12) and out.dtype == np.uint8
    cloud = world.voxels()
    place = cloud.ijk + np.array([12, 8, 0])
    inside = ((place >= 0) & (place < [24, 16, 12])).all(axis=1)
    expected = np.zeros_like(out)
    expected[(0, *place[inside].T)] = 255
    expected[(slice(1, None), *place[inside].T)] = cloud.best_score[inside].T
    np.testing.assert_array_equal(out, expected)
    assert inside.sum() > 20


def test_what_lies_ahead_is_at_plus_x_whatever_the_heading():
    world = map_of(box((40, -2, 0), (44, 3, 20), c5=240), config=MapConfig(max_height_m=5.0))
    for yaw, axis, sign in ((0.0, 1, 1), (math.pi / 2, 2, -1), (math.pi, 1, -1), (-math.pi / 2, 2, 1)):
        out = local_map(world, planar_pose(0.0, 0.0, yaw))
        assert out.shape == (7, 120, 120, 20)
        cells = np.argwhere(out[0])
        middle = cells[:, axis - 1].mean() + 0.5 - 60
        assert sign * middle * 0.1 == pytest.approx(2.1, abs=0.1)  # metres ahead, or to the left for a right turn
        assert abs(cells[:, 2 - axis].mean() + 0.5 - 60) < 1.5
        assert set(np.unique(out[6])) == {0, 240} and not out[1:6].any()


@pytest.mark.parametrize("yaw", np.linspace(0.1, 3.0, 7))
def test_turning_leaves_no_holes_in_a_floor(yaw):
    world = map_of(box((-40, -40, 0), (40, 40, 1)))
    for pool in (1, 2, 3):
        out = local_map(world, planar_pose(0.013, -0.021, yaw), LocalMapConfig((2.4, 2.4), (0.0, 0.1), pool))
        assert (out[0, :, :, 0] == 255).all()


def test_a_cell_takes_the_greatest_of_its_voxels():
    world = map_of({(0, 0, 0): {0: 100, 1: 20}, (1, 1, 1): {0: 90, 1: 200}, (2, 0, 0): {0: 255}})
    out = local_map(world, np.eye(4), LocalMapConfig((0.4, 0.4), (0.0, 0.1), pool=2))
    assert out.shape == (7, 4, 4, 1)
    assert out[:3, 2, 2, 0].tolist() == [255, 100, 200] and out[:3, 3, 2, 0].tolist() == [255, 255, 0]
    assert np.count_nonzero(out[0]) == 2


def test_an_empty_map_and_a_robot_far_away_give_zeros():
    assert not local_map(VoxelMap(), np.eye(4)).any()
    world = map_of({(0, 0, 0): {0: 255}})
    assert local_map(world, np.eye(4)).any()
    assert not local_map(world, planar_pose(1e6, 0.0, 0.0)).any()
    assert not local_map(world, planar_pose(1e300, 0.0, 0.0)).any()


def test_views_weighted_by_range_count_with_their_weight():
    world = VoxelMap(MapConfig(range_weight_m=1.0))
    world.integrate(frame(2.0), None)  # weight 4 of 16
    assert not local_map(world, np.eye(4)).any()
    assert local_map(world, np.eye(4), LocalMapConfig(min_views=0.25)).any()


def test_wrong_input_is_refused_in_one_line():
    world = map_of({(0, 0, 0): {}})
    for pose in (np.eye(3), np.full((4, 4), np.nan), 2 * np.eye(4)):
        with pytest.raises(InputError, match="T_map_robot must") as error:
            local_map(world, pose)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="too large; lower size_m"):
        local_map(world, np.eye(4), LocalMapConfig(size_m=(2000.0, 2000.0)))
    for values, text in (
        ({"size_m": (0.0, 1.0)}, "two positive metres, got"),
        ({"height_m": (2.0, 1.0)}, "low < high in metres, got"),
        ({"pool": 0}, "at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=text):
            LocalMapConfig(**values)
