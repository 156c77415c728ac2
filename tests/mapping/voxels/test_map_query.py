# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapping.worlds import FINE, box, frame, label_config, map_of

from seal_mapping.labels.object_boxes import object_boxes
from seal_mapping.labels.propagate import propagate
from seal_mapping.voxels.query import along_ray, at_points, in_box
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.errors import InputError

SIZE = 0.05
WIDE = MapConfig(min_height_m=-5.0, max_height_m=5.0)


def plain_walk(occupied, origin, direction, max_range):
    """Amanatides and Woo over a set of voxels, one voxel after the other; (voxel, distance) or None."""
    p = [(v + 0.5 * SIZE) / SIZE for v in origin]
    length = float(np.linalg.norm(direction))
    d = [v / (length * SIZE) for v in direction]
    at, t = [math.floor(v) for v in p], 0.0
    for _ in range(2000):
        if t > max_range:
            return None
        if tuple(at) in occupied:
            return tuple(at), t
        ahead = []
        for axis in range(3):
            plane = at[axis] + 1 if d[axis] > 0 else at[axis]
            ahead.append((plane - p[axis]) * (1.0 / d[axis]) if abs(d[axis]) > 1e-12 else math.inf)
        axis = min(range(3), key=lambda n: (ahead[n], n))
        t = ahead[axis]
        at[axis] += 1 if d[axis] > 0 else -1
    return None


def slab_hit(occupied, origin, direction):
    """Distance to the nearest voxel whose inside the ray passes, from each voxel's own box."""
    way = np.asarray(direction, float) / np.linalg.norm(direction)
    nearest = math.inf
    for voxel in occupied:
        low = (np.array(voxel) - 0.5) * SIZE - origin
        start, end = 0.0, math.inf
        for axis in range(3):
            if abs(way[axis]) < 1e-12:
                if not low[axis] < 0 < low[axis] + SIZE:
                    end = -1.0
            else:
                a, b = sorted((low[axis] / way[axis], (low[axis] + SIZE) / way[axis]))
                start, end = max(start, a), min(end, b)
        if end - start > 1e-9:
            nearest = min(nearest, start)
    return nearest


def test_points_find_their_voxels():
    world = map_of({(0, 0, 0): {1: 200}, (-3, 20, 8): {4: 255}, (5, 5, 5): {}})
    found, cloud = at_points(world, [[0.024, -0.024, 0.0], [0.026, 0, 0], [-0.15, 1.0, 0.4], [9e9, 0, 0], [0, 0, 0]])
    assert found.tolist() == [True, False, True, False, True]
    assert cloud.ijk.tolist() == [[0, 0, 0], [-3, 20, 8], [0, 0, 0]]
    assert cloud.label.tolist() == [1, 4, 1] and cloud.score.tolist() == [200, 255, 200]
    found, cloud = at_points(world, np.zeros((0, 3)))
    assert found.shape == (0,) and len(cloud) == 0


def test_a_box_holds_the_voxels_with_their_centre_in_it():
    world = map_of(box((-20, -20, -20), (20, 20, 20)))
    cloud = in_box(world, (-0.1, 0.0, 0.3), (0.1, 0.0, 0.349))
    assert cloud.ijk.tolist() == [[i, 0, 6] for i in range(-2, 3)]
    assert len(in_box(world, (-9, -9, -9), (9, 9, 9))) == 40**3
    assert len(in_box(world, (-1e12, -9, -9), (1e12, 9, 9))) == 40**3
    assert len(in_box(world, (0.01, 0.01, 0.01), (0.04, 0.04, 0.04))) == 0
    assert len(in_box(world, (3, 3, 3), (4, 4, 4))) == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_box_is_the_same_as_a_look_at_every_voxel(seed):
    rng = np.random.default_rng(seed)
    world = map_of({tuple(v): {} for v in rng.integers(-30, 30, (200, 3)).tolist()}, config=WIDE)
    low = rng.uniform(-2, 1, 3)
    high = low + rng.uniform(0, 2, 3)
    every = world.voxels()
    expected = every.ijk[((every.ijk * SIZE >= low) & (every.ijk * SIZE <= high)).all(axis=1)]
    assert in_box(world, low, high).ijk.tolist() == expected.tolist()


