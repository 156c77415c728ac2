# SPDX-License-Identifier: Apache-2.0
"""The colour pictures of a folder of RGB-D frames by themselves, turned upright by its poses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seal_mapping.annotation.drawn import turned_suffix
from seal_mapping.folders.layouts import LAYOUTS, read_recording
from seal_mapping.folders.plan import ImportOptions, plan_import
from seal_perception.errors import InputError
from seal_perception.pictures.source import BadPicture, Picture, file_facts
from seal_perception.reading.pictures import read_rgb
from seal_perception.upright import TURNED, quarter_turns, turn_picture, upright_lines


def is_recording(folder: Path) -> bool:
    """Whether a folder has one of the layouts of RGB-D frames that `seal bag import` reads."""
    return folder.is_dir() and any(fits(folder) for _, fits in LAYOUTS.values())


class FolderPictures:
    """The colour pictures of a recorded folder: a `PictureSource`.

    Stored pixels are taken, to which the poses belong, whatever the EXIF orientation says.

    Args:
        folder: of a layout that `is_recording` knows.
        up: what points up in its world, as `ImportOptions.up`; a camera on its side needs it.

    Raises:
        InputError: if its files do not fit each other, or `up` is given and cannot be used.
    """

    def __init__(self, folder: Path, up: str = "auto") -> None:
        self._folder = folder
        recording = read_recording(folder)
        self._files = [picture.path for picture in recording.colour]
        self._stamps = [picture.stamp_ns for picture in recording.colour]
        self.lines: tuple[str, ...] = (f"pictures: {len(self._files)} of {folder}, layout {recording.layout}",)
        try:
            plan = plan_import(folder, ImportOptions(up=up))
        except InputError as error:  # without intrinsics, for example: colour is enough
            if up != "auto":
                raise InputError(f"--read up={up} cannot be used: {error}; leave it out for colour alone") from error
            self._turns = [0] * len(self._files)
            self.lines += (f"pictures are taken as upright (--read up=z for a camera on its side): {error}",)
            return
        poses = list(plan.T_map_world @ plan.recording.nearest_poses())
        self._turns = [quarter_turns(T) for T in poses]
        self.lines += tuple(upright_lines(str(folder), poses))

    def __len__(self) -> int:
        return len(self._files)

    def read(self, indices: Sequence[int]) -> Iterator[Picture | BadPicture]:
        """These pictures, upright."""
        for index in indices:
            path, turns = self._files[index], self._turns[index]
            file = path.relative_to(self._folder)
            name = file.with_name(f"{file.stem}{turned_suffix(turns)}{file.suffix}").as_posix()
            extra: dict[str, Any] = {"stamp_ns": self._stamps[index], **({TURNED: 90 * turns} if turns else {})}
            try:
                yield Picture(name, turn_picture(read_rgb(path, turn=False), turns), index + 1, extra)
            except (InputError, OSError, MemoryError) as error:
                yield BadPicture(name, " ".join(str(error).split())[:200])

    def facts(self) -> list[Any]:
        """Name, size and time of every file, and how each picture is turned."""
        return [[file_facts(file) for file in self._files], self._turns]
