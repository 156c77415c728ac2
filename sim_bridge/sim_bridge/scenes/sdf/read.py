# SPDX-License-Identifier: Apache-2.0
"""Gazebo worlds: SDF files with models, includes and poses."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from seal_perception.categories import NO_CATEGORY
from seal_perception.errors import InputError
from seal_perception.pose import invert
from seal_perception.reading.limits import limit, require
from seal_perception.types import FloatArray
from sim_bridge.scenes.files import Resources, resource_folders
from sim_bridge.scenes.meshes.read import MeshReader
from sim_bridge.scenes.names import category_of_name
from sim_bridge.scenes.pieces import Notes, Piece
from sim_bridge.scenes.sdf.pose import Scope, base_of, numbers, pose_matrix, scope_of
from sim_bridge.scenes.sdf.visual import Visuals
from sim_bridge.scenes.xml import read_xml

Element = ElementTree.Element
MAX_DEPTH = 32
FUEL = (Path(".gz/fuel"), Path(".ignition/fuel"))
BUILT_IN: dict[str, str | None] = {
    "sun": None,
    "ground_plane": "<model name='ground_plane'><link name='link'><visual name='visual'><geometry><plane/></geometry>"
    "</visual></link></model>",
}
"""Models that every Gazebo brings, for worlds whose folders lack them; a sun shows nothing."""
SKIPPED = {"actor": "actors are", "population": "populations are", "road": "roads are"}


def world_folders(path: Path, models: tuple[Path, ...]) -> list[Path]:
    """Folders in which a world may look for models: its own, `models` beside and above it, options, Gazebo's paths."""
    here = path.parent.absolute()
    near = [here, here / "models", here.parent / "models"]
    fuel = [Path.home() / cache for cache in FUEL]
    return [folder for folder in (*models, *near, *resource_folders(), *fuel) if folder.is_dir()]


def _version(folder: Path) -> tuple[int, str]:
    """Order of the folders of a model's versions: 10 comes after 9."""
    return (int(folder.name) if folder.name.isdecimal() else -1, folder.name)


