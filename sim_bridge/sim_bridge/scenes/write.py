# SPDX-License-Identifier: Apache-2.0
"""A scene as a folder that opens wherever a scene is named: scene.glb, objects.json, scene.json."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError
from seal_perception.files import take_place, write_bytes, write_json
from sim_bridge.geometry.mesh import Scene
from sim_bridge.scenes.files import lexical
from sim_bridge.scenes.meshes.gltf_write import stage_glb, unique_names


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when the block ends without an error.

    An empty folder that is there already stays the same one (it may be where the user stands, or a mounted disk), so
    the files are moved into it; `scene.glb` comes last, as without it a folder is no scene.

    Raises:
        InputError: if `out` is there already and not an empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already; name a folder that does not exist yet")
    out = lexical(out)
    part = f".{out.name}.{os.getpid()}.part"
    beside = out / part if out.exists() else out.with_name(part)
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        if beside.parent == out:
            for path in sorted(beside.iterdir(), key=lambda path: (path.name == "scene.glb", path.name)):
                path.rename(out / path.name)
        else:
            take_place(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_scene_folder(scene: Scene, out: Path, notes: Sequence[str] = (), source: str = "") -> None:
    """Write `scene.glb` (metres, z up), `objects.json` and `scene.json` (lamps, start, notes) as a new folder.

    Read back by `sim_bridge.scenes.load`, the parts have the same order, names, categories and triangles.

    Raises:
        InputError: if the folder is there already.
    """
    objects = []
    for part, name in zip(scene.parts, unique_names(scene), strict=True):
        low, high = part.mesh.bounds().round(4).tolist()
        category = CATEGORIES[part.category] if part.category >= 0 else None
        objects.append({"instance": name, "category": category, "aabb_min": low, "aabb_max": high})
    about = {
        "name": scene.name,
        "source": source,
        "start_xy": list(scene.start_xy),
        "lamps": [asdict(lamp) for lamp in scene.lamps],
        "notes": list(notes),
    }
    with new_folder(out) as folder:
        write_bytes(folder / "scene.glb", stage_glb(scene, y_up=False))
        write_json(folder / "objects.json", objects)
        write_json(folder / "scene.json", about)
