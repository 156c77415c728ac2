# SPDX-License-Identifier: Apache-2.0
"""The first pass of labelling: all frames of a recording into one voxel map, with checkpoints."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.datasets.resumable import read_ahead
from seal_mapping.labels.human_labels import complete_depth
from seal_mapping.source import BagFrame, FrameSource
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception import messages as m
from seal_perception.detections import Detections
from seal_perception.errors import InputError

_LOG = logging.getLogger(__name__)
_CHECKPOINT_S = 20.0
_DETECTED = "detected.jsonl"
NO_DETECTIONS = "the recording has no recorded detections for its frames; run the detector again (--redetect)"

Progress = Callable[[int, int], None]


class FrameDetector(Protocol):
    """Anything that finds objects in a picture."""

    def detect(self, rgb: np.ndarray[Any, np.dtype[np.uint8]]) -> Detections:
        """Detections of an (H, W, 3) uint8 picture."""
        ...


def silent(done: int, total: int) -> None:
    """Report nothing."""


def detected(source: FrameSource) -> int:
    """Frames of a source with recorded detections; 0 if a source does not say so: then every frame must have some."""
    return int(getattr(source, "frames_with_detections", 0))


def frames_from(source: FrameSource, start: int) -> Iterator[BagFrame]:
    """Frames of a source from index `start` on, without decoding those before where the source can."""
    skip = getattr(source, "frames", None)
    if skip is not None:
        yield from skip(start)
        return
    for item in source:
        if item.index >= start:
            yield item


class OwnDetections:
    """What the detector says about each frame: recorded, or found again and kept in a journal.

    Args:
        detector: run on every frame; None = the recorded detections.
        folder: where the journal is kept, so that no frame is looked at twice; None = no journal.
    """

    def __init__(self, detector: FrameDetector | None, folder: Path | None = None) -> None:
        self._detector = detector
        self._known: dict[int, int] = {}
        self._stream: IO[bytes] | None = None
        if detector is None or folder is None:
            return
        path = folder / _DETECTED
        path.touch()
        self._stream = open(path, "r+b")  # noqa: SIM115 - open for as long as frames come
        end = 0
        for line in self._stream:
            row = _journal_row(line)
            if row is None:
                break
            self._known[row[0]] = end
            end += len(line)
        self._stream.truncate(end)

    def of(self, item: BagFrame) -> Detections | None:
        """Detections of a frame; None if none were recorded and there is no detector."""
        if self._detector is None:
            return item.detections
        if self._stream is None:
            return self._detector.detect(item.frame.rgb)
        if item.index not in self._known:
            text = m.detections_to_text(self._detector.detect(item.frame.rgb), item.frame.stamp_ns)
            self._known[item.index] = self._stream.seek(0, os.SEEK_END)
            self._stream.write(json.dumps([item.index, text]).encode() + b"\n")
            self._stream.flush()
        self._stream.seek(self._known[item.index])
        row = _journal_row(self._stream.readline())
        if row is None:
            raise InputError(f"the journal of detections was changed while it was in use: frame {item.index}")
        return m.detections_from_text(row[1]).detections  # the same, whether found now or read again

    def close(self) -> None:
        """Close the journal."""
        if self._stream is not None:
            self._stream.close()


def _journal_row(line: bytes) -> tuple[int, str] | None:
    try:
        index, text = json.loads(line)
        m.detections_stamp_ns(text)
        return (int(index), text) if line.endswith(b"\n") else None
    except (ValueError, TypeError, InputError):
        return None


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
    return MapPass(source, VoxelMap(config), OwnDetections(detector)).run(progress or silent)


class MapPass:
    """Frames into a map; with a folder it goes on where an interrupted pass was.

    Args:
        source: the frames.
        voxel_map: the map to put them in: empty, or one to be continued.
        own: what the detector says.
        annotations: frames that a human annotated; they take the place of the detector's there.
        folder: for checkpoints; None = none. A map that clears (`MapConfig.clear_views`) is not checkpointed: the
            misses in a row are not part of its file.
    """

    def __init__(
        self,
        source: FrameSource,
        voxel_map: VoxelMap,
        own: OwnDetections,
        annotations: FrameAnnotations | None = None,
        folder: Path | None = None,
    ) -> None:
        self._source, self._own, self._annotations = source, own, annotations
        self._folder = folder if voxel_map.config.clear_views == 0 else None
        self.voxel_map = voxel_map
        self.annotated = VoxelMap(voxel_map.config) if annotations is not None else None
        self._next = 0

    def run(self, progress: Progress) -> VoxelMap:
        """The map of all frames.

        Raises:
            InputError: if no frame has detections, there is no detector, and nothing was annotated.
        """
        self._restore()
        total, last = len(self._source), time.monotonic()
        progress(self._next, total)
        for item in read_ahead(frames_from(self._source, self._next)):
            self._add(item)
            self._next = item.index + 1
            progress(self._next, total)
            if self._folder is not None and time.monotonic() - last > _CHECKPOINT_S:
                self.checkpoint()
                last = time.monotonic()
        self._next = total
        self.checkpoint()
        return self.voxel_map

    def _add(self, item: BagFrame) -> None:
        drawn = None if self._annotations is None else self._annotations.for_frame(item)
        found = self._own.of(item) if drawn is None else drawn
        if found is None and (self._annotations is None or detected(self._source)):
            if detected(self._source) == 0:
                raise InputError(NO_DETECTIONS)
            return  # a view that nobody was asked about must not vote "nothing"
        scores = None if found is None else found.score_image(self.voxel_map.config.num_categories)
        frame = item.frame
        if drawn is not None and self.annotated is not None:
            frame = replace(frame, depth=complete_depth(frame.depth, drawn.masks))
            self.annotated.integrate(frame, scores)
        self.voxel_map.integrate(frame, scores)

    def checkpoint(self) -> None:
        """Keep the maps as they are, under the number of the next frame; older checkpoints go."""
        if self._folder is None:
            return
        old = [path for path in self._folder.glob("*_*.npz") if path.name.startswith(("map_", "annotated_"))]
        if self.annotated is not None:
            self.annotated.save(self._folder / f"annotated_{self._next:09d}.npz")
        self.voxel_map.save(self._folder / f"map_{self._next:09d}.npz")
        for path in old:
            if not path.name.endswith(f"_{self._next:09d}.npz"):
                path.unlink(missing_ok=True)

    def _restore(self) -> None:
        if self._folder is None:
            return
        for path in sorted(self._folder.glob("map_*.npz"), reverse=True):
            beside = self._folder / path.name.replace("map_", "annotated_")
            try:
                voxel_map = VoxelMap.load(path)
                annotated = VoxelMap.load(beside) if self.annotated is not None else None
            except InputError as error:
                _LOG.warning("checkpoint %s cannot be used: %s", path.name, error)
                continue
            self.voxel_map, self.annotated = voxel_map, annotated
            self._next = int(path.stem.split("_")[1])
            return
