# SPDX-License-Identifier: Apache-2.0
"""Where people put furniture: couch and tv, beds, tables with chairs, single pieces at walls (`rooms` says what)."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from sim_bridge.furniture import Item, distractor_mounting, families, make_distractor, make_item
from sim_bridge.geometry.mesh import Mesh, Part
from sim_bridge.homes.place import INWARD, Box, Furnishing, Placer, extent
from sim_bridge.homes.plan import SIDES, Room

CHAIR, COUCH, PLANT, BED, TOILET, TV = range(6)
TEST_ONLY_SHARE = 0.5
"""How often a piece in a test home is of a family that occurs in test homes only."""
LOW = ("swivel", "rocking", "tub")
SEAT_MAX_M = 0.66
"""Wider chairs are not put at tables."""


def limits(area_m2: float) -> dict[int, tuple[int, int]]:
    """Fewest and most instances per category in a home of this floor area."""
    return {
        CHAIR: (4, 7 + int(area_m2 / 20)), COUCH: (1, 2 + int(area_m2 / 60)), PLANT: (3, 4 + int(area_m2 / 25)),
        BED: (1, 5), TOILET: (1, 3), TV: (1, 4),
    }  # fmt: skip


def distractor_limits(area_m2: float) -> tuple[int, int]:
    """Fewest and most other things in a home of this floor area."""
    return 10 + int(area_m2 / 10), 22 + int(area_m2 / 4)


OPPOSITE = {"W": "E", "E": "W", "S": "N", "N": "S"}


def at_side(room: Room, side: str, along: float, inward: float) -> tuple[float, float]:
    """Point `inward` metres into the room from a side."""
    return {
        "W": (room.x0 + inward, along),
        "E": (room.x1 - inward, along),
        "S": (along, room.y0 + inward),
        "N": (along, room.y1 - inward),
    }[side]


def draw_family(category: int, rng: np.random.Generator, split: str, wanted: tuple[str, ...] = ()) -> str:
    """A family that the split may use; in test homes often one that no other split has."""
    offered = families(category, split)
    options = [name for name in offered if name in wanted] or list(offered)
    rare = [name for name in options if name not in families(category, "train")]
    if rare and rng.random() < TEST_ONLY_SHARE:
        options = rare
    return options[int(rng.integers(len(options)))]


class Furnisher:
    """Fills a plan through a `Placer`; counts what it put.

    Args:
        placer: where things are put.
        rng: every choice.
        split: "train" or "test": whose shapes and textures are used.
    """

    def __init__(self, placer: Placer, rng: np.random.Generator, split: str) -> None:
        self.placer, self.rng, self.split = placer, rng, split
        area = sum(room.area for room in placer.plan.rooms)
        self.limits, self.distractor_limits = limits(area), distractor_limits(area)
        self.made: dict[int, Item] = {}
        """What each mesh is, by its `id`; homes with other objects need it."""

    def counts(self) -> Counter[int]:
        """Number of instances per category index; -1 counts the distractors."""
        return Counter(part.category for part in self.placer.parts)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < probability)

    def pick(self, *options: str) -> str:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def item(self, category: int, *wanted: str) -> Item:
        """A new piece of a category, of one of the wanted families if any are named and the split has them."""
        family = draw_family(category, self.rng, self.split, wanted)
        item = make_item(category, self.rng, self.split, family)
        self.made[id(item.mesh)] = item
        return item

    def seat(self) -> Item:
        """A chair that fits at a table."""
        for _ in range(12):
            item = self.item(CHAIR)
            if np.ptp(item.mesh.bounds()[:, :2], axis=0).max() <= SEAT_MAX_M and item.family not in LOW:
                return item
        return self.item(CHAIR, "slat", "shell", "tube")

    def thing(self, kind: str) -> Mesh:
        """A new distractor."""
        mesh = make_distractor(kind, self.rng, self.split)
        self.made[id(mesh)] = Item(mesh, kind, kind, distractor_mounting(kind), NO_CATEGORY)
        return mesh

    def _name(self, what: str) -> str:
        return f"{what} {1 + sum(p.name.rsplit(' ', 1)[0] == what for p in self.placer.parts)}"

    def wanted(self, category: int) -> bool:
        """Whether one more of a category (or distractor, -1) is within its limit."""
        limit = self.distractor_limits if category == NO_CATEGORY else self.limits[category]
        return self.counts()[category] < limit[1]

    def piece(self, room: Room, category: int, *families: str, corner: bool = False, tries: int = 3) -> Box | None:
        """A piece of a category at a wall."""
        for _ in range(tries if self.wanted(category) else 0):
            item = self.item(category, *families)
            what = Furnishing(self._name(CATEGORIES[category]), item.mesh, category)
            if item.mounting == "surface":
                continue
            if corner:
                box = self.placer.in_corner(what, room)
            else:
                gap = 0.002 if item.mounting in ("against_wall", "wall") else 0.03
                z = 1.15 - 0.5 * float(np.ptp(item.mesh.bounds()[:, 2])) if item.mounting == "wall" else 0.0
                found = self.placer.at_wall(what, room, z=z, gap=gap)
                box = None if found is None else found[0]
            if box is not None:
                return box
        return None

    def distractor(
        self, room: Room, kind: str, tries: int = 2, sides: list[str] | None = None
    ) -> tuple[Box, str] | None:
        """A distractor at a wall or, where it hangs, on it; on one of these sides, tried in order, if any are given."""
        for _ in range(tries if self.wanted(NO_CATEGORY) else 0):
            mesh = self.thing(kind)
            height = float(np.ptp(mesh.bounds()[:, 2]))
            z, gap = (max(0.08, 1.55 - height / 2), 0.004) if distractor_mounting(kind) == "wall" else (0.0, 0.03)
            found = self.placer.at_wall(Furnishing(self._name(kind), mesh), room, sides, z=z, gap=gap)
            if found is not None:
                return found
        return None

    def beside(self, room: Room, kind: str, found: tuple[Box, str], tries: int = 2) -> tuple[Box, str] | None:
        """A distractor right beside another that stands at a wall."""
        for _ in range(tries if self.wanted(NO_CATEGORY) else 0):
            placed = self.placer.beside(Furnishing(self._name(kind), self.thing(kind)), room, found[1], found[0])
            if placed is not None:
                return placed
        return None

    def rug(self, room: Room, x: float, y: float, yaw: float) -> None:
        """A rug centred near (x, y), moved so that it lies in the room; furniture may stand on it."""
        if not self.wanted(NO_CATEGORY):
            return
        mesh = self.thing("rug")
        low, high = extent(mesh, yaw)
        if high[0] - low[0] > room.x1 - room.x0 - 0.1 or high[1] - low[1] > room.y1 - room.y0 - 0.1:
            return
        x = float(np.clip(x, room.x0 + 0.05 - low[0], room.x1 - 0.05 - high[0]))
        y = float(np.clip(y, room.y0 + 0.05 - low[1], room.y1 - 0.05 - high[1]))
        for part in self.placer.parts:
            if part.name.startswith("rug"):
                a, b = part.mesh.bounds()
                if x + low[0] < b[0] and x + high[0] > a[0] and y + low[1] < b[1] and y + high[1] > a[1]:
                    return
        self.placer.lay(Furnishing(self._name("rug"), mesh), x, y, yaw)

    def on_top(self, room: Room, support: Box, kind: str, yaw: float = 0.0) -> None:
        """A small thing on a table or cabinet."""
        if self.wanted(NO_CATEGORY):
            self.placer.on_top(Furnishing(self._name(kind), self.thing(kind)), room, support, yaw)

    def on_part(self, part: Part, kind: str) -> None:
        """A small thing on a piece that already stands somewhere."""
        low, high = part.mesh.bounds()
        x, y = (low + high)[:2] / 2
        room = next((r for r in self.placer.plan.rooms if r.x0 <= x <= r.x1 and r.y0 <= y <= r.y1), None)
        if room is not None:
            self.on_top(room, (low[0], low[1], low[2], high[0], high[1], high[2]), kind, float(self.rng.uniform(-3, 3)))

    def television(self, room: Room, sides: list[str]) -> tuple[str, float, float] | None:
        """A television at a wall: hung, on a cabinet or on its own stand.

        Returns:
            Side, middle along it and distance of the screen from the wall, or None.
        """
        for side in sides if self.wanted(TV) else []:
            item = self.item(TV)
            shares = 0.5 + np.array([0.0, 0.12, -0.12, 0.25, -0.25, 0.4, -0.4, 0.5, -0.5])
            if item.mounting == "surface":
                mark = self.placer.snapshot()
                width = float(np.ptp(item.mesh.bounds()[:, 1]))
                for _ in range(4):
                    cabinet = self.thing("sideboard")
                    size = np.ptp(cabinet.bounds(), axis=0)
                    if size[1] >= width + 0.02 and 0.3 < size[2] < 0.95:
                        break
                else:
                    continue
                found = self.placer.at_wall(Furnishing(self._name("sideboard"), cabinet), room, [side], shares)
                if found is None:
                    continue
                what = Furnishing(self._name("tv"), item.mesh, TV)
                box = self.placer.on_top(what, room, found[0], INWARD[side], ((0.5, 0.5),))
                if box is None:
                    self.placer.restore(mark)
                    continue
            else:
                hangs = item.mounting == "wall"
                height = float(np.ptp(item.mesh.bounds()[:, 2]))
                z = 1.1 - height / 2 if hangs else 0.0
                what = Furnishing(self._name("tv"), item.mesh, TV)
                placed = self.placer.at_wall(what, room, [side], shares, z, 0.004 if hangs else 0.03)
                if placed is None:
                    continue
                box = placed[0]
            along = (box[1] + box[4]) / 2 if side in "WE" else (box[0] + box[3]) / 2
            depth = {"W": box[3] - room.x0, "E": room.x1 - box[0], "S": box[4] - room.y0, "N": room.y1 - box[1]}[side]
            return side, along, depth
        return None

    def lounge(self, room: Room) -> bool:
        """Television, couch that faces it, coffee table and rug between."""
        for side in self.rng.permutation(list(SIDES)):
            mark = self.placer.snapshot()
            placed = self.television(room, [str(side)])
            if placed is None:
                continue
            for _ in range(4):
                if self._couch_facing(room, *placed):
                    return True
            self.placer.restore(mark)
        return False

    def _couch_facing(self, room: Room, side: str, along: float, depth: float) -> bool:
        item = self.item(COUCH)
        yaw = INWARD[OPPOSITE[side]]
        low, high = item.mesh.bounds()
        length = (room.x1 - room.x0) if side in "WE" else (room.y1 - room.y0)
        for away in (length - (high[0] - low[0]) - 0.03, 3.0, 2.7, 3.4, 2.4):
            if not 1.7 < away - depth < 4.2 or away + high[0] - low[0] > length - 0.02:
                continue
            for shift in (0.0, 0.2, -0.2, 0.4, -0.4, 0.7, -0.7):
                x, y = at_side(room, side, along + shift, away + high[0])
                couch = Furnishing(self._name("couch"), item.mesh, COUCH)
                if self.placer.put(couch, room, x, y, yaw) is None:
                    continue
                middle = at_side(room, side, along + shift, away - 0.75)
                self.rug(room, *middle, yaw)
                table = self.thing("coffee_table")
                size = float(np.ptp(table.bounds()[:, 0]))
                at = at_side(room, side, along + shift, away - 0.4 - size / 2)
                box = self.placer.put(Furnishing(self._name("coffee_table"), table), room, *at, yaw)
                if box is not None and self.chance(0.6):
                    self.on_top(room, box, str(self.rng.choice(["bowl", "vase", "book_pile"])), yaw)
                return True
        return False

    def dining(self, room: Room, least: int = 2) -> bool:
        """A table with chairs of one kind around it; in the middle of a dining room."""
        long_x = room.x1 - room.x0 > room.y1 - room.y0
        for attempt in range(14):
            mark = self.placer.snapshot()
            table = Furnishing(self._name("dining_table"), self.thing("dining_table"))
            box = None
            if room.kind == "dining" and attempt < 5:
                x, y = np.array(room.centre) + self.rng.normal(0.0, 0.12, 2)
                box = self.placer.put(table, room, float(x), float(y), math.pi / 2 if long_x else 0.0)
            if box is None:
                box = self.placer.anywhere(table, room, tries=8, spare=0.55)
            if box is None:
                continue
            if room.kind == "dining" and self.chance(0.5):
                self.rug(room, (box[0] + box[3]) / 2, (box[1] + box[4]) / 2, 0.0 if long_x else math.pi / 2)
            seats = self._seats(box, room, 4 if room.kind == "dining" else 2)
            if seats >= least:
                self.on_top(room, box, self.pick("bowl", "vase"))
                return True
            self.placer.restore(mark)
        return False

    def _seats(self, table: Box, room: Room, least: int) -> int:
        chair = self.seat()
        low, high = chair.mesh.bounds()
        width = float(high[1] - low[1]) + 0.06
        wanted = int(self.rng.integers(least, 7))
        places: list[tuple[float, float, float]] = []
        x0, y0, _, x1, y1, _ = table
        for span, centre, edges, yaws in (
            (x1 - x0, (x0 + x1) / 2, (y0, y1), (math.pi / 2, -math.pi / 2)),
            (y1 - y0, (y0 + y1) / 2, (x0, x1), (0.0, math.pi)),
        ):
            count = max(1, int(span / width))
            for k in range(count):
                along = centre + (k - (count - 1) / 2) * max(width, span / count * 0.92)
                for sign, edge, yaw in ((-1, edges[0], yaws[0]), (1, edges[1], yaws[1])):
                    off = edge + sign * (float(high[0]) + 0.03 + 0.12 * float(self.rng.random()))
                    places.append((along, off, yaw) if yaws[0] != 0.0 else (off, along, yaw))
        done = 0
        for index in self.rng.permutation(len(places)):
            if done >= wanted or not self.wanted(CHAIR):
                break
            x, y, yaw = places[int(index)]
            turned = yaw + float(self.rng.normal(0.0, 0.08))
            what = Furnishing(self._name("chair"), chair.mesh, CHAIR)
            done += self.placer.put(what, room, x, y, turned, margin=0.005) is not None
        return done

    def workplace(self, room: Room) -> bool:
        """A desk with a chair before it."""
        if not self.wanted(CHAIR):
            return False
        for _ in range(4):
            mark = self.placer.snapshot()
            found = self.distractor(room, "desk", 1)
            if found is None:
                continue
            box, side = found
            chair = self.item(CHAIR, "swivel") if self.chance(0.4) else self.seat()
            front = float(chair.mesh.bounds()[1, 0])
            along = (box[1] + box[4]) / 2 if side in "WE" else (box[0] + box[3]) / 2
            depth = (box[3] - box[0]) if side in "WE" else (box[4] - box[1])
            for spare in (0.06, 0.15, 0.3):
                x, y = at_side(room, side, along, 0.03 + depth + front + spare)
                yaw = INWARD[side] + math.pi + float(self.rng.normal(0.0, 0.2))
                if self.placer.put(Furnishing(self._name("chair"), chair.mesh, CHAIR), room, x, y, yaw) is not None:
                    if self.chance(0.6):
                        self.on_top(room, box, self.pick("book_pile", "table_lamp", "vase"), INWARD[side])
                    return True
            self.placer.restore(mark)
        return False

    def sleeping(self, room: Room) -> str | None:
        """A bed with its head to a wall and nightstands beside it; returns the side of the wall."""
        for _ in range(6 if self.wanted(BED) else 0):
            item = self.item(BED)
            shares = (0.5, 0.4, 0.6, 0.25, 0.75, 0.0, 1.0)
            found = self.placer.at_wall(Furnishing(self._name("bed"), item.mesh, BED), room, None, shares)
            if found is None:
                continue
            box, side = found
            low, high = (box[1], box[4]) if side in "WE" else (box[0], box[3])
            for sign, edge in ((-1, low), (1, high)):
                stand = self.thing("nightstand")
                size = np.ptp(stand.bounds(), axis=0)
                x, y = at_side(room, side, edge + sign * (size[1] / 2 + 0.05), size[0] / 2 + 0.03)
                what = Furnishing(self._name("nightstand"), stand)
                if not self.wanted(NO_CATEGORY) or not self.chance(0.75):
                    continue
                top = self.placer.put(what, room, x, y, INWARD[side])
                if top is not None and self.chance(0.7):
                    self.on_top(room, top, "table_lamp", INWARD[side])
            if self.chance(0.5):
                middle = at_side(room, side, (low + high) / 2, 1.6)
                self.rug(room, *middle, INWARD[side])
            return side
        return None

    def curtains(self, room: Room) -> None:
        """Curtains beside some windows."""
        for hole in [h for h in room.holes if h.window and h.high - h.low > 0.8]:
            if not self.chance(0.5):
                continue
            mesh = self.thing("curtain")
            low, high = mesh.bounds()
            width, height = float(high[1] - low[1]), float(high[2] - low[2])
            for sign, edge in ((-1, hole.low), (1, hole.high)):
                if not self.wanted(NO_CATEGORY):
                    return
                x, y = at_side(room, hole.side, edge + sign * (width / 2 + 0.055), 0.05 - float(low[0]))
                z = min(2.42 - height, hole.top + 0.1 - height)
                what = Furnishing(self._name("curtain"), mesh)
                self.placer.put(what, room, x, y, INWARD[hole.side], max(z, 0.02), margin=0.0)

    def complete(self, rooms: list[Room]) -> bool:
        """Add chairs, plants and distractors up to their least number; False if a category stays short."""
        order = sorted(rooms, key=lambda r: -r.area)
        for category, room_kinds in ((CHAIR, ("living", "bedroom", "study", "dining", "kitchen")), (PLANT, None)):
            for k in range(24):
                if self.counts()[category] >= self.limits[category][0]:
                    break
                room = order[k % len(order)]
                if room_kinds is None or room.kind in room_kinds:
                    self.piece(room, category, corner=category == PLANT)
        spare = ("picture_frame", "cardboard_box", "trash_bin", "stool", "laundry_basket", "bench", "radiator")
        least, most = self.distractor_limits
        for k in range(40):
            if self.counts()[NO_CATEGORY] >= least + 3:
                break
            self.distractor(order[k % len(order)], spare[k % len(spare)], 1)
        counts = self.counts()
        short = any(not low <= counts[c] <= high for c, (low, high) in self.limits.items())
        return not short and least <= counts[NO_CATEGORY] <= most
