# SPDX-License-Identifier: Apache-2.0
"""Scenes of Habitat's data sets, without Habitat: stages, scene instances with objects, HM3D-style semantics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import quat2mat

from seal_perception.categories import NO_CATEGORY
from seal_perception.errors import InputError
from seal_perception.files import read_json
from sim_bridge.habitat_categories import category_index
from sim_bridge.mesh import Mesh
from sim_bridge.scenes.files import Resources
from sim_bridge.scenes.habitat_semantics import instance_of_faces, read_annotations, read_semantic_mesh
from sim_bridge.scenes.mesh_read import MeshReader
from sim_bridge.scenes.names import category_of_name
from sim_bridge.scenes.pieces import Notes, Piece, make_mesh

FloatArray = npt.NDArray[np.float64]
STAGE, INSTANCE, DATASET = ".stage_config.json", ".scene_instance.json", ".scene_dataset_config.json"
OBJECT = ".object_config.json"


def _table(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} must hold a JSON object, got {type(found).__name__}")
    return found


def _vector(table: Mapping[str, Any], key: str, default: tuple[float, ...], path: Path) -> FloatArray:
    value = table.get(key, default)
    try:
        out = np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        out = np.empty(0)
    if len(out) != len(default) or not np.isfinite(out).all():
        raise InputError(f"{path}: {key!r} needs {len(default)} numbers, got {value!r:.60}")
    return out


def frame_of(table: Mapping[str, Any], path: Path) -> FloatArray:
    """(3, 3) rotation from a stage's axes into Habitat's (y up, -z ahead).

    Raises:
        InputError: if up and front are not at right angles.
    """
    up, front = _vector(table, "up", (0, 1, 0), path), _vector(table, "front", (0, 0, -1), path)
    if np.linalg.norm(up) < 1e-6 or np.linalg.norm(front) < 1e-6 or abs(up @ front) > 1e-3:
        raise InputError(f"{path}: 'up' and 'front' must be at right angles, got {up.tolist()} and {front.tolist()}")
    up, front = up / np.linalg.norm(up), front / np.linalg.norm(front)
    return np.stack([np.cross(front, up), up, -front])


class HabitatReader:
    """Reads one scene.

    Args:
        path: a stage, a scene instance, a data set of one scene, or a `.glb` with a `.semantic.txt` beside it.
        models: more folders that may be read.
        notes: what was mended or left out.
    """

    def __init__(self, path: Path, models: tuple[Path, ...], notes: Notes) -> None:
        self.path, self.notes = path, notes
        self.dataset = _dataset_folder(path)
        self.reader = MeshReader(Resources([path.parent, self.dataset, *models]), notes)
        self.pieces: list[Piece] = []
        self._templates: dict[str, Path] | None = None

    def read(self) -> list[Piece]:
        """Pieces in Habitat's axes (y up), metres.

        Raises:
            InputError: if a file is absent or broken.
        """
        name = self.path.name
        if name.endswith(DATASET):
            scenes = sorted([*self.dataset.rglob(f"*{INSTANCE}")]) or sorted(self.dataset.rglob(f"*{STAGE}"))
            if len(scenes) != 1:
                names = ", ".join(str(p.relative_to(self.dataset)) for p in scenes[:3])
                raise InputError(f"{self.path} has {len(scenes)} scenes ({names} ...); name one of them")
            return HabitatReader(scenes[0], (self.dataset,), self.notes).read()
        if name.endswith(INSTANCE):
            self._instance(_table(self.path))
        elif name.endswith(STAGE):
            self._stage(_table(self.path), self.path)
        else:
            beside = {"render_asset": name, "semantic_asset": _semantic(name, ".glb")}
            self._stage({**beside, "semantic_descriptor_filename": _semantic(name, ".txt")}, self.path)
        return self.pieces

    def _asset(self, table: Mapping[str, Any], key: str, path: Path) -> Path:
        name = table.get(key)
        found = self.reader.resources.find(name, path.parent) if isinstance(name, str) and name else None
        if found is None or not found.is_file():
            raise InputError(f"{path}: {key!r} is {name!r}, but there is no such file beside it")
        return found

    def _meshes(self, table: Mapping[str, Any], path: Path) -> list[tuple[str, Mesh]]:
        """Meshes of a render asset in Habitat's axes and metres."""
        scale = np.asarray(table.get("scale", (1, 1, 1)), np.float64)
        scale = np.full(3, float(scale)) if scale.ndim == 0 else _vector(table, "scale", (1.0, 1.0, 1.0), path)
        unit = float(_vector({"u": [table.get("units_to_meters", 1.0)]}, "u", (1.0,), path)[0])
        T = np.eye(4)
        T[:3, :3] = frame_of(table, path) @ np.diag(scale * unit)
        T[:3, 3] = -_vector(table, "origin", (0.0, 0.0, 0.0), path)
        found = self.reader.read(self._asset(table, "render_asset", path))
        return [(node, mesh.transformed(T)) for node, mesh in found.meshes]

    def _stage(self, table: Mapping[str, Any], path: Path, T: FloatArray | None = None) -> None:
        meshes = self._meshes(table, path)
        text, coloured = table.get("semantic_descriptor_filename"), table.get("semantic_asset")
        pieces: list[Piece] = []
        if text and coloured and str(text).endswith(".txt"):
            pieces = self._with_semantics(meshes, table, path)
        else:
            if text or coloured:
                self.notes.add(
                    f"{path.name}: semantics other than HM3D's .semantic.txt are not read; names are gone by"
                )
            pieces = [Piece(node.rsplit("/", 1)[0], mesh) for node, mesh in meshes]
        self.pieces += pieces if T is None else [replace(p, mesh=p.mesh.transformed(T)) for p in pieces]

    def _with_semantics(self, meshes: list[tuple[str, Mesh]], table: Mapping[str, Any], path: Path) -> list[Piece]:
        """The stage's triangles, shared out among the annotated objects."""
        annotations = read_annotations(self._asset(table, "semantic_descriptor_filename", path))
        coloured = read_semantic_mesh(self._asset(table, "semantic_asset", path), {a.colour for a in annotations})
        R = frame_of(table, path)
        if "semantic_up" in table or "semantic_front" in table:
            given = {"up": table.get("semantic_up", (0, 1, 0)), "front": table.get("semantic_front", (0, 0, -1))}
            R = frame_of(given, path)
        coloured = replace(coloured, vertices=coloured.vertices @ R.T)
        corners = np.concatenate([mesh.vertices[mesh.faces] for _, mesh in meshes]).astype(np.float64)
        owner = instance_of_faces(corners, coloured, annotations, self.notes)
        pieces, start = [], 0
        groups: dict[int, list[Piece]] = {}
        for _, mesh in meshes:
            own = owner[start : start + len(mesh.faces)]
            start += len(mesh.faces)
            for number in np.unique(own):
                label = annotations[number].label if number >= 0 else "unlabelled"
                name = f"{label}_{annotations[number].number}" if number >= 0 else label
                category = category_index(label) if number >= 0 else NO_CATEGORY
                groups.setdefault(int(number), []).append(Piece(name, _faces_of(mesh, own == number), category))
        for number in sorted(groups, key=lambda n: annotations[n].number if n >= 0 else 10**9):
            pieces += groups[number]
        return pieces

    def _instance(self, table: Mapping[str, Any]) -> None:
        stage = table.get("stage_instance")
        if not isinstance(stage, dict) or "template_name" not in stage:
            raise InputError(f"{self.path} needs a 'stage_instance' with a 'template_name'")
        path = self._template(str(stage["template_name"]), STAGE)
        if path is None:
            raise InputError(f"{self.path}: no stage {stage['template_name']!r} under {self.dataset}")
        self._stage(_asset_table(path), path, self._placement(stage, None))
        used: dict[str, int] = {}
        for number, entry in enumerate(table.get("object_instances", [])):
            if not isinstance(entry, dict) or "template_name" not in entry:
                raise InputError(f"{self.path}: object {number} needs a 'template_name', got {entry!r:.60}")
            name = Path(str(entry["template_name"])).name
            found = self._template(str(entry["template_name"]), OBJECT)
            if found is None:
                self.notes.add(f"no object {name!r} under {self.dataset.name}; left out")
                continue
            meshes = self._meshes(_asset_table(found), found)
            T = self._placement(entry, [mesh for _, mesh in meshes])
            used[name] = used.get(name, 0) + 1
            instance = f"{name}_{used[name]}"
            category = category_of_name(name)
            self.pieces += [Piece(instance, mesh.transformed(T), category) for _, mesh in meshes]
        if table.get("articulated_object_instances"):
            self.notes.add(f"{len(table['articulated_object_instances'])} articulated objects (URDF) were left out")

    def _placement(self, entry: Mapping[str, Any], meshes: list[Mesh] | None) -> FloatArray:
        """T_scene_asset; a translation of the centre of mass is that of the middle of the box, Habitat's default."""
        w = _vector(entry, "rotation", (1.0, 0.0, 0.0, 0.0), self.path)
        if np.linalg.norm(w) < 1e-9:
            raise InputError(f"{self.path}: a rotation has length 0")
        scale = _vector(entry, "non_uniform_scale", (1.0, 1.0, 1.0), self.path)
        scale = scale * float(_vector({"s": [entry.get("uniform_scale", 1.0)]}, "s", (1.0,), self.path)[0])
        T = np.eye(4)
        T[:3, :3] = quat2mat(w) @ np.diag(scale)
        T[:3, 3] = _vector(entry, "translation", (0.0, 0.0, 0.0), self.path)
        if meshes and str(entry.get("translation_origin", "COM")).upper() == "COM":
            bounds = np.stack([mesh.bounds() for mesh in meshes])
            T[:3, 3] -= T[:3, :3] @ ((bounds[:, 0].min(0) + bounds[:, 1].max(0)) / 2)
        return T

    def _template(self, name: str, suffix: str) -> Path | None:
        """Configuration (or bare .glb) of a template's name within the data set."""
        if self._templates is None:
            files = [*self.dataset.rglob("*_config.json"), *self.dataset.rglob("*.glb")]
            self._templates = {file.name: file for file in sorted(files)}
        base = Path(name).name.removesuffix(suffix).removesuffix(".glb")
        return self._templates.get(base + suffix) or self._templates.get(base + ".glb")


