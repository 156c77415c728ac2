# SPDX-License-Identifier: Apache-2.0
"""Optical flow, a control: a frame's labels are its own and its neighbours' confident detections; no map.

SEAL, section 4.2: each pixel takes the best prediction over the pixels that optical flow associates with it in the
previous, the current and the next image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.flow_warp import Association, associate, repeatable
from seal_mapping.datasets.labeller import Labeller
from seal_mapping.datasets.no_labels import RULE, NoLabels, found_nothing
from seal_mapping.datasets.resumable import WorkFolder
from seal_mapping.datasets.self_training import detections_of
from seal_mapping.source import BagFrame
from seal_perception.categories import SIX
from seal_perception.dataset import Annotation
from seal_perception.detections import mask_iou, mask_to_rle, rle_to_mask
from seal_perception.errors import InputError
from seal_perception.types import BoolArray, UInt8Array

PREVIOUS, OWN, NEXT = -1, 0, 1
LEAST_CARRIED = 0.25
"""Share of a detection's pixels that must find a partner: specks that do by chance, on what hides it, are no object."""


@dataclass(frozen=True)
class Candidate:
    """One detection as the frame to be labelled sees it.

    Attributes:
        image: which image it was found in: `PREVIOUS`, `OWN` or `NEXT`.
        category: its index.
        score: in [0, 1].
        mask: (H, W) bool.
    """

    image: int
    category: int
    score: float
    mask: BoolArray


@dataclass
class _Seen:
    """A frame between its neighbours; `carried` holds what came from them so far, `views` counts them and itself."""

    index: int
    grey: UInt8Array
    own: list[Candidate]
    carried: list[Candidate] = field(default_factory=list)
    views: int = 1


class OpticalFlow(Labeller):
    """Confident detections of each frame and, along optical flow, of the frames before and after it.

    The neighbours are the frames next to it in the recording. A first pass walks over pairs of them and keeps each
    frame's labels with encoded masks; memory holds three frames besides.

    Args:
        min_score: a pixel takes a detection if its score is above this ...
        min_area_share: ... and what an object gets must cover at least this share of the picture.
        min_iou: detections of different images are one object from this mask IoU on (`join`).

    Raises:
        InputError: if `min_iou` lies outside (0, 1].
    """

    name = "optical_flow"
    passes = 2

    def __init__(self, min_score: float = 0.9, min_area_share: float = 0.001, min_iou: float = 0.5) -> None:
        if not 0.0 < min_iou <= 1.0:
            raise InputError(f"min_iou must lie in (0, 1], got {min_iou}")
        self._min_score, self._min_area_share, self._min_iou = min_score, min_area_share, min_iou
        self._some_have_none = False
        self._labels: dict[int, list[tuple[int, dict[str, Any], dict[str, Any]]]] = {}

    def prepare(self, frames: DetectedFrames, folder: WorkFolder, progress: Callable[[int], None]) -> None:
        """Carry the detections of all frames to their neighbours.

        Raises:
            InputError: if no frame of the recording has detections, or some are of another list than the first.
        """
        self._some_have_none, self.names = frames.with_recorded > 0, frames.names or SIX
        self._labels = {}
        before: _Seen | None = None
        progress(0)
        with repeatable():
            for item in frames.frames():
                now = self._see(replace(item, detections=frames.detections_for(item)))
                if before is not None:
                    _exchange(before, now)
                    self._keep(before)
                before = now
                progress(item.index + 1)
        if before is not None:
            self._keep(before)

    def annotations(self, item: BagFrame) -> list[Annotation]:
        """The frame's objects (`join`) with score, support (images they were found in) and views (2 or 3 images)."""
        rows = self._labels.get(item.index, [])
        return [Annotation(category, rle_to_mask(rle), dict(extra)) for category, rle, extra in rows]

    def _see(self, item: BagFrame) -> _Seen:
        found = detections_of(item, self.names, self._some_have_none)
        grey: UInt8Array = cv2.cvtColor(item.frame.rgb, cv2.COLOR_RGB2GRAY)  # type: ignore[assignment]
        if found is None:
            return _Seen(item.index, grey, [])
        # The best of three is above the threshold only if one of the three is: the others need not be carried.
        sure = found.keep(found.scores > self._min_score)
        rows = zip(sure.categories, sure.scores, sure.masks, strict=True)
        return _Seen(item.index, grey, [Candidate(OWN, int(c), float(s), m) for c, s, m in rows])

    def _keep(self, seen: _Seen) -> None:
        least = self._min_area_share * seen.grey.size
        self._labels[seen.index] = [
            (one.category, mask_to_rle(one.mask), {**one.extra, "views": float(seen.views)})
            for one in join([*seen.own, *seen.carried], self._min_iou)
            if one.mask.sum() >= least
        ]

    def why_no_labels(self, frames: DetectedFrames) -> NoLabels:
        """The detector found nothing, or is not sure."""
        few = f"everything above {self._min_score:g} covers less than {self._min_area_share:.1%} of its picture"
        return found_nothing(frames.best_scores, self._min_score) or NoLabels(RULE, few)

    def facts(self) -> dict[str, Any]:
        """Rule and thresholds."""
        return {"labeller": self.name, **self._thresholds()}

    def info(self) -> dict[str, Any]:
        """Method and score."""
        return {"labels": "optical flow", "min_score": self._min_score}

    def summary(self, counts: dict[str, Any]) -> dict[str, Any]:
        """Method, thresholds, counts."""
        return {"rule": self.name, **self._thresholds(), **counts}

    def _thresholds(self) -> dict[str, float]:
        return {"min_score": self._min_score, "min_area_share": self._min_area_share, "min_iou": self._min_iou}


