# SPDX-License-Identifier: Apache-2.0
"""Distances a robot has to drive, over the floor that its centre can reach. Evaluation only: the floor is the truth's.

Fast marching (scikit-fmm, second order) over the collision map's own cells. It is not bound to the grid's directions,
as Dijkstra's algorithm over eight neighbours is (up to 8 % too long). Sources are points: around each the distance is
exact for a cell and a half, so that the error of a point source does not spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import skfmm
from scipy import ndimage

from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.simulator import ReachableFloor
from seal_perception.types import BoolArray, FloatArray, IntArray

_PULLS = 4
"""How often a way is pulled straight, from its ends in turn: an even number, so that it ends as it began."""
_SEED_CELLS = 1.5
"""Radius, in cells, within which the distance to a source is taken as straight."""


@dataclass(frozen=True)
class GeodesicField:
    """Driving distance to the nearest of some points.

    Attributes:
        grid: float64 metres over the floor, world frame; inf where the robot cannot be, or cannot come from.
        sources: (N, 2) the points, each in the middle of its cell.
    """

    grid: Grid2D
    sources: FloatArray

    @property
    def values(self) -> FloatArray:
        """(X, Y) float64 metres, the grid's cells."""
        return self.grid.cells

    def at(self, xy: npt.ArrayLike) -> FloatArray:
        """(...,) metres at points (..., 2) of the world frame; inf off the floor.

        Between the middles of cells bilinear, over those of the four that are floor.
        """
        points = np.asarray(xy, np.float64)
        where = self.grid.in_cells(points) - 0.5
        low = np.floor(where).astype(np.int64)
        share = where - low
        total, weight = np.zeros(points.shape[:-1]), np.zeros(points.shape[:-1])
        for i in range(2):
            for j in range(2):
                value = self._value(low + np.array([i, j]))
                part = np.abs(1 - i - share[..., 0]) * np.abs(1 - j - share[..., 1])
                known = np.isfinite(value)
                total += np.where(known, part * np.where(known, value, 0.0), 0.0)
                weight += np.where(known, part, 0.0)
        own = np.isfinite(self._value(np.floor(where + 0.5).astype(np.int64)))
        out: FloatArray = np.where(own & (weight > 0), total / np.maximum(weight, 1e-12), np.inf)
        return out

    def path(self, xy: npt.ArrayLike) -> FloatArray:
        """(N, 2) the way from a point to its nearest source, pulled straight; empty where there is none."""
        start = np.asarray(xy, np.float64)
        ij = self.grid.world_to_cell(start)
        if not np.isfinite(self._value(ij)):
            return np.zeros((0, 2))
        cells = [ij]
        while True:
            around = cells[-1] + _AROUND
            best = around[int(np.argmin(self._value(around)))]
            if not self._value(best) < self._value(cells[-1]):
                break
            cells.append(best)
        way = self.grid.cell_to_world(cells)
        way[0] = start
        for _ in range(_PULLS):
            way = self._dense(self._pulled(way))[::-1]
        return self._pulled(way)

    def _value(self, ij: IntArray) -> FloatArray:
        """(...,) values of cells (..., 2); inf outside the grid."""
        inside = self.grid.contains(ij)
        clipped = np.where(inside[..., None], ij, 0)
        out: FloatArray = np.where(inside, self.grid.cells[clipped[..., 0], clipped[..., 1]], np.inf)
        return out

    def _pulled(self, way: FloatArray) -> FloatArray:
        """The way without the corners that can be cut over the floor."""
        kept, start = [way[0]], 0
        for end in range(1, len(way)):
            if end - start > 1 and not self._sees(way[start], way[end]):
                start = end - 1
                kept.append(way[start])
        if len(way) > 1:
            kept.append(way[-1])
        return np.array(kept)

    def _dense(self, way: FloatArray) -> FloatArray:
        """The way with a point every cell."""
        pieces = [way[:1]]
        for a, b in zip(way[:-1], way[1:], strict=True):
            count = max(1, math.ceil(math.dist(a, b) / self.grid.cell_m))
            pieces.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
        return np.concatenate(pieces)

    def _sees(self, a: FloatArray, b: FloatArray) -> bool:
        """Whether the straight way between two points stays on the floor (looked up every third of a cell)."""
        count = max(2, math.ceil(3.0 * math.dist(a, b) / self.grid.cell_m))
        points = a + (b - a) * np.linspace(0.0, 1.0, count)[:, None]
        return bool(np.isfinite(self._value(self.grid.world_to_cell(points))).all())


_AROUND = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)], np.int64)


def geodesic_field(floor: ReachableFloor, points: npt.ArrayLike) -> GeodesicField:
    """Driving distance from everywhere to the nearest of points (N, 2) or (2,), world frame.

    Raises:
        InputError: if there is no point, or one is not on the floor.
    """
    xy = np.asarray(points, np.float64).reshape(-1, 2)
    cells = floor.world_to_cell(xy)
    inside = floor.contains(cells)
    on_floor = inside & floor.cells[tuple(np.where(inside[:, None], cells, 0).T)]
    if len(xy) == 0 or not on_floor.all():
        where = "none" if len(xy) == 0 else f"{xy[~on_floor][0].round(3).tolist()}"
        raise InputError(f"distances are measured to points on the reachable floor, got {where}")
    low, high = _extent(floor.cells)
    window = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    free = floor.cells[window]
    source = np.zeros(free.shape, bool)
    source[tuple((cells - low).T)] = True
    straight = ndimage.distance_transform_edt(~source)
    values = np.full(floor.cells.shape, np.inf)
    if not (straight[free] > _SEED_CELLS).any():
        marched = np.full(free.shape, np.inf)  # all of the floor lies beside a source: nothing to march over
    else:
        marched = skfmm.distance(np.ma.MaskedArray(straight - _SEED_CELLS, ~free))
        marched = np.ma.filled(np.ma.asarray(marched), np.inf) + _SEED_CELLS
    near = straight <= _SEED_CELLS
    marched[near] = straight[near]
    values[window] = np.where(free, floor.cell_m * marched, np.inf)
    return GeodesicField(Grid2D(values, floor.origin_xy, floor.cell_m), floor.cell_to_world(np.unique(cells, axis=0)))


def path_length_m(xy: npt.ArrayLike) -> float:
    """Length in metres of a way (N, 2) of straight pieces."""
    points = np.asarray(xy, np.float64)
    return float(np.hypot(*np.diff(points, axis=0).T).sum()) if len(points) > 1 else 0.0


def _extent(cells: BoolArray) -> tuple[IntArray, IntArray]:
    """Smallest box [low, high) around the true cells, three wider where there is room."""
    ij = np.argwhere(cells)
    low = np.maximum(ij.min(axis=0) - 3, 0)
    return low, np.minimum(ij.max(axis=0) + 4, cells.shape)
