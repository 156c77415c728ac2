# SPDX-License-Identifier: Apache-2.0
"""The README's picture, from a finished run: the labelled 3D map above, below frames before, labelled and after.

python -m seal_bringup.experiments.readme_picture runs/loop_test/test_01 --frames 38,76 --out docs/images/loop.jpg
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seal_bringup.report.cubes import CubeView, render_cubes
from seal_bringup.report.voxels import Voxels
from seal_mapping.labels.propagate import LabelConfig, propagate
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.files import read_json, replacing

COLUMNS = {
    "before": "the shipped detector",
    "label": "labels from the 3D map",
    "after": "the detector afterwards",
}
WIDTH, GAP, LINE = 1100, 10, 28


def draw(home: Path, frames: list[int], azimuth_deg: float = -60.0) -> Image.Image:
    """The picture as RGB.

    Args:
        home: one home's folder of a `seal demo` run.
        frames: frames of its samples.
        azimuth_deg: direction from which the map is seen.

    Raises:
        InputError: if the run has no sample of a frame.
    """
    known = VoxelMap.load(home / "map.npz")
    labels = read_json(home / "labels_label_prop" / "labels.json")
    voxels = _labelled(known, LabelConfig(**labels["label_config"]))
    view = CubeView(width=WIDTH, azimuth_deg=azimuth_deg, background=(255, 255, 255), cut_m=1.1)
    above = Image.fromarray(render_cubes(voxels, view)).convert("RGB")
    wide = (WIDTH - (len(COLUMNS) - 1) * GAP) // len(COLUMNS)
    rows = [[_sample(home, frame, name, wide) for name in COLUMNS] for frame in frames]
    high = rows[0][0].height
    out = Image.new("RGB", (WIDTH, above.height + LINE + len(frames) * (high + GAP)), "white")
    out.paste(above, (0, 0))
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(17)
    for column, title in enumerate(COLUMNS.values()):
        pen.text((column * (wide + GAP), above.height + 3), title, fill=(40, 40, 40), font=font)
        for row, pictures in enumerate(rows):
            place = (column * (wide + GAP), above.height + LINE + row * (high + GAP))
            out.paste(pictures[column], place)
    return out


def _labelled(known: VoxelMap, config: LabelConfig) -> Voxels:
    """The map's voxels, coloured by the instances that label propagation finds in it."""
    volume = propagate(known, config)
    voxels = Voxels.from_cloud(known.voxels(), known.config.voxel_m)
    low, high = volume.bounds()
    cell = voxels.cell + np.round((voxels.origin_m - volume.origin) / volume.voxel_m).astype(np.int64) - low
    window = volume.window(low, np.maximum(high, low + cell.max(axis=0)))
    instance = window.instance[tuple(cell.T)]
    return replace(voxels, label=volume.category_table()[instance])


def _sample(home: Path, frame: int, name: str, width: int) -> Image.Image:
    path = home / "samples" / f"{frame:03d}_{name}.png"
    if not path.is_file():
        there = sorted({p.name[:3] for p in (home / "samples").glob("*.png")})
        raise InputError(f"{path} is not there; the run has samples of frames {', '.join(there) or 'none'}")
    picture = Image.open(path).convert("RGB")
    return picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)


def main() -> None:
    """Draw and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--frames", required=True, help="numbers with commas")
    parser.add_argument("--azimuth", type=float, default=-60.0, help="degrees")
    parser.add_argument("--out", type=Path, default=Path("docs/images/loop.jpg"))
    options = parser.parse_args()
    picture = draw(options.home, [int(frame) for frame in options.frames.split(",")], options.azimuth)
    with replacing(options.out) as beside:
        picture.save(beside, format="JPEG", quality=88)
    print(f"{options.out}: {picture.width} x {picture.height}")


if __name__ == "__main__":
    main()
