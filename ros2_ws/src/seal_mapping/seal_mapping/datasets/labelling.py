# SPDX-License-Identifier: Apache-2.0
"""From recorded frames to a labelled dataset, without a human: two passes over the recording.

The first builds the voxel map from the detections, the second ray-traces the labelled map into every frame. Frames are
streamed: memory holds the map and a few pictures. An interrupted run is gone on with. Nothing here knows the simulator
or ROS.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.datasets.map_builder import (
    NO_DETECTIONS,
    FrameDetector,
    MapPass,
    OwnDetections,
    Progress,
    build_map,
    detected,
    frames_from,
    silent,
)
from seal_mapping.datasets.resumable import default_workers, in_order, read_ahead, work_folder
from seal_mapping.datasets.summary import OWN_SCORE, own_extra, summary_of
from seal_mapping.labels.instance_ids import load_objects, save_objects
from seal_mapping.labels.preview import draw_labels, write_png
from seal_mapping.labels.propagate import LabelConfig, propagate
from seal_mapping.labels.raytrace import render_labels
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.source import BagFrame, FrameSource
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.dataset import ANNOTATIONS, Annotation, DatasetWriter, EncodedPicture, encode_picture
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.files import read_json, sha256, write_json
from seal_perception.frame import Frame

__all__ = ["FrameDetector", "build_map", "label_bag", "label_frames", "self_training_labels"]

_LOG = logging.getLogger(__name__)
LABELS = "labels.json"
MAP, OBJECTS = "map.npz", "objects.npz"
_PREVIEWS = 12

Labeller = Callable[[BagFrame, Detections | None], list[Annotation]]


def label_bag(
    bag: Path | str,
    out: Path | str,
    label_config: LabelConfig | None = None,
    map_config: MapConfig | None = None,
    detector: FrameDetector | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """`label_frames` of a recorded bag."""
    from seal_mapping.bags.reader import open_bag

    return label_frames(open_bag(bag), out, label_config, map_config, detector, progress)


def label_frames(
    source: FrameSource,
    out: Path | str,
    label_config: LabelConfig | None = None,
    map_config: MapConfig | None = None,
    detector: FrameDetector | None = None,
    progress: Progress | None = None,
    *,
    annotations: FrameAnnotations | None = None,
    previous: Path | str | None = None,
    workers: int | None = None,
    resume_key: str | None = None,
    on_folder: Callable[[Path], object] | None = None,
) -> dict[str, Any]:
    """Label every frame by 3DLabelProp and write a dataset.

    The folder appears whole or not at all: a COCO dataset (annotations carry instance, score, views, support, seen and
    own_score; regions to ignore carry `ignore: true`), `map.npz`, `objects.npz` (the labelled voxels), `labels.json`
    (the tables) and `previews/`. An instance has the same id in all frames.

    Args:
        source: the frames; walked through twice.
        out: folder to write; a dataset that is there already is replaced.
        label_config: rule of fusion and its numbers.
        map_config: numbers of the map; with `previous` they are those of the map there.
        detector: run on every frame instead of taking the recorded detections.
        progress: called with (frames done, frames to do) over both passes.
        annotations: frames that a human annotated, at score 1 in place of the detector's (SEAL, section 5.2).
        previous: folder that an earlier call wrote, of the same place in the same map frame: its map is continued and
            its objects keep their ids.
        workers: threads that trace and encode frames; None = one per core. The output does not depend on it.
        resume_key: text that tells this recording and detector from others. With it, an interrupted call leaves its
            work beside `out`, and the next one goes on with it.
        on_folder: called with the whole folder before it takes the place of `out`: what it writes there belongs to it.

    Returns:
        What `labels.json` holds.

    Raises:
        InputError: if there are no frames, no frame has detections and there is neither detector nor annotation, or
            `out` is something other than a dataset.
    """
    config, report, out = label_config or LabelConfig(), progress or silent, Path(out)
    total = len(source)
    if total == 0:
        raise InputError("there are no frames to label")
    start_map, before = _start(previous, map_config)
    facts = None
    if resume_key is not None:
        facts = {"version": 2, "key": resume_key, "label": asdict(config), "map": asdict(start_map.config)}
        facts["previous"] = None if previous is None else sha256(Path(previous) / MAP)
        facts["annotations"] = None if annotations is None else annotations.digest()
    unused = _unused(source)
    with work_folder(out, facts) as folder:
        own = OwnDetections(detector, folder if facts is not None else None)
        try:
            passed = MapPass(source, start_map, own, annotations, folder if facts is not None else None)
            voxel_map = passed.run(lambda done, _: report(done, 2 * total))
            volume = propagate(voxel_map, config, before, passed.annotated)
            voxel_map.save(folder / MAP)
            save_objects(volume, folder / OBJECTS)

            def label(item: BagFrame, found: Detections | None) -> list[Annotation]:
                return frame_annotations(item.frame, volume, config, found)

            info = {"labels": "3DLabelProp", "rule": config.rule}
            table = _write_frames(source, folder, info, label, own, report, total, workers, unused)
        finally:
            own.close()
        lacking = total - detected(source) if detector is None and detected(source) else 0
        if lacking and unused is not None:
            table["unused"]["without detections, not in the map"] = lacking
        about = {
            "rule": config.rule,
            "label_config": asdict(config),
            "map_config": asdict(voxel_map.config),
            "confident_voxels": voxel_map.confident_count,
            "explored_area_m2": round(voxel_map.explored_area_m2, 4),
            "annotated_frames": 0 if annotations is None else len(annotations),
        }
        summary = _finish(folder, {**about, **table, "instances": volume.table()}, on_folder)
    _LOG.info("%d instances, %d annotations in %s", len(volume.instances), summary["annotations"], out)
    return summary


def _start(previous: Path | str | None, config: MapConfig | None) -> tuple[VoxelMap, LabelVolume | None]:
    if previous is None:
        return VoxelMap(config), None
    voxel_map = VoxelMap.load(Path(previous) / MAP)
    if config is not None and config != voxel_map.config:
        raise InputError(f"{previous} has a map of {voxel_map.config}; it cannot be continued with {config}")
    return voxel_map, load_objects(Path(previous) / OBJECTS)


def frame_annotations(
    frame: Frame, volume: LabelVolume, config: LabelConfig, own: Detections | None = None
) -> list[Annotation]:
    """Annotations of one frame: every instance that covers enough of it, then the regions to ignore.

    An object's annotation carries instance, score, views, support and seen (`Instance`) and, where the frame's own
    detections are given, own_score: the best score of those of its category with mask IoU >= 0.5, 0 = none. A region's
    carries ignore.
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
    low = int(ids.min())
    counts = np.bincount((ids - low).reshape(-1))
    found = [(int(index) + low, int(counts[index])) for index in np.flatnonzero(counts)]
    enough = config.min_area_share * ids.size
    out = []
    for number, count in sorted(found, key=lambda pair: -pair[0]):
        if number == 0 or (number > 0 and count < enough):
            continue
        item = table[number]
        mask = ids == number
        extra: dict[str, Any] = {"ignore": True, "score": item.score}
        if number > 0:
            extra = {"instance": number, "score": item.score, "views": item.views}
            extra.update({"support": item.support, "seen": item.seen})
            if own is not None:
                extra[OWN_SCORE] = own_extra(item.category, mask, own)
        out.append(Annotation(item.category, mask, extra))
    return out


