# SPDX-License-Identifier: Apache-2.0
"""A detector that knows the truth: the ceiling of what a detector can do for a task. Evaluation only."""

from __future__ import annotations

import numpy as np

from seal_perception.categories import SIX, CategorySet
from seal_perception.detections import Detections
from seal_perception.simulator import TruthSource
from seal_perception.types import Float32Array, UInt8Array
from sim_bridge.evaluation.frames import truth_annotations


class TrueDetector:
    """Finds every object of the six categories, with its true mask and a score of 1, as the simulator labels it.

    Args:
        world: asked for the labels of the picture it last gave.
    """

    def __init__(self, world: TruthSource) -> None:
        self._world = world

    @property
    def names(self) -> CategorySet:
        """The six categories."""
        return SIX

    def detect(self, rgb: UInt8Array) -> Detections:
        """The objects in the world's last picture, which `rgb` must be (upright)."""
        found = truth_annotations(self._world.truth_images())
        if not found:
            return Detections.empty(*rgb.shape[:2])
        masks = np.stack([one.mask for one in found])
        boxes = np.stack([_box(mask) for mask in masks])
        categories = np.array([one.category for one in found], np.int64)
        return Detections(boxes, categories, np.ones(len(found), np.float32), masks)


def _box(mask: UInt8Array) -> Float32Array:
    """(4,) x0, y0, x1, y1 of the pixels that are set."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
