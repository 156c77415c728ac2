# SPDX-License-Identifier: Apache-2.0
"""A data set of Habitat's: its configuration with defaults, its scenes, its templates by name."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.errors import InputError
from seal_perception.reading.limits import limit, require
from seal_perception.reading.text import read_json
from seal_perception.types import FloatArray
from sim_bridge.scenes.files import LARGEST, lexical

STAGE, INSTANCE, DATASET = ".stage_config.json", ".scene_instance.json", ".scene_dataset_config.json"
OBJECT = ".object_config.json"
TAG = "%%CONFIG_NAME_AS_ASSET_FILENAME%%"
"""Stands in a default for a file's own name without folders and endings (TEE.basis.glb -> TEE)."""


def read_table(path: Path) -> dict[str, Any]:
    """A file with a JSON object.

    Raises:
        InputError: if it is none.
    """
    try:
        found = read_json(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} must hold a JSON object, got {type(found).__name__}")
    return found


def numbers(table: Mapping[str, Any], key: str, default: tuple[float, ...], path: Path) -> FloatArray:
    """As many finite numbers as the default has.

    Raises:
        InputError: if there are others.
    """
    value = table.get(key, default)
    try:
        out = np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        out = np.empty(0)
    if len(out) != len(default) or not np.isfinite(out).all():
        raise InputError(f"{path}: {key!r} needs {len(default)} numbers, got {value!r:.60}")
    if (np.abs(out) > LARGEST).any():
        raise InputError(f"{path}: {key!r} has a number beyond {LARGEST:.0e}: {value!r:.60}")
    return out


