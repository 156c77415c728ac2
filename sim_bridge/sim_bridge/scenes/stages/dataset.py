# SPDX-License-Identifier: Apache-2.0
"""A data set of Habitat's: its configuration with defaults, its scenes, its templates by name."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.errors import InputError
from seal_perception.files import read_json
from seal_perception.types import FloatArray
from sim_bridge.scenes.files import lexical

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
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
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
    except (TypeError, ValueError):
        out = np.empty(0)
    if len(out) != len(default) or not np.isfinite(out).all():
        raise InputError(f"{path}: {key!r} needs {len(default)} numbers, got {value!r:.60}")
    return out


def _entry(table: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise InputError(f"{path}: {key!r} must be a JSON object, got {found!r:.60}")
    return found


def short_name(path: Path) -> str:
    """A file's name without its last two endings."""
    return Path(path.stem).stem


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
        self._files: list[Path] | None = None

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
            for name in glob.glob(pattern, root_dir=self.folder, recursive=True):
                path = lexical(self.folder / name)
                found.update(path.glob(f"*{suffix}") if path.is_dir() else [path])
        return sorted(p for p in found if p.name.endswith(suffix) and p.is_relative_to(lexical(self.folder)))

    def scenes(self) -> list[Path]:
        """Scene instances, else stages: by the configuration's paths, or by their names under the folder."""
        found = {*self.files("scene_instances", ".json", INSTANCE), *self.folder.rglob(f"*{INSTANCE}")}
        if found:
            return sorted(found)
        stages = sorted({*self.files("stages", ".json", STAGE), *self.folder.rglob(f"*{STAGE}")})
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
        if self._files is None:
            self._files = sorted([*self.folder.rglob("*_config.json"), *self.folder.rglob("*.glb")])
        base = name.removesuffix(suffix).removesuffix(".glb")
        folders = [part for part in Path(base).parts[:-1] if part not in (".", "..", "/")]
        for ending in (suffix, ".glb"):
            end = [*folders, Path(base).name + ending]
            found = [p for p in self._files if list(p.parts[-len(end) :]) == end]
            if len(found) > 1:
                names = ", ".join(str(p.relative_to(self.folder)) for p in found[:3])
                raise InputError(f"{len(found)} templates are called {name!r} ({names}); name its folder too")
            if found:
                return found[0]
        return None


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
