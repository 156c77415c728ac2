# SPDX-License-Identifier: Apache-2.0
"""How uncertain the map is about the objects over each cell: known answers, and a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.mapping.worlds import CAMERA, box, frame, map_of, random_depth, random_pose, scores

from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.uncertainty import MOST, UncertaintyConfig, uncertain_cells
from seal_mapping.voxels.voxel_map import VoxelMap


def entropy(p: float) -> float:
    return -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


def value_at(world: VoxelMap, ij: tuple[int, int]) -> int:
    return int(world.uncertainty().value_at(np.array(ij) * world.config.voxel_m, -1))


@pytest.mark.parametrize(
    ("score", "views", "tenths"),
    [
        (0, 5, 0),  # no evidence of an object
        (75, 5, 0),  # less than three tenths
        (128, 8, 10),  # undecided
        (255, 1, round(10 * entropy(2 / 3))),  # sure, but seen once
        (255, 8, round(10 * entropy(9 / 10))),
        (255, 98, round(10 * entropy(99 / 100))),
        (102, 8, round(10 * entropy(4.2 / 10))),  # two views in five say so
    ],
)
def test_known_answers_of_one_voxel(score: int, views: int, tenths: int) -> None:
    world = map_of({(4, -7, 3): {2: score}, (5, -7, 3): {}}, views={(4, -7, 3): views, (5, -7, 3): 9})
    assert value_at(world, (4, -7)) == tenths
    assert value_at(world, (5, -7)) == 0
    assert world.uncertainty().cells.sum() == tenths


def test_a_column_adds_up_to_ten_voxels_at_most() -> None:
    column = box((0, 0, 0), (1, 1, 4), c1=128)
    assert value_at(map_of(column, views=dict.fromkeys(column, 9)), (0, 0)) == 40
    high = box((0, 0, 0), (1, 1, 30), c1=128)
    assert value_at(map_of(high, views=dict.fromkeys(high, 9)), (0, 0)) == MOST


def test_the_best_category_alone_counts() -> None:
    world = map_of({(0, 0, 1): {0: 230, 3: 128}}, views={(0, 0, 1): 8})
    assert value_at(world, (0, 0)) == round(10 * entropy((8 * 230 / 255 + 1) / 10))


@pytest.mark.parametrize("config", [MapConfig(), MapConfig(range_weight_m=1.5), MapConfig(clear_views=1)])
def test_same_as_the_plain_loop_whatever_the_order_of_frames(config: MapConfig) -> None:
    rng = np.random.default_rng(3)
    items = []
    for _ in range(6):
        image = rng.integers(0, 256, (CAMERA.height, CAMERA.width, 6)).astype(np.uint8)
        items.append((frame(random_depth(rng, CAMERA), random_pose(rng, 0.5)), image))
    maps = [VoxelMap(config), VoxelMap(config)]
    for world, order in zip(maps, (items, items[::-1]), strict=True):
        for item, image in order:
            world.integrate_scores(item, image)
    world, numbers = maps[0], UncertaintyConfig()
    cloud, grid = world.voxels(), world.uncertainty()
    sums: dict[tuple[int, int], int] = {}
    for ijk, total, weight in zip(cloud.ijk.tolist(), cloud.score_sum.tolist(), cloud.weight.tolist(), strict=True):
        mean = max(total) / (255.0 * weight)
        views = weight / cloud.weight_one
        if mean >= numbers.min_mean:
            p = (mean * views + 0.5 * numbers.undecided_views) / (views + numbers.undecided_views)
            key = (ijk[0], ijk[1])
            sums[key] = sums.get(key, 0) + round(1000 * entropy(p))
    expected = np.zeros_like(grid.cells)
    for (i, j), thousandths in sums.items():
        cell = grid.world_to_cell(np.array([i, j]) * config.voxel_m)
        expected[cell[0], cell[1]] = min(MOST, (thousandths + 50) // 100)
    assert len(sums) > 100
    assert np.abs(grid.cells.astype(int) - expected).max() <= 1 and (grid.cells != expected).mean() < 1e-3
    assert grid.shape == world.obstacles().shape and np.array_equal(grid.origin_xy, world.obstacles().origin_xy)
    if config.clear_views == 0:
        np.testing.assert_array_equal(grid.value_at(maps[1].uncertainty().origin_xy + 0.01, 0), 0)
        a, b = (world.uncertainty() for world in maps)
        np.testing.assert_array_equal(a.cells[a.cells > 0], b.cells[b.cells > 0])


def test_a_map_of_nothing_and_one_without_scores_are_certain() -> None:
    world = VoxelMap()
    assert world.uncertainty().shape == world.obstacles().shape and not world.uncertainty().cells.any()
    world.integrate_scores(frame(2.0), None)
    assert world.voxels().views.any() and not world.uncertainty().cells.any()


def test_without_undecided_views_the_scores_alone_count() -> None:
    world = map_of({(0, 0, 1): {0: 255}, (5, 0, 1): {0: 128}})
    store, config = world.store, UncertaintyConfig(undecided_views=0.0)
    cells = uncertain_cells(store.blocks, store.voxels, store.num_rows, 1, config)
    assert sorted(cells[cells > 0].tolist()) == [10]


def test_more_views_that_agree_make_it_certain() -> None:
    world, seen = VoxelMap(MapConfig(max_height_m=0.3)), []  # fewer than ten voxels above each other
    for _ in range(12):
        world.integrate_scores(frame(2.0), scores(c4=250))
        seen.append(int(world.uncertainty().cells.astype(int).sum()))
    assert seen == sorted(seen, reverse=True) and 0 < seen[-1] < 0.6 * seen[0]


@pytest.mark.parametrize("bad", [{"min_mean": 0.0}, {"min_mean": 1.0}, {"undecided_views": -1.0}])
def test_impossible_numbers_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need min_mean in"):
        UncertaintyConfig(**bad)
