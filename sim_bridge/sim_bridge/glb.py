# SPDX-License-Identifier: Apache-2.0
"""Scenes of others: a folder with `scene.glb` (metres, z up, nodes named `instance/part`) and `objects.json`.

`objects.json` is a list of objects with `instance` and `category` (one of SEAL's six, or null).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from seal_perception.errors import InputError
from seal_perception.files import read_json
from sim_bridge.collision import floor_plan, nearest
from sim_bridge.mesh import Lamp, Material, Mesh, Part, Scene, merge
from sim_bridge.render import srgb_to_linear

MAX_TEXTURE = 512
LAMP_SPACING_M = 4.5


def _categories(path: Path) -> dict[str, int]:
    """Category index of each instance named in objects.json."""
    try:
        objects = read_json(path)
    except ValueError as error:
        raise InputError(str(error)) from error
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
        out[entry["instance"]] = NO_CATEGORY if category is None else CATEGORIES.index(category)
    return out


def _texture(material: Any) -> npt.NDArray[np.uint8]:
    """(h, w, 3) sRGB tile of a glTF material: its picture times its base colour."""
    factor = getattr(material, "baseColorFactor", None)
    plain = np.full(3, 255.0) if factor is None else np.asarray(factor, np.float64).reshape(-1)[:3]
    picture = getattr(material, "baseColorTexture", None)
    if picture is None:
        return np.round(plain).astype(np.uint8).reshape(1, 1, 3)
    picture = picture.convert("RGB").reduce(math.ceil(max(picture.size) / MAX_TEXTURE))
    pixels = np.asarray(picture, np.uint8)
    if (plain >= 254.5).all():
        return pixels
    linear = srgb_to_linear()[pixels] * (plain / 255.0)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    return np.round(255.0 * srgb).astype(np.uint8)


def _mesh(geometry: Any, T: npt.NDArray[np.float64], known: dict[int, Material]) -> Mesh:
    """One node's triangles in the world frame."""
    visual = geometry.visual
    material = getattr(visual, "material", None)
    uv = getattr(visual, "uv", None)
    if material is None:
        own = Material(np.asarray(visual.main_color[:3], np.uint8).reshape(1, 1, 3))
    else:
        if id(material) not in known:
            known[id(material)] = Material(_texture(material))
        own = known[id(material)]
    faces = np.asarray(geometry.faces, np.int32)
    if uv is None:
        corners: npt.NDArray[np.float32] = np.zeros((len(faces), 3, 2), np.float32)
    else:
        # glTF and trimesh count v from the bottom; the renderer from the top.
        corners = (np.asarray(uv, np.float64) * [1.0, -1.0] + [0.0, 1.0])[faces].astype(np.float32)
    vertices = np.asarray(geometry.vertices, np.float64) @ T[:3, :3].T + T[:3, 3]
    return Mesh(vertices.astype(np.float32), faces, corners, np.zeros(len(faces), np.int32), (own,))


def _lamps(parts: list[Part]) -> tuple[Lamp, ...]:
    """Lamps on a square grid under the ceiling, for scenes that bring none."""
    bounds = np.stack([part.mesh.bounds() for part in parts])
    low, high = bounds[:, 0].min(0), bounds[:, 1].max(0)
    height = min(2.3, float(high[2]) - 0.15)
    centres = []
    for axis in (0, 1):
        count = max(1, round(float(high[axis] - low[axis]) / LAMP_SPACING_M))
        centres.append(low[axis] + (np.arange(count) + 0.5) * (high[axis] - low[axis]) / count)
    return tuple(Lamp((float(x), float(y), height), 0.8) for x in centres[0] for y in centres[1])


def _start(parts: list[Part]) -> tuple[float, float]:
    """The free place nearest to the middle of the largest connected floor."""
    from scipy import ndimage

    plan = floor_plan(merge([part.mesh for part in parts]))
    regions, count = ndimage.label(plan.standing)
    if count == 0:
        raise InputError("the robot fits nowhere on the floor (z = 0) of this scene")
    main = regions == int(np.bincount(regions.ravel())[1:].argmax()) + 1
    cell = nearest(main, np.argwhere(main).mean(0))
    x, y = plan.centre(cell)
    return float(x), float(y)


def load_glb_scene(folder: Path | str) -> Scene:
    """Scene of a folder; instances are in the order of their names.

    Raises:
        InputError: if a file is absent or broken, a category unknown, or an object has no triangles.
    """
    import trimesh

    folder = Path(folder)
    for name in ("scene.glb", "objects.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; a scene folder holds scene.glb and objects.json")
    categories = _categories(folder / "objects.json")
    try:
        loaded: Any = trimesh.load(folder / "scene.glb", force="scene")
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise InputError(f"{folder / 'scene.glb'} is not a readable glTF scene: {error}") from error
    known: dict[int, Material] = {}
    groups: dict[str, list[Mesh]] = {}
    for node in sorted(loaded.graph.nodes_geometry):
        T, name = loaded.graph[node]
        geometry = loaded.geometry[name]
        if hasattr(geometry, "faces") and len(geometry.faces):
            groups.setdefault(str(node).rsplit("/", 1)[0], []).append(_mesh(geometry, T, known))
    missing = sorted(set(categories) - set(groups))
    if missing:
        raise InputError(f"{folder}: objects.json names {missing[0]!r}, but scene.glb has no such node")
    parts = []
    for name in sorted(groups):
        mesh = merge(groups[name])
        parts.append(Part(name, mesh, categories.get(name, NO_CATEGORY), mesh.geometry_hash()))
    return Scene(folder.name, tuple(parts), _lamps(parts), _start(parts))
