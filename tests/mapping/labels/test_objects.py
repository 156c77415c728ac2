# SPDX-License-Identifier: Apache-2.0
"""The rule "objects": candidates at every level, their features, how well they fit, the best."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.worlds import box, map_of

from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.objects import features
from seal_mapping.labels.objects.candidates import LEVELS, Candidate, find_candidates
from seal_mapping.labels.objects.choose import choose_objects, judge_candidates, pick
from seal_mapping.labels.objects.explain import explain
from seal_mapping.labels.objects.features import EVIDENCE, FEATURES, describe
from seal_mapping.labels.objects.model import (
    ObjectModel,
    fit_object_model,
    model_digest,
    read_object_model,
    save_object_model,
    shipped_model,
)
from seal_mapping.labels.propagate import propagate
from seal_mapping.voxels.voxel_map import MapConfig
from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError

ANY_HEIGHT = LabelConfig(min_height_m=0.0, stand_from_m=0.0)
F = len(FEATURES)
EASY = ObjectModel((0.0,) * F, (1.0,) * F, (4.0, *[0.0] * F), {})
"""By the mean score alone: 0.5 is even."""


def judged(voxel_map, config=ANY_HEIGHT, model=EASY):
    grid = voxel_map.config
    return judge_candidates(voxel_map.voxels(), config, grid.names, grid.voxel_m, model)


def objects_of(world, config=ANY_HEIGHT, model=EASY, **more):
    voxel_map = map_of(world)
    return propagate(voxel_map, config, judged=judged(voxel_map, config, model), **more)


def voxels_of(voxel_map, one):
    return {tuple(v) for v in voxel_map.voxels().ijk[one.rows].tolist()}


def flooded(inside):
    """26-connected parts, by plain search."""
    parts, left = [], set(inside)
    while left:
        part, edge = set(), [left.pop()]
        while edge:
            i, j, k = edge.pop()
            part.add((i, j, k))
            near = {(i + a, j + b, k + c) for a, b, c in itertools.product((-1, 0, 1), repeat=3)} & left
            left -= near
            edge += near
        parts.append(part)
    return parts


def test_a_thing_in_a_halo_is_a_candidate_at_its_own_level():
    world = {**box((0, 0, 0), (9, 9, 9), c1=20), **box((2, 2, 2), (6, 6, 6), c1=200)}
    voxel_map = map_of(world)
    found = find_candidates(voxel_map.voxels(), ANY_HEIGHT, 0.05)
    assert [(one.category, one.level, len(one.rows)) for one in found] == [(1, 0.05, 729), (1, 0.08, 64)]
    assert voxels_of(voxel_map, found[1]) == set(box((2, 2, 2), (6, 6, 6)))


@pytest.mark.parametrize(("height", "count"), [(0.0, 125), (0.1, 75), (0.2, 25), (0.25, 0)])
def test_candidates_begin_above_the_floor(height, count):
    voxel_map = map_of(box((0, 0, 0), (5, 5, 5), c0=255))  # centres at 0, 0.05, ... 0.2 m
    found = find_candidates(voxel_map.voxels(), LabelConfig(min_height_m=height), 0.05)
    assert [len(one.rows) for one in found] == [count] * (count >= 20)


def test_candidates_equal_a_plain_search_in_random_worlds():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        cells = [(int(i), int(j), int(k)) for i, j, k in np.argwhere(rng.random((9, 8, 7)) < 0.6)]
        world = {cell: {c: int(rng.choice([0, 10, 25, 60, 140, 255])) for c in range(2)} for cell in cells}
        voxel_map = map_of(world)
        found = find_candidates(voxel_map.voxels(), ANY_HEIGHT, 0.05)
        wanted = {
            (category, frozenset(part))
            for category in range(2)
            for level in LEVELS
            for part in flooded(cell for cell, scores in world.items() if scores[category] / 255 >= level)
            if len(part) >= 20
        }
        assert {(one.category, frozenset(voxels_of(voxel_map, one))) for one in found} == wanted
        assert len(found) == len(wanted), "none is listed twice"


def test_features_by_hand():
    """A block of 4 x 2 x 3 voxels that every view calls 0.8, a tv at 0.2, in a ring of two that say 0.2 and 0."""
    block = {cell: {0: 204, 5: 51} for cell in box((0, 0, 4), (4, 2, 7))}
    world = {**block, (4, 0, 4): {0: 51}, (5, 0, 4): {}, (6, 0, 4): {0: 255}}
    voxel_map = map_of(world, views=dict.fromkeys(block, 3))
    cloud = voxel_map.voxels()
    one = Candidate(0, 0.5, np.array([row for row, v in enumerate(cloud.ijk.tolist()) if tuple(v) in block]))
    values = describe(cloud, [one], 0.05)[0]

    def logit(p):
        return math.log(p / (1 - p))

    volume = math.log(24 * 0.05**3)
    expected = [
        logit(0.8), logit(0.3), 1.0, 0.8, logit(0.8) - logit(0.1), logit(0.8) - logit(0.2), math.log(3),
        volume, volume**2, 0.2, 0.04, 0.1, 0.01, 0.325, 0.325**2, 0.175, 0.175**2, 1.0,
    ]  # fmt: skip
    assert values == pytest.approx(expected, abs=2e-4)  # sides come from cv2, in float32


def test_rings_of_many_candidates_are_those_of_a_plain_search():
    rng = np.random.default_rng(3)
    cells = [tuple(int(v) for v in cell) for cell in np.argwhere(rng.random((12, 11, 10)) < 0.5)]
    voxel_map = map_of({cell: {c: int(rng.choice([0, 20, 90, 255])) for c in range(2)} for cell in cells})
    cloud = voxel_map.voxels()
    candidates = find_candidates(cloud, ANY_HEIGHT, 0.05)
    assert len(candidates) > 3
    rings = features._Rings(cloud, candidates)
    for one in candidates:
        grown = voxels_of(voxel_map, one)
        for _ in range(2):
            grown |= {
                cell
                for i, j, k in grown
                for cell in ((i + a, j + b, k + c) for a, b, c in itertools.product((-1, 0, 1), repeat=3))
                if cell in set(cells)
            }
        ring = rings.of(one.rows)
        assert {tuple(v) for v in cloud.ijk[ring].tolist()} == grown - voxels_of(voxel_map, one)
        assert len(ring) == len(set(ring.tolist()))


def test_a_map_without_voxels_has_no_candidates():
    cloud = map_of({}).voxels()
    assert find_candidates(cloud, LabelConfig(), 0.05) == []
    assert describe(cloud, [], 0.05).shape == (0, F)
    assert propagate(map_of({}), LabelConfig()).instances == ()


SHAPE = FEATURES.index("top")


def synthetic(count=4000, seed=0):
    """Candidates of which chairs fit better the more evidence, tvs the lower their top, and both by chance."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, F)) * 3.0 + 1.0
    names = [str(name) for name in rng.choice(["chair", "tv"], count)]
    told = np.where(np.array(names) == "chair", values[:, 0], -values[:, SHAPE])
    chance = 1.0 / (1.0 + np.exp(-(told - 1.0)))
    return values, names, chance, rng.random(count) < chance


