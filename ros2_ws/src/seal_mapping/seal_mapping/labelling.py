# SPDX-License-Identifier: Apache-2.0
"""From recorded frames to a labelled dataset, without a human: two passes over the recording.

The first builds the voxel map from the detections, the second ray-traces the labelled map into every frame. Nothing
here knows the simulator or ROS.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from seal_mapping.label_preview import draw_labels, write_png
from seal_mapping.label_prop import LabelConfig, propagate
from seal_mapping.label_volume import LabelVolume
from seal_mapping.raytrace import render_labels
from seal_mapping.source import BagFrame, FrameSource
from seal_mapping.voxel_map import MapConfig, VoxelMap
from seal_perception.categories import CATEGORIES
from seal_perception.dataset import ANNOTATIONS, Annotation, DatasetWriter
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.frame import Frame

__all__ = ["label_bag", "label_frames", "self_training_labels"]

_LOG = logging.getLogger(__name__)
LABELS = "labels.json"
_PREVIEWS = 12

Progress = Callable[[int, int], None]


class FrameDetector(Protocol):
    """Anything that finds objects in a picture."""

    def detect(self, rgb: np.ndarray[Any, np.dtype[np.uint8]]) -> Detections:
        """Detections of an (H, W, 3) uint8 picture."""
        ...


def label_bag(
    bag: Path | str,
    out: Path | str,
    label_config: LabelConfig | None = None,
    map_config: MapConfig | None = None,
    detector: FrameDetector | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """`label_frames` of a recorded bag."""
    from seal_mapping.bag import open_bag

    return label_frames(open_bag(bag), out, label_config, map_config, detector, progress)


def label_frames(
    source: FrameSource,
    out: Path | str,
    label_config: LabelConfig | None = None,
    map_config: MapConfig | None = None,
    detector: FrameDetector | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Label every frame by 3DLabelProp and write a dataset.

    The folder appears whole or not at all: a COCO dataset (annotations carry instance, score and views; regions to
    ignore carry `ignore: true`), `map.npz`, `labels.json` (the table of instances) and `previews/`. An instance has
    the same id in all frames.

    Args:
        source: the frames; walked through twice.
        out: folder to write; a dataset that is there already is replaced.
        label_config: rule of fusion and its numbers.
        map_config: numbers of the map.
        detector: run on every frame instead of taking the recorded detections.
        progress: called with (frames done, frames to do) over both passes.

    Returns:
        What `labels.json` holds.

    Raises:
        InputError: if there are no frames, a frame has no detections and there is no detector, or `out` is something
            other than a dataset.
    """
    config, report = label_config or LabelConfig(), progress or _silent
    total = len(source)
    if total == 0:
        raise InputError("there are no frames to label")
    with _whole_folder(Path(out)) as folder:
        voxel_map = build_map(source, map_config, detector, lambda done, _: report(done, 2 * total))
        volume = propagate(voxel_map, config)
        counts = _write_dataset(source, folder, volume, config, lambda done, _: report(total + done, 2 * total))
        voxel_map.save(folder / "map.npz")
        summary = _summary(voxel_map, volume, config, counts)
        write_json(folder / LABELS, summary)
    _LOG.info("%d instances, %d annotations in %s", len(volume.instances), summary["annotations"], out)
    return summary


def build_map(
    source: FrameSource,
    config: MapConfig | None = None,
    detector: FrameDetector | None = None,
    progress: Progress | None = None,
) -> VoxelMap:
    """Map of all frames of a source with the recorded detections, or the detector's.

    Raises:
        InputError: if a frame has no detections and there is no detector.
    """
    voxel_map, report = VoxelMap(config), progress or _silent
    for done, item in enumerate(source, start=1):
        detections = _detections(item, detector)
        voxel_map.integrate(item.frame, detections.score_image(voxel_map.config.num_categories))
        report(done, len(source))
    return voxel_map


def frame_annotations(frame: Frame, volume: LabelVolume, config: LabelConfig) -> list[Annotation]:
    """Annotations of one frame: every instance that covers enough of it, then the regions to ignore.

    An object's annotation carries instance, score and views; a region's carries ignore.
    """
    ids, _ = render_labels(
        volume,
        frame.camera,
        frame.T_map_camera,
        config.max_range_m,
        pixels=config.pixels,
        depth=frame.depth,
        depth_check_m=config.depth_check_m,
    )
    table = volume.by_id()
    found, pixels = np.unique(ids[ids != 0], return_counts=True)
    enough = config.min_area_share * ids.size
    out = []
    for number, count in sorted(zip(found.tolist(), pixels.tolist(), strict=True), key=lambda pair: -pair[0]):
        item = table[number]
        if number > 0 and count < enough:
            continue
        extra: dict[str, Any] = {"instance": number, "score": item.score, "views": item.views}
        extra.update({"support": item.support, "seen": item.seen})
        if number < 0:
            extra = {"ignore": True, "score": item.score}
        out.append(Annotation(item.category, ids == number, extra))
    return out


