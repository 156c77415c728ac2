# SPDX-License-Identifier: Apache-2.0
"""Small indoor set-ups for catalogue pictures: a room or a studio with a subject, companions and clutter."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from seal_perception.pose import planar_pose
from seal_perception.types import FloatArray
from sim_bridge.catalogue.shapes.items import catalogue_item
from sim_bridge.furniture import DISTRACTORS, Item, distractor_mounting, make_distractor
from sim_bridge.geometry.mesh import Lamp, Part, Scene
from sim_bridge.geometry.surfaces import Surface, rest_on, surface_of, turn_for
from sim_bridge.modelling.shapes import box, merge, quad, turn
from sim_bridge.modelling.textures import any_colour, hsv, make_material

SPLIT = "catalogue"
SUBJECT_WEIGHTS = np.array([0.11, 0.17, 0.12, 0.2, 0.22, 0.18])
"""How often a category is the picture's subject; companions even the counts out."""

FLOORS = ("plank", "plank", "plank", "plank", "wood", "tile", "tile", "carpet", "carpet", "stone", "concrete")
WALLS = ("paint",) * 9 + ("wallpaper", "wallpaper", "brick", "tile", "concrete", "wood")
TARGETS: dict[str, tuple[str, ...]] = {
    "living": ("couch", "tv", "potted plant", "chair", "couch", "tv"),
    "bedroom": ("bed", "potted plant", "chair", "tv", "bed"),
    "dining": ("chair", "chair", "potted plant", "tv"),
    "office": ("chair", "potted plant", "tv", "couch"),
    "bathroom": ("toilet", "potted plant", "toilet"),
    "jumble": CATEGORIES,
}
CLUTTER: dict[str, tuple[str, ...]] = {
    "living": (
        "coffee_table", "coffee_table", "bookshelf", "sideboard", "floor_lamp", "ottoman", "rug",
        "picture_frame", "poster", "curtain", "radiator", "stool", "block_seat", "floor_cushion", "toys",
        "dry_vase", "aquarium", "clock", "wall_shelf", "ceiling_lamp", "wall_lamp", "board",
    ),
    "bedroom": (
        "nightstand", "nightstand", "wardrobe", "wardrobe", "mirror", "rug", "picture_frame", "poster",
        "floor_lamp", "laundry_basket", "laundry_heap", "curtain", "bench", "end_bench", "desk",
        "cardboard_box", "changing_table", "rolled_mattress", "suitcase", "shoes", "wall_lamp",
        "ceiling_lamp", "block_seat",
    ),
    "dining": (
        "dining_table", "dining_table", "sideboard", "rug", "picture_frame", "board", "kitchen_counter",
        "fridge", "wall_oven", "floor_lamp", "bench", "stool", "curtain", "trash_bin", "clock",
        "ceiling_lamp", "wall_shelf", "dry_vase",
    ),
    "office": (
        "desk", "desk", "bookshelf", "cardboard_box", "trash_bin", "floor_lamp", "picture_frame", "board",
        "poster", "wardrobe", "radiator", "backpack", "coat_rack", "shoes", "clock", "wall_shelf",
        "block_seat",
    ),
    "bathroom": (
        "sink", "sink", "bathtub", "bidet", "mirror", "washing_machine", "laundry_basket", "laundry_heap",
        "trash_bin", "stool", "radiator", "towel", "towel", "shoes", "wall_lamp",
    ),
    "jumble": DISTRACTORS,
}  # fmt: skip
SMALL = ("table_lamp", "vase", "book_pile", "books", "bowl", "cups", "plates", "bottles", "kettle", "microwave")
SUPPORTS = ("dining_table", "coffee_table", "sideboard", "nightstand", "kitchen_counter", "desk")
THEMES: dict[str, tuple[str, ...]] = {
    "chair": ("dining", "dining", "office", "living", "bedroom", "jumble"),
    "couch": ("living", "living", "living", "office", "jumble"),
    "potted plant": ("living", "office", "dining", "bedroom", "bathroom", "jumble"),
    "bed": ("bedroom", "bedroom", "bedroom", "jumble"),
    "toilet": ("bathroom", "bathroom", "bathroom", "jumble"),
    "tv": ("living", "living", "bedroom", "office", "dining", "jumble"),
}


