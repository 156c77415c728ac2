# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapping.worlds import box, label_config, map_of

from seal_mapping.labels.config import PAPER, RULES
from seal_mapping.labels.propagate import LabelConfig, propagate
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_mapping.voxels.voxel_set import connected_components

CUBE = ((0, 0, 0), (6, 6, 6))  # 216 voxels, above 0.025 m3
ANY_SIZE = 0.000125  # one voxel


def labelled(volume):
    """Dictionary voxel -> instance id."""
    pairs = zip(volume.ijk.tolist(), volume.instance.tolist(), strict=True)
    return {tuple(voxel): number for voxel, number in pairs if number}


@pytest.mark.parametrize(("score", "found"), [(229, 0), (230, 1), (255, 1)])
def test_paper_trusts_from_230_on(score, found):
    volume = propagate(map_of(box(*CUBE, c2=score)), label_config())
    assert len(volume.instances) == found
    if found:
        item = volume.instances[0]
        assert (item.id, item.category, item.voxels, item.seen, item.views) == (1, 2, 216, 1.0, 1.0)
        assert item.score == pytest.approx(score / 255, abs=1e-4)
        assert item.centre_xyz == (0.125, 0.125, 0.125)
        assert item.size_xyz == (0.3, 0.3, 0.3)


@pytest.mark.parametrize(("min_height_m", "voxels"), [(0.0, 216), (0.1, 144), (0.11, 108)])
def test_voxels_near_the_floor_get_no_label_if_so_configured(min_height_m, voxels):
    volume = propagate(
        map_of(box((0, 0, 0), (6, 6, 6), c3=255)), label_config(min_height_m=min_height_m, min_instance_m3=0.0)
    )
    assert volume.instances[0].voxels == voxels  # layers have their centres at 0, 0.05, 0.1 ... m


def test_equal_scores_go_to_the_lower_category():
    assert propagate(map_of(box(*CUBE, c1=240, c4=240)), label_config()).instances[0].category == 1


@pytest.mark.parametrize(("width", "found"), [(199, 0), (200, 1)])
def test_instances_below_200_voxels_are_dropped(width, found):
    volume = propagate(map_of(box((0, 0, 0), (width, 1, 1), c0=255)), label_config())
    assert len(volume.instances) == found
    assert (volume.instance > 0).sum() == width * found


def turned_slab(length, width, height, angle, **values):
    """Voxels whose centre lies in a rectangle turned by an angle, from the floor up."""
    entry = {int(name[1:]): value for name, value in values.items()}
    reach, out = length + width, {}
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            along = i * np.cos(angle) + j * np.sin(angle)
            across = j * np.cos(angle) - i * np.sin(angle)
            if abs(along) <= length / 2 and abs(across) <= width / 2:
                out.update({(i, j, k): dict(entry) for k in range(height)})
    return out


@pytest.mark.parametrize("angle", [0.0, 0.6])
@pytest.mark.parametrize(
    ("category", "length", "width", "height", "kept"),
    [
        (3, 40, 30, 12, True),  # a bed of 2 x 1.5 m
        (3, 40, 4, 20, False),  # a headboard, or a wall
        (0, 10, 10, 18, True),  # a chair
        (0, 34, 12, 14, False),  # a bench, or two chairs
        (0, 10, 10, 40, False),  # as high as a door
        (1, 40, 16, 16, True),
        (1, 12, 12, 16, False),  # an armchair's size
        (1, 90, 16, 16, False),
        (2, 18, 18, 36, True),
        (2, 40, 18, 36, False),  # a plant as long as a hedge
        (4, 12, 8, 16, True),
        (4, 30, 8, 16, False),  # a bath tub taken for a toilet
        (5, 24, 2, 30, True),
        (5, 60, 2, 30, False),  # a window
    ],
)
def test_sizes_that_a_category_does_not_come_in_are_dropped(category, length, width, height, kept, angle):
    world = turned_slab(length, width, height, angle, **{f"c{category}": 255})
    found = propagate(map_of(world), label_config(plausible_size=True)).instances
    assert [item.category for item in found] == [category] * kept
    assert len(propagate(map_of(world), label_config()).instances) == 1


