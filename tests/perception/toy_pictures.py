# SPDX-License-Identifier: Apache-2.0
"""Tiny pictures of coloured rectangles, a tiny network, and a detector that knows the answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from seal_perception.categories import SIX, CategorySet
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.detections import Detections
from seal_perception.detector.model import ModelConfig, build_model
from seal_perception.detector.weights import save_weights

TINY = ModelConfig(
    stem_channels=8, channels=(8, 8, 16, 16), blocks=(1, 1, 1, 1), fpn_channels=8, box_units=16, mask_channels=8,
    samples=16, proposals=20, input_height=64,
)  # fmt: skip


def rectangle(height: int, width: int, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """(H, W) bool mask of a rectangle; x1 and y1 lie behind the last pixel."""
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def write_rectangles(
    folder: Path, count: int, seed: int = 0, height: int = 64, width: int = 80, names: CategorySet = SIX
) -> CocoDataset:
    """A dataset of one or two coloured rectangles per picture, side by side."""
    rng = np.random.default_rng(seed)
    with DatasetWriter(folder, names=names) as writer:
        for _ in range(count):
            rgb = rng.integers(90, 110, (height, width, 3)).astype(np.uint8)
            annotations = []
            for left in (2, 42)[: int(rng.integers(1, 3))]:
                category = int(rng.integers(len(names)))
                x0, y0 = left + int(rng.integers(0, 8)), int(rng.integers(2, 20))
                mask = rectangle(height, width, x0, y0, x0 + int(rng.integers(16, 28)), y0 + int(rng.integers(16, 40)))
                rgb[mask] = ((230, 30, 30), (30, 230, 30), (30, 30, 230), (230, 230, 30), (30, 230, 230), (9, 9, 9))[
                    category
                ]
                annotations.append(Annotation(category, mask))
            writer.add(rgb, annotations)
    return CocoDataset(folder, CategoryNames(known=names))


def write_tiny(path: Path) -> str:
    """Write a tiny network with random weights, which finds things everywhere; the file as text."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_weights(path, build_model(TINY), TINY, {})
    return str(path)


def as_detections(
    annotations: list[Annotation], size: tuple[int, int], shift: int = 0, score: float = 0.95
) -> Detections:
    """The labels of a picture as detections, moved right by `shift` pixels."""
    if not annotations:
        return Detections.empty(*size)
    boxes = np.array([a.box() for a in annotations], np.float32)
    boxes[:, [0, 2]] += shift
    return Detections(
        boxes,
        np.array([a.category for a in annotations], np.int64),
        np.full(len(annotations), score, np.float32),
        np.stack([np.roll(a.mask, shift, axis=1) for a in annotations]),
    )
