# SPDX-License-Identifier: Apache-2.0
"""The six categories of SEAL, in the order used everywhere, and their one set of colours."""

from __future__ import annotations

import numpy as np

from seal_perception.types import UInt8Array

CATEGORIES: tuple[str, ...] = ("chair", "couch", "potted plant", "bed", "toilet", "tv")
NUM_CATEGORIES = len(CATEGORIES)
NO_CATEGORY = -1
"""The category index of a pixel or voxel that is none of the six."""

COLOURS: UInt8Array = np.array(
    [
        [230, 97, 1],  # chair: orange
        [53, 132, 228],  # couch: blue
        [38, 162, 105],  # potted plant: green
        [192, 57, 163],  # bed: magenta
        [245, 194, 17],  # toilet: yellow
        [224, 27, 36],  # tv: red
    ],
    dtype=np.uint8,
)
"""(6, 3) uint8 RGB, one per category: the same in map, overlay and report."""


def category_name(index: int) -> str:
    """Name of a category; beyond the six, in maps of other categories, "category_7"; "none" for a negative index."""
    if index < 0:
        return "none"
    return CATEGORIES[index] if index < NUM_CATEGORIES else f"category_{index}"


def category_index(name: str) -> int:
    """Index of a category name.

    Raises:
        ValueError: if the name is none of `CATEGORIES`.
    """
    if name not in CATEGORIES:
        raise ValueError(f"unknown category {name!r}; expected one of {', '.join(CATEGORIES)}")
    return CATEGORIES.index(name)
