# SPDX-License-Identifier: Apache-2.0
"""Worlds by name: a built-in home, a folder with somebody's scene, or a scene of Habitat's (`habitat:PATH`)."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Protocol

from seal_perception.errors import InputError
from seal_perception.simulator import Drivable, Simulator, TruthSource
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.glb import load_glb_scene
from sim_bridge.habitat import HabitatSimulator
from sim_bridge.habitat_engine import HabitatConfig
from sim_bridge.habitat_scene import PREFIX, find_scene, is_habitat
from sim_bridge.homes import HOMES, is_home, make_home

BACKENDS = ("auto", "embedded", "habitat")


class World(Simulator, Drivable, TruthSource, Protocol):
    """What every backend offers."""


def habitat_config(config: EmbeddedConfig | None) -> HabitatConfig:
    """The same robot and camera for Habitat."""
    wanted = {field.name for field in fields(HabitatConfig)} - {"cell_m"}
    shared = {field.name for field in fields(EmbeddedConfig)} & wanted
    given = EmbeddedConfig() if config is None else config
    return HabitatConfig(**{name: getattr(given, name) for name in shared})


def require_scene(name_or_path: str | Path, backend: str = "auto") -> None:
    """Refuse what `open_simulator` cannot open, without opening it.

    Raises:
        InputError: if it is neither a home's name, nor a folder, nor one of Habitat's scenes.
    """
    name = str(name_or_path)
    if backend not in BACKENDS:
        raise InputError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    if backend == "habitat" or (backend == "auto" and is_habitat(name)):
        find_scene(name)
    elif not is_home(name) and not Path(name).is_dir():
        raise InputError(
            f"no home and no folder is called {name!r}; homes are {HOMES[0]} .. {HOMES[24]} and "
            f"{HOMES[25]} .. {HOMES[29]}, a folder holds scene.glb and objects.json, Habitat's scenes are {PREFIX}PATH"
        )


def open_simulator(name_or_path: str | Path, config: EmbeddedConfig | None = None, backend: str = "auto") -> World:
    """A simulator by the name of a home (`train_01`), a folder with scene.glb and objects.json, or `habitat:PATH`.

    Args:
        name_or_path: what to open; `sim_bridge.habitat_scene` says how Habitat's scenes are named.
        config: the robot and its camera, for either backend.
        backend: "auto" = Habitat for names that begin with `habitat:`, else embedded; or "embedded", "habitat".

    Raises:
        InputError: if there is no such world.
        MissingDependencyError: for Habitat's scenes without habitat-sim.
    """
    require_scene(name_or_path, backend)
    if backend == "habitat" or (backend == "auto" and is_habitat(name_or_path)):
        return HabitatSimulator(name_or_path, habitat_config(config))
    return open_embedded(name_or_path, config)


def open_embedded(name_or_path: str | Path, config: EmbeddedConfig | None = None) -> EmbeddedSimulator:
    """As `open_simulator`, for callers that need the scene itself and so the embedded simulator.

    Raises:
        InputError: if there is no such home or folder.
    """
    require_scene(name_or_path, "embedded")
    if is_home(str(name_or_path)):
        return EmbeddedSimulator(make_home(str(name_or_path)), config)
    return EmbeddedSimulator(load_glb_scene(Path(name_or_path)), config)
