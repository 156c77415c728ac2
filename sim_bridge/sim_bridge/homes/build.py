# SPDX-License-Identifier: Apache-2.0
"""Thirty furnished homes, made from their names: 25 to train in and 5 to test in; they share no shape or texture.

A name may say that the home is to have other objects or other materials: `train_03@objects=5,materials=2`.
"""

from __future__ import annotations

import difflib
import re
import zlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from seal_perception.errors import InputError, SealError
from sim_bridge.geometry.mesh import Lamp, Part, Scene
from sim_bridge.homes.doors import open_leaves
from sim_bridge.homes.furnish import Furnisher
from sim_bridge.homes.palette import Palette
from sim_bridge.homes.place import CELL_M, Placer
from sim_bridge.homes.plan import HEIGHT_M, FloorPlan, make_plan
from sim_bridge.homes.rooms import furnish
from sim_bridge.homes.settle import settle
from sim_bridge.homes.shell import make_shell
from sim_bridge.homes.templates import (
    Template,
    corridor_flat,
    court_house,
    ell_flat,
    family_house,
    hall_flat,
    hub_flat,
    loft,
    long_flat,
    open_flat,
    tee_house,
    wing_house,
)
from sim_bridge.homes.variant import Variant, other_materials, other_objects, parse_name

LAYOUTS: dict[str, tuple[Template, float]] = {
    "train_01": (corridor_flat, 0.5), "train_02": (long_flat, 0.4), "train_03": (ell_flat, 0.5),
    "train_04": (hall_flat, 0.6), "train_05": (open_flat, 0.5), "train_06": (hub_flat, 0.3),
    "train_07": (tee_house, 0.4), "train_08": (family_house, 0.2), "train_09": (corridor_flat, 0.15),
    "train_10": (ell_flat, 0.9), "train_11": (open_flat, 0.9), "train_12": (long_flat, 0.85),
    "train_13": (hall_flat, 0.25), "train_14": (family_house, 0.6), "train_15": (hub_flat, 0.85),
    "train_16": (tee_house, 0.8), "train_17": (corridor_flat, 0.9), "train_18": (open_flat, 0.2),
    "train_19": (ell_flat, 0.15), "train_20": (long_flat, 0.1), "train_21": (family_house, 1.0),
    "train_22": (tee_house, 0.1), "train_23": (hub_flat, 0.55), "train_24": (family_house, 0.8),
    "train_25": (hall_flat, 0.9),
    "test_01": (loft, 0.5), "test_02": (court_house, 0.5), "test_03": (wing_house, 0.4),
    "test_04": (court_house, 0.95), "test_05": (loft, 0.15),
}  # fmt: skip
"""Home -> its kind of floor plan, and where in that kind's range of sizes it lies."""

TRAIN_HOMES = tuple(name for name in LAYOUTS if name.startswith("train"))
TEST_HOMES = tuple(name for name in LAYOUTS if name.startswith("test"))
HOMES = TRAIN_HOMES + TEST_HOMES
LAMP_POWER = {"floor_lamp": 0.45, "table_lamp": 0.18, "wall_lamp": 0.2}
AREA_M2 = (60.0, 200.0)
ATTEMPTS = 60
FIRST_ATTEMPT: dict[str, int] = {"train_15": 1, "train_18": 7}
"""Attempts known to fail are skipped: this only saves time."""


def _start(placer: Placer) -> tuple[float, float] | None:
    """The free place nearest to the middle of the home from which 1.2 m ahead (+x) are free too."""
    reachable = placer.reachable()
    if reachable is None:
        return None
    main = ndimage.binary_erosion(reachable.cells)  # a cell more: the cells of the plan are coarse
    ahead = int(1.2 / CELL_M)
    open_ahead = main.copy()
    for k in range(1, ahead + 1):
        open_ahead[:-k] &= main[k:]
    open_ahead[-ahead:] = False
    places = reachable.cell_to_world(np.argwhere(open_ahead if open_ahead.any() else main))
    middle = np.array([max(r.x1 for r in placer.plan.rooms), max(r.y1 for r in placer.plan.rooms)]) / 2
    x, y = places[int(np.hypot(*(places - middle).T).argmin())]
    return float(x), float(y)


