# SPDX-License-Identifier: Apache-2.0
"""A scene in Habitat's format, so that one home runs in both simulators.

Semantics follow HM3D (habitat-sim `HM3DSemanticScene.cpp`, `GenericSemanticMeshData.cpp`): a mesh with one vertex
colour per object, and a text file that names each colour's id, category and room. habitat-sim turns the linear vertex
colours into sRGB before it looks them up, so colours are taken where that is exact. The id in Habitat's semantic
picture is ours: index of the part + 1, 0 = nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError
from seal_perception.files import write_bytes, write_json, write_text
from seal_perception.types import UInt8Array
from sim_bridge.geometry.mesh import Part, Scene
from sim_bridge.scenes.meshes.gltf_write import semantic_glb, stage_glb
from sim_bridge.scenes.meshes.images import levels_in_srgb
from sim_bridge.scenes.sides import with_backs
from sim_bridge.scenes.stages.semantics import HEADER
from sim_bridge.scenes.write import new_folder

SHELL = ("floor", "ceiling", "wall", "door", "window")
LEVELS = np.arange(1, 64, 2)
"""Linear colour levels in use: their sRGB values are distinct, far from 0 and from each other."""


def instance_colours(count: int) -> UInt8Array:
    """(count, 3) distinct linear colours, none black.

    Raises:
        InputError: if there are more objects than colours.
    """
    base = len(LEVELS)
    if count > base**3:
        raise InputError(f"the scene has {count} objects; Habitat's format is written for at most {base**3}")
    # A step that shares no factor with the number of colours spreads them, so that a picture of them can be read.
    index = (np.arange(count) * 12_347 + 5_003) % base**3
    return LEVELS[np.stack([index // base**2, index // base % base, index % base], 1)].astype(np.uint8)


def semantic_label(part: Part) -> str:
    """Category of a part in Habitat's files: one of ours, a part of the shell, or "object"."""
    if part.category >= 0:
        return CATEGORIES[part.category]
    first = part.name.lower().replace("_", " ").split(" ")[0]
    return first if first in SHELL else "object"


def semantic_text(scene: Scene, linear: UInt8Array) -> str:
    """HM3D's list of objects: `id,hex colour,"category",room`."""
    lines = [HEADER]
    for number, (part, colour) in enumerate(zip(scene.parts, levels_in_srgb(linear), strict=True), start=1):
        lines.append(f'{number},{bytes(colour).hex().upper()},"{semantic_label(part)}",0')
    return "\n".join(lines) + "\n"


def write_habitat(scene: Scene, out: Path, backs: bool = True) -> Path:
    """Write a new folder with a scene dataset of one scene; returns the path of its dataset configuration.

    `stages/NAME.glb`, `.semantic.glb`, `.semantic.txt` and `.stage_config.json`; `NAME.scene_dataset_config.json` on
    top. World there: (x, y, z) = ours (x, z, -y). Light is not written: Habitat shows the bare textures.

    Args:
        scene: what to write.
        out: the new folder.
        backs: whether surfaces that may be seen from behind get a second triangle there; habitat-sim draws fronts only.

    Raises:
        InputError: if the folder is there already, or the scene has too many objects.
    """
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in scene.name)
    linear = instance_colours(len(scene.parts))
    stage = {
        "render_asset": f"{name}.glb",
        "collision_asset": f"{name}.glb",
        "semantic_asset": f"{name}.semantic.glb",
        "semantic_asset_type": "semantic",
        "semantic_descriptor_filename": f"{name}.semantic.txt",
        "has_semantic_textures": False,
        "up": [0, 1, 0],
        "front": [0, 0, -1],
        "origin": [0, 0, 0],
        "units_to_meters": 1.0,
        "force_flat_shading": True,
        "user_defined": {"seal_start": [scene.start_xy[0], 0.0, -scene.start_xy[1]]},
    }
    if backs:
        scene = replace(scene, parts=tuple(replace(part, mesh=with_backs(part.mesh)) for part in scene.parts))
    dataset = {"stages": {"paths": {".json": ["stages"]}}}
    with new_folder(out) as folder:
        (folder / "stages").mkdir()
        write_bytes(folder / "stages" / f"{name}.glb", stage_glb(scene, y_up=True))
        write_bytes(folder / "stages" / f"{name}.semantic.glb", semantic_glb(scene, linear))
        write_text(folder / "stages" / f"{name}.semantic.txt", semantic_text(scene, linear))
        write_json(folder / "stages" / f"{name}.stage_config.json", stage)
        write_json(folder / f"{name}.scene_dataset_config.json", dataset)
    return out / f"{name}.scene_dataset_config.json"
