# SPDX-License-Identifier: Apache-2.0
"""Colours of Gazebo's material scripts: OGRE `.material` files of a model, and the names that Gazebo brings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from seal_perception.errors import InputError
from sim_bridge.scenes.files import read_bytes

Colour = tuple[float, float, float]

GAZEBO: dict[str, Colour] = {
    "Grey": (0.7, 0.7, 0.7), "Gray": (0.7, 0.7, 0.7), "DarkGrey": (0.18, 0.18, 0.18), "DarkGray": (0.18, 0.18, 0.18),
    "White": (1.0, 1.0, 1.0), "FlatBlack": (0.1, 0.1, 0.1), "Black": (0.02, 0.02, 0.02), "Red": (1.0, 0.0, 0.0),
    "RedBright": (0.87, 0.26, 0.07), "Green": (0.0, 1.0, 0.0), "Blue": (0.0, 0.0, 1.0), "SkyBlue": (0.13, 0.44, 0.7),
    "Yellow": (1.0, 1.0, 0.0), "ZincYellow": (0.97, 0.95, 0.2), "DarkYellow": (0.7, 0.7, 0.0),
    "Purple": (1.0, 0.0, 1.0), "Turquoise": (0.0, 1.0, 1.0), "Orange": (1.0, 0.51, 0.05), "Indigo": (0.33, 0.0, 0.8),
    "Gold": (0.8, 0.65, 0.15), "Wood": (0.6, 0.42, 0.25), "WoodFloor": (0.6, 0.45, 0.3),
    "WoodPallet": (0.65, 0.5, 0.33),
    "CeilingTiled": (0.85, 0.85, 0.83), "Bricks": (0.55, 0.3, 0.25), "Residential": (0.75, 0.72, 0.66),
    "Road": (0.3, 0.3, 0.3), "Grass": (0.3, 0.45, 0.2), "PaintedWall": (0.85, 0.83, 0.78), "Carpet": (0.5, 0.45, 0.42),
    "Metal": (0.55, 0.55, 0.58), "PioneerBody": (0.6, 0.05, 0.05), "Chrome": (0.75, 0.75, 0.78),
}  # fmt: skip
"""Plain colours for `Gazebo/<name>`; pictures that Gazebo itself has (wood, bricks) are replaced by their mean."""

_MATERIAL = re.compile(r"^\s*material\s+(\"[^\"]+\"|[^\s:{]+)", re.MULTILINE)
_DIFFUSE = re.compile(r"(?<!\S)diffuse\s+([-\d.eE]+)\s+([-\d.eE]+)\s+([-\d.eE]+)")
_AMBIENT = re.compile(r"(?<!\S)ambient\s+([-\d.eE]+)\s+([-\d.eE]+)\s+([-\d.eE]+)")
_TEXTURE = re.compile(r"(?<!\S)texture\s+(\"[^\"]+\"|[^\s{]+)")


@dataclass(frozen=True)
class Look:
    """The part of a material script that can be drawn here."""

    colour: Colour | None = None
    picture: str | None = None


def gazebo_look(name: str) -> Look | None:
    """Colour of a material that Gazebo brings (`Gazebo/Red`); None for other names."""
    colour = GAZEBO.get(name.removeprefix("Gazebo/")) if name.startswith("Gazebo/") else None
    return None if colour is None else Look(colour)


def read_scripts(places: list[Path]) -> dict[str, Look]:
    """Materials by name of `.material` files and of the folders that hold some; the first of a name counts."""
    files = []
    for place in places:
        files += sorted(place.glob("*.material")) if place.is_dir() else [place]
    out: dict[str, Look] = {}
    for file in files:
        try:
            text = read_bytes(file).decode("utf-8", errors="replace")
        except InputError:
            continue
        text = re.sub(r"//[^\n]*", "", text)
        found = list(_MATERIAL.finditer(text))
        for match, after in zip(found, [*found, None][1:], strict=True):
            body = text[match.end() : after.start() if after else len(text)]
            picture, colour = _TEXTURE.search(body), _DIFFUSE.search(body) or _AMBIENT.search(body)
            look = Look(
                None if colour is None else _floats(colour),
                None if picture is None else picture.group(1).strip('"'),
            )
            out.setdefault(match.group(1).strip('"'), look)
    return out


def _floats(match: re.Match[str]) -> Colour | None:
    try:
        r, g, b = (float(value) for value in match.groups())
    except ValueError:
        return None
    return r, g, b
