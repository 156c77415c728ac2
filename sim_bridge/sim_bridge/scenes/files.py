# SPDX-License-Identifier: Apache-2.0
"""Files that a scene names: found in the folders it may use, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from seal_perception.errors import InputError
from seal_perception.reading import text as reading

RESOURCE_VARIABLES = ("GZ_SIM_RESOURCE_PATH", "IGN_GAZEBO_RESOURCE_PATH", "SDF_PATH", "GAZEBO_MODEL_PATH")
LARGEST = 1e12
"""Metres, radians or factors beyond this are no scene's. Worlds saved while they run hold models that fell for 1e9 m:
these are read, and left out as outliers."""


def resource_folders() -> list[Path]:
    """Folders named by Gazebo's environment variables, that exist."""
    named = [entry for key in RESOURCE_VARIABLES for entry in os.environ.get(key, "").split(os.pathsep) if entry]
    return [Path(entry) for entry in named if Path(entry).is_dir()]


def lexical(path: Path) -> Path:
    """Absolute path without `..`; links are not followed, as they are the user's own."""
    return Path(os.path.normpath(Path(path).absolute()))


class Resources:
    """Looks files up in a few folders.

    Args:
        folders: where files may be read, in the order of the search.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = list(dict.fromkeys(lexical(folder) for folder in folders))

    def allows(self, path: Path) -> bool:
        """Whether a path lies within one of the folders."""
        clean = lexical(path)
        return any(clean.is_relative_to(folder) for folder in self.folders)

    def find(self, uri: str, beside: Path) -> Path | None:
        """The file or folder that a URI names, or None if there is none.

        `model://name/rest` and `package://name/rest` are searched for in every folder; other names beside the file that
        names them, then in every folder. Absolute names count only where they lie within the folders.

        Args:
            uri: `model://...`, `file://...` or a relative path.
            beside: folder of the file that names it.

        Raises:
            InputError: if the URI climbs out of the folders.
        """
        scheme, separator, rest = uri.partition("://")
        name = unquote(rest if separator else uri).replace("\\", "/").strip()
        if not name or "\0" in name or (separator and scheme in ("http", "https")):
            return None
        places = [] if separator and scheme in ("model", "package", "fuel") else [beside]
        paths = [lexical(place / name) for place in (*places, *self.folders)]
        inside = [path for path in paths if self.allows(path)]
        if not inside and ".." in Path(name).parts:
            raise InputError(
                f"{uri!r} leads out of the scene's folders; put the file beside the scene or name its folder (--models)"
            )
        return next((path for path in inside if path.exists()), None)


def read_bytes(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        InputError: if it is no regular file, cannot be read, or is larger than the limit `scene_mb`.
    """
    try:
        return reading.read_bytes(path, "scene_mb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
