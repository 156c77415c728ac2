# SPDX-License-Identifier: Apache-2.0
"""Kinds of floor plan: which rooms there are, how they lie, which doors join them.

A template returns rectangles (kind, x0, y0, x1, y1) between the middles of walls, and links (room, room, width) that
become doors, or openings without a leaf where they are wider than `LEAF_MAX_M`. Test homes use `TEST_TEMPLATES` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Rect = tuple[str, float, float, float, float]
Link = tuple[int, int, float]
Layout = tuple[list[Rect], list[Link]]
Template = Callable[[np.random.Generator, float], Layout]

LEAF_MAX_M = 1.15
"""Wider links are openings without a door leaf."""
DOOR_M = 0.9


class _Sizes:
    """Lengths in metres that grow with the size of the home."""

    def __init__(self, rng: np.random.Generator, size: float) -> None:
        self.rng, self.size = rng, size

    def __call__(self, low: float, high: float) -> float:
        share = float(np.clip(self.size + self.rng.normal(0.0, 0.08), 0.0, 1.0))
        return low + (high - low) * share

    def even(self, *shares: float) -> list[float]:
        """Shares of a whole, each varied by a few per cent."""
        varied = np.asarray(shares) * self.rng.uniform(0.94, 1.06, len(shares))
        return [float(v) for v in varied / varied.sum()]


def _row(kinds: Sequence[str], widths: Sequence[float], y0: float, y1: float, start: float = 0.0) -> list[Rect]:
    edges = np.concatenate([[start], start + np.cumsum(widths)])
    return [(k, float(a), y0, float(b), y1) for k, a, b in zip(kinds, edges[:-1], edges[1:], strict=True)]


def _column(kinds: Sequence[str], depths: Sequence[float], x0: float, x1: float, start: float = 0.0) -> list[Rect]:
    return [(k, x0, a, x1, b) for k, a, _, b, _ in _row(kinds, depths, 0.0, 0.0, start)]


def _doors(rooms: Sequence[int], corridor: int) -> list[Link]:
    return [(room, corridor, DOOR_M) for room in rooms]


def _second(rng: np.random.Generator, bedroom: float = 0.6) -> str:
    return "bedroom" if rng.random() < bedroom else "study"


def corridor_flat(rng: np.random.Generator, size: float) -> Layout:
    """Rooms on both sides of a corridor (62-105 m2)."""
    s = _Sizes(rng, size)
    width, corridor, bath = s(9.2, 11.6), s(1.3, 1.6), s(1.9, 2.5)
    lower, upper, living = s(2.9, 3.8), s(3.2, 4.3), s(4.8, 6.2)
    first = s.even(1, 1)[0] * (width - bath)
    rooms = _row(["living", "kitchen"], [living, width - living], lower + corridor, lower + corridor + upper)
    rooms += _row(["bedroom", "bathroom", _second(rng)], [first, bath, width - bath - first], 0.0, lower)
    rooms.append(("corridor", 0.0, lower, width, lower + corridor))
    links = [(0, 5, float(rng.choice([0.95, 1.3, 1.8]))), *_doors((1, 2, 3, 4), 5)]
    if rng.random() < 0.6:
        links.append((0, 1, float(rng.choice([DOOR_M, 1.6]))))
    return rooms, links


def hub_flat(rng: np.random.Generator, size: float) -> Layout:
    """A deep living room, and a corridor with rooms on both sides that leads off it (62-100 m2)."""
    s = _Sizes(rng, size)
    living, corridor, width, bath = s(4.1, 5.2), s(1.25, 1.5), s(5.8, 7.4), s(2.0, 2.5)
    lower, upper = s(3.0, 3.7), s(2.9, 3.5)
    depth, first = lower + corridor + upper, s.even(1, 1)[0] * width
    rooms: list[Rect] = [("living", 0.0, 0.0, living, depth)]
    rooms += _row(["kitchen", "bathroom"], [width - bath, bath], lower + corridor, depth, living)
    rooms += _row(["bedroom", _second(rng, 0.5)], [first, width - first], 0.0, lower, living)
    rooms.append(("corridor", living, lower, living + width, lower + corridor))
    links = [(0, 5, float(rng.choice([0.9, 1.1]))), *_doors((1, 2, 3, 4), 5)]
    if rng.random() < 0.6:
        links.append((0, 1, float(rng.choice([DOOR_M, 1.8]))))
    return rooms, links


def hall_flat(rng: np.random.Generator, size: float) -> Layout:
    """A small hall among a wide living room, two rooms beside it and a bathroom behind it (66-100 m2)."""
    s = _Sizes(rng, size)
    a, b, c = s(3.3, 4.1), s(2.0, 2.6), s(3.2, 4.0)
    lower, upper, hall = s(3.7, 4.5), s(3.6, 4.6), s(1.5, 1.8)
    rooms: list[Rect] = [
        ("living", 0.0, lower, a + b, lower + upper),
        ("kitchen", a + b, lower, a + b + c, lower + upper),
        ("bedroom", 0.0, 0.0, a, lower),
        ("bathroom", a, 0.0, a + b, lower - hall),
        (_second(rng, 0.5), a + b, 0.0, a + b + c, lower),
        ("corridor", a, lower - hall, a + b, lower),
    ]
    return rooms, [(0, 5, 0.95), *_doors((2, 3, 4), 5), (0, 1, float(rng.choice([DOOR_M, 1.4, 2.0])))]


def long_flat(rng: np.random.Generator, size: float) -> Layout:
    """All rooms in a row along one long corridor (75-125 m2)."""
    s = _Sizes(rng, size)
    depth, corridor, bath = s(3.5, 4.6), s(1.3, 1.6), s(1.8, 2.3)
    kinds = ["living", "kitchen", "bathroom", "bedroom", _second(rng, 0.5)]
    widths = [s(4.6, 6.2), s(2.8, 3.6), bath, s(3.2, 4.0), s(2.7, 3.6)]
    rooms = _row(kinds, widths, corridor, corridor + depth)
    rooms.append(("corridor", 0.0, 0.0, sum(widths), corridor))
    links = [(0, 5, float(rng.choice([0.95, 1.6]))), *_doors((1, 2, 3, 4), 5)]
    if rng.random() < 0.7:
        links.append((0, 1, float(rng.choice([DOOR_M, 1.8, 2.2]))))
    return rooms, links


def ell_flat(rng: np.random.Generator, size: float) -> Layout:
    """Two wings at a right angle: living room and kitchen in one, bedrooms in the other (80-140 m2)."""
    s = _Sizes(rng, size)
    deep, living, kitchen = s(3.9, 5.0), s(5.4, 7.0), s(3.0, 4.0)
    wing, corridor, end = s(3.2, 4.2), s(1.3, 1.6), s(2.8, 3.6)
    depths = [s(2.9, 3.8), s(2.0, 2.5), s(2.8, 3.6)]
    top = deep + sum(depths)
    rooms: list[Rect] = [("living", 0.0, 0.0, living, deep), ("kitchen", living, 0.0, living + kitchen, deep)]
    rooms += _column(["bedroom", "bathroom", "bedroom"], depths, 0.0, wing, deep)
    rooms.append((_second(rng, 0.3), 0.0, top, wing + corridor, top + end))
    rooms.append(("corridor", wing, deep, wing + corridor, top))
    return rooms, [(0, 6, DOOR_M), *_doors((2, 3, 4, 5), 6), (0, 1, float(rng.choice([DOOR_M, 1.8, 2.4])))]


def open_flat(rng: np.random.Generator, size: float) -> Layout:
    """Living room, dining place and kitchen open into each other; bedrooms across a corridor (95-150 m2)."""
    s = _Sizes(rng, size)
    lower, corridor, upper, bath = s(3.1, 4.1), s(1.3, 1.6), s(3.8, 4.9), s(1.9, 2.5)
    widths = [s(4.6, 6.0), s(2.8, 3.4), s(2.8, 3.6)]
    width = sum(widths)
    shares = s.even(1.1, 1.0, 0.85)
    rest = [share * (width - bath) for share in shares]
    rooms = _row(["living", "dining", "kitchen"], widths, lower + corridor, lower + corridor + upper)
    kinds = ["bedroom", "bathroom", "bedroom", "study"]
    rooms += _row(kinds, [rest[0], bath, *rest[1:]], 0.0, lower)
    rooms.append(("corridor", 0.0, lower, width, lower + corridor))
    links = [(0, 1, s(2.3, 3.2)), (1, 2, s(1.6, 2.6)), (0, 7, float(rng.choice([0.95, 1.5]))), (2, 7, DOOR_M)]
    return rooms, links + _doors((3, 4, 5, 6), 7)


def tee_house(rng: np.random.Generator, size: float) -> Layout:
    """Living rooms across, and a stem with rooms on both sides of its corridor (105-170 m2)."""
    s = _Sizes(rng, size)
    deep, corridor = s(4.0, 5.0), s(1.35, 1.7)
    left, right, stem = s(3.2, 4.2), s(3.0, 4.0), s(6.6, 8.4)
    widths = [s(2.9, 3.8), s(5.2, 6.6), s(3.2, 4.0)]
    start = sum(widths) / 2 - left - corridor / 2 + 0.2 * float(rng.normal())
    share = s.even(1.6, 1.0, 1.5)
    other = s.even(1.0, 1.0)
    rooms = _row(["kitchen", "living", "dining"], widths, stem, stem + deep)
    rooms += _column(["bedroom", "bathroom", "bedroom"], [v * stem for v in share], start, start + left)
    x = start + left + corridor
    rooms += _column([_second(rng), "study"], [v * stem for v in other], x, x + right)
    rooms.append(("corridor", start + left, 0.0, x, stem))
    links = [(1, 8, DOOR_M), (0, 1, float(rng.choice([DOOR_M, 1.8]))), (1, 2, s(1.8, 2.6))]
    return rooms, links + _doors((3, 4, 5, 6, 7), 8)


def family_house(rng: np.random.Generator, size: float) -> Layout:
    """A house of eleven rooms along a wide corridor (130-195 m2)."""
    s = _Sizes(rng, size)
    lower, corridor, upper = s(3.5, 4.5), s(1.4, 1.8), s(4.1, 5.2)
    widths = [s(5.4, 6.8), s(3.0, 3.9), s(3.2, 4.2), s(2.0, 2.6)]
    width, baths = sum(widths), [s(1.9, 2.4), s(1.7, 2.1)]
    rest = [v * (width - sum(baths)) for v in s.even(1.1, 1.0, 0.9)]
    rooms = _row(["living", "dining", "kitchen", "laundry"], widths, lower + corridor, lower + corridor + upper)
    kinds = ["bedroom", "bathroom", "bedroom", "bathroom", _second(rng)]
    rooms += _row(kinds, [rest[0], baths[0], rest[1], baths[1], rest[2]], 0.0, lower)
    rooms.append(("corridor", 0.0, lower, width, lower + corridor))
    links = [(0, 1, s(1.6, 2.6)), (1, 2, float(rng.choice([DOOR_M, 1.5]))), (0, 9, float(rng.choice([0.95, 1.6])))]
    return rooms, links + _doors((2, 3, 4, 5, 6, 7, 8), 9)


def court_house(rng: np.random.Generator, size: float) -> Layout:
    """Three wings around a court, their corridors on its side (110-190 m2). Test only."""
    s = _Sizes(rng, size)
    deep, corridor, left, right = s(3.9, 4.8), s(1.3, 1.6), s(3.1, 4.0), s(2.9, 3.7)
    widths = [s(5.3, 6.4), s(2.9, 3.6), s(4.6, 5.6)]
    width = sum(widths)
    first, second = [s(2.9, 3.8), s(2.0, 2.5), s(2.8, 3.6)], [s(2.0, 2.5), s(3.0, 3.9)]
    rooms = _row(["living", "dining", "kitchen"], widths, 0.0, deep)
    rooms += _column(["bedroom", "bathroom", "bedroom"], first, 0.0, left, deep)
    rooms += _column(["laundry", _second(rng, 0.5)], second, width - right, width, deep)
    rooms.append(("corridor", left, deep, left + corridor, deep + sum(first)))
    rooms.append(("corridor", width - right - corridor, deep, width - right, deep + sum(second)))
    links = [(0, 1, s(1.8, 2.6)), (1, 2, float(rng.choice([DOOR_M, 1.5]))), (0, 8, DOOR_M), (2, 9, DOOR_M)]
    return rooms, links + _doors((3, 4, 5), 8) + _doors((6, 7), 9)


def wing_house(rng: np.random.Generator, size: float) -> Layout:
    """Two houses joined by a passage: living in one, sleeping in the other (95-165 m2). Test only."""
    s = _Sizes(rng, size)
    a, h1, h2 = s(4.6, 6.0), s(4.2, 5.2), s(2.9, 3.8)
    passage, length, corridor, deep = s(1.5, 1.8), s(1.8, 2.6), s(1.3, 1.6), s(3.3, 4.3)
    depths = [s(2.9, 3.8), s(1.9, 2.4), s(2.7, 3.4), s(2.4, 3.0)]
    low = h1 - passage - s(0.5, 0.9)
    x = a + length
    # The sleeping house is shifted against the other, so that neither court is closed.
    rooms: list[Rect] = [("living", 0.0, 0.0, a, h1), ("kitchen", 0.0, h1, a, h1 + h2)]
    rooms.append(("corridor", a, low, x, low + passage))
    start = low - s(2.4, 2.8)
    rooms += _column(["bedroom", "bathroom", "bedroom", "study"], depths, x + corridor, x + corridor + deep, start)
    rooms.append(("corridor", x, start, x + corridor, start + sum(depths)))
    links = [(0, 1, float(rng.choice([DOOR_M, 1.8]))), (0, 2, DOOR_M), (2, 7, 1.2)]
    return rooms, links + _doors((3, 4, 5, 6), 7)


def loft(rng: np.random.Generator, size: float) -> Layout:
    """One large space of three parts, and a row of small rooms behind a corridor (70-140 m2). Test only."""
    s = _Sizes(rng, size)
    a, h, k = s(5.6, 7.6), s(4.0, 5.6), s(2.8, 3.6)
    corridor, deep = s(1.25, 1.6), s(2.9, 4.0)
    share = s.even(1.0, 1.0)
    total = h + k
    depths = [v * total for v in s.even(1.35, 0.85, 1.2)]
    rooms: list[Rect] = [("living", 0.0, 0.0, a, h)]
    rooms += _row(["kitchen", "dining"], [share[0] * a, share[1] * a], h, total)
    rooms += _column(["bedroom", "bathroom", _second(rng)], depths, a + corridor, a + corridor + deep)
    rooms.append(("corridor", a, 0.0, a + corridor, total))
    links = [(0, 1, s(1.7, 2.4)), (0, 2, s(1.7, 2.6)), (0, 6, float(rng.choice([0.95, 1.6])))]
    return rooms, links + _doors((3, 4, 5), 6)


TRAIN_TEMPLATES: tuple[Template, ...] = (
    corridor_flat, hub_flat, hall_flat, long_flat, ell_flat, open_flat, tee_house, family_house,
)  # fmt: skip
TEST_TEMPLATES: tuple[Template, ...] = (court_house, wing_house, loft)
