# SPDX-License-Identifier: Apache-2.0
"""Pictures to look at: files and folders of them, and COCO datasets; bags and recordings are in `seal_mapping`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from seal_perception.reading.pictures import read_rgb
from seal_perception.types import UInt8Array

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp"))
"""Of the files that are taken from a folder; a file that is named may have any that the reading room opens."""
DETECTIONS, OVERLAYS = "detections.json", "overlays"
"""What `seal detect` writes; a folder below a given one that holds both is its result and no input."""


@dataclass(frozen=True)
class Picture:
    """One picture as a detector should see it: upright.

    Attributes:
        name: where it lies, relative to the source; no two are the same.
        rgb: (H, W, 3) uint8.
        id: of its COCO row.
        extra: further JSON-ready keys of that row, such as stamp_ns.
    """

    name: str
    rgb: UInt8Array
    id: int
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BadPicture:
    """A picture that cannot be read, and why in one line."""

    name: str
    reason: str


class PictureSource(Protocol):
    """Pictures that can be read in any order.

    Attributes:
        lines: what was chosen, for people.
    """

    lines: tuple[str, ...]

    def __len__(self) -> int:
        """Number of pictures, broken ones too."""
        ...

    def read(self, indices: Sequence[int]) -> Iterator[Picture | BadPicture]:
        """These pictures, one after the other."""
        ...

    def facts(self) -> list[Any]:
        """JSON-ready; another list means other pictures."""
        ...


class PictureFiles:
    """Picture files, and folders with all that lies below them but earlier results of `seal detect`.

    Args:
        paths: files and folders.
        leave_out: a folder whose files are not taken, such as the one that is written.

    Raises:
        InputError: if a path is missing, or there is no picture at all.
    """

    def __init__(self, paths: Sequence[Path], leave_out: Path | None = None) -> None:
        below = None if leave_out is None else Path(os.path.realpath(leave_out))
        files = dict.fromkeys(file for path in paths for file in _files_of(_plain(path), below))
        if not files:
            raise InputError(
                f"{', '.join(map(str, paths))}: no picture found; expected files with {', '.join(sorted(SUFFIXES))}, "
                "a folder of them (or of folders), a COCO dataset, a bag or a folder of RGB-D frames"
            )
        alone = len(paths) == 1 and paths[0].is_dir()
        self.root = _plain(paths[0]) if alone else Path(os.path.commonpath([file.parent for file in files]))
        self._files = list(files)
        self.lines: tuple[str, ...] = (f"pictures: {len(files)} below {self.root}",)

    def __len__(self) -> int:
        return len(self._files)

    def read(self, indices: Sequence[int]) -> Iterator[Picture | BadPicture]:
        """These pictures, turned as their EXIF orientation says."""
        for index in indices:
            path = self._files[index]
            name = path.relative_to(self.root).as_posix()
            try:
                yield Picture(name, read_rgb(path), index + 1)
            except (InputError, OSError, MemoryError) as error:
                yield BadPicture(name, _reason(error, path))

    def facts(self) -> list[Any]:
        """Name, size and time of every file."""
        return [file_facts(file) for file in self._files]


class DatasetPictures:
    """The pictures of a COCO dataset, with its ids and names; its labels are not looked at.

    Args:
        dataset: opened.
    """

    def __init__(self, dataset: CocoDataset) -> None:
        self._dataset = dataset
        self.lines: tuple[str, ...] = (f"pictures: {len(dataset)} of the dataset {dataset.file}",)

    def __len__(self) -> int:
        return len(self._dataset)

    def read(self, indices: Sequence[int]) -> Iterator[Picture | BadPicture]:
        """These pictures, in the orientation that was drawn on."""
        for index in indices:
            row = self._dataset.image_info(index)
            name = str(row["file_name"])
            try:
                yield Picture(name, self._dataset.image(index), int(row["id"]))
            except (InputError, OSError, MemoryError) as error:
                yield BadPicture(name, _reason(error, self._dataset.folder))

    def facts(self) -> list[Any]:
        """The annotation file and its time."""
        file = self._dataset.file
        return [str(file.absolute()), file.stat().st_size, file.stat().st_mtime_ns]


def _plain(path: Path) -> Path:
    """A path from the root on without "..", so that a picture's name stays below its source's folder."""
    whole = path.absolute()
    if ".." not in whole.parts:
        return whole
    # The file system resolves "..": behind a link it is not what stands before it. A file's own link is kept.
    return Path(os.path.realpath(whole)) if whole.is_dir() else Path(os.path.realpath(whole.parent)) / whole.name


def file_facts(file: Path) -> list[Any]:
    """Name, size and time of a file; None for both where it is gone, or a link that leads nowhere."""
    try:
        found = file.stat()
    except OSError:
        return [str(file), None, None]
    return [str(file), found.st_size, found.st_mtime_ns]


def _files_of(path: Path, leave_out: Path | None) -> Iterator[Path]:
    """The pictures of a folder in the order of their names, hidden ones left out; a file as it is."""
    if not path.is_dir():
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder")
        yield path
        return
    for folder, folders, names in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if name[0] != "." and not _is_output(here / name, leave_out))
        yield from (here / name for name in sorted(names) if name[0] != "." and Path(name).suffix.lower() in SUFFIXES)


def _is_output(folder: Path, leave_out: Path | None) -> bool:
    """Whether a folder is the one to leave out, or one that `seal detect` wrote."""
    if leave_out is not None and Path(os.path.realpath(folder)) == leave_out:
        return True
    return is_result(folder)


def is_result(folder: Path) -> bool:
    """Whether `seal detect` wrote this folder."""
    return (folder / DETECTIONS).is_file() and (folder / OVERLAYS).is_dir()


def _reason(error: Exception, path: Path) -> str:
    """Why a picture cannot be read, without its path, which is said anyway."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.removeprefix(str(path)).split())[:200] or type(error).__name__
