# SPDX-License-Identifier: Apache-2.0
"""The picture files of a COCO file: where they lie, and how they are read in the orientation that was drawn on."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from seal_perception.coco.names import shown
from seal_perception.errors import InputError
from seal_perception.reading.pictures import FORMATS
from seal_perception.types import UInt8Array

NAMES = ("annotations.json", "_annotations.coco.json", "result.json", "annotations/instances_default.json")
"""What tools call the file: `seal label`, Roboflow, Label Studio, CVAT."""
_TURNED = frozenset((5, 6, 7, 8))
"""EXIF orientations that swap width and height."""
_ORIENTATION = 0x0112


def find_annotations(path: Path) -> Path:
    """The COCO file behind a path: the file itself, or the one in a folder.

    Raises:
        InputError: if there is none, or it cannot be told which.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError(f"dataset {path} is not a folder and no file; expected a folder with annotations.json (COCO)")
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    found = sorted((path / "annotations").glob("*.json"))[:2] or sorted(path.glob("*.json"))[:2]
    if len(found) == 1 and found[0].name != "labels.json":
        return found[0]
    why = (
        "(it has no annotations.json)" if not found else "(no annotations.json, and more than one other: name the file)"
    )
    raise InputError(f"dataset {path} is incomplete {why}; expected a folder of `seal label`, `seal scene` or COCO")


def picture_folders(file: Path) -> tuple[Path, ...]:
    """Folders in which the pictures of a COCO file may lie, as tools put them, the likely ones first."""
    here = file.parent
    out = [here, here / "images"]
    if here.name == "annotations":  # CVAT and COCO itself
        split = file.stem.removeprefix("instances_")
        out += [here.parent / "images", here.parent / "images" / split, here.parent / split, here.parent]
    return tuple(out)


def inner_path(name: object, where: str) -> PurePosixPath:
    """A picture's name as a path that does not leave its folder.

    Raises:
        InputError: if it is none.
    """
    path = PurePosixPath(name) if isinstance(name, str) else None
    if path is None or not path.name or "\0" in str(path):
        raise InputError(f"{where}: file_name must be the name of a picture, got {shown(repr(name))}")
    parts = (*path.parts, *str(path).replace("\\", "/").split("/"))
    if path.is_absolute() or ".." in parts or str(path)[1:3] == ":\\":
        raise InputError(f"{where}: file_name must lie in the dataset's folder, got {shown(repr(name))}")
    return path


def find_picture(name: PurePosixPath, folders: Sequence[Path]) -> Path:
    """The file of a picture, in the first folder that has it; separators of Windows are understood too.

    Raises:
        InputError: if none has it.
    """
    plain = PurePosixPath(str(name).replace("\\", "/"))
    for folder in folders:
        for path in (folder / name, folder / plain):
            try:
                if path.is_file():
                    return path
            except OSError:  # a name longer than a file system takes
                continue
    looked = ", ".join(dict.fromkeys(str(folder) for folder in folders))
    raise InputError(
        f"picture {shown(name)} is missing or broken: it is no file in {looked}; --pictures names a folder"
    )


def check_picture(path: Path, size: tuple[int, int]) -> None:
    """Compare a picture's header with the size that was drawn on, before its pixels are unpacked.

    Args:
        path: the picture.
        size: height and width in the annotation file: of the picture as stored, or as its EXIF orientation turns it.

    Raises:
        InputError: if it is no picture, or of another size.
    """
    try:
        with Image.open(path, formats=FORMATS) as header:
            stored = header.size[::-1]
            fits = stored == size or (stored[::-1] == size and header.getexif().get(_ORIENTATION) in _TURNED)
    except Exception as error:  # PIL raises many kinds for a broken header, a bomb among them
        raise InputError(f"picture {path} is missing or broken: {shown(error)}") from error
    if not fits:
        raise InputError(f"picture {path} must be {size} (H, W), got {stored}")


def read_picture(path: Path, size: tuple[int, int]) -> UInt8Array:
    """(H, W, 3) uint8 RGB of a picture, in the orientation that was drawn on.

    Tools show a picture as its EXIF orientation says and give that size; some give the stored one. So the size decides;
    where it cannot (square, or turned by 180 degrees), the tag counts.

    Args:
        path: the picture.
        size: see `check_picture`.

    Raises:
        InputError: if it is missing, broken or of another size.
    """
    check_picture(path, size)
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is not None and bgr.shape[:2] != size:
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise InputError(f"picture {path} is missing or broken")
    if bgr.shape[:2] != size:
        raise InputError(f"picture {path} must be {size} (H, W), got {bgr.shape[:2]}")
    return np.asarray(np.ascontiguousarray(bgr[..., ::-1]), dtype=np.uint8)


def decode_png(data: bytes, size: tuple[int, int]) -> npt.NDArray[Any]:
    """(H, W) pixels of a PNG, its first channel; the size in its header is compared before pixels are unpacked.

    Raises:
        InputError: if it is no PNG, or of another size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            found = picture.size[::-1]
            pixels = np.asarray(picture) if found == size else np.zeros(size, np.uint8)
    except Exception as error:  # PIL raises many kinds for a broken picture, a bomb among them
        raise InputError("it is no PNG picture, or a broken one") from error
    if found != size:
        raise InputError(f"it must be {size[1]} x {size[0]} pixels, got {found[1]} x {found[0]}")
    return np.asarray(pixels.reshape(*size, -1)[..., 0])
