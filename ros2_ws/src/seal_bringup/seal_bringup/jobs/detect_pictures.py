# SPDX-License-Identifier: Apache-2.0
"""`seal detect` as a job: a detector over pictures, a dataset, a bag or a recorded folder, with overlays and COCO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

from seal_bringup.provenance import provenance
from seal_mapping.annotation.choose import contact_sheet
from seal_mapping.bags.colour import BagPictures
from seal_mapping.bags.options import BagOptions
from seal_mapping.bags.store import is_bag
from seal_mapping.datasets.resumable import fingerprint, resumable
from seal_mapping.folders.colour import FolderPictures, is_recording
from seal_perception.coco.pictures import NAMES, find_annotations
from seal_perception.dataset import CocoDataset
from seal_perception.detector.detector import DetectorConfig, load_detector
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.files import sha256, write_json
from seal_perception.pictures.detect import (
    JOURNAL,
    Found,
    detect_pictures,
    overlay_name,
    write_jpeg,
)
from seal_perception.pictures.source import (
    DETECTIONS,
    OVERLAYS,
    DatasetPictures,
    PictureFiles,
    PictureSource,
    is_result,
)
from seal_perception.reading.text import read_json

SHEET = "sheet.jpg"
_ON_SHEET = 15


@dataclass(frozen=True)
class DetectJob:
    """What to look at, and with what.

    Attributes:
        paths: picture files and folders of them; or one COCO dataset, bag, or folder of RGB-D frames.
        out: folder to write.
        weights: a shipped name, coco or a file.
        categories: which of COCO's to look for with COCO's weights; empty = the six, or the file's own.
        min_score: score from which a detection is drawn and counted.
        keep_score: score from which it is in the COCO file.
        every: take each n-th picture.
        count: at most so many, evenly spread; None = all.
        options: how a bag is read.
        overwrite: replace what an earlier call wrote.
    """

    paths: tuple[Path, ...]
    out: Path
    weights: str = "seal-small"
    min_score: float = 0.5
    keep_score: float = 0.05
    every: int = 1
    count: int | None = None
    options: BagOptions = field(default_factory=BagOptions)
    overwrite: bool = False
    categories: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what cannot work, before any long work.

        Raises:
            InputError: if scores are no scores, or `out` is taken.
        """
        for name, value in (("--min-score", self.min_score), ("--keep-score", self.keep_score)):
            if not 0.0 <= value <= 1.0:
                raise InputError(f"{name} must be a score from 0 to 1, got {value:g}")
        if (self.out / DETECTIONS).exists() and not self.overwrite:
            raise InputError(f"{self.out} already holds detections; add --overwrite to replace them, or another --out")


def open_source(job: DetectJob) -> PictureSource:
    """The pictures behind the paths.

    Raises:
        InputError: if there are none, or `job.options` has some that this kind of source cannot use.
    """
    given = job.options.given()
    if len(job.paths) == 1:
        (path,) = job.paths
        if is_bag(path):
            require_used(given, "pictures of a bag", [name for name in given if name != "detections"])
            return BagPictures(path, job.options)
        if is_recording(path):
            require_used(given, "a folder of RGB-D frames", ["up"])
            return FolderPictures(path, job.options.up or "auto")
        if is_dataset(path):
            require_used(given, "a dataset")
            return DatasetPictures(CocoDataset(path))
        if path.is_dir() and is_bag(path / "bag"):
            raise InputError(f"{path} is the folder of a run; its pictures are in {path / 'bag'}: give that")
    bags = [path for path in job.paths if is_bag(path)]
    if bags:
        raise InputError(f"{bags[0]} is a bag: give one bag at a time, without other paths")
    require_used(given, "picture files")
    return PictureFiles(job.paths, job.out)


