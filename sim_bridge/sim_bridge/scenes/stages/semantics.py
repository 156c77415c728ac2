# SPDX-License-Identifier: Apache-2.0
"""HM3D-style semantics: a coloured mesh, and a text file with the object of each colour.

`NAME.semantic.txt`: a header with "HM3D Semantic Annotations", then lines `id,hex colour,"category",room`.
`NAME.semantic.glb`: the same surfaces, each object in its own colour, by texture (HM3D) or by vertex (linear, as in
glTF; what `seal scene export` writes).
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.errors import InputError
from seal_perception.reading.limits import require
from seal_perception.types import FloatArray, IntArray, UInt8Array
from sim_bridge.scenes.files import read_bytes
from sim_bridge.scenes.meshes.gltf_header import read_gltf
from sim_bridge.scenes.meshes.images import levels_in_srgb
from sim_bridge.scenes.pieces import Notes, first_line

HEADER = "HM3D Semantic Annotations"
FAR_M = 0.5
"""A triangle whose middle lies this far from the semantic surfaces has no object."""
LINE = re.compile(r'^\s*(\d+)\s*,\s*([0-9A-Fa-f]{6})\s*,\s*"(.*)"\s*,\s*(-?\d+)\s*$')


@dataclass(frozen=True)
class Annotation:
    """One object: its id in the file, its colour as 0xRRGGBB, the file's word for it."""

    number: int
    colour: int
    label: str


def read_annotations(path: Path) -> list[Annotation]:
    """Objects of a `.semantic.txt` file.

    Raises:
        InputError: if a line is not as expected, there is none, or two objects have one id or colour.
    """
    lines = read_bytes(path).decode("utf-8", errors="replace").splitlines()
    if not lines or HEADER not in lines[0]:
        raise InputError(f"{path} must begin with {HEADER!r}, got {(lines[0] if lines else '')[:60]!r}")
    out: list[Annotation] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        match = LINE.match(line)
        if match is None:
            raise InputError(f'{path}, line {number}: expected id,RRGGBB,"category",room, got {line.strip()[:80]!r}')
        out.append(Annotation(int(match[1]), int(match[2], 16), match[3].strip()))
    if not out:
        raise InputError(f"{path} names no object: no line follows its header")
    for what, values in (("id", [a.number for a in out]), ("colour", [a.colour for a in out])):
        if len(set(values)) < len(values):
            twice = next(v for v in values if values.count(v) > 1)
            raise InputError(f"{path}: two objects have the {what} {twice if what == 'id' else f'{twice:06X}'}")
    return out


@dataclass(frozen=True)
class SemanticMesh:
    """Coloured triangles in the file's axes.

    Attributes:
        vertices, faces: (V, 3) float64 and (F, 3) int64.
        uv: (F, 3, 2) texture coordinates, v from the top.
        colour: (F,) int64 0xRRGGBB of the face, -1 where a texture gives it.
        texture: (F,) int64 index into `textures`, -1 = none.
        textures: (h, w, 3) uint8 pictures at full size.
    """

    vertices: FloatArray
    faces: IntArray
    uv: FloatArray
    colour: IntArray
    texture: IntArray
    textures: tuple[UInt8Array, ...]

    def colours_at(self, face: IntArray, weights: FloatArray) -> IntArray:
        """(N,) 0xRRGGBB at points of faces.

        Args:
            face: (N,) the faces.
            weights: (N, 3) barycentric coordinates.
        """
        out = self.colour[face].copy()
        for number, picture in enumerate(self.textures):
            own = np.flatnonzero(self.texture[face] == number)
            place = (weights[own, :, None] * self.uv[face[own]]).sum(1) % 1.0
            height, width = picture.shape[:2]
            column = np.minimum((place[:, 0] * width).astype(np.int64), width - 1)
            row = np.minimum((place[:, 1] * height).astype(np.int64), height - 1)
            out[own] = packed(picture[row, column])
        return out


def packed(rgb: npt.NDArray[Any]) -> IntArray:
    """0xRRGGBB of (N, 3) colours."""
    levels = np.asarray(rgb).astype(np.int64)
    return (levels[:, 0] << 16) | (levels[:, 1] << 8) | levels[:, 2]


def read_semantic_mesh(path: Path, known: set[int]) -> SemanticMesh:
    """The coloured mesh of a `.semantic.glb`.

    Args:
        path: the file.
        known: colours of the annotations; vertex colours are taken as linear or as they stand, whichever fits better.

    Raises:
        InputError: if the file is broken.
    """
    import trimesh

    from sim_bridge.scenes.meshes.images import no_ghostscript

    no_ghostscript()
    try:
        data = read_gltf(read_bytes(path), path, "glb").data
        loaded: Any = trimesh.load(io.BytesIO(data), file_type="glb", force="scene", process=False)
        nodes = [loaded.graph[node] for node in sorted(loaded.graph.nodes_geometry)]
        parts = [(np.asarray(T, np.float64), loaded.geometry[name]) for T, name in nodes]
        return _joined([(T, part) for T, part in parts if len(getattr(part, "faces", ()))], known)
    except InputError:
        raise
    except Exception as error:  # trimesh raises whatever its parser met
        raise InputError(f"{path} is not a readable semantic mesh: {first_line(error)}") from error