@dataclass
class SetUp:
    """A scene under construction.

    Attributes:
        size: (x, y) of the room in metres and its height.
        parts: what stands in it.
        boxes: (N, 2, 3) bounds of the pieces, for overlap and for the camera.
        supports: furniture for small things: its surface, its (4, 4) pose, its bounds.
        subject: bounds of what the camera looks at.
        facing: direction that the subject's front looks, radians.
        open_walls: walls that are left out; the camera may stand outside there.
    """

    size: FloatArray
    parts: list[Part] = field(default_factory=list)
    boxes: list[FloatArray] = field(default_factory=list)
    supports: list[tuple[Surface, FloatArray, FloatArray]] = field(default_factory=list)
    subject: FloatArray | None = None
    facing: float = 0.0
    open_walls: tuple[int, ...] = ()

    def clashes(self, bounds: FloatArray, under: FloatArray | None = None) -> bool:
        """Whether a box overlaps what stands already, other than the furniture `under` it, or leaves the room."""
        if (bounds[0, :2] < -0.02).any() or (bounds[1, :2] > self.size[:2] + 0.02).any() or bounds[1, 2] > self.size[2]:
            return True
        boxes, deep = self.boxes, 0.03
        if under is not None:
            boxes, deep = [b for b in boxes if not np.array_equal(b, under)], 0.0
        return any(((bounds[0] < b[1] - deep) & (bounds[1] > b[0] + deep)).all() for b in boxes)

    def put(self, item: Item, T: FloatArray, force: bool = False) -> FloatArray | None:
        """Add the item at a pose unless it clashes; its bounds in the room, or None."""
        mesh = item.mesh.transformed(T)
        bounds = mesh.bounds()
        if not force and self.clashes(bounds):
            return None
        self.parts.append(Part(f"{item.name} {item.family}", mesh, item.category, ""))
        if item.mounting != "rug":
            self.boxes.append(bounds)
        if item.name in SUPPORTS:
            surface = surface_of(item.mesh)
            if surface is not None:
                self.supports.append((surface, T, bounds))
        return bounds

    def put_on(self, item: Item, rng: np.random.Generator) -> FloatArray | None:
        """Add a small thing on one of the supports, drawn at random; its bounds, or None if there is no place."""
        surface, T_below, below = self.supports[int(rng.integers(len(self.supports)))]

        def clear(T: FloatArray) -> bool:
            return not self.clashes(item.mesh.transformed(T_below @ T).bounds(), below)

        T = rest_on(surface, item.mesh, turn_for(item.name, rng), rng, clear)
        if T is None:
            return None
        T = T_below @ T
        self.facing = math.atan2(T[1, 0], T[0, 0])
        return self.put(item, T, force=True)


def _pose(xy: FloatArray, yaw: float, z: float = 0.0) -> FloatArray:
    return planar_pose(float(xy[0]), float(xy[1]), yaw, z)


def distractor(kind: str, rng: np.random.Generator) -> Item:
    """A distractor as an item."""
    return Item(make_distractor(kind, rng, SPLIT), kind, kind, distractor_mounting(kind), NO_CATEGORY)


def _wall_pose(setup: SetUp, item: Item, rng: np.random.Generator, jitter: float) -> FloatArray:
    """Back to a random wall, front into the room."""
    low, high = item.mesh.bounds()
    standing = [w for w in range(4) if w not in setup.open_walls] or [0]
    wall = int(rng.choice(standing))
    along = setup.size[1] if wall < 2 else setup.size[0]
    half = (high[1] - low[1]) / 2
    at = rng.uniform(min(half, along / 2), max(along - half, along / 2))
    gap = -low[0] + (0.004 if item.mounting in ("wall", "against_wall") else rng.uniform(0.01, 0.08))
    yaw = (0.0, math.pi, math.pi / 2, -math.pi / 2)[wall]
    x, y = ((gap, at), (setup.size[0] - gap, at), (at, gap), (at, setup.size[1] - gap))[wall]
    T = planar_pose(x, y, yaw + jitter)
    if item.mounting == "wall":
        tall = high[2] - low[2]
        if item.name == "curtain":
            T[2, 3] = 0.0
        elif item.name == "tv":
            T[2, 3] = rng.uniform(0.7, 1.25) - low[2]
        else:
            T[2, 3] = max(0.05, rng.uniform(1.3, 1.7) - tall / 2)
    return T


