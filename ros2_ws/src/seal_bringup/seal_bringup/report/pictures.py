# SPDX-License-Identifier: Apache-2.0
"""Pictures as data URIs, so that the report needs no file beside it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from seal_perception.types import UInt8Array


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def photo_uri(path: Path, max_width: int = 480, quality: int = 84) -> str | None:
    """A picture file as a JPEG data URI, shrunk to `max_width`; None where it is no readable picture."""
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None
    return _photo(picture, max_width, quality)


def pixels_uri(rgb: UInt8Array, max_width: int = 480, quality: int = 84) -> str:
    """(H, W, 3) RGB as a JPEG data URI, shrunk to `max_width`."""
    return _photo(Image.fromarray(np.ascontiguousarray(rgb)), max_width, quality)


def _photo(picture: Image.Image, max_width: int, quality: int) -> str:
    if picture.width > max_width:
        picture = picture.resize(
            (max_width, max(1, round(picture.height * max_width / picture.width))), Image.Resampling.LANCZOS
        )
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=quality, optimize=True)
    return _uri("jpeg", out.getvalue())


def rendering_uri(pixels: UInt8Array, quality: int = 88) -> str:
    """(H, W, 4) RGBA as a WebP data URI: keeps the transparency at a tenth of a PNG's size."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="WEBP", quality=quality, method=5)
    return _uri("webp", out.getvalue())


def drawing_uri(path: Path, max_width: int = 1400) -> str | None:
    """A drawing (few colours) as a small PNG data URI; None where it is no readable picture."""
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None
    if picture.width > max_width:
        picture = picture.resize(
            (max_width, max(1, round(picture.height * max_width / picture.width))), Image.Resampling.LANCZOS
        )
    out = io.BytesIO()
    picture.quantize(128, dither=Image.Dither.NONE).save(out, format="PNG", optimize=True)
    return _uri("png", out.getvalue())
