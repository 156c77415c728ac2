# SPDX-License-Identifier: Apache-2.0
"""Grids inside compiled kernels: values between cells, the way left in a field, whether a step is clear."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray
from seal_policy.planning.motion import FORWARD_M


class Cells(NamedTuple):
    """A `Grid2D` as a kernel takes it.

    Attributes:
        values: (X, Y) array of one number type.
        origin: (2,) lower corner of cell [0, 0] in metres.
        edge: edge of a cell in metres.
    """

    values: npt.NDArray[Any]
    origin: FloatArray
    edge: float


def cells_of(grid: Grid2D) -> Cells:
    """The grid for a kernel."""
    return Cells(grid.cells, grid.origin_xy, float(grid.cell_m))


@njit(cache=True)
def sample_grid(grid, x, y, outside):  # type: ignore[no-untyped-def]  # numba infers
    """Bilinear value of a grid at a point; inf corners are left out, `outside` beyond the grid."""
    values, origin, edge = grid
    u = (x - origin[0]) / edge - 0.5
    v = (y - origin[1]) / edge - 0.5
    i, j = int(math.floor(u)), int(math.floor(v))
    if i < 0 or j < 0 or i + 1 >= values.shape[0] or j + 1 >= values.shape[1]:
        return outside
    a, b = u - i, v - j
    total, weight = 0.0, 0.0
    for di in range(2):
        for dj in range(2):
            value = values[i + di, j + dj]
            w = (a if di else 1.0 - a) * (b if dj else 1.0 - b)
            if w > 0.0 and value < np.inf:
                total += w * value
                weight += w
    return total / weight if weight > 0.05 else np.inf


@njit(cache=True)
def clear_ahead(clearance, x, y, yaw, needed, samples):  # type: ignore[no-untyped-def]  # numba infers
    """Whether one forward step from a pose keeps the clearance needed."""
    for k in range(1, samples + 1):
        s = FORWARD_M * k / samples
        if sample_grid(clearance, x + s * math.cos(yaw), y + s * math.sin(yaw), 0.0) < needed:
            return False
    return True


@njit(cache=True)
def way_left(field, x, y, yaw):  # type: ignore[no-untyped-def]  # numba infers
    """Metres still to drive at a pose (inf: none leads on), and the angle until the robot faces down the field."""
    here = sample_grid(field, x, y, np.inf)
    if not here < np.inf or here < FORWARD_M:
        return here, 0.0
    slope = np.zeros(2)
    edge = field.edge
    for axis in range(2):
        dx, dy = (edge, 0.0) if axis == 0 else (0.0, edge)
        ahead = sample_grid(field, x + dx, y + dy, np.inf)
        behind = sample_grid(field, x - dx, y - dy, np.inf)
        slope[axis] = min(behind, here + edge) - min(ahead, here + edge)
    angle = abs(math.atan2(slope[1], slope[0]) - yaw) % (2.0 * math.pi)
    return here, min(angle, 2.0 * math.pi - angle)
