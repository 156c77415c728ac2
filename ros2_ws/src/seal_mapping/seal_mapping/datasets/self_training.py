# SPDX-License-Identifier: Apache-2.0
"""Self-training, the control: the detector's own confident detections are the labels; no map, no other view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seal_mapping.datasets.detected_frames import NO_DETECTIONS, DetectedFrames
from seal_mapping.datasets.labeller import Labeller
from seal_mapping.datasets.no_labels import RULE, NoLabels, found_nothing
from seal_mapping.datasets.resumable import WorkFolder
from seal_mapping.source import BagFrame
from seal_perception.categories import SIX, CategorySet
from seal_perception.dataset import Annotation
from seal_perception.detections import Detections
from seal_perception.errors import InputError


class SelfTraining(Labeller):
    """Each frame's own detections above a score.

    Args:
        min_score: a detection is taken if its score is above this ...
        min_area_share: ... and its mask covers at least this share of the picture.
    """

    name = "self_training"

    def __init__(self, min_score: float = 0.9, min_area_share: float = 0.001) -> None:
        self._min_score, self._min_area_share = min_score, min_area_share
        self._some_have_none = False

    def prepare(self, frames: DetectedFrames, folder: WorkFolder, progress: Callable[[int], None]) -> None:
        """Ask whether frames without detections are to be expected."""
        self._some_have_none, self.names = frames.with_recorded > 0, frames.names or SIX

    def annotations(self, item: BagFrame) -> list[Annotation]:
        """The frame's confident detections with their score.

        Raises:
            InputError: if no frame of the recording has detections, or this one's are of another list than the first.
        """
        found = detections_of(item, self.names, self._some_have_none)
        if found is None:
            return []
        min_score, least = self._min_score, self._min_area_share
        return [
            Annotation(int(category), mask, {"score": round(float(score), 6)})
            for category, score, mask in zip(found.categories, found.scores, found.masks, strict=True)
            if score > min_score and mask.any() and mask.sum() >= least * mask.size
        ]

    def why_no_labels(self, frames: DetectedFrames) -> NoLabels:
        """The detector found nothing, or is not sure."""
        few = f"every detection above {self._min_score:g} covers less than {self._min_area_share:.1%} of its picture"
        return found_nothing(frames.best_scores, self._min_score) or NoLabels(RULE, few)

    def facts(self) -> dict[str, Any]:
        """The two thresholds."""
        return {"min_score": self._min_score, "min_area_share": self._min_area_share}

    def info(self) -> dict[str, Any]:
        """Method and score."""
        return {"labels": "self-training", "min_score": self._min_score}

    def summary(self, counts: dict[str, Any]) -> dict[str, Any]:
        """Method, thresholds, counts."""
        return {"rule": self.name, **self.facts(), **counts}


def detections_of(item: BagFrame, names: CategorySet, some_have_none: bool) -> Detections | None:
    """A frame's detections, None where it may have none.

    Args:
        item: the frame.
        names: the list that they must be of.
        some_have_none: frames without detections are to be expected.

    Raises:
        InputError: if it has none and must, or they are of another list.
    """
    found = item.detections
    if found is None:
        if not some_have_none:
            raise InputError(NO_DETECTIONS)
        return None
    if len(found) and found.names != names:
        raise InputError(f"the detections of frame {item.index} are of {found.names}, the first are of {names}")
    return found
