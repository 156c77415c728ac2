# SPDX-License-Identifier: Apache-2.0
"""3DLabelProp and the label pictures equal their plain reference, on random worlds (`mutations`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from tests.mapping.equality.reference import Voxel, reference_map
from tests.mapping.equality.reference_labels import (
    Labels,
    Scene,
    reference_components,
    reference_keep_ids,
    reference_labels,
    reference_propagate,
)
from tests.mapping.equality.scenes import (
    examples,
    map_from,
    or_reject,
    pick,
    random_journey,
    random_voxels,
    rngs,
    volume_of,
)
from tests.mapping.worlds import box

from seal_mapping.labels.config import PAPER, LabelConfig
from seal_mapping.labels.instance_ids import keep_ids, load_objects, save_objects
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.raytrace import trace_image
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_mapping.voxels.voxel_set import connected_components


def random_label_config(rng, voxel_m):
    def volume(*voxels):
        return pick(rng, *voxels) * voxel_m**3

    return LabelConfig(
        rule=pick(rng, "paper", "agreement", "instance_vote", "instance_vote"),
        evidence=pick(rng, "score", "share", "log_odds"),
        confident=pick(rng, 230, 230, 229, 255),
        agreement=pick(rng, 0.3, 0.5, 0.6, 0.05),
        agreement_min_views=pick(rng, 1, 1, 2, 3, 5),
        log_prior=pick(rng, -3.0, -1.0),
        smooth_voxels=pick(rng, 0, 0, 1),
        vote_low=pick(rng, 0.1, 0.3, 0.5),
        vote_min_views=pick(rng, 1, 1, 3),
        vote_merge=pick(rng, True, False),
        vote_confident_share=pick(rng, 0.0, 0.5),
        min_height_m=pick(rng, 0.0, 0.0, 0.1),
        min_instance_m3=volume(0, 1, 1, 2, 8, 26),
        min_instance_by_category_m3=pick(rng, (), (2 * voxel_m**3,), (0.0, 20 * voxel_m**3)),
        plausible_size=False,
        max_hole_m3=volume(0, 1, 2, 8, 100, 100, 100, 100),
        min_views=pick(rng, 1, 2, 3),
        ignore_uncertain=pick(rng, True, False),
        uncertain=pick(rng, 0.15, 0.4),
    )


def assert_same(volume, expected):
    assert [tuple(v) for v in volume.ijk.tolist()] == sorted(expected.instance)
    assert volume.instance.tolist() == [expected.instance[voxel] for voxel in sorted(expected.instance)]
    assert sorted(volume.by_id()) == sorted(expected.table)
    assert [item.id for item in volume.instances] == sorted(id_ for id_ in expected.table if id_ > 0)
    for number, row in expected.table.items():
        for name, value in row.items():
            assert getattr(volume.by_id()[number], name) == pytest.approx(value, abs=1.01e-4), (number, name)


def cells(low, high, best=255, views=2):
    """Box low..high (exclusive) of the only category, which every view saw."""
    return {v: Voxel([best], [best * views], [views], views, views) for v in box(low, high)}


def shell(n):
    inner = box((1, 1, 1), (n - 1, n - 1, n - 1))
    return {v: voxel for v, voxel in cells((0, 0, 0), (n, n, n)).items() if v not in inner}


def of_another(voxel):
    return Voxel([0, *voxel.best_score], [0, *voxel.score_sum], [0, *voxel.votes], voxel.views, voxel.weight)


def two_categories(first, second):
    """The voxels of `first` as category 0, those of `second` as category 1."""
    one = {v: Voxel([*x.best_score, 0], [*x.score_sum, 0], [*x.votes, 0], x.views, x.weight) for v, x in first.items()}
    return {**one, **{v: of_another(x) for v, x in second.items()}}


ONE = 0.05**3
BITING = {
    "hole of 1 at the limit": (shell(3), {"max_hole_m3": ONE}),
    "hole of 8 at the limit": (shell(4), {"max_hole_m3": 8 * ONE}),
    "hole of 8 below the limit": (shell(4), {"max_hole_m3": 9 * ONE}),
    "another category in a hole": (two_categories(shell(5), cells((2, 2, 2), (3, 3, 3))), {}),
    "an edge is missing": ({v: x for v, x in shell(4).items() if v[:2] != (0, 0)}, {}),
    "as many voxels as needed": (cells((0, 0, 0), (5, 1, 1)), {"min_instance_m3": 5 * ONE}),
    "one voxel too few": (cells((0, 0, 0), (4, 1, 1)), {"min_instance_m3": 5 * ONE}),
    "few views": (
        {**cells((0, 0, 0), (3, 1, 1), views=1), **cells((3, 0, 0), (4, 1, 1), views=4)},
        {"rule": "instance_vote", "agreement_min_views": 2},
    ),
    "few are confident": (
        {**cells((0, 0, 0), (3, 1, 1), best=200), **cells((3, 0, 0), (5, 1, 1))},
        {"rule": "instance_vote", "vote_confident_share": 0.5},
    ),
    "log-odds of the mean voxel": (
        {**cells((0, 0, 0), (3, 1, 1), views=1)},
        {"rule": "instance_vote", "evidence": "log_odds", "agreement": 0.3, "vote_low": 0.05},
    ),
}


@pytest.mark.parametrize("name", BITING)
def test_worlds_made_to_bite(name):
    """Cases that random worlds meet too seldom."""
    voxels, changes = BITING[name]
    changes = {"agreement_min_views": 1, "min_instance_m3": 0.0, "plausible_size": False, **changes}
    rules = replace(PAPER, **changes)
    config = MapConfig(num_categories=len(voxels[min(voxels)].best_score), min_height_m=-5.0, max_height_m=5.0)
    expected = reference_propagate(voxels, rules, config.voxel_m)
    assert_same(propagate(map_from(voxels, config), rules), expected)


def test_a_part_takes_the_id_of_what_it_shares_most_with():
    before = volume_of(
        {**dict.fromkeys(box((0, 0, 0), (3, 1, 1)), 1), **dict.fromkeys(box((3, 0, 0), (8, 1, 1)), 2)}, 0.1, [0] * 4
    )
    ijk = np.array(sorted(box((0, 0, 0), (8, 1, 1))), np.int64)
    assert keep_ids(ijk, np.ones(8, np.int64), np.array([0, 1]), before).tolist() == [0, 2]


def some_of(rng, voxels):
    kept = {voxel: v for voxel, v in voxels.items() if rng.random() < 0.8}
    return kept or voxels


@examples(100)
@given(rng=rngs())
def test_propagate_is_the_plain_loops(rng, tmp_path_factory):
    """Every rule, evidence and bar; then again after a change, with ids that last, through a file."""
    config = MapConfig(
        voxel_m=pick(rng, 0.05, 0.1),
        num_categories=pick(rng, 1, 2, 6, 16),
        range_weight_m=pick(rng, 0.0, 2.0),
        min_height_m=-5.0,
        max_height_m=5.0,
    )
    rules, voxels = random_label_config(rng, config.voxel_m), random_voxels(rng, config)
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
@given(rng=rngs())
def test_components_are_those_of_a_flood(rng):
    share, far = pick(rng, 0.05, 0.2, 0.5), pick(rng, 0, -700_000, 700_000)
    ijk = np.argwhere(rng.random((6, 5, 7)) < 0.9) + np.array([far, -far, 0])
    labels = (rng.integers(1, 4, len(ijk)) * (rng.random(len(ijk)) < share)).astype(np.uint8)
    part, count = connected_components(ijk, labels)
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


@examples(20)
@given(rng=rngs())
def test_frames_to_label_pictures(rng):
    """All of it in turn: frames, map, objects, pictures."""
    config, frames = random_journey(rng)
    rules = replace(PAPER, min_instance_m3=0.0, confident=config.confident)
    expected_map = or_reject(reference_map, frames, config)
    voxel_map = VoxelMap(config)
    for item, image in frames:
        voxel_map.integrate_scores(item, image)
    one = 16 if config.range_weight_m > 0 else 1
    expected = or_reject(reference_propagate, expected_map.voxels, rules, config.voxel_m, one)
    volume = propagate(voxel_map, rules)
    assert_same(volume, expected)
    item = frames[0][0]
    scene = Scene(expected.instance, volume.origin, config.voxel_m, item.camera, item.T_map_camera)
    ids, _ = or_reject(reference_labels, scene, 5.1)
    assert trace_image(volume, item.camera, item.T_map_camera)[0].tolist() == ids.tolist()
