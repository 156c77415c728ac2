# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from seal_perception.grid import Grid2D


def test_cells_and_metres_by_hand():
    grid = Grid2D(np.arange(12).reshape(3, 4), np.array([-0.5, 1.0]), 0.25)
    assert grid.shape == (3, 4)
    assert grid.world_to_cell((-0.5, 1.0)).tolist() == [0, 0]
    assert grid.world_to_cell((-0.51, 1.99)).tolist() == [-1, 3]
    assert grid.cell_to_world((2, 0)).tolist() == [0.125, 1.125]
    assert grid.contains([[0, 0], [2, 3], [3, 0], [0, -1]]).tolist() == [True, True, False, False]
    assert grid.value_at([[-0.4, 1.3], [5.0, 5.0]], outside=-1).tolist() == [1, -1]


def test_centres_edges_and_other_values_by_hand():
    grid = Grid2D(np.arange(12).reshape(3, 4), np.array([-0.5, 1.0]), 0.25)
    assert grid.in_cells([[-0.5, 1.0], [0.0, 1.125]]).tolist() == [[0.0, 0.0], [2.0, 0.5]]
    assert grid.clipped_cell((-9.0, 1.3)) == (0, 1) and grid.clipped_cell((0.2, 9.0)) == (2, 3)
    assert grid.clipped_cells([[-9.0, 1.3], [0.2, 9.0]]).tolist() == [[0, 1], [2, 3]]
    assert grid.clipped_cells(np.zeros((0, 2))).shape == (0, 2)
    x, y = grid.centres()
    assert x.tolist() == [-0.375, -0.125, 0.125] and y.tolist() == [1.125, 1.375, 1.625, 1.875]
    assert grid.corner((2, 1)).tolist() == [0.0, 1.25]
    assert grid.cells_along(0, np.array([-0.6, -0.3, 0.2])).tolist() == [-1, 0, 2]
    assert grid.cells_along(1, np.array([1.3])).tolist() == [1]
    noisy = Grid2D(grid.cells, grid.origin_xy + 1e-9, float(np.float32(0.05))).rounded()
    assert noisy.cell_m == 0.05 and noisy.origin_xy.tolist() == [-0.5, 1.0]
    other = grid.with_cells(np.zeros((5, 2), bool))
    assert other.shape == (5, 2) and other.cell_m == 0.25 and other.origin_xy.tolist() == [-0.5, 1.0]


def test_centres_are_those_of_the_cells():
    grid = Grid2D(np.zeros((40, 30)), np.array([-3.2, 0.7]), 0.05)
    x, y = grid.centres()
    every = grid.cell_to_world(np.argwhere(np.ones(grid.shape, bool))).reshape(40, 30, 2)
    assert (every[:, 0, 0] == x).all() and (every[0, :, 1] == y).all()


def test_round_trip_over_many_cells():
    grid = Grid2D(np.zeros((40, 30)), np.array([-3.2, 0.7]), 0.05)
    ij = np.argwhere(np.ones(grid.shape, bool))
    assert (grid.world_to_cell(grid.cell_to_world(ij)) == ij).all()


@pytest.mark.parametrize(
    ("cells", "origin", "cell_m", "text"),
    [
        (np.zeros(3), (0, 0), 0.05, r"\(X, Y\), got shape \(3,\)"),
        (np.zeros((2, 2)), (0, np.nan), 0.05, "two finite metres"),
        (np.zeros((2, 2)), (0, 0), 0.0, "positive, got 0.0"),
    ],
)
def test_a_wrong_grid_says_what_is_wrong(cells, origin, cell_m, text):
    with pytest.raises(ValueError, match=text):
        Grid2D(cells, np.array(origin), cell_m)