def _standing_lamps(parts: list[Part]) -> list[Lamp]:
    """A weak warm light in every standing or table lamp."""
    lamps = []
    for part in parts:
        kind = part.name.rsplit(" ", 1)[0]
        if kind in LAMP_POWER:
            low, high = part.mesh.bounds()
            x, y = (low + high)[:2] / 2
            z = min(float(high[2]) - 0.02, HEIGHT_M - 0.1)
            lamps.append(Lamp((float(x), float(y), z), LAMP_POWER[kind], (1.0, 0.86, 0.64)))
    return lamps


def is_home(name: str) -> bool:
    """Whether a built-in home has this name, which may ask for other objects or materials (`train_03@objects=5`)."""
    return name.split("@", 1)[0] in HOMES


def closest_home(name: str) -> str | None:
    """The home that was meant by a name that none has (`tran_1`, `Train01@objects=5`); None where that is unclear."""
    base, at, variant = name.partition("@")
    match = re.fullmatch(r"([a-z]+)[ _-]?(\d{1,4})", base.strip().lower())
    split = difflib.get_close_matches(match[1], ("train", "test"), 1) if match else []
    if not match or not split:
        return None
    meant = f"{split[0]}_{int(match[2]):02d}"
    return f"{meant}{at}{variant}" if meant in HOMES else None


@dataclass(frozen=True)
class BuiltHome:
    """A home with what it was made from.

    Attributes:
        scene: what the simulator needs.
        plan: rooms and doors.
        families: name of a piece of furniture -> its shape family.
    """

    scene: Scene
    plan: FloorPlan
    families: dict[str, str]


def no_home(name: str, also: str = "") -> InputError:
    """What to say of a name that no home has.

    Args:
        name: what was given.
        also: what else may be given there.
    """
    meant = closest_home(name)
    known = f"{TRAIN_HOMES[0]} .. {TRAIN_HOMES[-1]}, {TEST_HOMES[0]} .. {TEST_HOMES[-1]}"
    return InputError(f"unknown home {name!r}; " + (f"did you mean {meant}?" if meant else f"expected {known}{also}"))


def make_home(name: str) -> Scene:
    """A home by its name; the same name gives the same bytes.

    Raises:
        InputError: if there is no such home, or what follows its "@" is not understood.
    """
    return build_home(name).scene


def build_home(name: str) -> BuiltHome:
    """`make_home` with the plan and the families, for statistics and tests."""
    base, variant = parse_name(name)
    if base not in HOMES:
        raise no_home(name)
    for attempt in range(FIRST_ATTEMPT.get(base, 0), ATTEMPTS):
        built = _attempt(name, base, variant, attempt)
        if built is not None:
            return built
    raise SealError(f"home {name} could not be furnished in {ATTEMPTS} attempts")


def _attempt(name: str, base: str, variant: Variant, attempt: int) -> BuiltHome | None:
    """One way to make the home; None if a room could not be furnished."""
    split, key = base.split("_")[0], [zlib.crc32(base.encode()), attempt]
    rng = np.random.default_rng(key)
    plan = make_plan(rng, *LAYOUTS[base])
    if not AREA_M2[0] <= sum(room.area for room in plan.rooms) <= AREA_M2[1]:
        return None
    placer = Placer(plan, rng)
    palette = Palette(np.random.default_rng([*key, 1, *variant.palette]), split)
    open_leaves(placer, rng, palette.leaf, palette.metal)
    furnisher = Furnisher(placer, rng, split)
    if not furnish(furnisher, list(plan.rooms)):
        return None
    start = _start(placer)
    if start is None:
        return None
    items = [furnisher.made[id(placement.mesh)] for placement in placer.placements]
    parts = list(placer.parts)
    if variant.objects is not None:
        parts, items = other_objects(placer, items, split, variant.objects)
    own = np.random.default_rng([*key, 3, *(() if variant.objects is None else (variant.objects,))])
    parts, items = settle(placer, parts, items, own)
    if variant.materials is not None:
        parts = other_materials(parts, base, variant.materials)
    shell, lamps = make_shell(plan, np.random.default_rng([*key, 2]), palette)
    scene = Scene(name, (*shell, *placer.fixed, *parts), (*lamps, *_standing_lamps(parts)), start)
    return BuiltHome(scene, plan, {part.name: item.family for part, item in zip(parts, items, strict=True)})
