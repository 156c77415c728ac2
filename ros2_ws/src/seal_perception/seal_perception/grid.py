# SPDX-License-Identifier: Apache-2.0
"""A 2D grid over the floor: the one place where metres become cells and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Grid2D:
    """Values over square cells of the floor, indexed [ix, iy].

    Attributes:
        cells: (X, Y) array of any type.
        origin_xy: (2,) float64 lower corner of cell [0, 0] in metres, map frame.
        cell_m: edge of a cell in metres.
    """

    cells: npt.NDArray[Any]
    origin_xy: FloatArray
    cell_m: float

    def __post_init__(self) -> None:
        if self.cells.ndim != 2:
            raise ValueError(f"cells must be (X, Y), got shape {self.cells.shape}")
        origin = np.asarray(self.origin_xy, np.float64)
        if origin.shape != (2,) or not (math.isfinite(origin[0]) and math.isfinite(origin[1])):
            raise ValueError(f"origin_xy must be two finite metres, got {self.origin_xy}")
        if not self.cell_m > 0:
            raise ValueError(f"cell_m must be positive, got {self.cell_m}")
        object.__setattr__(self, "origin_xy", origin)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of cells along x and y."""
        return self.cells.shape[0], self.cells.shape[1]

    def with_cells(self, cells: npt.NDArray[Any]) -> Grid2D:
        """Other values (X, Y) over the same floor."""
        return Grid2D(cells, self.origin_xy, self.cell_m)

    def rounded(self) -> Grid2D:
        """The grid with origin and cell rounded to 1e-6: a map message holds the cell's edge as float32 only."""
        return Grid2D(self.cells, np.round(self.origin_xy, 6), round(float(self.cell_m), 6))

    def in_cells(self, xy: npt.ArrayLike) -> FloatArray:
        """(..., 2) points in metres, counted in cells from the lower corner: 0.5 is the centre of cell 0."""
        coordinates: FloatArray = (np.asarray(xy, np.float64) - self.origin_xy) / self.cell_m
        return coordinates

    def world_to_cell(self, xy: npt.ArrayLike) -> IntArray:
        """(..., 2) int64 cells that hold the points (..., 2) in metres; may lie outside the grid."""
        return np.floor(self.in_cells(xy)).astype(np.int64)

    def clipped_cells(self, xy: npt.ArrayLike) -> IntArray:
        """(..., 2) int64 cells that hold the points (..., 2) in metres, or the nearest ones at the edge."""
        cells: IntArray = np.clip(self.world_to_cell(xy), 0, np.array(self.shape) - 1)
        return cells

    def clipped_cell(self, xy: npt.ArrayLike) -> tuple[int, int]:
        """`clipped_cells` of one point."""
        ij = self.clipped_cells(xy)
        return int(ij[0]), int(ij[1])

    def cell_to_world(self, ij: npt.ArrayLike) -> FloatArray:
        """(..., 2) centres in metres of the cells (..., 2)."""
        centres: FloatArray = self.origin_xy + (np.asarray(ij, np.float64) + 0.5) * self.cell_m
        return centres

    def corner(self, ij: npt.ArrayLike) -> FloatArray:
        """(..., 2) lower corners in metres of the cells (..., 2)."""
        corners: FloatArray = self.origin_xy + np.asarray(ij) * self.cell_m
        return corners

    def cells_along(self, axis: int, metres: FloatArray) -> IntArray:
        """(N,) columns (axis 0) or rows (axis 1) that hold the coordinates (N,) in metres; may lie outside the grid."""
        return np.floor((metres - self.origin_xy[axis]) / self.cell_m).astype(np.int64)

    def centres(self) -> tuple[FloatArray, FloatArray]:
        """(X,) and (Y,) centres in metres of the columns and rows of cells."""
        x, y = (self.origin_xy[k] + (np.arange(self.shape[k]) + 0.5) * self.cell_m for k in (0, 1))
        return x, y

    def contains(self, ij: npt.ArrayLike) -> BoolArray:
        """(...,) whether the cells (..., 2) lie inside the grid."""
        cells = np.asarray(ij)
        return np.asarray(((cells >= 0) & (cells < np.array(self.shape))).all(axis=-1))

    def value_at(self, xy: npt.ArrayLike, outside: Any) -> npt.NDArray[Any]:
        """(...,) values at the points (..., 2) in metres; `outside` where the grid does not reach."""
        ij = self.world_to_cell(xy)
        inside = self.contains(ij)
        clipped = np.where(inside[..., None], ij, 0)
        values = self.cells[clipped[..., 0], clipped[..., 1]] if self.cells.size else np.zeros(inside.shape)
        return np.where(inside, values, outside)
