# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: detections and labels drawn in the categories' colours."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from seal_perception.categories import CATEGORIES, COLOURS
from seal_perception.dataset import Annotation
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.types import BoolArray, UInt8Array

Picture = UInt8Array
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_IGNORED = (128, 128, 128)


def draw_detections(rgb: Picture, detections: Detections, min_score: float = 0.5, fill: float = 0.35) -> Picture:
    """Draw detections of at least `min_score`, weak ones first.

    Args:
        rgb: (H, W, 3) uint8; not changed.
        detections: of this picture.
        min_score: weaker ones are left out.
        fill: opacity of the masks in [0, 1].

    Returns:
        (H, W, 3) uint8.
    """
    if detections.masks.shape[1:] != rgb.shape[:2]:
        raise InputError(f"masks must be {rgb.shape[:2]} (H, W), got {detections.masks.shape[1:]}")
    keep = np.flatnonzero(detections.scores >= min_score)
    keep = keep[np.argsort(detections.scores[keep], kind="stable")]
    return _draw(
        rgb,
        [detections.masks[i] for i in keep],
        [_colour(int(detections.categories[i])) for i in keep],
        [f"{CATEGORIES[detections.categories[i]]} {detections.scores[i]:.2f}" for i in keep],
        fill,
    )


def draw_annotations(rgb: Picture, annotations: Sequence[Annotation], fill: float = 0.35) -> Picture:
    """Draw labels; ignore regions are grey, and a `score` among an annotation's extras is shown."""
    texts = []
    for annotation in annotations:
        score = annotation.extra.get("score")
        texts.append(CATEGORIES[annotation.category] + (f" {float(score):.2f}" if score is not None else ""))
    colours = [_IGNORED if a.ignore else _colour(a.category) for a in annotations]
    return _draw(rgb, [a.mask for a in annotations], colours, texts, fill)


def _colour(category: int) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in COLOURS[category])
    return red, green, blue


def _draw(
    rgb: Picture,
    masks: Sequence[BoolArray],
    colours: Sequence[tuple[int, int, int]],
    texts: Sequence[str],
    fill: float,
) -> Picture:
    out = rgb.copy()
    for mask, colour in zip(masks, colours, strict=True):
        out[mask] = np.rint((1.0 - fill) * out[mask] + fill * np.array(colour)).astype(np.uint8)
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, outlines, -1, colour, max(1, rgb.shape[0] // 240))
    for mask, colour, text in zip(masks, colours, texts, strict=True):
        if mask.any():
            _write(out, mask, colour, text)
    return out


def _write(out: Picture, mask: BoolArray, colour: tuple[int, int, int], text: str) -> None:
    """Write on a plate of the object's colour at its upper left, kept inside the picture."""
    scale = max(0.35, out.shape[0] / 240 * 0.36)
    (width, height), base = cv2.getTextSize(text, _FONT, scale, 1)
    left = int(np.clip(np.flatnonzero(mask.any(axis=0))[0], 0, max(0, out.shape[1] - width - 3)))
    top = int(np.clip(np.flatnonzero(mask.any(axis=1))[0], 0, max(0, out.shape[0] - height - base - 3)))
    cv2.rectangle(out, (left, top), (left + width + 2, top + height + base + 2), colour, cv2.FILLED)
    bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140
    ink = (0, 0, 0) if bright else (255, 255, 255)
    cv2.putText(out, text, (left + 1, top + height + 1), _FONT, scale, ink, 1, cv2.LINE_AA)
