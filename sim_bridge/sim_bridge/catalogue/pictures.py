# SPDX-License-Identifier: Apache-2.0
"""Catalogue pictures: furniture as people photograph it, to train a detector before it ever sees a robot's home.

People hold a camera wherever an arm reaches, zoom and tilt until the subject fills the frame, and their phones change
exposure, colour and sharpness. A picture here never has a robot's view: no camera near 0.88 m, none with 79 degrees.
"""

from __future__ import annotations

import functools
import logging
import signal
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from seal_perception.camera import Camera
from seal_perception.dataset import ANNOTATIONS, Annotation, CocoDataset, DatasetWriter
from seal_perception.errors import InputError
from seal_perception.running.processes import context
from seal_perception.types import BoolArray, FloatArray, UInt8Array
from sim_bridge.catalogue.cameras import photographer
from sim_bridge.catalogue.developing import develop
from sim_bridge.catalogue.labels import CLEAR_AREA, MIN_AREA, Labels, labels_of
from sim_bridge.catalogue.library.models import Models
from sim_bridge.catalogue.lighting import light
from sim_bridge.catalogue.placing import DOUBTFUL, SetUp
from sim_bridge.catalogue.rooms import build, other_subject
from sim_bridge.drawing.render import Renderer

log = logging.getLogger(__name__)
Rgb = UInt8Array

SPLITS: tuple[str, ...] = ("train", "val")
CATALOGUE_VERSION = 5
"""Raised whenever the same seed gives another picture."""
VIEWS = 2
"""Pictures of one set-up: seeds 2k and 2k + 1 show the same room from elsewhere, with another subject."""
BARS_SHARE = 0.05
"""Share of portrait pictures between bars, as on screens."""
_TRIES = 8


def _rng(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(f"catalogue {name}".encode()), seed])


_models = functools.lru_cache(maxsize=4)(Models)


@functools.lru_cache(maxsize=2)
def _set_up(split: str, number: int, models: Path | None) -> tuple[SetUp, Renderer]:
    """A set-up, lit; `VIEWS` pictures in a row are taken of it."""
    rng = _rng(f"scene {split}", number)
    setup, scene = build(rng, None if models is None else _models(models, split))
    return setup, Renderer(scene, light(setup.mood, rng), threads=1)


def _small(camera: Camera) -> Camera:
    """The same view with 80 columns, for a first glance."""
    scale = 80.0 / camera.width
    height = max(1, round(camera.height * scale))
    return Camera(80, height, camera.fx * scale, camera.fy * scale, 39.5, (height - 1) / 2.0)


def _worth_taking(
    setup: SetUp, renderer: Renderer, camera: Camera, T_world_camera: FloatArray, rng: np.random.Generator
) -> bool:
    """Whether a glance shows one of the six categories well enough (if there is any), and no wall of one thing."""
    small = _small(camera)
    glance = renderer.render(small, T_world_camera)
    if 0.0 < float(np.median(glance.depth)) < 0.35:
        return False
    share = np.bincount(glance.instance.ravel(), minlength=1) / glance.instance.size
    largest = int(share.argmax())
    dull = share[largest] > 0.72 and (largest == 0 or setup.parts[largest - 1].category < 0)
    if dull and rng.random() < 0.85:
        return False
    if all(part.category < 0 or part.name.endswith(DOUBTFUL) for part in setup.parts):
        return True
    labels = labels_of(glance.instance, setup.parts, small, T_world_camera)
    return max((float(mask.mean()) for _, mask, unclear in labels if not unclear), default=0.0) > 0.005


def _between_bars(rgb: Rgb, labels: Labels, size: tuple[int, int], rng: np.random.Generator) -> tuple[Rgb, Labels]:
    """A narrow picture in the middle of a wide one, on black, white or its own mean colour."""
    width, left = rgb.shape[1], (size[0] - rgb.shape[1]) // 2
    draw = rng.random()
    colour = 0 if draw < 0.5 else 255 if draw < 0.75 else rgb.reshape(-1, 3).mean(0).astype(np.uint8)
    out: Rgb = np.empty((size[1], size[0], 3), np.uint8)
    out[:] = colour
    out[:, left : left + width] = rgb
    wide: Labels = []
    for category, mask, unclear in labels:
        canvas: BoolArray = np.zeros((size[1], size[0]), bool)
        canvas[:, left : left + width] = mask
        if canvas.mean() >= MIN_AREA:
            wide.append((category, canvas, bool(unclear or canvas.mean() < CLEAR_AREA)))
    return out, wide


