# SPDX-License-Identifier: Apache-2.0
"""Which files of a Habitat data set a scene's name means.

A name is `habitat:PATH` or `habitat:CONFIG::SCENE`:

- PATH is a scene file (`.glb`, `.ply`, `.stage_config.json`, `.scene_instance.json`) as Gibson, HM3D, MP3D and Replica
  have them, or a folder that holds one scene. The data set's configuration (`*.scene_dataset_config.json`, HM3D's
  semantics need it) is searched for beside it and in the three folders above.
- CONFIG is such a configuration, SCENE the name of one of its scenes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seal_perception.errors import InputError

PREFIX = "habitat:"
CONFIG_END = ".scene_dataset_config.json"
SCENE_ENDS = (".scene_instance.json", ".stage_config.json", ".basis.glb", ".glb", ".ply")
PARENTS = 4


@dataclass(frozen=True)
class HabitatScene:
    """The files and names that habitat-sim opens.

    Attributes:
        name: short name of the scene.
        scene_id: a file, or a name within the data set.
        dataset_config: the data set's configuration file; "default" = none.
    """

    name: str
    scene_id: str
    dataset_config: str = "default"


def _short(name: str) -> str:
    base = name.rsplit("/", 1)[-1]
    for end in SCENE_ENDS:
        if base.endswith(end):
            return base[: -len(end)]
    return base


def _configs(folder: Path) -> list[Path]:
    """The configuration of this folder; with several (HM3D) the annotated ones."""
    found = sorted(folder.glob(f"*{CONFIG_END}"))
    annotated = [path for path in found if "annotated" in path.name]
    return annotated if len(found) > 1 and annotated else found


def _nearest_config(path: Path) -> str:
    for folder in list(path.absolute().parents)[:PARENTS]:
        found = _configs(folder)
        if len(found) > 1:
            raise InputError(
                f"{folder} has {len(found)} data set configurations ({', '.join(p.name for p in found)}); say which: "
                f"{PREFIX}{found[0]}::{_short(path.name)}"
            )
        if found:
            return str(found[0])
    return "default"


def _in_folder(folder: Path) -> Path:
    """The one scene file of a folder or of its `stages`."""
    for end in SCENE_ENDS:
        found = sorted(p for p in (*folder.glob(f"*{end}"), *folder.glob(f"stages/*{end}")) if _is_scene(p))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(p.name for p in found[:5])
            raise InputError(f"{folder} has {len(found)} scenes ({names}, ...); name one: {PREFIX}{found[0]}")
    raise InputError(f"{folder} has no scene for Habitat (a file that ends in {', '.join(SCENE_ENDS)})")


def _is_scene(path: Path) -> bool:
    """Whether a file is a scene rather than the semantics of one."""
    return ".semantic." not in path.name and not path.name.endswith("_semantic.ply")


def is_habitat(name: str | Path) -> bool:
    """Whether a scene's name asks for Habitat."""
    return str(name).startswith(PREFIX)


def find_scene(name: str | Path) -> HabitatScene:
    """The files of a scene's name, with or without the prefix.

    Raises:
        InputError: if a file is absent, or it is not clear which is meant.
    """
    text = str(name).removeprefix(PREFIX)
    config, _, scene = text.partition("::")
    if scene:
        if not (config.endswith(CONFIG_END) and Path(config).is_file()):
            raise InputError(f"{config!r} is no data set configuration; expected the path of a file *{CONFIG_END}")
        return HabitatScene(_short(scene), scene, config)
    path = Path(text)
    if text and path.is_dir():
        path = _in_folder(path)
    if not path.is_file():
        raise InputError(
            f"no file or folder is called {text!r}; Habitat's scenes are named {PREFIX}PATH or {PREFIX}CONFIG::SCENE"
        )
    if not path.name.endswith(SCENE_ENDS):
        raise InputError(f"{path} is no scene for Habitat; expected a file that ends in {', '.join(SCENE_ENDS)}")
    return HabitatScene(_short(path.name), str(path), _nearest_config(path))
