# SPDX-License-Identifier: Apache-2.0
"""Catalogue pictures: furniture as people photograph it, to train a detector before it ever sees a robot's home.

People hold a camera at chest or eye height, tilt it until the subject fills the frame, and their phones change
exposure, colour and sharpness. A picture here never has a robot's view: no camera near 0.88 m, none with 79 degrees.
"""

from __future__ import annotations

import functools
import io
import logging
import math
import signal
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from seal_perception.camera import Camera
from seal_perception.dataset import ANNOTATIONS, Annotation, DatasetWriter
from seal_perception.errors import InputError
from seal_perception.pose import R_BODY_OPTICAL
from seal_perception.running.processes import context
from seal_perception.types import BoolArray, FloatArray, Int32Array, UInt8Array
from sim_bridge.catalogue.rooms import SetUp, background, build, other_subject
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.drawing.render import Renderer
from sim_bridge.geometry.mesh import Mesh, Part

log = logging.getLogger(__name__)
Rgb = UInt8Array
Labels = list[tuple[int, BoolArray, bool]]
"""Category index, (H, W) mask of visible pixels, and whether too little is visible to recognise it."""

SPLITS: tuple[str, ...] = ("train", "val")
MIN_AREA = 0.001
"""Objects that show less than this share of the picture are not labelled."""
CLEAR_AREA = 0.004
CLEAR_SHARE = 0.3
"""Objects that show a smaller share of the picture, or of whose own extent in it less than this is in view, are regions
to ignore: nobody recognises a chair by the end of one leg."""
CATALOGUE_VERSION = 3
"""Raised whenever the same seed gives another picture."""
VIEWS = 2
"""Pictures of one set-up: seeds 2k and 2k + 1 show the same room from elsewhere, with another subject."""
_TRIES = 8


def look_at(eye: FloatArray, target: FloatArray, roll: float) -> FloatArray:
    """T_world_camera of a camera at `eye` that looks at `target`, rolled by radians."""
    forward = (target - eye) / max(float(np.linalg.norm(target - eye)), 1e-6)
    left = np.cross([0.0, 0.0, 1.0], forward)
    left /= max(float(np.linalg.norm(left)), 1e-6)
    up = np.cross(forward, left)
    c, s = math.cos(roll), math.sin(roll)
    T = np.eye(4)
    T[:3, :3] = np.stack([forward, c * left + s * up, c * up - s * left], 1) @ R_BODY_OPTICAL
    T[:3, 3] = eye
    return T


def _free(setup: SetUp, eye: FloatArray) -> bool:
    """Whether a photographer can stand there: inside the room or before an open wall, not within a piece."""
    inside = (eye[:2] > 0.15) & (eye[:2] < setup.size[:2] - 0.15)
    outside = [w for w in setup.open_walls if (eye[0] < 0.15, eye[0] > setup.size[0] - 0.15,
                                               eye[1] < 0.15, eye[1] > setup.size[1] - 0.15)[w]]  # fmt: skip
    if not (inside.all() or (outside and len(setup.open_walls) == 4) or (outside and inside.sum() == 1)):
        return False
    return not any((eye > b[0] - 0.2).all() and (eye < b[1] + 0.2).all() for b in setup.boxes)


