# SPDX-License-Identifier: Apache-2.0
"""Scene folders: `scene.glb` (metres, z up, nodes named `instance/part`) and `objects.json`.

`objects.json` is a list of objects with `instance` and `category` (one of SEAL's six, or null). `scene.json`, where it
is there (`seal scene import` and `export` write it), has the lamps and the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from seal_perception.errors import InputError
from seal_perception.reading.limits import require
from seal_perception.reading.text import read_json
from sim_bridge.geometry.mesh import Lamp, Mesh, Part, Scene, merge
from sim_bridge.scenes.files import Resources
from sim_bridge.scenes.fit import start_and_lamps
from sim_bridge.scenes.meshes.read import MeshReader
from sim_bridge.scenes.pieces import Notes, clean_name

LARGEST = 1e4
"""Metres from the origin at which a scene that was written here can have lamps and its start."""


def _json(path: Path) -> Any:
    try:
        return read_json(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def read_categories(path: Path) -> dict[str, int]:
    """Category index of each instance named in an objects.json, in its order.

    Raises:
        InputError: if an entry lacks its name or category, a category is none of SEAL's, or an instance has two.
    """
    objects = _json(path)
    out: dict[str, int] = {}
    for number, entry in enumerate(objects if isinstance(objects, list) else [None]):
        if not isinstance(entry, dict) or "instance" not in entry or "category" not in entry:
            raise InputError(f"{path}: entry {number} needs 'instance' and 'category', got {entry!r:.80}")
        category = entry["category"]
        if category is not None and category not in CATEGORIES:
            raise InputError(
                f"{path}: instance {entry['instance']!r} has category {category!r}; expected null or one of "
                f"{', '.join(CATEGORIES)}"
            )
        name, index = str(entry["instance"]), NO_CATEGORY if category is None else CATEGORIES.index(category)
        if out.setdefault(name, index) != index:
            raise InputError(f"{path}: instance {name!r} is listed twice, with different categories; keep one of them")
    return out


def _about(path: Path) -> tuple[str | None, tuple[Lamp, ...] | None, tuple[float, float] | None]:
    """Name, lamps and start of a scene.json; None for what it does not hold."""
    if not path.is_file():
        return None, None, None
    table = _json(path)
    try:
        lamps = [
            Lamp(tuple(map(float, lamp["position"])), float(lamp["power"]), tuple(map(float, lamp["colour"])))  # type: ignore[arg-type]
            for lamp in table["lamps"]
        ]
        x, y = (float(value) for value in table["start_xy"])
        lengths = {len(values) for lamp in lamps for values in (lamp.position, lamp.colour)}
        values = [value for lamp in lamps for value in (*lamp.position, lamp.power, *lamp.colour)]
        if lengths - {3} or not (np.abs([x, y, *values]) <= LARGEST).all():
            raise ValueError(
                f"a lamp needs three numbers for position and colour, one for power, the start two, "
                f"none beyond {LARGEST:.0e}"
            )
        require("scene_things", len(lamps), path)
        name = str(table["name"])
        if name != clean_name(name):
            # Files are called after it, so it must not lead out of their folder.
            raise InputError(f"{path}: {name[:60]!r} is no name for a scene; use letters, digits, '-' and '_'")
        return name, tuple(lamps), (x, y)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is not what 'seal scene import' writes: {error!r:.100}") from error


def stored_notes(folder: Path) -> tuple[str, ...]:
    """What was repaired when the folder was written, from its scene.json; nothing where there is none.

    Raises:
        InputError: if scene.json is broken.
    """
    path = folder / "scene.json"
    table = _json(path) if path.is_file() else {}
    notes = table.get("notes", []) if isinstance(table, dict) else None
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise InputError(f"{path}: 'notes' must be a list of lines")
    return tuple(notes)


def read_glb_folder(folder: Path, notes: Notes) -> Scene:
    """Scene of a folder; instances in the order of objects.json if it names them all, else in that of their names.

    Args:
        folder: with scene.glb and objects.json.
        notes: receives what was repaired in the file.

    Raises:
        InputError: if a file is absent or broken, a category unknown, or an object has no triangles.
    """
    for name in ("scene.glb", "objects.json"):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder} has no {name}; a scene folder holds scene.glb and objects.json (a file of another form, "
                "such as a .world or a .glb without objects, is opened by its own path)"
            )
    categories = read_categories(folder / "objects.json")
    called, lamps, start = _about(folder / "scene.json")
    reader = MeshReader(Resources([folder]), notes, keep_names=lamps is not None)
    groups: dict[str, list[Mesh]] = {}
    for node, mesh in reader.read(folder / "scene.glb").meshes:
        groups.setdefault(node.rsplit("/", 1)[0], []).append(mesh)
    missing = sorted(set(categories) - set(groups))
    if missing:
        raise InputError(f"{folder}: objects.json names {missing[0]!r}, but scene.glb has no such node")
    if not groups:
        raise InputError(f"{folder / 'scene.glb'} has no triangles")
    parts = []
    for name in categories if set(categories) == set(groups) else sorted(groups):
        mesh = merge(groups[name])
        parts.append(Part(name, mesh, categories.get(name, NO_CATEGORY), mesh.geometry_hash()))
    if lamps is None or start is None:
        start, lamps = start_and_lamps(parts, clean_name(folder.name))
    return Scene(called or clean_name(folder.name), tuple(parts), lamps, start)


def load_glb_scene(folder: Path | str) -> Scene:
    """Scene of a folder.

    Raises:
        InputError: if it cannot be read, see `read_glb_folder`.
    """
    return read_glb_folder(Path(folder), Notes())
