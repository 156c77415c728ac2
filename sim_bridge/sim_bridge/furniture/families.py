# SPDX-License-Identifier: Apache-2.0
"""Which shape families and distractors there are, and where each is put in a room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seal_perception.categories import CATEGORIES
from sim_bridge.furniture import beds, chairs, clutter, couches, lookalikes, plants, storage, things, toilets, tvs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.textures import SPLITS

Builder = Callable[[Draw], Mesh]

_BUILDERS: dict[str, dict[str, Builder]] = {
    "chair": {
        "slat": chairs.slat_chair,
        "upholstered": chairs.upholstered_chair,
        "swivel": chairs.swivel_chair,
        "shell": chairs.shell_chair,
        "tub": chairs.tub_chair,
        "tube": chairs.folding_stackable,
        "cantilever": chairs.cantilever_chair,
        "folding": chairs.folding_chair,
    },
    "couch": {
        "box": couches.box_couch,
        "legs": couches.leg_couch,
        "rolled": couches.rolled_couch,
        "sectional": couches.sectional_couch,
        "loveseat": couches.loveseat,
        "futon": couches.futon,
    },
    "potted plant": {
        "bush": plants.bush_plant,
        "palm": plants.palm_plant,
        "blade": plants.blade_plant,
        "tree": plants.tree_plant,
        "monstera": plants.monstera_plant,
        "fern": plants.fern_plant,
    },
    "bed": {
        "platform": beds.platform_bed,
        "metal": beds.metal_bed,
        "box_spring": beds.box_spring_bed,
        "slatted": beds.slatted_bed,
        "sleigh": beds.sleigh_bed,
        "storage": beds.storage_bed,
    },
    "toilet": {
        "tank": toilets.tank_toilet,
        "one_piece": toilets.one_piece_toilet,
        "square": toilets.square_toilet,
        "wall_hung": toilets.wall_hung_toilet,
        "washlet": toilets.washlet_toilet,
        "pedestal": toilets.pedestal_toilet,
    },
    "tv": {
        "foot": tvs.foot_tv,
        "legs": tvs.leg_tv,
        "wall": tvs.wall_tv,
        "stand": tvs.stand_tv,
        "box": tvs.box_tv,
        "soundbar": tvs.soundbar_tv,
    },
}

_DISTRACTORS: dict[str, tuple[Builder, str]] = {
    "dining_table": (things.dining_table, "floor"),
    "coffee_table": (things.coffee_table, "floor"),
    "desk": (storage.desk, "floor"),
    "bookshelf": (storage.bookshelf, "floor"),
    "wardrobe": (storage.wardrobe, "floor"),
    "kitchen_counter": (storage.kitchen_counter, "floor"),
    "fridge": (storage.fridge, "floor"),
    "sideboard": (storage.sideboard, "floor"),
    "nightstand": (storage.nightstand, "floor"),
    "washing_machine": (storage.washing_machine, "floor"),
    "floor_lamp": (things.floor_lamp, "floor"),
    "table_lamp": (things.table_lamp, "surface"),
    "rug": (things.rug, "rug"),
    "picture_frame": (things.picture_frame, "wall"),
    "mirror": (things.mirror, "wall"),
    "cardboard_box": (things.cardboard_box, "floor"),
    "vase": (things.vase, "surface"),
    "bathtub": (things.bathtub, "floor"),
    "sink": (things.sink, "floor"),
    "stool": (things.stool, "floor"),
    "ottoman": (things.ottoman, "floor"),
    "bench": (things.bench, "floor"),
    "trash_bin": (things.trash_bin, "floor"),
    "curtain": (things.curtain, "wall"),
    "radiator": (things.radiator, "floor"),
    "book_pile": (things.book_pile, "surface"),
    "bowl": (things.bowl, "surface"),
    "laundry_basket": (things.laundry_basket, "floor"),
    "board": (lookalikes.board, "wall"),
    "microwave": (lookalikes.microwave, "surface"),
    "wall_oven": (lookalikes.wall_oven, "floor"),
    "aquarium": (lookalikes.aquarium, "floor"),
    "block_seat": (lookalikes.block_seat, "floor"),
    "end_bench": (lookalikes.end_bench, "floor"),
    "floor_cushion": (lookalikes.floor_cushion, "floor"),
    "bidet": (lookalikes.bidet, "floor"),
    "dry_vase": (lookalikes.dry_vase, "floor"),
    "changing_table": (lookalikes.changing_table, "floor"),
    "rolled_mattress": (lookalikes.rolled_mattress, "floor"),
    "shoes": (clutter.shoes, "floor"),
    "toys": (clutter.toys, "floor"),
    "backpack": (clutter.backpack, "floor"),
    "suitcase": (clutter.suitcase, "floor"),
    "laundry_heap": (clutter.laundry_heap, "floor"),
    "coat_rack": (clutter.coat_rack, "floor"),
    "cups": (clutter.cups, "surface"),
    "plates": (clutter.plates, "surface"),
    "bottles": (clutter.bottles, "surface"),
    "kettle": (clutter.kettle, "surface"),
    "books": (clutter.books, "surface"),
    "clock": (clutter.clock, "wall"),
    "wall_shelf": (clutter.wall_shelf, "wall"),
    "towel": (clutter.towel, "wall"),
    "poster": (clutter.poster, "wall"),
    "wall_lamp": (clutter.wall_lamp, "wall"),
    "ceiling_lamp": (clutter.ceiling_lamp, "ceiling"),
}

_TEST_BUILDERS: dict[str, dict[str, Builder]] = {
    "chair": {
        "wingback": chairs.wingback_chair,
        "rocking": chairs.rocking_chair,
        "bentwood": chairs.bentwood_chair,
    },
    "couch": {
        "camelback": couches.camelback_couch,
        "modular": couches.modular_couch,
        "curved": couches.curved_couch,
    },
    "potted plant": {
        "cactus": plants.cactus_plant,
        "bonsai": plants.bonsai_plant,
        "trailing": plants.trailing_plant,
    },
    "bed": {
        "four_poster": beds.four_poster_bed,
        "bunk": beds.bunk_bed,
        "arched": beds.arched_bed,
    },
    "toilet": {
        "high_cistern": toilets.high_cistern_toilet,
        "built_in": toilets.built_in_toilet,
        "corner": toilets.corner_toilet,
    },
    "tv": {
        "curved": tvs.curved_tv,
        "framed": tvs.framed_tv,
        "console": tvs.console_tv,
    },
}
"""Families that neither the catalogue nor training homes have."""

FAMILIES: dict[int, tuple[str, ...]] = {
    i: (*_BUILDERS[name], *_TEST_BUILDERS[name]) for i, name in enumerate(CATEGORIES)
}
"""Category index -> all its shape families; see `families` for those of one split."""

DISTRACTORS: tuple[str, ...] = tuple(_DISTRACTORS)
"""Kinds of things that are none of the six categories."""

_MOUNTING: dict[tuple[str, str], str] = {
    ("tv", "foot"): "surface",
    ("tv", "legs"): "surface",
    ("tv", "box"): "surface",
    ("tv", "wall"): "wall",
    ("tv", "soundbar"): "surface",
    ("tv", "curved"): "surface",
    ("toilet", "wall_hung"): "against_wall",
    ("toilet", "high_cistern"): "against_wall",
    ("toilet", "built_in"): "against_wall",
}


@dataclass(frozen=True)
class Item:
    """A piece of furniture with what is needed to place it.

    Attributes:
        mesh: in its own frame (front +x, footprint centred on the origin, lowest point at its height above the floor).
        name: category or kind of distractor.
        family: shape family; equals `name` for a distractor.
        mounting: "floor"; "surface" (on a table or cabinet); "wall" (hangs: lowest x at the wall, height free);
            "against_wall" (height fixed, lowest x at the wall); "rug" (flat on the floor);
            "ceiling" (hangs: z = 0 at the ceiling).
        category: category index, or -1 for a distractor.
    """

    mesh: Mesh
    name: str
    family: str
    mounting: str
    category: int


def mounting(category: int, family: str) -> str:
    """Where a piece of a family is put; see `Item.mounting`."""
    return _MOUNTING.get((CATEGORIES[category], family), "floor")


def distractor_mounting(kind: str) -> str:
    """Where a distractor is put; see `Item.mounting`."""
    return _DISTRACTORS[kind][1]


def families(category: int, split: str) -> tuple[str, ...]:
    """Shape families that a split draws from: test homes have some that no catalogue and no training home has.

    Raises:
        ValueError: if the category or split is unknown.
    """
    if category not in FAMILIES:
        raise ValueError(f"category must be 0..{len(CATEGORIES) - 1}, got {category}")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    return FAMILIES[category] if split == "test" else tuple(_BUILDERS[CATEGORIES[category]])


def make_item(category: int, rng: np.random.Generator, split: str, family: str | None = None) -> Item:
    """A piece of one of the six categories, with its family and mounting.

    Args:
        category: index into `CATEGORIES`.
        rng: two draws are taken from it.
        split: "catalogue", "train" or "test"; meshes and textures of different splits are never equal.
        family: one of `families(category, split)`; drawn where absent.

    Raises:
        ValueError: if the category, family or split is unknown.
    """
    known, name = families(category, split), CATEGORIES[category]
    drawn = known[int(rng.integers(len(known)))]
    chosen = drawn if family is None else family
    if chosen not in known:
        raise ValueError(f"{name} has no family {family!r} in {split}; expected one of {', '.join(known)}")
    builder = (_BUILDERS[name] | _TEST_BUILDERS[name])[chosen]
    return Item(builder(Draw(rng, split)), name, chosen, mounting(category, chosen), category)


def make_furniture(category: int, rng: np.random.Generator, split: str, family: str | None = None) -> Mesh:
    """The mesh of `make_item`."""
    return make_item(category, rng, split, family).mesh


def make_distractor(kind: str, rng: np.random.Generator, split: str) -> Mesh:
    """A thing that is none of the six categories.

    Raises:
        ValueError: if the kind or the split is unknown.
    """
    if kind not in _DISTRACTORS:
        raise ValueError(f"unknown distractor {kind!r}; expected one of {', '.join(DISTRACTORS)}")
    return _DISTRACTORS[kind][0](Draw(rng, split))
