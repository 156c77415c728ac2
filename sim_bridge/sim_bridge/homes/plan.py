# SPDX-License-Identifier: Apache-2.0
"""Floor plans of flats: rooms as rectangles that share walls, doors between them, windows to the outside."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sim_bridge.homes.templates import LEAF_MAX_M, Link, Rect, Template

WALL_M = 0.12
HEIGHT_M = 2.5
DOOR_TOP_M = 2.06
OPENING_TOP_M = 2.3
"""Top of an opening without a leaf."""
SIDES = ("W", "E", "S", "N")


@dataclass(frozen=True)
class Hole:
    """A hole in one side of a room: from `low` to `high` along the side's axis, `bottom` to `top` in height."""

    side: str
    low: float
    high: float
    bottom: float
    top: float
    window: bool


@dataclass
class Room:
    """A room; x0..y1 are the inner faces of its walls in metres."""

    kind: str
    x0: float
    y0: float
    x1: float
    y1: float
    holes: list[Hole] = field(default_factory=list)

    @property
    def area(self) -> float:
        """Floor in m2."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the floor."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def span(self, side: str) -> tuple[float, float]:
        """Ends of a side along its axis (y for W and E, x for S and N)."""
        return (self.y0, self.y1) if side in "WE" else (self.x0, self.x1)


@dataclass(frozen=True)
class Door:
    """An opening between two rooms: the box between their wall faces, from the floor to `top`.

    `rooms` are the indices of the two rooms, `sides` the sides of them that it lies in.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    along_y: bool
    top: float
    rooms: tuple[int, int]
    sides: tuple[str, str]

    @property
    def width(self) -> float:
        """Metres between its jambs."""
        return self.y1 - self.y0 if self.along_y else self.x1 - self.x0

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the opening."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True)
class FloorPlan:
    """Rooms, the doors between them, and the front door: index of its room and where it hangs (it stays shut)."""

    rooms: tuple[Room, ...]
    doors: tuple[Door, ...]
    entrance: tuple[int, Hole] | None = None


def _flip(rooms: list[Rect], rng: np.random.Generator) -> list[Rect]:
    """Mirror and turn the plan at random; the lower corner comes to lie at (0, 0)."""
    if rng.random() < 0.5:
        rooms = [(k, -x1, y0, -x0, y1) for k, x0, y0, x1, y1 in rooms]
    if rng.random() < 0.5:
        rooms = [(k, x0, -y1, x1, -y0) for k, x0, y0, x1, y1 in rooms]
    if rng.random() < 0.5:
        rooms = [(k, y0, x0, y1, x1) for k, x0, y0, x1, y1 in rooms]
    left, bottom = min(r[1] for r in rooms), min(r[2] for r in rooms)
    return [(k, x0 - left, y0 - bottom, x1 - left, y1 - bottom) for k, x0, y0, x1, y1 in rooms]


def _touching(a: Rect, b: Rect) -> list[tuple[str, str, float, float, float]]:
    """Sides of a and b that touch, the line between them and the ends of what they share."""
    out = []
    for side_a, side_b, line_a, line_b, low, high in (
        ("E", "W", a[3], b[1], max(a[2], b[2]), min(a[4], b[4])),
        ("W", "E", a[1], b[3], max(a[2], b[2]), min(a[4], b[4])),
        ("N", "S", a[4], b[2], max(a[1], b[1]), min(a[3], b[3])),
        ("S", "N", a[2], b[4], max(a[1], b[1]), min(a[3], b[3])),
    ):
        if abs(line_a - line_b) < 1e-6 and high - low > 1e-6:
            out.append((side_a, side_b, line_a, low, high))
    return out


def _outer_spans(index: int, side: str, rects: list[Rect], room: Room) -> list[tuple[float, float]]:
    """Stretches of a room's side with no room behind them, along the side's axis."""
    low, high = room.span(side)
    spans = [(low, high)]
    for other, rect in enumerate(rects):
        if other == index:
            continue
        for found, _, _, a, b in _touching(rects[index], rect):
            if found == side:
                cut = (a - WALL_M, b + WALL_M)
                spans = [(p, q) for s, e in spans for p, q in ((s, min(e, cut[0])), (max(s, cut[1]), e)) if q - p > 0.3]
    return spans