def self_training_labels(
    source: FrameSource,
    out: Path | str,
    min_score: float = 0.9,
    min_area_share: float = 0.001,
    detector: FrameDetector | None = None,
    progress: Progress | None = None,
    *,
    workers: int | None = None,
    resume_key: str | None = None,
    on_folder: Callable[[Path], object] | None = None,
) -> dict[str, Any]:
    """The control: each frame's own detections above `min_score` are its labels; no map, no other view.

    Args:
        source: the frames.
        out: folder to write; a dataset that is there already is replaced.
        min_score: a detection is taken if its score is above this.
        min_area_share: and if its mask covers this share of the picture.
        detector: run on every frame instead of taking the recorded detections.
        progress: called with (frames done, frames to do).
        workers: as in `label_frames`.
        resume_key: as in `label_frames`.
        on_folder: as in `label_frames`.

    Returns:
        What `labels.json` holds.

    Raises:
        InputError: as `label_frames`.
    """
    report, total = progress or silent, len(source)
    if total == 0:
        raise InputError("there are no frames to label")

    def label(item: BagFrame, found: Detections | None) -> list[Annotation]:
        if found is None:
            if detected(source) == 0:
                raise InputError(NO_DETECTIONS)
            return []
        return [
            Annotation(int(category), mask, {"score": round(float(score), 6)})
            for category, score, mask in zip(found.categories, found.scores, found.masks, strict=True)
            if score > min_score and mask.any() and mask.sum() >= min_area_share * mask.size
        ]

    facts = None
    if resume_key is not None:
        facts = {"version": 2, "key": resume_key, "min_score": min_score, "min_area_share": min_area_share}
    with work_folder(Path(out), facts) as folder:
        own = OwnDetections(detector, folder if facts is not None else None)
        info = {"labels": "self-training", "min_score": min_score}
        try:
            table = _write_frames(source, folder, info, label, own, report, 0, workers, _unused(source))
        finally:
            own.close()
        summary = {"rule": "self_training", "min_score": min_score, "min_area_share": min_area_share, **table}
        return _finish(folder, summary, on_folder)


