# SPDX-License-Identifier: Apache-2.0
"""What a piece of a furniture library is: one of the six categories, doubtful, something else, or left out.

The rules are COCO's: an armchair is a chair, a monitor is a tv, a laptop is not. What people call now this, now that
(a bar stool, a day bed, flowers in a vase) is doubtful: its region is ignored.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from sim_bridge.catalogue.library.sweethome import Entry

_RULES: tuple[tuple[str, str, bool], ...] = (
    (r"wheelchair|high chair|stool|relax chair|lounge", "chair", True),
    (r"day bed|futon$|air mattress", "bed", True),
    (r"opened convertible sofa", "bed", False),
    (r"christmas tree|flower ?box|plant box|flowers|bamboo|bowl with salad|hedge|bush|tulips", "potted plant", True),
    (r"television cabinet|computer|imac|\bpc\b", "tv", True),
    (r"chair\b|armchair|class seat", "chair", False),
    (r"sofa|couch", "couch", False),
    (r"(^| )bed$|\bcrib\b|cradle", "bed", False),
    (r"toilets unit|^toilets?$|^wc\b", "toilet", False),
    (r"^(wall )?(flat )?tv\b(?! (stand|remote))|monitor|^flat screen", "tv", False),
    (r"plant$|plant\b|cactus|orchid|ficus|bonsai|lily|aloe|yucca|spathiphyllum", "potted plant", False),
)
_NOT_THESE = re.compile(r"lamp|remote|paper|brush|bench press|workbench|bedside|rocking horse|piano bench|sheet")
_LEFT_OUT_ROOMS = ("Vehicles", "Staircases")
_LEFT_OUT = re.compile(
    r"sitting|lying|tree|palm|pine|maple|poplar|cypress|beech|acacia|blossom|hammock|swing|tent|pool|parking|arrow"
    r"|crossing|rails?$|escalator|elevator|hut|barnum|container|tatami|carpet|\brug\b|bathmat|doormat|curtain"
    r"|glass door|shower|window|aquarium|screen$|transparent"
)
LARGEST, SMALLEST = 3.6, 0.15
"""Metres of the longest side of what is shown."""


class Kind(NamedTuple):
    """What a piece is.

    Attributes:
        category: index, or -1.
        doubtful: whether people disagree about it.
        mounting: as of `Item`.
    """

    category: int
    doubtful: bool
    mounting: str


def kind_of(entry: Entry) -> Kind | None:
    """What a piece of a library is; None = it is left out."""
    name = entry.name.lower()
    category, doubtful = _category(name)
    longest = max(entry.size)
    if entry.room in _LEFT_OUT_ROOMS or not SMALLEST <= longest <= LARGEST:
        return None
    if category == NO_CATEGORY and _LEFT_OUT.search(name):
        return None
    if category == CATEGORIES.index("potted plant") and longest > 2.4:
        return None
    return Kind(category, doubtful, _mounting(entry, category))


def _category(name: str) -> tuple[int, bool]:
    if not _NOT_THESE.search(name):
        for pattern, category, doubtful in _RULES:
            if re.search(pattern, name):
                return CATEGORIES.index(category), doubtful
    return NO_CATEGORY, False


def _mounting(entry: Entry, category: int) -> str:
    width, depth, height = entry.size
    if category == CATEGORIES.index("tv"):
        return "wall" if entry.elevation > 0.3 else "surface"
    if entry.elevation > 0.05:
        return "against_wall" if entry.elevation < 2.3 else "ceiling"
    if entry.room == "Doors and windows":
        return "against_wall"
    if category == CATEGORIES.index("potted plant"):
        return "surface" if height < 0.3 else "floor"
    if category == NO_CATEGORY and max(width, depth) < 0.6 and height < 0.55:
        return "surface"
    return "floor"
