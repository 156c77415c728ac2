# SPDX-License-Identifier: Apache-2.0
"""Worlds by name: a built-in home, somebody's scene by its path, or a scene of Habitat's (`habitat:PATH`)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from seal_perception.errors import InputError
from seal_perception.simulator import Drivable, Simulator, TruthSource
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.habitat.scene import find_scene, is_habitat
from sim_bridge.habitat.simulator import HabitatSimulator
from sim_bridge.homes.build import is_home, make_home
from sim_bridge.homes.variant import parse_name
from sim_bridge.scenes.load import is_scene_path, load_scene, unknown_scene

BACKENDS = ("auto", "embedded", "habitat")


class World(Simulator, Drivable, TruthSource, Protocol):
    """What every backend offers."""


def require_scene(name_or_path: str | Path, backend: str = "auto") -> None:
    """Refuse what `open_simulator` cannot open, without opening it.

    Raises:
        InputError: if it is neither a home's name (or asks for other objects in a way that is not understood), nor
            the path of a scene, nor one of Habitat's scenes.
    """
    name = str(name_or_path)
    if backend not in BACKENDS:
        raise InputError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    if backend == "habitat" or (backend == "auto" and is_habitat(name)):
        find_scene(name)
    elif is_home(name):
        parse_name(name)
    elif not is_scene_path(name):
        raise unknown_scene(name)


def open_simulator(name_or_path: str | Path, config: EmbeddedConfig | None = None, backend: str = "auto") -> World:
    """A simulator by the name of a home (`train_01`), the path of a scene (see `scenes.load`), or `habitat:PATH`.

    Args:
        name_or_path: what to open; `sim_bridge.habitat.scene` documents the names of Habitat's scenes.
        config: the robot and its camera, for either backend.
        backend: "auto" = Habitat for names that begin with `habitat:`, else embedded; or "embedded", "habitat".

    Raises:
        InputError: if there is no such world.
        MissingDependencyError: for Habitat's scenes without habitat-sim.
    """
    require_scene(name_or_path, backend)
    if backend == "habitat" or (backend == "auto" and is_habitat(name_or_path)):
        return HabitatSimulator(name_or_path, config)
    return open_embedded(name_or_path, config)


def open_embedded(name_or_path: str | Path, config: EmbeddedConfig | None = None) -> EmbeddedSimulator:
    """As `open_simulator`, for callers that need the scene itself and so the embedded simulator.

    Raises:
        InputError: if there is no such home or folder.
    """
    require_scene(name_or_path, "embedded")
    if is_home(str(name_or_path)):
        return EmbeddedSimulator(make_home(str(name_or_path)), config)
    return EmbeddedSimulator(load_scene(name_or_path), config)