@pytest.mark.parametrize(
    ("cells", "layers", "kept"), [(24, 20, True), (25, 20, False), (24, 28, True), (24, 29, False)]
)
def test_sizes_at_their_bounds_are_kept(cells, layers, kept):
    """A toilet of 1.2 m, 24 cells; layer 0 reaches half a voxel below the floor, 28 layers up to 1.375 of 1.4 m."""
    world = box((0, 0, 0), (cells, 10, layers), c4=255)
    assert len(propagate(map_of(world), label_config(plausible_size=True)).instances) == kept


def test_categories_of_unknown_size_are_kept():
    config = MapConfig(num_categories=16, min_height_m=-5.0, max_height_m=5.0)
    world = turned_slab(90, 16, 16, 0.0, c11=255)
    found = propagate(map_of(world, config=config), label_config(plausible_size=True)).instances
    assert [item.category for item in found] == [11]


def test_corners_connect_and_categories_do_not():
    config = label_config(min_instance_m3=ANY_SIZE)
    world = {(0, 0, 0): {0: 255}, (1, 1, 1): {0: 255}, (3, 1, 1): {0: 255}, (2, 1, 1): {1: 255}}
    found = labelled(propagate(map_of(world), config))
    assert found[0, 0, 0] == found[1, 1, 1] == 1
    assert found[3, 1, 1] == 2  # two voxels further: not connected
    assert found[2, 1, 1] == 3  # another category, numbered after the first


def shell(low, high, **values):
    inside = set(box([a + 1 for a in low], [b - 1 for b in high]))
    return {v: s for v, s in box(low, high, **values).items() if v not in inside}


def test_an_enclosed_hole_is_filled_and_counted():
    item = propagate(map_of(shell((0, 0, 0), (8, 8, 8), c3=255)), label_config()).instances[0]
    assert item.voxels == 512
    assert item.seen == pytest.approx(296 / 512, abs=1e-4)


def test_an_open_hole_stays_open():
    world = shell((0, 0, 0), (8, 8, 8), c3=255)
    del world[4, 4, 0]
    assert propagate(map_of(world), label_config()).instances[0].voxels == 295


@pytest.mark.parametrize(("limit", "filled"), [(8 * 1.25e-4, False), (8.01 * 1.25e-4, True)])
def test_only_holes_below_the_limit_are_filled(limit, filled):
    config = label_config(max_hole_m3=limit, min_instance_m3=ANY_SIZE)
    volume = propagate(map_of(shell((0, 0, 0), (4, 4, 4), c0=255)), config)  # a hole of 8 voxels
    assert volume.instances[0].voxels == (64 if filled else 56)


def test_a_hole_is_never_filled_over_another_category_but_over_unsure_voxels():
    world = shell((0, 0, 0), (8, 8, 8), c3=255)
    world[4, 4, 4] = {0: 255}
    world[2, 2, 2] = {3: 100}
    found = labelled(propagate(map_of(world), label_config(min_instance_m3=ANY_SIZE)))
    assert found[4, 4, 4] != found[2, 2, 2] == found[0, 0, 0]


def test_a_diagonal_crack_does_not_open_a_hole():
    """The instance is 26-connected, so its outside is 6-connected."""
    world = shell((0, 0, 0), (4, 4, 4), c0=255)
    for voxel in box((0, 0, 0), (1, 1, 4)):
        del world[voxel]  # the edge: what is inside touches the outside only across a diagonal
    volume = propagate(map_of(world), label_config(min_instance_m3=ANY_SIZE))
    assert volume.instances[0].voxels == 56 - 4 + 8