def self_training_labels(
    source: FrameSource,
    out: Path | str,
    min_score: float = 0.9,
    min_area_share: float = 0.001,
    detector: FrameDetector | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The control: each frame's own detections above `min_score` are its labels; no map, no other view.

    Args:
        source: the frames.
        out: folder to write; a dataset that is there already is replaced.
        min_score: a detection is taken if its score is above this.
        min_area_share: and if its mask covers this share of the picture.
        detector: run on every frame instead of taking the recorded detections.
        progress: called with (frames done, frames to do).

    Returns:
        What `labels.json` holds.

    Raises:
        InputError: as `label_frames`.
    """
    report, counts = progress or _silent, _Counts()
    if len(source) == 0:
        raise InputError("there are no frames to label")
    with _whole_folder(Path(out)) as folder:
        with DatasetWriter(folder, {"labels": "self-training", "min_score": min_score}) as writer:
            for done, item in enumerate(source, start=1):
                found = _detections(item, detector)
                annotations = [
                    Annotation(int(category), mask, {"score": round(float(score), 6)})
                    for category, score, mask in zip(found.categories, found.scores, found.masks, strict=True)
                    if score > min_score and mask.any() and mask.sum() >= min_area_share * mask.size
                ]
                counts.add(item, annotations, writer, folder, len(source))
                report(done, len(source))
        summary = {
            "format": "seal_labels",
            "version": 1,
            "rule": "self_training",
            "min_score": min_score,
            "min_area_share": min_area_share,
            **counts.table(),
        }
        write_json(folder / LABELS, summary)
    return summary


class _Counts:
    """Writes frames into a dataset and counts what was written."""

    def __init__(self) -> None:
        self.frames = self.annotations = self.ignored = 0
        self.per_category = [0] * len(CATEGORIES)

    def add(
        self, item: BagFrame, annotations: list[Annotation], writer: DatasetWriter, folder: Path, total: int
    ) -> None:
        extra = {"frame": item.index, "stamp_ns": item.frame.stamp_ns}
        image_id = writer.add(item.frame.rgb, annotations, extra)
        every = max(1, total // _PREVIEWS)
        if self.frames % every == every // 2:
            write_png(folder / "previews" / f"{image_id:06d}.png", draw_labels(item.frame.rgb, annotations))
        self.frames += 1
        for annotation in annotations:
            if annotation.ignore:
                self.ignored += 1
            else:
                self.annotations += 1
                self.per_category[annotation.category] += 1

    def table(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "annotations": self.annotations,
            "ignore_regions": self.ignored,
            "annotations_per_category": dict(zip(CATEGORIES, self.per_category, strict=True)),
        }


def _write_dataset(
    source: FrameSource, folder: Path, volume: LabelVolume, config: LabelConfig, progress: Progress
) -> _Counts:
    counts = _Counts()
    with DatasetWriter(folder, {"labels": "3DLabelProp", "rule": config.rule}) as writer:
        for done, item in enumerate(source, start=1):
            counts.add(item, frame_annotations(item.frame, volume, config), writer, folder, len(source))
            progress(done, len(source))
    return counts


def _summary(voxel_map: VoxelMap, volume: LabelVolume, config: LabelConfig, counts: _Counts) -> dict[str, Any]:
    return {
        "format": "seal_labels",
        "version": 1,
        "rule": config.rule,
        "label_config": asdict(config),
        "map_config": asdict(voxel_map.config),
        "confident_voxels": voxel_map.confident_count,
        "explored_area_m2": round(voxel_map.explored_area_m2, 4),
        **counts.table(),
        "instances": [{**asdict(item), "category": CATEGORIES[item.category]} for item in volume.instances],
    }


def _detections(item: BagFrame, detector: FrameDetector | None) -> Detections:
    if detector is not None:
        return detector.detect(item.frame.rgb)
    if item.detections is None:
        raise InputError(f"frame {item.index} has no recorded detections; run the detector again (--redetect)")
    return item.detections


def _silent(done: int, total: int) -> None:
    """Report nothing."""


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out`; it takes the place of `out` when the block ends without an error."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose a folder for the labels")
    if out.is_dir() and any(out.iterdir()) and not (out / ANNOTATIONS).is_file():
        raise InputError(f"{out} holds something that is no dataset; choose another folder")
    beside, old = (out.with_name(f".{out.name}.{end}") for end in ("part", "old"))
    for leftover in (beside, old):
        shutil.rmtree(leftover, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        if out.exists():
            out.rename(old)
        try:
            beside.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