class SdfReader:
    """Reads one world.

    Args:
        path: the `.sdf` or `.world` file.
        models: more folders with models.
        notes: receives what was repaired or left out.
    """

    def __init__(self, path: Path, models: tuple[Path, ...], notes: Notes) -> None:
        self.path, self.notes = path, notes
        self.resources = Resources(world_folders(path, models))
        self.visuals = Visuals(MeshReader(self.resources, notes), self.find, notes)
        self.pieces: list[Piece] = []
        self._count, self._most = 0, limit("scene_things")
        self._triangles = 0
        self._used: set[tuple[str, ...]] = set()
        self._numbers: dict[tuple[str, ...], int] = {}
        self._roots: dict[Path, Element] = {}

    def find(self, uri: str, beside: Path) -> Path | None:
        """Path of a URI; models on Gazebo's server are taken from its cache or by their name, never downloaded.

        Raises:
            InputError: if the URI leads out of the folders.
        """
        scheme, separator, rest = uri.partition("://")
        if separator and scheme in ("http", "https"):
            words = [word for word in rest.split("/") if word and word != "1.0"]
            for cache in FUEL if ".." not in words else ():
                place = (Path.home() / cache).joinpath(*[word.lower() for word in words])
                versions = [file.parent for file in place.glob("*/model.sdf")]
                if versions:
                    return max(versions, key=_version)
            return self.resources.find(f"model://{words[-1]}", beside) if words else None
        if separator and scheme == "file":
            # file:///abs/path, and file://relative as many worlds have it.
            return self.resources.find(rest, beside)
        return self.resources.find(uri, beside)

    def read(self) -> list[Piece]:
        """All visuals as pieces in the world frame, metres, z up.

        Raises:
            InputError: if the file or one that it includes is broken.
        """
        root = read_xml(self.path, self.notes)
        if root.tag not in ("sdf", "gazebo"):
            raise InputError(f"{self.path} is not SDF: its root is <{root.tag}>, expected <sdf>")
        worlds = root.findall("world")
        if len(worlds) > 1:
            self.notes.add(f"{self.path.name} has {len(worlds)} worlds; the first is read")
        world = worlds[0] if worlds else root
        states = {
            model.get("name", ""): pose_matrix(model.find("pose"), self.path)
            for model in world.findall("state/model")
            if model.find("pose") is not None
        }
        for model in world.findall("state/model"):
            scale = model.findtext("scale")
            if scale and (numbers(scale, 3, "scale", self.path) != 1.0).any():
                self.notes.add(f"the saved state scales {model.get('name', '')!r} by {scale.strip()}; shown unscaled")
        scope = scope_of(world, self.path)
        for element in world:
            if element.tag in SKIPPED:
                self.notes.add(f"{SKIPPED[element.tag]} left out")
            elif element.tag in ("model", "include"):
                self._thing(element, np.eye(4), scope, self.path, (), (self.path,), states)
        return self.pieces

    def _thing(
        self,
        element: Element,
        T_world_scope: FloatArray,
        scope: Scope,
        path: Path,
        names: tuple[str, ...],
        files: tuple[Path, ...],
        states: dict[str, FloatArray],
        called: str = "",
    ) -> None:
        """A `<model>` or an `<include>`: find its model, its name and its pose, then its visuals."""
        self._counted()
        if len(names) > MAX_DEPTH or len(files) > MAX_DEPTH:
            raise InputError(f"{path}: models are nested more than {MAX_DEPTH} deep")
        model, file, given = element, path, element.get("name", "")
        if element.tag == "include":
            found = self._included(element, path, files)
            if found is None:
                return
            model, file = found
            given = (element.findtext("name") or "").strip() or model.get("name", "")
            files = (*files, file)
        name = called or self._unused((*names, given or "model"))
        at = element if element.find("pose") is not None else model
        T = T_world_scope @ scope.pose(base_of(at) if at is element else "") @ pose_matrix(at.find("pose"), path)
        inner = scope_of(model, file)
        placement = (element.findtext("placement_frame") or model.get("placement_frame") or "").strip()
        if placement:
            T = T @ invert(inner.pose(placement))
        if not names and name in states:
            T = states[name]
        self._contents(model, T, inner, file, (*names, name), files)

    def _counted(self) -> None:
        self._count += 1
        if self._count > self._most:
            require("scene_things", self._count, f"{self.path} (does a model include itself?)")

    def _unused(self, names: tuple[str, ...]) -> str:
        """The last of the names, with a number where another model has the same."""
        name, number = names[-1], self._numbers.get(names, 1)
        while (*names[:-1], name) in self._used:
            number += 1
            name = f"{names[-1]}_{number}"
        self._used.add((*names[:-1], name))
        self._numbers[names] = max(number, 1)
        return name

    def _contents(
        self, model: Element, T: FloatArray, scope: Scope, file: Path, names: tuple[str, ...], files: tuple[Path, ...]
    ) -> None:
        links, nested = model.findall("link"), [*model.findall("model"), *model.findall("include")]
        for link in links:
            T_link = T @ scope.pose(base_of(link)) @ pose_matrix(link.find("pose"), file)
            for visual in link.findall("visual"):
                base = base_of(visual)
                T_base = T @ scope.pose(base) if base else T_link
                self._visual(visual, T_base @ pose_matrix(visual.find("pose"), file), file, names, model)
        # A model that only wraps another one is that one: the name of the outer counts.
        alone = len(nested) == 1 and not any(link.find("visual") is not None for link in links)
        for element in nested:
            if alone:
                self._thing(element, T, scope, file, names[:-1], files, {}, names[-1])
            else:
                self._thing(element, T, scope, file, names, files, {})

    def _visual(self, visual: Element, T: FloatArray, file: Path, names: tuple[str, ...], model: Element) -> None:
        self._counted()
        instance = "::".join(names)
        category = category_of_name(names[-1])
        if category == NO_CATEGORY:
            category = category_of_name(model.get("name", ""))
        if category == NO_CATEGORY and file != self.path:
            category = category_of_name(file.parent.name)
        for node, mesh in self.visuals.meshes(visual, file, names[0]):
            own, name = category, instance
            if category == NO_CATEGORY and category_of_name(node) != NO_CATEGORY:
                own, name = category_of_name(node), f"{instance}::{node}"
            self._triangles += len(mesh.faces)
            require("scene_triangles", self._triangles, self.path)
            self.pieces.append(Piece(name, mesh.transformed(T), own))

    def _included(self, element: Element, path: Path, files: tuple[Path, ...]) -> tuple[Element, Path] | None:
        """The `<model>` that an `<include>` names, and its file; None, with a note, where there is none."""
        uri = (element.findtext("uri") or "").strip()
        if not uri:
            raise InputError(f"{path}: an <include> has no <uri>")
        place = self.find(uri, path.parent)
        file = None if place is None else self._model_file(place)
        bare = uri.rstrip("/").rsplit("/", 1)[-1].lower().replace(" ", "_")
        if file is None and bare in BUILT_IN:
            own = BUILT_IN[bare]
            return None if own is None else (ElementTree.fromstring(own), path)
        if file is None:
            self.notes.add(f"the model {uri!r} was not found; left out (name the folder it is in with --models)")
            return None
        if file in files:
            raise InputError(f"{file} includes itself")
        if file not in self._roots:
            self._roots[file] = read_xml(file, self.notes)
        model = self._roots[file].find("model")
        if model is None:
            if self._roots[file].find("light") is None and self._roots[file].find("actor") is None:
                self.notes.add(f"{uri!r} holds no <model>; left out")
            return None
        return model, file

    def _model_file(self, place: Path) -> Path | None:
        """The SDF file of a model's folder: what model.config names last (the newest), else model.sdf."""
        if place.is_file():
            return place
        config = place / "model.config"
        if config.is_file():
            for name in reversed(self._named_in(config)):
                file = self.resources.find(name, place)
                if file is not None and file.is_file():
                    return file
        return place / "model.sdf" if (place / "model.sdf").is_file() else None

    def _named_in(self, config: Path) -> list[str]:
        """The SDF files that a model.config names; all else in it is for people, so a broken one is gone by."""
        try:
            root = read_xml(config, self.notes)
        except InputError as error:
            if not (config.parent / "model.sdf").is_file():
                raise
            self.notes.add(f"{error}; the model.sdf beside it is read")
            return []
        return [name for entry in root.findall("sdf") if (name := (entry.text or "").strip())]
