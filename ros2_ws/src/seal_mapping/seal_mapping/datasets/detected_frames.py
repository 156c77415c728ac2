# SPDX-License-Identifier: Apache-2.0
"""Frames of a recording with their detections: recorded ones, or those of a detector that is run again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seal_mapping.datasets.parallel import prefetch
from seal_mapping.source import BagFrame, FrameSource, recorded_names
from seal_perception import messages as m
from seal_perception.categories import CategorySet, names_of
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.files import naming
from seal_perception.reading.text import load_json
from seal_perception.upright import FrameDetector, detect_frame

JOURNAL = "detected.jsonl"
NO_DETECTIONS = (
    "the recording has no recorded detections for its frames; run the detector again (--redetect, with --weights coco "
    "on real pictures), or draw on a few frames (seal annotate, then --annotations)"
)


class DetectedFrames:
    """A recording, and what a detector finds in its frames.

    Args:
        source: the frames.
        detector: run on every frame, which it sees upright; None = take the recorded detections.

    Attributes:
        best_scores: best score of each frame asked about so far, by index; 0 = nothing was found in it.
    """

    def __init__(self, source: FrameSource, detector: FrameDetector | None = None) -> None:
        self.source, self.detector = source, detector
        self.best_scores: dict[int, float] = {}
        self._journal: DetectionJournal | None = None

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.source)

    def __iter__(self) -> Iterator[BagFrame]:
        """All frames as they were recorded; `detections_for` gives their detections."""
        return iter(self.source)

    def frames(self, start: int = 0) -> Iterator[BagFrame]:
        """Frames from index `start` on, as they were recorded, read ahead in a second thread."""
        return prefetch(frames_from(self.source, start))

    @property
    def names(self) -> CategorySet | None:
        """The list that the detections are of: the detector's, or that of the recorded ones; None if there are none."""
        return recorded_names(self.source) if self.detector is None else names_of(self.detector)

    @property
    def with_recorded(self) -> int:
        """Frames with recorded detections; 0 if the source does not say: then every frame must have some."""
        return int(getattr(self.source, "frames_with_detections", 0))

    @property
    def unused(self) -> dict[str, int] | None:
        """Pictures that the source could not use so far, by reason; None if it does not count them."""
        found = getattr(self.source, "unused", None)
        return None if found is None else dict(found)

    @contextmanager
    def journal(self, folder: Path | None) -> Iterator[None]:
        """Detect each frame once, even across an interruption: `folder` keeps what is found; None = keep nothing."""
        if self.detector is None or folder is None:
            yield
            return
        self._journal = DetectionJournal(self.detector, folder / JOURNAL)
        try:
            yield
        finally:
            self._journal.close()
            self._journal = None

    def detections_for(self, item: BagFrame) -> Detections | None:
        """Detections of a frame; None if none were recorded and there is no detector."""
        found = self._find(item)
        if found is not None:
            self.best_scores[item.index] = float(found.scores.max()) if len(found) else 0.0
        return found

    def _find(self, item: BagFrame) -> Detections | None:
        if self.detector is None:
            return item.detections
        if self._journal is None:
            return detect_frame(self.detector, item.frame)
        return self._journal.detections_for(item)


class DetectionJournal:
    """A file that keeps a detector's answers, a line per frame; a line that is cut or broken ends it.

    Args:
        detector: asked for frames that are not in the file.
        path: the file; made if it is not there.
    """

    def __init__(self, detector: FrameDetector, path: Path) -> None:
        self._detector, self._path = detector, path
        self._place: dict[int, int] = {}
        path.touch()
        self._stream = open(path, "r+b")  # noqa: SIM115 - open for as long as frames come
        end = 0
        for line in self._stream:
            row = _row(line)
            if row is None:
                break
            self._place[row[0]] = end
            end += len(line)
        self._stream.truncate(end)

    def detections_for(self, item: BagFrame) -> Detections:
        """Detections of a frame, found now or read again: the same in both cases."""
        if item.index not in self._place:
            text = m.detections_to_text(detect_frame(self._detector, item.frame), item.frame.stamp_ns)
            self._place[item.index] = self._stream.seek(0, os.SEEK_END)
            with naming(self._path):
                self._stream.write(json.dumps([item.index, text]).encode() + b"\n")
                self._stream.flush()
        self._stream.seek(self._place[item.index])
        row = _row(self._stream.readline())
        if row is None:
            raise InputError(f"the journal of detections was changed while it was in use: frame {item.index}")
        return m.detections_from_text(row[1]).detections

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _row(line: bytes) -> tuple[int, str] | None:
    try:
        index, text = load_json(line, "the journal")
        m.detections_stamp_ns(text)
        return (int(index), text) if line.endswith(b"\n") else None
    except (ValueError, TypeError, RecursionError):
        return None


def frames_from(source: FrameSource, start: int) -> Iterator[BagFrame]:
    """Frames of a source from index `start` on, without decoding those before where the source can skip them."""
    skip = getattr(source, "frames", None)
    if skip is not None:
        yield from skip(start)
        return
    for item in source:
        if item.index >= start:
            yield item
