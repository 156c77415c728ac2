# SPDX-License-Identifier: Apache-2.0
"""Recipes: what each kind of room holds. A recipe returns False where the room lacks what it must have."""

from __future__ import annotations

from collections.abc import Callable

from sim_bridge.furniture import DISTRACTORS, distractor_mounting
from sim_bridge.homes.furnish import CHAIR, COUCH, OPPOSITE, PLANT, TOILET, Furnisher
from sim_bridge.homes.plan import SIDES, Room

Recipe = Callable[[Furnisher, Room, list[Room]], bool]

PLACED = frozenset({
    "dining_table", "coffee_table", "desk", "bookshelf", "wardrobe", "kitchen_counter", "fridge", "sideboard",
    "nightstand", "washing_machine", "floor_lamp", "table_lamp", "rug", "picture_frame", "mirror", "cardboard_box",
    "vase", "bathtub", "sink", "stool", "ottoman", "bench", "trash_bin", "curtain", "radiator", "book_pile", "bowl",
    "laundry_basket",
})  # fmt: skip
"""Distractors that the recipes below put; `others` finds places for all the rest."""


def _some(f: Furnisher, room: Room, *wanted: tuple[str, float]) -> None:
    for kind, probability in wanted:
        if f.chance(probability):
            f.distractor(room, kind)


def _plant(f: Furnisher, room: Room, probability: float) -> None:
    if f.chance(probability):
        f.piece(room, PLANT, corner=True)


def _any_side(f: Furnisher, first: str = "") -> list[str]:
    sides = [str(s) for s in f.rng.permutation(list(SIDES))]
    return [s for s in (first, *(s for s in sides if s != first)) if s]


def living(f: Furnisher, room: Room, rooms: list[Room]) -> bool:
    """Television and couch, shelves, armchairs, plants in corners."""
    if not f.lounge(room):
        return False
    if room.area > 18 and f.chance(0.6):
        f.piece(room, COUCH)
    f.distractor(room, "bookshelf")
    for _ in range(1 + (room.area > 24)):
        if f.chance(0.65):
            f.piece(room, CHAIR, "tub", "wingback", "rocking")
    for _ in range(int(f.rng.integers(1, 3 + (room.area > 22)))):
        f.piece(room, PLANT, corner=True)
    _some(f, room, ("floor_lamp", 0.7), ("sideboard", 0.5), ("ottoman", 0.35), ("picture_frame", 0.9))
    _some(f, room, ("picture_frame", 0.8), ("radiator", 0.5), ("mirror", 0.2))
    f.curtains(room)
    return True


def kitchen(f: Furnisher, room: Room, rooms: list[Room]) -> bool:
    """Counters and a fridge in one row, a table where no dining room is."""
    found = f.distractor(room, "kitchen_counter", 6)
    if found is None:
        return False
    if f.beside(room, "fridge", found, 3) is None:
        f.distractor(room, "fridge", 3, sides=_any_side(f, found[1]))
    if room.area > 10:
        f.beside(room, "sideboard", found)
    if not any(r.kind == "dining" for r in rooms):
        main = next(r for r in rooms if r.kind == "living")
        if not f.dining(room) and not f.dining(main):
            return False
    elif f.chance(0.5):
        f.distractor(room, "stool")
    if room.area > 11:
        _some(f, room, ("sideboard", 0.6), ("bookshelf", 0.3), ("radiator", 0.5), ("bench", 0.3))
    _some(f, room, ("trash_bin", 0.6), ("picture_frame", 0.4))
    _plant(f, room, 0.4)
    return True


def dining(f: Furnisher, room: Room, rooms: list[Room]) -> bool:
    """A table with chairs in the middle, a sideboard, a plant."""
    if not f.dining(room, 3):
        return False
    _some(f, room, ("sideboard", 0.7), ("picture_frame", 0.8), ("radiator", 0.3), ("mirror", 0.2))
    _plant(f, room, 0.7)
    f.curtains(room)
    return True


def bedroom(f: Furnisher, room: Room, rooms: list[Room]) -> bool:
    """A bed, a wardrobe, and now and then a desk, a chair or a television that faces the bed."""
    side = f.sleeping(room)
    if side is None:
        return False
    f.distractor(room, "wardrobe", 3)
    if f.chance(0.4):
        f.workplace(room)
    if f.chance(0.45):
        f.television(room, _any_side(f, OPPOSITE[side])[:3])
    _plant(f, room, 0.5)
    if f.chance(0.4):
        f.piece(room, CHAIR)
    _some(f, room, ("picture_frame", 0.7), ("mirror", 0.25), ("radiator", 0.3))
    if f.chance(0.45):
        f.distractor(room, f.pick("laundry_basket", "cardboard_box", "ottoman", "bench"))
    f.curtains(room)
    return True


def study(f: Furnisher, room: Room, rooms: list[Room]) -> bool:
    """A desk with its chair, shelves, perhaps a couch for guests."""
    f.workplace(room)
    f.distractor(room, "bookshelf")
    if f.chance(0.5):
        f.piece(room, COUCH)
    _plant(f, room, 0.6)
    if f.chance(0.4):
        f.television(room, _any_side(f))
    _some(f, room, ("cardboard_box", 0.5), ("picture_frame", 0.7), ("floor_lamp", 0.4), ("sideboard", 0.4))
    f.curtains(room)
    return True


