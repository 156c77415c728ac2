# SPDX-License-Identifier: Apache-2.0
"""Any scene by its name or path."""

from __future__ import annotations

from pathlib import Path

from seal_perception.errors import InputError
from sim_bridge.glb import load_glb_scene
from sim_bridge.homes import is_home, make_home
from sim_bridge.mesh import Scene


def read_scene(name_or_path: str | Path) -> Scene:
    """The scene of a home's name or of a folder.

    Raises:
        InputError: if it is neither.
    """
    if is_home(str(name_or_path)):
        return make_home(str(name_or_path))
    if not Path(name_or_path).is_dir():
        raise InputError(f"no home and no folder is called {str(name_or_path)!r}")
    return load_glb_scene(name_or_path)
