# SPDX-License-Identifier: Apache-2.0
"""AP50, confident precision, label quality and bootstrap against known answers."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tests.perception.toy_pictures import as_detections, rectangle, write_rectangles

from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.evaluation.box_matching import KINDS, box_iou, match_boxes
from seal_perception.evaluation.evaluate import calibration_data, detect_all, evaluate_detections, evaluate_detector
from seal_perception.evaluation.label_quality import label_quality


def _found(rows: list[tuple[int, float, tuple[int, int, int, int]]], size: tuple[int, int] = (40, 60)) -> Detections:
    rows = sorted(rows, key=lambda r: -r[1])
    return Detections(
        np.array([r[2] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.float32),
        np.stack([rectangle(*size, *r[2]) for r in rows]) if rows else np.zeros((0, *size), bool),
    )


def _dataset(folder: Path, pictures: list[list[Annotation]], size: tuple[int, int] = (40, 60)) -> CocoDataset:
    with DatasetWriter(folder) as writer:
        for annotations in pictures:
            writer.add(np.zeros((*size, 3), np.uint8), annotations)
    return CocoDataset(folder)


def _chair(x0: int, y0: int, x1: int, y1: int, category: int = 0, **extra: object) -> Annotation:
    return Annotation(category, rectangle(40, 60, x0, y0, x1, y1), dict(extra))


def test_kept_draws_are_those_of_the_interval_and_take_the_same_frames_for_every_detector(tmp_path: Path) -> None:
    """Of two frames with a chair each, the first detector finds one, the second the other: where a draw takes one frame
    twice, one of them has all and the other nothing."""
    dataset = _dataset(tmp_path / "d", [[_chair(5, 5, 20, 20)], [_chair(30, 10, 50, 30)]])
    first = [_found([(0, 0.9, (5, 5, 20, 20))]), _found([])]
    second = [_found([]), _found([(0, 0.9, (30, 10, 50, 30))])]
    one, other = (evaluate_detections(found, dataset, resamples=40, keep_draws=True) for found in (first, second))
    assert "box_ap50_draws" not in evaluate_detections(first, dataset, resamples=40)
    for kind in ("box", "mask"):
        draws = np.array(one[f"{kind}_ap50_draws"])
        assert draws.shape == (40,) and {0.0, 100.0} < set(np.round(draws))
        assert one[f"{kind}_ap50_interval"] == pytest.approx(np.percentile(draws, [2.5, 97.5]))
        only = np.isin(np.round(draws), (0.0, 100.0))
        np.testing.assert_allclose(draws[only] + np.array(other[f"{kind}_ap50_draws"])[only], 100.0)


def test_perfect_and_shifted(tmp_path: Path) -> None:
    dataset = write_rectangles(tmp_path / "d", 6)
    perfect = [as_detections(dataset.annotations(i), dataset.size(i)) for i in range(6)]
    figures = evaluate_detections(perfect, dataset, resamples=20)
    assert figures["box_ap50"] == pytest.approx(100.0) and figures["mask_ap50"] == pytest.approx(100.0)
    assert figures["box_ap50_interval"] == pytest.approx([100.0, 100.0])
    assert figures["precision_at_90"] == 1.0 and figures["recall"] == 1.0
    assert figures["frames"] == 6 and figures["instances"] == sum(len(d) for d in perfect)
    absent = [name for name, row in figures["per_category"].items() if row["instances"] == 0]
    assert all(figures["per_category"][name]["box_ap50"] is None for name in absent)
    shifted = [as_detections(dataset.annotations(i), dataset.size(i), shift=30) for i in range(6)]
    figures = evaluate_detections(shifted, dataset, resamples=0)
    assert figures["box_ap50"] == 0.0 and figures["mask_ap50"] == 0.0 and figures["precision_at_90"] == 0.0
    assert figures["box_ap50_interval"] is None
    nothing = evaluate_detections([Detections.empty(*dataset.size(i)) for i in range(6)], dataset, resamples=5)
    assert nothing["box_ap50"] == 0.0 and nothing["precision_at_90"] is None and nothing["recall"] == 0.0


def test_hand_computed(tmp_path: Path) -> None:
    """Two chairs; right at 0.9, wrong at 0.8, right at 0.7: precision 1 up to recall 0.5, then 2/3."""
    dataset = _dataset(tmp_path / "d", [[_chair(0, 0, 10, 10), _chair(30, 0, 40, 10)]])
    found = _found([(0, 0.9, (0, 0, 10, 10)), (0, 0.8, (20, 20, 30, 30)), (0, 0.7, (30, 0, 40, 10))])
    figures = evaluate_detections([found], dataset, resamples=0)
    assert figures["box_ap50"] == pytest.approx(100 * (51 + 50 * 2 / 3) / 101)
    assert figures["mask_ap50"] == pytest.approx(figures["box_ap50"])


def _noisy(dataset: CocoDataset, seed: int) -> list[Detections]:
    rng = np.random.default_rng(seed)
    out = []
    for i in range(len(dataset)):
        rows = []
        for a in dataset.annotations(i):
            x0, y0, x1, y1 = a.box()
            dx = int(rng.integers(0, 12))
            category = a.category if rng.random() < 0.8 else int(rng.integers(6))
            rows.append((category, float(rng.uniform(0.1, 1)), (min(x0 + dx, 70), y0, min(x1 + dx, 80), y1)))
            rows.append((int(rng.integers(6)), float(rng.uniform(0.1, 1)), (0, 0, 20, 20)))
        out.append(_found(rows, dataset.size(i)))
    return out


def test_agrees_with_pycocotools_and_bootstrap_is_repetition(tmp_path: Path) -> None:
    dataset = write_rectangles(tmp_path / "d", 12)
    found = _noisy(dataset, 3)
    figures = evaluate_detections(found, dataset, resamples=60, seed=1)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "d" / "annotations.json"))
        rows = [r for image_id, d in zip(dataset.image_ids, found, strict=True) for r in d.to_coco(image_id)]
        for kind, name in (("bbox", "box_ap50"), ("segm", "mask_ap50")):
            evaluation = COCOeval(truth, truth.loadRes([dict(r) for r in rows]), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            assert figures[name] == pytest.approx(100 * evaluation.stats[1], abs=1e-9)
    assert 0 < figures["box_ap50"] < 100
    low, high = figures["box_ap50_interval"]
    assert low < high
    # One bootstrap draw equals the evaluation of a dataset in which pictures really are repeated.
    counts = np.random.default_rng(1).multinomial(12, np.full(12, 1 / 12), size=1)[0]
    order = np.repeat(np.arange(12), counts)
    with DatasetWriter(tmp_path / "r") as writer:
        for i in order:
            writer.add(dataset.image(i), dataset.annotations(i))
    repeated = evaluate_detections([found[i] for i in order], CocoDataset(tmp_path / "r"), resamples=0)
    one = evaluate_detections(found, dataset, resamples=1, seed=1)
    assert one["box_ap50_interval"][0] == pytest.approx(repeated["box_ap50"])
    assert one["mask_ap50_interval"][0] == pytest.approx(repeated["mask_ap50"])


def test_ignored_objects_count_neither_way(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "d", [[_chair(0, 0, 10, 10), _chair(30, 0, 40, 10, ignore=True)]])
    figures = evaluate_detections([_found([(0, 0.95, (30, 0, 40, 10)), (0, 0.9, (0, 0, 10, 10))])], dataset, 0)
    assert figures["box_ap50"] == pytest.approx(100.0) and figures["instances"] == 1


def test_error_kinds(tmp_path: Path) -> None:
    boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [30, 0, 40, 10], [32, 5, 42, 15], [50, 30, 60, 40]]
    matched, kinds = match_boxes(boxes, [0, 0, 1, 2, 0], [[0, 0, 10, 10], [30, 0, 40, 10]], [0, 2])
    assert matched.tolist() == [0, -1, -1, -1, -1]
    assert [KINDS[k] for k in kinds] == ["right", "duplicate", "wrong category", "poor localisation", "background"]
    np.testing.assert_allclose(box_iou([[0, 0, 2, 2]], [[1, 1, 3, 3], [0, 0, 2, 2]]), [[1 / 7, 1.0]])
    assert match_boxes(boxes, [0] * 5, np.zeros((0, 4)), [])[1].tolist() == [1] * 5


def test_confident_detections_are_counted_by_kind(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "d", [[_chair(0, 0, 10, 10), _chair(30, 0, 40, 10, category=2)], []])
    first = _found([(0, 0.99, (0, 0, 10, 10)), (1, 0.95, (30, 0, 40, 10)), (2, 0.85, (30, 0, 40, 10))])
    figures = evaluate_detections([first, _found([(3, 0.92, (5, 5, 20, 20))])], dataset, resamples=0)
    assert figures["precision_at_90"] == pytest.approx(1 / 3) and figures["recall"] == 1.0
    wrong = figures["confident"]["false_positives"]
    assert wrong == {"background": 1, "wrong category": 1, "poor localisation": 0, "duplicate": 0}
    assert figures["confident"]["per_category"]["bed"]["background"] == 1
    data = calibration_data([first, Detections.empty(40, 60)], dataset)
    assert data.right.tolist() == [True, False, True] and data.scores[1] == pytest.approx(0.95)
    assert data.categories.tolist() == [0, 1, 2]
    np.testing.assert_allclose(data.sizes, np.sqrt(100 / (40 * 60)))


def test_wrong_counts_and_sizes(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "d", [[]])
    with pytest.raises(InputError, match="1 pictures, got 0"):
        evaluate_detections([], dataset)
    with pytest.raises(InputError, match="must have masks"):
        evaluate_detections([Detections.empty(4, 4)], dataset)


def test_evaluate_detector_runs_it_on_every_picture(tmp_path: Path) -> None:
    dataset = write_rectangles(tmp_path / "d", 3)

    answers = {dataset.image(i).tobytes(): as_detections(dataset.annotations(i), dataset.size(i)) for i in range(3)}

    class Knows:
        """Answers by the picture's bytes."""

        def detect(self, rgb: np.ndarray) -> Detections:
            return answers[rgb.tobytes()]

    seen: list[tuple[int, int]] = []
    assert evaluate_detector(Knows(), tmp_path / "d", 0)["box_ap50"] == pytest.approx(100.0)
    assert len(detect_all(Knows(), dataset, lambda done, count: seen.append((done, count)))) == 3
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_label_quality(tmp_path: Path) -> None:
    truth = _dataset(tmp_path / "t", [[_chair(0, 0, 10, 10), _chair(30, 0, 40, 10, category=2)], [_chair(0, 0, 8, 8)]])
    guess = _dataset(
        tmp_path / "g",
        [
            [_chair(0, 0, 10, 8), _chair(30, 0, 40, 10, category=1), _chair(20, 20, 30, 30, ignore=True)],
            [_chair(40, 20, 50, 30, category=4)],
        ],
    )
    quality = label_quality(guess, truth)
    overall, chair = quality["overall"], quality["per_category"]["chair"]
    assert overall["instance_precision"] == pytest.approx(1 / 3) and overall["instance_recall"] == pytest.approx(1 / 3)
    assert overall["errors"] == {"background": 1, "wrong category": 1, "poor localisation": 0, "duplicate": 0}
    assert chair["pixel_precision"] == 1.0 and chair["pixel_recall"] == pytest.approx(80 / 164)
    assert overall["pixel_precision"] == pytest.approx(80 / 280) and overall["pixel_recall"] == pytest.approx(80 / 264)
    assert quality["per_category"]["bed"]["instance_precision"] is None
    same = label_quality(truth, truth)["overall"]
    assert same["instance_precision"] == same["pixel_recall"] == 1.0 and sum(same["errors"].values()) == 0
    with pytest.raises(InputError, match="same ids"):
        label_quality(guess, _dataset(tmp_path / "o", [[]]))
