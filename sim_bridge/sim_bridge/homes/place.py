# SPDX-License-Identifier: Apache-2.0
"""Placing furniture in a floor plan: nothing intersects, and a round robot still reaches every room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from seal_perception.categories import NO_CATEGORY
from seal_perception.types import BoolArray, FloatArray
from sim_bridge.geometry.mesh import Mesh, Part
from sim_bridge.homes.plan import HEIGHT_M, SIDES, Hole, Plan, Room

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

    def __init__(self, plan: Plan, rng: np.random.Generator) -> None:
        self.plan, self.rng = plan, rng
        self.parts: list[Part] = []
        self.placements: list[Placement] = []
        self.fixed: list[Part] = []
        self.boxes: list[Box] = []
        right, top = max(r.x1 for r in plan.rooms) + 0.2, max(r.y1 for r in plan.rooms) + 0.2
        self._free: BoolArray = np.zeros((math.ceil(right / CELL_M), math.ceil(top / CELL_M)), bool)
        areas = [(a.x0, a.y0, a.x1, a.y1) for a in plan.rooms] + [(d.x0, d.y0, d.x1, d.y1) for d in plan.doors]
        for area in areas:
            self._free[self._cells(*area)] = True
        for room in plan.rooms:
            for hole in room.holes:
                self.boxes.append(self._keep_clear(room, hole))
                if hole.window and hole.bottom < 1.15:
                    x0, y0, _, x1, y1, _ = self._keep_clear(room, hole, SILL_M)
                    self._free[self._cells(x0, y0, x1, y1)] = False
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

    def fits(self, room: Room, low: FloatArray, high: FloatArray, solid: bool = True, margin: float = 0.02) -> bool:
        """Whether a box lies in the room, touches nothing and cuts no way off."""
        inside = low[0] >= room.x0 - 1e-6 and low[1] >= room.y0 - 1e-6
        if not (inside and high[0] <= room.x1 + 1e-6 and high[1] <= room.y1 + 1e-6 and high[2] <= HEIGHT_M):
            return False
        for x0, y0, z0, x1, y1, z1 in self.boxes:
            if (
                low[0] < x1 + margin and high[0] > x0 - margin and low[1] < y1 + margin and high[1] > y0 - margin
                and low[2] < z1 - 1e-3 and high[2] > z0 + 1e-3
            ):  # fmt: skip
                return False
        return not solid or low[2] > 1.2 or self._connected(low, high)

    def _connected(self, low: FloatArray, high: FloatArray) -> bool:
        free = self._free.copy()
        free[self._cells(low[0] - 0.02, low[1] - 0.02, high[0] + 0.02, high[1] + 0.02)] = False
        return self.reachable(free) is not None

    def reachable(self, free: BoolArray | None = None) -> BoolArray | None:
        """Cells that the robot's centre reaches, or None where a door or a good part of a room is cut off."""
        free = self._free if free is None else free
        standing = cv2.erode(free.view(np.uint8), _DISC)
        count, regions, stats, _ = cv2.connectedComponentsWithStats(standing, connectivity=4)
        if count < 2:
            return None
        sizes = stats[1:, cv2.CC_STAT_AREA]
        if sizes.sum() - sizes.max() > 0.25 / CELL_M**2:
            return None
        main = regions == int(sizes.argmax()) + 1
        for door in self.plan.doors:
            x, y = door.centre
            if not main[int(x / CELL_M), int(y / CELL_M)]:
                return None
        for room in self.plan.rooms:
            if main[self._cells(room.x0, room.y0, room.x1, room.y1)].sum() * CELL_M**2 < 0.08 * room.area:
                return None
        return main

    def put(
        self, name: str, mesh: Mesh, room: Room, x: float, y: float, yaw: float, z: float = 0.0,
        category: int = NO_CATEGORY, solid: bool = True, margin: float = 0.02, support: int = -1,
    ) -> Box | None:  # fmt: skip
        """Place a mesh with its origin at (x, y, z) if it fits; returns its box in the world."""
        placed = mesh.transformed(pose(x, y, yaw, z))
        placed.vertices[:, 2] = np.maximum(placed.vertices[:, 2], 0.002)  # a blanket may hang down, not into the floor
        low, high = placed.bounds()
        if not self.fits(room, low, high, solid, margin):
            return None
        box = (low[0], low[1], low[2], high[0], high[1], high[2])
        self.parts.append(Part(name, placed, category, mesh.geometry_hash()))
        self.placements.append(Placement(mesh, pose(x, y, yaw, z), support))
        if solid:
            self._occupy(box)
        return box

    def _occupy(self, box: Box) -> None:
        self.boxes.append(box)
        if box[2] < 1.15:
            self._free[self._cells(box[0] - 0.02, box[1] - 0.02, box[3] + 0.02, box[4] + 0.02)] = False

    def fix(self, name: str, mesh: Mesh, room: Room, margin: float) -> bool:
        """Keep what belongs to the building, already in the world frame, if it fits; such as an open door leaf."""
        low, high = mesh.bounds()
        if not self.fits(room, low, high, True, margin):
            return False
        self.fixed.append(Part(name, mesh, NO_CATEGORY, mesh.geometry_hash()))
        self._occupy((low[0], low[1], low[2], high[0], high[1], high[2]))
        return True

    def at_wall(
        self, name: str, mesh: Mesh, room: Room,
        sides: Iterable[str] | None = None, shares: Sequence[float] | FloatArray | None = None, z: float = 0.0,
        category: int = NO_CATEGORY, solid: bool = True, gap: float = 0.03, margin: float = 0.02,
    ) -> tuple[Box, str] | None:  # fmt: skip
        """Place with the back to a wall; tries the sides in order, the positions (shares of the free length) at random.

        Returns:
            The box and the side, or None if it fits nowhere.
        """
        order = list(self.rng.permutation(list(SIDES))) if sides is None else list(sides)
        for side in order:
            yaw = INWARD[side]
            low, high = extent(mesh, yaw)
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
                box = self.put(name, mesh, room, x, y, yaw, z, category, solid, margin)
                if box is not None:
                    return box, side
        return None

    def beside(self, name: str, mesh: Mesh, room: Room, side: str, other: Box) -> tuple[Box, str] | None:
        """Place at the same wall, right beside a box that stands there."""
        low, high = extent(mesh, INWARD[side])
        axis = 1 if side in "WE" else 0
        for edge in (other[axis + 3] + 0.021 - low[axis], other[axis] - 0.021 - high[axis]):
            x, y = {
                "W": (room.x0 + 0.03 - low[0], edge),
                "E": (room.x1 - 0.03 - high[0], edge),
                "S": (edge, room.y0 + 0.03 - low[1]),
                "N": (edge, room.y1 - 0.03 - high[1]),
            }[side]
            box = self.put(name, mesh, room, x, y, INWARD[side])
            if box is not None:
                return box, side
        return None

    def in_corner(self, name: str, mesh: Mesh, room: Room, category: int = NO_CATEGORY, z: float = 0.0) -> Box | None:
        """Place near a corner of the room, or else somewhere at a wall."""
        found = self.at_wall(name, mesh, room, None, (0.0, 1.0), z, category, gap=0.06)
        if found is None:
            found = self.at_wall(name, mesh, room, None, None, z, category, gap=0.06)
        return None if found is None else found[0]

    def on_top(
        self, name: str, mesh: Mesh, room: Room, support: Box, yaw: float, category: int = NO_CATEGORY,
        shares: Sequence[tuple[float, float]] = ((0.5, 0.5), (0.25, 0.5), (0.75, 0.5)),
    ) -> Box | None:  # fmt: skip
        """Place on the top of a support's box, its footprint within the support's; `settle` puts small things down."""
        low, high = extent(mesh, yaw)
        x0, y0, _, x1, y1, top = support
        below = next((k for k, p in enumerate(self.parts) if np.allclose(p.mesh.bounds().ravel(), support)), -1)
        size = high - low
        if size[0] > x1 - x0 or size[1] > y1 - y0:
            return None
        for a, b in shares:
            x = x0 + a * (x1 - x0 - size[0]) - low[0]
            y = y0 + b * (y1 - y0 - size[1]) - low[1]
            box = self.put(name, mesh, room, x, y, yaw, top - low[2] + 0.002, category, support=below)
            if box is not None:
                return box
        return None

    def lay(self, name: str, mesh: Mesh, x: float, y: float, yaw: float) -> None:
        """Lay something flat on the floor; things may stand on it."""
        placed = mesh.transformed(pose(x, y, yaw, 0.001))
        self.parts.append(Part(name, placed, NO_CATEGORY, mesh.geometry_hash()))
        self.placements.append(Placement(mesh, pose(x, y, yaw, 0.001)))

    def snapshot(self) -> tuple[int, int, BoolArray]:
        """What `restore` needs to undo everything put after now."""
        return len(self.parts), len(self.boxes), self._free.copy()

    def restore(self, mark: tuple[int, int, BoolArray]) -> None:
        """Take away what was put since `snapshot`."""
        del self.parts[mark[0] :], self.placements[mark[0] :], self.boxes[mark[1] :]
        self._free = mark[2].copy()

    def anywhere(
        self, name: str, mesh: Mesh, room: Room, category: int = NO_CATEGORY, tries: int = 25, spare: float = 0.0
    ) -> Box | None:
        """Place freely in the room, turned at random, `spare` metres from the walls."""
        for _ in range(tries):
            yaw = float(self.rng.integers(4)) * math.pi / 2
            low, high = extent(mesh, yaw)
            size = high - low
            x0, y0 = room.x0 + spare, room.y0 + spare
            x = self.rng.uniform(x0, max(x0 + 1e-3, room.x1 - spare - size[0])) - low[0]
            y = self.rng.uniform(y0, max(y0 + 1e-3, room.y1 - spare - size[1])) - low[1]
            box = self.put(name, mesh, room, float(x), float(y), yaw, 0.0, category)
            if box is not None:
                return box
        return None
