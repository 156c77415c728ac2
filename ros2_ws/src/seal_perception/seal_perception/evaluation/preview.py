# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: detections and labels drawn in the categories' colours."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from seal_perception.categories import SIX, CategorySet
from seal_perception.dataset import Annotation
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.types import BoolArray, UInt8Array

Picture = UInt8Array
Plate = tuple[int, int, int, int]
"""x0, y0, x1, y1 of a text's background."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_IGNORED = (128, 128, 128)


def draw_detections(
    rgb: Picture, detections: Detections, min_score: float = 0.5, fill: float = 0.35, boxes: bool = False
) -> Picture:
    """Draw detections of at least `min_score`, weak ones first.

    Args:
        rgb: (H, W, 3) uint8; not changed.
        detections: of this picture.
        min_score: weaker ones are left out.
        fill: opacity of the masks in [0, 1].
        boxes: whether to draw the boxes too.

    Returns:
        (H, W, 3) uint8.
    """
    if detections.masks.shape[1:] != rgb.shape[:2]:
        raise InputError(f"masks must be {rgb.shape[:2]} (H, W), got {detections.masks.shape[1:]}")
    keep = np.flatnonzero(detections.scores >= min_score)
    keep = keep[np.argsort(detections.scores[keep], kind="stable")]
    names = detections.names
    colours = [names.colour(int(detections.categories[i])) for i in keep]
    if boxes:
        rgb = rgb.copy()
        for index, colour in zip(keep, colours, strict=True):
            x0, y0, x1, y1 = (round(float(v)) for v in detections.boxes[index])
            cv2.rectangle(rgb, (x0, y0), (x1 - 1, y1 - 1), colour, _line_width(rgb))
    return _draw(
        rgb,
        [detections.masks[i] for i in keep],
        colours,
        [f"{names.name(int(detections.categories[i]))} {detections.scores[i]:.2f}" for i in keep],
        fill,
    )


def draw_annotations(
    rgb: Picture, annotations: Sequence[Annotation], fill: float = 0.35, names: CategorySet = SIX
) -> Picture:
    """Draw labels of these categories with a `score` among their extras; regions to ignore are grey, below and bare."""
    annotations = sorted(annotations, key=lambda annotation: not annotation.ignore)
    texts = []
    for annotation in annotations:
        if annotation.ignore:
            texts.append("")
            continue
        score = annotation.extra.get("score")
        texts.append(names.name(annotation.category) + (f" {float(score):.2f}" if score is not None else ""))
    colours = [_IGNORED if a.ignore else names.colour(a.category) for a in annotations]
    return _draw(rgb, [a.mask for a in annotations], colours, texts, fill)


def _line_width(rgb: Picture) -> int:
    """Pixels of a line: one on pictures of a robot, more on larger ones."""
    return max(1, min(rgb.shape[:2]) // 240)


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
        cv2.drawContours(out, outlines, -1, colour, _line_width(rgb))
    plates: list[Plate] = []
    for mask, colour, text in reversed(list(zip(masks, colours, texts, strict=True))):  # the best one's first place
        if text and mask.any():
            plates.append(_write(out, mask, colour, text, plates))
    return out


def _write(out: Picture, mask: BoolArray, colour: tuple[int, int, int], text: str, others: Sequence[Plate]) -> Plate:
    """Write on a plate of the object's colour at its upper left, inside the picture and beside other plates."""
    scale, width, height, base = _text_size(text, out)
    thick = max(1, round(scale))
    left = int(np.clip(np.flatnonzero(mask.any(axis=0))[0], 0, max(0, out.shape[1] - width - 3)))
    first = int(np.clip(np.flatnonzero(mask.any(axis=1))[0], 0, max(0, out.shape[0] - height - base - 3)))
    plate = _free_place((left, first, left + width + 2, first + height + base + 2), out.shape[0], others)
    cv2.rectangle(out, plate[:2], plate[2:], colour, cv2.FILLED)
    bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140
    ink = (0, 0, 0) if bright else (255, 255, 255)
    cv2.putText(out, text, (left + 1, plate[1] + height + 1), _FONT, scale, ink, thick, cv2.LINE_AA)
    return plate


def _text_size(text: str, out: Picture) -> tuple[float, int, int, int]:
    """Scale, width, height and depth below the line of a text that can be read, and fits across the picture."""
    scale = max(0.35, min(out.shape[:2]) / 240 * 0.36)
    for _ in range(2):  # the second time where it was too wide
        (width, height), base = cv2.getTextSize(text, _FONT, scale, max(1, round(scale)))
        if width <= out.shape[1] - 3:
            break
        scale *= max(0.2, (out.shape[1] - 3) / width)
    return scale, width, height, base


def _free_place(plate: Plate, picture_height: int, others: Sequence[Plate]) -> Plate:
    """The plate, moved down until it covers none of the others; where there is no such place, as it is."""
    x0, y0, x1, y1 = plate
    while y1 < picture_height:
        hit = [o for o in others if x0 <= o[2] and o[0] <= x1 and y0 <= o[3] and o[1] <= y1]
        if not hit:
            return x0, y0, x1, y1
        down = max(o[3] for o in hit) + 1 - y0
        y0, y1 = y0 + down, y1 + down
    return plate