def _windows(room: Room, side: str, low: float, high: float, rng: np.random.Generator) -> list[Hole]:
    length = high - low
    if length < 1.2 or rng.random() < (0.45 if room.kind == "corridor" else 0.08):
        return []
    if room.kind in ("bathroom", "laundry"):
        width, bottom, top = 0.6, 1.5, 2.15
    elif room.kind in ("living", "dining") and rng.random() < 0.4:
        width, bottom, top = rng.uniform(1.5, 2.3), 0.12, 2.2
    else:
        width, bottom, top = rng.uniform(0.9, 1.6), rng.uniform(0.85, 1.0), rng.uniform(2.05, 2.25)
    count = 1 if room.kind in ("bathroom", "laundry") else max(1, int(length / (2.6 if width < 1.5 else 3.4)))
    holes = []
    for k in range(min(count, 4)):
        a, b = low + length * k / count, low + length * (k + 1) / count
        size = min(width, b - a - 0.6)
        at = (a + b) / 2 + rng.uniform(-0.3, 0.3) * max(b - a - size - 0.5, 0.0)
        holes.append(Hole(side, at - size / 2, at + size / 2, bottom, top, True))
    return holes


def _make_door(rooms: list[Room], rects: list[Rect], link: Link, rng: np.random.Generator) -> Door:
    i, j, width = link
    shared = [found for found in _touching(rects[i], rects[j]) if found[4] - found[3] > 0.5]
    if not shared:
        raise ValueError(f"rooms {rects[i]} and {rects[j]} share no wall")
    side_a, side_b, line, low, high = shared[0]
    width = min(width, high - low - 2 * WALL_M - 0.2)
    first = low + WALL_M + 0.1 + width / 2
    last = max(first, high - WALL_M - 0.1 - width / 2)
    # Most doors are beside a corner, where an open leaf is out of the way.
    at = float(rng.choice([first, last])) if width <= LEAF_MAX_M and rng.random() < 0.6 else rng.uniform(first, last)
    top = DOOR_TOP_M if width <= LEAF_MAX_M else OPENING_TOP_M
    for room, side in ((rooms[i], side_a), (rooms[j], side_b)):
        room.holes.append(Hole(side, at - width / 2, at + width / 2, 0.0, top, False))
    half = WALL_M / 2
    if side_a in "WE":
        box = (line - half, at - width / 2, line + half, at + width / 2)
    else:
        box = (at - width / 2, line - half, at + width / 2, line + half)
    return Door(*box, side_a in "WE", top, (i, j), (side_a, side_b))


def make_plan(rng: np.random.Generator, template: Template, size: float) -> FloorPlan:
    """A flat or house after a template; `size` in 0..1 is the place in the template's range."""
    rects, links = template(rng, size)
    rects = _flip(rects, rng)
    half = WALL_M / 2
    rooms = [Room(k, x0 + half, y0 + half, x1 - half, y1 - half) for k, x0, y0, x1, y1 in rects]
    doors = tuple(_make_door(rooms, rects, link, rng) for link in links)
    entrance = _entrance(rooms, rects, rng)
    for index, room in enumerate(rooms):
        for side in SIDES:
            for low, high in _outer_spans(index, side, rects, room):
                ends = [low, high]
                if entrance is not None and entrance[0] == index and entrance[1].side == side:
                    ends = [low, entrance[1].low - 0.15, entrance[1].high + 0.15, high]
                for a, b in zip(ends[::2], ends[1::2], strict=True):
                    room.holes.extend(_windows(room, side, a, b, rng))
    return FloorPlan(tuple(rooms), doors, entrance)


def _entrance(rooms: list[Room], rects: list[Rect], rng: np.random.Generator) -> tuple[int, Hole] | None:
    """Where the front door is: on a free outer stretch of a corridor, else of the living room; None if nowhere."""
    for kind in ("corridor", "living"):
        places = [
            (index, side, low, high)
            for index, room in enumerate(rooms)
            if room.kind == kind
            for side in SIDES
            for low, high in _outer_spans(index, side, rects, room)
            if high - low > 1.15
        ]
        if places:
            index, side, low, high = places[int(rng.integers(len(places)))]
            at = rng.choice([low + 0.55, high - 0.55])
            return index, Hole(side, at - 0.45, at + 0.45, 0.0, DOOR_TOP_M, False)
    return None