def _asset_table(path: Path) -> dict[str, Any]:
    return _table(path) if path.suffix == ".json" else {"render_asset": path.name}


def _faces_of(mesh: Mesh, keep: npt.NDArray[np.bool_]) -> Mesh:
    """Some triangles of a mesh of one material."""
    cut = make_mesh(mesh.vertices, mesh.faces[keep], mesh.uv[keep], mesh.materials[0], Notes(), "")
    return mesh if cut is None else cut


def _semantic(name: str, suffix: str) -> str:
    """HM3D's names: TEE.glb or TEE.basis.glb has TEE.semantic.glb and TEE.semantic.txt."""
    return name.removesuffix(".glb").removesuffix(".basis") + ".semantic" + suffix


def has_semantics(path: Path) -> bool:
    """Whether a .glb has HM3D's two semantic files beside it."""
    return path.name.endswith(".glb") and all(
        (path.parent / _semantic(path.name, s)).is_file() for s in (".glb", ".txt")
    )


def _dataset_folder(path: Path) -> Path:
    """The nearest folder above with a scene dataset configuration, else the file's own."""
    for folder in (path.absolute().parent, *list(path.absolute().parents)[1:4]):
        if any(folder.glob(f"*{DATASET}")):
            return folder
    return path.absolute().parent
