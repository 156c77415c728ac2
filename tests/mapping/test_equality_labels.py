# SPDX-License-Identifier: Apache-2.0
"""3DLabelProp and the label pictures equal their plain reference, on random worlds (`tests.mapping.mutations`)."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mapping.reference import reference_map
from tests.mapping.reference_labels import (
    Labels,
    reference_components,
    reference_keep_ids,
    reference_labels,
    reference_propagate,
)
from tests.mapping.scenes import (
    LIMITS,
    NO_READING,
    cameras,
    examples,
    journeys,
    map_from,
    or_reject,
    random_pose,
    random_voxels,
    rngs,
)

from seal_mapping import label_volume
from seal_mapping.fusion import components
from seal_mapping.instance_ids import keep_ids, load_objects, save_objects
from seal_mapping.label_config import PAPER, LabelConfig
from seal_mapping.label_prop import propagate
from seal_mapping.label_volume import Instance, LabelVolume
from seal_mapping.raytrace import render_labels, trace_image
from seal_mapping.voxel_map import MapConfig, VoxelMap


@st.composite
def map_configs(draw):
    return MapConfig(
        voxel_m=draw(st.sampled_from([0.05, 0.1])),
        num_categories=draw(st.sampled_from([1, 2, 6, 16])),
        range_weight_m=draw(st.sampled_from([0.0, 2.0])),
        min_height_m=-5.0,
        max_height_m=5.0,
    )


@st.composite
def label_configs(draw, voxel_m):
    def volume(*voxels):
        return draw(st.sampled_from(voxels)) * voxel_m**3

    return LabelConfig(
        rule=draw(st.sampled_from(["paper", "agreement", "instance_vote"])),
        evidence=draw(st.sampled_from(["score", "share", "log_odds"])),
        confident=draw(st.sampled_from([230, 229, 255])),
        agreement=draw(st.sampled_from([0.3, 0.5, 0.6, 0.05])),
        agreement_min_views=draw(st.sampled_from([1, 2, 3])),
        log_prior=draw(st.sampled_from([-3.0, -1.0])),
        smooth_voxels=draw(st.sampled_from([0, 0, 1])),
        vote_low=draw(st.sampled_from([0.1, 0.3, 0.5])),
        vote_min_views=draw(st.sampled_from([1, 3])),
        vote_merge=draw(st.booleans()),
        vote_confident_share=draw(st.sampled_from([0.0, 0.5])),
        min_height_m=draw(st.sampled_from([0.0, 0.0, 0.1])),
        min_instance_m3=volume(0, 1, 2, 8, 26),
        min_instance_by_category_m3=draw(st.sampled_from([(), (2 * voxel_m**3,), (0.0, 20 * voxel_m**3)])),
        plausible_size=False,
        max_hole_m3=volume(0, 1, 2, 8, 100, 100),
        min_views=draw(st.sampled_from([1, 2, 3])),
        ignore_uncertain=draw(st.booleans()),
        uncertain=draw(st.sampled_from([0.15, 0.4])),
    )


def assert_same(volume, expected):
    assert [tuple(v) for v in volume.ijk.tolist()] == sorted(expected.instance)
    assert volume.instance.tolist() == [expected.instance[voxel] for voxel in sorted(expected.instance)]
    assert sorted(volume.by_id()) == sorted(expected.table)
    assert [item.id for item in volume.instances] == sorted(id_ for id_ in expected.table if id_ > 0)
    for number, row in expected.table.items():
        for name, value in row.items():
            assert getattr(volume.by_id()[number], name) == pytest.approx(value, abs=1.01e-4), (number, name)


def some_of(rng, voxels):
    kept = {voxel: v for voxel, v in voxels.items() if rng.random() < 0.8}
    return kept or voxels


@examples(100)
@given(data=st.data(), rng=rngs(), config=map_configs())
def test_propagate_is_the_plain_loops(data, rng, config, tmp_path_factory):
    """Every rule, evidence and bar; then again after a change, with ids that last, through a file."""
    rules, voxels = data.draw(label_configs(config.voxel_m)), random_voxels(rng, config)
    one = 16 if config.range_weight_m > 0 else 1
    expected = or_reject(reference_propagate, voxels, rules, config.voxel_m, one)
    volume = propagate(map_from(voxels, config), rules)
    assert_same(volume, expected)
    path = tmp_path_factory.mktemp("objects") / "objects.npz"
    save_objects(volume, path)
    before = load_objects(path)
    assert before.instances == volume.instances and before.voxel_m == volume.voxel_m
    assert (before.origin == volume.origin).all()
    kept = Labels({v: id_ for v, id_ in expected.instance.items() if id_ > 0}, expected.table)
    assert {tuple(v): id_ for v, id_ in zip(before.ijk.tolist(), before.instance, strict=True)} == kept.instance
    later = {**some_of(rng, voxels), **(random_voxels(rng, config) if rng.random() < 0.5 else {})}
    expected = or_reject(reference_propagate, later, rules, config.voxel_m, one, kept)
    assert_same(propagate(map_from(later, config), rules, before), expected)


@examples(40)
@given(rng=rngs(), share=st.sampled_from([0.05, 0.2, 0.5]), far=st.sampled_from([0, -700_000, 700_000]))
def test_components_are_those_of_a_flood(rng, share, far):
    ijk = np.argwhere(rng.random((6, 5, 7)) < 0.9) + np.array([far, -far, 0])
    labels = (rng.integers(1, 4, len(ijk)) * (rng.random(len(ijk)) < share)).astype(np.uint8)
    part, count = components(ijk, labels)
    expected = reference_components({tuple(v): n for v, n in zip(ijk.tolist(), labels.tolist(), strict=True) if n})
    number = {voxel: n for n, (_, inside) in enumerate(expected, start=1) for voxel in inside}
    assert count == len(expected) and part.tolist() == [number.get(tuple(v), 0) for v in ijk.tolist()]


@examples(40)
@given(rng=rngs())
def test_ids_last_as_in_the_plain_loops(rng):
    """Objects that split, join, shrink and change category."""
    shape = (5, 5, 4)
    parts, old = (rng.integers(0, 4, shape) * (rng.random(shape) < rng.choice([0.1, 0.5, 1.0])) for _ in range(2))
    labels, kinds = rng.integers(1, 3, 4), rng.integers(0, 2, 4)
    names = {n: int(name) for n, name in enumerate(rng.choice(np.arange(1, 9), 3, replace=False), start=1)}
    previous = volume_of({tuple(v): names[int(old[tuple(v)])] for v in np.argwhere(old).tolist()}, 0.1, kinds)
    table = {item.id: {"category": item.category} for item in previous.instances}
    pairs = zip(previous.ijk.tolist(), previous.instance.tolist(), strict=True)
    before = Labels({tuple(v): n for v, n in pairs}, table)
    groups = [[tuple(v) for v in np.argwhere(parts == n).tolist()] for n in range(1, 4)]
    used = [(int(label), group) for label, group in zip(labels, groups, strict=False) if group]
    ijk = np.array([v for _, group in used for v in group], np.int64).reshape(-1, 3)
    number = np.repeat(np.arange(len(used)) + 1, [len(group) for _, group in used])
    category = np.array([0, *(label for label, _ in used)])
    found = keep_ids(ijk, number, category, previous)
    assert found.tolist() == [0, *reference_keep_ids(used, before)]


def volume_of(stops, voxel_m, kinds=(0, 1, 5, 2)):
    """Volume of voxel -> id, its table with some category for each id."""
    ijk = np.array(sorted(stops), np.int32).reshape(-1, 3)
    ids = np.array([stops[voxel] for voxel in sorted(stops)], np.int32)
    row = [Instance(n, int(kinds[abs(n) % 4]), int((ids == n).sum()), *[1.0] * 4, (0,) * 3, (0,) * 3) for n in set(ids)]
    objects, ignored = [r for r in row if r.id > 0], sorted((r for r in row if r.id < 0), key=lambda r: -r.id)
    return LabelVolume(ijk, ids, np.full(3, -voxel_m / 2), voxel_m, tuple(objects), tuple(ignored))


def random_stops(rng, reach):
    """Boxes and dust within `reach` voxels: occupied (0), objects (> 0) and regions to ignore (-1, -2)."""
    stops = {}
    for _ in range(rng.integers(0, 5)):
        low, size, number = rng.integers(-reach, reach, 3), rng.integers(1, 5, 3), int(rng.integers(-2, 5))
        stops.update({tuple((low + offset).tolist()): number for offset in np.argwhere(np.ones(size))})
    stops.update({tuple(v): int(rng.integers(-2, 5)) for v in rng.integers(-reach, reach + 1, (30, 3)).tolist()})
    present = set(stops.values())
    rename = {-1: -1, -2: -2 if -1 in present else -1}  # regions are -1, -2, ... without gaps
    return {voxel: rename.get(number, number) for voxel, number in stops.items()}


def own_depth(rng, stop):
    """A depth picture near what the rays found, or not, or without a reading."""
    depth = np.where(stop > 0, stop, rng.uniform(0.1, 6, stop.shape)) + rng.normal(0, 0.1, stop.shape)
    wrong = rng.random(stop.shape) < 0.3
    depth[wrong] = rng.choice([*NO_READING, *LIMITS], wrong.sum())
    return depth.astype(np.float32)


@examples(100)
@given(
    rng=rngs(),
    camera=cameras(),
    upright=st.booleans(),
    voxel_m=st.sampled_from([0.05, 0.1, 0.23]),
    pixels=st.sampled_from(["ray", "depth"]),
    check=st.sampled_from([0.0, 0.1, 0.3]),
    max_range=st.sampled_from([0.35, 1.7, 5.1]),
    tiles=st.booleans(),
)
def test_label_pictures_are_the_plain_walk(rng, camera, upright, voxel_m, pixels, check, max_range, tiles):
    """Any pose and camera, inside and outside of the world, whole or cut into windows."""
    stops = random_stops(rng, 8)
    T = random_pose(rng, upright, reach=rng.choice([3, 12]) * voxel_m)
    T[2, 3] = rng.uniform(-10, 10) * voxel_m
    volume = volume_of(stops, voxel_m)
    world = (stops, volume.origin, voxel_m, camera, T, max_range)
    depth = own_depth(rng, or_reject(reference_labels, *world)[1])
    expected, stop = or_reject(reference_labels, *world, pixels, depth, check)
    with mock.patch.multiple(label_volume, _WHOLE=10 if tiles else 1 << 25, _TILE=4):
        ids, found = trace_image(volume, camera, T, max_range, pixels, depth, check)
        again, category = render_labels(volume, camera, T, max_range, pixels=pixels, depth=depth, depth_check_m=check)
    assert ids.tolist() == again.tolist() == expected.tolist()
    table = volume.by_id()
    assert category.tolist() == [[table[n].category if n else -1 for n in row] for row in expected.tolist()]
    met = stop > 0 if pixels == "depth" else np.ones(stop.shape, bool)  # by depth, free space has a depth too
    assert found[met] == pytest.approx(stop[met], rel=1e-6, abs=1e-6)


@examples(40)
@given(rng=rngs(), camera=cameras(), max_range=st.sampled_from([0.5, 1.2]))
def test_windows_of_a_wide_world_show_what_the_whole_shows(rng, camera, max_range):
    """A sparse world of several tiles, seen from many places in turn, so that windows come and go."""
    stops = random_stops(rng, 30)
    whole, cut = volume_of(stops, 0.1), volume_of(stops, 0.1)
    for _ in range(5):
        T = random_pose(rng, upright=False, reach=3.5)
        expected = trace_image(whole, camera, T, max_range)
        with mock.patch.multiple(label_volume, _WHOLE=10, _TILE=7):
            found = trace_image(cut, camera, T, max_range)
        assert (found[0] == expected[0]).all()
        assert found[1] == pytest.approx(expected[1], rel=1e-6)


@examples(20)
@given(journey=journeys())
def test_frames_to_label_pictures(journey):
    """All of it in turn: frames, map, objects, pictures."""
    config, frames = journey
    rules = replace(PAPER, min_instance_m3=0.0, confident=config.confident)
    expected_map = or_reject(reference_map, frames, config)
    voxel_map = VoxelMap(config)
    for item, image in frames:
        voxel_map.integrate(item, image)
    one = 16 if config.range_weight_m > 0 else 1
    expected = or_reject(reference_propagate, expected_map.voxels, rules, config.voxel_m, one)
    volume = propagate(voxel_map, rules)
    assert_same(volume, expected)
    item = frames[0][0]
    world = (expected.instance, volume.origin, config.voxel_m, item.camera, item.T_map_camera, 5.1)
    ids, _ = or_reject(reference_labels, *world)
    assert trace_image(volume, item.camera, item.T_map_camera)[0].tolist() == ids.tolist()
