# SPDX-License-Identifier: Apache-2.0
"""Which of SEAL's six categories a thing is, from its name alone (SofaC_01, office_chair, pottedPlant)."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from seal_perception.errors import InputError
from seal_perception.reading.text import read_json

WORDS: dict[str, frozenset[str]] = {
    "chair": frozenset({"chair", "armchair", "officechair", "deskchair", "loungechair", "recliner"}),
    "couch": frozenset({"couch", "sofa", "settee", "loveseat", "divan"}),
    "potted plant": frozenset(
        {"plant", "pottedplant", "houseplant", "bonsai", "cactus", "ficus", "succulent", "flowerpot"}
    ),
    "bed": frozenset({"bed", "bunkbed", "doublebed", "singlebed"}),
    "toilet": frozenset({"toilet", "wc"}),
    "tv": frozenset({"tv", "television", "monitor", "computerscreen"}),
}
"""Words that name a category; a plural counts too. Screens of computers are tv, as in COCO."""

NOT_WITH: dict[str, frozenset[str]] = {
    "chair": frozenset({"table", "set", "lift", "mat"}),
    "couch": frozenset({"table", "pillow", "cushion", "cover", "ottoman"}),
    "potted plant": frozenset({"power", "factory", "stand", "shelf"}),
    "bed": frozenset(
        {"side", "table", "stand", "room", "lamp", "light", "sheet", "cover", "pillow", "cabinet", "rack"}
    ),
    "toilet": frozenset({"paper", "brush", "roll", "holder", "door"}),
    "tv": frozenset(
        {"stand", "cabinet", "bench", "table", "remote", "unit", "rack", "shelf", "console", "control", "bracket"}
    ),
}
"""Words beside which a category's word means something else: tv_stand, bed_side_table, toilet_paper."""


def words_of(name: str) -> list[str]:
    """Lower-case words of a name: split at capitals, digits and signs."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word.lower() for word in re.split(r"[^a-zA-Z]+", split) if word]


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def category_of_name(name: str) -> int:
    """Category index by the words of a name, -1 for none; a name with words of two categories is none."""
    words = [_singular(word) for word in words_of(name)]
    joined = {*words, *(a + b for a, b in zip(words, words[1:], strict=False))}
    found = [category for category in CATEGORIES if joined & WORDS[category]]
    if len(found) != 1 or NOT_WITH[found[0]] & set(words):
        return NO_CATEGORY
    return CATEGORIES.index(found[0])


def read_overrides(path: Path | None) -> dict[str, int]:
    """Name or pattern (`*`, `?`) -> category index, from a JSON file.

    Raises:
        InputError: if the file is not such a table.
    """
    if path is None:
        return {}
    if not path.exists():
        raise InputError(f'no file {path}; --categories takes a JSON file such as {{"Stool*": "chair"}}')
    table = read_json(path)
    if not isinstance(table, dict):
        raise InputError(f"{path} must map names to categories, got {type(table).__name__}")
    out: dict[str, int] = {}
    for name, category in table.items():
        if category is not None and category not in CATEGORIES:
            raise InputError(f"{path}: {name!r} is {category!r}; expected null or one of {', '.join(CATEGORIES)}")
        out[name] = NO_CATEGORY if category is None else CATEGORIES.index(category)
    return out


def overridden(name: str, overrides: dict[str, int]) -> int | None:
    """The category in the first entry that matches a name; None if none matches."""
    for pattern, category in overrides.items():
        if name == pattern or fnmatch.fnmatchcase(name, pattern):
            return category
    return None
