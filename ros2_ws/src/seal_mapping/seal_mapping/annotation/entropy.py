# SPDX-License-Identifier: Apache-2.0
"""Which frames a human should annotate: those whose voxels the detector's views disagree about most.

Source: SEAL, section 5.2, "mean voxel entropy"; the paper gives no formula. Ours, per voxel: with e_c the mean
evidence (over the frames that saw the voxel, the frame's best score of category c, 0..1: `VoxelCloud.mean_score`) and
s = sum of e_c,

    p_c = e_c / max(1, s),    p_none = max(0, 1 - s),    H = -sum of p log2 p    (bits, over categories and none)

so a voxel that no view called anything, or every view the same with score 1, has H = 0, and the most is log2(C + 1).
A frame's score is the mean of H over its pixels with depth in range; a pixel whose voxel is not in the map (too high,
an edge) counts as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seal_mapping.source import FrameSource, recorded_names
from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.types import FloatArray, Int32Array, IntArray

COVERAGE_FLOOR_BITS = 0.1
"""What a voxel that was not covered yet is worth in the mode "coverage", on top of its entropy."""
COVERAGE_STRIDE = 4
"""The mode "coverage" looks at one row and one column in this many."""

Rows = Int32Array
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RecordingMap:
    """A map of all frames of a recording, and how many of them have detections.

    Attributes:
        voxel_map: the map.
        with_detections: frames with at least one detection.
        without: frames for which no detections were recorded at all.
    """

    voxel_map: VoxelMap
    with_detections: int
    without: int


@dataclass(frozen=True)
class FrameScores:
    """Scores of all frames of a source, in its order.

    Attributes:
        stamps_ns: stamps.
        entropy: (F,) float64 mean voxel entropy in bits; 0 where a frame has no depth in range.
        rows: per frame the sorted voxels (rows of the cloud) it sees on the grid of `COVERAGE_STRIDE`; empty if not
            asked for.
        weights: (N,) float64 per voxel, entropy + `COVERAGE_FLOOR_BITS`.
    """

    stamps_ns: tuple[int, ...]
    entropy: FloatArray
    rows: tuple[Rows, ...] = ()
    weights: FloatArray = field(default_factory=lambda: np.zeros(0))


def voxel_entropy(evidence: FloatArray) -> FloatArray:
    """(N,) float64 bits of mean evidence (N, C) in [0, 1]; the formula stands at the top of this file."""
    total = evidence.sum(axis=1)
    share = evidence / np.maximum(1.0, total)[:, None]
    share = np.concatenate([share, np.maximum(0.0, 1.0 - total)[:, None]], axis=1)
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    # + 0.0 turns the minus zero of a certain voxel into zero.
    return np.asarray(-(share * logs).sum(axis=1) + 0.0)


class VoxelIndex:
    """Finds a cloud's row by voxel index."""

    def __init__(self, cloud: VoxelCloud, config: MapConfig) -> None:
        self._config = config
        ijk = cloud.ijk.astype(np.int64)
        self._low = ijk.min(axis=0) if len(ijk) else np.zeros(3, np.int64)
        self._shape = ijk.max(axis=0) - self._low + 1 if len(ijk) else np.zeros(3, np.int64)
        keys = self._keys(ijk)
        self._order = np.argsort(keys)
        self._sorted = keys[self._order]

    def _keys(self, ijk: IntArray) -> IntArray:
        local, (_, ny, nz) = ijk - self._low, self._shape
        return np.asarray((local[:, 0] * ny + local[:, 1]) * nz + local[:, 2])

    def rows(self, ijk: IntArray) -> IntArray:
        """(N,) rows of the voxels (N, 3), -1 for those that the cloud does not have."""
        out = np.full(len(ijk), -1, np.int64)
        inside = ((ijk >= self._low) & (ijk < self._low + self._shape)).all(axis=1)
        keys = self._keys(ijk[inside])
        place = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        out[inside] = np.where(self._sorted[place] == keys, self._order[place], -1) if len(keys) else -1
        return out

    def pixel_rows(self, frame: Frame, stride: int = 1) -> IntArray:
        """(P,) rows for the frame's pixels with depth in range, every `stride`-th row and column, in picture order."""
        config, camera, T = self._config, frame.camera, frame.T_map_camera
        depth = frame.depth[::stride, ::stride].astype(np.float64)
        v, u = np.nonzero((depth >= config.min_depth_m) & (depth <= config.max_depth_m) & (depth > 0))
        d = depth[v, u]
        a, b = (u * stride - camera.cx) / camera.fx, (v * stride - camera.cy) / camera.fy
        ijk = np.empty((len(d), 3), np.int64)
        for n in range(3):
            # The sums in the map's own order, so that a point on a boundary falls on the same side.
            along = (T[n, 0] * a + (T[n, 1] * b + T[n, 2])) * d + T[n, 3]
            ijk[:, n] = np.floor((along - config.origin[n]) / config.voxel_m)
        if len(ijk) == 0:
            return np.zeros(0, np.int64)
        # Neighbours mostly share a voxel: look it up once per run.
        starts = np.concatenate([[True], (ijk[1:] != ijk[:-1]).any(axis=1)])
        return self.rows(ijk[starts])[np.cumsum(starts) - 1]


