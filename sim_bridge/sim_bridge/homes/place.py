# SPDX-License-Identifier: Apache-2.0
"""Placing furniture in a floor plan: nothing intersects, and a round robot still reaches every room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from seal_perception.categories import NO_CATEGORY
from seal_perception.grid import Grid2D
from seal_perception.types import BoolArray, FloatArray
from sim_bridge.geometry.mesh import Mesh, Part
from sim_bridge.homes.plan import HEIGHT_M, SIDES, FloorPlan, Hole, Room

CELL_M = 0.05
CLEARANCE_M = 0.24
"""Radius kept free for the robot (0.18 m) with room to spare."""
SILL_M = 0.11
"""How far window sills stand out; the robot meets the low ones."""
INWARD = {"W": 0.0, "E": math.pi, "S": math.pi / 2, "N": -math.pi / 2}
"""Heading that looks into the room from each side."""

_REACH = int(CLEARANCE_M / CELL_M + 1e-6)
_OFFSET_M = np.hypot(*np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1]) * CELL_M
_DISC = (_OFFSET_M <= CLEARANCE_M + 1e-9).astype(np.uint8)

Box = tuple[float, float, float, float, float, float]


def pose(x: float, y: float, yaw: float, z: float = 0.0) -> FloatArray:
    """(4, 4) turn about z by `yaw`, then shift."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, -s, 0, x], [s, c, 0, y], [0, 0, 1, z], [0, 0, 0, 1.0]])


def extent(mesh: Mesh, yaw: float) -> FloatArray:
    """(2, 3) bounds of the mesh turned by `yaw`."""
    return mesh.transformed(pose(0, 0, yaw)).bounds()


@dataclass(frozen=True)
class Furnishing:
    """What is to be placed: a mesh in its own frame, its name in the scene and its category."""

    name: str
    mesh: Mesh
    category: int = NO_CATEGORY


@dataclass(frozen=True)
class Placement:
    """Where a mesh stands: what `put` was given; parallel to `Placer.parts`.

    Attributes:
        mesh: in its own frame.
        T: (4, 4) pose of the mesh in the world.
        support: index of the part that it stands on, or -1.
    """

    mesh: Mesh
    T: FloatArray
    support: int = -1


