# SPDX-License-Identifier: Apache-2.0
"""Pieces of furniture libraries, converted once and drawn at random for catalogue pictures."""

from __future__ import annotations

import functools
import hashlib
import logging
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from seal_perception.errors import InputError
from seal_perception.files import replacing, sha256, write_json
from seal_perception.pose import planar_pose
from seal_perception.reading.arrays import BROKEN, read_npz
from seal_perception.reading.text import read_json
from seal_perception.types import UInt8Array
from sim_bridge.catalogue.library.kinds import Kind, kind_of
from sim_bridge.catalogue.library.sweethome import Entry, entries, libraries, read_model
from sim_bridge.catalogue.placing import DOUBTFUL
from sim_bridge.furniture import Item
from sim_bridge.geometry.mesh import Material, Mesh

_log = logging.getLogger(__name__)

DEBIAN_FOLDER = Path("/usr/share/sweethome3d/furniture")
"""Where Debian's and Ubuntu's package sweethome3d-furniture puts its libraries."""
MOST_TRIANGLES, MOST_OF_OTHERS = 130_000, 40_000
"""Of a piece of the six categories, and of another; more cost more time to light and to draw than they are worth."""
TEXTURE = 256
"""Pixels of a picture's longer edge; what 320 x 240 pictures can show."""
HELD_OUT = 8
"""One piece in so many is shown in "val" alone, and the others in "train" alone."""
OTHERS, MOST_SHARE = 0.4, 0.55
"""Share of what is none of the six that is taken from here, and the largest share of a category's pieces."""
PAINTED_SHARE = 0.35
"""Share of pieces in other colours than their own."""
INDEX = "models.json"
VERSION = 3
"""Raised whenever a library gives other pieces, or the same ones otherwise."""
FAMILY = "drawn"


def library_folder(name: str) -> Path | None:
    """Folder of the libraries that a user names: "installed", "none" (None) or a folder.

    Raises:
        InputError: if there is no library.
    """
    if name == "none":
        return None
    if name == "installed":
        if not list(DEBIAN_FOLDER.glob("*.sh3f")):
            raise InputError(
                f"{DEBIAN_FOLDER} holds no furniture library; install it (sudo apt install sweethome3d-furniture), give"
                " --library a folder with .sh3f files, or draw all by code (--library none)"
            )
        return DEBIAN_FOLDER
    libraries(Path(name))
    return Path(name)


@dataclass(frozen=True)
class Model:
    """A converted piece: its file in the folder, what it is, its room in a home."""

    file: str
    name: str
    room: str
    kind: Kind


