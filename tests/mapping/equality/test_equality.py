# SPDX-License-Identifier: Apache-2.0
"""The compiled map equals its plain reference, on random scenes; `mutations` shows that this bites."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from tests.mapping.equality.reference import reference_edge_filter, reference_map
from tests.mapping.equality.scenes import (
    MUTANT,
    examples,
    or_reject,
    pick,
    random_camera,
    random_depth,
    random_journey,
    rngs,
)
from tests.mapping.worlds import ListSource, detections, frame

from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.config import PAPER
from seal_mapping.labels.propagate import propagate
from seal_mapping.source import BagFrame
from seal_mapping.voxels import kernels as map_kernels
from seal_mapping.voxels import store as voxel_store
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.camera import Camera

assert MUTANT is None or map_kernels.__file__.startswith(MUTANT)


AROUND_09 = [float(np.nextafter(np.float32(0.9), np.float32(end))) for end in (0, 1)]


@pytest.mark.parametrize("score", [0.8, 0.897, AROUND_09[0], 0.9, AROUND_09[1], 0.905, 1.0])
def test_confident_is_more_than_0_9_everywhere(score, tmp_path):
    """In the score picture, the reward, the paper's rule and self-training, as single precision has the score."""
    camera = Camera(2, 1, 1000.0, 1000.0, 0.0, 0.0)
    found = detections(camera, (1, score, np.array([[True, False]])), (1, 0.5 * score, np.ones((1, 2), bool)))
    item, confident = frame(2.0, camera=camera), np.float32(score) > np.float32(0.9)
    image = found.score_image()
    assert image[0, :, 1].tolist() == [round(255 * float(np.float32(s))) for s in (score, 0.5 * score)]
    assert not image[..., [0, 2, 3, 4, 5]].any()
    voxel_map = VoxelMap()
    assert voxel_map.integrate(item, found) == voxel_map.confident_count == confident
    tiny = replace(PAPER, min_instance_m3=0.0)
    assert len(propagate(voxel_map, tiny).instances) == confident
    if not MUTANT or score == 0.9:
        source = ListSource([BagFrame(0, item, found)])
        summary = write_dataset(source, SelfTraining(min_area_share=0.0), DatasetWork(tmp_path / "labels", workers=1))
        assert summary["annotations"] == confident


def cells_of(grid):
    low = np.rint((grid.origin_xy + 0.5 * grid.cell_m) / grid.cell_m).astype(int)
    return {tuple(cell) for cell in (np.argwhere(grid.cells) + low).tolist()}


def assert_same(voxel_map, expected):
    cloud, config = voxel_map.voxels(), voxel_map.config
    assert [tuple(v) for v in cloud.ijk.tolist()] == sorted(expected.voxels)
    rows = [expected.voxels[voxel] for voxel in sorted(expected.voxels)]
    for name in ("views", "last_frame", "best_score", "score_sum", "votes"):
        assert getattr(cloud, name).tolist() == [getattr(row, name) for row in rows], name
    assert cloud.weight.tolist() == [row.weight for row in rows]
    assert cloud.rgb.tolist() == [row.rgb for row in rows]
    assert cloud.score.tolist() == [max(row.best_score) for row in rows]
    assert cloud.label.tolist() == [
        row.best_score.index(max(row.best_score)) if max(row.best_score) else -1 for row in rows
    ]
    assert voxel_map.confident_count == expected.confident(config)
    assert cells_of(voxel_map.obstacles()) == expected.obstacles(config)
    assert cells_of(voxel_map.explored()) == expected.explored
    assert voxel_map.explored_area_m2 == pytest.approx(len(expected.explored) * config.voxel_m**2)


@examples(80)
@given(rng=rngs())
def test_map_is_the_plain_loops(rng):
    """Any pose, camera, depth, score picture and configuration; also with so little room that the map grows often."""
    (config, frames), room = random_journey(rng), pick(rng, 2, 5, 1 << 15)
    expected = or_reject(reference_map, frames, config)
    with mock.patch.multiple(voxel_store, _START_BLOCKS=min(room, 256), _START_ROWS=room):
        voxel_map = VoxelMap(config)
    gains = [voxel_map.integrate_scores(item, image) for item, image in frames]
    assert gains == expected.gains
    assert_same(voxel_map, expected)


@examples(40)
@given(rng=rngs())
def test_clearing_is_the_plain_loops(rng):
    """From about one place a near surface comes and goes before a far one, seen confidently or not."""
    config = MapConfig(
        voxel_m=0.1,
        num_categories=2,
        min_height_m=-8,
        max_height_m=8,
        min_depth_m=pick(rng, 0.5, 1.1),
        max_depth_m=pick(rng, 1.7, 5.0),
        clear_views=pick(rng, 1, 2),
        obstacle_min_views=pick(rng, 1, 2),
    )
    camera = Camera(7, 6, *rng.uniform(6, 25, 2).tolist(), *rng.uniform(0, 6, 2).tolist())
    T = frame(1.0).T_map_camera.copy()
    frames = []
    shake = pick(rng, 0.0, 0.05, 0.3)
    for _ in range(7):
        T = T.copy()
        T[:3, 3] += rng.normal(0, shake, 3)
        depth = rng.choice([1.0, 1.6, 3.0]) + rng.normal(0, 0.02, (6, 7))
        depth[rng.random((6, 7)) < 0.02] = rng.choice([np.nan, np.inf, 0.0])
        image = rng.choice(np.array([0, 229, 230, 231], np.uint8), (6, 7, 2))
        frames.append((frame(depth, T, camera), image))
    expected = or_reject(reference_map, frames, config)
    voxel_map = VoxelMap(config)
    assert [voxel_map.integrate_scores(item, image) for item, image in frames] == expected.gains
    assert_same(voxel_map, expected)


@examples(40)
@given(rng=rngs())
def test_edge_filter_is_the_plain_loops(rng):
    depth, share = random_depth(rng, random_camera(rng), 0.2), pick(rng, 0.01, 0.05, 0.3)
    expected = np.array(reference_edge_filter(depth, share), np.float32)
    assert np.array_equal(map_kernels.filter_edges(depth, share), expected, equal_nan=True)
