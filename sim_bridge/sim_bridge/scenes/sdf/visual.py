# SPDX-License-Identifier: Apache-2.0
"""What a `<visual>` of SDF shows: its shape and its colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from seal_perception.errors import InputError
from seal_perception.types import FloatArray
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.scenes.meshes.read import MeshReader
from sim_bridge.scenes.pieces import GREY, Notes, make_mesh, plain
from sim_bridge.scenes.sdf.ogre import Look, gazebo_look, read_scripts
from sim_bridge.scenes.sdf.pose import numbers

Element = ElementTree.Element
Find = Callable[[str, Path], "Path | None"]
LEFT_OUT = ("heightmap", "image", "polyline")
PLANE_M = 100.0
"""Edge of a plane without a size; what reaches far beyond the rest is cut later."""


def _shape(kind: str, element: Element, path: Path) -> tuple[Any, Any, Any]:
    """Vertices, faces and texture coordinates of a simple shape.

    Raises:
        InputError: if its measures are no positive numbers.
    """
    from trimesh import creation

    def measure(name: str, count: int = 1) -> FloatArray:
        values = numbers(element.findtext(name), count, f"{kind}><{name}", path)
        if not (values > 0).all():
            raise InputError(f"{path}: <{kind}> needs a positive <{name}>, got {values.tolist()}")
        return values

    if kind == "box":
        return _box(measure("size", 3))
    if kind == "plane":
        size = numbers(element.findtext("size") or f"{PLANE_M} {PLANE_M}", 2, "plane><size", path)
        return _plane(size, numbers(element.findtext("normal") or "0 0 1", 3, "plane><normal", path))
    if kind == "sphere":
        made = creation.uv_sphere(radius=float(measure("radius")[0]), count=[24, 24])
    elif kind == "ellipsoid":
        made = creation.uv_sphere(radius=1.0, count=[24, 24])
        made.vertices *= measure("radii", 3)
    else:
        radius, length = float(measure("radius")[0]), float(measure("length")[0])
        if kind == "cylinder":
            made = creation.cylinder(radius=radius, height=length, sections=32)
        elif kind == "capsule":
            made = creation.capsule(radius=radius, height=length, count=[24, 24])
            made.vertices -= made.bounds.mean(0)
        else:
            made = creation.cone(radius=radius, height=length, sections=32)
            made.vertices[:, 2] -= length / 2
    return made.vertices, made.faces, None


def _box(size: FloatArray) -> tuple[Any, Any, Any]:
    """A box whose faces each show the whole picture."""
    vertices: list[FloatArray] = []
    faces, uv = [], []
    square = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    for axis in range(3):
        for sign in (-1.0, 1.0):
            a, b = ((axis + 1) % 3, (axis + 2) % 3) if sign > 0 else ((axis + 2) % 3, (axis + 1) % 3)
            corners = np.zeros((4, 3))
            corners[:, axis] = sign
            corners[:, a], corners[:, b] = (-1, 1, 1, -1), (-1, -1, 1, 1)
            faces += [[4 * len(vertices) + k for k in triple] for triple in ((0, 1, 2), (0, 2, 3))]
            uv += [square[[0, 1, 2]], square[[0, 2, 3]]]
            vertices.append(corners * size / 2)
    return np.concatenate(vertices), np.array(faces), np.array(uv)


def _plane(size: FloatArray, normal: FloatArray) -> tuple[Any, Any, Any]:
    n = normal / max(float(np.linalg.norm(normal)), 1e-9)
    helper = np.array([1.0, 0.0, 0.0]) if abs(n[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    a = helper - n * (helper @ n)
    a /= np.linalg.norm(a)
    x, y = np.abs(size) / 2
    corners = np.array([-x * a - y * np.cross(n, a), x * a - y * np.cross(n, a)])
    vertices = np.concatenate([corners, -corners])
    square = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    return vertices, np.array([[0, 1, 2], [0, 2, 3]]), np.array([square[[0, 1, 2]], square[[0, 2, 3]]])


class Visuals:
    """Turns `<visual>` elements into meshes.

    Args:
        reader: reads mesh files and pictures.
        find: path of a URI that a file in a folder names.
        notes: what was left out.
    """

    def __init__(self, reader: MeshReader, find: Find, notes: Notes) -> None:
        self.reader, self.find, self.notes = reader, find, notes
        self._scripts: dict[tuple[Path, ...], dict[str, Look]] = {}

    def meshes(self, visual: Element, path: Path, who: str) -> list[tuple[str, Mesh]]:
        """(name of the mesh's node, mesh) in the visual's frame.

        Args:
            visual: the element.
            path: the file it stands in.
            who: name of the model, for notes.

        Raises:
            InputError: if a measure is no number or a mesh file is broken.
        """
        hidden = (visual.findtext("transparency") or "0").strip()
        if numbers(hidden, 1, "transparency", path)[0] >= 0.95:
            self.notes.add(f"{who}: a visual that is wholly transparent was left out")
            return []
        geometry = visual.find("geometry")
        shape = next(iter(geometry), None) if geometry is not None else None
        if shape is None or shape.tag == "empty":
            return []
        if shape.tag in LEFT_OUT:
            self.notes.add(f"{who}: <{shape.tag}> is not drawn; left out")
            return []
        own = self._look(visual.find("material"), path, who)
        if shape.tag == "mesh":
            return self._mesh(shape, own, path, who)
        if shape.tag not in ("box", "plane", "sphere", "ellipsoid", "cylinder", "capsule", "cone"):
            self.notes.add(f"{who}: the shape <{shape.tag}> is not known; left out")
            return []
        vertices, faces, uv = _shape(shape.tag, shape, path)
        material = own[0] or GREY
        if uv is None and material.texture.size > 3:
            material = plain(material.texture.reshape(-1, 3).mean(0) / 255.0)
        mesh = make_mesh(vertices, faces, uv, material, self.notes, who)
        return [] if mesh is None else [(visual.get("name", ""), mesh)]

    def _mesh(self, shape: Element, own: tuple[Material | None, bool], path: Path, who: str) -> list[tuple[str, Mesh]]:
        """Meshes of a file, scaled; a plain colour of the visual does not take the place of pictures."""
        uri = (shape.findtext("uri") or "").strip()
        file = self.find(uri, path.parent)
        if file is None or not file.is_file():
            self.notes.add(f"{who}: the mesh {uri!r} is missing; left out (name its folder with --models)")
            return []
        found = self.reader.read(file)
        scale = numbers(shape.findtext("scale") or "1 1 1", 3, "scale", path) * (found.metres or 1.0)
        meshes = list(found.meshes)
        part = (shape.findtext("submesh/name") or "").strip()
        if part:
            chosen = [(node, mesh) for node, mesh in meshes if part in (node, node.rsplit("/", 1)[0])]
            if chosen:
                meshes = chosen
            else:
                self.notes.add(f"{who}: {file.name} has no part {part!r}; all of it is shown")
        if not meshes:
            self.notes.add(f"{who}: the mesh {file.name} has no triangles")
        if part and (shape.findtext("submesh/center") or "").strip() in ("true", "1") and meshes:
            bounds = np.stack([mesh.bounds() for _, mesh in meshes])
            middle = (bounds[:, 0].min(0) + bounds[:, 1].max(0)) / 2
            meshes = [
                (node, replace(mesh, vertices=(mesh.vertices - middle).astype(np.float32))) for node, mesh in meshes
            ]
        return [(node, _dressed(_scaled(mesh, scale), *own)) for node, mesh in meshes]

    def _look(self, material: Element | None, path: Path, who: str) -> tuple[Material | None, bool]:
        """Material of a visual, and whether it also takes the place of a mesh's pictures; None = the mesh's own."""
        if material is None:
            return None, False
        albedo = (
            material.findtext("pbr/metal/albedo_map") or material.findtext("pbr/specular/albedo_map") or ""
        ).strip()
        if albedo:
            picture = self.reader.picture(albedo, path.parent)
            if picture is not None:
                return picture, True
        name = (material.findtext("script/name") or "").strip()
        if name:
            look = self._script(material, name, path) or gazebo_look(name)
            if look is None:
                self.notes.add(f"the material script {name!r} is not known; its surfaces are grey or as in the mesh")
            elif look.picture:
                picture = self._script_picture(material, look.picture, path)
                if picture is not None:
                    return picture, True
            if look is not None and look.colour is not None:
                return plain(look.colour), True
        for tag in ("diffuse", "ambient"):
            text = material.findtext(tag)
            if text and text.strip():
                values = text.split()
                return plain(numbers(" ".join(values[:3]), 3, tag, path)), False
        return None, False

    def _places(self, material: Element, path: Path) -> list[Path]:
        uris = [(element.text or "").strip() for element in material.findall("script/uri")]
        found = [self.find(uri, path.parent) for uri in uris if uri and not uri.startswith("file://media")]
        return [place for place in found if place is not None]

    def _script(self, material: Element, name: str, path: Path) -> Look | None:
        places = tuple(self._places(material, path))
        if places not in self._scripts:
            self._scripts[places] = read_scripts(list(places))
        return self._scripts[places].get(name)

    def _script_picture(self, material: Element, name: str, path: Path) -> Material | None:
        for place in self._places(material, path):
            folder = place if place.is_dir() else place.parent
            for beside in (folder, folder.parent / "textures"):
                if (beside / name).is_file():
                    return self.reader.picture(name, beside)
        return self.reader.picture(name, path.parent / "materials" / "scripts")


def _scaled(mesh: Mesh, scale: FloatArray) -> Mesh:
    if (scale == 1).all():
        return mesh
    scaled = mesh.transformed(np.diag([*scale, 1.0]))
    if scale.prod() < 0:
        return replace(
            scaled, faces=np.ascontiguousarray(mesh.faces[:, ::-1]), uv=np.ascontiguousarray(mesh.uv[:, ::-1])
        )
    return scaled


def _dressed(mesh: Mesh, material: Material | None, over_pictures: bool) -> Mesh:
    """The mesh in another material, where that one counts."""
    if material is None or (not over_pictures and any(own.texture.size > 3 for own in mesh.materials)):
        return mesh
    return replace(mesh, material=np.zeros(len(mesh.faces), np.int32), materials=(material,))
