# SPDX-License-Identifier: Apache-2.0
"""The README's film and the picture of docs/results.md, from a finished run of `seal demo`.

python -m seal_bringup.experiments.readme_picture runs/demo_test_01_seed0/test_01 --out docs/images/loop.gif
python -m seal_bringup.experiments.readme_picture runs/loop_v2/test_03 --frames 38,76 --out docs/images/loop.jpg

A .gif shows the robot's pictures with the detections recorded in the bag, the map that grows of them, labelled anew by
3DLabelProp for each picture, then frames before, labelled and after. A .jpg shows the finished map and such frames.

Which frames: without `--frames` the two samples of the run with the most labels, ten frames apart, the earlier where
two have as many. The run itself chose its samples by the same number, one in each eighth of the way: what the detector
makes of them does not matter.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seal_bringup.report.cubes import Canvas, CubeView, render_cubes
from seal_bringup.report.voxels import Voxels
from seal_mapping.bags.reader import open_bag
from seal_mapping.labels.propagate import LabelConfig, propagate
from seal_mapping.source import BagFrame
from seal_mapping.voxels.io import load_map
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.categories import CATEGORIES, COLOURS
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from seal_perception.evaluation.preview import draw_detections
from seal_perception.files import replacing
from seal_perception.reading.text import read_json
from seal_perception.types import FloatArray

COLUMNS = {
    "before": "the shipped detector",
    "label": "labels from the 3D map",
    "after": "the detector afterwards",
}
WIDTH, GAP, LINE = 1100, 10, 28
INK = (40, 40, 40)
ROBOT = (10, 122, 117)
SHADES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Of the colours of robot and categories, in the film's palette."""
LABELS = "labels_label_prop"


@dataclass(frozen=True)
class FilmConfig:
    """How the film is drawn.

    Attributes:
        width: of the film in pixels.
        photo: width of the robot's picture in pixels.
        every: frames of the run between two pictures of the film.
        frame_ms: how long a picture of the growing map stays.
        hold_ms: how long the finished map and each column of the samples stay; the last column stays twice as long.
        colours: of the palette.
        azimuth_deg: direction from which the map is seen.
    """

    width: int = 880
    photo: int = 300
    every: int = 6
    frame_ms: int = 180
    hold_ms: int = 2000
    colours: int = 144
    azimuth_deg: float = -60.0


