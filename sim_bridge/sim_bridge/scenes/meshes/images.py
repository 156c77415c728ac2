# SPDX-License-Identifier: Apache-2.0
"""Pictures on surfaces: decoded to a bounded size, grey where they are missing or broken."""

from __future__ import annotations

import io
import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.reading.limits import limit
from seal_perception.types import FloatArray, UInt8Array
from sim_bridge.drawing.render import srgb_to_linear
from sim_bridge.scenes.pieces import Notes

MAX_TEXTURE = 512
FORMATS = ("PNG", "JPEG", "BMP", "TGA", "TIFF", "GIF", "WEBP", "DDS")
"""What is opened, whatever a file is called: some other formats start a program (EPS: Ghostscript)."""
BROKEN = (OSError, ValueError, SyntaxError, EOFError, NotImplementedError)
"""What Pillow raises over broken pictures."""

Pixels = UInt8Array


def no_ghostscript() -> None:
    """Keep Pillow from starting Ghostscript, also where a library opens pictures itself (trimesh)."""
    from PIL import EpsImagePlugin

    EpsImagePlugin.gs_binary = False


def decode(data: bytes, what: str, notes: Notes) -> Pixels | None:
    """(h, w, 3) sRGB of a picture file, at most 512 pixels on the longer edge; None, with a note, if it is broken."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return shrink(Image.open(io.BytesIO(data), formats=FORMATS), what, notes)
    except (*BROKEN, Image.DecompressionBombError) as error:
        notes.add(f"{what} is no readable picture ({str(error)[:60]}); its surfaces are grey")
        return None


def is_read(picture: Any) -> bool:
    """Whether an opened PIL picture, not loaded yet, is of a format in `FORMATS` (None: made in memory)."""
    return picture.format is None or picture.format in FORMATS


def shrink(picture: Any, what: str, notes: Notes) -> Pixels | None:
    """(h, w, 3) sRGB of an opened PIL picture, at most 512 pixels on the longer edge.

    None, with a note, if it is far too large or of a format that is not read (`FORMATS`).
    """
    from PIL import Image

    if not is_read(picture):
        notes.add(f"{what} is a {picture.format} file, which is not read; its surfaces are grey")
        return None
    width, height = picture.size
    if width * height > limit("picture_megapixels") * 1e6:
        notes.add(f"{what} has {width} x {height} pixels, more than is decoded; its surfaces are grey")
        return None
    if picture.format == "JPEG":
        picture.draft("RGB", (MAX_TEXTURE, MAX_TEXTURE))
    if picture.mode == "F":
        light = np.nan_to_num(np.asarray(picture, np.float32), nan=0.0)
        picture = Image.fromarray(np.round(255.0 * np.clip(light, 0.0, 1.0)).astype(np.uint8))
    elif picture.mode in ("I;16", "I"):
        picture = picture.point(lambda value: value / 256.0).convert("L")
    picture = picture.convert("RGB")
    return np.asarray(picture.reduce(max(1, math.ceil(max(picture.size) / MAX_TEXTURE))), np.uint8)


def to_srgb(linear: npt.ArrayLike) -> FloatArray:
    """Values in sRGB, 0 to 1, of linear ones."""
    x = np.clip(np.asarray(linear, np.float64), 0.0, 1.0)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)


def levels_in_srgb(linear: npt.ArrayLike) -> Pixels:
    """Levels in sRGB of linear levels (both 0 to 255), as habitat-sim rounds them."""
    return np.round(255.0 * to_srgb(np.asarray(linear, np.float64) / 255.0)).astype(np.uint8)


def times_linear(pixels: Pixels, factor: npt.ArrayLike) -> Pixels:
    """A picture times a linear RGB factor (glTF's base colour)."""
    scale = np.asarray(factor, np.float64)
    if (scale >= 0.999).all():
        return pixels
    return np.round(255.0 * to_srgb(srgb_to_linear()[pixels] * scale)).astype(np.uint8)