def photographer(setup: SetUp, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Camera, FloatArray]:
    """Camera and pose of somebody who takes a picture of the subject."""
    assert setup.subject is not None
    centre, half = setup.subject.mean(0), (setup.subject[1] - setup.subject[0]) / 2
    radius = float(np.linalg.norm(half))
    wide = rng.random() < 0.6
    fov = math.radians(rng.uniform(56.0, 76.0) if wide else rng.uniform(42.0, 76.0))
    nearest = 2.2 if wide else 0.3 + 0.9 * radius
    for attempt in range(60):
        farthest = max(nearest * 0.7, (7.5 if wide else 5.5) * (1 - attempt / 70))
        distance = math.exp(rng.uniform(math.log(nearest * (1 - attempt / 90)), math.log(max(farthest, 1.0 + radius))))
        side = setup.facing + rng.normal(0.0, 0.9) if rng.random() < 0.85 else rng.uniform(-math.pi, math.pi)
        height = rng.uniform(0.45, 0.8) if rng.random() < 0.25 else rng.uniform(0.96, 1.8)
        eye = np.array([centre[0] + distance * math.cos(side), centre[1] + distance * math.sin(side), height])
        if _free(setup, eye):
            break
    else:
        eye = np.array([*(setup.size[:2] * rng.uniform(0.15, 0.85, 2)), rng.uniform(0.96, 1.8)])
    aim = centre + half * rng.normal(0.0, 0.45, 3)
    reach = float(np.linalg.norm(aim - eye))
    aim += rng.normal(0.0, 0.3 if wide else 0.14, 3) * reach * math.tan(fov / 2)
    aim[2] = max(aim[2], 0.05)
    return Camera.from_hfov(*size, fov), look_at(eye, aim, float(rng.normal(0.0, 0.035)))


def _light(rng: np.random.Generator) -> LightConfig:
    level = rng.uniform(0.25, 0.75)
    tint = 1 + rng.normal(0.0, 0.05, 3)
    ambient = tuple(float(v) for v in level * tint)
    return LightConfig(
        ambient=ambient,  # type: ignore[arg-type]
        ao_rays=int(rng.choice([0, 4, 6])),
        ao_reach_m=float(rng.uniform(0.5, 1.5)),
        outside=background(rng),
        exposure=float(np.exp(rng.normal(0.05, 0.25))),
    )