def _shrunk(texture: UInt8Array) -> UInt8Array:
    """At most `TEXTURE` pixels on the longer edge."""
    step = -(-max(texture.shape[:2]) // TEXTURE)
    if step <= 1:
        return texture
    height, width = (max(1, n // step) for n in texture.shape[:2])
    return np.asarray(cv2.resize(texture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def save_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh as .npz (no pickle), whole or not at all."""
    arrays: dict[str, Any] = {"vertices": mesh.vertices, "faces": mesh.faces, "uv": mesh.uv, "material": mesh.material}
    arrays.update({f"texture{i}": _shrunk(material.texture) for i, material in enumerate(mesh.materials)})
    with replacing(path) as beside:
        np.savez(beside, **arrays)


@functools.lru_cache(maxsize=1024)
def load_mesh(path: Path) -> Mesh:
    """A mesh of `save_mesh`.

    Raises:
        InputError: if the file is none.
    """
    try:
        data = read_npz(path)
        count = sum(name.startswith("texture") for name in data)
        materials = tuple(Material(data[f"texture{i}"]) for i in range(count))
        return Mesh(data["vertices"], data["faces"], data["uv"], data["material"], materials)
    except InputError:
        raise
    except BROKEN as error:
        raise InputError(f"{path} is no converted model ({error}); remove {path.parent}") from error


def convert(folder: Path, out: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Convert the libraries (.sh3f) of a folder; what is there already is kept.

    Args:
        folder: of the libraries.
        out: folder of the converted pieces, with `INDEX`.
        progress: called with (pieces done, count).

    Returns:
        `out`.

    Raises:
        InputError: if there is no library, or one cannot be read.
    """
    hashes = {file: sha256(file) for file in libraries(folder)}
    source = hashlib.sha256(" ".join([str(VERSION), *hashes.values()]).encode()).hexdigest()
    if (out / INDEX).is_file() and read_json(out / INDEX).get("source") == source:
        return out
    out.mkdir(parents=True, exist_ok=True)
    wanted = [(entry, kind) for file in hashes for entry in entries(file) if (kind := kind_of(entry)) is not None]
    rows, left_out = [], []
    for done, (entry, kind) in enumerate(wanted, 1):
        # A piece keeps its file, and so its split, whatever other libraries there are.
        name = hashlib.sha256(f"{VERSION} {hashes[entry.library]} {entry.key}".encode()).hexdigest()[:16] + ".npz"
        why = _converted(entry, kind, out / name)
        if why:
            left_out.append(why)
        else:
            rows.append({"file": name, "name": entry.name, "room": entry.room, **kind._asdict()})
        if progress is not None:
            progress(done, len(wanted))
    if left_out:
        _log.info("%d of %d pieces left out, as %s", len(left_out), len(wanted), left_out[0])
    write_json(out / INDEX, {"source": source, "left_out": left_out, "models": rows})
    return out


def _converted(entry: Entry, kind: Kind, path: Path) -> str:
    """Convert a piece; why it is left out, or nothing."""
    if path.is_file():
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            mesh = read_model(entry, Path(scratch))
        except InputError as error:
            return f"{entry.name}: {error}"
    most = MOST_OF_OTHERS if kind.category == NO_CATEGORY else MOST_TRIANGLES
    if len(mesh.faces) > most:
        return f"{entry.name}: {len(mesh.faces):,} triangles, more than {most:,}"
    save_mesh(path, mesh)
    return ""


class Models:
    """The converted pieces of one split.

    Args:
        folder: of `convert`.
        split: "train" or "val"; no piece is in both.

    Raises:
        InputError: if the folder holds none.
    """

    def __init__(self, folder: Path, split: str) -> None:
        if not (folder / INDEX).is_file():
            raise InputError(f"{folder} holds no converted models ({INDEX}); give the folder of `convert`")
        document = read_json(folder / INDEX)
        self.folder, self.source = folder, str(document["source"])
        fields = ("category", "doubtful", "mounting")
        rows = [
            Model(row["file"], row["name"], row["room"], Kind(*(row[field] for field in fields)))
            for row in document["models"]
            if (zlib.crc32(row["file"].encode()) % HELD_OUT == 0) == (split == "val")
        ]
        self.of = {c: [m for m in rows if m.kind.category == c and not m.kind.doubtful] for c in range(len(CATEGORIES))}
        self.others = [m for m in rows if m.kind.category == NO_CATEGORY or m.kind.doubtful]

    def share(self, category: int) -> float:
        """Share of a category's pieces to take from here: the more there are, the larger; of what is none, `OTHERS`."""
        if category == NO_CATEGORY:
            return OTHERS if self.others else 0.0
        count = len(self.of[category])
        return min(MOST_SHARE, count / (count + 20.0))

    def piece(self, category: int, rng: np.random.Generator) -> Item:
        """A piece of one of the six categories."""
        return self._item(self.of[category], rng)

    def other(self, rng: np.random.Generator, room: str | None = None) -> Item:
        """Something that is none of the six, or doubtful; of a room of a home if it has any."""
        rows = [m for m in self.others if m.room == room] if room else []
        return self._item(rows or self.others, rng)

    def _item(self, rows: list[Model], rng: np.random.Generator) -> Item:
        model = rows[int(rng.integers(len(rows)))]
        mesh = load_mesh(self.folder / model.file)
        scale = np.exp(rng.normal(0.0, 0.05)) * np.exp(rng.normal(0.0, 0.03, 3))
        T = np.diag([*scale, 1.0])
        T[1, 1] *= 1.0 if rng.random() < 0.5 else -1.0
        mesh = mesh.transformed(T)
        if T[1, 1] < 0:
            mesh = replace(mesh, faces=mesh.faces[:, ::-1].copy(), uv=mesh.uv[:, ::-1].copy())
        if rng.random() < PAINTED_SHARE:
            mesh = replace(mesh, materials=_painted(mesh, model.kind.category, rng))
        if model.kind.mounting == "ceiling":
            mesh = mesh.transformed(planar_pose(0.0, 0.0, 0.0, -float(mesh.bounds()[1, 2])))
        family = DOUBTFUL if model.kind.doubtful else FAMILY
        return Item(mesh, f"model {model.name.lower()}", family, model.kind.mounting, model.kind.category)


def _painted(mesh: Mesh, category: int, rng: np.random.Generator) -> tuple[Material, ...]:
    """The materials in other colours: each channel's own gain and order; leaves and screens only lighter or darker."""
    told_by_colour = category in (CATEGORIES.index("potted plant"), CATEGORIES.index("tv"))
    order = np.arange(3) if told_by_colour else rng.permutation(3)
    gain = np.exp(rng.normal(0.0, 0.1 if told_by_colour else 0.45, 3))
    shift = 0.0 if told_by_colour else rng.uniform(-40.0, 60.0)
    painted = []
    for material in mesh.materials:
        colour = material.texture.astype(np.float32)[..., order] * gain.astype(np.float32) + np.float32(shift)
        painted.append(replace(material, texture=np.clip(colour, 0, 255).astype(np.uint8)))
    return tuple(painted)
