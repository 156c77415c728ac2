# SPDX-License-Identifier: Apache-2.0
"""Labels after a swap: one thing is the truth's, all else is as it was, and the dataset is whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seal_bringup.experiments.labels.surgery import PLACE, SWAPS, match_objects, write_swapped
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.errors import InputError
from seal_perception.evaluation.label_quality import label_quality
from seal_perception.types import BoolArray

CHAIR, COUCH, PLANT, BED, TOILET, TV = range(6)
SIZE = (60, 100)
Dataset = CocoDataset


def block(x0: int, y0: int, x1: int, y1: int) -> BoolArray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def label(category: int, place: tuple[int, int, int, int], score: float, **extra: Any) -> Annotation:
    return Annotation(category, block(*place), {"score": score, "instance": int(100 * score), **extra})


TRUE = [
    Annotation(CHAIR, block(0, 0, 10, 10), {"instance": 1}),  # right label, mask a little off
    Annotation(COUCH, block(20, 0, 40, 10), {"instance": 2}),  # labelled as a bed
    Annotation(TV, block(50, 0, 60, 10), {"instance": 3}),  # labelled far off: box IoU 1/3
    Annotation(BED, block(70, 30, 100, 60), {"instance": 4}),  # missing
]
LABELS = [
    label(CHAIR, (0, 0, 10, 9), 0.9),
    label(BED, (20, 0, 40, 9), 0.8),
    label(TV, (50, 0, 60, 30), 0.7),
    label(CHAIR, (1, 0, 10, 10), 0.6),  # the same chair once more
    label(TOILET, (0, 40, 10, 50), 0.5),  # nothing is there
    label(PLANT, (30, 30, 40, 40), 0.4, ignore=True),
]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Dataset, Dataset]:
    """Three frames: all kinds of mistakes; nothing labelled; nothing there."""
    everything = {
        "labels": [LABELS, [], [label(TV, (5, 5, 15, 15), 0.5)]],
        "truth": [TRUE, TRUE[:1], []],
    }
    for name, frames in everything.items():
        with DatasetWriter(tmp_path / name, {"made": name}) as writer:
            for n, annotations in enumerate(frames):
                writer.add(np.full((*SIZE, 3), 40 * n, np.uint8), annotations, {"stamp_ns": n})
    return CocoDataset(tmp_path / "labels"), CocoDataset(tmp_path / "truth")


def swapped(pair: tuple[Dataset, Dataset], swap: str, tmp_path: Path) -> Dataset:
    write_swapped(*pair, swap, tmp_path / swap)
    return CocoDataset(tmp_path / swap)  # which checks every row


def without(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in (*keys, "id")}


def test_labels_are_matched_as_their_quality_is_measured(pair: tuple[Dataset, Dataset]) -> None:
    labels, truth = pair
    assert match_objects(labels.objects(0), truth.objects(0)).tolist() == [0, 1, 2, -1, -1]
    assert match_objects(labels.objects(1), truth.objects(1)).tolist() == []
    assert match_objects(labels.objects(2), truth.objects(2)).tolist() == [-1]
    errors = label_quality(labels, truth)["overall"]
    assert errors["right"] == 1
    assert errors["errors"] == {"background": 2, "wrong category": 1, "poor localisation": 1, "duplicate": 1}


def test_the_surer_label_takes_the_object_whatever_the_order() -> None:
    objects = [{"bbox": [0, 0, 10, 10], "category_id": 1}]
    weak = {"bbox": [0, 0, 10, 10], "category_id": 1, "score": 0.2}
    sure = {"bbox": [0, 0, 10, 8], "category_id": 1, "score": 0.9}
    assert match_objects([weak, sure], objects).tolist() == [-1, 0]
    other = {**sure, "category_id": 2}  # a surer label of another category comes after the right one
    assert match_objects([weak, other], objects).tolist() == [0, -1]
    near = {"bbox": [0, 0, 40, 10], "category_id": 2}  # box IoU 0.25 with a thing of another category: background
    assert match_objects([near], objects).tolist() == [-1]


@pytest.mark.parametrize("swap", SWAPS)
def test_pictures_and_regions_to_ignore_stay(pair: tuple[Dataset, Dataset], swap: str, tmp_path: Path) -> None:
    labels, out = pair[0], swapped(pair, swap, tmp_path)
    assert out.names == labels.names and out.image_ids == labels.image_ids
    assert [out.image_info(n) for n in range(3)] == [labels.image_info(n) for n in range(3)]
    assert all(os.path.samefile(out.picture_path(n), labels.picture_path(n)) for n in range(3))
    rows = [row for n in range(3) for row in out.rows(n)]
    assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    kept = [row for row in labels.rows(0) if row.get("ignore")]
    assert [without(row) for row in out.rows(0) if "score" in row and row.get("ignore")] == [without(*kept)]
    for n in range(3):
        for annotation, row in zip(out.annotations(n), out.rows(n), strict=True):
            x0, y0, x1, y1 = annotation.box()
            assert row["bbox"] == [x0, y0, x1 - x0, y1 - y0] and row["area"] == annotation.mask.sum()
    assert "for diagnosis alone" in out.info["swapped"] and out.info["made"] == "labels"


def test_place_changes_the_place_of_matched_labels_alone(pair: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    (labels, truth), out = pair, swapped(pair, "place", tmp_path)
    for n, row in enumerate(out.objects(0)):
        assert without(row, *PLACE) == without(labels.objects(0)[n], *PLACE)
        source = truth.objects(0)[n] if n < 3 else labels.objects(0)[n]
        assert [row[key] for key in PLACE] == [source[key] for key in PLACE]
    assert out.rows(1) == [] and without(out.objects(2)[0]) == without(labels.objects(2)[0])
    assert label_quality(out, truth)["overall"]["errors"]["poor localisation"] == 0


def test_category_changes_one_category(pair: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    labels, out = pair[0], swapped(pair, "category", tmp_path)
    assert [row["category_id"] - 1 for row in out.objects(0)] == [CHAIR, COUCH, TV, CHAIR, TOILET]
    for row, before in zip(out.objects(0), labels.objects(0), strict=True):
        assert without(row, "category_id") == without(before, "category_id")
    assert label_quality(out, pair[1])["overall"]["errors"]["wrong category"] == 0


def test_no_false_drops_what_is_of_no_object(pair: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    labels, out = pair[0], swapped(pair, "no_false", tmp_path)
    assert [without(row) for row in out.objects(0)] == [without(row) for row in labels.objects(0)[:3]]
    assert out.rows(2) == [] and out.labelled() == [0]


@pytest.mark.parametrize(("swap", "learnt"), [("all_objects", [0, 1, 2]), ("missing_ignored", [0, 2])])
def test_missing_objects_are_added(pair: tuple[Dataset, Dataset], tmp_path: Path, swap: str, learnt: list[int]) -> None:
    (labels, truth), out = pair, swapped(pair, swap, tmp_path)
    for n in range(3):
        old = [row for row in out.rows(n) if "score" in row]
        assert [without(row) for row in old] == [without(row) for row in labels.rows(n)]
    bed, chair = ([row for row in out.rows(n) if "score" not in row] for n in (0, 1))
    extra = {"from_truth": True} if swap == "all_objects" else {"ignore": True}
    assert [without(row) for row in bed] == [{**without(truth.rows(0)[3], "instance"), **extra}]
    assert [without(row) for row in chair] == [{**without(truth.rows(1)[0], "instance"), **extra}]
    assert out.labelled() == learnt


def test_what_does_not_fit_is_refused(pair: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    labels, truth = pair
    with pytest.raises(InputError, match="swap must be one of place, category.*got 'size'"):
        write_swapped(labels, truth, "size", tmp_path / "out")
    with DatasetWriter(tmp_path / "short") as writer:
        writer.add(np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(InputError, match=r"must hold the same ids"):
        write_swapped(labels, CocoDataset(tmp_path / "short"), "place", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="already holds a finished dataset"):
        write_swapped(labels, truth, "place", tmp_path / "labels")
