# SPDX-License-Identifier: Apache-2.0
"""Textured triangle meshes and scenes made of parts; metres, z up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from seal_perception.categories import NO_CATEGORY
from seal_perception.types import Float32Array, FloatArray, Int32Array, UInt8Array


@dataclass(frozen=True)
class Material:
    """A tile of colour that repeats; texture is (h, w, 3) uint8 sRGB, (1, 1, 3) for a plain colour."""

    texture: UInt8Array
    name: str = ""

    def content_hash(self) -> str:
        """SHA-256 of the pixels."""
        return hashlib.sha256(np.ascontiguousarray(self.texture).tobytes()).hexdigest()


@dataclass(frozen=True)
class Mesh:
    """Triangles with one material each.

    Attributes:
        vertices: (V, 3) float32 metres.
        faces: (F, 3) int32 indices into vertices, counter-clockwise seen from outside.
        uv: (F, 3, 2) float32 texture coordinates of the corners, in repeats of the tile.
        material: (F,) int32 index into `materials`.
        materials: the materials used.
    """

    vertices: Float32Array
    faces: Int32Array
    uv: Float32Array
    material: Int32Array
    materials: tuple[Material, ...]

    def transformed(self, T: FloatArray) -> Mesh:
        """The mesh moved by a (4, 4) transform (scale allowed)."""
        vertices = self.vertices @ T[:3, :3].T + T[:3, 3]
        return Mesh(vertices.astype(np.float32), self.faces, self.uv, self.material, self.materials)

    def bounds(self) -> FloatArray:
        """(2, 3) lower and upper corner."""
        axes = np.ascontiguousarray(self.vertices.T)  # numpy reduces long rows 30 times as fast as short ones
        return np.array([axes.min(1), axes.max(1)], np.float64)

    def geometry_hash(self) -> str:
        """SHA-256 of the geometry, in the mesh's own frame."""
        data = np.round(self.vertices, 5).tobytes() + self.faces.tobytes()
        return hashlib.sha256(data).hexdigest()


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh out of several; materials are kept per mesh, equal objects shared."""
    materials: list[Material] = []
    index: dict[int, int] = {}
    vertices, faces, uv, material, offset = [], [], [], [], 0
    for mesh in meshes:
        remap = []
        for m in mesh.materials:
            if id(m) not in index:
                index[id(m)] = len(materials)
                materials.append(m)
            remap.append(index[id(m)])
        vertices.append(mesh.vertices)
        faces.append(mesh.faces + offset)
        uv.append(mesh.uv)
        material.append(np.asarray(remap, np.int32)[mesh.material])
        offset += len(mesh.vertices)
    return Mesh(
        np.concatenate(vertices),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(uv),
        np.concatenate(material),
        tuple(materials),
    )


@dataclass(frozen=True)
class Part:
    """One thing of a scene: `mesh` is in the world frame; `own_hash` is its geometry hash before it was placed."""

    name: str
    mesh: Mesh
    category: int = NO_CATEGORY
    own_hash: str = ""


@dataclass(frozen=True)
class Lamp:
    """A point light in the world frame."""

    position: tuple[float, float, float]
    power: float = 1.0
    colour: tuple[float, float, float] = (1.0, 0.95, 0.85)


@dataclass(frozen=True)
class Scene:
    """A world: instance id of parts[i] is i + 1; world frame metres, z up, floor at z = 0."""

    name: str
    parts: tuple[Part, ...]
    lamps: tuple[Lamp, ...] = field(default=())
    start_xy: tuple[float, float] = (0.0, 0.0)
