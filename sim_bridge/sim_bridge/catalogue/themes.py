# SPDX-License-Identifier: Apache-2.0
"""What stands beside what in catalogue pictures: rooms by theme."""

from __future__ import annotations

import numpy as np

from seal_perception.categories import CATEGORIES
from sim_bridge.furniture import DISTRACTORS

SUBJECT_WEIGHTS = np.array([0.17, 0.16, 0.14, 0.17, 0.18, 0.18])
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
DECORATION = (
    "picture_frame", "picture_frame", "poster", "print_panel", "print_panel", "dark_painting", "dark_painting",
    "wall_shelf", "clock", "mirror", "leaf_panel", "wall_panel", "wall_lamp", "curtain", "leaf_curtain", "night_window",
    "board", "black_panel", "hatch", "bush_window",
)  # fmt: skip
THEMES: dict[str, tuple[str, ...]] = {
    "chair": ("dining", "dining", "office", "living", "bedroom", "jumble"),
    "couch": ("living", "living", "living", "office", "jumble"),
    "potted plant": ("living", "office", "dining", "bedroom", "bathroom", "jumble"),
    "bed": ("bedroom", "bedroom", "bedroom", "jumble"),
    "toilet": ("bathroom", "bathroom", "bathroom", "jumble"),
    "tv": ("living", "living", "bedroom", "office", "dining", "jumble"),
}
