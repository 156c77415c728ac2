# SPDX-License-Identifier: Apache-2.0
"""Where small things can stand on a piece of furniture: the height of its real surface, not of its bounding box."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray
from sim_bridge.geometry.mesh import Mesh

CELL_M = 0.01
REACH_M = 1.25
"""Surfaces above this are not stood on: cabinets that hang over a worktop."""
LEVEL_M = 0.01
"""What lies within this of the surface carries."""
BUMP_M = 0.003
"""What is higher above the surface is in the way: a tap, a laptop, a hob."""
SHARE = 0.9
"""Least part of the ground that a thing stands on that must carry."""
STEP_M = 0.03
"""Grid of the places that are tried."""
FRONTED = ("microwave", "books", "tv")
"""Kinds with a front; they look where the furniture under them looks."""
ROUND = ("vase", "bowl", "table_lamp", "kettle", "plates")
"""Kinds that stand at any angle."""


@dataclass(frozen=True)
class Surface:
    """What a piece of furniture looks like from above, in its own frame.

    Attributes:
        height: float64 metres of the highest point below `REACH_M` over each cell; -inf where there is none.
        above: float64 metres of the lowest point above `REACH_M`, over the same cells; inf where there is none.
        level: the height that most cells have, where things stand.
    """

    height: Grid2D
    above: Grid2D
    level: float

    def free(self, mesh: Mesh, T: FloatArray) -> bool:
        """Whether a mesh stands well at a pose in the furniture's frame and meets nothing of it.

        The ground it stands on is the rectangle round what is within 1 cm of its lowest point.
        """
        points = mesh.vertices @ T[:3, :3].T
        foot = points[points[:, 2] < points[:, 2].min() + LEVEL_M]
        stands = _under(self.height, foot[:, :2] + T[:2, 3], 0.0, -np.inf)
        if stands.size == 0 or float((np.abs(stands - self.level) < LEVEL_M).mean()) < SHARE:
            return False
        covered = points[:, :2] + T[:2, 3]
        if (_under(self.height, covered, 0.01, -np.inf) > self.level + BUMP_M).any():
            return False
        top = self.level + float(np.ptp(points[:, 2])) + 0.02
        return not (_under(self.above, covered, 0.01, np.inf) < top).any()


def _under(grid: Grid2D, xy: FloatArray, margin_m: float, outside: float) -> FloatArray:
    """Cells under the rectangle around points (N, 2), `margin_m` wider; `outside` where the grid does not reach."""
    low = np.floor(grid.in_cells(xy.min(0) - margin_m) + 0.5).astype(int)
    high = np.maximum(np.floor(grid.in_cells(xy.max(0) + margin_m) + 0.5).astype(int), low + 1)
    out = np.full(high - low, outside)
    a, b = np.maximum(low, 0), np.minimum(high, grid.shape)
    if (a < b).all():
        out[a[0] - low[0] : b[0] - low[0], a[1] - low[1] : b[1] - low[1]] = grid.cells[a[0] : b[0], a[1] : b[1]]
    return out


def surface_of(mesh: Mesh) -> Surface | None:
    """The surface of a piece of furniture in its own frame; None where nothing of it faces up below `REACH_M`."""
    low, high = mesh.bounds()
    shape = np.maximum(np.ceil((high - low)[:2] / CELL_M).astype(int), 1)
    height, above = (Grid2D(np.full(shape, value), low[:2], CELL_M) for value in (-np.inf, np.inf))
    for corners in mesh.vertices[mesh.faces].astype(np.float64):
        _raise_cells(height, above, corners)
    found = height.cells[np.isfinite(height.cells)]
    if not found.size:
        return None
    bins = np.round(found / 0.005).astype(int)
    common = np.bincount(bins - bins.min()).argmax() + bins.min()
    return Surface(height, above, float(np.median(found[bins == common])))


def _raise_cells(height: Grid2D, above: Grid2D, corners: FloatArray) -> None:
    """Enter one triangle (3, 3) into the cells whose middles it covers."""
    a, b, c = corners
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if abs(area) < 1e-9:
        return
    first = np.maximum(np.ceil(height.in_cells(corners[:, :2].min(0)) - 0.5).astype(int), 0)
    last = np.minimum(np.floor(height.in_cells(corners[:, :2].max(0)) - 0.5).astype(int) + 1, height.shape)
    if (first >= last).any():
        return
    x, y = height.centres()
    x, y = x[first[0] : last[0], None], y[None, first[1] : last[1]]
    v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
    w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
    inside = (v >= -1e-6) & (w >= -1e-6) & (v + w <= 1 + 1e-6)
    z = a[2] + v * (b[2] - a[2]) + w * (c[2] - a[2])
    at = slice(first[0], last[0]), slice(first[1], last[1])
    top, bottom = height.cells[at], above.cells[at]
    height.cells[at] = np.where(inside & (z <= REACH_M), np.maximum(top, z), top)
    above.cells[at] = np.where(inside & (z > REACH_M), np.minimum(bottom, z), bottom)


def turn_for(kind: str, rng: np.random.Generator) -> float:
    """Angle to the furniture under it: none for things with a front, any for round ones, a little for the rest."""
    yaw, slight = float(rng.uniform(-math.pi, math.pi)), float(rng.normal(0.0, 0.15))
    return 0.0 if kind in FRONTED else yaw if kind in ROUND else slight


def rest_on(
    surface: Surface, mesh: Mesh, yaw: float, rng: np.random.Generator, clear: Callable[[FloatArray], bool]
) -> FloatArray | None:
    """A pose at which a mesh stands on a surface, near a place drawn at random.

    Args:
        surface: of the furniture.
        mesh: what is to stand on it, in its own frame.
        yaw: its angle in the furniture's frame.
        rng: two draws are taken.
        clear: whether a pose (4, 4) in the furniture's frame meets nothing else.

    Returns:
        (4, 4) pose in the furniture's frame, or None if it fits nowhere.
    """
    c, s = math.cos(yaw), math.sin(yaw)
    T = np.array([[c, -s, 0.0, 0.0], [s, c, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    low, high = mesh.transformed(T).bounds()
    carries = np.argwhere(np.abs(surface.height.cells - surface.level) < BUMP_M)  # handles stand out: not up to them
    corner = surface.height.origin_xy
    first = corner + carries.min(0) * CELL_M - low[:2]
    last = corner + (carries.max(0) + 1) * CELL_M - high[:2]
    wanted = first + (last - first) * (0.5 + rng.uniform(-0.3, 0.3, 2))
    if (last < first).any():
        return None
    axes = [np.linspace(a, b, max(2, math.ceil((b - a) / STEP_M))) for a, b in zip(first, last, strict=True)]
    places = np.vstack([wanted, np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)])
    T[2, 3] = surface.level + 0.002 - low[2]
    for place in places[np.argsort(np.hypot(*(places - wanted).T), kind="stable")]:
        T[:2, 3] = place
        if surface.free(mesh, T) and clear(T):
            return T
    return None