def test_agreement_between_views_outvotes_one_confident_mistake():
    """A voxel seen as a chair once and as nothing twenty times is no chair."""
    voxel_map = map_of(box(*CUBE, c0=250), views={v: 21 for v in box(*CUBE)})
    voxel_map.store.voxels.score_sum[:] //= 21  # confident in one frame of 21
    voxel_map.store.voxels.votes[:] //= 21
    assert len(propagate(voxel_map, label_config()).instances) == 1
    assert not propagate(voxel_map, label_config(rule="agreement")).instances
    assert not propagate(voxel_map, label_config(rule="instance_vote")).instances


@pytest.mark.parametrize(("views", "found"), [(2, 0), (3, 1)])
@pytest.mark.parametrize("rule", ["agreement", "instance_vote"])
def test_agreement_needs_enough_views(rule, views, found):
    voxel_map = map_of(box(*CUBE, c0=200), views={v: views for v in box(*CUBE)})
    assert len(propagate(voxel_map, label_config(rule=rule, agreement_min_views=3)).instances) == found


@pytest.mark.parametrize(("agreement", "found"), [(0.78, 1), (0.79, 0)])
@pytest.mark.parametrize("rule", ["agreement", "instance_vote"])
def test_agreement_bar(rule, agreement, found):
    voxel_map = map_of(box(*CUBE, c5=200), views={v: 10 for v in box(*CUBE)})  # evidence 200 / 255 = 0.784
    volume = propagate(voxel_map, label_config(rule=rule, agreement=agreement))
    assert [i.category for i in volume.instances] == [5] * found


def test_vote_gives_a_mixed_object_one_category_and_merging_can_be_turned_off():
    world = {**box((0, 0, 0), (12, 6, 6), c1=220), **box((12, 0, 0), (18, 6, 6), c0=210)}
    voxel_map = map_of(world, views={v: 5 for v in world})
    merged = propagate(voxel_map, label_config(rule="instance_vote"))
    assert [(i.category, i.voxels) for i in merged.instances] == [(1, 648)]
    apart = propagate(voxel_map, label_config(rule="instance_vote", vote_merge=False))
    assert [(i.category, i.voxels) for i in apart.instances] == [(0, 216), (1, 432)]


def test_vote_can_ask_for_a_share_of_confident_voxels():
    world = {**box((0, 0, 0), (6, 6, 3), c0=240), **box((0, 0, 3), (6, 6, 6), c0=200)}
    voxel_map = map_of(world, views={v: 5 for v in world})
    for share, found in ((0.5, 1), (0.51, 0)):
        config = label_config(rule="instance_vote", vote_confident_share=share)
        assert len(propagate(voxel_map, config).instances) == found


def test_smoothing_closes_a_gap_of_evidence():
    world = box(*CUBE, c0=240)
    world[3, 3, 3] = {}
    voxel_map = map_of(world, views={v: 5 for v in world})
    config = label_config(rule="agreement", max_hole_m3=0.0)
    assert propagate(voxel_map, config).instances[0].voxels == 215
    smooth = label_config(rule="agreement", max_hole_m3=0.0, smooth_voxels=1)
    assert propagate(voxel_map, smooth).instances[0].voxels == 216


def test_uncertain_voxels_become_regions_to_ignore_on_request():
    world = {**box((0, 0, 0), (6, 6, 6), c0=240), **box((20, 0, 0), (22, 2, 2), c4=80), (30, 0, 0): {1: 20}}
    voxel_map = map_of(world, views={v: 5 for v in world})
    assert not propagate(voxel_map, label_config(rule="agreement")).ignored
    volume = propagate(voxel_map, label_config(rule="agreement", ignore_uncertain=True))
    assert [(i.id, i.category, i.voxels) for i in volume.ignored] == [(-1, 4, 8)]
    found = labelled(volume)
    assert found[20, 0, 0] == -1 and found[0, 0, 0] == 1 and (30, 0, 0) not in found
    assert set(volume.category_table()[volume.instance].tolist()) == {-1, 0, 4}


