# SPDX-License-Identifier: Apache-2.0
"""Mesh files: COLLADA through pycollada; glTF, OBJ, STL, PLY and OFF through trimesh."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from seal_perception.errors import InputError
from seal_perception.reading.limits import limit, require
from seal_perception.reading.text import MB
from seal_perception.types import FloatArray, UInt8Array
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.scenes.files import Resources, read_bytes
from sim_bridge.scenes.meshes.collada import read_collada
from sim_bridge.scenes.meshes.gltf_header import Gltf, read_gltf
from sim_bridge.scenes.meshes.images import BROKEN, decode, no_ghostscript, shrink, times_linear, to_srgb
from sim_bridge.scenes.meshes.obj_groups import corners_of_all, group_of, numbered_groups
from sim_bridge.scenes.pieces import GREY, Notes, first_line, make_mesh, plain

TRIMESH = (".glb", ".gltf", ".obj", ".stl", ".ply", ".off")
SUFFIXES = (".dae", *TRIMESH)
PALETTE = 64


@dataclass(frozen=True)
class MeshFile:
    """Meshes of a file, by node, in its own unit and axes.

    Attributes:
        meshes: (name of the node, mesh).
        metres: metres per unit; None = the format does not say.
        up: axis that points up; None = the format does not say.
    """

    meshes: tuple[tuple[str, Mesh], ...]
    metres: float | None
    up: str | None


def looked_up(uri: str, beside: Path, resources: Resources) -> Path | None:
    """A file that a mesh names; where it is not there, by its bare name in the usual folders of textures.

    Names of files on the author's machine are common, so only their bare name is searched for.
    """
    try:
        found = resources.find(uri, beside)
    except InputError:
        found = None
    bare = uri.replace("\\", "/").rsplit("/", 1)[-1]
    for folder in (".", "../materials/textures", "../textures", "textures"):
        place = beside / folder / bare
        if found is None and bare and place.is_file() and resources.allows(place):
            found = place
    return found if found is not None and found.is_file() else None


class MeshReader:
    """Reads mesh files, each once; pictures too.

    Args:
        resources: where files may be read.
        notes: receives what was repaired or left out.
        keep_names: whether materials keep their names (some names shine, `LightConfig.emission`); for our own files.
    """

    def __init__(self, resources: Resources, notes: Notes, keep_names: bool = False) -> None:
        self.resources = resources
        self.notes = notes
        self.keep_names = keep_names
        self._files: dict[Path, MeshFile] = {}
        self._pictures: dict[Path, Material | None] = {}

    def picture(self, uri: str, beside: Path) -> Material | None:
        """Material of a picture file; None, with a note, if it is missing or broken."""
        path = looked_up(uri, beside, self.resources)
        if path is None:
            self.notes.add(f"picture {uri!r} of {beside.parent.name}/{beside.name} is missing; its surfaces are grey")
            return None
        if path not in self._pictures:
            pixels = decode(read_bytes(path), path.name, self.notes)
            self._pictures[path] = None if pixels is None else Material(pixels)
        return self._pictures[path]

    def read(self, path: Path) -> MeshFile:
        """The meshes of a file.

        Raises:
            InputError: if it cannot be read; broken triangles and missing pictures are noted instead.
        """
        if path not in self._files:
            suffix = path.suffix.lower()
            if suffix == ".dae":
                found = read_collada(path, lambda uri: self.picture(uri, path.parent), self.notes)
                self._files[path] = MeshFile(found.meshes, found.metres, found.up)
            elif suffix in TRIMESH:
                self._files[path] = self._with_trimesh(path, suffix[1:])
            else:
                raise InputError(f"{path} is no mesh that is read here; expected {', '.join(SUFFIXES)}")
        return self._files[path]

    def _with_trimesh(self, path: Path, kind: str) -> MeshFile:
        import trimesh

        data = read_bytes(path)
        if data[:40].startswith(b"version https://git-lfs"):
            raise InputError(f"{path} is a Git LFS pointer, not the file itself; run 'git lfs pull'")
        gltf = read_gltf(data, path, kind) if kind in ("glb", "gltf") else None
        data = data if gltf is None else gltf.data
        data, groups = numbered_groups(data) if kind == "obj" else (data, ())
        resolver = _resolver(path, self.resources, self.notes)
        no_ghostscript()
        try:
            # In the order of the file, each group of an OBJ would hold the corners of all.
            how: dict[str, Any] = {"split_objects": True} if groups else {"maintain_order": True}
            if kind == "obj" and not groups and corners_of_all(data) > 3 * limit("scene_triangles"):
                how = {}
            with warnings.catch_warnings():
                # Materials without texture coordinates make trimesh average nothing.
                warnings.simplefilter("ignore", RuntimeWarning)
                loaded: Any = trimesh.load(
                    io.BytesIO(data), file_type=kind, resolver=resolver, force="scene", process=False, **how
                )
            nodes = [(str(node), *loaded.graph[node]) for node in sorted(loaded.graph.nodes_geometry)]
            known: dict[int, Material] = {}
            meshes = []
            for node, T, geometry_name in nodes:
                geometry = loaded.geometry[geometry_name]
                if hasattr(geometry, "faces") and len(geometry.faces):
                    name = node if gltf else group_of(geometry_name, groups) or path.stem
                    mesh = self._mesh(geometry, np.asarray(T, np.float64), known, path, gltf)
                    if mesh is not None:
                        meshes.append((name, mesh))
        except (InputError, MemoryError):
            raise
        except Exception as error:  # trimesh raises whatever its parser met, and hands over arrays of any shape
            raise InputError(f"{path} is not a readable {kind} file: {first_line(error)}") from error
        return MeshFile(tuple(meshes), 1.0 if gltf else None, "y" if gltf else None)

    def _mesh(
        self, geometry: Any, T: FloatArray, known: dict[int, Material], path: Path, gltf: Gltf | None
    ) -> Mesh | None:
        visual = geometry.visual
        faces = np.asarray(geometry.faces, np.int64)
        material, table = getattr(visual, "material", None), getattr(visual, "uv", None)
        uv = None
        if table is not None and len(table) == len(geometry.vertices):
            # trimesh counts v from the bottom, the renderer from the top.
            inside = np.clip(faces, 0, max(len(table) - 1, 0))
            uv = (np.asarray(table, np.float64)[:, :2] * [1.0, -1.0] + [0.0, 1.0])[inside]
        if material is not None:
            if id(material) not in known:
                known[id(material)] = self._look(material, path.name, gltf)
            own = known[id(material)]
        elif getattr(visual, "kind", None) in ("vertex", "face"):
            own, uv = palette(np.asarray(visual.face_colors)[:, :3])
        else:
            own = GREY
        vertices = np.asarray(geometry.vertices, np.float64) @ T[:3, :3].T + T[:3, 3]
        if np.linalg.det(T[:3, :3]) < 0:
            faces, uv = faces[:, ::-1], None if uv is None else uv[:, ::-1]
        return make_mesh(vertices, faces, uv, own, self.notes, path.name)

    def _look(self, material: Any, what: str, gltf: Gltf | None) -> Material:
        """Colour of one of trimesh's materials; grey, with a note, where trimesh left its picture out."""
        if gltf is None:
            return material_of(material, what, self.notes, raw=False)
        if gltf.lacks_its_picture(material):
            self.notes.add(
                f"a picture of {what} is missing, broken or of a kind not read (KTX2); its surfaces are grey"
            )
            return GREY
        # trimesh itself writes plain colours as they are on the screen; glTF has them linear.
        raw = "trimesh" in gltf.generator
        return material_of(material, what, self.notes, raw, gltf.name_of(material) if self.keep_names else "")


