# SPDX-License-Identifier: Apache-2.0
"""Worlds by name: a built-in home, or a folder with somebody's scene."""

from __future__ import annotations

from pathlib import Path

from seal_perception.errors import InputError
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.glb import load_glb_scene
from sim_bridge.homes import HOMES, is_home, make_home


def require_scene(name_or_path: str | Path) -> None:
    """Refuse what `open_simulator` cannot open, without opening it.

    Raises:
        InputError: if it is neither a home's name nor a folder.
    """
    if not is_home(str(name_or_path)) and not Path(name_or_path).is_dir():
        raise InputError(
            f"no home and no folder is called {str(name_or_path)!r}; homes are {HOMES[0]} .. {HOMES[24]} and "
            f"{HOMES[25]} .. {HOMES[29]}, a folder holds scene.glb and objects.json"
        )


def open_simulator(name_or_path: str | Path, config: EmbeddedConfig | None = None) -> EmbeddedSimulator:
    """A simulator by the name of a home (`train_01`), or of a folder with scene.glb and objects.json.

    Raises:
        InputError: if it is neither.
    """
    require_scene(name_or_path)
    if is_home(str(name_or_path)):
        return EmbeddedSimulator(make_home(str(name_or_path)), config)
    return EmbeddedSimulator(load_glb_scene(Path(name_or_path)), config)
