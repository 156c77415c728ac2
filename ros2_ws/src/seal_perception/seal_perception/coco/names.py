# SPDX-License-Identifier: Apache-2.0
"""Names of categories in files of others, and which of ours they are."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seal_perception.categories import NONE, SIX, CategorySet, plain_name
from seal_perception.errors import InputError

ALIASES = {
    "dining chair": "chair",
    "office chair": "chair",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "house plant": "potted plant",
    "houseplant": "potted plant",
    "tvmonitor": "tv",
    "tv monitor": "tv",
    "television": "tv",
    "television set": "tv",
}
"""Other names of our categories (COCO, Pascal VOC, LVIS), lower case, with spaces for _ and -."""

COCO_CATEGORIES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""COCO's 80 in its order, as torchvision's and detectron2's weights name them (a test compares); read without torch."""

_NUMBERED = re.compile(r"(.*?[^\W\d])[ _-]*(\d+)")
_MAX_NAME = 100
_SHOWN = 5


def shown(text: Any) -> str:
    """A name out of a file, safe for a terminal: one line, no control characters, not long."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in str(text)[: _MAX_NAME + 1])
    return plain if len(plain) <= _MAX_NAME else plain[:_MAX_NAME] + "..."


def listed(words: Iterable[str]) -> CategorySet | None:
    """The list of categories among `--categories` texts: those without =; None if there is none.

    Raises:
        InputError: if a name is none or comes twice, there are too many, or the texts hold nothing at all.
    """
    words = tuple(words)
    pieces = _pieces(words)
    if words and not pieces:
        raise InputError("--categories is empty: give names such as chair,couch or NAME=OURS")
    names = tuple(" ".join(piece.split()) for piece in pieces if "=" not in piece)
    try:
        return CategorySet(names) if names else None
    except ValueError as error:
        raise InputError(f"--categories: {error}") from error


def maps_names(words: Iterable[str]) -> bool:
    """Whether `--categories` texts map a name of a file; which names they may map to is known with the list alone."""
    return any("=" in piece for piece in _pieces(words))


def listed_only(words: Iterable[str]) -> tuple[str, ...]:
    """The names of a list, empty if no text is given; for commands that read no file whose names could be mapped.

    Raises:
        InputError: as `listed`, and if a text has a =.
    """
    words = tuple(words)
    for piece in _pieces(words):
        if "=" in piece:
            raise InputError(f"--categories must be names such as chair,couch here, got {shown(piece)!r}")
    found = listed(words)
    return () if found is None else found.names


def _pieces(words: Iterable[str]) -> list[str]:
    return [part for text in words for part in text.split(",") if part.strip()]


def require_of_coco(names: CategorySet) -> None:
    """Refuse a list that COCO's own weights cannot look for.

    Raises:
        InputError: if a name is none of COCO's 80.
    """
    for name in names.names:
        if name not in COCO_CATEGORIES:
            known = ALIASES.get(plain_name(name), plain_name(name))
            hint = f"; COCO calls it {known}" if known in COCO_CATEGORIES else ""
            raise InputError(f"categories must be different ones of COCO's 80, got {shown(name)!r}{hint}")


@dataclass(frozen=True)
class CategoryNames:
    """Which of our categories a name stands for.

    Attributes:
        mapped: what the user said: names as `plain_name` writes them, each with one of ours or `NONE`.
        known: our categories.
    """

    mapped: Mapping[str, str] = field(default_factory=dict)
    known: CategorySet = SIX

    @functools.cached_property
    def _place(self) -> dict[str, int]:
        return {plain_name(name): index for index, name in enumerate(self.known.names)}

    @classmethod
    def from_words(cls, words: Iterable[str], known: CategorySet = SIX) -> CategoryNames:
        """What `--categories` texts say: our list, and names of a file that stand for one of it.

        Args:
            words: names (our list) and NAME=OURS, several with commas between.
            known: our list where the texts have none.

        Raises:
            InputError: if a text is none, a name comes twice, or OURS is none of ours.
        """
        words = tuple(words)
        known = listed(words) or known
        ours_of = {plain_name(name): name for name in known.names}
        mapped: dict[str, str] = {}
        for word in (piece for piece in _pieces(words) if "=" in piece):
            name, _, ours = (plain_name(piece) for piece in word.rpartition("="))
            ours = ours if ours in ours_of else ALIASES.get(ours, ours)
            if not name or ours not in (*ours_of, NONE):
                raise InputError(
                    f"--categories must be NAME=OURS such as armchair=chair, with NAME as in the file and OURS one of "
                    f"{known}, {NONE}; got {shown(word)!r}"
                )
            ours = ours_of.get(ours, ours)
            if mapped.setdefault(name, ours) != ours:
                raise InputError(f"--categories names {name!r} twice, as {mapped[name]} and as {ours}")
        return cls(mapped, known)

    def find(self, name: Any) -> tuple[int, str | None] | None:
        """Category index of a name, and the object's name: "chair_2" gives (0, "chair 2"); None if not ours."""
        plain, place = plain_name(name), self._place
        numbered = _NUMBERED.fullmatch(plain)
        for text, number in ((plain, None), (numbered[1], numbered[2]) if numbered else (plain, None)):
            ours = plain_name(self.mapped.get(text) or (text if text in place else ALIASES.get(text, text)))
            if ours == NONE:
                return None
            if ours in place:
                index = place[ours]
                return index, None if number is None else f"{self.known.names[index]} {int(number)}"
        return None

    def check_used(self, names: Iterable[Any]) -> None:
        """Refuse a mapping that cannot do anything: most often it is misspelt.

        Args:
            names: all that the file has.

        Raises:
            InputError: if a mapped name is none of them.
        """
        known = {plain_name(name) for name in names}
        known |= {numbered[1] for numbered in map(_NUMBERED.fullmatch, known) if numbered}
        for name in self.mapped:
            if name not in known:
                some = ", ".join(sorted(shown(each) for each in known)[:20]) or "none"
                raise InputError(f"--categories maps {name!r}, which the file does not have; its names are: {some}")


class LeftOut:
    """What a reader did not take, counted by reason, and by name where the category is not ours."""

    def __init__(self, known: CategorySet = SIX) -> None:
        self._ours = known.names[0]
        self._names: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def other(self, name: Any) -> None:
        """Count an annotation whose category is not ours."""
        self._names[shown(name)] += 1

    def add(self, reason: str, count: int = 1) -> None:
        """Count what is left out for another reason; a text that goes on after a number."""
        self._reasons[reason] += count

    def rows(self) -> dict[str, int]:
        """How many by reason, each a text that goes on after the number; most frequent names first."""
        out: dict[str, int] = {}
        if self._names:
            most = self._names.most_common()
            names = ", ".join(f"{name} {count}" for name, count in most[:_SHOWN])
            rest = f" and {len(most) - _SHOWN} more names" if len(most) > _SHOWN else ""
            text = (
                f"annotations not used: not of our categories ({names}{rest}); --categories NAME={self._ours} takes one"
            )
            out[text] = sum(self._names.values())
        return {**out, **{reason: count for reason, count in self._reasons.items() if count}}