def _exchange(before: _Seen, now: _Seen) -> None:
    """Carry the detections of two neighbours to each other; without any there is nothing to associate."""
    if not (before.own or now.own):
        before.views += 1
        now.views += 1
        return
    pair = associate(before.grey, now.grey)
    if pair is None:  # the flow cannot look at such pictures
        return
    before.views += 1
    now.views += 1
    before.carried += _carried(now.own, pair[0], NEXT)
    now.carried += _carried(before.own, pair[1], PREVIOUS)


def _carried(found: list[Candidate], to: Association, image: int) -> list[Candidate]:
    moved = [replace(one, image=image, mask=to.carry(one.mask)) for one in found]
    pairs = zip(moved, found, strict=True)
    return [one for one, before in pairs if one.mask.any() and one.mask.sum() >= LEAST_CARRIED * before.mask.sum()]


def join(candidates: list[Candidate], min_iou: float) -> list[Annotation]:
    """Objects of a frame: candidates that are one object are joined, each pixel belongs to the best score.

    Source: SEAL, section 4.2, which says what a pixel takes but not how pixels become instances. Here a candidate
    joins the object of its category that it overlaps best, if the mask IoU with the object's first candidate is at
    least `min_iou`; an object takes at most one candidate of an image. So two objects that touch, and were found as
    two in some image, stay two. The frame's own candidates come first, then the others by falling score.

    Args:
        candidates: of the three images, as the frame sees them.
        min_iou: in (0, 1].

    Returns:
        An annotation for each object that keeps a pixel, with `score` (its best) and `support` (images that have it).
    """
    order = sorted(candidates, key=lambda one: (one.image != OWN, -one.score, one.image))
    objects: list[list[Candidate]] = []
    for one in order:
        overlaps = [0.0 if _is_another(one, parts) else mask_iou(one.mask, parts[0].mask) for parts in objects]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= min_iou:
            objects[best].append(one)
        else:
            objects.append([one])
    return _by_best_score(objects)


def _is_another(one: Candidate, parts: list[Candidate]) -> bool:
    return one.category != parts[0].category or one.image in [part.image for part in parts]


def _by_best_score(objects: list[list[Candidate]]) -> list[Annotation]:
    """Give each pixel to the object with the best score there; of equal ones to the first."""
    if not objects:
        return []
    best = np.zeros(objects[0][0].mask.shape)
    owner = np.full(best.shape, -1)
    for number, parts in enumerate(objects):
        for part in parts:
            wins = part.mask & (part.score > best)
            best[wins], owner[wins] = part.score, number
    out = []
    for number, parts in enumerate(objects):
        mask = owner == number
        if mask.any():
            score = round(max(part.score for part in parts), 6)
            out.append(Annotation(parts[0].category, mask, {"score": score, "support": float(len(parts))}))
    return out