class Placer:
    """Holds what stands where; every `put` either fits or changes nothing.

    Args:
        plan: the flat; its doors and windows are kept free.
        rng: order in which places are tried.
    """

    def __init__(self, plan: FloorPlan, rng: np.random.Generator) -> None:
        self.plan, self.rng = plan, rng
        self.parts: list[Part] = []
        self.placements: list[Placement] = []
        self.fixed: list[Part] = []
        self.boxes: list[Box] = []
        right, top = max(r.x1 for r in plan.rooms) + 0.2, max(r.y1 for r in plan.rooms) + 0.2
        shape = math.ceil(right / CELL_M), math.ceil(top / CELL_M)
        self._free = Grid2D(np.zeros(shape, bool), np.zeros(2), CELL_M)
        areas = [(a.x0, a.y0, a.x1, a.y1) for a in plan.rooms] + [(d.x0, d.y0, d.x1, d.y1) for d in plan.doors]
        for area in areas:
            self._free.cells[self._cells(*area)] = True
        for room in plan.rooms:
            for hole in room.holes:
                self.boxes.append(self._keep_clear(room, hole))
                if hole.window and hole.bottom < 1.15:
                    x0, y0, _, x1, y1, _ = self._keep_clear(room, hole, SILL_M)
                    self._free.cells[self._cells(x0, y0, x1, y1)] = False
        if plan.entrance is not None:
            self.boxes.append(self._keep_clear(plan.rooms[plan.entrance[0]], plan.entrance[1]))
        self.reserved = len(self.boxes)

    @staticmethod
    def _cells(x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice]:
        edge = [max(0, round(v / CELL_M)) for v in (x0, x1, y0, y1)]
        return slice(edge[0], edge[1]), slice(edge[2], edge[3])

    @staticmethod
    def _keep_clear(room: Room, hole: Hole, depth: float = 0.0) -> Box:
        """The space in front of a door, or before a window above its sill; `depth` metres deep if given."""
        depth = depth or (0.3 if hole.window else 0.75)
        low, high = hole.low - 0.05, hole.high + 0.05
        z0, z1 = hole.bottom, hole.top
        side = hole.side
        if side == "W":
            return room.x0, low, z0, room.x0 + depth, high, z1
        if side == "E":
            return room.x1 - depth, low, z0, room.x1, high, z1
        if side == "S":
            return low, room.y0, z0, high, room.y0 + depth, z1
        return low, room.y1 - depth, z0, high, room.y1, z1

    def fits(self, room: Room, low: FloatArray, high: FloatArray, margin: float = 0.02) -> bool:
        """Whether a box lies in the room, is `margin` metres from all others and cuts no way off."""
        inside = low[0] >= room.x0 - 1e-6 and low[1] >= room.y0 - 1e-6
        if not (inside and high[0] <= room.x1 + 1e-6 and high[1] <= room.y1 + 1e-6 and high[2] <= HEIGHT_M):
            return False
        for x0, y0, z0, x1, y1, z1 in self.boxes:
            if (
                low[0] < x1 + margin and high[0] > x0 - margin and low[1] < y1 + margin and high[1] > y0 - margin
                and low[2] < z1 - 1e-3 and high[2] > z0 + 1e-3
            ):  # fmt: skip
                return False
        return low[2] > 1.2 or self._connected(low, high)

    def _connected(self, low: FloatArray, high: FloatArray) -> bool:
        free: BoolArray = self._free.cells.copy()
        free[self._cells(low[0] - 0.02, low[1] - 0.02, high[0] + 0.02, high[1] + 0.02)] = False
        return self._reachable_over(free) is not None

    def reachable(self) -> Grid2D | None:
        """Bool cells that the robot's centre reaches, or None where a door or a good part of a room is cut off."""
        main = self._reachable_over(self._free.cells)
        return None if main is None else Grid2D(main, self._free.origin_xy, CELL_M)

    def _reachable_over(self, free: BoolArray) -> BoolArray | None:
        standing = cv2.erode(free.view(np.uint8), _DISC)
        count, regions, stats, _ = cv2.connectedComponentsWithStats(standing, connectivity=4)
        if count < 2:
            return None
        sizes = stats[1:, cv2.CC_STAT_AREA]
        if sizes.sum() - sizes.max() > 0.25 / CELL_M**2:
            return None
        main = regions == int(sizes.argmax()) + 1
        for door in self.plan.doors:
            if not main[tuple(self._free.world_to_cell(door.centre))]:
                return None
        for room in self.plan.rooms:
            if main[self._cells(room.x0, room.y0, room.x1, room.y1)].sum() * CELL_M**2 < 0.08 * room.area:
                return None
        return main

    def put(
        self, what: Furnishing, room: Room, x: float, y: float, yaw: float, z: float = 0.0,
        margin: float = 0.02, support: int = -1,
    ) -> Box | None:  # fmt: skip
        """Place a mesh with its origin at (x, y, z) if it fits, `margin` metres from all others.

        Args:
            what: the mesh, its name and category.
            room: where it has to lie.
            x: metres, world frame.
            y: metres, world frame.
            yaw: radians about z.
            z: metres above the floor.
            margin: least distance to others in metres.
            support: index of the part that it stands on, or -1.

        Returns:
            Its box in the world, or None if it does not fit.
        """
        mesh = what.mesh
        placed = mesh.transformed(pose(x, y, yaw, z))
        placed.vertices[:, 2] = np.maximum(placed.vertices[:, 2], 0.002)  # a blanket may hang down, not into the floor
        low, high = placed.bounds()
        if not self.fits(room, low, high, margin):
            return None
        box = (low[0], low[1], low[2], high[0], high[1], high[2])
        self.parts.append(Part(what.name, placed, what.category, mesh.geometry_hash()))
        self.placements.append(Placement(mesh, pose(x, y, yaw, z), support))
        self._occupy(box)
        return box

    def _occupy(self, box: Box) -> None:
        self.boxes.append(box)
        if box[2] < 1.15:
            self._free.cells[self._cells(box[0] - 0.02, box[1] - 0.02, box[3] + 0.02, box[4] + 0.02)] = False

    def fix(self, name: str, mesh: Mesh, room: Room, margin: float) -> bool:
        """Keep what belongs to the building, already in the world frame, if it fits; such as an open door leaf."""
        low, high = mesh.bounds()
        if not self.fits(room, low, high, margin):
            return False
        self.fixed.append(Part(name, mesh, NO_CATEGORY, mesh.geometry_hash()))
        self._occupy((low[0], low[1], low[2], high[0], high[1], high[2]))
        return True

    def at_wall(
        self, what: Furnishing, room: Room, sides: Iterable[str] | None = None,
        shares: Sequence[float] | FloatArray | None = None, z: float = 0.0, gap: float = 0.03,
    ) -> tuple[Box, str] | None:  # fmt: skip
        """Place with the back to a wall; tries the sides in order, the positions (shares of the free length) at random.

        Returns:
            The box and the side, or None if it fits nowhere.
        """
        order = list(self.rng.permutation(list(SIDES))) if sides is None else list(sides)
        for side in order:
            yaw = INWARD[side]
            low, high = extent(what.mesh, yaw)
            start, end = room.span(side)
            axis = 1 if side in "WE" else 0
            length = high[axis] - low[axis]
            if end - start < length + 0.02:
                continue
            tries = self.rng.permutation(np.linspace(0.0, 1.0, 15)) if shares is None else np.asarray(shares)
            for share in tries:
                along = start + 0.01 + share * (end - start - length - 0.02) - low[axis]
                x, y = {
                    "W": (room.x0 + gap - low[0], along),
                    "E": (room.x1 - gap - high[0], along),
                    "S": (along, room.y0 + gap - low[1]),
                    "N": (along, room.y1 - gap - high[1]),
                }[side]
                box = self.put(what, room, x, y, yaw, z)
                if box is not None:
                    return box, side
        return None

    def beside(self, what: Furnishing, room: Room, side: str, other: Box) -> tuple[Box, str] | None:
        """Place at the same wall, right beside a box that stands there."""
        low, high = extent(what.mesh, INWARD[side])
        axis = 1 if side in "WE" else 0
        for edge in (other[axis + 3] + 0.021 - low[axis], other[axis] - 0.021 - high[axis]):
            x, y = {
                "W": (room.x0 + 0.03 - low[0], edge),
                "E": (room.x1 - 0.03 - high[0], edge),
                "S": (edge, room.y0 + 0.03 - low[1]),
                "N": (edge, room.y1 - 0.03 - high[1]),
            }[side]
            box = self.put(what, room, x, y, INWARD[side])
            if box is not None:
                return box, side
        return None

    def in_corner(self, what: Furnishing, room: Room) -> Box | None:
        """Place near a corner of the room, or else somewhere at a wall."""
        found = self.at_wall(what, room, None, (0.0, 1.0), gap=0.06)
        if found is None:
            found = self.at_wall(what, room, gap=0.06)
        return None if found is None else found[0]

    def on_top(
        self, what: Furnishing, room: Room, support: Box, yaw: float,
        shares: Sequence[tuple[float, float]] = ((0.5, 0.5), (0.25, 0.5), (0.75, 0.5)),
    ) -> Box | None:  # fmt: skip
        """Place on the top of a support's box, its footprint within the support's; `settle` puts small things down."""
        low, high = extent(what.mesh, yaw)
        x0, y0, _, x1, y1, top = support
        below = next((k for k, p in enumerate(self.parts) if np.allclose(p.mesh.bounds().ravel(), support)), -1)
        size = high - low
        if size[0] > x1 - x0 or size[1] > y1 - y0:
            return None
        for a, b in shares:
            x = x0 + a * (x1 - x0 - size[0]) - low[0]
            y = y0 + b * (y1 - y0 - size[1]) - low[1]
            box = self.put(what, room, x, y, yaw, top - low[2] + 0.002, support=below)
            if box is not None:
                return box
        return None

    def lay(self, what: Furnishing, x: float, y: float, yaw: float) -> None:
        """Lay something flat on the floor; things may stand on it."""
        mesh = what.mesh
        placed = mesh.transformed(pose(x, y, yaw, 0.001))
        self.parts.append(Part(what.name, placed, what.category, mesh.geometry_hash()))
        self.placements.append(Placement(mesh, pose(x, y, yaw, 0.001)))

    def snapshot(self) -> tuple[int, int, BoolArray]:
        """What `restore` needs to undo everything put after now."""
        return len(self.parts), len(self.boxes), self._free.cells.copy()

    def restore(self, mark: tuple[int, int, BoolArray]) -> None:
        """Take away what was put since `snapshot`."""
        del self.parts[mark[0] :], self.placements[mark[0] :], self.boxes[mark[1] :]
        self._free.cells[...] = mark[2]

    def anywhere(self, what: Furnishing, room: Room, tries: int = 25, spare: float = 0.0) -> Box | None:
        """Place freely in the room, turned at random, `spare` metres from the walls."""
        for _ in range(tries):
            yaw = float(self.rng.integers(4)) * math.pi / 2
            low, high = extent(what.mesh, yaw)
            size = high - low
            x0, y0 = room.x0 + spare, room.y0 + spare
            x = self.rng.uniform(x0, max(x0 + 1e-3, room.x1 - spare - size[0])) - low[0]
            y = self.rng.uniform(y0, max(y0 + 1e-3, room.y1 - spare - size[1])) - low[1]
            box = self.put(what, room, float(x), float(y), yaw)
            if box is not None:
                return box
        return None
