# SPDX-License-Identifier: Apache-2.0
"""Set-ups for catalogue pictures: a subject with companions, lookalikes and clutter, in a room or anywhere else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from seal_perception.types import FloatArray
from sim_bridge.catalogue.backdrops import SPLIT
from sim_bridge.catalogue.lighting import MOODS
from sim_bridge.catalogue.negatives import BEFORE, LOOKALIKES, NEGATIVES, UPON, make_negative
from sim_bridge.catalogue.paint import flattened, repainted
from sim_bridge.catalogue.placing import DOUBTFUL, Library, SetUp, lay_on, place, pose
from sim_bridge.catalogue.shapes.items import catalogue_item
from sim_bridge.catalogue.shell import PLACES, empty_place, lamps, surround
from sim_bridge.catalogue.themes import CLUTTER, DECORATION, SMALL, SUBJECT_WEIGHTS, TARGETS, THEMES
from sim_bridge.furniture import DISTRACTORS, Item, distractor_mounting, make_distractor
from sim_bridge.geometry.mesh import Scene
from sim_bridge.geometry.surfaces import surface_of
from sim_bridge.modelling.shapes import stand_on_floor, turn

NEGATIVE_SHARE = 0.15
"""Share of set-ups without any of the six categories, among lookalikes."""
LIBRARY_ROOMS = 0.5
"""Share of set-ups that take pieces of a furniture library, if there is one: rooms drawn by code alone stay as many."""
_SEATS = tuple(CATEGORIES.index(name) for name in ("chair", "couch", "bed"))


_ROOMS = {"bed": "Bedroom", "toilet": "Bathroom", "tv": "Kitchen"}
"""Rooms of a library whose things are easily taken for a category."""


def target(setup: SetUp, category: int, rng: np.random.Generator) -> Item:
    """A piece of one of the six categories: of the library, if there is one, or drawn by code."""
    if setup.models is not None and rng.random() < setup.models.share(category):
        return setup.models.piece(category, rng)
    return catalogue_item(category, rng)


def _other(setup: SetUp, kind: str, rng: np.random.Generator, room: str | None = None) -> Item:
    """Something of the library, if there is one, or a distractor of a kind."""
    if setup.models is not None and rng.random() < setup.models.share(NO_CATEGORY):
        return setup.models.other(rng, room)
    return distractor(kind, rng)


def distractor(kind: str, rng: np.random.Generator) -> Item:
    """A distractor of the homes' or the catalogue's own as an item."""
    if kind in NEGATIVES:
        return make_negative(kind, rng)
    return Item(make_distractor(kind, rng, SPLIT), kind, kind, distractor_mounting(kind), NO_CATEGORY)


def _among(options: dict[str, float], rng: np.random.Generator) -> str:
    shares = np.array(list(options.values()))
    return str(rng.choice(list(options), p=shares / shares.sum()))


def place_on_cabinet(setup: SetUp, item: Item, rng: np.random.Generator) -> FloatArray | None:
    """A television or a plant with the piece of furniture that carries it."""
    for _ in range(3):
        kinds = ["sideboard", "sideboard", "sideboard", "desk", "nightstand", "coffee_table", "dining_table"]
        carrier = distractor(str(rng.choice(kinds)), rng)
        size, surface = carrier.mesh.bounds(), surface_of(carrier.mesh)
        if surface is None or surface.level > 1.0 or item.mesh.bounds()[1, 1] > size[1, 1] * 1.5:
            continue
        turned = rng.normal(0, 0.08) if rng.random() < 0.7 else rng.normal(0, 0.6)
        local = pose(np.zeros(2), turned, surface.level + 0.002 - item.mesh.bounds()[0, 2])
        local[1, 3] = rng.uniform(-0.25, 0.25) * max(0.0, size[1, 1] - item.mesh.bounds()[1, 1])
        if setup.size[2] < item.mesh.bounds()[1, 2] + local[2, 3] or not surface.free(item.mesh, local):
            continue
        bounds = place(setup, carrier, rng)
        if bounds is None:
            continue
        T = next(T for _, T, below in setup.supports if below is bounds)
        return setup.put(item, T @ local, force=True)
    return None


def chairs_at_table(setup: SetUp, rng: np.random.Generator) -> FloatArray | None:
    """A table with two to five chairs of one kind around it; bounds of one of the chairs."""
    table = distractor(str(rng.choice(["dining_table", "dining_table", "dining_table", "desk", "cloth_table"])), rng)
    middle = setup.size[:2] / 2 + rng.uniform(-0.2, 0.2, 2) * setup.size[:2]
    yaw = float(rng.choice([0.0, math.pi / 2])) + (rng.normal(0, 0.3) if rng.random() < 0.4 else 0.0)
    if setup.put(table, pose(middle, yaw)) is None:
        return None
    own = setup.boxes.pop()
    half = table.mesh.bounds()[1]
    chair, out = target(setup, 0, rng), None
    sides = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 0.55), (-1, -0.55)]
    for side in rng.permutation(len(sides))[: int(rng.integers(2, 6))]:
        u, v = sides[side]
        gap = 0.2 + rng.uniform(-0.12, 0.35)
        local = np.array([u * (half[0] + gap), v * half[1] * 0.8]) if u else np.array([0.0, v * (half[1] + gap)])
        inward = math.atan2(0.0, -u) if u else math.atan2(-v, 0.0)
        c, s = math.cos(yaw), math.sin(yaw)
        spot = middle + np.array([c * local[0] - s * local[1], s * local[0] + c * local[1]])
        bounds = setup.put(chair, pose(spot, yaw + inward + rng.normal(0, 0.15)))
        out = out if bounds is None else bounds
    setup.boxes.append(own)
    return out


def row_of(setup: SetUp, item: Item, rng: np.random.Generator) -> FloatArray | None:
    """Equal things in one to three rows, as in waiting rooms, classrooms and shops; bounds of one of them."""
    low, high = item.mesh.bounds()
    step = (high - low)[:2] + rng.uniform(0.04, 0.5, 2) * [2.0, 1.0]
    corner = setup.size[:2] * rng.uniform(0.1, 0.5, 2) + (high - low)[:2] / 2
    yaw = float(rng.choice(4)) * math.pi / 2 + rng.normal(0, 0.15) * (rng.random() < 0.4)
    c, s = math.cos(yaw), math.sin(yaw)
    rows, columns, found = int(rng.integers(1, 4)), int(rng.integers(2, 6)), []
    for k in range(min(rows * columns, 9)):
        i, j = divmod(k, columns)
        x, y = (i - (rows - 1) / 2) * step[0], (j - (columns - 1) / 2) * step[1]
        spot = setup.size[:2] / 2 + 0.3 * (corner - setup.size[:2] / 2) + [c * x - s * y, s * x + c * y]
        bounds = setup.put(item, pose(spot, yaw + rng.normal(0, 0.06)))
        if bounds is not None:
            found.append(bounds)
    setup.facing = yaw
    return found[int(rng.integers(len(found)))] if found else None


def _tipped(item: Item, rng: np.random.Generator) -> Item:
    """The thing fallen over or upside down."""
    axis, angle = str(rng.choice(["x", "y"])), float(rng.choice([-1, 1, 2])) * math.pi / 2
    return replace(item, mesh=stand_on_floor(turn(item.mesh, axis, angle)))


def _subject(setup: SetUp, category: int, rng: np.random.Generator) -> FloatArray | None:
    """Place the thing that the picture is of."""
    name, draw = CATEGORIES[category], rng.random()
    if name == "chair" and draw < 0.3:
        bounds = chairs_at_table(setup, rng)
        if bounds is not None:
            return bounds
    item = target(setup, category, rng)
    if item.mounting == "floor" and draw > (0.8 if name == "chair" else 0.95 if name in ("toilet", "couch") else 0.9):
        bounds = row_of(setup, item, rng)
        if bounds is not None:
            return bounds
    if name == "chair" and rng.random() < 0.05:
        item = _tipped(item, rng)
    if item.mounting in ("wall", "against_wall") and len(setup.open_walls) == 4:
        item = replace(item, mounting="surface" if name == "tv" else "floor")
    lifted = item.mounting == "surface" and rng.random() < 0.9
    small_plant = name == "potted plant" and item.mesh.bounds()[1, 2] < 0.75 and rng.random() < 0.4
    if lifted or small_plant:
        bounds = place_on_cabinet(setup, item, rng)
        if bounds is not None:
            return bounds
    return place(setup, item, rng, 40)


def _lookalike(setup: SetUp, category: str, near: FloatArray | None, rng: np.random.Generator) -> FloatArray | None:
    """Something that is easily taken for a category."""
    kind = str(rng.choice(LOOKALIKES[category]))
    if kind == "shrub" and not setup.outdoors:
        return None
    return place(setup, _other(setup, kind, rng, _ROOMS.get(category)), rng, 8, near)


def _companions(setup: SetUp, theme: str, targets: int, rng: np.random.Generator) -> None:
    """Other furniture: some targets, lookalikes, one to nine distractors, small things on the tables."""
    assert setup.subject is not None
    middle = setup.subject.mean(0)[:2]
    studio = len(setup.open_walls) == 4
    names = CATEGORIES if rng.random() < 0.3 else TARGETS[theme]
    for name in rng.choice(names, targets):
        item = target(setup, CATEGORIES.index(str(name)), rng)
        if item.mounting == "surface" and rng.random() < 0.9:
            place_on_cabinet(setup, item, rng)
        else:
            place(setup, item, rng, 8, middle if rng.random() < 0.5 and item.mounting == "floor" else None)
    for _ in range(int(rng.choice([0, 1, 1, 2, 3, 4]))):
        _lookalike(setup, str(rng.choice(CATEGORIES)), middle if rng.random() < 0.5 else None, rng)
    kinds = CLUTTER[theme] if rng.random() < 0.7 else (*DISTRACTORS, *NEGATIVES)
    count = int(rng.integers(0, 3)) if studio else int(rng.integers(2, 9 if rng.random() < 0.8 else 16))
    for kind in rng.choice([k for k in kinds if k != "shrub"], count):
        place(setup, _other(setup, str(kind), rng), rng, 6)
    small = (*SMALL, "cut_flowers", "vegetables", "computer")
    for kind in rng.choice(small, int(rng.integers(0, 6)) if setup.supports else 0):
        place(setup, distractor(str(kind), rng), rng, 4)


def _decorate(setup: SetUp, rng: np.random.Generator) -> None:
    """Pictures, shelves, mirrors and other things on the walls of a room."""
    if len(setup.open_walls) < 4:
        for kind in rng.choice(DECORATION, int(rng.integers(0, 6))):
            place(setup, distractor(str(kind), rng), rng, 4)


def _disorder(setup: SetUp, rng: np.random.Generator) -> None:
    """A rug, bags and clothes on seats and beds, somebody or something before the subject."""
    assert setup.subject is not None
    if rng.random() < 0.2:
        place(setup, distractor("patterned_rug", rng), rng)
    for part in [p for p in setup.parts if p.category in _SEATS]:
        if rng.random() < 0.16:
            lay_on(setup, make_negative(str(rng.choice(UPON)), rng), part, rng)
    if rng.random() < 0.4:
        away, side = rng.uniform(0.4, 2.2), setup.facing + rng.normal(0, 0.5)
        spot = setup.subject.mean(0)[:2] + away * np.array([math.cos(side), math.sin(side)])
        setup.put(make_negative(str(rng.choice(BEFORE)), rng), pose(spot, rng.uniform(-math.pi, math.pi)))


def build(rng: np.random.Generator, models: Library | None = None) -> tuple[SetUp, Scene]:
    """A set-up of one subject (`NEGATIVE_SHARE`: none of the six), with its scene.

    Some pieces of `LIBRARY_ROOMS` of the set-ups are of `models`.
    """
    if models is not None and rng.random() >= LIBRARY_ROOMS:
        models = None
    negative = rng.random() < NEGATIVE_SHARE
    category = int(rng.choice(len(CATEGORIES), p=SUBJECT_WEIGHTS / SUBJECT_WEIGHTS.sum()))
    theme = str(rng.choice(THEMES[CATEGORIES[category]])) if rng.random() < 0.85 else "jumble"
    where, mood = _among(PLACES, rng), _among(MOODS, rng)
    setup = empty_place(where, theme == "bathroom", rng)
    setup.mood, setup.outdoors, setup.models = mood, where == "outdoors", models
    surround(setup, where, theme == "bathroom", 0.9 if mood == "back" else 0.45, rng)
    count = len(setup.boxes)
    if negative:
        for _ in range(4):
            if setup.subject is None:
                setup.subject = _lookalike(setup, CATEGORIES[category], None, rng)
        for _ in range(int(rng.integers(1, 4))):
            _lookalike(setup, CATEGORIES[category], None, rng)
    else:
        setup.subject = _subject(setup, category, rng)
    facing = setup.facing
    if setup.subject is None:
        middle = np.append(setup.size[:2] / 2, 0.5)
        setup.subject = setup.boxes[count] if len(setup.boxes) > count else np.stack([middle - 0.4, middle + 0.4])
    several = [0, 1, 1, 2, 3] if len(setup.open_walls) == 4 else [1, 2, 2, 3, 3, 4, 5, 6]
    _companions(setup, theme, 0 if negative else int(rng.choice(several)), rng)
    setup.facing = facing
    _decorate(setup, rng)
    _disorder(setup, rng)
    draw = rng.random()
    if mood == "plain" and draw < 0.4:
        setup.parts = [flattened(part) for part in setup.parts]
    elif draw > 0.92:
        setup.parts = [repainted(part, rng) for part in setup.parts]
    return setup, Scene("catalogue", tuple(setup.parts), lamps(setup.size, rng))


def other_subject(setup: SetUp, rng: np.random.Generator) -> SetUp:
    """The same set-up, looking at a piece of the six categories drawn anew, rare categories first."""
    parts = [p for p in setup.parts if p.category >= 0 and not p.name.endswith(DOUBTFUL)]
    if not parts:
        boxes = [b for b in setup.boxes if (b[1] - b[0]).max() > 0.2]
        subject = boxes[int(rng.integers(len(boxes)))] if boxes else setup.subject
    else:
        weights = np.array([SUBJECT_WEIGHTS[p.category] for p in parts])
        subject = parts[int(rng.choice(len(parts), p=weights / weights.sum()))].mesh.bounds()
    assert subject is not None
    to_middle = setup.size[:2] / 2 - subject[:, :2].mean(0)
    return replace(setup, subject=subject, facing=math.atan2(to_middle[1], to_middle[0]))