def picture(home: Path, frames: list[int], azimuth_deg: float = -60.0) -> Image.Image:
    """The finished map above, below frames before, labelled and after, as RGB.

    Args:
        home: one home's folder of a `seal demo` run.
        frames: frames of its samples.
        azimuth_deg: direction from which the map is seen.

    Raises:
        InputError: if the run has no sample of a frame.
    """
    voxels, _ = _labelled(load_map(home / "map.npz"), _label_config(home))
    view = CubeView(width=WIDTH, azimuth_deg=azimuth_deg, background=(255, 255, 255), cut_m=1.1)
    above = Image.fromarray(render_cubes(voxels, view)).convert("RGB")
    below = _columns(home, frames, (WIDTH - (len(COLUMNS) - 1) * GAP) // len(COLUMNS))
    out = Image.new("RGB", (WIDTH, above.height + below.height + GAP), "white")
    out.paste(above, (0, 0))
    out.paste(below, (0, above.height))
    return out


def film(home: Path, frames: list[int], config: FilmConfig) -> tuple[list[Image.Image], list[int]]:
    """The pictures of the film as RGB, all of one size, and how long each stays in milliseconds."""
    voxels, _ = _labelled(load_map(home / "map.npz"), _label_config(home))
    width = config.width - config.photo - GAP
    view = CubeView(width=width, azimuth_deg=config.azimuth_deg, background=(255, 255, 255), cut_m=1.1)
    canvas = Canvas.fit(voxels.cut(view.cut_m), view)
    pictures: list[Image.Image] = []
    way: list[FloatArray] = []
    for item, now, objects in _growth(home, config.every, way):
        pictures.append(_walking(item, now, objects, np.array(way), view, canvas, config))
    times = [config.frame_ms] * (len(pictures) - 1) + [config.hold_ms]
    height = pictures[0].height
    for shown in range(1, len(COLUMNS) + 1):
        pictures.append(_afterwards(home, frames, shown, (config.width, height)))
    return pictures, [*times, *[config.hold_ms] * (len(COLUMNS) - 1), 2 * config.hold_ms]


def _label_config(home: Path) -> LabelConfig:
    return LabelConfig(**read_json(home / LABELS / "labels.json")["label_config"])


def _growth(home: Path, every: int, way: list[FloatArray]) -> Iterator[tuple[BagFrame, Voxels, int]]:
    """Every n-th frame of the bag and the last, with the labelled map of all frames so far and its objects' number.

    `way` receives the camera's x, y of each frame.
    """
    voxel_map = VoxelMap(MapConfig(**read_json(home / LABELS / "labels.json")["map_config"]))
    config, bag = _label_config(home), open_bag(home / "bag")
    for item in bag:
        found = item.detections
        voxel_map.integrate(item.frame, found)
        way.append(item.frame.T_map_camera[:2, 3])
        if item.index % every == 0 or item.index == len(bag) - 1:
            yield item, *_labelled(voxel_map, config)


def _labelled(known: VoxelMap, config: LabelConfig) -> tuple[Voxels, int]:
    """The map's voxels, coloured by the objects that label propagation finds in it, and the number of those."""
    volume = propagate(known, config)
    voxels = Voxels.from_cloud(known.voxels(), known.config.voxel_m)
    low, high = volume.bounds()
    cell = voxels.cell + np.round((voxels.origin_m - volume.origin) / volume.voxel_m).astype(np.int64) - low
    crop = volume.crop(low, np.maximum(high, low + cell.max(axis=0)))
    instance = crop.instance[tuple(cell.T)]
    return replace(voxels, label=volume.category_table()[instance]), len(volume.instances)


def _walking(
    item: BagFrame, voxels: Voxels, objects: int, way: FloatArray, view: CubeView, canvas: Canvas, config: FilmConfig
) -> Image.Image:
    """One picture while the robot walks: what it sees on the left, the map on the right."""
    above = Image.fromarray(render_cubes(voxels, view, way, canvas)).convert("RGB")
    _draw_robot(above, item.frame.T_map_camera, view, canvas)
    seen = item.frame.rgb if item.detections is None else draw_detections(item.frame.rgb, item.detections)
    photo = Image.fromarray(seen)
    photo = photo.resize((config.photo, config.photo * photo.height // photo.width), Image.Resampling.LANCZOS)
    out = Image.new("RGB", (config.width, LINE + max(above.height, photo.height + 4 * LINE + GAP)), "white")
    out.paste(above, (config.photo + GAP, LINE))
    out.paste(photo, (0, LINE))
    pen = ImageDraw.Draw(out)
    _write(pen, (0, 3), COLUMNS["before"])
    _write(pen, (config.photo + GAP, 3), f"frame {item.index}: the map, labelled by its views")
    top = LINE + photo.height + GAP
    _write(pen, (0, top), f"labelled objects in the map: {objects}")
    for index, (name, colour) in enumerate(zip(CATEGORIES, COLOURS, strict=True)):
        x, y = (index % 2) * config.photo // 2, top + LINE * (1 + index // 2)
        pen.rectangle((x, y + 3, x + 14, y + 17), fill=tuple(int(v) for v in colour))
        _write(pen, (x + 22, y), name)
    return out


def _draw_robot(above: Image.Image, T_map_camera: FloatArray, view: CubeView, canvas: Canvas) -> None:
    """A disc of the robot's size on the floor below the camera, and a line to where it looks."""
    centre = np.array([*T_map_camera[:2, 3], 0.1])
    ahead = centre + 0.45 * np.array([*T_map_camera[:2, 2], 0.0])
    (x, y), (u, v) = canvas.pixels(np.stack([centre, ahead]))[:, :2] / view.supersample
    radius = 0.2 / canvas.voxel_m * canvas.scale / view.supersample
    pen = ImageDraw.Draw(above)
    pen.line((x, y, u, v), fill=ROBOT, width=4)
    pen.ellipse((x - radius, y - 0.8 * radius, x + radius, y + 0.8 * radius), fill=ROBOT, outline="white", width=2)


def _afterwards(home: Path, frames: list[int], shown: int, size: tuple[int, int]) -> Image.Image:
    """The sampled frames with the first `shown` columns filled, in the middle of a picture of `size`."""
    rows, high = len(frames), size[1] - LINE - GAP
    photo = Image.open(_sample_path(home, frames[0], "before"))
    wide = min((size[0] - 2 * GAP) // len(COLUMNS), (high // rows - GAP) * photo.width // photo.height)
    columns = _columns(home, frames, wide, shown)
    out = Image.new("RGB", size, "white")
    out.paste(columns, ((size[0] - columns.width) // 2, (size[1] - columns.height) // 2))
    return out


def _columns(home: Path, frames: list[int], width: int, shown: int = len(COLUMNS)) -> Image.Image:
    """A row per frame of pictures `width` wide, titles above; only the first `shown` columns are filled."""
    rows = [[_sample(home, frame, name, width) for name in COLUMNS] for frame in frames]
    high = rows[0][0].height
    out = Image.new("RGB", (len(COLUMNS) * (width + GAP) - GAP, LINE + len(rows) * (high + GAP) - GAP), "white")
    pen = ImageDraw.Draw(out)
    for column, title in list(enumerate(COLUMNS.values()))[:shown]:
        _write(pen, (column * (width + GAP), 3), title)
        for row, pictures in enumerate(rows):
            out.paste(pictures[column], (column * (width + GAP), LINE + row * (high + GAP)))
    return out


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str) -> None:
    pen.text(place, text, fill=INK, font=ImageFont.load_default(17))


def _sample_path(home: Path, frame: int, name: str) -> Path:
    path = home / "samples" / f"{frame:03d}_{name}.png"
    if not path.is_file():
        there = ", ".join(str(number) for number in _samples(home))
        raise InputError(f"{path} is not there; the run has samples of frames {there or 'none'}")
    return path


def _sample(home: Path, frame: int, name: str, width: int) -> Image.Image:
    sample = Image.open(_sample_path(home, frame, name)).convert("RGB")
    return sample.resize((width, round(width * sample.height / sample.width)), Image.Resampling.LANCZOS)


def _samples(home: Path) -> list[int]:
    return sorted({int(path.name[:3]) for path in (home / "samples").glob("*.png")})


def most_labelled(home: Path, count: int = 2, apart: int = 10) -> list[int]:
    """The samples of a run with the most labels, at least `apart` frames from each other, in the order of the walk.

    Ties go to the earlier.

    Raises:
        InputError: if there are fewer.
    """
    labels = CocoDataset(home / LABELS)
    objects = {frame: sum(not a.ignore for a in labels.annotations(frame)) for frame in _samples(home)}
    chosen: list[int] = []
    for frame in sorted(objects, key=lambda frame: (-objects[frame], frame)):
        if len(chosen) < count and all(abs(frame - other) >= apart for other in chosen):
            chosen.append(frame)
    if len(chosen) < count:
        raise InputError(f"{home} has {len(chosen)} samples that lie {apart} frames apart; {count} are needed")
    return sorted(chosen)


def film_palette(pictures: list[Image.Image], colours: int) -> Image.Image:
    """A picture with the film's palette: white, the ink, shades of robot and categories, and what else is frequent.

    Raises:
        ValueError: if `colours` leaves no room beside those that are always there, or is more than a GIF can hold.
    """
    fixed = [(255, 255, 255), INK]
    for colour in (ROBOT, *COLOURS.tolist()):
        fixed += [tuple(round(shade * value) for value in colour) for shade in SHADES]
    if not len(fixed) < colours <= 256:
        raise ValueError(f"colours must lie in {len(fixed) + 1}..256, got {colours}")
    chosen = pictures[:: max(1, len(pictures) // 8)] + pictures[-1:]
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, height * len(chosen)))
    for row, one in enumerate(chosen):
        sheet.paste(one, (0, row * height))
    found = sheet.quantize(colours - len(fixed), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).getpalette() or []
    rest = np.array(found, dtype=np.int64).reshape(-1, 3)[: colours - len(fixed)]
    rest = rest[rest.min(axis=1) < 246]  # nearly white would be taken for white
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([np.array(fixed), rest]).astype(np.uint8).tobytes())
    return palette


def write_film(path: Path, pictures: list[Image.Image], times_ms: list[int], colours: int) -> None:
    """Write a GIF that repeats, with one palette for all pictures: what does not change costs nothing."""
    palette = film_palette(pictures, colours)
    flat = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in pictures]
    with replacing(path) as beside:
        flat[0].save(
            beside, format="GIF", save_all=True, append_images=flat[1:], duration=times_ms, loop=0, disposal=1
        )  # fmt: skip


def main() -> None:
    """Draw and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path, help="a home's folder of a finished run")
    parser.add_argument(
        "--frames", default="", help="numbers of samples with commas; default: the two with the most labels"
    )
    parser.add_argument("--azimuth", type=float, default=-60.0, help="degrees")
    parser.add_argument("--every", type=int, default=FilmConfig.every, help="frames of the run per picture of the film")
    parser.add_argument("--out", type=Path, required=True, help=".gif for the film, .jpg for the picture")
    options = parser.parse_args()
    frames = [int(frame) for frame in options.frames.split(",") if frame] or most_labelled(options.home)
    if options.out.suffix == ".gif":
        config = FilmConfig(every=options.every, azimuth_deg=options.azimuth)
        pictures, times_ms = film(options.home, frames, config)
        write_film(options.out, pictures, times_ms, config.colours)
        print(f"{options.out}: {len(pictures)} pictures, frames {frames}, {options.out.stat().st_size / 1e6:.2f} MB")
        return
    one = picture(options.home, frames, options.azimuth)
    with replacing(options.out) as beside:
        one.save(beside, format="JPEG", quality=88)
    print(f"{options.out}: {one.width} x {one.height}, frames {frames}")


if __name__ == "__main__":
    main()