def _joined(parts: list[tuple[Any, Any]], known: set[int]) -> SemanticMesh:
    from sim_bridge.scenes.meshes.images import is_read

    if not parts:
        raise InputError("the semantic mesh has no triangles")
    vertices, faces, uvs, colours, numbers, offset = [], [], [], [], [], 0
    textures: list[UInt8Array] = []
    index: dict[int, int] = {}
    for T, part in parts:
        own = np.asarray(part.faces, np.int64)
        if own.min() < 0 or own.max() >= len(part.vertices):
            odd = own.min() if own.min() < 0 else own.max()
            raise InputError(f"the semantic mesh has a triangle at vertex {odd} of {len(part.vertices)}")
        vertices.append(np.asarray(part.vertices, np.float64) @ T[:3, :3].T + T[:3, 3])
        faces.append(own + offset)
        offset += len(part.vertices)
        material, table = getattr(part.visual, "material", None), getattr(part.visual, "uv", None)
        picture = getattr(material, "baseColorTexture", None)
        uv: FloatArray = np.zeros((len(own), 3, 2))
        colour: IntArray = np.full(len(own), -1, np.int64)
        number: IntArray = np.full(len(own), -1, np.int64)
        if picture is not None and table is not None:
            if id(picture) not in index:
                if not is_read(picture):
                    raise InputError(f"the semantic mesh has a {picture.format} picture; expected PNG or JPEG")
                require("picture_megapixels", picture.width * picture.height / 1e6, "a picture of the semantic mesh")
                index[id(picture)] = len(textures)
                textures.append(np.asarray(picture.convert("RGB"), np.uint8))
            number[:] = index[id(picture)]
            uv = (np.asarray(table, np.float64) * [1.0, -1.0] + [0.0, 1.0])[own]
        elif getattr(part.visual, "kind", None) == "vertex":
            raw = np.asarray(part.visual.vertex_colors)[:, :3][own[:, 0]]
            plain, curved = packed(raw), packed(levels_in_srgb(raw))
            wanted = np.array(sorted(known), np.int64)
            colour = curved if np.isin(curved, wanted).mean() >= np.isin(plain, wanted).mean() else plain
        uvs.append(uv)
        colours.append(colour)
        numbers.append(number)
    return SemanticMesh(
        np.concatenate(vertices),
        np.concatenate(faces),
        np.concatenate(uvs),
        np.concatenate(colours).astype(np.int64),
        np.concatenate(numbers).astype(np.int64),
        tuple(textures),
    )


def instance_of_faces(corners: FloatArray, mesh: SemanticMesh, annotations: list[Annotation], notes: Notes) -> IntArray:
    """(F,) index into the annotations of each triangle of the pictured mesh, -1 = none.

    A triangle takes the colour of the semantic surface nearest to its middle. Where both files hold the very same
    triangle, that one counts, so that a sheet on another is kept apart from it.

    Args:
        corners: (F, 3, 3) of the pictured mesh, in the axes of the semantic one.
        mesh: the coloured surfaces.
        annotations: the objects.
        notes: how many triangles have no object.

    Raises:
        InputError: if most triangles lie far from the semantic surfaces: the files do not belong together.
    """
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.vertices, np.float32)),
        o3d.core.Tensor.from_numpy(mesh.faces.astype(np.uint32)),
    )
    middle = np.ascontiguousarray(corners.mean(1), np.float32)
    found = scene.compute_closest_points(o3d.core.Tensor.from_numpy(middle))
    face = found["primitive_ids"].numpy().astype(np.int64)
    second = found["primitive_uvs"].numpy().astype(np.float64)
    weights = np.concatenate([1.0 - second.sum(1, keepdims=True), second], 1)
    same = _same_triangle(corners, mesh.vertices[mesh.faces])
    face[same >= 0], weights[same >= 0] = same[same >= 0], 1.0 / 3.0
    colour = mesh.colours_at(face, weights)
    wanted = np.array([a.colour for a in annotations], np.int64)
    order = np.argsort(wanted)
    place = np.clip(np.searchsorted(wanted[order], colour), 0, len(wanted) - 1)
    far = np.linalg.norm(found["points"].numpy() - middle, axis=1) > FAR_M
    if far.mean() > 0.5:
        raise InputError(
            f"{far.mean():.0%} of the triangles lie over {FAR_M} m from the semantic surfaces; check the axes, units "
            "and origin of both"
        )
    out = np.where((wanted[order][place] == colour) & ~far, order[place], -1)
    if (out < 0).any():
        notes.add(f"{(out < 0).mean():.1%} of the triangles have no object in the semantics")
    return np.asarray(out, np.int64)


def _same_triangle(ours: FloatArray, theirs: FloatArray) -> IntArray:
    """(F,) index of their triangle with the same corners (to half a millimetre), -1 = none."""
    keys = []
    for corners in (theirs, ours):
        grid = np.round(corners * 2000).astype(np.int64)
        grid = np.take_along_axis(grid, np.lexsort(grid.transpose(2, 0, 1)[::-1], axis=-1)[..., None], 1)
        keys.append(np.ascontiguousarray(grid.reshape(-1, 9)).view([("", np.int64)] * 9).reshape(-1))
    order = np.argsort(keys[0], kind="stable")
    place = np.clip(np.searchsorted(keys[0][order], keys[1]), 0, len(order) - 1)
    hit = keys[0][order][place] == keys[1]
    return np.where(hit, order[place], -1)
