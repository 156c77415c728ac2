# SPDX-License-Identifier: Apache-2.0
"""The JSON of a glTF file: what trimesh would read wrongly is refused, what it would leave out silently is marked."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_perception.errors import InputError
from seal_perception.reading.text import load_json
from sim_bridge.scenes.meshes.gltf_sizes import require_sizes
from sim_bridge.scenes.pieces import first_line

NOT_READ = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_mesh_quantization")
SPECULAR = "KHR_materials_pbrSpecularGlossiness"


@dataclass(frozen=True)
class Gltf:
    """A glTF file whose materials are named by their numbers, so that trimesh keeps them apart.

    Attributes:
        data: the file to give to trimesh.
        generator: what wrote it.
        names: names of the materials as in the file.
        pictured: whether each material has a picture for its base colour.
    """

    data: bytes
    generator: str
    names: tuple[str, ...]
    pictured: tuple[bool, ...]

    def lacks_its_picture(self, material: Any) -> bool:
        """Whether the file gives one of trimesh's materials a picture that trimesh did not read."""
        number = self._number(material)
        return number is not None and self.pictured[number] and material.baseColorTexture is None

    def name_of(self, material: Any) -> str:
        """The name that the file gives one of trimesh's materials, "" for none."""
        number = self._number(material)
        return "" if number is None else self.names[number]

    def _number(self, material: Any) -> int | None:
        name = str(getattr(material, "name", None) or "")
        return int(name) if name.isdecimal() and int(name) < len(self.names) else None


def read_gltf(data: bytes, path: Path, kind: str) -> Gltf:
    """Look at a file's JSON.

    Args:
        data: the file.
        path: its path, for errors.
        kind: glb or gltf.

    Raises:
        InputError: if it is no glTF 2.0, or compressed.
    """
    header, rest = _parsed(data, path, kind)
    require_sizes(header, len(data), path)
    for key, kind_of in (("asset", dict), ("extensionsRequired", list), ("materials", list)):
        if not isinstance(header.get(key, kind_of()), kind_of):
            what = "an object" if kind_of is dict else "a list"
            raise InputError(f"{path} is not a readable glTF file: its {key!r} must be {what}, got {header[key]!r:.40}")
    needed = [name for name in header.get("extensionsRequired", []) if name in NOT_READ]
    if needed:
        raise InputError(f"{path} is compressed with {needed[0]}, which is not read; write it without compression")
    generator = str(header.get("asset", {}).get("generator", ""))
    materials = header.get("materials", [])
    if not materials or not all(isinstance(material, dict) for material in materials):
        return Gltf(data, generator, (), ())
    names = tuple(str(material.get("name") or "") for material in materials)
    pictured = tuple(_has_picture(material) for material in materials)
    for number, material in enumerate(materials):
        material["name"] = str(number)
    return Gltf(_packed(header, rest, kind), generator, names, pictured)


def _parsed(data: bytes, path: Path, kind: str) -> tuple[dict[str, Any], bytes]:
    """The JSON, and what follows it in a binary file."""
    rest = b""
    try:
        if kind == "glb":
            magic, version, _, length = struct.unpack("<IIII", data[:16])
            if magic != 0x46546C67:
                raise InputError(f"{path} is not a binary glTF file (it does not begin with 'glTF')")
            if version != 2:
                raise InputError(f"{path} is glTF version {version}; only version 2 is read, convert it (Blender can)")
            data, rest = data[20 : 20 + length], data[20 + length :]
    except struct.error as error:
        raise InputError(f"{path} is not a readable glTF file: {first_line(error)}") from error
    header = load_json(data, f"{path} is not a readable glTF file: its header")
    if not isinstance(header, dict):
        raise InputError(f"{path} is not a readable glTF file: no JSON object")
    return header, rest


def _packed(header: dict[str, Any], rest: bytes, kind: str) -> bytes:
    text = json.dumps(header).encode()
    if kind == "gltf":
        return text
    text += b" " * (-len(text) % 4)
    size = 20 + len(text) + len(rest)
    return struct.pack("<IIIII", 0x46546C67, 2, size, len(text), 0x4E4F534A) + text + rest


def _has_picture(material: dict[str, Any]) -> bool:
    extensions = material.get("extensions")
    glossy = extensions.get(SPECULAR) if isinstance(extensions, dict) else None
    places = ((material.get("pbrMetallicRoughness"), "baseColorTexture"), (glossy, "diffuseTexture"))
    return any(isinstance(place, dict) and isinstance(place.get(key), dict) for place, key in places)
