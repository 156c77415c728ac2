# SPDX-License-Identifier: Apache-2.0
"""A detector's guesses for one picture, as arrays and as COCO results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from seal_perception.categories import NUM_CATEGORIES
from seal_perception.types import BoolArray, Float32Array, IntArray, UInt8Array


@dataclass(frozen=True)
class Detections:
    """Detections of one picture, best score first.

    Attributes:
        boxes: (N, 4) float32 x0, y0, x1, y1 in pixels.
        categories: (N,) int64 category index.
        scores: (N,) float32 in [0, 1].
        masks: (N, H, W) bool.
    """

    boxes: Float32Array
    categories: IntArray
    scores: Float32Array
    masks: BoolArray

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
    def empty(cls, height: int, width: int) -> Detections:
        """No detection in a picture of this size."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int64),
            np.zeros(0, np.float32),
            np.zeros((0, height, width), bool),
        )

    def score_image(self, num_categories: int = NUM_CATEGORIES) -> UInt8Array:
        """(H, W, C) uint8: per category round(255 x best score of the detections that cover the pixel)."""
        height, width = self.masks.shape[1:]
        image = np.zeros((height, width, num_categories), np.uint8)
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
    def from_coco(cls, rows: Sequence[dict[str, Any]], height: int, width: int) -> Detections:
        """Inverse of `to_coco` (scores to 6 digits, boxes to 3).

        Raises:
            ValueError: if a mask has another size than height x width.
        """
        if not rows:
            return cls.empty(height, width)
        boxes = np.array([r["bbox"] for r in rows], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        for row in rows:
            if list(row["segmentation"]["size"]) != [height, width]:
                raise ValueError(f"mask must be {[height, width]}, got {row['segmentation']['size']}")
        return cls(
            boxes,
            np.array([r["category_id"] - 1 for r in rows], np.int64),
            np.array([r["score"] for r in rows], np.float32),
            np.stack([rle_to_mask(r["segmentation"]) for r in rows]),
        )


def mask_to_rle(mask: BoolArray) -> dict[str, Any]:
    """Compressed COCO run-length encoding of an (H, W) mask, as JSON-ready text."""
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode("ascii")}


def rle_to_mask(rle: dict[str, Any]) -> BoolArray:
    """(H, W) bool mask of a compressed COCO run-length encoding."""
    decoded: BoolArray = coco_mask.decode(rle).astype(bool)
    return decoded
