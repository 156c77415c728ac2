# SPDX-License-Identifier: Apache-2.0
"""Numbers of messages and results are checked where they come in."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seal_perception import messages as m
from seal_perception.categories import CategorySet
from seal_perception.detections import Detections, mask_to_rle
from seal_perception.errors import InputError

ROW = {
    "image_id": 5, "category_id": 6, "score": 0.95, "bbox": [1.0, 1.0, 3.0, 2.0],
    "segmentation": mask_to_rle(np.eye(4, 6, dtype=bool)),
}  # fmt: skip


def _text(**changes: Any) -> str:
    return json.dumps({"stamp_ns": 5, "width": 6, "height": 4, "results": [{**ROW, **changes}]})


def test_a_good_row_is_taken() -> None:
    found = m.detections_from_text(_text()).detections
    assert found.categories.tolist() == [5] and found.scores[0] == np.float32(0.95)
    assert m.detections_from_text(_text(category_id=2.0)).detections.categories.tolist() == [1]
    np.testing.assert_array_equal(found.masks[0], np.eye(4, 6, dtype=bool))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"category_id": 0}, "category_id must be a whole number in 1..6, got 0"),
        ({"category_id": 7}, "in 1..6, got 7"),
        ({"category_id": 1.5}, "in 1..6, got 1.5"),
        ({"category_id": True}, "category_id must be 1 number, got True"),
        ({"category_id": "3"}, "category_id must be 1 number, got 3"),
        ({"category_id": None}, "category_id must be 1 number"),
        ({"score": 1.0001}, "score must be in 0..1, got 1.0001"),
        ({"score": -0.1}, "score must be in 0..1"),
        ({"score": float("inf")}, "score must be in 0..1"),
        ({"score": 10**400}, "(score must be finite|300 digits)"),
        ({"bbox": [1, 2, 3]}, "bbox must be 4 numbers"),
        ({"bbox": [0, 0, float("nan"), 1]}, "bbox must be four finite numbers"),
        ({"bbox": [0, 0, 1e39, 1]}, "bbox must be four finite numbers"),
        ({"segmentation": {"size": [6, 4], "counts": "04"}}, "mask must be a run-length encoding of"),
        ({"segmentation": {"size": 4, "counts": "04"}}, "mask must be"),
        ({"segmentation": {"size": [4, 6], "counts": "oooooooo"}}, "semantic/detections: "),
        ({"segmentation": {"size": [4, 6], "counts": [24]}}, "counts must be the text"),
        ({"segmentation": [[0, 0, 1, 1]]}, "mask must be"),
    ],
)
def test_a_row_with_an_impossible_number_is_one_line(changes: dict[str, Any], text: str) -> None:
    """Category 0 was read as the last one, and a score of 1.4 wrapped to 101 of 255."""
    with pytest.raises(InputError, match=text) as caught:
        m.detections_from_text(_text(**changes))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "stamp", ["null", "[1]", "1e400", '"5"', "true", "-1", "1.5", str(1 << 63), "9" * 5000], ids=lambda text: text[:20]
)
def test_a_stamp_that_is_none_is_one_line(stamp: str) -> None:
    text = f'{{"stamp_ns": {stamp}, "width": 6, "height": 4, "results": []}}'
    for read in (m.detections_stamp_ns, m.detections_from_text):
        with pytest.raises(InputError, match="semantic/detections"):
            read(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, '{"a":' * 100_000, "7", '{"width": 6}',
        '{"stamp_ns": 1, "width": 70000, "height": 4, "results": []}',
        '{"stamp_ns": 1, "width": 6, "height": 0, "results": []}',
        '{"stamp_ns": 1, "width": 6, "height": 4, "results": {}}',
        '{"stamp_ns": 1, "width": 6, "height": 4, "results": [1]}',
        '{"stamp_ns": 1, "width": 65536, "height": 65536, "results": [{}]}',
    ],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_json_of_another_shape_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match="semantic/detections"):
        m.detections_from_text(text)


def test_other_categories_than_six_are_taken_where_the_reader_says_so() -> None:
    found = Detections.from_coco([{**ROW, "category_id": 12}], 4, 6, names=CategorySet.numbered(12))
    assert found.categories.tolist() == [11]


@pytest.mark.parametrize(("sec", "nanosec"), [(-1, 0), (1, 1_000_000_000), (0, -5)])
def test_a_header_with_an_impossible_stamp_is_refused(sec: int, nanosec: int) -> None:
    header = SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec))
    with pytest.raises(InputError, match="a stamp needs seconds >= 0"):
        m.header_stamp_ns(SimpleNamespace(header=header))