def _blur(image: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur by three taps, repeated."""
    for _ in range(max(1, round(sigma / 0.5))):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
        rows = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
        image = 0.25 * rows[:, :-2] + 0.5 * rows[:, 1:-1] + 0.25 * rows[:, 2:]
    return image


def develop(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """What a telephone makes of it: gain, colour, contrast, vignette, blur, noise, JPEG."""
    image = rgb.astype(np.float32) / 255.0
    image = image * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.18)))
    contrast, saturation = np.exp(rng.normal(0, 0.15)), np.exp(rng.normal(-0.05, 0.25))
    grey = image.mean(2, keepdims=True)
    image = grey + (image - grey) * np.float32(saturation)
    image = 0.45 + (image - 0.45) * np.float32(contrast) + np.float32(rng.normal(0, 0.03))
    if rng.random() < 0.3:
        v, u = np.mgrid[-1 : 1 : rgb.shape[0] * 1j, -1 : 1 : rgb.shape[1] * 1j]  # type: ignore[misc]
        image = image * (1 - rng.uniform(0.05, 0.3) * (u**2 + v**2) / 2)[..., None].astype(np.float32)
    if rng.random() < 0.35:
        image = _blur(image, rng.uniform(0.3, 1.3))
    if rng.random() < 0.6:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        image = image + np.float32(rng.uniform(0.003, 0.035)) * noise
    out = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.4:
        stream = io.BytesIO()
        Image.fromarray(out).save(stream, "JPEG", quality=int(rng.integers(35, 93)))
        out = np.asarray(Image.open(stream))
    return out


def _extent(mesh: Mesh, camera: Camera, T_world_camera: FloatArray) -> float:
    """Area in pixels of the box around the whole mesh as projected, the picture's border ignored."""
    points = (mesh.vertices - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    points = points[points[:, 2] > 0.1]
    if len(points) < 2:
        return 0.0
    uv = points[:, :2] / points[:, 2:] * (camera.fx, camera.fy)
    return float(np.prod(np.ptp(uv, axis=0)))


def _labels(instance: Int32Array, parts: Sequence[Part], camera: Camera, T: FloatArray) -> Labels:
    """Visible pixels of each object of the six categories, smallest ones left out."""
    counts = np.bincount(instance.ravel(), minlength=len(parts) + 1)
    labels = []
    for i, part in enumerate(parts):
        if part.category < 0 or counts[i + 1] < MIN_AREA * instance.size:
            continue
        mask = instance == i + 1
        rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        seen = float((rows[-1] - rows[0] + 1) * (cols[-1] - cols[0] + 1))
        unclear = counts[i + 1] < CLEAR_AREA * instance.size or seen < CLEAR_SHARE * _extent(part.mesh, camera, T)
        labels.append((part.category, mask, bool(unclear)))
    return labels


def _rng(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(f"catalogue {name}".encode()), seed])


@functools.lru_cache(maxsize=2)
def _set_up(split: str, number: int) -> tuple[SetUp, Renderer]:
    """A set-up, lit; `VIEWS` pictures in a row are taken of it."""
    rng = _rng(f"scene {split}", number)
    setup, scene = build(rng)
    return setup, Renderer(scene, _light(rng), threads=1)


def _small(camera: Camera) -> Camera:
    """The same view with 80 columns, for a first glance."""
    scale = 80.0 / camera.width
    height = max(1, round(camera.height * scale))
    return Camera(80, height, camera.fx * scale, camera.fy * scale, 39.5, (height - 1) / 2.0)


def make_picture(seed: int, split: str = "train", size: tuple[int, int] = (320, 240)) -> tuple[Rgb, Labels]:
    """One catalogue picture.

    Args:
        seed: picks the picture; same seed and split, same bytes.
        split: "train" or "val"; their pictures differ at equal seeds.
        size: width and height in pixels.

    Returns:
        rgb (H, W, 3) uint8 and, for each object of the six categories that shows at least `MIN_AREA` of the
        picture, its category index, (H, W) bool mask of visible pixels, and whether too little is visible.

    Raises:
        ValueError: if the split is unknown.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    setup, renderer = _set_up(split, seed // VIEWS)
    rng = _rng(f"view {split}", seed)
    if seed % VIEWS:
        setup = other_subject(setup, rng)
    wanted = max(part.category for part in setup.parts) >= 0
    for _ in range(_TRIES):
        camera, T_world_camera = photographer(setup, rng, size)
        small = _small(camera)
        glance = renderer.render(small, T_world_camera)
        near = float(np.median(glance.depth))
        labels = _labels(glance.instance, setup.parts, small, T_world_camera)
        clear = [mask.mean() for _, mask, unclear in labels if not unclear]
        if (max(clear, default=0.0) > 0.01 or not wanted) and not 0.0 < near < 0.45:
            break
    picture = renderer.render(camera, T_world_camera)
    return develop(picture.rgb, rng), _labels(picture.instance, setup.parts, camera, T_world_camera)


def _job(task: tuple[int, str, tuple[int, int]]) -> tuple[Rgb, list[tuple[int, bytes, bool]]]:
    """`make_picture` with masks packed into bits for the way between processes."""
    rgb, labels = make_picture(*task)
    return rgb, [(category, np.packbits(mask).tobytes(), unclear) for category, mask, unclear in labels]


def _ignore_interrupt() -> None:
    """A worker leaves Ctrl-C to the process that started it, which then ends the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pictures(
    tasks: list[tuple[int, str, tuple[int, int]]], workers: int
) -> Iterator[tuple[Rgb, list[tuple[int, bytes, bool]]]]:
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
    tasks = [(seed * 1_000_000 + i, split, size) for i in range(count)]
    info = {
        "description": "SEAL catalogue pictures",
        "version": CATALOGUE_VERSION,
        "split": split,
        "seed": seed,
        "count": count,
    }
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
) -> Path:
    """The dataset in `folder`, as it is; where there is none, or an unfinished one, `write_catalogue` draws it.

    Raises:
        InputError: if the folder holds other things.
    """
    if (folder / ANNOTATIONS).is_file():
        return folder
    if folder.exists() and (not folder.is_dir() or any(path.name != "images" for path in folder.iterdir())):
        raise InputError(f"{folder} is no dataset and not empty; give a dataset, or a folder to draw pictures in")
    announce(f"drawing {count} {split} catalogue pictures into {folder}")
    return write_catalogue(folder, count, split, workers)
