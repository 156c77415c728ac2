# SPDX-License-Identifier: Apache-2.0
"""Quality of a detector or a set of labels: COCO AP50, precision of high scores, and errors by kind.

Ground truth enters here and nowhere else. AP50 is COCO's (101 recall levels, IoU 0.5, pycocotools does the matching);
the mean is over the categories that occur. Intervals are 95 % bootstraps over pictures: the matches of each picture
are kept and only the accumulation is repeated, with each picture counted as often as it was drawn.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from seal_perception.categories import names_of
from seal_perception.coco.names import CategoryNames
from seal_perception.coco.rows import box_rle
from seal_perception.dataset import CocoDataset
from seal_perception.detections import Detections
from seal_perception.detector.calibration import relative_sizes
from seal_perception.errors import InputError
from seal_perception.evaluation.box_matching import KINDS, match_boxes
from seal_perception.types import BoolArray, FloatArray, IntArray, UInt8Array

RECALL_LEVELS = np.linspace(0.0, 1.0, 101)


class DetectsPictures(Protocol):
    """Anything with a detector's one call."""

    def detect(self, rgb: UInt8Array) -> Detections:
        """Find objects in one (H, W, 3) uint8 picture."""


def detect_all(
    detector: DetectsPictures, dataset: CocoDataset, progress: Callable[[int, int], None] | None = None
) -> list[Detections]:
    """Detections of every picture of a dataset, in order; `progress(done, count)` is called after each."""
    found = []
    for index in range(len(dataset)):
        found.append(detector.detect(dataset.image(index)))
        if progress:
            progress(index + 1, len(dataset))
    return found


