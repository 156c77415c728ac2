# SPDX-License-Identifier: Apache-2.0
"""The uncertain frames that show different things: the paper's choice without the neighbours of a frame chosen before.

Source: SEAL, section 5.2: the k frames with the highest mean voxel entropy (`entropy.py`). Departs from it: a frame is
skipped where it sees mostly what a better one sees. Neighbours look alike, and so have about the same entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seal_mapping.annotation.entropy import FrameScores, Progress, Rows, check_k, map_recording, score_frames
from seal_mapping.source import FrameSource
from seal_mapping.voxels.config import MapConfig

MAX_OVERLAP_PERCENT = 50
"""Chosen frames share at most this much of what they see."""
_STEP_PERCENT = 10


@dataclass(frozen=True)
class ChosenFrames:
    """Frames worth a human's time, best first.

    Attributes:
        stamps_ns: of the frames.
        entropy_bits: mean voxel entropy of each.
        overlap_percent: the overlap that had to be allowed to find so many.
        with_detections: frames of the recording with at least one detection; 0 = nothing is known to be uncertain.
    """

    stamps_ns: tuple[int, ...]
    entropy_bits: tuple[float, ...]
    overlap_percent: int
    with_detections: int


def overlap(one: Rows, other: Rows) -> float:
    """Share of the voxels of the frame that sees fewer which the other sees too; 0 if one sees nothing.

    Args:
        one: sorted voxels, each once.
        other: the same of the other frame.
    """
    fewer = min(len(one), len(other))
    return len(np.intersect1d(one, other, assume_unique=True)) / fewer if fewer else 0.0


def choose_different(
    scores: FrameScores, k: int, max_overlap_percent: int = MAX_OVERLAP_PERCENT
) -> tuple[list[int], int]:
    """Choose k frames, the highest entropy first, none of which overlaps one before it by more than a limit.

    Where that gives fewer than k, the limit is raised by 10 percent until there are k. Ties: the earlier frame.

    Args:
        scores: of all frames, with the voxels that they see.
        k: how many.
        max_overlap_percent: the limit, 0..100.

    Returns:
        Positions of the frames, best first, and the limit that was needed.

    Raises:
        InputError: if there are no k frames.
    """
    check_k(k, len(scores.rows))
    best_first = np.argsort(-scores.entropy, kind="stable").tolist()
    limit = max_overlap_percent
    while len(chosen := _within(scores.rows, best_first, k, limit / 100)) < k:
        limit = min(100, limit + _STEP_PERCENT)
    return chosen, limit


def _within(rows: tuple[Rows, ...], best_first: list[int], k: int, limit: float) -> list[int]:
    """The first k frames in order that overlap none before by more than the limit; fewer if there are not so many."""
    chosen: list[int] = []
    for frame in best_first:
        if len(chosen) < k and all(overlap(rows[frame], rows[other]) <= limit for other in chosen):
            chosen.append(frame)
    return chosen


def uncertain_frames(
    source: FrameSource, k: int, config: MapConfig | None = None, progress: Progress = lambda done, total: None
) -> ChosenFrames:
    """The k frames of a recording that `choose_different` takes, by a map of its recorded detections.

    Args:
        source: the frames; walked through twice.
        k: how many.
        config: numbers of the map.
        progress: called with (frames done, frames to do).

    Raises:
        InputError: if there are no k frames.
    """
    total = len(source)
    check_k(k, total)
    found = map_recording(source, config, lambda done, _: progress(done, 2 * total))
    scores = score_frames(source, found.voxel_map, True, lambda done, _: progress(total + done, 2 * total))
    chosen, limit = choose_different(scores, k)
    bits = tuple(round(float(scores.entropy[frame]), 6) for frame in chosen)
    return ChosenFrames(tuple(scores.stamps_ns[frame] for frame in chosen), bits, limit, found.with_detections)
