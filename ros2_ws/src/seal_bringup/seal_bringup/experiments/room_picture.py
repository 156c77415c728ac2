# SPDX-License-Identifier: Apache-2.0
"""The docs' picture of a real room, from the folder of `seal map build`: the map, and as a frame sees it.

The frame's own photograph is left out: recordings of others are not kept in this repository.

seal bag import ../shared/data/hololens_room room
seal map build room --out room_map
python -m seal_bringup.experiments.room_picture room_map --frame 233 --out docs/images/room.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from seal_bringup.report import depth_pictures
from seal_perception.errors import InputError
from seal_perception.files import replacing

WIDTH, GAP, SHOWN = 1096, 14, 940


def draw(folder: Path, frame: int, slanted: str = "slanted_back") -> Image.Image:
    """The picture as RGB.

    Args:
        folder: of `seal map build`.
        frame: one of the frames it shows.
        slanted: which view of the map.

    Raises:
        InputError: if the folder has no such picture.
    """
    above = Image.open(_there(folder, f"{slanted}.png")).convert("RGBA")
    above = above.resize((WIDTH, round(WIDTH * above.height / above.width)), Image.Resampling.LANCZOS)
    below = Image.open(_there(folder, f"frame_{frame:06d}.png")).convert("RGB")
    out = Image.new("RGB", (max(WIDTH, below.width), above.height + GAP + below.height), "white")
    out.paste(above, (0, 0), above)
    out.paste(_without_photo(below), (0, above.height + GAP))
    return out.resize((SHOWN, round(SHOWN * out.height / out.width)), Image.Resampling.LANCZOS)


def _without_photo(picture: Image.Image) -> Image.Image:
    """A `frame_picture` whose first row begins with the map."""
    out, top, middle = picture.copy(), depth_pictures.LINE, (picture.height + depth_pictures.LINE) // 2
    column = depth_pictures.WIDTH + depth_pictures.GAP
    out.paste((255, 255, 255), (0, top, out.width, middle))
    out.paste(picture.crop((column, top, picture.width, middle)), (0, top))
    return out


def _there(folder: Path, name: str) -> Path:
    path = folder / "pictures" / name
    if not path.is_file():
        names = ", ".join(sorted(p.name for p in path.parent.glob("*.png")))
        raise InputError(f"{path} is not there; the folder has {names or 'no pictures'}")
    return path


def main() -> None:
    """Draw and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frame", type=int, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/images/room.jpg"))
    options = parser.parse_args()
    picture = draw(options.folder, options.frame)
    with replacing(options.out) as beside:
        picture.save(beside, format="JPEG", quality=74, optimize=True)
    print(f"{options.out}: {picture.width} x {picture.height}, {options.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
