# SPDX-License-Identifier: Apache-2.0
"""Speed of labelling a whole episode from its bag, recorded detections used; baseline: one worker instead of all."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.writer import BagWriter, write_frame
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.parallel import default_workers
from seal_perception.benchmarking import BenchmarkRow
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, invert
from seal_perception.types import UInt8Array

FRAMES = 300
_STEP_NS = 100_000_000
_SCORE = 0.95


def write_episode(path: Path, shots: list[tuple[Frame, UInt8Array]], frames: int = FRAMES) -> Path:
    """Write a bag that goes through `shots` (frames with their (H, W, C) scores) again and again, with camera noise."""
    rng, mounting = np.random.default_rng(0), camera_mounting(0.88)
    with BagWriter(path) as writer:
        for n in range(frames):
            frame, scores = shots[n % len(shots)]
            rgb = np.clip(frame.rgb.astype(np.int16) + rng.integers(-9, 10, frame.rgb.shape), 0, 255).astype(np.uint8)
            T_odom_base = frame.T_map_camera @ invert(mounting)
            stamp = _STEP_NS * (n + 1)
            write_frame(writer, stamp, rgb, frame.depth, frame.camera, T_odom_base, mounting, _detections(scores))
    return path


def _detections(scores: UInt8Array) -> Detections:
    """One detection per category in a score picture."""
    kinds = np.flatnonzero(scores.any(axis=(0, 1)))
    if len(kinds) == 0:
        return Detections.empty(*scores.shape[:2])
    masks = np.stack([scores[..., c] > 0 for c in kinds])
    boxes = np.zeros((len(kinds), 4), np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return Detections(boxes, kinds.astype(np.int64), np.full(len(kinds), _SCORE, np.float32), masks)


def episode_rows(shots: list[tuple[Frame, UInt8Array]], frames: int = FRAMES) -> list[BenchmarkRow]:
    """One row: milliseconds to open a bag and label all its frames."""
    height, width = shots[0][0].depth.shape
    times = {}
    with tempfile.TemporaryDirectory(prefix="seal_benchmark_") as folder:
        bag = write_episode(Path(folder) / "bag", shots, frames)
        workers = default_workers()
        for count in (1, workers):
            start = time.perf_counter()
            write_dataset(open_bag(bag), LabelProp(), DatasetWork(Path(folder) / f"labels_{count}", workers=count))
            times[count] = 1e3 * (time.perf_counter() - start)
    size = f"{frames} frames of {width}x{height}, {workers} workers"
    total = times[workers]
    return [BenchmarkRow("labels", "label an episode from its bag", size, total, total, "one worker", times[1])]
