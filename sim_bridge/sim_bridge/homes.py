# SPDX-License-Identifier: Apache-2.0
"""Thirty furnished flats, made from their names: 25 to train in and 5 to test in; they share no shape or texture."""

from __future__ import annotations

import zlib

import numpy as np

from seal_perception.errors import InputError, SealError
from sim_bridge.homes_furnish import CHAIR, PLANT, TOILET, Furnisher
from sim_bridge.homes_place import CELL_M, Placer
from sim_bridge.homes_plan import Room, make_plan
from sim_bridge.homes_shell import make_shell
from sim_bridge.mesh import Scene

TRAIN_HOMES = tuple(f"train_{i:02d}" for i in range(1, 26))
TEST_HOMES = tuple(f"test_{i:02d}" for i in range(1, 6))
HOMES = TRAIN_HOMES + TEST_HOMES
ATTEMPTS = 40


def _living(f: Furnisher, room: Room) -> bool:
    if not f.lounge(room):
        return False
    if room.area > 16 and f.chance(0.6):
        f.piece(room, 1)
    f.distractor(room, "bookshelf")
    if f.chance(0.6):
        f.piece(room, CHAIR, "tub")
    for _ in range(int(f.rng.integers(1, 4))):
        f.piece(room, PLANT, corner=True)
    if f.chance(0.6):
        f.distractor(room, "floor_lamp")
    if f.chance(0.3):
        f.distractor(room, "ottoman")
    for _ in range(2):
        f.distractor(room, "picture_frame")
    f.curtains(room)
    return True


def _kitchen(f: Furnisher, room: Room, living: Room) -> bool:
    if f.distractor(room, "kitchen_counter", 6) is None:
        return False
    f.distractor(room, "fridge", 3)
    if not f.dining(room) and not f.dining(living):
        return False
    if f.chance(0.5):
        f.distractor(room, "trash_bin")
    if f.chance(0.5):
        f.piece(room, PLANT, corner=True)
    if f.chance(0.5):
        f.distractor(room, "picture_frame")
    return True


def _bedroom(f: Furnisher, room: Room) -> bool:
    if not f.sleeping(room):
        return False
    f.distractor(room, "wardrobe", 3)
    if f.chance(0.4):
        f.workplace(room)
    if f.chance(0.6):
        f.television(room, [str(s) for s in f.rng.permutation(["W", "E", "S", "N"])])
    if f.chance(0.6):
        f.piece(room, PLANT, corner=True)
    if f.chance(0.5):
        f.piece(room, CHAIR)
    if f.chance(0.6):
        f.distractor(room, "picture_frame")
    if f.chance(0.3):
        f.distractor(room, str(f.rng.choice(["laundry_basket", "cardboard_box", "ottoman"])))
    f.curtains(room)
    return True


def _study(f: Furnisher, room: Room) -> bool:
    f.workplace(room)
    f.distractor(room, "bookshelf")
    if f.chance(0.65):
        f.piece(room, 1)
    if f.chance(0.5):
        f.piece(room, PLANT, corner=True)
    if f.chance(0.55):
        f.television(room, [str(s) for s in f.rng.permutation(["W", "E", "S", "N"])])
    for kind, probability in (("cardboard_box", 0.5), ("picture_frame", 0.7), ("floor_lamp", 0.3), ("sideboard", 0.4)):
        if f.chance(probability):
            f.distractor(room, kind)
    return True


def _bathroom(f: Furnisher, room: Room) -> bool:
    if f.piece(room, TOILET, tries=8) is None:
        return False
    f.distractor(room, "sink", 3)
    if f.chance(0.75):
        f.distractor(room, "bathtub")
    if f.chance(0.5):
        f.distractor(room, "washing_machine")
    if f.chance(0.6):
        f.distractor(room, "mirror")
    for kind in ("laundry_basket", "trash_bin"):
        if f.chance(0.4):
            f.distractor(room, kind)
    return True


def _corridor(f: Furnisher, room: Room) -> bool:
    for kind, probability in (("sideboard", 0.35), ("bench", 0.25), ("mirror", 0.4), ("picture_frame", 0.6)):
        if f.chance(probability):
            f.distractor(room, kind, 1)
    if f.chance(0.3):
        f.piece(room, PLANT, corner=True)
    return True


def _furnish(f: Furnisher, rooms: list[Room]) -> bool:
    living = next(r for r in rooms if r.kind == "living")
    steps = {
        "living": _living,
        "kitchen": lambda f, room: _kitchen(f, room, living),
        "bedroom": _bedroom,
        "study": _study,
        "bathroom": _bathroom,
        "corridor": _corridor,
    }
    order = ("kitchen", "living", "bedroom", "bathroom", "study", "corridor")
    # The kitchen comes first, since its table may have to stand in the living room.
    if not all(steps[kind](f, room) for kind in order for room in rooms if room.kind == kind):
        return False
    return f.complete(rooms)


def _start(placer: Placer) -> tuple[float, float] | None:
    """The free place nearest to the middle of the flat."""
    main = placer.reachable()
    if main is None:
        return None
    cells = (np.argwhere(main) + 0.5) * CELL_M
    middle = np.array([max(r.x1 for r in placer.plan.rooms), max(r.y1 for r in placer.plan.rooms)]) / 2
    x, y = cells[int(np.hypot(*(cells - middle).T).argmin())]
    return float(x), float(y)


def is_home(name: str) -> bool:
    """Whether a built-in home has this name."""
    return name in HOMES


def make_home(name: str) -> Scene:
    """A home by its name; the same name gives the same bytes.

    Raises:
        InputError: if there is no such home.
    """
    if name not in HOMES:
        known = f"{TRAIN_HOMES[0]} .. {TRAIN_HOMES[-1]}, {TEST_HOMES[0]} .. {TEST_HOMES[-1]}"
        raise InputError(f"unknown home {name!r}; expected one of {known}")
    split = name.split("_")[0]
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([zlib.crc32(name.encode()), attempt])
        plan = make_plan(rng)
        if not 60.0 <= sum(room.area for room in plan.rooms) <= 110.0:
            continue
        placer = Placer(plan, rng)
        if not _furnish(Furnisher(placer, rng, split), list(plan.rooms)):
            continue
        start = _start(placer)
        if start is None:
            continue
        shell, lamps = make_shell(plan, rng, split)
        return Scene(name, (*shell, *placer.parts), tuple(lamps), start)
    raise SealError(f"home {name} could not be furnished in {ATTEMPTS} attempts")
