# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from tests.mapping.worlds import CAMERA, ListSource, detections, frame, map_of, random_depth, random_pose

from seal_mapping.annotation.entropy import (
    COVERAGE_FLOOR_BITS,
    COVERAGE_STRIDE,
    VoxelIndex,
    choose_coverage,
    choose_frames,
    map_recording,
    score_frames,
    voxel_entropy,
)
from seal_mapping.source import BagFrame
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.errors import InputError


def entropy_of(evidence):
    """The formula of one voxel in a plain loop."""
    total = sum(evidence)
    shares = [value / max(1.0, total) for value in evidence] + [max(0.0, 1.0 - total)]
    return -sum(p * math.log2(p) for p in shares if p > 0)


def random_source(rng, count=4, with_detections=True):
    items = []
    for index in range(count):
        item = frame(random_depth(rng, CAMERA), random_pose(rng), stamp_ns=100 + index)
        found = [(int(rng.integers(6)), float(rng.random()), rng.random(item.depth.shape) < 0.5) for _ in range(3)]
        items.append(BagFrame(index, item, detections(CAMERA, *found) if with_detections else None))
    return ListSource(items)


@pytest.mark.parametrize(
    ("evidence", "bits"),
    [
        ([0, 0, 0], 0.0),  # nobody ever said anything
        ([1, 0, 0], 0.0),  # every view says the same
        ([0.5, 0, 0], 1.0),  # half of the views
        ([0.5, 0.5, 0], 1.0),
        ([1, 1, 0], 1.0),  # two categories at once, always
        ([0.25, 0.25, 0.25], 2.0),  # and a quarter none: the most for three categories
        ([0.8, 0, 0], 0.7219280948873623),
    ],
)
def test_entropy_by_hand(evidence, bits):
    assert voxel_entropy(np.array([evidence], float)).tolist() == [pytest.approx(bits, abs=1e-12)]


def test_entropy_equals_a_plain_loop():
    evidence = np.random.default_rng(1).random((200, 6)) ** 4
    np.testing.assert_allclose(voxel_entropy(evidence), [entropy_of(row) for row in evidence], atol=1e-12)
    assert voxel_entropy(evidence).max() <= math.log2(7)
    assert voxel_entropy(np.zeros((0, 6))).shape == (0,)


def test_the_index_finds_voxels_and_only_those():
    voxels = {(0, 0, 3): {}, (-20, 7, 5): {0: 9}, (2, 2, 2): {}}
    voxel_map = map_of(voxels)
    cloud = voxel_map.voxels()
    index = VoxelIndex(cloud, voxel_map.config)
    asked = np.array([[2, 2, 2], [0, 0, 4], [-20, 7, 5], [0, 0, 3], [99, 0, 0], [0, 7, 3]])
    rows = index.rows(asked)
    assert (rows >= 0).tolist() == [True, False, True, True, False, False]
    np.testing.assert_array_equal(cloud.ijk[rows[rows >= 0]], asked[rows >= 0])
    empty = VoxelIndex(VoxelMap().voxels(), MapConfig())
    assert empty.rows(asked).tolist() == [-1] * 6
    assert empty.pixel_rows(frame(0.0)).shape == (0,)


def test_frame_scores_equal_a_plain_loop():
    rng = np.random.default_rng(3)
    config = MapConfig(max_height_m=1.2, max_depth_m=4.3, voxel_m=0.1)
    source = random_source(rng)
    found = map_recording(source, config)
    assert (found.with_detections, found.without) == (4, 0)
    cloud = found.voxel_map.voxels()
    table = {tuple(ijk): row for row, ijk in enumerate(cloud.ijk.tolist())}
    bits = [entropy_of(row) for row in cloud.score_sum / (255.0 * cloud.views[:, None])]
    scores = score_frames(source, found.voxel_map, with_rows=True)
    assert scores.stamps_ns == (100, 101, 102, 103)
    np.testing.assert_allclose(scores.weights, np.array(bits) + COVERAGE_FLOOR_BITS, atol=1e-12)
    beyond = unknown = 0
    for item, score, rows in zip(source, scores.entropy, scores.rows, strict=True):
        T, cam = item.frame.T_map_camera, item.frame.camera
        values, seen = [], set()
        beyond += int((item.frame.depth > config.max_depth_m).sum() - np.isinf(item.frame.depth).sum())
        for v in range(cam.height):
            for u in range(cam.width):
                d = float(item.frame.depth[v, u])
                if not config.min_depth_m <= d <= config.max_depth_m:
                    continue
                a, b = (u - cam.cx) / cam.fx, (v - cam.cy) / cam.fy
                p = [(T[n, 0] * a + (T[n, 1] * b + T[n, 2])) * d + T[n, 3] for n in range(3)]
                row = table.get(tuple(math.floor((x + config.voxel_m / 2) / config.voxel_m) for x in p))
                unknown += row is None
                values.append(0.0 if row is None else bits[row])
                if row is not None and u % COVERAGE_STRIDE == 0 and v % COVERAGE_STRIDE == 0:
                    seen.add(row)
        assert score == pytest.approx(np.mean(values), abs=1e-12)
        assert rows.tolist() == sorted(seen) and rows.dtype == np.int32
    assert unknown > 0  # above max_height_m: counted as 0
    assert beyond > 0  # too far: not counted at all