def place(setup: SetUp, item: Item, rng: np.random.Generator, tries: int = 10) -> FloatArray | None:
    """Find room for an item as its mounting asks; its bounds, or None if there is none."""
    against = (
        0.85
        if item.name in ("bed", "toilet", "wardrobe", "sideboard", "kitchen_counter", "fridge", "wall_oven")
        else 0.4
    )
    if item.mounting in ("wall", "against_wall", "ceiling") and len(setup.open_walls) == 4:
        return None
    if item.mounting == "ceiling":
        T = _pose(rng.uniform(0.2, 0.8, 2) * setup.size[:2], rng.uniform(-math.pi, math.pi), setup.size[2])
        return setup.put(item, T)
    for _ in range(tries):
        if item.mounting == "surface" and item.category == NO_CATEGORY and not setup.supports:
            return None
        if item.mounting == "surface" and setup.supports:
            bounds = setup.put_on(item, rng)
            if bounds is not None:
                return bounds
            continue
        if item.mounting in ("wall", "against_wall"):
            T = _wall_pose(setup, item, rng, 0.0)
        elif len(setup.open_walls) < 4 and item.mounting != "rug" and rng.random() < against:
            T = _wall_pose(setup, item, rng, rng.normal(0, 0.12) if rng.random() < 0.3 else 0.0)
        else:
            T = _pose(rng.random(2) * setup.size[:2], rng.uniform(-math.pi, math.pi))
            if item.mounting == "rug":
                return setup.put(item, T, force=True)
        bounds = setup.put(item, T)
        if bounds is not None:
            setup.facing = math.atan2(T[1, 0], T[0, 0])
            return bounds
    return None


def place_on_cabinet(setup: SetUp, item: Item, rng: np.random.Generator) -> FloatArray | None:
    """A television or a plant with the piece of furniture that carries it."""
    for _ in range(5):
        carrier = distractor(str(rng.choice(["sideboard", "sideboard", "sideboard", "desk", "nightstand"])), rng)
        size, surface = carrier.mesh.bounds(), surface_of(carrier.mesh)
        if surface is None or surface.level > 1.0 or item.mesh.bounds()[1, 1] > size[1, 1] * 1.5:
            continue
        local = _pose(np.zeros(2), rng.normal(0, 0.08), surface.level + 0.002 - item.mesh.bounds()[0, 2])
        local[1, 3] = rng.uniform(-0.25, 0.25) * max(0.0, size[1, 1] - item.mesh.bounds()[1, 1])
        if setup.size[2] < item.mesh.bounds()[1, 2] + local[2, 3] or not surface.free(item.mesh, local):
            continue
        bounds = place(setup, carrier, rng)
        if bounds is None:
            continue
        T = next(pose for _, pose, below in setup.supports if np.array_equal(below, bounds))
        return setup.put(item, T @ local, force=True)
    return None


def chairs_at_table(setup: SetUp, rng: np.random.Generator) -> FloatArray | None:
    """A table with two to five chairs of one kind around it; bounds of one of the chairs."""
    table = distractor("dining_table" if rng.random() < 0.8 else "desk", rng)
    middle = setup.size[:2] / 2 + rng.uniform(-0.2, 0.2, 2) * setup.size[:2]
    yaw = float(rng.choice([0.0, math.pi / 2])) + (rng.normal(0, 0.3) if rng.random() < 0.4 else 0.0)
    if setup.put(table, _pose(middle, yaw)) is None:
        return None
    setup.boxes.pop()
    half = table.mesh.bounds()[1]
    chair, out = catalogue_item(0, rng), None
    sides = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 0.55), (-1, -0.55)]
    for side in rng.permutation(len(sides))[: int(rng.integers(2, 6))]:
        u, v = sides[side]
        pulled = rng.uniform(-0.12, 0.35)
        local = (
            np.array([u * (half[0] + 0.2 + pulled), v * half[1] * 0.8])
            if u
            else np.array([0.0, v * (half[1] + 0.2 + pulled)])
        )
        inward = math.atan2(0.0, -u) if u else math.atan2(-v, 0.0)
        c, s = math.cos(yaw), math.sin(yaw)
        spot = middle + np.array([c * local[0] - s * local[1], s * local[0] + c * local[1]])
        out = setup.put(chair, _pose(spot, yaw + inward + rng.normal(0, 0.15)))
    setup.boxes.append(table.mesh.transformed(_pose(middle, yaw)).bounds())
    return out


