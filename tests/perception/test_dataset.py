# SPDX-License-Identifier: Apache-2.0
"""Datasets on disk: round trip, unfinished folders, wrong documents, previews."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from tests.perception.toy_pictures import as_detections, rectangle, write_rectangles

from seal_perception.categories import COLOURS
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.errors import InputError
from seal_perception.evaluation.preview import draw_annotations, draw_detections
from seal_perception.files import write_json
from seal_perception.reading.text import read_json


def test_round_trip(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    mask = rectangle(24, 32, 4, 3, 10, 9)
    mask[4, 5] = False
    with DatasetWriter(tmp_path / "d", {"made_by": "test"}) as writer:
        assert writer.add(rgb, [Annotation(2, mask, {"score": 0.5, "views": 3, "id": 99})], {"stamp_ns": 5}) == 1
        assert writer.add(rgb[:, ::-1]) == 2
    dataset = CocoDataset(tmp_path / "d")
    assert len(dataset) == 2 and dataset.image_ids == [1, 2] and dataset.info == {"made_by": "test"}
    np.testing.assert_array_equal(dataset.image(0), rgb)
    (annotation,) = dataset.annotations(0)
    np.testing.assert_array_equal(annotation.mask, mask)
    assert annotation.category == 2 and annotation.extra == {"score": 0.5, "views": 3}
    assert dataset.rows(0)[0]["bbox"] == [4, 3, 6, 6] and dataset.rows(0)[0]["area"] == 35
    assert dataset.image_info(0)["stamp_ns"] == 5 and dataset.annotations(1) == []
    assert dataset.image_info(0)["file_name"] == "images/000001.png"
    document = read_json(tmp_path / "d" / "annotations.json")
    assert dataset.rows(0) == document["annotations"] and dataset.image_info(1) == document["images"][1]


def test_pycocotools_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write_rectangles(tmp_path / "d", 3)
    coco = COCO(str(tmp_path / "d" / "annotations.json"))
    row = coco.loadAnns(coco.getAnnIds(imgIds=[1]))[0]
    np.testing.assert_array_equal(coco.annToMask(row).astype(bool), dataset.annotations(0)[0].mask)


def test_same_data_same_bytes(tmp_path: Path) -> None:
    first, second = write_rectangles(tmp_path / "a", 3), write_rectangles(tmp_path / "b", 3)
    assert first.hash() == second.hash() != write_rectangles(tmp_path / "c", 3, seed=1).hash()


def test_unfinished_and_finished_folders(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), DatasetWriter(tmp_path / "d") as writer:
        writer.add(np.zeros((4, 4, 3), np.uint8))
        raise RuntimeError
    with pytest.raises(InputError, match="incomplete"):
        CocoDataset(tmp_path / "d")
    write_rectangles(tmp_path / "d", 1)
    assert len(CocoDataset(tmp_path / "d")) == 1
    with pytest.raises(InputError, match="already holds"):
        DatasetWriter(tmp_path / "d")
    with pytest.raises(InputError, match="not a folder"):
        CocoDataset(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("rgb", "annotation", "message"),
    [
        (np.zeros((4, 4), np.uint8), None, "rgb must be"),
        (np.zeros((4, 4, 3), np.float32), None, "rgb must be"),
        (np.zeros((4, 4, 3), np.uint8), Annotation(6, np.ones((4, 4), bool)), "category must be 0..5"),
        (np.zeros((4, 4, 3), np.uint8), Annotation(0, np.ones((3, 4), bool)), "mask must be"),
        (np.zeros((4, 4, 3), np.uint8), Annotation(0, np.zeros((4, 4), bool)), "chair is empty"),
    ],
)
def test_writer_refuses(tmp_path: Path, rgb: Any, annotation: Annotation | None, message: str) -> None:
    writer = DatasetWriter(tmp_path / "d")
    with pytest.raises(InputError, match=message):
        writer.add(rgb, [annotation] if annotation else [])
    assert not list((tmp_path / "d" / "images").iterdir())


def _edit(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_edit(lambda d: d.pop("images")), "not a COCO dataset"),
        (_edit(lambda d: d["categories"].clear()), "no category with the id"),
        (_edit(lambda d: d["images"][0].update(file_name="../x.png")), "file_name must lie"),
        (_edit(lambda d: d["images"][1].update(id=1)), "occurs twice"),
        (_edit(lambda d: d["annotations"][0].update(image_id=77)), "belongs to no picture"),
        (_edit(lambda d: d["annotations"][0].update(category_id=0)), "category_id must be"),
        (_edit(lambda d: d["annotations"][0].update(bbox=[0, 0, 500, 5])), "inside the picture"),
        (_edit(lambda d: d["annotations"][0]["segmentation"].update(size=[1, 1])), "another size"),
    ],
)
def test_reader_refuses(tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str) -> None:
    write_rectangles(tmp_path / "d", 2)
    path = tmp_path / "d" / "annotations.json"
    document = read_json(path)
    change(document)
    write_json(path, document)
    with pytest.raises(InputError, match=message) as caught:
        CocoDataset(tmp_path / "d")
    assert "\n" not in str(caught.value)


def test_missing_or_broken_picture(tmp_path: Path) -> None:
    dataset = write_rectangles(tmp_path / "d", 1)
    (tmp_path / "d" / "images" / "000001.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="missing or broken"):
        dataset.image(0)


def test_previews_show_colours_and_leave_the_input(tmp_path: Path) -> None:
    dataset = write_rectangles(tmp_path / "d", 1)
    rgb, annotations = dataset.image(0), dataset.annotations(0)
    before = rgb.copy()
    drawn = draw_annotations(rgb, annotations, fill=1.0)
    np.testing.assert_array_equal(rgb, before)
    x0, y0, x1, y1 = annotations[0].box()
    np.testing.assert_array_equal(drawn[y1 - 1, x1 - 1], COLOURS[annotations[0].category])
    np.testing.assert_array_equal(drawn[-1, -1], rgb[-1, -1])
    region = Annotation(annotations[0].category, annotations[0].mask, {"ignore": True, "score": 0.01})
    np.testing.assert_array_equal(draw_annotations(rgb, [*annotations, region], fill=1.0), drawn)  # below, and bare
    (grey,) = {tuple(pixel) for pixel in draw_annotations(rgb, [region], fill=1.0)[region.mask].tolist()}
    assert len(set(grey)) == 1, "no text"
    weak = as_detections(annotations, dataset.size(0), score=0.3)
    np.testing.assert_array_equal(draw_detections(rgb, weak), rgb)
    assert (draw_detections(rgb, weak, min_score=0.2) != rgb).any()
