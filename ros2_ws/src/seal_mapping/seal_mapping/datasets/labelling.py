# SPDX-License-Identifier: Apache-2.0
"""`write_dataset(source, labeller, work)`: the one way from recorded frames to a labelled dataset.

The *source* gives frames: a bag, a list in memory; `DetectedFrames` around it runs a detector on them again. The
*labeller* gives each frame its labels (`labeller` tells how to write one). The *work* says where the dataset is written
and how. Frames are streamed, so memory holds a few pictures; an interrupted call is resumed by the next one. Nothing
here knows the simulator or ROS.

    write_dataset(open_bag("runs/first/bag"), LabelProp(), DatasetWork("runs/first/labels"))
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seal_mapping.datasets.detected_frames import JOURNAL, DetectedFrames
from seal_mapping.datasets.labeller import Labeller
from seal_mapping.datasets.map_builder import Progress, remove_checkpoints, silent
from seal_mapping.datasets.parallel import default_workers, ordered_map
from seal_mapping.datasets.resumable import resumable
from seal_mapping.datasets.summary import summary_of
from seal_mapping.labels.preview import draw_labels, write_png
from seal_mapping.source import BagFrame, FrameSource
from seal_perception.dataset import ANNOTATIONS, Annotation, DatasetWriter, EncodedPicture, encode_picture
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from seal_perception.types import UInt8Array
from seal_perception.upright import TURNED, quarter_turns, turn_picture

_LOG = logging.getLogger(__name__)
LABELS = "labels.json"
_PREVIEWS = 12


@dataclass(frozen=True)
class DatasetWork:
    """Where a dataset is written, and how.

    Attributes:
        out: its folder; a dataset that is there already is replaced.
        progress: called with (frames done, frames to do) over all passes.
        workers: threads that label and encode frames; None = one per core. The output does not depend on it.
        resume_key: text that tells this recording and detector from others. With it, an interrupted call leaves its
            work beside `out`, and the next one resumes it.
        on_folder: called with the whole folder before it takes the place of `out`: what it writes there belongs to it.
    """

    out: Path | str
    progress: Progress = silent
    workers: int | None = None
    resume_key: str | None = None
    on_folder: Callable[[Path], object] | None = None


def write_dataset(source: FrameSource, labeller: Labeller, work: DatasetWork) -> dict[str, Any]:
    """Label every frame and write a dataset.

    The folder appears whole or not at all: a COCO dataset (`annotations.json`, `images/`, upright), `labels.json`,
    `previews/`, and what the labeller adds.

    Args:
        source: the frames, as recorded; or `DetectedFrames` with a detector that is run on every frame instead.
        labeller: gives each frame its labels.
        work: where and how.

    Returns:
        What `labels.json` holds.

    Raises:
        InputError: if there are no frames, the labeller cannot work with them, or `out` is something other than a
            dataset.
    """
    frames = source if isinstance(source, DetectedFrames) else DetectedFrames(source)
    if len(frames) == 0:
        raise InputError("there are no frames to label")
    unused = frames.unused  # before any picture is read
    facts = None
    if work.resume_key is not None:
        facts = {"version": 2, "key": work.resume_key, **labeller.facts()}
    total = labeller.passes * len(frames)
    with resumable(Path(work.out), facts) as folder:
        with frames.journal(folder.checkpoints):
            labeller.prepare(frames, folder, lambda done: work.progress(done, total))
            images, annotations = _write_frames(frames, labeller, work, folder.path)
        counts = _counts(summary_of(images, annotations, labeller.names), len(frames) - len(images), unused)
        summary = {"format": "seal_labels", "version": 3, **labeller.summary(counts)}
        if not counts["annotations"]:
            why = labeller.why_no_labels(frames)
            summary["no_labels"] = None if why is None else asdict(why)
        write_json(folder.path / LABELS, summary)
        if work.on_folder is not None:
            work.on_folder(folder.path)
        remove_checkpoints(folder.path)
        (folder.path / JOURNAL).unlink(missing_ok=True)
    _LOG.info("%d annotations in %s", summary["annotations"], work.out)
    return summary


Rows = Sequence[dict[str, Any]]


def _write_frames(frames: DetectedFrames, labeller: Labeller, work: DatasetWork, folder: Path) -> tuple[Rows, Rows]:
    """Label and write all frames into the dataset at `folder`; its COCO rows of pictures and of annotations."""
    if (folder / ANNOTATIONS).is_file():  # an earlier call was interrupted after the last frame
        document = read_json(folder / ANNOTATIONS)
        return document["images"], document["annotations"]
    total, key, names = len(frames), labeller.frame_key, labeller.names
    before = (labeller.passes - 1) * total

    def encode(item: BagFrame) -> EncodedPicture:
        rgb, annotations, turned = upright_labels(item, labeller.annotations(item))
        if _shown(item.index, total):
            write_png(folder / "previews" / f"{item.index:06d}.png", draw_labels(rgb, annotations, names=names))
        return encode_picture(rgb, annotations, {key: item.index, "stamp_ns": item.frame.stamp_ns, **turned}, names)

    with DatasetWriter(folder, labeller.info(), resume=True, names=names) as writer:
        start = int(writer.images[-1][key]) + 1 if writer.images else 0
        for picture in ordered_map(encode, _detected(frames, start), work.workers or default_workers()):
            writer.add_encoded(picture)
            work.progress(before + int(picture.extra[key]) + 1, before + total)
        return writer.images, writer.annotations


def _detected(frames: DetectedFrames, start: int) -> Iterator[BagFrame]:
    """Frames from `start` on with their detections."""
    for item in frames.frames(start):
        yield replace(item, detections=frames.detections_for(item))


def _counts(counts: dict[str, Any], lost: int, unused: dict[str, int] | None) -> dict[str, Any]:
    if unused is None:
        return counts
    return {**counts, "unused": {**unused, **({"broken when read": lost} if lost else {})}}


def upright_labels(
    item: BagFrame, annotations: list[Annotation]
) -> tuple[UInt8Array, list[Annotation], dict[str, Any]]:
    """A frame as a dataset holds it: a human and a detector that learns from it both expect pictures upright.

    Args:
        item: the frame.
        annotations: in the orientation of its picture.

    Returns:
        (H, W, 3) picture and annotations, upright, and the picture's key `TURNED`, empty if it was not turned.
    """
    rgb, turns = item.frame.rgb, quarter_turns(item.frame.T_map_camera)
    if not turns:
        return rgb, annotations, {}
    turned = [replace(one, mask=turn_picture(one.mask, turns)) for one in annotations]
    return turn_picture(rgb, turns), turned, {TURNED: 90 * turns}


def _shown(index: int, total: int) -> bool:
    """Whether a frame gets a preview."""
    every = max(1, total // _PREVIEWS)
    return index % every == every // 2