def make_picture(
    seed: int, split: str = "train", size: tuple[int, int] = (320, 240), models: Path | None = None
) -> tuple[Rgb, Labels]:
    """One catalogue picture.

    Args:
        seed: picks the picture; same seed and split, same bytes.
        split: "train" or "val"; their pictures differ at equal seeds.
        size: width and height in pixels.
        models: folder of `library.models.convert`; None = all is drawn by code.

    Returns:
        rgb (H, W, 3) uint8 and, for each object of the six categories that shows at least `labels.MIN_AREA` of the
        picture, its category index, (H, W) bool mask of visible pixels, and whether too little is visible.

    Raises:
        ValueError: if the split is unknown.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    setup, renderer = _set_up(split, seed // VIEWS, models)
    rng = _rng(f"view {split}", seed)
    if seed % VIEWS:
        setup = other_subject(setup, rng)
    bars = rng.random() < BARS_SHARE
    inner = (int(size[0] * rng.uniform(0.42, 0.75)), size[1]) if bars else size
    for _ in range(_TRIES):
        camera, T_world_camera = photographer(setup, rng, inner)
        if _worth_taking(setup, renderer, camera, T_world_camera, rng):
            break
    picture = renderer.render(camera, T_world_camera)
    labels = labels_of(picture.instance, setup.parts, camera, T_world_camera)
    plain = setup.mood == "plain" and rng.random() < 0.8
    rgb = develop(picture.rgb, picture.depth, camera, plain, rng)
    return _between_bars(rgb, labels, size, rng) if bars else (rgb, labels)


Task = tuple[int, str, tuple[int, int], Path | None]


def _job(task: Task) -> tuple[Rgb, list[tuple[int, bytes, bool]]]:
    """`make_picture` with masks packed into bits for the way between processes."""
    rgb, labels = make_picture(*task)
    return rgb, [(category, np.packbits(mask).tobytes(), unclear) for category, mask, unclear in labels]


def _ignore_interrupt() -> None:
    """A worker leaves Ctrl-C to the process that started it, which then ends the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pictures(tasks: list[Task], workers: int) -> Iterator[tuple[Rgb, list[tuple[int, bytes, bool]]]]:
    """Results in the order of the tasks, whatever the number of processes."""
    if workers <= 1:
        yield from map(_job, tasks)
        return
    with context("spawn").Pool(workers, _ignore_interrupt) as pool:
        yield from pool.imap(_job, tasks, chunksize=4 * VIEWS)


def write_catalogue(
    out: Path | str,
    count: int,
    split: str = "train",
    workers: int = 2,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    size: tuple[int, int] = (320, 240),
    models: Path | None = None,
) -> Path:
    """Write a COCO dataset folder of catalogue pictures; the bytes do not depend on `workers`.

    Args:
        out: folder to make; a finished dataset there is refused.
        count: number of pictures.
        split: "train" or "val".
        workers: processes.
        seed: datasets of different seeds share no picture.
        progress: called with (pictures done, count).
        size: width and height in pixels.
        models: folder of `library.models.convert`; None = all is drawn by code.

    Returns:
        The folder.

    Raises:
        InputError: if the folder already holds a finished dataset.
        ValueError: if the count or the split is wrong.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    tasks = [(seed * 1_000_000 + i, split, size, models) for i in range(count)]
    info: dict[str, object] = {
        "description": "SEAL catalogue pictures",
        "version": CATALOGUE_VERSION,
        "split": split,
        "seed": seed,
        "count": count,
    }
    if models is not None:
        info["models"] = _models(models, split).source
    with DatasetWriter(out, info) as writer:
        for done, (rgb, packed) in enumerate(_pictures(tasks, min(workers, count)), 1):
            annotations = []
            for category, data, unclear in packed:
                bits = np.unpackbits(np.frombuffer(data, np.uint8), count=rgb.shape[0] * rgb.shape[1])
                extra = {"ignore": True} if unclear else {}
                annotations.append(Annotation(category, bits.reshape(rgb.shape[:2]).astype(bool), extra))
            writer.add(rgb, annotations)
            if progress is not None:
                progress(done, count)
    log.info("wrote %d catalogue pictures (%s) to %s", count, split, out)
    return Path(out)


def catalogue_at(
    folder: Path,
    count: int,
    split: str = "train",
    workers: int = 2,
    announce: Callable[[str], None] = lambda line: None,
    models: Path | None = None,
) -> Path:
    """The dataset in `folder`, as it is; where there is none, or an unfinished one, `write_catalogue` draws it.

    Pictures of another version of the catalogue, or with other models than wanted, are announced.

    Raises:
        InputError: if the folder holds other things.
    """
    if (folder / ANNOTATIONS).is_file():
        info = CocoDataset(folder).info
        if info.get("version") != CATALOGUE_VERSION:
            announce(f"{folder} holds catalogue pictures of version {info.get('version')}; this is {CATALOGUE_VERSION}")
        if info.get("models") != (None if models is None else _models(models, split).source):
            announce(
                f"{folder} holds pictures {'with' if info.get('models') else 'without'} a furniture library, and"
                " they are used; remove it to have others drawn"
            )
        return folder
    if folder.exists() and (not folder.is_dir() or any(path.name != "images" for path in folder.iterdir())):
        raise InputError(f"{folder} is no dataset and not empty; give a dataset, or a folder to draw pictures in")
    announce(f"drawing {count} {split} catalogue pictures into {folder}")
    return write_catalogue(folder, count, split, workers, models=models)
