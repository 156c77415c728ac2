# SPDX-License-Identifier: Apache-2.0
"""Any scene by its name or path: homes, scene folders, mesh files, Gazebo worlds, Habitat's stages."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from seal_perception.errors import InputError
from sim_bridge.geometry.mesh import Scene
from sim_bridge.habitat.scene import PREFIX, is_habitat
from sim_bridge.homes.build import closest_home, is_home, make_home
from sim_bridge.scenes.files import Resources
from sim_bridge.scenes.fit import Loaded, fit, recategorised
from sim_bridge.scenes.glb import read_categories, read_glb_folder
from sim_bridge.scenes.meshes.read import SUFFIXES, MeshReader
from sim_bridge.scenes.pieces import Notes, Piece, SceneOptions, clean_name
from sim_bridge.scenes.sdf.read import SdfReader
from sim_bridge.scenes.stages.dataset import DATASET, INSTANCE, STAGE
from sim_bridge.scenes.stages.read import HabitatReader, has_semantics

LOG = logging.getLogger(__name__)
SDF_SUFFIXES = (".sdf", ".world")
UP = {".obj": "y", ".stl": "z", ".ply": "z", ".off": "z"}
"""Axis that usually points up where the format does not say."""
FORMS = (
    "a home (train_01 .. train_25, test_01 .. test_05), a folder with scene.glb and objects.json, a .glb, .gltf, .dae, "
    ".obj, .stl or .ply file, a Gazebo .sdf or .world, a Habitat .stage_config.json or .scene_instance.json"
)


def scene_kind(path: Path) -> str | None:
    """What a path is taken for: folder, mesh, sdf or habitat; None for what is no scene."""
    if path.is_dir():
        return "folder"
    if not path.is_file():
        return None
    if path.name.endswith((STAGE, INSTANCE, DATASET)):
        return "habitat"
    suffix = path.suffix.lower()
    if suffix in SDF_SUFFIXES:
        return "sdf"
    return "mesh" if suffix in SUFFIXES else None


def is_scene_path(path: str | Path) -> bool:
    """Whether a path is there and has the form of a scene; it may still be broken."""
    return scene_kind(Path(path)) is not None


def unknown_scene(name: str) -> InputError:
    """What to say of a name that is neither a home nor a scene's path: what was probably meant comes first."""
    if is_habitat(name):
        return InputError(
            f"{name}: Habitat's files are read here by their path, without habitat-sim; leave out {PREFIX}"
        )
    if Path(name).exists():
        return InputError(f"{name!r} is no scene that is read here; expected {FORMS}")
    if meant := closest_home(name):
        return InputError(f"no home and no folder is called {name!r}; did you mean {meant}?")
    if Path(name).suffix or len(Path(name).parts) > 1:
        return InputError(f"no file or folder {name}; expected a scene by its path, or a home (train_01)")
    return InputError(f"no home and no folder is called {name!r}; expected {FORMS}, or, with habitat-sim, {PREFIX}PATH")


def _title(path: Path) -> str:
    return clean_name(path.name.split(".")[0] or path.name)


def _mesh_file(path: Path, options: SceneOptions, notes: Notes) -> Scene:
    """A single mesh file; categories by objects.json beside it, else by the names of its nodes."""
    resources = Resources([path.absolute().parent, path.absolute().parent.parent / "textures", *options.models])
    found = MeshReader(resources, notes).read(path)
    known = read_categories(path.parent / "objects.json") if (path.parent / "objects.json").is_file() else {}
    pieces = []
    for node, mesh in found.meshes:
        instance = node.rsplit("/", 1)[0] or node
        pieces.append(Piece(instance, mesh, known.get(instance)))
    absent = [name for name in known if name not in {piece.instance for piece in pieces}]
    if absent:
        notes.add(f"objects.json beside {path.name} names {absent[0]!r} ({len(absent)} in all) that it does not hold")
    if options.scale is None and found.metres not in (None, 1.0):
        options = replace(options, scale=found.metres)
    return fit(_title(path), pieces, found.up or UP.get(path.suffix.lower(), "z"), options, notes)


def _sdf_file(path: Path, options: SceneOptions, notes: Notes) -> Scene:
    pieces = SdfReader(path, options.models, notes).read()
    return fit(_title(path), pieces, "z", replace(options, up=options.up or "z", scale=options.scale or 1.0), notes)


def _habitat_file(path: Path, options: SceneOptions, notes: Notes) -> Scene:
    pieces = HabitatReader(path.absolute(), options.models, notes).read()
    return fit(_title(path), pieces, "y", replace(options, up=options.up or "y", scale=options.scale or 1.0), notes)


def _refuse_ignored(what: str, given: Mapping[str, object]) -> None:
    """Say so where options have no effect, rather than to leave them out silently."""
    named = [f"--{name}" for name, value in given.items() if value not in (None, ())]
    if named:
        raise InputError(f"{what}, so {', '.join(named)} has no effect on it; leave it out")


def _shaping(options: SceneOptions) -> dict[str, object]:
    return {"models": options.models, "up": options.up, "scale": options.scale, "floor": options.floor_m}


def _folder(path: Path, options: SceneOptions, notes: Notes) -> Scene:
    _refuse_ignored(f"{path} is a scene folder, which is in metres with z up", _shaping(options))
    return recategorised(read_glb_folder(path, notes), options)


def read_scene(name_or_path: str | Path, options: SceneOptions | None = None) -> Loaded:
    """The scene that a name or a path stands for, and what was repaired in it.

    Raises:
        InputError: one line, if it is none or is broken.
    """
    options = SceneOptions() if options is None else options
    if is_home(str(name_or_path)):
        own = {"categories": options.categories, **_shaping(options)}
        _refuse_ignored(f"{name_or_path} is a built-in home", own)
        return Loaded(make_home(str(name_or_path)))
    # A scene is called after its path, so '.' and '..' are spelled out.
    path, notes = Path(name_or_path).absolute(), Notes()
    path = path.resolve() if path.name == ".." else path
    kind = scene_kind(path)
    if kind is None:
        raise unknown_scene(str(name_or_path))
    if kind == "folder":
        scene = _folder(path, options, notes)
    elif kind == "sdf":
        scene = _sdf_file(path, options, notes)
    elif kind == "habitat" or has_semantics(path):
        scene = _habitat_file(path, options, notes)
    else:
        scene = _mesh_file(path, options, notes)
    return Loaded(scene, notes.lines())


def load_scene(path: str | Path) -> Scene:
    """A scene for a simulator; repairs go to the log.

    Raises:
        InputError: one line, if there is none or it is broken.
    """
    loaded = read_scene(path)
    for note in loaded.notes:
        LOG.warning("%s: %s", loaded.scene.name, note)
    return loaded.scene
