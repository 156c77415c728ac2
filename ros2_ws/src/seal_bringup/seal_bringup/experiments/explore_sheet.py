# SPDX-License-Identifier: Apache-2.0
"""Many pictures from above on one sheet, each with a line below it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from seal_perception.errors import InputError
from seal_perception.files import replacing

COLUMNS, TILE, LINE, GAP = 6, 300, 22, 8


def sheet(pictures: dict[str, Path], captions: dict[str, str]) -> Image.Image:
    """The pictures in rows of six, all at one scale, so that sizes compare.

    Args:
        pictures: PNG file by name, in the order shown; drawn at one scale.
        captions: line below each, by name.

    Raises:
        InputError: if there is no picture, or a file is missing.
    """
    if not pictures:
        raise InputError("a sheet needs at least one picture, got none")
    if missing := [str(path) for path in pictures.values() if not path.is_file()]:
        raise InputError(f"no picture {missing[0]}; run the homes first")
    opened = {name: Image.open(path).convert("RGB") for name, path in pictures.items()}
    scale = TILE / max(max(image.size) for image in opened.values())
    small = {
        name: image.resize(
            (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS
        )
        for name, image in opened.items()
    }
    columns = min(COLUMNS, len(small))
    font = ImageFont.load_default(size=15)
    names = list(small)
    lines = [names[k : k + columns] for k in range(0, len(names), columns)]
    heights = [max(small[name].height for name in line) + LINE + GAP for line in lines]
    out = Image.new("RGB", (columns * (TILE + GAP) + GAP, sum(heights) + GAP), "white")
    draw, top = ImageDraw.Draw(out), GAP
    for line, height in zip(lines, heights, strict=True):
        for column, name in enumerate(line):
            left = GAP + column * (TILE + GAP)
            image = small[name]
            out.paste(image, (left + (TILE - image.width) // 2, top + height - LINE - GAP - image.height))
            middle = (left + TILE // 2, top + height - LINE // 2 - GAP)
            draw.text(middle, captions[name], fill=(30, 34, 40), font=font, anchor="mm")
        top += height
    return out


def write_sheet(path: Path, pictures: dict[str, Path], captions: dict[str, str], quality: int = 80) -> None:
    """Write the sheet as a JPEG, whole or not at all."""
    picture = sheet(pictures, captions)
    with replacing(path) as beside:
        picture.save(beside, format="JPEG", quality=quality, optimize=True)