def evaluate_detector(
    detector: DetectsPictures,
    dataset: CocoDataset | Path | str,
    resamples: int = 500,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run a detector over a dataset, or its folder, and measure it; see `evaluate_detections`.

    A folder is read with the detector's list of categories; an opened dataset must have that list.
    """
    if not isinstance(dataset, CocoDataset):
        dataset = CocoDataset(dataset, CategoryNames(known=names_of(detector)))
    return evaluate_detections(detect_all(detector, dataset, progress), dataset, resamples)


def evaluate_detections(
    detections: Sequence[Detections],
    dataset: CocoDataset,
    resamples: int = 500,
    seed: int = 0,
    confident: float = 0.9,
    keep_draws: bool = False,
) -> dict[str, Any]:
    """Measure detections against a dataset.

    Args:
        detections: one per picture of `dataset`, in its order.
        dataset: the truth; annotations with `ignore` or `iscrowd` count neither way, those of a box alone in box AP
            only.
        resamples: bootstrap draws for the intervals; 0 for none.
        seed: of the bootstrap.
        confident: score above which a detection counts as confident.
        keep_draws: give the AP50 of each bootstrap draw too (`box_ap50_draws`, `mask_ap50_draws`; None where a draw
            has nothing to find). Draw i takes the same pictures whatever the detections, so that detectors can be
            compared draw by draw.

    Returns:
        JSON-ready: frames, instances, box_ap50 and mask_ap50 (0..100, None where nothing is to be found) with
        `_interval` (low, high), per_category, precision_at_90 and recall (0..1 or None) and `confident`
        (count, right, false positives by kind and per category). Categories that the dataset's file does not have
        cannot be judged: detections of them are left out, and `not_judged` names them where there are any.

    Raises:
        InputError: if counts, picture sizes or lists of categories disagree.
    """
    if len(detections) != len(dataset):
        raise InputError(f"expected detections of {len(dataset)} pictures, got {len(detections)}")
    for index, found in enumerate(detections):
        if found.masks.shape[1:] != dataset.size(index):
            raise InputError(f"detections {index} must have masks {dataset.size(index)}, got {found.masks.shape[1:]}")
        if len(found) and found.names != dataset.names:
            raise InputError(f"detections {index} are of {found.names}; {dataset.file} was read for {dataset.names}")
    detections = [_judged(found, dataset) for found in detections]
    results = _coco_results(detections, dataset)
    counts = np.random.default_rng(seed).multinomial(
        max(len(dataset), 1), np.full(max(len(dataset), 1), 1.0 / max(len(dataset), 1)), size=resamples
    )
    out: dict[str, Any] = {"frames": len(dataset), "instances": 0}
    per_category: dict[str, dict[str, Any]] = {name: {} for name in dataset.names.names}
    for kind, name in (("bbox", "box"), ("segm", "mask")):
        matches = _match_by_coco(_coco_truth(dataset, kind), results, kind, len(dataset.names))
        values = [m.average_precision(np.ones(len(dataset))) for m in matches]
        out[f"{name}_ap50"] = _mean(values)
        draws = [_mean([m.average_precision(c) for m in matches]) for c in counts]
        kept = [d for d in draws if d is not None]
        out[f"{name}_ap50_interval"] = [float(v) for v in np.percentile(kept, [2.5, 97.5])] if kept else None
        out.update({f"{name}_ap50_draws": draws} if keep_draws else {})
        for category, value, match in zip(dataset.names.names, values, matches, strict=True):
            per_category[category][f"{name}_ap50"] = value
            per_category[category].setdefault("instances", int(match.positives.sum()))
    out["instances"] = sum(row["instances"] for row in per_category.values())
    out["per_category"] = per_category
    out.update(_confident(detections, dataset, confident))
    return {**out, "not_judged": list(dataset.not_in_file)} if dataset.not_in_file else out


def _judged(found: Detections, dataset: CocoDataset) -> Detections:
    """The detections without those of categories that the dataset's file does not have."""
    lost = [dataset.names.index(name) for name in dataset.not_in_file]
    return found.keep(~np.isin(found.categories, lost)) if lost else found


class CalibrationData(NamedTuple):
    """Detections of a dataset: (N,) scores, whether each is right, categories, sizes (`relative_sizes`)."""

    scores: FloatArray
    right: BoolArray
    categories: IntArray
    sizes: FloatArray


def calibration_data(detections: Sequence[Detections], dataset: CocoDataset) -> CalibrationData:
    """What a calibration is fitted on; right: box IoU >= 0.5, right category, no duplicate.

    Detections of categories that the dataset's file does not have are left out, as in the figures.
    """
    rows = []
    for index, found in enumerate(_judged(each, dataset) for each in detections):
        boxes, categories = true_boxes(dataset, index)
        _, kinds = match_boxes(found.boxes, found.categories, boxes, categories)
        sizes = relative_sizes(found.boxes, *dataset.size(index))
        rows.append((found.scores.astype(np.float64), kinds == 0, found.categories, sizes))
    if not rows:
        return CalibrationData(np.zeros(0), np.zeros(0, bool), np.zeros(0, np.int64), np.zeros(0))
    return CalibrationData(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def true_boxes(dataset: CocoDataset, index: int) -> tuple[FloatArray, IntArray]:
    """(M, 4) boxes x0, y0, x1, y1 and (M,) categories of a picture, without ignore regions and crowds."""
    return _boxes_of(dataset.objects(index))


def _boxes_of(rows: list[dict[str, Any]]) -> tuple[FloatArray, IntArray]:
    boxes = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes, np.array([row["category_id"] - 1 for row in rows], np.int64)


class _Matches:
    """COCO's matches of one category at IoU 0.5, best score first, with the picture each belongs to."""

    def __init__(self, rows: Sequence[dict[str, Any] | None]) -> None:
        self.positives = np.zeros(len(rows))
        scores, right, pictures = [np.zeros(0)], [np.zeros(0, bool)], [np.zeros(0, np.int64)]
        for index, row in enumerate(rows):
            if row is None:
                continue
            self.positives[index] = np.count_nonzero(np.asarray(row["gtIgnore"]) == 0)
            counted = ~np.asarray(row["dtIgnore"], bool)[0]
            scores.append(np.asarray(row["dtScores"], np.float64)[counted])
            right.append(np.asarray(row["dtMatches"])[0][counted] > 0)
            pictures.append(np.full(int(counted.sum()), index))
        order = np.argsort(-np.concatenate(scores), kind="mergesort")
        self.right, self.pictures = np.concatenate(right)[order], np.concatenate(pictures)[order]

    def average_precision(self, counts: npt.NDArray[Any]) -> float | None:
        """AP in 0..100 with picture i counted `counts[i]` times; None where there is nothing to find."""
        positives = float(self.positives @ counts)
        if positives == 0:
            return None
        weights = counts[self.pictures].astype(np.float64)
        hits, misses = np.cumsum(weights * self.right), np.cumsum(weights * ~self.right)
        precision = hits / np.maximum(hits + misses, np.spacing(1))
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(hits / positives, RECALL_LEVELS, side="left")
        reached = places < len(envelope)
        return float(100.0 * envelope[places[reached]].sum() / len(RECALL_LEVELS))


def _coco_truth(dataset: CocoDataset, kind: str) -> COCO:
    coco = COCO()
    annotations: list[dict[str, Any]] = []
    for index in range(len(dataset)):
        for row in dataset.rows(index):
            ignored = int(bool(row.get("ignore", False)) or row["iscrowd"])
            kept = {k: row[k] for k in ("image_id", "category_id", "bbox", "area", "segmentation")}
            if kept["segmentation"] is None:  # a box alone says nothing about a mask
                kept["segmentation"] = box_rle(row["bbox"], *dataset.size(index))
                ignored = ignored or int(kind == "segm")
            annotations.append({**kept, "id": len(annotations) + 1, "iscrowd": ignored})
    images = [{k: v for k, v in dataset.image_info(i).items() if k != "ignore"} for i in range(len(dataset))]
    coco.dataset = {"info": {}, "images": images, "annotations": annotations, "categories": dataset.names.table()}
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _coco_results(detections: Sequence[Detections], dataset: CocoDataset) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for image_id, found in zip(dataset.image_ids, detections, strict=True):
        rows.extend(found.to_coco(image_id))
    return rows


def _match_by_coco(truth: COCO, results: list[dict[str, Any]], kind: str, categories: int) -> list[_Matches]:
    with contextlib.redirect_stdout(io.StringIO()):
        if results:
            found = truth.loadRes([dict(row) for row in results])
        else:
            found = COCO()
            found.dataset = {**truth.dataset, "annotations": []}
            found.createIndex()
        evaluation = COCOeval(truth, found, kind)
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
    pictures = len(evaluation.params.imgIds)
    ids = [int(i) for i in evaluation.params.imgIds]  # pycocotools sorts them
    place = {image_id: k for k, image_id in enumerate(ids)}
    order = [place[int(image["id"])] for image in truth.dataset["images"]]
    rows = [evaluation.evalImgs[c * pictures : (c + 1) * pictures] for c in range(categories)]
    return [_Matches([row[k] for k in order]) for row in rows]


def _confident(detections: Sequence[Detections], dataset: CocoDataset, threshold: float) -> dict[str, Any]:
    kinds_of = {name: dict.fromkeys(KINDS, 0) for name in dataset.names.names}
    recalled = confident_recalled = total = 0
    for index, found in enumerate(detections):
        boxes, categories = true_boxes(dataset, index)
        total += len(categories)
        matched, kinds = match_boxes(found.boxes, found.categories, boxes, categories)
        recalled += int((matched >= 0).sum())
        counted = (matched >= 0) | ~_in_crowd(found, [row for row in dataset.rows(index) if row["iscrowd"]])
        for category, score, kind, counts in zip(found.categories, found.scores, kinds, counted, strict=True):
            if score > threshold and counts:
                kinds_of[dataset.names.name(int(category))][KINDS[kind]] += 1
                confident_recalled += int(kind == 0)
    sums = {kind: sum(row[kind] for row in kinds_of.values()) for kind in KINDS}
    count = sum(sums.values())
    return {
        "precision_at_90": sums["right"] / count if count else None,
        "recall": recalled / total if total else None,
        "confident": {
            "threshold": threshold,
            "detections": count,
            "right": sums["right"],
            "recall": confident_recalled / total if total else None,
            "false_positives": {kind: sums[kind] for kind in KINDS[1:]},
            "per_category": kinds_of,
        },
    }


def _in_crowd(found: Detections, rows: list[dict[str, Any]]) -> BoolArray:
    """(N,) whether half of a detection's box lies in a crowd of its category (COCO's rule for crowds)."""
    boxes, categories = _boxes_of(rows)
    low = np.maximum(found.boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(found.boxes[:, None, 2:], boxes[None, :, 2:])
    sides = found.boxes[:, 2:].astype(np.float64) - found.boxes[:, :2]
    inside = np.clip(high - low, 0.0, None).prod(axis=2) >= 0.5 * sides.prod(axis=1)[:, None]
    return np.asarray((inside & (found.categories[:, None] == categories[None, :])).any(axis=1))


def _mean(values: Sequence[float | None]) -> float | None:
    kept = [v for v in values if v is not None]
    return float(np.mean(kept)) if kept else None