def require_used(given: Sequence[str], what: str, used: Sequence[str] = ()) -> None:
    """Refuse options of `--read` that a source would not look at.

    Raises:
        InputError: for those that are given and not used.
    """
    odd = [name for name in given if name not in used]
    if odd:
        known = f"only {', '.join(used)}" if used else "none"
        hint = "; --every takes each n-th picture of any source" if "every" in odd else ""
        raise InputError(f"--read {', '.join(odd)}: {what} can use {known} of these; leave it out{hint}")


def is_dataset(path: Path) -> bool:
    """Whether a path is a COCO file, or a folder that `seal evaluate` would open as a dataset.

    A folder's only .json file counts if it lists images: pictures may lie beside any other.
    """
    if path.suffix.lower() == ".json":
        return True
    if not path.is_dir() or is_result(path):
        return False
    try:
        file = find_annotations(path)
        return file in [path / name for name in NAMES] or isinstance(read_json(file).get("images"), list)
    except (InputError, AttributeError):
        return False


def chosen(total: int, every: int, count: int | None) -> list[int]:
    """Each `every`-th of `total` numbers; of these `count`, evenly spread, if there are more."""
    some = list(range(0, total, every))
    if count is None or len(some) <= count:
        return some
    return [some[int(place)] for place in np.linspace(0, len(some) - 1, count).round()]


def run_detect(
    job: DetectJob,
    progress: Callable[[int, int], None],
    on_open: Callable[[PictureSource], object] = lambda source: None,
) -> Found:
    """Look at all pictures and write overlays, contact sheet and COCO file; an interrupted call is resumed.

    Args:
        job: what to do.
        progress: called with (pictures done, pictures to do).
        on_open: called with the source before its pictures are read.

    Raises:
        InputError: as `DetectJob.check`, `open_source` and `load_detector`, or if not one picture can be read.
    """
    job.check()
    source = open_source(job)
    if len(source) == 0:
        raise InputError(f"{', '.join(map(str, job.paths))} lists no picture; expected at least one under `images`")
    indices = chosen(len(source), job.every, job.count)
    scores = (job.min_score, min(job.keep_score, job.min_score))
    config = DetectorConfig(min_score=min(DetectorConfig().min_score, scores[1]), categories=job.categories)
    detector = load_detector(job.weights, config)
    on_open(source)
    weights = None if job.weights == "coco" else sha256(resolve_weights(job.weights))
    info = {
        "description": "detections of seal detect: a COCO dataset whose annotations have a score",
        "weights": job.weights,
        "weights_sha256": weights,
        "min_score": scores[0],
        "keep_score": scores[1],
        "detector": asdict(config),
        "source": list(source.lines),
        "provenance": provenance(),
    }
    known = [job.weights, weights, *job.categories]
    facts = {"pictures": source.facts(), "indices": indices, "scores": scores, "weights": known}
    with resumable(job.out.absolute(), {"work": fingerprint(facts)}, DETECTIONS) as work:
        found = detect_pictures(source, indices, detector, work.path, scores, progress)
        if not found.images:
            first = found.bad[0]
            raise InputError(f"none of the {len(found.bad)} pictures can be read: {first.name}: {first.reason}")
        _write_sheet(work.path, found)
        write_json(work.path / DETECTIONS, found.document(info), indent=None)
        (work.path / JOURNAL).unlink()
    return found


def _write_sheet(folder: Path, found: Found) -> None:
    """The pictures with the most confident detections, drawn; where there are none, those nearest to it."""
    near = found.best(_ON_SHEET)
    best = [pair for pair in near if pair[1] >= found.min_score] or near
    best = best or [(image, 0.0) for image in found.images[:_ON_SHEET]]
    pictures, captions = [], []
    for image, score in best:
        bgr = cv2.imread(str(folder / OVERLAYS / overlay_name(image["file_name"])), cv2.IMREAD_COLOR)
        pictures.append(np.asarray(bgr[..., ::-1], np.uint8))
        captions.append(f"{score:.2f} {image['file_name'][-34:]}")
    write_jpeg(folder / SHEET, contact_sheet(pictures, captions))
