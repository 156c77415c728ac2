# SPDX-License-Identifier: Apache-2.0
"""How much a file may ask for: bounds on what is unpacked, allocated or walked, checked before that happens.

Each has a default that fits what people have, and is raised by `seal --limit NAME=VALUE` or, for programs and nodes, by
the environment variable `SEAL_LIMITS="NAME=VALUE NAME=VALUE"`. The table is docs/limits.md.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from seal_perception.errors import InputError

VARIABLE = "SEAL_LIMITS"


@dataclass(frozen=True)
class Limit:
    """A bound.

    Attributes:
        default: its value where nobody raises it.
        unit: of the value, in words.
        bounds: what is bounded.
    """

    default: int
    unit: str
    bounds: str


LIMITS: dict[str, Limit] = {
    "text_mb": Limit(50, "MB", "a text file: lists of poses and of pictures"),
    "json_mb": Limit(500, "MB", "a JSON file"),
    "json_values": Limit(10_000_000, "values", "numbers, texts, lists and objects in a JSON text"),
    "yaml_mb": Limit(16, "MB", "a YAML file"),
    "yaml_values": Limit(1_000_000, "values", "values in a YAML file, repeated ones (`*name`) as often as they stand"),
    "gzip_mb": Limit(64, "MB", "what a .gz file unpacks to"),
    "arrays_mb": Limit(500, "MB", "what the arrays of an .npz file unpack to"),
    "picture_mb": Limit(200, "MB", "the file of a picture of a recording or a dataset"),
    "picture_megapixels": Limit(100, "million pixels", "a picture, by its header"),
    "scene_mb": Limit(1000, "MB", "one file of a scene"),
    "scene_things": Limit(10_000, "things", "models, nodes and primitives of a scene, repeated ones each time"),
    "scene_triangles": Limit(5_000_000, "triangles", "triangles of a scene, repeated ones each time"),
    "scene_files": Limit(200_000, "files", "files under the folder of a Habitat data set"),
    "xml_elements": Limit(1_000_000, "elements", "elements of an XML file"),
}

DEPTH = 100
"""Lists in lists, elements in elements: JSON, YAML and XML that are nested deeper are refused; nothing raises this."""


def limit(name: str) -> int:
    """The bound in force.

    Raises:
        InputError: if the environment variable is not understood.
    """
    return given(os.environ.get(VARIABLE, "")).get(name, LIMITS[name].default)


def given(text: str) -> dict[str, int]:
    """Bounds as a user gives them, `NAME=VALUE` with blanks or commas between.

    Raises:
        InputError: if a name is unknown or a value is no whole number above 0.
    """
    out: dict[str, int] = {}
    for word in text.replace(",", " ").split():
        name, _, value = word.partition("=")
        if name not in LIMITS or not re.fullmatch("0*[1-9][0-9]{0,14}", value):
            raise InputError(
                f"a limit must be NAME=VALUE, a whole number above 0 for one of {', '.join(LIMITS)}; got {word!r}"
            )
        out[name] = int(value)
    return out


def raise_limits(words: list[str]) -> None:
    """Put bounds in force for this process and those that it starts; later ones count.

    Raises:
        InputError: if one is not understood.
    """
    text = " ".join([os.environ.get(VARIABLE, ""), *words]).strip()
    values = given(text)
    if words:
        os.environ[VARIABLE] = " ".join(f"{name}={value}" for name, value in values.items())


def require(name: str, value: float, what: object) -> None:
    """Refuse what asks for more than a bound.

    Args:
        name: of the bound.
        value: what is asked for, in its unit.
        what: the file, as the line begins.

    Raises:
        InputError: if it is more.
    """
    most = limit(name)
    if value > most:
        amount = f"{value:,.0f}" if value < 1e15 else f"{value:.1e}"
        raise InputError(
            f"{what} asks for {amount} {LIMITS[name].unit} ({LIMITS[name].bounds}), more than {most:,}; if that is "
            f"meant, raise it: seal --limit {name}={_rounded(value)}"
        )


def _rounded(value: float) -> str:
    """A whole number of at most two digits and zeros that is not smaller."""
    whole = int(-(-value // 1)) if value < 1e15 else 10**15 - 1
    step = 10 ** max(len(str(whole)) - 2, 0)
    return str(-(-whole // step) * step)
