# SPDX-License-Identifier: Apache-2.0
"""Where the robot can stand in a Habitat scene: one connected part of habitat-sim's navigation mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.errors import InputError
from seal_perception.simulator import ReachableFloor
from seal_perception.types import FloatArray
from sim_bridge.geometry.collision import nearest
from sim_bridge.habitat.frames import to_habitat, to_world

ASIDE_M = 1e-3
"""A place is on the mesh if the nearest point of the mesh is no farther aside."""

STEP_M = 0.3
"""Largest difference in height between neighbouring places; more is another storey or the top of a bed."""

STOREY_M = 0.5


class Ground:
    """One connected part of a scene's navigation mesh; positions in Habitat's axes turned to z up.

    It is the part at the scene's own start. Without one it is the lowest of those at least half as large as the
    largest: a flat roof is larger than the rooms below it.

    Args:
        pathfinder: habitat-sim's, with a mesh for this robot.
        scene: its name, for messages.
        start: (3,) the scene's own start on the floor, None = it names none.

    Raises:
        InputError: if the robot fits nowhere.
    """

    def __init__(self, pathfinder: Any, scene: str, start: FloatArray | None = None) -> None:
        self._pathfinder = pathfinder
        if not pathfinder.is_loaded or pathfinder.num_islands == 0 or not pathfinder.navigable_area > 0:
            raise InputError(f"scene {scene}: the robot fits nowhere on its floor")
        self._island = self._own_island(start)
        self.storey_z = self._storey(self._island)

    def _own_island(self, start: FloatArray | None) -> int:
        count = self._pathfinder.num_islands
        if start is not None:
            snapped = np.asarray(self._pathfinder.snap_point(to_habitat(start).astype(np.float32)), np.float32)
            island = int(self._pathfinder.get_island(snapped)) if np.isfinite(snapped).all() else -1
            if 0 <= island < count and abs(float(snapped[1]) - float(start[2])) <= STEP_M:
                return island
        areas = np.array([float(self._pathfinder.island_area(k)) for k in range(count)])
        large = np.flatnonzero(areas >= 0.5 * areas.max())
        return int(min(large, key=lambda k: self._storey(int(k))))

    def _storey(self, island: int) -> float:
        """Height of the storey with most floor: the middle of the fullest half metre, by area."""
        vertices = to_world(np.array(self._pathfinder.build_navmesh_vertices(island), np.float64).reshape(-1, 3))
        index = np.array(self._pathfinder.build_navmesh_vertex_indices(island), np.int64).reshape(-1, 3)
        a, b, c = (vertices[index[:, k]] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        height = (a + b + c)[:, 2] / 3.0
        bins = np.floor((height - height.min()) / STOREY_M).astype(int)
        fullest = bins == int(np.bincount(bins, area).argmax())
        return float(np.average(height[fullest], weights=area[fullest]))

    def height(self, x: float, y: float, near_z: float) -> float | None:
        """Height of the mesh at (x, y) next to height `near_z`; None where the robot's centre cannot be."""
        wanted = to_habitat([x, y, near_z]).astype(np.float32)
        found = np.asarray(self._pathfinder.snap_point(wanted), np.float64)
        if not np.isfinite(found).all() or np.hypot(found[0] - wanted[0], found[2] - wanted[2]) > ASIDE_M:
            return None
        if abs(found[1] - near_z) > STEP_M or self._pathfinder.get_island(found.astype(np.float32)) != self._island:
            return None
        return float(found[1])

    def reachable(self, cell_m: float) -> ReachableFloor:
        """Cells of the storey whose centre the robot's centre can reach.

        habitat-sim asks about the points `lower + cell * k` of its bounds; they are taken as the middles of cells.
        """
        low, _ = (np.asarray(corner, np.float64) for corner in self._pathfinder.get_bounds())
        view = np.asarray(self._pathfinder.get_topdown_island_view(cell_m, self.storey_z, STOREY_M))
        # Rows run along Habitat's +z, which is our -y.
        cells = np.ascontiguousarray((view == self._island).T[:, ::-1])
        lowest_y = -(low[2] + (view.shape[0] - 1) * cell_m)
        origin = np.array([low[0], lowest_y]) - 0.5 * cell_m
        return ReachableFloor(cells, origin, cell_m)


def place_near(floor: ReachableFloor, xy: npt.ArrayLike) -> FloatArray:
    """(2,) middle of the reachable cell nearest to a point."""
    i, j = nearest(floor.cells, floor.world_to_cell(xy))
    return floor.cell_to_world((i, j))


def middle(floor: ReachableFloor) -> FloatArray:
    """(2,) mean of the reachable cells."""
    return floor.cell_to_world(np.argwhere(floor.cells).mean(0))
