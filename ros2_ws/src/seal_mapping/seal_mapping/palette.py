# SPDX-License-Identifier: Apache-2.0
"""Colours for any number of categories and objects; the six of SEAL keep theirs everywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from seal_perception.categories import SIX, CategorySet, hue_colour, other_colour
from seal_perception.types import UInt8Array

NO_COLOUR = (150, 150, 150)
"""RGB of what has no label or belongs to no object."""


def category_colour(index: int, names: CategorySet = SIX) -> tuple[int, int, int]:
    """RGB of a category: the list's own, beyond it a fixed palette of duller colours, grey for a negative index."""
    if index < 0:
        return NO_COLOUR
    return names.colour(index) if index < len(names) else other_colour(index)


def instance_colour(number: int) -> tuple[int, int, int]:
    """RGB of the object with this id (> 0), the same in every picture and file; grey for anything else."""
    return hue_colour(number, 0.7, 0.95 if number % 2 else 0.75) if number > 0 else NO_COLOUR


def category_colours(indices: npt.ArrayLike, names: CategorySet = SIX) -> UInt8Array:
    """(N, 3) uint8 `category_colour` of each index (N,)."""
    return _painted(indices, lambda index: category_colour(index, names))


def instance_colours(numbers: npt.ArrayLike) -> UInt8Array:
    """(N, 3) uint8 `instance_colour` of each id (N,)."""
    return _painted(numbers, instance_colour)


def _painted(numbers: npt.ArrayLike, colour_of: Callable[[int], tuple[int, int, int]]) -> UInt8Array:
    values, at = np.unique(np.asarray(numbers, np.int64).reshape(-1), return_inverse=True)
    table = np.array([colour_of(int(v)) for v in values], np.uint8).reshape(-1, 3)
    return table[at.reshape(-1)]