def map_recording(
    source: FrameSource, config: MapConfig | None = None, progress: Progress | None = None
) -> RecordingMap:
    """Map of all frames with their recorded detections; a frame without adds its geometry alone."""
    voxel_map = VoxelMap((config or MapConfig()).for_names(recorded_names(source)))
    found = without = 0
    for done, item in enumerate(source, start=1):
        detections = item.detections
        voxel_map.integrate(item.frame, detections)
        found += detections is not None and len(detections) > 0
        without += detections is None
        if progress is not None:
            progress(done, len(source))
    return RecordingMap(voxel_map, found, without)


def score_frames(
    source: FrameSource, voxel_map: VoxelMap, with_rows: bool = False, progress: Progress | None = None
) -> FrameScores:
    """Mean voxel entropy of every frame in a map of all frames.

    Args:
        source: the frames.
        voxel_map: made of them (`map_recording`).
        with_rows: keep per frame what it sees, for `choose_coverage`: 4 bytes per voxel seen.
        progress: called with (frames done, frames to do).
    """
    cloud = voxel_map.voxels()
    entropy, index = voxel_entropy(cloud.mean_score()), VoxelIndex(cloud, voxel_map.config)
    stamps, scores, kept = [], [], []
    for done, item in enumerate(source, start=1):
        rows = index.pixel_rows(item.frame)
        stamps.append(item.frame.stamp_ns)
        scores.append(float(entropy[rows[rows >= 0]].sum() / len(rows)) if len(rows) else 0.0)
        if with_rows:
            seen = np.unique(index.pixel_rows(item.frame, COVERAGE_STRIDE))
            kept.append(seen[seen >= 0].astype(np.int32))
        if progress is not None:
            progress(done, len(source))
    return FrameScores(tuple(stamps), np.array(scores), tuple(kept), entropy + COVERAGE_FLOOR_BITS)


def check_k(k: int, frames: int) -> None:
    """Refuse a number of frames that cannot be chosen.

    Raises:
        InputError: if k < 1 or there are fewer frames.
    """
    if k < 1:
        raise InputError(f"k must be at least 1 frame to annotate, got {k}")
    if k > frames:
        raise InputError(f"k is {k}, but there are only {frames} frames; choose k up to {frames}")


def choose_frames(scores: npt.ArrayLike, k: int, min_gap: int = 0) -> list[int]:
    """The k frames with the highest scores (the paper's choice), best first; ties: the earlier frame.

    Args:
        scores: (F,) one per frame.
        k: how many.
        min_gap: chosen frames lie at least this many frames apart; 0 = any.

    Raises:
        InputError: if k is no number of frames, or with this gap fewer can be chosen.
    """
    values = np.asarray(scores, np.float64)
    check_k(k, len(values))
    chosen: list[int] = []
    for frame in np.argsort(-values, kind="stable").tolist():
        if all(abs(frame - other) >= min_gap for other in chosen):
            chosen.append(frame)
            if len(chosen) == k:
                return chosen
    raise _too_far_apart(k, min_gap, len(chosen))


def choose_coverage(
    rows: Sequence[Rows], weights: FloatArray, k: int, min_gap: int = 0
) -> tuple[list[int], list[float]]:
    """Choose k frames that together see much: each next one adds the most weight over voxels that none before it sees.

    Args:
        rows: per frame the voxels that it sees, each once.
        weights: (N,) per voxel.
        k: how many.
        min_gap: as in `choose_frames`.

    Returns:
        The frames in the order of choice, ties: the earlier; and what each added.

    Raises:
        InputError: as `choose_frames`.
    """
    check_k(k, len(rows))
    left = np.array(weights, np.float64)
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < k:
        worth = np.full(len(rows), -1.0)
        for frame, seen in enumerate(rows):
            if frame not in chosen and all(abs(frame - other) >= min_gap for other in chosen):
                worth[frame] = left[seen].sum()
        best = int(worth.argmax())
        if worth[best] < 0:
            raise _too_far_apart(k, min_gap, len(chosen))
        chosen.append(best)
        gains.append(float(worth[best]))
        left[rows[best]] = 0.0
    return chosen, gains


def _too_far_apart(k: int, min_gap: int, found: int) -> InputError:
    return InputError(f"only {found} of {k} frames were found {min_gap} frames apart; make the gap or k smaller")