def _opening(setup: SetUp, wall: int, rng: np.random.Generator) -> Item:
    """A window or a door for a wall."""
    if rng.random() < 0.6:
        wide, tall, low = rng.uniform(0.6, 2.2), rng.uniform(0.8, 1.5), rng.uniform(0.5, 1.1)
        if rng.random() < 0.2:
            low, tall = 0.05, 2.1
        frame = make_material("ceramic", rng, SPLIT)
        pane = quad((0.022, -wide / 2, low), (0, wide, 0), (0, 0, tall), make_material("window", rng, SPLIT), fit=True)
        mesh = merge([box((0.02, wide + 0.12, tall + 0.12), (0.01, 0, low + tall / 2), frame), pane])
    else:
        wide, tall = rng.uniform(0.8, 1.0), rng.uniform(1.95, 2.1)
        leaf = make_material(str(rng.choice(["wood", "paint", "ceramic"])), rng, SPLIT)
        frame = make_material(str(rng.choice(["wood", "ceramic"])), rng, SPLIT)
        metal = make_material("metal", rng, SPLIT)
        parts = [box((0.03, wide + 0.16, tall + 0.08), (0.015, 0, tall / 2 + 0.04), frame)]
        parts.append(box((0.05, wide, tall), (0.02, 0, tall / 2), leaf))
        parts.append(box((0.06, 0.12, 0.02), (0.07, wide * 0.4, 1.02), metal))
        mesh = merge(parts)
    return Item(mesh, "opening", "opening", "against_wall", NO_CATEGORY)


def _shell(setup: SetUp, rng: np.random.Generator, bath: bool) -> None:
    """Floor, walls that are there, ceiling, skirting, and a window or door in some of the walls."""
    x, y, z = setup.size
    floor = make_material("tile" if bath and rng.random() < 0.6 else str(rng.choice(FLOORS)), rng, SPLIT)
    margin = 2.5 if setup.open_walls else 0.0
    ground = quad((-margin, -margin, 0), (x + 2 * margin, 0, 0), (0, y + 2 * margin, 0), floor, (10, 10))
    if rng.random() < 0.4:
        ground = turn(ground, "z", math.pi / 2, (x / 2, y / 2, 0))
    setup.parts.append(Part("floor", ground))
    if len(setup.open_walls) == 4:
        return
    wall = make_material("tile" if bath and rng.random() < 0.5 else str(rng.choice(WALLS)), rng, SPLIT)
    other = make_material(str(rng.choice(WALLS)), rng, SPLIT) if rng.random() < 0.3 else wall
    skirting = make_material(str(rng.choice(["wood", "ceramic"])), rng, SPLIT) if rng.random() < 0.6 else None
    faces = [((0, 0, 0), (0, y, 0)), ((x, y, 0), (0, -y, 0)), ((x, 0, 0), (-x, 0, 0)), ((0, y, 0), (x, 0, 0))]
    accent = int(rng.integers(4))
    for i, (corner, edge) in enumerate(faces):
        if i in setup.open_walls:
            continue
        paint = other if i == accent else wall
        setup.parts.append(Part("wall", quad(corner, edge, (0, 0, z), paint, (8, 5))))
        if skirting is not None:
            along = np.abs(np.array(edge)) + 0.025 * (np.array(edge) == 0) * [1, 1, 0] + [0, 0, 0.08]
            centre = np.array(corner) + np.array(edge) / 2 + [0, 0, 0.04]
            setup.parts.append(Part("skirting", box(along, centre, skirting)))
    if setup.size[2] < 2.9 or rng.random() < 0.8:
        ceiling = make_material("paint", rng, SPLIT, hsv(0.1, rng.uniform(0, 0.08), rng.uniform(0.8, 0.98)))
        setup.parts.append(Part("ceiling", quad((0, y, z), (x, 0, 0), (0, -y, 0), ceiling, (6, 6))))
    for i in range(4):
        if i not in setup.open_walls and rng.random() < 0.45:
            item = _opening(setup, i, rng)
            T = _wall_pose(setup, item, rng, 0.0)
            bounds = setup.put(item, T)
            if bounds is not None:
                setup.boxes.pop()
                if "window" not in {m.name for m in item.mesh.materials}:
                    setup.boxes.append(bounds)


def _lamps(size: FloatArray, rng: np.random.Generator) -> tuple[Lamp, ...]:
    lamps = []
    for _ in range(int(rng.integers(1, 4))):
        at = rng.uniform(0.1, 0.9, 2) * size[:2]
        colour = hsv(rng.choice([0.09, 0.1, 0.6]), rng.uniform(0, 0.3), 1.0)
        height = min(size[2] - 0.15, rng.uniform(1.5, 2.8))
        power = float(rng.uniform(0.5, 2.2))
        tint = (float(colour[0]), float(colour[1]), float(colour[2]))
        lamps.append(Lamp((float(at[0]), float(at[1]), float(height)), power, tint))
    return tuple(lamps)


