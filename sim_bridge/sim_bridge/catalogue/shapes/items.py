# SPDX-License-Identifier: Apache-2.0
"""Items for catalogue pictures: three in four of any shape, the others of the families that homes have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seal_perception.categories import CATEGORIES
from sim_bridge.catalogue.backdrops import SPLIT
from sim_bridge.catalogue.shapes.beds import bed
from sim_bridge.catalogue.shapes.chairs import chair
from sim_bridge.catalogue.shapes.couches import couch
from sim_bridge.catalogue.shapes.plants import plant
from sim_bridge.catalogue.shapes.toilets import toilet
from sim_bridge.catalogue.shapes.tvs import tv
from sim_bridge.furniture import Draw, Item, make_item
from sim_bridge.geometry.mesh import Mesh

WIDE_SHARE = 0.75
"""Share of the catalogue's pieces that are of the wide generators."""
WIDE_FAMILY = "wide"
_ON_THE_FLOOR: dict[str, Callable[[Draw], Mesh]] = {"chair": chair, "couch": couch, "potted plant": plant, "bed": bed}
_MOUNTED: dict[str, Callable[[Draw], tuple[Mesh, str]]] = {"toilet": toilet, "tv": tv}


def make_wide_item(category: int, rng: np.random.Generator) -> Item:
    """A piece of a category whose every measure is drawn from a wide range; of the split "catalogue".

    Args:
        category: index into `CATEGORIES`.
        rng: one draw is taken from it.

    Raises:
        ValueError: if the category is unknown.
    """
    if not 0 <= category < len(CATEGORIES):
        raise ValueError(f"category must be 0..{len(CATEGORIES) - 1}, got {category}")
    name, draw = CATEGORIES[category], Draw(rng, SPLIT)
    if name in _MOUNTED:
        mesh, mounting = _MOUNTED[name](draw)
    else:
        mesh, mounting = _ON_THE_FLOOR[name](draw), "floor"
    return Item(mesh, name, WIDE_FAMILY, mounting, category)


def catalogue_item(category: int, rng: np.random.Generator) -> Item:
    """A piece for a picture: `make_wide_item` three times in four, else one of the families of homes."""
    if rng.random() < WIDE_SHARE:
        return make_wide_item(category, rng)
    return make_item(category, rng, SPLIT)
