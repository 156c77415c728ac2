# SPDX-License-Identifier: Apache-2.0
"""Floor plans of flats: rooms as rectangles that share walls, doors between them, windows to the outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

WALL_M = 0.12
HEIGHT_M = 2.5
DOOR_TOP_M = 2.06
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
    """An opening without a leaf: the box between the wall faces of two rooms, floor to `DOOR_TOP_M`."""

    x0: float
    y0: float
    x1: float
    y1: float
    along_y: bool

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the opening."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True)
class Plan:
    """Rooms and the doors between them."""

    rooms: tuple[Room, ...]
    doors: tuple[Door, ...]


Rect = tuple[str, float, float, float, float]
Link = tuple[int, int, float]


def _strip(kinds: list[str], widths: list[float], y0: float, y1: float, start: float = 0.0) -> list[Rect]:
    edges = np.concatenate([[start], start + np.cumsum(widths)])
    return [(k, float(a), y0, float(b), y1) for k, a, b in zip(kinds, edges[:-1], edges[1:], strict=True)]


def _corridor(rng: np.random.Generator) -> tuple[list[Rect], list[Link]]:
    """Rooms on both sides of a corridor."""
    width = rng.uniform(9.6, 11.8)
    corridor = rng.uniform(1.3, 1.65)
    lower, upper = rng.uniform(3.1, 3.7), rng.uniform(3.3, 4.1)
    living = rng.uniform(4.9, 5.9)
    rest = width - living
    top = _strip(["living", "kitchen"], [living, rest], lower + corridor, lower + corridor + upper)
    bath = rng.uniform(2.0, 2.5)
    first = rng.uniform(0.46, 0.54) * (width - bath)
    second = "bedroom" if rng.random() < 0.6 else "study"
    bottom = _strip(["bedroom", "bathroom", second], [first, bath, width - bath - first], 0.0, lower)
    rooms = [*top, *bottom, ("corridor", 0.0, lower, width, lower + corridor)]
    links = [(i, 5, 0.9) for i in range(5)]
    links[0] = (0, 5, float(rng.choice([0.95, 1.3, 1.8])))
    if rng.random() < 0.6:
        links.append((0, 1, float(rng.choice([0.9, 1.4]))))
    return rooms, links


def _hub(rng: np.random.Generator) -> tuple[list[Rect], list[Link]]:
    """A deep living room, and a corridor with rooms on both sides that leads off it."""
    living = rng.uniform(4.1, 4.9)
    corridor = rng.uniform(1.25, 1.5)
    lower, upper = rng.uniform(3.0, 3.5), rng.uniform(2.8, 3.3)
    width = rng.uniform(5.8, 6.8)
    bath = rng.uniform(2.1, 2.5)
    right, depth = living + width, lower + corridor + upper
    top = _strip(["kitchen", "bathroom"], [width - bath, bath], lower + corridor, depth, living)
    first = rng.uniform(0.45, 0.55) * width
    second = "bedroom" if rng.random() < 0.5 else "study"
    bottom = _strip(["bedroom", second], [first, width - first], 0.0, lower, living)
    rooms = [("living", 0.0, 0.0, living, depth), *top, *bottom, ("corridor", living, lower, right, lower + corridor)]
    links = [(0, 5, float(rng.choice([0.9, 1.1]))), (1, 5, 0.9), (2, 5, 0.9), (3, 5, 0.9), (4, 5, 0.9)]
    if rng.random() < 0.6:
        links.append((0, 1, float(rng.choice([0.9, 1.5]))))
    return rooms, links


def _hall(rng: np.random.Generator) -> tuple[list[Rect], list[Link]]:
    """A small hall among a wide living room, two rooms beside it and a bathroom behind it."""
    a, b, c = rng.uniform(3.3, 4.0), rng.uniform(2.1, 2.5), rng.uniform(3.2, 3.9)
    lower, upper, hall = rng.uniform(3.7, 4.3), rng.uniform(3.6, 4.3), rng.uniform(1.5, 1.8)
    second = "bedroom" if rng.random() < 0.5 else "study"
    rooms = [
        ("living", 0.0, lower, a + b, lower + upper),
        ("kitchen", a + b, lower, a + b + c, lower + upper),
        ("bedroom", 0.0, 0.0, a, lower),
        ("bathroom", a, 0.0, a + b, lower - hall),
        (second, a + b, 0.0, a + b + c, lower),
        ("corridor", a, lower - hall, a + b, lower),
    ]
    links = [(0, 5, 0.95), (2, 5, 0.9), (3, 5, 0.9), (4, 5, 0.9), (0, 1, float(rng.choice([0.9, 1.2, 1.6])))]
    return rooms, links


TEMPLATES: tuple[Callable[[np.random.Generator], tuple[list[Rect], list[Link]]], ...] = (_corridor, _hub, _hall)


def _flip(rooms: list[Rect], rng: np.random.Generator) -> list[Rect]:
    """Mirror and turn the plan at random; the lower corner stays at (0, 0)."""
    if rng.random() < 0.5:
        right = max(r[3] for r in rooms)
        rooms = [(k, right - x1, y0, right - x0, y1) for k, x0, y0, x1, y1 in rooms]
    if rng.random() < 0.5:
        top = max(r[4] for r in rooms)
        rooms = [(k, x0, top - y1, x1, top - y0) for k, x0, y0, x1, y1 in rooms]
    if rng.random() < 0.5:
        rooms = [(k, y0, x0, y1, x1) for k, x0, y0, x1, y1 in rooms]
    return rooms


def _shared(a: Rect, b: Rect) -> tuple[str, str, float, float, float]:
    """Sides of a and b that touch, the line between them and the ends of what they share."""
    for (side_a, side_b), line_a, line_b, low, high in (
        (("E", "W"), a[3], b[1], max(a[2], b[2]), min(a[4], b[4])),
        (("W", "E"), a[1], b[3], max(a[2], b[2]), min(a[4], b[4])),
        (("N", "S"), a[4], b[2], max(a[1], b[1]), min(a[3], b[3])),
        (("S", "N"), a[2], b[4], max(a[1], b[1]), min(a[3], b[3])),
    ):
        if abs(line_a - line_b) < 1e-6 and high - low > 0.5:
            return side_a, side_b, line_a, low, high
    raise ValueError(f"rooms {a} and {b} share no wall")


def _windows(room: Room, side: str, rng: np.random.Generator) -> list[Hole]:
    low, high = room.span(side)
    length = high - low
    if length < 1.3 or rng.random() < 0.15:
        return []
    if room.kind == "bathroom":
        width, bottom, top = 0.6, 1.5, 2.15
    elif room.kind == "living" and rng.random() < 0.35:
        width, bottom, top = rng.uniform(1.5, 2.2), 0.12, 2.15
    else:
        width, bottom, top = rng.uniform(0.9, 1.7), rng.uniform(0.85, 1.0), rng.uniform(2.05, 2.25)
    count = 2 if length > 4.6 and width < 1.5 else 1
    holes = []
    for k in range(count):
        a, b = low + length * k / count, low + length * (k + 1) / count
        size = min(width, b - a - 0.6)
        at = (a + b) / 2 + rng.uniform(-0.5, 0.5) * (b - a - size - 0.5)
        holes.append(Hole(side, at - size / 2, at + size / 2, bottom, top, True))
    return holes


def _make_door(rooms: list[Room], rects: list[Rect], link: Link, rng: np.random.Generator) -> Door:
    i, j, width = link
    side_a, side_b, line, low, high = _shared(rects[i], rects[j])
    width = min(width, high - low - 2 * WALL_M - 0.2)
    at = rng.uniform(low + WALL_M + 0.1 + width / 2, high - WALL_M - 0.1 - width / 2)
    for room, side in ((rooms[i], side_a), (rooms[j], side_b)):
        room.holes.append(Hole(side, at - width / 2, at + width / 2, 0.0, DOOR_TOP_M, False))
    half = WALL_M / 2
    if side_a in "WE":
        return Door(line - half, at - width / 2, line + half, at + width / 2, True)
    return Door(at - width / 2, line - half, at + width / 2, line + half, False)


def make_plan(rng: np.random.Generator) -> Plan:
    """A flat of six rooms: living room, kitchen, bathroom, corridor, a bedroom, and a second one or a study."""
    rects, links = TEMPLATES[int(rng.integers(len(TEMPLATES)))](rng)
    rects = _flip(rects, rng)
    half = WALL_M / 2
    rooms = [Room(k, x0 + half, y0 + half, x1 - half, y1 - half) for k, x0, y0, x1, y1 in rects]
    doors = tuple(_make_door(rooms, rects, link, rng) for link in links)
    right, top = max(r[3] for r in rects), max(r[4] for r in rects)
    for room, (_, x0, y0, x1, y1) in zip(rooms, rects, strict=True):
        outer = {"W": x0 < 1e-6, "E": x1 > right - 1e-6, "S": y0 < 1e-6, "N": y1 > top - 1e-6}
        for side in SIDES:
            if outer[side]:
                room.holes.extend(_windows(room, side, rng))
    return Plan(tuple(rooms), doors)