def _subject(setup: SetUp, category: int, rng: np.random.Generator) -> FloatArray | None:
    """Place the thing that the picture is of."""
    if CATEGORIES[category] == "chair" and rng.random() < 0.4:
        bounds = chairs_at_table(setup, rng)
        if bounds is not None:
            return bounds
    item = catalogue_item(category, rng)
    lifted = item.mounting == "surface" and rng.random() < 0.92
    small_plant = item.name == "potted plant" and item.mesh.bounds()[1, 2] < 0.75 and rng.random() < 0.35
    if lifted or small_plant:
        bounds = place_on_cabinet(setup, item, rng)
        if bounds is not None:
            return bounds
    return place(setup, item, rng, 40)


def build(rng: np.random.Generator) -> tuple[SetUp, Scene]:
    """A set-up of one subject (one time in ten none of the six), with its scene."""
    negative = rng.random() < 0.08
    category = int(rng.choice(len(CATEGORIES), p=SUBJECT_WEIGHTS / SUBJECT_WEIGHTS.sum()))
    theme = str(rng.choice(THEMES[CATEGORIES[category]])) if rng.random() < 0.85 else "jumble"
    bath = theme == "bathroom"
    low, high = (1.7, 4.0) if bath else (2.7, 8.0)
    size = np.append(np.exp(rng.uniform(np.log(low), np.log(high), 2)), rng.uniform(2.25, 3.1))
    draw = rng.random()
    open_walls: tuple[int, ...] = ()
    if draw < 0.1:
        open_walls, size = (0, 1, 2, 3), np.array([5.0, 5.0, 3.5])
    elif draw < 0.4:
        open_walls = (int(rng.integers(4)),)
    setup = SetUp(size, open_walls=open_walls)
    _shell(setup, rng, bath)
    if negative:
        setup.subject = place(setup, distractor(str(rng.choice(DISTRACTORS)), rng), rng, 40)
    else:
        setup.subject = _subject(setup, category, rng)
    facing = setup.facing
    studio = len(open_walls) == 4
    _companions(setup, theme, 0 if negative else int(rng.choice([0, 1] if studio else [2, 3, 3, 4, 5, 6])), studio, rng)
    if setup.subject is None:
        setup.subject = setup.boxes[0] if setup.boxes else np.array([[0, 0, 0], [*size[:2], 1.0]])
    setup.facing = facing
    return setup, Scene("catalogue", tuple(setup.parts), _lamps(size, rng))


def _companions(setup: SetUp, theme: str, targets: int, studio: bool, rng: np.random.Generator) -> None:
    """Other furniture: some targets, one to eight distractors, small things on the tables."""
    for name in rng.choice(TARGETS[theme], targets):
        item = catalogue_item(CATEGORIES.index(str(name)), rng)
        if item.mounting == "surface":
            place_on_cabinet(setup, item, rng)
        else:
            place(setup, item, rng, 8)
    kinds = CLUTTER[theme] if rng.random() < 0.8 else DISTRACTORS
    count = int(rng.integers(0, 3)) if studio else int(rng.integers(1, 9))
    for kind in rng.choice(kinds, count):
        place(setup, distractor(str(kind), rng), rng, 6)
    for kind in rng.choice(SMALL, int(rng.integers(0, 5)) if setup.supports else 0):
        place(setup, distractor(str(kind), rng), rng, 4)


def other_subject(setup: SetUp, rng: np.random.Generator) -> SetUp:
    """The same set-up, looking at a piece of the six categories drawn anew, rare categories first."""
    found = [(p.mesh.bounds(), SUBJECT_WEIGHTS[p.category]) for p in setup.parts if p.category >= 0]
    if not found:
        return setup
    weights = np.array([w for _, w in found])
    subject = found[int(rng.choice(len(found), p=weights / weights.sum()))][0]
    to_middle = setup.size[:2] / 2 - subject[:, :2].mean(0)
    return replace(setup, subject=subject, facing=math.atan2(to_middle[1], to_middle[0]))


def background(rng: np.random.Generator) -> tuple[float, float, float]:
    """Linear RGB of what is seen past the set-up."""
    colour = any_colour(rng, 0.3) if rng.random() < 0.5 else hsv(0.1, rng.uniform(0, 0.1), rng.uniform(0.5, 1.0))
    red, green, blue = (float(v) for v in np.asarray(colour) ** 2.2)
    return red, green, blue
