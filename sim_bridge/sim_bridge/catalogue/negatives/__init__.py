# SPDX-License-Identifier: Apache-2.0
"""Things that are none of the six categories and look like one, or stand before one; the catalogue's alone.

Homes have distractors of their own (`sim_bridge.furniture`). COCO's rules decide what is which: a monitor is a tv, a
laptop is not; bouquets in a vase are called vase, potted plant or both, so they are drawn as regions to ignore.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from sim_bridge.catalogue.backdrops import SPLIT
from sim_bridge.catalogue.negatives import basins, figures, greens, lying, screens, seats
from sim_bridge.catalogue.placing import DOUBTFUL
from sim_bridge.furniture import Draw, Item
from sim_bridge.geometry.mesh import Mesh

LIKE_TV = ("night_window", "dark_painting", "black_panel", "wall_panel", "fireplace", "speaker", "oven",
           "glass_cabinet", "hatch", "print_panel", "computer")  # fmt: skip
LIKE_CHAIR = ("step_ladder", "steps", "bar_stool", "walker", "box_pile", "boxes_like_armchair", "rack", "side_table",
              "low_shelf", "high_pouf", "bicycle")  # fmt: skip
LIKE_COUCH = ("mattress_on_edge", "long_sideboard", "window_seat", "pool_table", "cloth_table", "pallet",
              "radiator_cover", "tub", "island", "cloth_bundle", "boxes_like_armchair")  # fmt: skip
LIKE_PLANT = ("leaf_curtain", "leaf_panel", "bush_window", "green_cloth", "duster", "vegetables", "empty_pot",
              "dry_grass", "cut_flowers", "lamp", "shrub")  # fmt: skip
LIKE_TOILET = ("pedestal_sink", "urinal", "bucket", "bin_with_lid", "counter_basin", "front_loader", "cistern_box",
               "water_cooler", "high_pouf")  # fmt: skip
LOOKALIKES: dict[str, tuple[str, ...]] = {
    "tv": LIKE_TV, "chair": LIKE_CHAIR, "couch": LIKE_COUCH, "bed": LIKE_COUCH, "potted plant": LIKE_PLANT,
    "toilet": LIKE_TOILET,
}  # fmt: skip
"""Category -> what is easily taken for it."""
BEFORE = ("person", "pet", "bag", "lamp", "box_pile", "rack", "bar_stool")
"""What stands between a camera and its subject."""
UPON = ("bag", "clothes", "clothes", "seat_cushion", "seat_cushion", "pet", "computer")
"""What lies on seats and beds."""

_BUILDERS: dict[str, tuple[Callable[[Draw], Mesh], str]] = {
    "night_window": (screens.night_window, "wall"),
    "dark_painting": (screens.dark_painting, "wall"),
    "black_panel": (screens.black_panel, "wall"),
    "wall_panel": (screens.wall_panel, "wall"),
    "fireplace": (screens.fireplace, "against_wall"),
    "speaker": (screens.speaker, "floor"),
    "oven": (screens.oven, "floor"),
    "glass_cabinet": (screens.glass_cabinet, "floor"),
    "hatch": (screens.hatch, "wall"),
    "print_panel": (screens.print_panel, "wall"),
    "step_ladder": (seats.step_ladder, "floor"),
    "steps": (seats.steps, "floor"),
    "bar_stool": (seats.bar_stool, "floor"),
    "walker": (seats.walker, "floor"),
    "box_pile": (seats.box_pile, "floor"),
    "boxes_like_armchair": (seats.boxes_like_armchair, "floor"),
    "rack": (seats.rack, "floor"),
    "side_table": (seats.side_table, "floor"),
    "low_shelf": (seats.low_shelf, "floor"),
    "high_pouf": (seats.high_pouf, "floor"),
    "mattress_on_edge": (lying.mattress_on_edge, "floor"),
    "long_sideboard": (lying.long_sideboard, "floor"),
    "window_seat": (lying.window_seat, "floor"),
    "pool_table": (lying.pool_table, "floor"),
    "cloth_table": (lying.cloth_table, "floor"),
    "pallet": (lying.pallet, "floor"),
    "radiator_cover": (lying.radiator_cover, "floor"),
    "tub": (lying.tub, "floor"),
    "island": (lying.island, "floor"),
    "cloth_bundle": (lying.cloth_bundle, "floor"),
    "leaf_curtain": (greens.leaf_curtain, "wall"),
    "leaf_panel": (greens.leaf_panel, "wall"),
    "bush_window": (greens.bush_window, "wall"),
    "green_cloth": (greens.green_cloth, "floor"),
    "duster": (greens.duster, "floor"),
    "vegetables": (greens.vegetables, "surface"),
    "empty_pot": (greens.empty_pot, "floor"),
    "dry_grass": (greens.dry_grass, "floor"),
    "cut_flowers": (greens.cut_flowers, "surface"),
    "shrub": (greens.shrub, "floor"),
    "pedestal_sink": (basins.pedestal_sink, "floor"),
    "urinal": (basins.urinal, "against_wall"),
    "bucket": (basins.bucket, "floor"),
    "bin_with_lid": (basins.bin_with_lid, "floor"),
    "counter_basin": (basins.counter_basin, "floor"),
    "front_loader": (basins.front_loader, "floor"),
    "cistern_box": (basins.cistern_box, "floor"),
    "water_cooler": (basins.water_cooler, "floor"),
    "person": (figures.person, "floor"),
    "pet": (figures.pet, "floor"),
    "bag": (figures.bag, "floor"),
    "clothes": (figures.clothes, "floor"),
    "seat_cushion": (figures.seat_cushion, "floor"),
    "computer": (figures.computer, "surface"),
    "bicycle": (figures.bicycle, "floor"),
    "patterned_rug": (figures.patterned_rug, "rug"),
    "lamp": (figures.lamp, "floor"),
}

NEGATIVES: tuple[str, ...] = tuple(_BUILDERS)
"""All kinds."""


def make_negative(kind: str, rng: np.random.Generator) -> Item:
    """A thing of one of `NEGATIVES`; its category is -1, but for bouquets, which are doubtful potted plants.

    Raises:
        ValueError: if the kind is unknown.
    """
    if kind not in _BUILDERS:
        raise ValueError(f"unknown negative {kind!r}; expected one of {', '.join(NEGATIVES)}")
    build, mounting = _BUILDERS[kind]
    mesh = build(Draw(rng, SPLIT))
    if kind == "cut_flowers":
        return Item(mesh, kind, DOUBTFUL, mounting, CATEGORIES.index("potted plant"))
    return Item(mesh, kind, kind, mounting, NO_CATEGORY)
