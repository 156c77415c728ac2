# SPDX-License-Identifier: Apache-2.0
"""Furniture that views found in the air is given what it stands on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.mapping.worlds import FINE, box, frame, map_of

from seal_mapping.datasets.label_prop import frame_annotations
from seal_mapping.labels.config import PAPER, LabelConfig
from seal_mapping.labels.objects.candidates import Candidate
from seal_mapping.labels.objects.choose import Judged
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.voxels.voxel_map import MapConfig

CHAIR, PLANT, TV = 0, 2, 5
Voxels = dict[tuple[int, int, int], dict[int, int]]
FLOOR = box((-20, -20, 0), (20, 20, 1))


def seat(category: int = CHAIR, low: int = 8, score: int = 200) -> Voxels:
    return box((0, 0, low), (8, 8, low + 2), **{f"c{category}": score})


def legs(low: int = 0, high: int = 8) -> Voxels:
    out: Voxels = {}
    for x, y in ((0, 0), (7, 0), (0, 7), (7, 7)):
        out.update(box((x, y, low), (x + 1, y + 1, high)))
    return out


def labelled(world: Voxels, human: Voxels | None = None, **changes: Any) -> LabelVolume:
    """Every voxel with a score is one candidate per category, and is chosen."""
    voxel_map = map_of(world)
    cloud = voxel_map.voxels()
    mean = cloud.mean_score()
    parts = [Candidate(int(c), 0.05, np.flatnonzero(mean[:, c] > 0)) for c in np.flatnonzero(mean.max(axis=0))]
    judged = Judged(cloud, parts, np.ones(len(parts)))
    return propagate(voxel_map, LabelConfig(**changes), None, None if human is None else map_of(human), judged)


def voxels(volume: LabelVolume, instance: int = 1) -> set[tuple[int, ...]]:
    return {tuple(v) for v in volume.ijk[volume.instance == instance].tolist()}


def test_a_chair_takes_its_legs_and_no_floor():
    world = {**FLOOR, **legs(), **seat()}
    found = voxels(labelled(world))
    assert found == set(seat()) | set(legs(low=1))
    (chair,) = labelled(world).instances
    assert chair.score == 1.0, "legs that no view found make the thing no less likely"
    assert voxels(labelled(world, stand_from_m=0.2)) == set(seat()) | set(legs(low=4))
    assert voxels(labelled(world, stand_from_m=0.0)) == set(seat())


def test_legs_stand_a_cell_outside_the_seat_and_no_farther():
    near, far = box((-1, 3, 1), (0, 4, 8)), box((-2, 3, 1), (-1, 4, 8))
    assert voxels(labelled({**FLOOR, **seat(), **near, **far})) == set(seat()) | set(near)


def test_what_stands_above_or_beside_stays_as_it_is():
    cushion, wall = box((2, 2, 10), (6, 6, 12)), box((12, 0, 1), (13, 8, 20))
    assert voxels(labelled({**FLOOR, **seat(), **cushion, **wall})) == set(seat())


def test_below_a_gap_in_the_footprint_counts_what_is_lower_than_most_of_the_part():
    """A back without a seat: the seat in front of it is under the hull, the table top above it is not."""
    back = {
        **box((0, 0, 8), (1, 8, 18), c0=200),
        **box((1, 0, 8), (8, 1, 9), c0=200),
        **box((7, 1, 8), (8, 8, 9), c0=200),
    }
    low, high = box((3, 3, 4), (5, 5, 5)), box((3, 3, 15), (5, 5, 16))
    assert voxels(labelled({**back, **low, **high})) == set(back) | set(low)


@pytest.mark.parametrize(
    ("category", "low", "stands"), [(PLANT, 6, True), (PLANT, 7, False), (CHAIR, 12, True), (TV, 3, False)]
)
def test_only_categories_that_stand_and_are_low_enough(category, low, stands):
    below = box((2, 2, 1), (6, 6, low))
    found = voxels(labelled({**FLOOR, **below, **seat(category, low)}))
    assert found == set(seat(category, low)) | (set(below) if stands else set())


def test_a_chair_that_hangs_too_high_takes_nothing():
    below = box((2, 2, 1), (6, 6, 13))
    assert voxels(labelled({**FLOOR, **below, **seat(CHAIR, 13)})) == set(seat(CHAIR, 13))


def test_another_things_voxels_stay_its_own():
    pot = box((2, 2, 1), (6, 6, 8), c2=200)
    found = labelled({**FLOOR, **seat(), **pot})
    assert voxels(found, 1) == set(seat()) and voxels(found, 2) == set(pot)


def test_what_a_human_left_empty_stays_empty():
    """A human who drew nothing on the box under the seat said that it is no chair."""
    below = box((2, 2, 1), (6, 6, 8))
    human = box((2, 2, 1), (6, 6, 8))
    assert voxels(labelled({**FLOOR, **seat(), **below}, human)) == set(seat())


def test_a_voxel_seen_too_rarely_is_no_leg():
    world, views = {**seat(), **legs(low=1)}, dict.fromkeys(seat(), 3)
    views[(0, 0, 5)] = 3
    voxel_map = map_of(world, views)
    cloud = voxel_map.voxels()
    rows = np.flatnonzero(cloud.score > 0)
    judged = Judged(cloud, [Candidate(CHAIR, 0.05, rows)], np.ones(1))
    found = propagate(voxel_map, LabelConfig(min_views=3), judged=judged)
    assert voxels(found) == set(seat()) | {(0, 0, 5)}


def test_other_rules_leave_the_legs():
    world = {**FLOOR, **legs(), **seat(score=255)}
    assert voxels(propagate(map_of(world), LabelConfig(rule="agreement", agreement_min_views=1))) <= set(seat())


@pytest.mark.parametrize(("config", "labels"), [(LabelConfig(), 1), (LabelConfig(max_range_m=6.9), 0), (PAPER, 0)])
def test_an_object_that_the_map_knows_is_labelled_from_afar(config, labels):
    """7 m away: farther than the map takes points from, so another picture saw it from near."""
    wall = {(i, j, 140): entry for (i, j, _), entry in box((-10, -10, 0), (10, 10, 1), c0=255).items()}
    voxel_map = map_of(wall, config=MapConfig(min_height_m=-5.0, max_height_m=10.0))
    cloud = voxel_map.voxels()
    rows = np.arange(len(cloud))
    volume = propagate(voxel_map, LabelConfig(), judged=Judged(cloud, [Candidate(CHAIR, 0.05, rows)], np.ones(1)))
    assert len(frame_annotations(frame(7.0, np.eye(4), FINE), volume, config)) == labels
