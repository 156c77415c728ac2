# SPDX-License-Identifier: Apache-2.0
"""Lists of categories, each with its colours; the six of SEAL are the default, in the order used everywhere.

A list belongs to what is indexed by it (weights, detections, map, labels) and travels with it as a `CategorySet`.
"""

from __future__ import annotations

import colorsys
import functools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_perception.types import UInt8Array

CATEGORIES: tuple[str, ...] = ("chair", "couch", "potted plant", "bed", "toilet", "tv")
"""The six of SEAL: the default list, and what the simulators' truth knows."""
NUM_CATEGORIES = len(CATEGORIES)
NO_CATEGORY = -1
"""The category index of a pixel or voxel that is none of a list."""
MOST_CATEGORIES = 80
"""As many as COCO has."""

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
"""(6, 3) uint8 RGB, one per category of the six: the same in map, overlay and report, and in every list."""

NONE = "none"
"""What stands for no category, in texts and in `--categories NAME=none`: no category has this name."""
_GOLDEN = 0.6180339887498949
_LONGEST_NAME = 40


@dataclass(frozen=True)
class CategorySet:
    """A list of categories: what the indices of detections, voxels and labels stand for.

    Attributes:
        names: 1 to 80 different names.
    """

    names: tuple[str, ...] = CATEGORIES

    def __post_init__(self) -> None:
        if isinstance(self.names, str):  # its letters are no names
            raise ValueError(f"categories must be a list of names, got {self.names[:60]!r}")
        object.__setattr__(self, "names", tuple(self.names))
        if not 1 <= len(self.names) <= MOST_CATEGORIES:
            raise ValueError(f"categories must be 1 to {MOST_CATEGORIES} names, got {len(self.names)}")
        known: set[str] = set()
        for name in self.names:
            if not _is_name(name):
                raise ValueError(
                    f"a category's name must be a text of 1 to {_LONGEST_NAME} printable signs without , and =, "
                    f"without spaces around it and not {NONE!r}, got {str(name)[:60]!r}"
                )
            if plain_name(name) in known:
                raise ValueError(f"categories must differ, got {name!r} twice")
            known.add(plain_name(name))

    @classmethod
    def numbered(cls, count: int) -> CategorySet:
        """A list of so many whose names are not known: the six, then "category_6" and so on."""
        return cls(tuple(category_name(index) for index in range(count)))

    @classmethod
    def stored(cls, value: Any) -> CategorySet:
        """The list behind the key `categories` of a file of ours; None = a file of before lists, of the six.

        Raises:
            ValueError: if it is no such list.
        """
        if value is None:
            return SIX
        if not isinstance(value, list):
            raise ValueError(f"categories must be a list of names, got {str(value)[:60]}")
        return cls(tuple(value))

    def __len__(self) -> int:
        """Number of categories."""
        return len(self.names)

    def __str__(self) -> str:
        """The names, for messages."""
        return ", ".join(self.names)

    def name(self, index: int) -> str:
        """Name of a category; "category_7" beyond the list, "none" for a negative index."""
        return self.names[index] if 0 <= index < len(self.names) else category_name(index, known=())

    def index(self, name: str) -> int:
        """Index of a category.

        Raises:
            ValueError: if the list does not have the name.
        """
        if name not in self.names:
            raise ValueError(f"unknown category {name!r}; expected one of {self}")
        return self.names.index(name)

    @property
    def colours(self) -> UInt8Array:
        """(C, 3) uint8 RGB: the six keep `COLOURS`; each other name has a duller one by its place among the others."""
        return _colours_of(self.names)

    def colour(self, index: int) -> tuple[int, int, int]:
        """RGB of a category of the list."""
        red, green, blue = (int(v) for v in self.colours[index])
        return red, green, blue

    def table(self) -> list[dict[str, Any]]:
        """The `categories` of a COCO file: ids from 1."""
        return [{"id": index, "name": name} for index, name in enumerate(self.names, start=1)]


def plain_name(name: Any) -> str:
    """A name for comparison: lower case, spaces for _ and -, none of them double."""
    return " ".join(re.sub("[_-]", " ", str(name)[:100]).lower().split())


def category_name(index: int, known: tuple[str, ...] = CATEGORIES) -> str:
    """Name of a category of the six; beyond them, in maps of unnamed categories, "category_7"; "none" if negative."""
    if index < 0:
        return NONE
    return known[index] if index < len(known) else f"category_{index}"


def category_index(name: str) -> int:
    """Index of a name of the six.

    Raises:
        ValueError: if the name is none of `CATEGORIES`.
    """
    return SIX.index(name)


def names_of(source: Any) -> CategorySet:
    """The list that a detector, a dataset or a recording says its indices are of; the six if it says nothing."""
    names = getattr(source, "names", None)
    return names if isinstance(names, CategorySet) else SIX


def hue_colour(number: int, saturation: float, value: float) -> tuple[int, int, int]:
    """A colour whose hue the golden ratio spreads: neighbouring numbers are far apart, and none ever changes."""
    red, green, blue = colorsys.hsv_to_rgb((number * _GOLDEN) % 1.0, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def other_colour(number: int) -> tuple[int, int, int]:
    """The colour of a category that is none of the six, by number from 6 on."""
    return hue_colour(number, 0.5, 0.65)


@functools.cache
def _colours_of(names: tuple[str, ...]) -> UInt8Array:
    rows, others = [], NUM_CATEGORIES
    for name in names:
        if name in CATEGORIES:
            rows.append(tuple(int(v) for v in COLOURS[CATEGORIES.index(name)]))
        else:
            rows.append(other_colour(others))
            others += 1
    out = np.array(rows, np.uint8)
    out.setflags(write=False)
    return out


def _is_name(name: Any) -> bool:
    if not isinstance(name, str) or name != name.strip() or not 1 <= len(name) <= _LONGEST_NAME:
        return False
    return name.isprintable() and not set(name) & set(",=") and plain_name(name) not in ("", NONE)


SIX = CategorySet(CATEGORIES)
"""The default everywhere."""
