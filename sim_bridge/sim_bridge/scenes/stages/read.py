# SPDX-License-Identifier: Apache-2.0
"""Scenes of Habitat's data sets, without Habitat: stages, scene instances with objects, HM3D-style semantics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from transforms3d.quaternions import quat2mat

from seal_perception.categories import NO_CATEGORY
from seal_perception.errors import InputError
from seal_perception.reading.limits import require
from seal_perception.types import BoolArray, FloatArray
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.habitat.categories import category_index
from sim_bridge.scenes.files import Resources
from sim_bridge.scenes.meshes.read import MeshReader
from sim_bridge.scenes.names import category_of_name
from sim_bridge.scenes.pieces import Notes, Piece, make_mesh
from sim_bridge.scenes.stages.dataset import DATASET, INSTANCE, OBJECT, STAGE, Dataset, numbers, read_table
from sim_bridge.scenes.stages.semantics import instance_of_faces, read_annotations, read_semantic_mesh

SEMANTICS = ("semantic_asset", "semantic_descriptor_filename")


def frame_of(table: Mapping[str, Any], path: Path) -> FloatArray:
    """(3, 3) rotation from a stage's axes into Habitat's (y up, -z ahead).

    Raises:
        InputError: if up and front are not at right angles.
    """
    up, front = numbers(table, "up", (0, 1, 0), path), numbers(table, "front", (0, 0, -1), path)
    if np.linalg.norm(up) < 1e-6 or np.linalg.norm(front) < 1e-6 or abs(up @ front) > 1e-3:
        raise InputError(f"{path}: 'up' and 'front' must be at right angles, got {up.tolist()} and {front.tolist()}")
    up, front = up / np.linalg.norm(up), front / np.linalg.norm(front)
    return np.stack([np.cross(front, up), up, -front])


def asset_transform(table: Mapping[str, Any], path: Path) -> FloatArray:
    """(4, 4) from an asset's axes and units into Habitat's: scaled, turned, moved by the origin.

    Raises:
        InputError: if a number is missing, or the scale is 0.
    """
    scale = table.get("scale", 1.0)
    if isinstance(scale, (int, float)):
        scale = (scale, scale, scale)
    size = numbers({"scale": scale}, "scale", (1.0, 1.0, 1.0), path)
    size = size * numbers(table, "units_to_meters", (1.0,), path)
    if not size.all():
        raise InputError(f"{path}: 'scale' and 'units_to_meters' must not be 0")
    T = np.eye(4)
    T[:3, :3] = frame_of(table, path) @ np.diag(size)
    T[:3, 3] = -numbers(table, "origin", (0.0, 0.0, 0.0), path)
    return T


class HabitatReader:
    """Reads one scene.

    Args:
        path: a stage, a scene instance, a data set of one scene, or a `.glb` with a `.semantic.txt` beside it.
        models: more folders that may be read.
        notes: receives what was repaired or left out.
        dataset: it belongs to; None = that of the nearest configuration.
    """

    def __init__(self, path: Path, models: tuple[Path, ...], notes: Notes, dataset: Dataset | None = None) -> None:
        self.path, self.notes = path, notes
        self.dataset = Dataset(path) if dataset is None else dataset
        self.reader = MeshReader(Resources([path.parent, self.dataset.folder, *models]), notes)
        self.pieces: list[Piece] = []

    def read(self) -> list[Piece]:
        """Pieces in Habitat's axes (y up), metres.

        Raises:
            InputError: if a file is absent or broken.
        """
        name = self.path.name
        if name.endswith(DATASET):
            scenes = self.dataset.scenes()
            if len(scenes) != 1:
                names = ", ".join(str(p.relative_to(self.dataset.folder)) for p in scenes[:3])
                hint = f"({names} ...); name one of them" if scenes else "in its paths or folders"
                raise InputError(f"{self.path} has {len(scenes)} scenes {hint}")
            return HabitatReader(scenes[0], (), self.notes, self.dataset).read()
        if name.endswith(INSTANCE):
            self._instance(read_table(self.path))
        else:
            self._stage(self.path)
        return self.pieces

    def _stage_table(self, path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
        """A stage's own attributes over the data set's defaults; semantics by default count only where they are."""
        defaults = self.dataset.defaults("stages", path)
        own = {**self._own("stages", path), **given}
        if path.suffix != ".json" and _has_hm3d_files(path):
            own = {**own, **dict(zip(SEMANTICS, (_semantic(path.name, s) for s in (".glb", ".txt")), strict=True))}
        by_default = [key for key in SEMANTICS if key in defaults and key not in own]
        if any(not (path.parent / str(defaults[key])).is_file() for key in by_default):
            self.notes.add(f"{path.name}: the semantics that the data set names are not there; names are gone by")
            defaults = {key: value for key, value in defaults.items() if key not in SEMANTICS}
        return {**defaults, **own}

    def _asset(self, table: Mapping[str, Any], key: str, path: Path) -> Path:
        name = table.get(key)
        found = self.reader.resources.find(name, path.parent) if isinstance(name, str) and name else None
        if found is None or not found.is_file():
            raise InputError(f"{path}: {key!r} is {name!r}, but there is no such file beside it")
        return found

    def _meshes(self, table: Mapping[str, Any], path: Path) -> list[tuple[str, Mesh]]:
        """Meshes of a render asset in Habitat's axes and metres."""
        T = asset_transform(table, path)
        found = self.reader.read(self._asset(table, "render_asset", path))
        return [(node, mesh.transformed(T)) for node, mesh in found.meshes]

    def _own(self, kind: str, path: Path) -> dict[str, Any]:
        """Attributes of a template's file, with what the data set changes of them."""
        if path == self.dataset.config:
            return {}
        return {**_asset_table(path), **self.dataset.changes(kind, path)}

    def _stage(self, path: Path, T: FloatArray | None = None, given: Mapping[str, Any] | None = None) -> None:
        table = self._stage_table(path, given or {})
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
        axes = table
        if "semantic_up" in table or "semantic_front" in table:
            given = {"up": table.get("semantic_up", (0, 1, 0)), "front": table.get("semantic_front", (0, 0, -1))}
            axes = {**table, **given}
        T = asset_transform(axes, path)
        coloured = replace(coloured, vertices=coloured.vertices @ T[:3, :3].T + T[:3, 3])
        corners = np.concatenate([mesh.vertices[mesh.faces] for _, mesh in meshes]).astype(np.float64)
        try:
            owner = instance_of_faces(corners, coloured, annotations, self.notes)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
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
        template = self._template("stages", str(stage["template_name"]), STAGE)
        if template is None:
            raise InputError(f"{self.path}: no stage {stage['template_name']!r} under {self.dataset.folder}")
        self._stage(template[0], self._placement(stage, None), template[1])
        used: dict[str, int] = {}
        triangles = 0
        for number, entry in enumerate(self._list(table, "object_instances")):
            if not isinstance(entry, dict) or "template_name" not in entry:
                raise InputError(f"{self.path}: object {number} needs a 'template_name', got {entry!r:.60}")
            name = Path(str(entry["template_name"])).name
            found = self._template("objects", str(entry["template_name"]), OBJECT)
            if found is None:
                self.notes.add(f"no object {name!r} under {self.dataset.folder.name}; left out")
                continue
            file, given = found
            table_of = {**self.dataset.defaults("objects", file), **self._own("objects", file), **given}
            meshes = self._meshes(table_of, file)
            triangles += sum(len(mesh.faces) for _, mesh in meshes)
            require("scene_things", number, self.path)
            require("scene_triangles", triangles, self.path)
            T = self._placement(entry, [mesh for _, mesh in meshes])
            used[name] = used.get(name, 0) + 1
            instance = f"{name}_{used[name]}"
            category = category_of_name(name)
            self.pieces += [Piece(instance, mesh.transformed(T), category) for _, mesh in meshes]
        articulated = self._list(table, "articulated_object_instances")
        if articulated:
            self.notes.add(f"{len(articulated)} articulated objects (URDF) were left out")

    def _list(self, table: Mapping[str, Any], key: str) -> list[Any]:
        found = table.get(key, [])
        if not isinstance(found, list):
            raise InputError(f"{self.path}: {key!r} must be a list, got {found!r:.60}")
        return found

    def _placement(self, entry: Mapping[str, Any], meshes: list[Mesh] | None) -> FloatArray:
        """T_scene_asset; a translation of the centre of mass is that of the middle of the box, Habitat's default."""
        w = numbers(entry, "rotation", (1.0, 0.0, 0.0, 0.0), self.path)
        if np.linalg.norm(w) < 1e-9:
            raise InputError(f"{self.path}: a rotation has length 0")
        scale = numbers(entry, "non_uniform_scale", (1.0, 1.0, 1.0), self.path)
        scale = scale * float(numbers({"s": [entry.get("uniform_scale", 1.0)]}, "s", (1.0,), self.path)[0])
        T = np.eye(4)
        T[:3, :3] = quat2mat(w) @ np.diag(scale)
        T[:3, 3] = numbers(entry, "translation", (0.0, 0.0, 0.0), self.path)
        if meshes and str(entry.get("translation_origin", "COM")).upper() == "COM":
            bounds = np.stack([mesh.bounds() for mesh in meshes])
            T[:3, 3] -= T[:3, :3] @ ((bounds[:, 0].min(0) + bounds[:, 1].max(0)) / 2)
        return T

    def _template(self, kind: str, name: str, suffix: str) -> tuple[Path, dict[str, Any]] | None:
        """The file of a template, and the attributes that are set over its own."""
        made = self.dataset.configured(kind, name)
        if made is not None:
            return made
        try:
            path = self.dataset.template(name, suffix)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from error
        return None if path is None else (path, {})


def _asset_table(path: Path) -> dict[str, Any]:
    return read_table(path) if path.suffix == ".json" else {"render_asset": path.name}


def _faces_of(mesh: Mesh, keep: BoolArray) -> Mesh:
    """Some triangles of a mesh of one material."""
    cut = make_mesh(mesh.vertices, mesh.faces[keep], mesh.uv[keep], mesh.materials[0], Notes(), "")
    return mesh if cut is None else cut


def _semantic(name: str, suffix: str) -> str:
    """HM3D's names: TEE.glb or TEE.basis.glb has TEE.semantic.glb and TEE.semantic.txt."""
    return name.removesuffix(".glb").removesuffix(".basis") + ".semantic" + suffix


def _has_hm3d_files(path: Path) -> bool:
    return all((path.parent / _semantic(path.name, suffix)).is_file() for suffix in (".glb", ".txt"))


def has_semantics(path: Path) -> bool:
    """Whether a .glb is a stage of Habitat's: HM3D's two files lie beside it, or its data set's paths name it.

    Raises:
        InputError: if the data set's configuration is broken.
    """
    path = path.absolute()
    return path.name.endswith(".glb") and (_has_hm3d_files(path) or path in Dataset(path).stage_meshes())
