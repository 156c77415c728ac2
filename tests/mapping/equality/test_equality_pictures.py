# SPDX-License-Identifier: Apache-2.0
"""Label pictures equal the plain walk through the voxels, whole and through crops (`mutations`)."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from tests.mapping.equality.reference_labels import Scene, reference_labels
from tests.mapping.equality.scenes import (
    LIMITS,
    NO_READING,
    examples,
    looking_at,
    or_reject,
    pick,
    random_camera,
    random_pose,
    rngs,
    volume_of,
)

from seal_mapping.labels import volume as label_volume
from seal_mapping.labels.raytrace import render_labels, trace_image


def random_stops(rng, reach, height, dust):
    """Boxes and dust within `reach` voxels: occupied (0), objects (> 0) and regions to ignore (-1, -2)."""
    stops, far = {}, np.array([reach, reach, height])
    for _ in range(rng.integers(0, 6)):
        low, size, number = rng.integers(-far, far), rng.integers(1, 5, 3), int(rng.integers(-2, 5))
        stops.update({tuple((low + offset).tolist()): number for offset in np.argwhere(np.ones(size))})
    stops.update({tuple(v): int(rng.integers(-2, 5)) for v in rng.integers(-far, far + 1, (dust, 3)).tolist()})
    present = set(stops.values())
    rename = {-1: -1, -2: -2 if -1 in present else -1}  # regions are -1, -2, ... without gaps
    return {voxel: rename.get(number, number) for voxel, number in stops.items()}


def own_depth(rng, stop, voxel_m, max_range):
    """A depth picture near what the rays found, or anywhere, or without a reading."""
    depth = np.where(stop > 0, stop, rng.uniform(0, 1.3 * max_range, stop.shape))
    depth += rng.normal(0, voxel_m, stop.shape)
    wrong = rng.random(stop.shape) < 0.3
    depth[wrong] = rng.choice([*NO_READING, *LIMITS], wrong.sum())
    return depth.astype(np.float32)


@examples(100)
@given(rng=rngs())
def test_label_pictures_are_the_plain_walk(rng):
    """Any pose and camera, inside and outside of the world, whole or cut into crops."""
    camera, voxel_m = random_camera(rng), pick(rng, 0.05, 0.1, 0.23)
    pixels, check, tiles = pick(rng, "ray", "depth"), pick(rng, 0.0, 0.05, 0.2), pick(rng, True, False)
    reach, dust = pick(rng, (2, 30), (2, 400), (4, 80), (8, 200))
    stops, max_range = random_stops(rng, reach, reach, dust), pick(rng, 3, 9, 40) * voxel_m
    T, place = random_pose(rng, pick(rng, True, False)), rng.uniform(-1.5, 1.5, 3) * reach * voxel_m
    T[:3, 3] = place
    if rng.random() < 0.7:
        T = looking_at(rng, place, rng.permutation(list(stops))[0] * voxel_m)
    volume = volume_of(stops, voxel_m)
    scene = Scene(stops, volume.origin, voxel_m, camera, T)
    depth = own_depth(rng, or_reject(reference_labels, scene, 3 * max_range)[1], voxel_m, max_range)
    expected, stop = or_reject(reference_labels, scene, max_range, pixels, depth, check)
    with mock.patch.multiple(label_volume, _WHOLE=10 if tiles else 1 << 25, _TILE=4):
        ids, found = trace_image(volume, camera, T, max_range, pixels, depth, check)
        again, category = render_labels(volume, camera, T, max_range, pixels=pixels, depth=depth, depth_check_m=check)
    assert ids.tolist() == again.tolist() == expected.tolist()
    table = volume.by_id()
    assert category.tolist() == [[table[n].category if n else -1 for n in row] for row in expected.tolist()]
    met = stop > 0 if pixels == "depth" else np.ones(stop.shape, bool)  # by depth, free space has a depth too
    assert found[met] == pytest.approx(stop[met], rel=1e-6, abs=1e-6)


@examples(40)
@given(rng=rngs())
def test_crops_of_a_wide_world_show_what_the_whole_shows(rng):
    """A sparse world of several tiles, seen from many places in turn, so that crops come and go."""
    camera, max_range, stops = random_camera(rng), pick(rng, 0.5, 1.2), random_stops(rng, 25, 4, 300)
    whole, cut = volume_of(stops, 0.1), volume_of(stops, 0.1)
    for _ in range(5):
        target, away = rng.permutation(list(stops))[0] * 0.1, rng.normal(size=3)
        away *= rng.uniform(0.5, 0.95) * max_range / np.linalg.norm(away)
        T = looking_at(rng, target + away, target)
        expected = trace_image(whole, camera, T, max_range)
        with mock.patch.multiple(label_volume, _WHOLE=10, _TILE=7):
            found = trace_image(cut, camera, T, max_range)
        assert (found[0] == expected[0]).all()
        assert found[1] == pytest.approx(expected[1], rel=1e-6)