def palette(colours: UInt8Array) -> tuple[Material, FloatArray]:
    """One picture with the colours of faces, and each face's place in it (all three corners on one pixel).

    Args:
        colours: (F, 3) sRGB; kept to 16 levels a channel, which are 64 x 64 pixels.
    """
    level = np.clip((colours.astype(np.int64) + 8) // 17, 0, 15)
    steps = np.arange(PALETTE * PALETTE)
    pixels = np.stack([steps // 256, steps // 16 % 16, steps % 16], 1) * 17
    index = level[:, 0] * 256 + level[:, 1] * 16 + level[:, 2]
    place = np.stack([(index % PALETTE + 0.5) / PALETTE, (index // PALETTE + 0.5) / PALETTE], 1)
    material = Material(pixels.astype(np.uint8).reshape(PALETTE, PALETTE, 3), "palette")
    return material, np.repeat(place[:, None, :], 3, axis=1)


def material_of(material: Any, what: str, notes: Notes, raw: bool, name: str = "") -> Material:
    """Colour of one of trimesh's materials.

    Args:
        material: PBR or simple.
        what: name of the file, for notes.
        notes: broken pictures.
        raw: whether plain base colours are sRGB (written by trimesh) or linear (glTF).
        name: the name to give it.
    """
    if hasattr(material, "baseColorFactor"):
        factor = material.baseColorFactor
        base = np.ones(3) if factor is None else np.asarray(factor, np.float64).reshape(-1)[:3] / 255.0
        picture, linear = material.baseColorTexture, True
    else:
        base = np.asarray(material.diffuse, np.float64).reshape(-1)[:3] / 255.0
        picture, linear = material.image, False
    if picture is not None:
        try:
            pixels = shrink(picture, f"a picture of {what}", notes)
        except BROKEN as error:
            notes.add(f"a picture of {what} is broken ({str(error)[:60]}); its surfaces are grey")
            pixels = None
        if pixels is not None:
            return Material(times_linear(pixels, base) if linear else pixels, name)
        return GREY
    return plain(to_srgb(base) if linear and not raw else base, name)


def _resolver(path: Path, resources: Resources, notes: Notes) -> Any:
    """Gives trimesh the files that a mesh names, from the allowed folders only."""
    from trimesh.resolvers import Resolver

    class Within(Resolver):  # type: ignore[misc]
        """Files beside the mesh or in the scene's folders."""

        def __init__(self) -> None:
            self.parent, self.file_name = str(path.parent), path.name
            self._bytes = 0

        def keys(self) -> list[str]:
            return []

        def get(self, key: str) -> bytes:
            found = looked_up(unquote(str(key)), path.parent, resources)
            if found is None:
                notes.add(f"{key!r}, named by {path.name}, is missing")
                raise FileNotFoundError(key)
            data = read_bytes(found)
            self._bytes += len(data)
            require("scene_mb", self._bytes / MB, f"{path} with all that it names")
            return data

        def write(self, key: str, value: bytes) -> None:
            raise InputError(f"{path}: nothing is written while a scene is read")

        def namespaced(self, namespace: str) -> Resolver:
            return self

        def __getitem__(self, key: str) -> bytes:
            return self.get(key)

    return Within()
