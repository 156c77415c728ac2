# SPDX-License-Identifier: Apache-2.0
"""Picture files as an import takes them: checked to be whole before they go into a bag."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from seal_perception.errors import InputError
from seal_perception.reading.pictures import require_picture
from seal_perception.reading.text import read_bytes
from seal_perception.types import UInt16Array

_ENDS = {".jpg": ("jpeg", b"\xff\xd9"), ".jpeg": ("jpeg", b"\xff\xd9"), ".png": ("png", b"IEND\xaeB\x60\x82")}
COLOUR_SUFFIXES = frozenset(_ENDS)
_TAIL = 64
_ORIENTATION = 0x0112
_MEND = "copy it again from its source, or take its frame out of the folder"


def read_colour(path: Path) -> tuple[bytes, str, tuple[int, int]]:
    """A colour picture's own bytes, their format (jpeg or png) and its (width, height).

    Raises:
        InputError: if the file is absent, cut off or no picture.
    """
    data, kind = _read(path)
    # Decoded whole and thrown away: a header alone does not say that a label tool can show the picture.
    pixels = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, path)
    return data, kind, (pixels.shape[1], pixels.shape[0])


def orientation(path: Path) -> int:
    """The EXIF orientation of a colour picture: 1 where the stored pixels are upright, or no tag says otherwise."""
    try:
        with Image.open(path) as picture:
            tag = picture.getexif().get(_ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError):
        return 1  # `read_colour` says what is wrong with the file
    return int(tag) if isinstance(tag, int) and 1 <= tag <= 8 else 1


def read_depth(path: Path) -> UInt16Array:
    """(H, W) uint16 of a depth picture, in the file's own unit.

    Raises:
        InputError: if the file is absent, cut off, or not one channel of 16 bits.
    """
    pixels = _decode(_read(path)[0], cv2.IMREAD_UNCHANGED, path)
    if pixels.ndim != 2 or pixels.dtype != np.uint16:
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        raise InputError(
            f"{path} must be a depth picture of one channel with 16 bits, got {channels} x {pixels.dtype}: "
            "export depth as 16-bit PNG"
        )
    return np.asarray(pixels, np.uint16)


def depth_image(raw: UInt16Array, units_per_m: float) -> tuple[npt.NDArray, str]:
    """Pixels and encoding of the Image for a depth picture, without loss: millimetres stay, others become metres.

    Args:
        raw: (H, W) uint16; 0 = no reading.
        units_per_m: units of `raw` in a metre.
    """
    if units_per_m == 1000.0:
        return raw, "16UC1"
    return (raw / np.float64(units_per_m)).astype("<f4"), "32FC1"


def _read(path: Path) -> tuple[bytes, str]:
    if not path.is_file():
        raise InputError(f"{path} is missing: {_MEND}")
    kind, end = _ENDS[path.suffix.lower()]
    try:
        data = read_bytes(path, "picture_mb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    # OpenCV shows a cut-off picture with grey below and no error.
    if end not in data[-_TAIL:]:
        raise InputError(f"{path} is cut off or no {kind} ({len(data)} bytes): {_MEND}")
    return data, kind


def _decode(data: bytes, flags: int, path: Path) -> npt.NDArray:
    known = require_picture(data, path)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if known else None
    except cv2.error as error:
        raise InputError(f"{path} cannot be read as a picture: {_MEND}") from error
    if pixels is None:
        raise InputError(f"{path} cannot be read as a picture: {_MEND}")
    return np.asarray(pixels)