def test_a_fit_finds_the_probabilities_that_made_the_data():
    values, names, _, right = synthetic()
    model = fit_object_model(values, names, right)
    fresh, names, chance, _ = synthetic(seed=1)
    assert np.abs(model.overlap(fresh, names) - chance).mean() < 0.04
    again = synthetic()
    assert fit_object_model(again[0], again[1], again[3]) == model, "the same data give the same model"


def test_a_category_that_was_never_shown_takes_what_all_share():
    values, names, _, right = synthetic()
    model = fit_object_model(values, names, right)
    unknown = model.overlap(values[:5], ["sink"] * 5)
    assert unknown == pytest.approx(replace(model, own={}).overlap(values[:5], ["chair"] * 5))
    assert np.abs(unknown - model.overlap(values[:5], ["chair"] * 5)).max() > 0.05


def test_what_lies_far_outside_is_no_more_certain():
    far = np.zeros((2, F))
    far[:, 0] = 4.0, 400.0
    chances = EASY.overlap(far, ["chair"] * 2)
    assert chances[0] == chances[1]


@pytest.mark.parametrize("right", [[], [True, True], [False, False]])
def test_a_fit_needs_things_and_others(right):
    with pytest.raises(InputError, match="candidates that are things and others"):
        fit_object_model(np.zeros((len(right), F)), ["chair"] * len(right), right)


