# SPDX-License-Identifier: Apache-2.0
"""A detector's guesses for one picture, as arrays and as COCO results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from seal_perception.categories import SIX, CategorySet
from seal_perception.types import BoolArray, Float32Array, IntArray, UInt8Array

MAX_MASK_BYTES = 1 << 29
"""Most memory that the masks of one picture may take: 64 detections in 8 megapixels, 1700 in 640 x 480."""


@dataclass(frozen=True)
class Detections:
    """Detections of one picture, best score first.

    Attributes:
        boxes: (N, 4) float32 x0, y0, x1, y1 in pixels.
        categories: (N,) int64 category index.
        scores: (N,) float32 in [0, 1].
        masks: (N, H, W) bool.
        names: the list that `categories` are indices of.
    """

    boxes: Float32Array
    categories: IntArray
    scores: Float32Array
    masks: BoolArray
    names: CategorySet = SIX

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.categories.shape != (n,) or self.masks.ndim != 3 or len(self.masks) != n:
            raise ValueError(
                "boxes (N, 4), categories (N,), scores (N,) and masks (N, H, W) must agree in N, got "
                f"{self.boxes.shape}, {self.categories.shape}, {self.scores.shape}, {self.masks.shape}"
            )

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def empty(cls, height: int, width: int, *, names: CategorySet = SIX) -> Detections:
        """No detection in a picture of this size."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int64),
            np.zeros(0, np.float32),
            np.zeros((0, height, width), bool),
            names,
        )

    def keep(self, rows: npt.NDArray[Any]) -> Detections:
        """The detections at these rows, or where this mask (N,) is set."""
        return replace(
            self,
            boxes=self.boxes[rows],
            categories=self.categories[rows],
            scores=self.scores[rows],
            masks=self.masks[rows],
        )

    def score_image(self, num_categories: int | None = None) -> UInt8Array:
        """(H, W, C) uint8: per category round(255 x best score of the detections that cover the pixel).

        C is the length of `names`, or `num_categories` for a map of more.
        """
        height, width = self.masks.shape[1:]
        image = np.zeros((height, width, num_categories or len(self.names)), np.uint8)
        for category, score, mask in zip(self.categories, self.scores, self.masks, strict=True):
            channel = image[..., category]
            channel[mask] = np.maximum(channel[mask], np.uint8(np.rint(255.0 * float(score))))
        return image

    def to_coco(self, image_id: int) -> list[dict[str, Any]]:
        """COCO results: category_id = index + 1, bbox x, y, w, h, compressed RLE as text."""
        rows = []
        for box, category, score, mask in zip(self.boxes, self.categories, self.scores, self.masks, strict=True):
            x0, y0, x1, y1 = (round(float(v), 3) for v in box)
            rows.append(
                {
                    "image_id": image_id,
                    "category_id": int(category) + 1,
                    "score": round(float(score), 6),
                    "bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
                    "segmentation": mask_to_rle(mask),
                }
            )
        return rows

    @classmethod
    def from_coco(cls, rows: Sequence[dict[str, Any]], height: int, width: int, names: CategorySet = SIX) -> Detections:
        """Inverse of `to_coco` (scores to 6 digits, boxes to 3).

        Every number is checked: an index of 0 - 1 would name the last category, a score of 1.4 wrap to 0.4.

        Args:
            rows: COCO results.
            height: of the picture.
            width: of the picture.
            names: the list that category_id counts in, from 1.

        Raises:
            ValueError: if a row lacks a part, its category_id is none of the list's, its score not in 0..1, its
                box not four finite numbers, or its mask none of height x width.
        """
        if not rows:
            return cls.empty(height, width, names=names)
        if not (height > 0 and width > 0 and len(rows) * height * width <= MAX_MASK_BYTES):
            raise ValueError(
                f"{len(rows)} masks of {height} x {width} pixels: expected a picture's size, and at most "
                f"{MAX_MASK_BYTES} bytes of masks"
            )
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("each result must be an object")
        boxes = np.array([_numbers(r, "bbox", 4) for r in rows], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        if not np.isfinite(boxes).all():
            raise ValueError("bbox must be four finite numbers")
        scores = np.array([_numbers(r, "score", 1)[0] for r in rows], np.float64)
        if not ((scores >= 0.0) & (scores <= 1.0)).all():
            raise ValueError(f"score must be in 0..1, got {scores[~((scores >= 0.0) & (scores <= 1.0))][0]}")
        categories = np.array([_category(r, len(names)) for r in rows], np.int64)
        masks = np.empty((len(rows), height, width), bool)
        for mask, row in zip(masks, rows, strict=True):
            mask[:] = _mask(row, height, width)
        return cls(boxes, categories, scores.astype(np.float32), masks, names)


def _numbers(row: dict[str, Any], name: str, count: int) -> list[float]:
    """A result's part as so many numbers; a bool or a text is none."""
    value = row.get(name)
    items = value if isinstance(value, list) else [value]
    if len(items) != count or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in items):
        raise ValueError(f"{name} must be {count} number{'s' if count > 1 else ''}, got {str(value)[:60]}")
    try:
        return [float(v) for v in items]
    except OverflowError as error:
        raise ValueError(f"{name} must be finite, got {str(value)[:60]}") from error


def _category(row: dict[str, Any], num_categories: int) -> int:
    """Index of a result's category."""
    (value,) = _numbers(row, "category_id", 1)
    if not (1 <= value <= num_categories and value == int(value)):
        raise ValueError(f"category_id must be a whole number in 1..{num_categories}, got {row['category_id']}")
    return int(value) - 1


def _mask(row: dict[str, Any], height: int, width: int) -> BoolArray:
    rle = row.get("segmentation")
    if not isinstance(rle, dict) or rle.get("size") != [height, width]:
        raise ValueError(f"mask must be a run-length encoding of {[height, width]}, got {str(rle)[:60]}")
    counts = rle.get("counts")
    if not isinstance(counts, str) or not counts.isascii():
        raise ValueError("a mask's counts must be the text of a compressed run-length encoding")
    return rle_to_mask({"size": [height, width], "counts": counts})


def mask_iou(one: BoolArray, other: BoolArray) -> float:
    """Intersection over union of two (H, W) masks; 0 where both are empty."""
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else 0.0


def mask_to_rle(mask: BoolArray) -> dict[str, Any]:
    """Compressed COCO run-length encoding of an (H, W) mask, as JSON-ready text."""
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode("ascii")}


def rle_to_mask(rle: dict[str, Any]) -> BoolArray:
    """(H, W) bool mask of a compressed COCO run-length encoding."""
    decoded: BoolArray = coco_mask.decode(rle).astype(bool)
    return decoded
