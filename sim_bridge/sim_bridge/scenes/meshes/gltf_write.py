# SPDX-License-Identifier: Apache-2.0
"""A scene as a binary glTF file: `scene.glb` of a folder, or the stage and its semantics for Habitat.

Baked light is left out: the file holds the bare textures, as any viewer expects. Texture coordinates count v from the
top row, as the renderer and glTF do; tiles repeat by glTF's default sampler. A plain colour is a picture of one pixel,
so that its sRGB value comes back exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.types import FloatArray, UInt8Array
from sim_bridge.geometry.mesh import Material, Mesh, Scene
from sim_bridge.habitat.frames import R_WORLD_HABITAT


def unique_names(scene: Scene) -> list[str]:
    """Names of the parts in order; the second "box" becomes "box#2"."""
    seen: dict[str, int] = {}
    out: list[str] = []
    for part in scene.parts:
        base = part.name or "part"
        number = seen.get(base, 0) + 1
        while number > 1 and f"{base}#{number}" in seen:
            number += 1
        name = base if number == 1 else f"{base}#{number}"
        seen[base] = number
        seen.setdefault(name, 1)
        out.append(name)
    return out


def _material(material: Material) -> Any:
    from PIL import Image
    from trimesh.visual.material import PBRMaterial

    return PBRMaterial(
        name=material.name,
        baseColorTexture=Image.fromarray(np.ascontiguousarray(material.texture)),
        metallicFactor=0.0,
        roughnessFactor=1.0,
        doubleSided=True,
    )


def _rotated(points: npt.NDArray[Any], y_up: bool) -> FloatArray:
    plain = np.asarray(points, np.float64)
    return plain @ R_WORLD_HABITAT if y_up else plain


def _geometry(mesh: Mesh, index: int, material: Any, y_up: bool) -> Any:
    """Triangles of one material; a corner is a vertex of its own where its texture coordinates differ."""
    import trimesh

    keep = mesh.material == index
    corners = np.concatenate([mesh.vertices[mesh.faces[keep]].reshape(-1, 3), mesh.uv[keep].reshape(-1, 2)], 1)
    distinct, inverse = np.unique(corners, axis=0, return_inverse=True)
    # trimesh turns v round when it writes.
    uv = distinct[:, 3:].astype(np.float64) * [1.0, -1.0] + [0.0, 1.0]
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    faces = np.asarray(inverse).reshape(-1, 3)
    return trimesh.Trimesh(_rotated(distinct[:, :3], y_up), faces, visual=visual, process=False)


def stage_glb(scene: Scene, y_up: bool) -> bytes:
    """All parts with their textures; nodes are named `part/0`, `part/1`, one per material of the part.

    Args:
        scene: what to write.
        y_up: whether to turn the world to glTF's axes (Habitat); our own `scene.glb` has z up.
    """
    import trimesh

    out = trimesh.Scene()
    known: dict[int, Any] = {}
    for part, name in zip(scene.parts, unique_names(scene), strict=True):
        for index, material in enumerate(part.mesh.materials):
            if not (part.mesh.material == index).any():
                continue
            if id(material) not in known:
                known[id(material)] = _material(material)
            node = f"{name}/{index}"
            geometry = _geometry(part.mesh, index, known[id(material)], y_up)
            out.add_geometry(geometry, node_name=node, geom_name=node)
    return bytes(out.export(file_type="glb"))


def semantic_glb(scene: Scene, linear: UInt8Array, y_up: bool = True) -> bytes:
    """All triangles in one mesh without textures, each part in its own vertex colour.

    Args:
        scene: what to write.
        linear: (parts, 3) uint8 linear colours, as glTF has them in COLOR_0.
        y_up: as in `stage_glb`.
    """
    import trimesh

    vertices, faces, colours, offset = [], [], [], 0
    for part, colour in zip(scene.parts, linear, strict=True):
        vertices.append(_rotated(part.mesh.vertices, y_up))
        faces.append(part.mesh.faces.astype(np.int64) + offset)
        colours.append(np.tile(np.append(colour, 255).astype(np.uint8), (len(part.mesh.vertices), 1)))
        offset += len(part.mesh.vertices)
    mesh = trimesh.Trimesh(np.concatenate(vertices), np.concatenate(faces), process=False)
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.concatenate(colours))
    out = trimesh.Scene()
    out.add_geometry(mesh, node_name="semantic", geom_name="semantic")
    return bytes(out.export(file_type="glb"))