def test_a_model_survives_its_file(tmp_path):
    values, names, _, right = synthetic(400)
    model = fit_object_model(values, names, right)
    save_object_model(model, tmp_path / "m.json", {"homes": ["train_01"]})
    again = read_object_model(tmp_path / "m.json")
    assert again.overlap(values, names) == pytest.approx(model.overlap(values, names), abs=1e-4)
    assert json.loads((tmp_path / "m.json").read_text())["about"] == {"homes": ["train_01"]}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"features": ["height"]},
        {"shared": [0.0]},
        {"shared": [float("nan")] * (F + 1)},
        {"scale": [0.0] * F},
        {"own": {"chair": [1.0]}},
        {"own": ["chair"]},
        {"mean": None},
        {"mean": ["much"] * F},
    ],
)
def test_an_odd_model_file_is_refused_in_a_line(tmp_path, change):
    path = tmp_path / "m.json"
    save_object_model(EASY, path, {})
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=r"m\.json") as told:
        read_object_model(path)
    assert "\n" not in str(told.value) and len(str(told.value)) < 300


def candidate(first, count, category=0):
    return Candidate(category, 0.1, np.arange(first, first + count))


def test_the_likelier_of_two_nested_ones_is_taken():
    nest = [candidate(0, 100), candidate(20, 50)]
    assert [index for index, _ in pick(nest, np.array([0.7, 0.9]), 0.4, 100)] == [1]
    assert [index for index, _ in pick(nest, np.array([0.9, 0.7]), 0.6, 100)] == [0]


@pytest.mark.parametrize(("overlap", "taken"), [(20, [0, 1]), (21, [0])])
def test_a_candidate_may_lose_a_fifth_of_itself_to_other_categories(overlap, taken):
    two = [candidate(0, 200), candidate(200 - overlap, 100, category=1)]
    picked = pick(two, np.array([0.9, 0.8]), 0.6, 300)
    assert [index for index, _ in picked] == taken
    rows = np.concatenate([rows for _, rows in picked])
    assert len(rows) == len(set(rows.tolist())), "no voxel belongs to two"


def test_another_cut_of_the_same_thing_is_no_second_object():
    nest = [candidate(0, 1000), candidate(20, 30)]
    assert [index for index, _ in pick(nest, np.array([0.5, 0.9]), 0.4, 1000)] == [1]


def test_the_bar_is_included():
    assert len(pick([candidate(0, 30)], np.array([0.6]), 0.6, 30)) == 1
    assert not pick([candidate(0, 30)], np.array([0.59]), 0.6, 30)


def test_two_things_that_a_lower_level_would_join_are_two():
    left, right = box((0, 0, 0), (8, 8, 10), c0=200), box((9, 0, 0), (17, 8, 10), c0=200)
    world = {**left, **right, **box((8, 0, 0), (9, 8, 10), c0=120)}
    volume = objects_of(world)
    assert [(item.category, item.voxels) for item in volume.instances] == [(0, 640), (0, 640)]


def test_things_of_two_categories_may_touch():
    volume = objects_of({**box((0, 0, 0), (8, 8, 10), c0=250), **box((8, 0, 0), (16, 8, 10), c4=250)})
    assert [(item.id, item.category, item.voxels) for item in volume.instances] == [(1, 0, 640), (2, 4, 640)]


def test_the_overlap_of_a_voxel_is_that_of_the_best_candidate_that_holds_it():
    voxel_map = map_of({**box((0, 0, 0), (8, 8, 10), c0=250), **box((8, 0, 0), (16, 8, 10), c0=100)})
    chosen = choose_objects(judged(voxel_map), 0.4)
    assert np.bincount(chosen.labels).tolist() == [640, 640]  # both halves together are another cut of the first
    assert chosen.overlap[chosen.labels == 1, 0].min() > 0.99 > chosen.overlap[chosen.labels == 0, 0].max() > 0.9
    assert not chosen.overlap[:, 1:].any()


