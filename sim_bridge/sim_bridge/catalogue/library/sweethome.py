# SPDX-License-Identifier: Apache-2.0
"""Sweet Home 3D furniture libraries (.sh3f): a zip file with a table of pieces and their OBJ models."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from seal_perception.errors import InputError
from seal_perception.files import write_bytes
from seal_perception.reading.limits import require
from seal_perception.reading.text import MB
from seal_perception.types import FloatArray
from sim_bridge.geometry.mesh import Mesh, merge
from sim_bridge.scenes.files import Resources
from sim_bridge.scenes.meshes.read import MeshReader
from sim_bridge.scenes.pieces import Notes

TABLE = "PluginFurnitureCatalog.properties"
_ROW = re.compile(r"(\w+)#(\d+)\s*[=:]\s*(.*)")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, RuntimeError)
"""What zipfile raises over damaged, encrypted or oddly compressed files."""


@dataclass(frozen=True)
class Entry:
    """A piece of a library.

    Attributes:
        key: the library's id of it; unique.
        name: in English.
        room: "Bedroom", "Kitchen", ...
        size: width, depth and height in metres.
        elevation: metres above the floor.
        model: path of the OBJ inside the library.
        turned: (3, 3) rotation of the model, before it is fitted into `size`.
        library: the .sh3f file.
    """

    key: str
    name: str
    room: str
    size: tuple[float, float, float]
    elevation: float
    model: str
    turned: FloatArray
    library: Path


def libraries(folder: Path) -> list[Path]:
    """The .sh3f files of a folder.

    Raises:
        InputError: if there is none.
    """
    found = sorted(folder.glob("*.sh3f")) if folder.is_dir() else []
    if not found:
        raise InputError(f"{folder} holds no Sweet Home 3D furniture library; expected a folder with .sh3f files")
    return found


def entries(library: Path) -> list[Entry]:
    """All pieces of a library that have an OBJ model and a size.

    Raises:
        InputError: if the file is no furniture library.
    """
    text = _unpacked(library, lambda name: name == TABLE).get(TABLE)
    if text is None:
        raise InputError(f"{library} is no readable furniture library (.sh3f): it has no {TABLE}")
    rows: dict[int, dict[str, str]] = {}
    for line in text.decode("latin-1").splitlines():
        match = _ROW.fullmatch(line.strip())
        if match:
            value = _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), match.group(3)).strip()
            rows.setdefault(int(match.group(2)), {})[match.group(1)] = value
    found = (_entry(rows[number], library) for number in sorted(rows))
    return [entry for entry in found if entry is not None]


def _unpacked(library: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Files of a library by name.

    Raises:
        InputError: if it is no readable library, or they unpack to more than the limit.
    """
    try:
        with zipfile.ZipFile(library) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir() and wanted(info.filename)]
            require("scene_mb", sum(info.file_size for info in infos) / MB, f"a model of {library}")
            return {info.filename: archive.read(info) for info in infos}
    except _BROKEN as error:
        raise InputError(f"{library} is no readable furniture library (.sh3f): {str(error)[:80]}") from error


def _entry(row: dict[str, str], library: Path) -> Entry | None:
    try:
        size = (float(row["width"]) / 100, float(row["depth"]) / 100, float(row["height"]) / 100)
        elevation = float(row.get("elevation", "0")) / 100
        turned = np.array([float(v) for v in row.get("modelRotation", "1 0 0 0 1 0 0 0 1").split()]).reshape(3, 3)
        key, name, model = row["id"], row["name"], row["model"].lstrip("/")
    except (KeyError, ValueError):
        return None
    numbers = (*size, elevation, *turned.ravel())
    if not all(map(math.isfinite, numbers)) or not 0.0 < min(size) <= max(size) < 100.0 or not model.endswith(".obj"):
        return None
    return Entry(key, name, row.get("category", ""), size, elevation, model, turned, library)


def read_model(entry: Entry, scratch: Path) -> Mesh:
    """The piece's mesh: metres, z up, front +x, footprint centred, lowest point at its elevation.

    Args:
        entry: the piece.
        scratch: an empty folder to unpack into.

    Raises:
        InputError: if its model cannot be read.
    """
    folder = PurePosixPath(entry.model).parent
    for name, data in _unpacked(entry.library, lambda name: PurePosixPath(name).parent == folder).items():
        bare = PurePosixPath(name).name
        if bare not in ("", ".", ".."):
            write_bytes(scratch / bare, data)
    file = MeshReader(Resources([scratch]), Notes()).read(scratch / PurePosixPath(entry.model).name)
    if not file.meshes:
        raise InputError(f"{entry.name} of {entry.library.name} has no triangles")
    return _fitted(merge([mesh for _, mesh in file.meshes]), entry)


def _fitted(mesh: Mesh, entry: Entry) -> Mesh:
    """From the library's axes (x right, y up, z to the front) into ours, scaled into the size that the table says."""
    axes = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    T = np.eye(4)
    T[:3, :3] = axes @ entry.turned
    turned = mesh.transformed(T)
    low, high = turned.bounds()
    wanted = np.array([entry.size[1], entry.size[0], entry.size[2]])
    scale = wanted / np.maximum(high - low, 1e-6)
    middle = (low + high) / 2
    T = np.diag([*scale, 1.0])
    T[:3, 3] = [-scale[0] * middle[0], -scale[1] * middle[1], entry.elevation - scale[2] * low[2]]
    return turned.transformed(T)
