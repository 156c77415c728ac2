# SPDX-License-Identifier: Apache-2.0
"""Frames and objects to look at in the page of labels; pictures are read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np

from seal_bringup.report.figures import DASH, fixed
from seal_bringup.report.label_folder import RIGHT, LabelFolder, Verdicts
from seal_bringup.report.pictures import pixels_uri
from seal_bringup.report.run_folder import number
from seal_mapping.datasets.summary import AGREES, OWN_SCORE
from seal_mapping.labels.preview import draw_labels
from seal_perception.categories import SIX, CategorySet
from seal_perception.dataset import Annotation
from seal_perception.detections import rle_to_mask
from seal_perception.evaluation.preview import draw_annotations
from seal_perception.types import BoolArray

Row = dict[str, Any]
_WIDTH, _CROP = 640, 220
"""Greatest width in pixels of a frame and of an object's picture."""


def spread(labels: LabelFolder, count: int) -> list[int]:
    """Positions of pictures over the whole run: in each of `count` equal parts the one with the most labels."""
    per_picture = _per_picture(labels)
    parts = np.array_split(np.arange(len(labels.dataset)), max(1, min(count, len(labels.dataset))))
    return [int(max(part, key=lambda n: (len(per_picture.get(int(n), ())), -n))) for part in parts if len(part)]


def worst(labels: LabelFolder, count: int, weight: Callable[[Row], float], but: Sequence[int] = ()) -> list[int]:
    """Positions of pictures with the greatest sum of `weight` over their labels, none of `but`.

    Neighbouring frames show the same: only one of them is taken.
    """
    sums = {n: sum(weight(row) for row in rows) for n, rows in _per_picture(labels).items() if n not in but}
    apart, chosen = max(2, len(labels.dataset) // 40), list[int]()
    for position in sorted(sums, key=lambda n: (-sums[n], n)):
        if len(chosen) == count or sums[position] <= 0:
            break
        if all(abs(position - other) >= apart for other in chosen):
            chosen.append(position)
    return sorted(chosen)


def denied(row: Row) -> float:
    """How far the frame's own detector denies a label: 0 = it confirms it or was not asked, 1 = it is silent."""
    own = number(row.get(OWN_SCORE))
    return 0.0 if own is None or own >= AGREES else 1.0 - own


def most_wrong(labels: LabelFolder, count: int, verdicts: Verdicts) -> list[int]:
    """Positions of the pictures with the most wrong labels, as `worst`."""
    return worst(labels, count, lambda row: float(bool(verdicts.wrong([row]))))


def shots(labels: LabelFolder, positions: Iterable[int], verdicts: Verdicts | None = None) -> list[dict[str, Any]]:
    """Pictures with their labels drawn, and a mark with its figures on each label."""
    out, names = [], labels.dataset.names
    for position in positions:
        rgb, rows = labels.dataset.image(position), labels.dataset.rows(position)
        annotations = labels.dataset.annotations(position)
        marks = []
        for row, annotation in zip(rows, annotations, strict=True):
            if not annotation.ignore:
                marks.append({"path": outline(annotation.mask), **_verdict(row, verdicts, names)})
        for row in [] if verdicts is None else verdicts.missed.get(position, []):
            text = f"no label for a true {names.name(row['category_id'] - 1)}"
            marks.append({"path": outline(rle_to_mask(row["segmentation"])), "text": text, "tone": "missed"})
        height, width = labels.dataset.size(position)
        out.append(
            {
                "uri": pixels_uri(draw_labels(rgb, annotations, 0.35, names), _WIDTH),
                "title": f"frame {labels.frame(position)}",
                "alt": f"frame {labels.frame(position)} with its labels",
                "width": width,
                "height": height,
                "marks": marks,
            }
        )
    return out


def _verdict(row: Row, verdicts: Verdicts | None, names: CategorySet) -> dict[str, str]:
    """Text and CSS tone of a label's mark."""
    if verdicts is None:
        return {"text": label_text(row, names), "tone": "unsure" if denied(row) > 0 else ""}
    kind = verdicts.kind.get(row["id"])
    if kind is None:  # the truth's file does not have its category
        return {"text": f"not judged: {label_text(row, names)}", "tone": ""}
    return {"text": f"{kind}: {label_text(row, names)}", "tone": "good" if kind == RIGHT else "bad"}


def label_text(row: Row, names: CategorySet = SIX) -> str:
    """One label's figures in words."""
    text = names.name(row["category_id"] - 1)
    if number(row.get("instance")) is not None:
        text += f" {row['instance']}"
    parts = [f"score {fixed(row.get('score'), 2)}"]
    if number(row.get("support")) is not None:
        parts.append(f"{fixed(row['support'], 0)} of {fixed(row.get('views'), 0)} views voted for it")
    own = number(row.get(OWN_SCORE))
    if own is not None:
        parts.append(f"own detector {fixed(own, 2) if own > 0 else 'silent'}")
    return f"{text}, {', '.join(parts)}"


def outline(mask: BoolArray) -> str:
    """An SVG path around the mask (H, W), in pixels."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    lines = [cv2.approxPolyDP(line, 1.0, True).reshape(-1, 2) for line in found]
    return "".join("M" + "L".join(f"{x + 0.5:g} {y + 0.5:g}" for x, y in line) + "Z" for line in lines)


def best_views(labels: LabelFolder, limit: int, verdicts: Verdicts | None = None) -> list[dict[str, Any]]:
    """Per object a cut from the picture where its mask is largest, in the order of the table of objects."""
    best: dict[int, tuple[int, Row]] = {}
    for position, row in labels.rows:
        number_ = row.get("instance")
        if number_ is not None and (number_ not in best or row["area"] > best[number_][1]["area"]):
            best[number_] = position, row
    frames, out = labels.labels_of(), list[dict[str, Any]]()
    for item in labels.instances[:limit]:
        seen = best.get(item.get("id", 0))
        cut, text = None, DASH
        if seen is not None:
            cut, text = _crop(labels, *seen), f"frame {labels.frame(seen[0])}; labelled in {frames[item['id']]}"
        if verdicts is not None:
            own = [row for _, row in labels.rows if row.get("instance") == item.get("id")]
            right = verdicts.right(own)
            text += ", not judged" if right is None else f", right in {right}"
        out.append({"name": f"{item.get('category')} {item.get('id')}", "uri": cut, "text": text})
    return out


def _crop(labels: LabelFolder, position: int, row: Row) -> str:
    annotation = Annotation(row["category_id"] - 1, rle_to_mask(row["segmentation"]))
    rgb = draw_annotations(labels.dataset.image(position), [annotation], 0.15, labels.dataset.names)
    height, width = rgb.shape[:2]
    x, y, w, h = row["bbox"]
    half = 0.62 * max(w, h, 24)
    left, right = (int(np.clip(x + w / 2 + side * half, 0, width)) for side in (-1, 1))
    top, bottom = (int(np.clip(y + h / 2 + side * half, 0, height)) for side in (-1, 1))
    return pixels_uri(rgb[top:bottom, left:right], _CROP)


def _per_picture(labels: LabelFolder) -> dict[int, list[Row]]:
    out: dict[int, list[Row]] = {}
    for position, row in labels.rows:
        out.setdefault(position, []).append(row)
    return out
