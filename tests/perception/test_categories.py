# SPDX-License-Identifier: Apache-2.0
"""Lists of categories: what is a list, its colours, names in files and on the command line."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.perception.toy_pictures import rectangle, write_rectangles

from seal_mapping.voxels.config import MapConfig
from seal_perception import messages as m
from seal_perception.categories import CATEGORIES, COLOURS, SIX, CategorySet
from seal_perception.coco.names import CategoryNames, listed, listed_only
from seal_perception.dataset import Annotation, CocoDataset, encode_picture
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.evaluation.evaluate import calibration_data, evaluate_detections
from seal_perception.evaluation.label_quality import label_quality

THREE = CategorySet(("refrigerator", "chair", "dining table"))


def test_a_list_has_names_places_and_colours() -> None:
    assert len(THREE) == 3 and THREE.index("chair") == 1 and THREE.name(2) == "dining table"
    assert (THREE.name(3), THREE.name(-1)) == ("category_3", "none") and str(
        THREE
    ) == "refrigerator, chair, dining table"
    assert THREE.table()[0] == {"id": 1, "name": "refrigerator"}
    np.testing.assert_array_equal(SIX.colours, COLOURS)
    np.testing.assert_array_equal(THREE.colours[1], COLOURS[0])  # a chair is orange in every list
    assert len({tuple(colour) for colour in [*THREE.colours.tolist(), *COLOURS.tolist()]}) == 8
    eighty = CategorySet(tuple(f"thing {n}" for n in range(80)))
    assert len({tuple(colour) for colour in eighty.colours.tolist()}) == 80
    assert CategorySet(CATEGORIES) == SIX and CategorySet.numbered(8).name(7) == "category_7"
    with pytest.raises(ValueError, match="must be a list of names, got 'chair'"):
        CategorySet("chair")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be a list of names, got 'chair'"):
        MapConfig(categories="chair")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown category 'tv'; expected one of refrigerator, chair"):
        THREE.index("tv")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "1 to 80 names, got 0"),
        ([f"thing {n}" for n in range(81)], "1 to 80 names, got 81"),
        (["chair", "tv", "chair"], "must differ, got 'chair' twice"),
        (["dining table", "Dining_table"], "must differ, got 'Dining_table' twice"),
        (["chair", 7], "must be a text of 1 to 40 printable signs .* got '7'"),
        (["chair", ""], "must be a text"),
        (["chair", " tv"], "must be a text"),
        (["chair", "None"], "not 'none', got 'None'"),
        (["chair", "a\x1b[2J"], "must be a text"),
        (["chair", "a,b"], "without , and ="),
        (["chair", "x" * 41], "must be a text"),
        (["chair", ["tv"]], "must be a text"),
        ("chair", "must be a list of names, got chair"),
        ({"chair": 1}, "must be a list of names"),
    ],
)
def test_no_list_of_a_file_is_one_line(value: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        CategorySet.stored(value)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    frame = {"stamp_ns": 1, "width": 4, "height": 4, "results": [], "categories": value}
    with pytest.raises(InputError, match="semantic/detections: .*categor"):
        m.detections_from_text(json.dumps(frame))


def test_words_are_a_list_or_map_names() -> None:
    words = ["chair, dining  table", "fridge=refrigerator,refrigerator"]
    names = CategoryNames.from_words(words)
    assert names.known.names == ("chair", "dining table", "refrigerator") and names.mapped == {"fridge": "refrigerator"}
    assert names.find("Fridge_2") == (2, "refrigerator 2") and names.find("Dining-Table") == (1, None)
    assert names.find("office chair") == (0, None) and names.find("tv") is None and names.find("sofa") is None
    assert CategoryNames.from_words(["armchair=chair"], THREE).find("armchair") == (1, None)
    assert CategoryNames.from_words(["sofa"]).find("sofa") == (0, None)  # a name of the list before another's alias
    assert listed(["a=chair"]) is None and listed([]) is None and listed_only(["tv"]) == ("tv",)
    for wrong, text in (
        (["chair,Chair"], "'Chair' twice"),
        ([" , "], "--categories is empty"),
        (["x" * 50], "printable"),
    ):
        with pytest.raises(InputError, match=text):
            CategoryNames.from_words(wrong)
    with pytest.raises(InputError, match="OURS one of refrigerator, chair, dining table, none; got 'a=tv'"):
        CategoryNames.from_words(["a=tv"], THREE)
    with pytest.raises(InputError, match="must be names such as chair,couch here, got 'a=tv'"):
        listed_only(["a=tv"])


def test_detections_carry_their_list() -> None:
    mask = rectangle(4, 6, 1, 1, 3, 3)[None]
    box, score = np.array([[1, 1, 3, 3]], np.float32), np.array([0.5], np.float32)
    found = Detections(box, np.array([2]), score, mask, THREE)
    again = m.detections_from_text(m.detections_to_text(found, 7)).detections
    assert again.names == THREE and again.categories.tolist() == [2] and again.score_image().shape == (4, 6, 3)
    assert "categories" not in m.detections_to_text(Detections(box, np.array([2]), score, mask), 7)  # bytes of before
    text = m.detections_to_text(found, 7).replace('"category_id":3', '"category_id":4')
    with pytest.raises(InputError, match=r"category_id must be a whole number in 1\.\.3, got 4"):
        m.detections_from_text(text)
    with pytest.raises(InputError, match=r"category must be 0\.\.2, got 3"):
        encode_picture(np.zeros((4, 6, 3), np.uint8), [Annotation(3, mask[0])], names=THREE)


def test_a_dataset_is_read_by_name_and_judges_what_its_file_has(tmp_path: Any) -> None:
    six = write_rectangles(tmp_path / "six", 3)
    own = CocoDataset(tmp_path / "six", CategoryNames(known=THREE))
    chairs = sum(row["category_id"] == 1 for n in range(3) for row in six.rows(n))
    assert {row["category_id"] for n in range(3) for row in own.rows(n)} <= {2}
    assert sum(len(own.rows(n)) for n in range(3)) == chairs
    assert own.not_in_file == ("refrigerator", "dining table") and own.hash() != six.hash()
    mask = np.stack([rectangle(64, 80, 0, 0, 9, 9)] * 2)
    boxes, scores = np.array([[0, 0, 9, 9]] * 2, np.float32), np.array([0.99, 0.98], np.float32)
    wrong = Detections(boxes, np.array([0, 1]), scores, mask, THREE)  # a refrigerator and a chair where nothing is
    figures = evaluate_detections([wrong] * 3, own, resamples=0)
    assert figures["not_judged"] == ["refrigerator", "dining table"] and figures["confident"]["detections"] == 3
    assert list(figures["per_category"]) == list(THREE.names) and figures["instances"] == chairs
    rows = calibration_data([wrong] * 3, own)  # nor does a calibration learn from what cannot be judged
    assert rows.categories.tolist() == [1, 1, 1] and not rows.right.any() and len(rows.scores) == len(rows.sizes) == 3
    assert "not_judged" not in evaluate_detections([Detections.empty(64, 80)] * 3, six, resamples=0)
    with pytest.raises(InputError, match="detections 0 are of refrigerator, chair, din.* was read for chair"):
        evaluate_detections([wrong] * 3, six, resamples=0)
    with pytest.raises(InputError, match="read both for one"):
        label_quality(own, six)
    assert label_quality(own, own)["overall"]["right"] == chairs


def test_a_written_dataset_has_its_list(tmp_path: Any) -> None:
    dataset = write_rectangles(tmp_path / "three", 3, names=THREE)
    assert dataset.names == THREE and dataset.not_in_file == ()
    assert json.loads(dataset.file.read_text())["categories"] == THREE.table()
    as_six = CocoDataset(tmp_path / "three")
    assert {row["category_id"] for n in range(3) for row in as_six.rows(n)} <= {1}  # its chairs