def test_rays_stop_where_enough_frames_saw_something_or_where_there_is_a_label():
    world = {**shell((0, 0, 0), (8, 8, 8), c3=255), (20, 0, 0): {}}
    volume = propagate(map_of(world), label_config(min_views=2))
    assert len(volume.ijk) == 512  # seen once only, but labelled; the filled hole stops rays too; the stray does not
    crop = volume.crop(np.array([0, 0, 0]), np.array([20, 7, 7]))
    assert (crop.clearance == 0).sum() == 512 and crop.clearance[20, 0, 0] == 13


def test_an_empty_map_gives_an_empty_volume():
    for rule in ("paper", "agreement", "instance_vote"):
        volume = propagate(VoxelMap(), label_config(rule=rule, ignore_uncertain=True, smooth_voxels=1))
        assert volume.instances == volume.ignored == ()
        assert volume.category_table().tolist() == [-1]


def flood(labels):
    """26-connected components of equal labels, in plain loops: numbered by label, then first voxel."""
    out, count = np.zeros(labels.shape, int), 0
    for value in sorted(set(labels[labels > 0].tolist())):
        for start in map(tuple, np.argwhere(labels == value).tolist()):
            if out[start]:
                continue
            count += 1
            stack = [start]
            while stack:
                x, y, z = voxel = stack.pop()
                inside = all(0 <= v < n for v, n in zip(voxel, labels.shape, strict=True))
                if inside and labels[voxel] == value and not out[voxel]:
                    out[voxel] = count
                    near = (-1, 0, 1)
                    stack += [(x + a, y + b, z + c) for a in near for b in near for c in near]
    return out, count


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.05, 0.2, 0.5]))
def test_components_are_those_of_a_flood(seed, share):
    rng = np.random.default_rng(seed)
    labels = (rng.integers(1, 4, (7, 6, 8)) * (rng.random((7, 6, 8)) < share)).astype(np.uint8)
    ijk = np.argwhere(np.ones(labels.shape, bool)) - 3
    seen = rng.random(len(ijk)) < 0.9  # a list of voxels has gaps
    labels[~seen.reshape(labels.shape)] = 0
    part, count = connected_components(ijk[seen], labels.reshape(-1)[seen])
    expected, number = flood(labels)
    assert count == number and (part == expected.reshape(-1)[seen]).all()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rule": "best"}, "paper, agreement, instance_vote, objects, got 'best'"),
        ({"pixels": "both"}, "ray, depth, got 'both'"),
        ({"agreement": 0.0}, r"agreement must lie in \(0, 1\], got 0.0"),
        ({"min_views": 0}, "min_views must be at least 1, got 0"),
        ({"min_instance_m3": -0.5}, "min_instance_m3 must be >= 0, or -1 for the rule's own, got -0.5"),
        ({"min_instance_m3": float("nan")}, "min_instance_m3 must be >= 0, or -1 for the rule's own, got nan"),
    ],
)
def test_wrong_configuration_shows_the_values(values, text):
    with pytest.raises(ValueError, match=text):
        LabelConfig(**values)


def test_the_smallest_instance_follows_the_rule_until_it_is_set():
    """Another rule by `replace` kept the number of the one before."""
    by_rule = {rule: replace(LabelConfig(), rule=rule).least_instance_m3 for rule in RULES}
    assert by_rule == {"paper": 0.025, "agreement": 0.025, "instance_vote": 0.025, "objects": 0.0025}
    assert replace(PAPER, rule="objects").min_instance(3) == 0.0025
    chosen = LabelConfig(min_instance_m3=0.01, min_instance_by_category_m3=(0.5,))
    assert [replace(chosen, rule="paper").min_instance(category) for category in (0, 1)] == [0.5, 0.01]
    assert PAPER.min_instance_m3 == -1.0 and PAPER.as_dict()["min_instance_m3"] == 0.025
    assert LabelConfig(**PAPER.as_dict()).least_instance_m3 == 0.025