def bathroom(f: Furnisher, room: Room, rooms: list[Room]) -> bool:
    """A toilet, a sink with a mirror, mostly a tub."""
    if f.piece(room, TOILET, tries=8) is None:
        return False
    found = f.distractor(room, "sink", 3)
    if found is not None:
        f.distractor(room, "mirror", 2, sides=[found[1]])
    _some(f, room, ("bathtub", 0.75))
    if not any(r.kind == "laundry" for r in rooms):
        _some(f, room, ("washing_machine", 0.5))
    _some(f, room, ("laundry_basket", 0.4), ("trash_bin", 0.4), ("stool", 0.2))
    _plant(f, room, 0.15)
    return True


def laundry(f: Furnisher, room: Room, rooms: list[Room]) -> bool:
    """Machines, shelves, baskets and boxes."""
    f.distractor(room, "washing_machine", 3)
    _some(f, room, ("washing_machine", 0.4), ("sink", 0.6), ("bookshelf", 0.4), ("laundry_basket", 0.8))
    _some(f, room, ("cardboard_box", 0.7), ("trash_bin", 0.4), ("laundry_basket", 0.3), ("stool", 0.3))
    return True


def corridor(f: Furnisher, room: Room, rooms: list[Room]) -> bool:
    """Little: a bench, a mirror, pictures."""
    for kind, probability in (("sideboard", 0.35), ("bench", 0.25), ("mirror", 0.4), ("picture_frame", 0.7)):
        if f.chance(probability):
            f.distractor(room, kind, 1)
    if room.area > 12:
        _some(f, room, ("picture_frame", 0.8), ("bookshelf", 0.3), ("radiator", 0.4))
    _plant(f, room, 0.3)
    return True


RECIPES: dict[str, Recipe] = {
    "kitchen": kitchen, "living": living, "dining": dining, "bedroom": bedroom, "bathroom": bathroom,
    "study": study, "laundry": laundry, "corridor": corridor,
}  # fmt: skip
"""In the order of furnishing: the kitchen comes first, since its table may have to stand in the living room."""


REST = ("living", "bedroom", "study")
OTHERS: dict[str, tuple[tuple[str, ...], float]] = {
    "board": (("study", "kitchen", "corridor"), 0.25), "wall_oven": (("kitchen",), 0.3), "aquarium": (("living",), 0.2),
    "block_seat": (("living", "bedroom"), 0.2), "end_bench": (("bedroom",), 0.3), "floor_cushion": (REST, 0.2),
    "bidet": (("bathroom",), 0.3), "dry_vase": (("living", "dining", "corridor"), 0.3),
    "changing_table": (("bedroom",), 0.12), "rolled_mattress": (("study", "laundry"), 0.25),
    "shoes": (("corridor",), 0.7), "toys": (("bedroom", "living"), 0.2), "backpack": (("corridor", "study"), 0.35),
    "suitcase": (("bedroom", "laundry"), 0.25), "laundry_heap": (("laundry", "bedroom", "bathroom"), 0.25),
    "coat_rack": (("corridor",), 0.5), "clock": (("kitchen", "living", "dining"), 0.35),
    "wall_shelf": (("kitchen", "bedroom", "study", "laundry"), 0.3), "towel": (("bathroom", "laundry"), 0.6),
    "poster": (("bedroom", "study"), 0.35), "wall_lamp": (("corridor", "bedroom", "bathroom"), 0.25),
}  # fmt: skip
"""Kind of thing -> rooms that have it, and how often one of them does."""
ON_TOP: dict[str, tuple[tuple[str, ...], float]] = {
    "microwave": (("kitchen_counter", "sideboard"), 0.4), "kettle": (("kitchen_counter",), 0.7),
    "bottles": (("kitchen_counter", "dining_table", "sideboard"), 0.3), "plates": (("dining_table",), 0.5),
    "cups": (("dining_table", "coffee_table", "desk"), 0.35), "books": (("desk", "nightstand", "sideboard"), 0.35),
}  # fmt: skip
"""Kind of small thing -> what it stands on, and how often."""


def others(f: Furnisher, rooms: list[Room]) -> None:
    """Clutter and things that look like targets, where people have them; a kind new to us goes to any living room."""
    for kind in DISTRACTORS:
        if kind in PLACED or distractor_mounting(kind) == "ceiling":
            continue
        if distractor_mounting(kind) == "surface":
            supports, chance = ON_TOP.get(kind, (("sideboard", "desk", "dining_table"), 0.2))
            for part in [p for p in f.placer.parts if p.name.rsplit(" ", 1)[0] in supports]:
                if f.chance(chance):
                    f.on_part(part, kind)
            continue
        kinds, chance = OTHERS.get(kind, (REST, 0.15))
        for room in rooms:
            if room.kind in kinds and f.chance(chance):
                f.distractor(room, kind, 1)


def furnish(f: Furnisher, rooms: list[Room]) -> bool:
    """Fill all rooms; False where one could not be."""
    for kind, recipe in RECIPES.items():
        if not all(recipe(f, room, rooms) for room in rooms if room.kind == kind):
            return False
    others(f, rooms)
    return f.complete(rooms)
