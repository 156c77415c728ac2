# SPDX-License-Identifier: Apache-2.0
"""Frontiers of the explored floor, and what could be seen from a place: kernels on coarse 2D grids."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numba import njit

from seal_perception.grid import Grid2D
from seal_perception.types import BoolArray, IntArray
from seal_policy.planning.terrain import coarsen, window

RAYS = 120
"""Rays of a look all around; 4.5 m away they are 24 cm apart."""
MOST_LOOKS = 2000
"""Latest poses whose looks are remembered, 23 minutes of driving: what is older may be looked at again."""


def frontier_cells(free: BoolArray, unknown: BoolArray) -> BoolArray:
    """Free explored cells that have an unknown cell among their four neighbours; all arrays (X, Y)."""
    beside = np.zeros_like(unknown)
    beside[1:] |= unknown[:-1]
    beside[:-1] |= unknown[1:]
    beside[:, 1:] |= unknown[:, :-1]
    beside[:, :-1] |= unknown[:, 1:]
    cells: BoolArray = free & beside
    return cells


def cluster_frontiers(cells: BoolArray, min_cells: int, piece_cells: int) -> list[IntArray]:
    """Frontiers as arrays (N, 2) of cells, in a fixed order.

    Args:
        cells: (X, Y) frontier cells; neighbours (8) belong together.
        min_cells: smaller clusters are left out.
        piece_cells: a long frontier is cut by squares of this edge, as it is not one place to go to.
    """
    count, labels = cv2.connectedComponents(cells.astype(np.uint8), connectivity=8)
    ij = np.argwhere(cells)
    label = labels[ij[:, 0], ij[:, 1]]
    pieces = []
    for k in np.flatnonzero(np.bincount(label, minlength=count) >= min_cells):
        members = ij[label == k]
        square = (members - members.min(axis=0)) // piece_cells
        key = square[:, 0] * (1 + square[:, 1].max()) + square[:, 1]
        pieces += [members[key == value] for value in np.unique(key)]
    return pieces


@njit(cache=True)
def unknown_in_view(  # type: ignore[no-untyped-def]  # numba infers
    blocked, unknown, places, range_cells, rays, through_cells
):
    """Number of unknown cells that may be seen around each place.

    Args:
        blocked: (X, Y) bool, stops a ray.
        unknown: (X, Y) bool.
        places: (N, 2) int64 cells to look from.
        range_cells: length of a ray.
        rays: number of rays around the place.
        through_cells: a ray ends after so many unknown cells: what lies behind is a guess.

    Returns:
        (N,) int64.
    """
    counts = np.zeros(len(places), np.int64)
    stamp = np.zeros(blocked.shape, np.int32)
    for p in range(len(places)):
        for r in range(rays):
            angle = 2.0 * math.pi * r / rays
            dx, dy = math.cos(angle), math.sin(angle)
            passed = 0
            for s in range(1, range_cells + 1):
                i = int(math.floor(places[p, 0] + 0.5 + s * dx))
                j = int(math.floor(places[p, 1] + 0.5 + s * dy))
                if i < 0 or j < 0 or i >= blocked.shape[0] or j >= blocked.shape[1] or blocked[i, j]:
                    break
                if unknown[i, j]:
                    passed += 1
                    if stamp[i, j] != p + 1:
                        stamp[i, j] = p + 1
                        counts[p] += 1
                    if passed >= through_cells:
                        break
    return counts


def unknown_m2_around(
    obstacles: Grid2D, explored: Grid2D, xy: tuple[float, float], view_m: float, through_m: float, factor: int = 2
) -> float:
    """Unknown floor in square metres that may be seen from a point, on cells `factor` times the map's.

    Args:
        obstacles: bool cells, map frame.
        explored: aligned with `obstacles`.
        xy: the point, metres.
        view_m: how far is looked.
        through_m: see `unknown_in_view`.
        factor: fine cells per coarse cell and axis.
    """
    grid = explored.rounded()
    reach = math.ceil(view_m / (grid.cell_m * factor)) + 1
    centre = grid.world_to_cell(xy)
    low, high = centre - reach * factor, centre + (reach + 1) * factor
    blocked = coarsen(window(obstacles.cells, low, high), factor).any(axis=2)
    unknown = ~coarsen(window(explored.cells, low, high), factor).any(axis=2) & ~blocked
    coarse = grid.cell_m * factor
    count = unknown_in_view(
        blocked, unknown, np.array([[reach, reach]]), round(view_m / coarse), RAYS, round(through_m / coarse)
    )
    return float(count[0]) * coarse**2


@njit(cache=True)
def sides_seen(blocked, poses, range_cells, rays, fov_rad):  # type: ignore[no-untyped-def]  # numba infers
    """From which of eight directions each blocked cell has been looked at.

    Args:
        blocked: (X, Y) bool.
        poses: (N, 3) float64: x, y in cells, yaw in rad.
        range_cells: how far a look reaches.
        rays: number of rays in the field of view.
        fov_rad: horizontal field of view.

    Returns:
        (X, Y) uint8, bit k set if seen from a viewer in octant k around the cell.
    """
    seen = np.zeros(blocked.shape, np.uint8)
    for p in range(len(poses)):
        for r in range(rays):
            angle = poses[p, 2] + fov_rad * ((r + 0.5) / rays - 0.5)
            dx, dy = math.cos(angle), math.sin(angle)
            for s in range(1, range_cells + 1):
                i = int(math.floor(poses[p, 0] + s * dx))
                j = int(math.floor(poses[p, 1] + s * dy))
                if i < 0 or j < 0 or i >= blocked.shape[0] or j >= blocked.shape[1]:
                    break
                if blocked[i, j]:
                    seen[i, j] |= np.uint8(1 << _octant(-dx, -dy))
                    break
    return seen


@njit(cache=True)
def new_sides_in_view(blocked, seen, places, range_cells, rays):  # type: ignore[no-untyped-def]  # numba infers
    """Number of (blocked cell, octant) pairs not yet seen that each place (N, 2) would show, looking all around."""
    counts = np.zeros(len(places), np.int64)
    stamp = np.zeros(blocked.shape, np.int32)
    for p in range(len(places)):
        for r in range(rays):
            angle = 2.0 * math.pi * r / rays
            dx, dy = math.cos(angle), math.sin(angle)
            for s in range(1, range_cells + 1):
                i = int(math.floor(places[p, 0] + 0.5 + s * dx))
                j = int(math.floor(places[p, 1] + 0.5 + s * dy))
                if i < 0 or j < 0 or i >= blocked.shape[0] or j >= blocked.shape[1]:
                    break
                if blocked[i, j]:
                    if stamp[i, j] != p + 1 and not seen[i, j] & np.uint8(1 << _octant(-dx, -dy)):
                        stamp[i, j] = p + 1
                        counts[p] += 1
                    break
    return counts


@njit(cache=True)
def looks_taken(  # type: ignore[no-untyped-def]  # numba infers
    blocked, doubt, poses, range_cells, rays, fov_rad, through_cells
):
    """Number of poses from which each doubtful cell was in view, by the octant of the viewer around the cell.

    Args:
        blocked: (X, Y) bool; see `_stops`.
        doubt: (X, Y) float64, > 0 where the map is uncertain.
        poses: (N, 3) float64: x, y in cells, yaw in rad.
        range_cells: nearest and farthest distance of a look.
        rays: number of rays in the field of view.
        fov_rad: horizontal field of view.
        through_cells: doubtful cells that a ray passes.

    Returns:
        (X, Y, 8) uint8, at most 255.
    """
    counts = np.zeros((*blocked.shape, 8), np.uint8)
    stamp = np.zeros(blocked.shape, np.int32)
    for p in range(len(poses)):
        for r in range(rays):
            angle = poses[p, 2] + fov_rad * ((r + 0.5) / rays - 0.5)
            dx, dy = math.cos(angle), math.sin(angle)
            passed = 0
            for s in range(1, range_cells[1] + 1):
                i = int(math.floor(poses[p, 0] + s * dx))
                j = int(math.floor(poses[p, 1] + s * dy))
                passed += _stops(blocked, doubt, i, j, through_cells)
                if passed > through_cells:
                    break
                if doubt[i, j] > 0.0 and s >= range_cells[0] and stamp[i, j] != p + 1:
                    stamp[i, j] = p + 1
                    octant = _octant(-dx, -dy)
                    counts[i, j, octant] += counts[i, j, octant] < 255
    return counts


@njit(cache=True)
def doubt_in_view(  # type: ignore[no-untyped-def]  # numba infers
    blocked, doubt, looks, places, range_cells, rays, through_cells
):
    """What a look from each place would show of the doubt, by direction: less of it where looks were taken before.

    Args:
        blocked: (X, Y) bool; see `_stops`.
        doubt: (X, Y) float64.
        looks: (X, Y, 8) float64, 0..1: share of a cell's doubt that another look from an octant is worth.
        places: (N, 2) int64 cells to look from.
        range_cells: nearest and farthest distance of a look.
        rays: number of rays around the place; ray r points to 2 pi r / rays.
        through_cells: doubtful cells that a ray passes.

    Returns:
        (N, rays) float64 doubt in each direction, each cell in one of them; and the same times its distance in cells.
    """
    gain = np.zeros((len(places), rays))
    moment = np.zeros((len(places), rays))
    stamp = np.zeros(blocked.shape, np.int32)
    for p in range(len(places)):
        for r in range(rays):
            angle = 2.0 * math.pi * r / rays
            dx, dy = math.cos(angle), math.sin(angle)
            passed = 0
            for s in range(1, range_cells[1] + 1):
                i = int(math.floor(places[p, 0] + 0.5 + s * dx))
                j = int(math.floor(places[p, 1] + 0.5 + s * dy))
                passed += _stops(blocked, doubt, i, j, through_cells)
                if passed > through_cells:
                    break
                if doubt[i, j] > 0.0 and s >= range_cells[0] and stamp[i, j] != p + 1:
                    stamp[i, j] = p + 1
                    worth = doubt[i, j] * looks[i, j, _octant(-dx, -dy)]
                    gain[p, r] += worth
                    moment[p, r] += worth * s
    return gain, moment


@njit(cache=True)
def _stops(blocked, doubt, i, j, through_cells):  # type: ignore[no-untyped-def]  # numba infers
    """By how much a cell stops a ray that passes `through_cells`: a doubtful obstacle by 1, any other at once.

    The camera looks down on a bed or a couch: its far side is in view, too. A wall, or a thing that is no object, is
    taken to hide what lies behind.
    """
    if i < 0 or j < 0 or i >= blocked.shape[0] or j >= blocked.shape[1]:
        return through_cells + 1
    if not blocked[i, j]:
        return 0
    return 1 if doubt[i, j] > 0.0 else through_cells + 1


@njit(cache=True)
def _octant(dx, dy):  # type: ignore[no-untyped-def]  # numba infers
    """Octant 0..7 of a direction."""
    return int(math.floor((math.atan2(dy, dx) + math.pi) / (math.pi / 4))) % 8
