# SPDX-License-Identifier: Apache-2.0
"""A detector over pictures: overlays to look at, and a COCO file of what was found.

The file is a COCO dataset whose annotations have a `score`: annotation tools and `CocoDataset` open it, and its list of
annotations is what COCO's own evaluator takes as results.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seal_perception.categories import SIX, CategorySet, names_of
from seal_perception.coco.names import shown
from seal_perception.dataset import whole_lines
from seal_perception.detections import Detections, mask_to_rle
from seal_perception.errors import InputError
from seal_perception.evaluation.preview import draw_detections
from seal_perception.files import naming, replacing
from seal_perception.pictures.source import OVERLAYS, BadPicture, Picture, PictureSource
from seal_perception.reading.text import load_json
from seal_perception.types import BoolArray, UInt8Array
from seal_perception.upright import FrameDetector

JOURNAL = "pictures.jsonl"
MOST_SIDE = 1333
"""Pictures with a longer side are made smaller first: no network sees more (torchvision's greatest side), and fifty
masks of a telephone's picture would take gigabytes."""
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


@dataclass(frozen=True)
class Found:
    """What a detector found in some pictures.

    Attributes:
        images: COCO rows of the pictures.
        annotations: COCO rows of the detections, with a score.
        bad: pictures that could not be read.
        min_score: score from which a detection was drawn and is counted.
        names: what the detector looks for.
    """

    images: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    bad: list[BadPicture]
    min_score: float
    names: CategorySet = SIX

    def drawn(self) -> list[dict[str, Any]]:
        """Annotations that were drawn."""
        return [row for row in self.annotations if row["score"] >= self.min_score]

    def per_category(self) -> dict[str, int]:
        """Detections that were drawn, by category, in the order of `names`."""
        counts = Counter(row["category_id"] for row in self.drawn())
        return {name: counts[n] for n, name in enumerate(self.names.names, 1)}

    def best(self, count: int) -> list[tuple[dict[str, Any], float]]:
        """The pictures with the most confident detections and their best scores, best first."""
        scores: dict[int, float] = {}
        for row in self.annotations:
            scores[row["image_id"]] = max(scores.get(row["image_id"], 0.0), row["score"])
        known = [(image, scores[image["id"]]) for image in self.images if image["id"] in scores]
        return sorted(known, key=lambda pair: -pair[1])[:count]

    def document(self, info: dict[str, Any]) -> dict[str, Any]:
        """The COCO dataset.

        Args:
            info: JSON-ready facts about how it was made.
        """
        left_out = [{"file_name": bad.name, "reason": bad.reason} for bad in self.bad]
        return {
            "info": {**info, "left_out": left_out},
            "images": self.images,
            "annotations": [{"id": n, **row} for n, row in enumerate(self.annotations, 1)],
            "categories": self.names.table(),
        }


def detect_pictures(
    source: PictureSource,
    indices: Sequence[int],
    detector: FrameDetector,
    folder: Path,
    scores: tuple[float, float] = (0.5, 0.05),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Detect in pictures one by one, draw each, keep a journal; called again in the same folder, it resumes.

    Args:
        source: the pictures.
        indices: which of them.
        detector: sees each picture upright.
        folder: gets `OVERLAYS` and `JOURNAL`, which the caller removes when all is done.
        scores: the lowest that is drawn, the lowest that is kept.
        progress: called with (pictures done, pictures to do).

    Raises:
        InputError: if a picture's name leads out of the folder.
        OSError: if something cannot be written.
    """
    journal = folder / JOURNAL
    lines = whole_lines(journal)
    with replacing(journal) as beside:
        beside.write_text("".join(lines), encoding="utf-8")  # without a line that was cut
    rows = [load_json(line, journal) for line in lines]
    with open(journal, "a", encoding="utf-8") as stream:
        progress(len(rows), len(indices))
        for item in source.read(indices[len(rows) :]):
            rows.append(_row(item, detector, folder / OVERLAYS, scores))
            with naming(journal):
                stream.write(json.dumps(rows[-1]) + "\n")
                stream.flush()
            progress(len(rows), len(indices))
    return Found(
        [row["image"] for row in rows if "image" in row],
        [annotation for row in rows for annotation in row.get("annotations", ())],
        [BadPicture(*row["bad"]) for row in rows if "bad" in row],
        scores[0],
        names_of(detector),
    )


def _row(
    item: Picture | BadPicture, detector: FrameDetector, overlays: Path, scores: tuple[float, float]
) -> dict[str, Any]:
    """The line of the journal about a picture, after its overlay is written."""
    if isinstance(item, BadPicture):
        return {"bad": [item.name, item.reason]}
    path = inside(overlays, overlay_name(item.name))
    small = made_small(item.rgb)
    found = detector.detect(small)
    draw = draw_detections(small, found, scores[0], boxes=True)
    write_jpeg(path, draw)
    height, width = item.rgb.shape[:2]
    image = {"id": item.id, "file_name": item.name, "width": width, "height": height, **item.extra}
    kept = [row for row in coco_rows(found, item.id, (height, width)) if row["score"] >= scores[1]]
    return {"image": image, "annotations": kept}


def inside(folder: Path, name: str) -> Path:
    """A file below a folder that is written; no source may name one elsewhere.

    Raises:
        InputError: if the name leads out of the folder, or is the folder itself.
    """
    whole = os.path.normpath(folder / name)
    if Path(os.path.normpath(folder)) not in Path(whole).parents:
        raise InputError(f"{shown(repr(name))} leads out of {folder}: a picture's name must lie below its source")
    return folder / name


def overlay_name(name: str) -> str:
    """Name of a picture's overlay below `OVERLAYS`: a JPEG."""
    return name if name.lower().endswith((".jpg", ".jpeg")) else f"{name}.jpg"


def made_small(rgb: UInt8Array, most: int = MOST_SIDE) -> UInt8Array:
    """A picture (H, W, 3) whose longer side has at most `most` pixels; the same object where it has no more."""
    height, width = rgb.shape[:2]
    factor = most / max(height, width)
    if factor >= 1.0:
        return rgb
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def coco_rows(found: Detections, image_id: int, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Rows of annotations with a score, without ids, for a picture that may be larger than the one looked at.

    Args:
        found: of the picture, or of `made_small` of it.
        image_id: of the picture.
        size: height and width of the picture.
    """
    height, width = size
    down, across = height / found.masks.shape[1], width / found.masks.shape[2]
    boxes = found.boxes * np.array([across, down, across, down], np.float32)
    boxes = np.clip(boxes, 0.0, np.array([width, height, width, height], np.float32))
    rows = []
    for row, mask in zip(replace(found, boxes=boxes).to_coco(image_id), found.masks, strict=True):
        if mask.shape != size:  # one at a time: all of them may take gigabytes
            grown = cv2.resize(mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_LINEAR)
            mask = grown >= 128
            row["segmentation"] = mask_to_rle(mask)
        rows.append({**row, "bbox": _around(row["bbox"], mask), "area": int(np.count_nonzero(mask)), "iscrowd": 0})
    return [row for row in rows if row["area"]]


def _around(box: list[float], mask: BoolArray) -> list[float]:
    """The box x, y, w, h; the mask's own where they lie apart, as no reader of the file would have it.

    torchvision pastes masks with a pixel around their boxes.
    """
    if not mask.any():
        return box
    x, y, w, h = (float(side) for side in cv2.boundingRect(mask.astype(np.uint8)))
    apart = min(x + w, box[0] + box[2]) <= max(x, box[0]) or min(y + h, box[1] + box[3]) <= max(y, box[1])
    return [x, y, w, h] if apart else box


def write_jpeg(path: Path, rgb: UInt8Array) -> None:
    """Write an (H, W, 3) picture as JPEG, whole or not at all, in a folder that is made.

    Raises:
        OSError: if it cannot be written.
    """
    data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), _JPEG)[1].tobytes()
    with replacing(path) as beside:
        beside.write_bytes(data)
