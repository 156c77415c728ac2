# SPDX-License-Identifier: Apache-2.0
"""Resume a saved map."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.io import load_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError


class MisfitError(InputError):
    """A map that is whole, but of other voxels or categories than asked for."""


def resume_map(path: Path | str, config: MapConfig) -> tuple[VoxelMap, tuple[str, ...]]:
    """A saved map to resume, with its own parameters.

    Args:
        path: what `save_map` wrote.
        config: the numbers that a new map would have; size of voxels and number of categories must be the same.

    Returns:
        The map, and the names of the numbers in which its own differ from `config`.

    Raises:
        MisfitError: if voxels or categories are others.
        InputError: if the file is missing, broken, of another kind or version.
    """
    loaded = load_map(path)
    other = tuple(f.name for f in fields(MapConfig) if getattr(loaded.config, f.name) != getattr(config, f.name))
    for name in ("voxel_m", "num_categories", "categories"):
        if name in other:
            there, wanted = (_shown(getattr(one, name)) for one in (loaded.config, config))
            raise MisfitError(f"{path} has {name} {there}, expected {wanted}: set map.{name}")
    return loaded, other


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
