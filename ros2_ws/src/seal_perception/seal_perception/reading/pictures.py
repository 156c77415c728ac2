# SPDX-License-Identifier: Apache-2.0
"""Picture files that others wrote: their size is known from the header before a pixel is asked for.

A file of a few kilobytes can hold a picture of gigabytes.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.errors import InputError
from seal_perception.reading.limits import require
from seal_perception.reading.text import read_bytes
from seal_perception.types import UInt8Array

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
"""What is opened, whatever a file is called: some other formats start a program (EPS: Ghostscript)."""


def picture_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) by the header of a picture file; None where it does not tell."""
    from PIL import Image

    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(b"\xff\xd8\xff") and (found := _jpeg_size(data)) is not None:
        return found
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                return picture.size
    except Image.DecompressionBombError:
        return 1 << 20, 1 << 20  # more than any limit; Pillow keeps the numbers to itself
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, IndexError, KeyError, OverflowError):
        return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of the first frame of a JPEG file."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if kind == 0xFF:  # a byte that fills
            at += 1
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def require_picture(data: bytes, what: object) -> bool:
    """Refuse a picture file before it is decoded; whether it is one at all, by its header.

    Args:
        data: the file.
        what: how to call it.

    Raises:
        InputError: if its header tells a size beyond the limit.
    """
    size = picture_size(data)
    if size is not None:
        require("picture_megapixels", size[0] * size[1] / 1e6, what)
    return size is not None


def read_picture(path: Path | str, flags: int) -> Any:
    """Pixels of a picture file as OpenCV gives them, None if it is broken.

    Args:
        path: the file.
        flags: OpenCV's IMREAD_ flags.

    Raises:
        InputError: if it is no regular file, or too large.
        OSError: if it cannot be read.
    """
    import cv2

    data = read_bytes(path, "picture_mb")
    if not require_picture(data, path):
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def read_rgb(path: Path | str, turn: bool = True) -> UInt8Array:
    """(H, W, 3) uint8 RGB of a picture file of any of `FORMATS`; transparency is left out, 16 bits become 8.

    Args:
        path: the file.
        turn: whether to turn the stored pixels as the EXIF orientation says, as viewers show them.

    Raises:
        InputError: if it is no regular file, no picture, too large, cut off or broken.
        OSError: if it cannot be read.
    """
    from PIL import Image, ImageOps

    data = read_bytes(path, "picture_mb")
    if not require_picture(data, path):
        raise InputError(f"{path} is no picture: expected {', '.join(FORMATS)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                picture.load()  # OpenCV shows a cut-off picture with grey below, and no error
                upright = ImageOps.exif_transpose(picture) if turn else picture
                # Pillow cuts 16 bits off at 255.
                pixels = _high_bytes(upright) if upright.mode[0] in "IF" else np.asarray(upright.convert("RGB"))
    except Exception as error:  # PIL raises many kinds for a broken picture, a bomb among them
        raise InputError(f"{path} is cut off or broken: {' '.join(str(error).split())[:120]}") from error
    return np.array(pixels, np.uint8, order="C")  # Pillow's own memory is read-only


def _high_bytes(picture: Any) -> UInt8Array:
    """(H, W, 3) uint8 of a picture of one channel with 16 bits."""
    grey = np.clip(np.asarray(picture, np.float64) / 256.0, 0.0, 255.0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