def test_what_is_likely_but_not_enough_can_be_ignored():
    world = {**box((0, 0, 0), (6, 6, 6), c0=250), **box((20, 0, 0), (26, 6, 6), c1=120)}
    surer = replace(ANY_HEIGHT, least_overlap=0.4)
    volume = objects_of(world, replace(surer, ignore_uncertain=True, uncertain=0.3))
    assert [(item.category, item.voxels) for item in volume.instances] == [(0, 216)]
    assert [(item.category, item.voxels) for item in volume.ignored] == [(1, 216)]
    assert 0.3 < volume.ignored[0].score < 0.4
    assert not objects_of(world, replace(surer, ignore_uncertain=True, uncertain=0.4)).ignored
    assert not objects_of(world).ignored


@pytest.mark.parametrize("name", [*CATEGORIES, "sink"])
def test_a_thing_that_views_are_surer_of_is_no_worse_for_it(name):
    """Whatever its shape: a better detector must not get fewer labels."""
    model, rng = shipped_model(), np.random.default_rng(1)
    shapes = np.array(model.mean) + np.array(model.scale) * rng.normal(size=(50, F))
    order = np.sort(rng.normal(size=(9, len(EVIDENCE))) * 4.0, axis=0)  # of each piece of evidence more and more
    for shape in shapes:
        rows = np.repeat(shape[None], len(order), axis=0)
        rows[:, : len(EVIDENCE)] = (
            np.array(model.mean)[: len(EVIDENCE)] + order * np.array(model.scale)[: len(EVIDENCE)]
        )
        expected = model.overlap(rows, [name] * len(rows))
        assert (np.diff(expected) >= -1e-9).all()
    assert model.overlap(shapes, [name] * 50).std() > 0.01


def chair(score, i=0, j=0):
    """Seat, back and legs, 0.45 m wide and 0.9 m high, as a camera sees them: surfaces."""
    legs = {}
    for x, y in itertools.product((i, i + 8), (j, j + 8)):
        legs |= box((x, y, 2), (x + 1, y + 1, 9), c0=score)
    return {**legs, **box((i, j, 9), (i + 9, j + 9, 10), c0=score), **box((i, j, 10), (i + 9, j + 1, 18), c0=score)}


def test_the_shipped_model_knows_evidence_and_size():
    def found(thing):
        world = {**box((-30, -30, 0), (30, 30, 1)), **thing}
        views = dict.fromkeys(world, 20)
        return [item.category for item in propagate(map_of(world, views=views), LabelConfig()).instances]

    assert shipped_model() is shipped_model()
    assert found(chair(200)) == [0]
    assert found({**chair(200), **chair(200, 20)}) == [0, 0]
    assert found(chair(110)) == found(chair(252)) == [0]
    assert found(chair(14)) == [], "weak evidence"
    assert found(box((-30, 0, 2), (30, 1, 39), c0=120)) == [], "a wall of three metres is no chair"


def test_a_map_of_other_categories_has_objects_too():
    names = ("chair", "sink", "oven")
    world = box((0, 0, 4), (9, 9, 14), c1=240)
    config = MapConfig(categories=names, num_categories=3, min_height_m=-5.0, max_height_m=5.0)
    voxel_map = map_of(world, config=config, views=dict.fromkeys(world, 20))
    assert [item.category for item in propagate(voxel_map, LabelConfig(least_overlap=0.3)).instances] == [1]


def test_what_a_human_drew_joins_the_object_it_touches():
    world = box((0, 0, 2), (8, 8, 12), c0=250)
    human = map_of(box((0, 0, 2), (2, 8, 12), c0=255))
    volume = objects_of(world, LabelConfig(), human_map=human)
    assert [(item.category, item.voxels) for item in volume.instances] == [(0, 640)]
    assert volume.instances[0].score > 0.9