def test_every_pixel_of_a_mapped_frame_finds_its_voxel():
    rng = np.random.default_rng(11)
    source = random_source(rng, with_detections=False)
    config = MapConfig(min_height_m=-50.0, max_height_m=50.0)
    found = map_recording(source, config)
    assert (found.with_detections, found.without) == (0, 4)
    index = VoxelIndex(found.voxel_map.voxels(), config)
    for item in source:
        assert (index.pixel_rows(item.frame) >= 0).all()


def test_a_frame_without_depth_scores_zero():
    source = ListSource([BagFrame(0, frame(2.0)), BagFrame(1, frame(np.nan))])
    scores = score_frames(source, map_recording(source).voxel_map)
    assert scores.entropy.tolist() == [0.0, 0.0] and scores.rows == ()


def test_the_k_highest_ties_by_the_earlier():
    assert choose_frames([0.1, 0.5, 0.3, 0.5, 0.2], 3) == [1, 3, 2]
    assert choose_frames([0.5, 0.5, 0.5], 2) == [0, 1]
    assert choose_frames([0.1, 0.2, 0.5, 0.4, 0.3], 3, min_gap=2) == [2, 4, 0]
    rng = np.random.default_rng(2)
    values = rng.integers(0, 5, 40) / 4
    expected = sorted(range(40), key=lambda n: (-values[n], n))[:12]
    assert choose_frames(values, 12) == expected


def test_coverage_adds_what_is_not_seen_yet():
    rows = [np.array(r, np.int32) for r in ([0, 1, 2], [2, 3], [0, 1, 2], [3, 4], [])]
    weights = np.array([1, 1, 1, 0.5, 0.25])
    assert choose_coverage(rows, weights, 2) == ([0, 3], [3.0, 0.75])
    assert choose_coverage(rows, weights, 5) == ([0, 3, 1, 2, 4], [3.0, 0.75, 0.0, 0.0, 0.0])
    assert choose_coverage(rows, weights, 2, min_gap=4) == ([0, 4], [3.0, 0.0])
    assert weights.tolist() == [1, 1, 1, 0.5, 0.25]


def test_coverage_equals_a_plain_loop():
    rng = np.random.default_rng(4)
    weights = rng.integers(1, 9, 50) / 8  # sums are exact, so ties are real
    rows = [np.unique(rng.integers(0, 50, 12)).astype(np.int32) for _ in range(20)]
    covered, chosen = set(), []
    for _ in range(6):
        worth = {}
        for number, seen in enumerate(rows):
            if number not in chosen:
                worth[number] = sum(weights[v] for v in seen.tolist() if v not in covered)
        best = min(worth, key=lambda number: (-worth[number], number))
        chosen.append(best)
        covered |= set(rows[best].tolist())
    assert choose_coverage(rows, weights, 6)[0] == chosen


@pytest.mark.parametrize(
    ("k", "gap", "text"),
    [
        (0, 0, "k must be at least 1 frame to annotate, got 0"),
        (4, 0, "k is 4, but there are only 3 frames"),
        (3, 2, "only 2 of 3 frames were found 2 frames apart"),
    ],
)
def test_impossible_choices_are_one_line(k, gap, text):
    rows = [np.array([n], np.int32) for n in range(3)]
    with pytest.raises(InputError, match=text):
        choose_frames([3, 2, 1], k, gap)
    with pytest.raises(InputError, match=text):
        choose_coverage(rows, np.ones(3), k, gap)
