# SPDX-License-Identifier: Apache-2.0
"""COLLADA (.dae) meshes through pycollada: nodes, units, materials, texture coordinates."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from seal_perception.errors import InputError
from seal_perception.reading.limits import DEPTH, limit, require
from seal_perception.types import FloatArray
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.scenes.files import read_bytes
from sim_bridge.scenes.pieces import GREY, Notes, first_line, make_mesh, plain
from sim_bridge.scenes.xml import checked_xml

Picture = Callable[[str], "Material | None"]
BROKEN = (
    ValueError, KeyError, IndexError, AttributeError, TypeError, SyntaxError, ArithmeticError, RecursionError,
    AssertionError, MemoryError,
)  # fmt: skip
"""What pycollada raises, besides its own errors, over files that are not what they should be."""


@dataclass(frozen=True)
class Collada:
    """What a file holds, in its own units and axes.

    Attributes:
        meshes: (name of the node, mesh).
        metres: metres per unit.
        up: the axis that points up according to the file.
    """

    meshes: tuple[tuple[str, Mesh], ...]
    metres: float
    up: str


class _Walk:
    """The nodes of a visual scene; a node of the library counts each time that it is shown.

    A few lines can name a node twice that names a node twice, and so on: millions of copies.
    """

    def __init__(self, collada: Any, path: Path) -> None:
        self.scene, self.path = collada.scene, path
        self._count, self._most = 0, limit("scene_things")

    def below(self, node: Any, T: FloatArray, name: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
        """(name, bound geometry) below a node; names are of the innermost named node."""
        self._count += 1
        if self._count > self._most:
            require("scene_things", self._count, self.path)
        if depth > DEPTH:
            raise InputError(f"{self.path} has nodes nested more than {DEPTH} deep; does one hold itself?")
        scene = self.scene
        if isinstance(node, scene.Node):
            # pycollada keeps a node's name in its XML alone.
            own = node.xmlnode.get("name") or node.id or name
            matrix = T @ np.asarray(node.matrix, np.float64)
            for child in node.children:
                yield from self.below(child, matrix, own, depth + 1)
        elif isinstance(node, scene.NodeNode):
            yield from self.below(node.node, T, name, depth + 1)
        elif isinstance(node, scene.GeometryNode):
            yield name, node.geometry.bind(T, {m.symbol: m for m in node.materials})
        elif isinstance(node, scene.ControllerNode):
            # A skin in its bind pose; what moves it is left out.
            geometry = getattr(node.controller, "geometry", None)
            if geometry is not None:
                yield name, geometry.bind(T, {m.symbol: m for m in node.materials})


def _material(target: Any, collada: Any, picture: Picture, notes: Notes, what: str) -> Material:
    effect = getattr(target, "effect", None)
    if effect is None:
        return GREY
    colour = effect.diffuse if effect.diffuse is not None else effect.emission
    if isinstance(colour, collada.material.Map):
        path = getattr(colour.sampler.surface.image, "path", "") or ""
        return picture(unquote(path)) or GREY
    if colour is None:
        return GREY
    try:
        return plain(np.asarray(colour, np.float64))
    except (TypeError, ValueError):
        notes.add(f"{what}: the colour {colour!r:.40} is not understood; its surfaces are grey")
        return GREY


def _triangles(bound: Any, collada: Any) -> Iterator[Any]:
    """Bound triangle sets of a bound geometry."""
    for primitive in bound.primitives():
        if isinstance(primitive, (collada.polylist.BoundPolylist, collada.polygons.BoundPolygons)):
            yield primitive.triangleset()
        elif isinstance(primitive, collada.triangleset.BoundTriangleSet):
            yield primitive


def read_collada(path: Path, picture: Picture, notes: Notes) -> Collada:
    """Meshes of a .dae file.

    Args:
        path: the file.
        picture: gives the material of a texture's file name, or None if it is missing.
        notes: what was left out.

    Raises:
        InputError: if it is not a COLLADA file.
    """
    import collada

    data = read_bytes(path)
    data, tag = checked_xml(data, path, notes)
    if tag.rsplit(":", 1)[-1] != "COLLADA":
        raise InputError(f"{path} is not a readable COLLADA file: its root is <{tag}>")
    materials: dict[int, Material] = {}
    meshes: list[tuple[str, Mesh]] = []
    walk, triangles = _Walk(collada, path), 0
    try:
        # References to what is not there are left out; pictures are looked up by us, from the allowed folders only.
        document = collada.Collada(io.BytesIO(data), ignore=[collada.common.DaeError], aux_file_loader=lambda name: b"")
        for root in document.scene.nodes if document.scene is not None else []:
            for name, bound in walk.below(root, np.eye(4), path.stem):
                found = _bound_meshes(name, bound, collada, materials, picture, notes, path.name)
                triangles += sum(len(mesh.faces) for _, mesh in found)
                require("scene_triangles", triangles, path)
                meshes += found
    except InputError:
        raise
    except (collada.common.DaeError, *BROKEN) as error:
        raise InputError(f"{path} is not a readable COLLADA file: {first_line(error)}") from error
    unit = document.assetInfo.unitmeter
    if unit and not 1e-6 < float(unit) < 1e6:
        raise InputError(f"{path} says that its unit is {float(unit):g} metres; mend <unit meter=...> in it")
    up = str(getattr(document.assetInfo, "upaxis", "") or "Y_UP")[0].lower()
    return Collada(tuple(meshes), float(unit) if unit else 1.0, up if up in "xyz" else "y")


def _bound_meshes(
    name: str,
    bound: Any,
    collada: Any,
    materials: dict[int, Material],
    picture: Picture,
    notes: Notes,
    what: str,
) -> list[tuple[str, Mesh]]:
    """One mesh per primitive of a geometry at its place."""
    out = []
    for triangles in _triangles(bound, collada):
        if triangles.vertex is None or not len(triangles):
            continue
        key = id(triangles.material)
        if key not in materials:
            materials[key] = _material(triangles.material, collada, picture, notes, what)
        uv = None
        if len(triangles.texcoordset):
            # COLLADA counts v from the bottom, the renderer from the top.
            index = np.asarray(triangles.texcoord_indexset[0])
            table = np.asarray(triangles.texcoordset[0], np.float64)[:, :2]
            if len(table) and index.size and index.max() < len(table):
                uv = table[index] * [1.0, -1.0] + [0.0, 1.0]
        mesh = make_mesh(triangles.vertex, triangles.vertex_index, uv, materials[key], notes, what)
        if mesh is not None:
            out.append((name, mesh))
    return out