def _entry(table: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise InputError(f"{path}: {key!r} must be a JSON object, got {found!r:.60}")
    return found


def short_name(path: Path) -> str:
    """A file's name without its last two endings."""
    return Path(path.stem).stem


def _bare(handle: str) -> str:
    """A template's name without folders and ending."""
    return Path(handle).name.removesuffix(STAGE).removesuffix(OBJECT).removesuffix(".glb")


class Dataset:
    """The data set that a file belongs to: that of the nearest configuration above, else the file's folder.

    Args:
        path: the configuration, or a file of the data set.

    Attributes:
        folder: of the configuration.
        config: the configuration; None = none.

    Raises:
        InputError: if the configuration is broken, or several in one folder differ.
    """

    def __init__(self, path: Path) -> None:
        self.folder, self.config = _nearest(path)
        self._table = {} if self.config is None else read_table(self.config)
        if self.config is not None:
            _defaults_of(self._table, self.config)
        self._below: list[Path] | None = None
        self._named: dict[str, list[Path]] = {}

    def defaults(self, kind: str, file: Path) -> dict[str, Any]:
        """`default_attributes` of "stages" or "objects", with the file's own name put in."""
        if self.config is None:
            return {}
        found = _entry(_entry(self._table, kind, self.config), "default_attributes", self.config)
        name = short_name(file)
        return {key: value.replace(TAG, name) if isinstance(value, str) else value for key, value in found.items()}

    def files(self, kind: str, ending: str, suffix: str) -> list[Path]:
        """Files that the `paths` of a kind name: globs, or folders of files with the suffix.

        Args:
            kind: "stages", "objects" or "scene_instances".
            ending: key of the paths, ".json" or ".glb".
            suffix: what the files' names end in.

        Raises:
            InputError: if the paths are not lists of strings.
        """
        if self.config is None:
            return []
        patterns = _entry(_entry(self._table, kind, self.config), "paths", self.config).get(ending, [])
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            raise InputError(f"{self.config}: the paths of {kind!r} must be lists of names, got {patterns!r:.60}")
        found: set[Path] = set()
        for pattern in patterns:
            for name in self._matches(pattern):
                path = lexical(self.folder / name)
                found.update(path.glob(f"*{suffix}") if path.is_dir() else [path])
        return sorted(p for p in found if p.name.endswith(suffix) and p.is_relative_to(lexical(self.folder)))

    def _matches(self, pattern: str) -> Iterator[str]:
        """Names that a glob matches below the folder; one that leads out of it is not followed at all.

        Raises:
            InputError: if it matches more files than are looked at.
        """
        pattern = re.sub(r"(\*\*/)+", "**/", os.path.normpath(pattern)) if pattern else ""
        if not pattern or os.path.isabs(pattern) or pattern.startswith("..") or "\0" in pattern:
            return
        if pattern.count("**") > 2:
            raise InputError(f"{self.config}: the path {pattern[:60]!r} has more than two '**'; name the folders")
        most = limit("scene_files")
        for number, name in enumerate(glob.iglob(pattern, root_dir=self.folder, recursive=True), start=1):
            if number > most:
                require("scene_files", number, self.config)
            yield name

    def _all(self) -> list[Path]:
        """Files below the folder.

        Raises:
            InputError: if there are more than are looked at.
        """
        if self._below is None:
            self._below, most = [], limit("scene_files")
            for folder, _, names in os.walk(self.folder):
                self._below += [Path(folder, name) for name in names]
                if len(self._below) > most:
                    require("scene_files", len(self._below), self.folder)
        return self._below

    def _ending_in(self, suffix: str) -> list[Path]:
        return [path for path in self._all() if path.name.endswith(suffix)]

    def scenes(self) -> list[Path]:
        """Scene instances, else stages: by the configuration's paths, or by their names under the folder."""
        found = {*self.files("scene_instances", ".json", INSTANCE), *self._ending_in(INSTANCE)}
        if found:
            return sorted(found)
        stages = sorted({*self.files("stages", ".json", STAGE), *self._ending_in(STAGE)})
        known = {short_name(path) for path in stages}
        bare = [p for p in self.stage_meshes() if short_name(p) not in known]
        return [*stages, *bare]

    def stage_meshes(self) -> list[Path]:
        """Bare .glb files that are stages."""
        return [path for path in self.files("stages", ".glb", ".glb") if not path.name.endswith(".semantic.glb")]

    def template(self, name: str, suffix: str) -> Path | None:
        """Configuration, or else bare .glb, of a template: its name, and the folders named with it.

        Raises:
            InputError: if the name stands for several files.
        """
        if not self._named:
            for path in sorted([*self._ending_in("_config.json"), *self._ending_in(".glb")]):
                self._named.setdefault(path.name, []).append(path)
        base = name.removesuffix(suffix).removesuffix(".glb")
        folders = [part for part in Path(base).parts[:-1] if part not in (".", "..", "/")]
        for ending in (suffix, ".glb"):
            end = [*folders, Path(base).name + ending]
            found = [p for p in self._named.get(end[-1], []) if list(p.parts[-len(end) :]) == end]
            if len(found) > 1:
                names = ", ".join(str(p.relative_to(self.folder)) for p in found[:3])
                raise InputError(f"{len(found)} templates are called {name!r} ({names}); name its folder too")
            if found:
                return found[0]
        return None

    def configured(self, kind: str, name: str) -> tuple[Path, dict[str, Any]] | None:
        """A template that the configuration itself makes under `configs`; None for other names.

        Args:
            kind: "stages" or "objects".
            name: its `template_handle`, with or without folders.

        Returns:
            The file whose attributes it takes (the configuration where it takes none), and the attributes it sets.

        Raises:
            InputError: if the entry is broken, or the file that it takes is not there.
        """
        for row in self._rows(kind):
            handle = row.get("template_handle")
            if not isinstance(handle, str) or _bare(handle) != _bare(name):
                continue
            assert self.config is not None
            original = row.get("original_file")
            if original is None:
                return self.config, _entry(row, "attributes", self.config)
            path = lexical(self.folder / str(original))
            if not path.is_relative_to(lexical(self.folder)) or not path.is_file():
                raise InputError(f"{self.config}: the template {handle!r} is made of {original!r}, which is not there")
            return path, _entry(row, "attributes", self.config)
        return None

    def changes(self, kind: str, path: Path) -> dict[str, Any]:
        """What the configuration changes of a file's own attributes: `configs` without a name, of it or a pattern."""
        out: dict[str, Any] = {}
        for row in self._rows(kind):
            if row.get("template_handle") is None and isinstance(pattern := row.get("original_file"), str):
                own = os.path.relpath(path, self.folder)
                if fnmatch.fnmatchcase(own, os.path.normpath(pattern)):
                    assert self.config is not None
                    out.update(_entry(row, "attributes", self.config))
        return out

    def _rows(self, kind: str) -> list[dict[str, Any]]:
        """Entries of `configs`."""
        if self.config is None:
            return []
        rows = _entry(self._table, kind, self.config).get("configs", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{self.config}: the 'configs' of {kind!r} must be a list of objects, got {rows!r:.60}")
        return rows


def _defaults_of(table: Mapping[str, Any], config: Path) -> list[dict[str, Any]]:
    return [_entry(_entry(table, kind, config), "default_attributes", config) for kind in ("stages", "objects")]


def _nearest(path: Path) -> tuple[Path, Path | None]:
    """The nearest folder above with a scene dataset configuration, and that; else the file's own folder."""
    path = path.absolute()
    if path.name.endswith(DATASET):
        return path.parent, path
    for folder in list(path.parents)[:4]:
        found = sorted(folder.glob(f"*{DATASET}"))
        annotated = [config for config in found if "annotated" in config.name]
        found = annotated if len(found) > 1 and annotated else found
        tables = [read_table(config) for config in found]
        if any(_defaults_of(t, c) != _defaults_of(tables[0], found[0]) for t, c in zip(tables, found, strict=True)):
            names = ", ".join(config.name for config in found)
            raise InputError(f"{folder} has data set configurations that differ ({names}); keep the one that is meant")
        if found:
            return folder, found[0]
    return path.parent, None