def test_a_ray_known_by_hand():
    world = map_of({(20, 0, 0): {2: 255}, (30, 0, 0): {}, (0, 0, 40): {}}, views={(30, 0, 0): 3})
    hit = along_ray(world, (0, 0, 0), (2, 0, 0), 5.0)
    assert hit.ijk == (20, 0, 0) and hit.distance_m == pytest.approx(0.975)
    assert hit.voxel.label.tolist() == [2] and len(hit.voxel) == 1
    assert along_ray(world, (0, 0, 0), (1, 0, 0), 5.0, min_views=2).ijk == (30, 0, 0)
    assert along_ray(world, (0, 0, 0), (1, 0, 0), 0.97) is None
    assert along_ray(world, (0, 0, 0), (1, 0, 0), 0.976).ijk == (20, 0, 0)
    assert along_ray(world, (0, 0, 0), (-1, 0, 0), math.inf) is None
    assert along_ray(world, (0, 0, -4), (0, 0, 1), math.inf).ijk == (0, 0, 40)
    assert along_ray(world, (1.0, 0, 0), (0, 1, 0), 1.0).distance_m == 0.0  # starts inside
    assert along_ray(world, (1000, 0, 0), (-1, 0, 0), math.inf).ijk == (30, 0, 0)
    assert along_ray(VoxelMap(), (0, 0, 0), (1, 0, 0), math.inf) is None


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    on_planes=st.booleans(),
    direction=st.tuples(*[st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.3, 1e-9, 0.7123])] * 3).filter(any),
)
def test_a_ray_visits_what_the_plain_walk_visits(seed, on_planes, direction):
    rng = np.random.default_rng(seed)
    occupied = {tuple(v) for v in rng.integers(-25, 25, (rng.integers(1, 400), 3)).tolist()}
    world = map_of({voxel: {} for voxel in occupied}, config=WIDE)
    origin = rng.uniform(-2.5, 2.5, 3)
    if on_planes:  # starts on planes of the voxels, runs through edges and corners
        origin = (np.round(origin / SIZE) - 0.5) * SIZE
    way = np.array(direction) if rng.random() < 0.5 else rng.normal(size=3)
    max_range = float(rng.choice([0.0, 0.6, 3.0, 50.0]))
    hit, expected = along_ray(world, origin, way, max_range), plain_walk(occupied, origin, way, max_range)
    if expected is None:
        assert hit is None
    else:
        assert (hit.ijk, hit.distance_m) == expected
    if not on_planes and max_range == 50.0 and np.abs(way).min() > 1e-6:
        nearest = slab_hit(occupied, origin, way)
        assert (hit.distance_m if hit else math.inf) == pytest.approx(nearest, abs=1e-7)


def test_views_weighted_by_range_count_with_their_weight():
    world = VoxelMap(MapConfig(range_weight_m=1.0))
    world.integrate(frame(2.0, camera=FINE), None)  # weight 4 of 16
    assert along_ray(world, (0, 0, 0.88), (1, 0, 0), 5.0) is None
    assert along_ray(world, (0, 0, 0.88), (1, 0, 0), 5.0, min_views=0.25).ijk[0] == 40


def test_objects_have_boxes():
    world = map_of({**box((0, 0, 4), (6, 6, 10), c0=255), **box((20, -4, 2), (26, 2, 8), c3=255)})
    volume = propagate(world, label_config())
    chair, bed = object_boxes(volume)
    assert (chair.item.category, bed.item.category) == (0, 3)
    np.testing.assert_allclose(chair.low_xyz, [-0.025, -0.025, 0.175])
    np.testing.assert_allclose(chair.high_xyz, [0.275, 0.275, 0.475])
    np.testing.assert_allclose(bed.high_xyz - bed.low_xyz, bed.item.size_xyz)
    assert len(bed.ijk) == bed.item.voxels == 216
    assert object_boxes(propagate(VoxelMap(), label_config())) == []


NAN = float("nan")


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda m: at_points(m, [1, 2, 3]), r"points must be \(N, 3\) metres in the map frame, got shape \(3,\)"),
        (lambda m: at_points(m, [[1, 2, NAN]]), "points must be finite, got nan"),
        (lambda m: at_points(m, [["a", "b", "c"]]), "points must be numbers in metres"),
        (lambda m: in_box(m, (0, 0), (1, 1, 1)), r"lower corner must be x, y, z in metres, got shape \(2,\)"),
        (lambda m: in_box(m, (0, 0, 0), (1, 1, np.inf)), "upper corner must be finite, got inf"),
        (lambda m: in_box(m, (0, 2, 0), (1, 1, 1)), r"low <= high on every axis, got \[0.0, 2.0, 0.0\]"),
        (lambda m: along_ray(m, (0, 0, 0), (0, 0, 0), 1), r"direction must not be 0, got \[0.0, 0.0, 0.0\]"),
        (lambda m: along_ray(m, (0, 0, 0), (1, 0, 0), NAN), "range must be >= 0 m, got nan"),
        (lambda m: along_ray(m, (0, 0, NAN), (1, 0, 0), 1), "origin must be finite, got nan"),
        (lambda m: along_ray(m, (1e9, 0, 0), (1, 0, 0), 1), "origin must lie within 52429 m of the map's zero"),
    ],
)
def test_wrong_questions_get_one_line(ask, text):
    with pytest.raises(InputError, match=text) as error:
        ask(map_of({(0, 0, 0): {}}))
    assert "\n" not in str(error.value)