def considered(world, config=ANY_HEIGHT, model=EASY):
    voxel_map = map_of(world)
    found = judged(voxel_map, config, model)
    return explain(found, propagate(voxel_map, config, judged=found), config)


def test_what_was_considered_is_told_with_the_reason():
    world = {
        **box((0, 0, 2), (6, 6, 8), c0=250),
        **box((20, 0, 2), (26, 6, 8), c1=120),
        **box((40, 0, 2), (46, 6, 8), c3=30),
    }
    found = considered(world, replace(ANY_HEIGHT, least_overlap=0.4))
    assert [(one.category, one.label) for one in found] == [("chair", 1), ("couch", 0), ("bed", 0)]
    assert found[0].why == "" and found[1].why == "expected overlap 0.384, a label needs 0.4"
    assert (found[0].voxels, found[0].views, found[0].found) == (216, 1.0, 1.0)
    assert found[0].score == pytest.approx(250 / 255, abs=1e-4)
    assert found[0].centre_xyz == (0.125, 0.125, 0.225) and found[0].size_xyz == (0.3, 0.3, 0.3)
    assert found[1].found == 0.0, "120 of 255 is no vote"


def test_only_what_is_worth_telling_is_told_but_always_the_best_few():
    weak = {}
    for n in range(14):
        weak |= box((20 * n, 0, 2), (20 * n + 6, 6, 8), c3=20 + n)
    assert len(considered(weak)) == 10
    assert [one.overlap for one in considered(weak)] == sorted((one.overlap for one in considered(weak)), reverse=True)


def test_other_rules_are_explained_too():
    world = box((0, 0, 2), (6, 6, 8), c0=200)
    found = considered(world, replace(ANY_HEIGHT, rule="paper"))
    assert [(one.label, one.why) for one in found] == [(0, "the rule paper keeps nothing here")]
    found = considered(world, replace(ANY_HEIGHT, rule="paper", confident=150))
    assert [(one.label, one.why) for one in found] == [(1, "")]


def test_a_better_category_in_the_same_place_is_named():
    world = box((0, 0, 2), (6, 6, 8), c0=240, c2=150)
    config = replace(ANY_HEIGHT, rule="paper", confident=100)
    found = considered(world, config, replace(EASY, own={"chair": (0.0,) * F + (-12.0,)}))
    assert [(one.category, one.why) for one in found if one.why] == [
        ("potted plant", "it is part of object 1, a chair")
    ]


def test_too_small_is_no_candidate():
    world = box((0, 0, 2), (4, 4, 4), c0=250)
    assert not considered(world, replace(ANY_HEIGHT, min_instance_m3=0.025))
    assert [one.label for one in considered(world)] == [1]
    assert [
        one.label for one in considered(box((0, 0, 2), (2, 2, 4), c0=250), replace(ANY_HEIGHT, min_instance_m3=0.001))
    ] == [1]
    assert not considered(world, replace(ANY_HEIGHT, min_instance_by_category_m3=(0.2,)))


def test_what_a_human_denies_is_told():
    voxel_map = map_of(box((0, 0, 2), (6, 6, 8), c0=250))
    found = judged(voxel_map)
    volume = propagate(voxel_map, ANY_HEIGHT, human_map=map_of(box((0, 0, 2), (6, 6, 8))), judged=found)
    assert not volume.instances
    assert "a human drew otherwise" in explain(found, volume, ANY_HEIGHT)[0].why


def test_objects_keep_their_ids_and_do_not_depend_on_how_views_are_weighted():
    world = {**box((0, 0, 0), (6, 6, 6), c0=250), **box((20, 0, 0), (26, 6, 6), c1=250)}
    first = objects_of(box((20, 0, 0), (26, 6, 6), c1=250))
    again = objects_of(world, previous=first)
    assert {item.category: item.id for item in again.instances} == {1: 1, 0: 2}


def test_a_model_has_its_own_digest():
    assert model_digest(EASY) == model_digest(replace(EASY)) != model_digest(replace(EASY, shared=(3.0, *[0.0] * F)))
    assert LabelProp().facts()["object_model"] == model_digest(shipped_model())