def _write_frames(
    source: FrameSource,
    folder: Path,
    info: dict[str, Any],
    label: Labeller,
    own: OwnDetections,
    report: Progress,
    before: int,
    workers: int | None,
    unused: dict[str, int] | None,
) -> dict[str, Any]:
    """Label and write all frames into the dataset at `folder`; the counts of `labels.json`."""
    total = len(source)
    if (folder / ANNOTATIONS).is_file():  # all written, and then interrupted
        document = read_json(folder / ANNOTATIONS)
        return _table(document["images"], document["annotations"], total, unused)
    with DatasetWriter(folder, info, resume=True) as writer:
        start = int(writer.images[-1]["frame"]) + 1 if writer.images else 0

        def pairs() -> Iterator[tuple[BagFrame, Detections | None]]:
            for item in read_ahead(frames_from(source, start)):
                yield item, own.of(item)

        def encode(pair: tuple[BagFrame, Detections | None]) -> EncodedPicture:
            item, found = pair
            annotations = label(item, found)
            _preview(folder, item, annotations, total)
            return encode_picture(item.frame.rgb, annotations, {"frame": item.index, "stamp_ns": item.frame.stamp_ns})

        for picture in in_order(encode, pairs(), workers or default_workers()):
            writer.add_encoded(picture)
            report(before + int(picture.extra["frame"]) + 1, before + total)
        return _table(writer.images, writer.annotations, total, unused)


def _unused(source: FrameSource) -> dict[str, int] | None:
    """What the source could not use, before any picture was read; None if it does not count."""
    found = getattr(source, "unused", None)
    return None if found is None else dict(found)


def _table(
    images: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]], total: int, unused: dict[str, int] | None
) -> dict[str, Any]:
    table = summary_of(images, annotations)
    if unused is None:
        return table
    lost = total - len(images)
    return {**table, "unused": {**unused, **({"broken when read": lost} if lost else {})}}


def _preview(folder: Path, item: BagFrame, annotations: list[Annotation], total: int) -> None:
    every = max(1, total // _PREVIEWS)
    if item.index % every == every // 2:
        write_png(folder / "previews" / f"{item.index:06d}.png", draw_labels(item.frame.rgb, annotations))


def _finish(folder: Path, summary: dict[str, Any], on_folder: Callable[[Path], object] | None) -> dict[str, Any]:
    """Write `labels.json` and what belongs to it, then take away what only the work needed."""
    document = {"format": "seal_labels", "version": 2, **summary}
    write_json(folder / LABELS, document)
    if on_folder is not None:
        on_folder(folder)
    for path in [*folder.glob("map_*.npz"), *folder.glob("annotated_*.npz"), folder / "detected.jsonl"]:
        path.unlink(missing_ok=True)
    return document
