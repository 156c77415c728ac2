# SPDX-License-Identifier: Apache-2.0
"""COCO datasets as tools of others export them, opened for evaluation and fine-tuning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from tests.mapping.annotation.test_annotations import WRONG, places
from typer.testing import CliRunner

from seal_bringup.cli import learn
from seal_perception.coco.masks import mask_to_runs, polygons_to_rle, read_runs, runs_to_mask
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import CocoDataset
from seal_perception.detections import Detections, mask_to_rle
from seal_perception.errors import InputError, NoLabelsError
from seal_perception.evaluation.evaluate import evaluate_detections
from seal_perception.training.train_loop import make_target

H, W = 24, 32
POLYGON = [[4.0, 3.0, 14.0, 3.0, 14.0, 9.0, 4.0, 9.0]]  # 10 x 6 pixels
SQUARE = np.zeros((H, W), bool)
SQUARE[3:9, 4:14] = True
COCO_TABLE = [{"id": 1, "name": "person", "supercategory": "person"}, {"id": 62, "name": "chair"}]


def row(**values: Any) -> dict[str, Any]:
    own = {"id": 7, "image_id": 139, "category_id": 62, "segmentation": POLYGON, "bbox": [4.0, 3.0, 10.0, 6.0]}
    return {**own, "area": 60.0, "iscrowd": 0, **values}


def write(
    folder: Path,
    *rows: dict[str, Any],
    table: list[dict[str, Any]] | None = None,
    images: list[dict[str, Any]] | None = None,
    file: str = "annotations.json",
    picture: str = "images/a.png",
    **document: Any,
) -> Path:
    """A dataset of one picture, unless `images` says otherwise; its folder."""
    default = [{"id": 139, "file_name": Path(picture).name, "width": W, "height": H}]
    content = {"images": images or default, "annotations": list(rows), "categories": table or COCO_TABLE, **document}
    for path in (folder / file, folder / picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps(content))
    Image.fromarray(np.full((H, W, 3), 90, np.uint8)).save(folder / picture)
    return folder


def test_ids_and_categories_of_coco(tmp_path: Path) -> None:
    rows = [row(), row(id=8, category_id=1, segmentation="broken, but of a person"), row(id=9, image_id="139")]
    dataset = CocoDataset(write(tmp_path, *rows))
    (first, second) = dataset.annotations(0)
    assert first.category == 0 and dataset.image_ids == [139] and second.mask.sum() == 60
    np.testing.assert_array_equal(first.mask, SQUARE)
    assert list(dataset.left_out().values()) == [1] and "person 1" in next(iter(dataset.left_out()))
    np.testing.assert_array_equal(dataset.image(0), np.full((H, W, 3), 90, np.uint8))
    dataset.check_pictures()


@pytest.mark.parametrize("size", [(H, W), (1, 7), (5, 1)])
def test_run_lengths_of_every_form_are_the_same_mask(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(size))
    for share in (0.0, 0.1, 0.5, 1.0):
        mask = rng.random(size) < share
        runs = mask_to_runs(mask)
        for counts in (runs.tolist(), mask_to_rle(mask)["counts"]):
            np.testing.assert_array_equal(runs_to_mask(read_runs(counts, *size), *size), mask)


def test_uncompressed_masks_boxes_alone_and_crowds(tmp_path: Path) -> None:
    runs = {"size": [H, W], "counts": mask_to_runs(SQUARE).tolist()}
    rows = [row(segmentation=runs, iscrowd="0", ignore=False), row(id=1, segmentation=runs, iscrowd=True)]
    rows += [row(id=2, segmentation=[], area=None, iscrowd=None)]
    dataset = CocoDataset(write(tmp_path, *rows))
    drawn, crowd, alone = dataset.annotations(0)
    np.testing.assert_array_equal(drawn.mask, SQUARE)
    np.testing.assert_array_equal(alone.mask, SQUARE)
    assert (drawn.ignore, crowd.ignore, alone.ignore) == (False, True, True)
    assert (dataset.crowds, dataset.boxes_alone, dataset.labelled()) == (1, 1, [0])
    target = make_target(dataset.annotations(0), H, W)
    assert target["boxes"].tolist() == [[4, 3, 14, 9]] and len(target["ignore_boxes"]) == 2
    assert len(dataset.objects(0)) == 2
    assert CocoDataset(write(tmp_path, *rows[1:])).labelled() == []


def test_what_crowds_and_boxes_alone_count_for(tmp_path: Path) -> None:
    """Two objects, one a box alone; three detections, one of them in a crowd."""
    crowd = {"size": [H, W], "counts": mask_to_runs(np.roll(SQUARE, 12, 0)).tolist()}
    rows = [row(), row(id=2, segmentation=None, bbox=[16, 3, 10, 6])]
    rows += [row(id=3, segmentation=crowd, iscrowd=1, bbox=[4, 15, 10, 6])]
    dataset = CocoDataset(write(tmp_path, *rows))
    masks = np.stack([SQUARE, np.roll(SQUARE, 12, 1), np.roll(SQUARE, 12, 0)])
    boxes = np.array([[4, 3, 14, 9], [16, 3, 26, 9], [4, 15, 14, 21]], np.float32)
    found = Detections(boxes, np.zeros(3, np.int64), np.array([0.99, 0.98, 0.97], np.float32), masks)
    figures = evaluate_detections([found], dataset, resamples=0)
    assert (figures["box_ap50"], figures["mask_ap50"], figures["instances"]) == (100.0, 100.0, 2)
    assert figures["confident"]["detections"] == 2 and figures["precision_at_90"] == 1.0
    alone = evaluate_detections([found], CocoDataset(write(tmp_path, rows[1])), resamples=0)
    assert alone["mask_ap50"] is None and alone["box_ap50"] == pytest.approx(50, abs=1)


@pytest.mark.parametrize(
    ("file", "picture", "name", "asked"),
    [
        ("_annotations.coco.json", "a_jpg.rf.77.png", "a_jpg.rf.77.png", "."),  # Roboflow
        ("result.json", "images/b2-a.png", "images\\b2-a.png", "."),  # Label Studio on Windows
        ("annotations/instances_default.json", "images/frame_000000.PNG", "frame_000000.PNG", "."),  # CVAT
        ("annotations/instances_val.json", "val/sub/000000000139.png", "sub/000000000139.png", "."),  # COCO itself
        ("other.json", "a.png", "a.png", "other.json"),
    ],
)
def test_folders_of_tools(tmp_path: Path, file: str, picture: str, name: str, asked: str) -> None:
    table = [{"id": 0, "name": "things", "supercategory": "none"}, {"id": 3, "name": "tvmonitor"}]
    image = [{"id": 0, "file_name": name, "width": float(W), "height": H, "license": 1}]
    labelled = row(id=0, image_id=0, category_id=3, segmentation=[], bbox=[4.2, 3.1, 10.0, 6.5], area=65.0)
    write(tmp_path, labelled, table=table, images=image, file=file, picture=picture, info=None)
    dataset = CocoDataset(tmp_path / asked)
    dataset.check_pictures()
    assert dataset.image(0).shape == (H, W, 3) and dataset.objects(0)[0]["category_id"] == 6
    assert len(dataset.hash()) == 64


def test_pictures_in_a_folder_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "d", row(), picture="../elsewhere/a.png")
    with pytest.raises(InputError, match="a.png is missing or broken: it is no file in .*--pictures names a folder"):
        CocoDataset(tmp_path / "d").check_pictures()
    CocoDataset(tmp_path / "d", pictures=tmp_path / "elsewhere").check_pictures()


def test_the_size_says_which_way_a_picture_was_turned(tmp_path: Path) -> None:
    """A phone's portrait picture lies on its side in the file; some tools give the stored size, some the shown one."""
    stored = np.zeros((H, W, 3), np.uint8)
    stored[: H // 2] = 200
    for size, shown in (((H, W), stored), ((W, H), np.rot90(stored, -1))):
        image = [{"id": 139, "file_name": "a.jpg", "width": size[1], "height": size[0]}]
        folder = write(tmp_path / str(size), images=image)
        picture = Image.fromarray(stored)
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(folder / "images" / "a.jpg", quality=97, exif=exif)
        dataset = CocoDataset(folder)
        dataset.check_pictures()
        assert np.abs(dataset.image(0).astype(int) - shown).max() < 10
        dataset._images[0]["width"] += 1
        with pytest.raises(InputError, match="a.jpg must be"):
            dataset.image(0)


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "a/../../a.png", "C:\\a.png", "..\\a.png", "", 3, "a\0"])
def test_names_never_lead_out_of_the_folder(tmp_path: Path, name: Any) -> None:
    image = [{"id": 139, "file_name": name, "width": W, "height": H}]
    with pytest.raises(InputError, match="file_name must") as caught:
        CocoDataset(write(tmp_path, row(), images=image))
    assert "\n" not in str(caught.value)


BIG = coco_mask.encode(np.asfortranarray(np.ones((4000, 4000), np.uint8)))["counts"].decode()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"segmentation": {"size": [H, W], "counts": BIG}}, "annotation 7: .* add up to 768"),
        ({"segmentation": {"size": [H, W], "counts": "O" * 50}}, "annotation 7: a mask's counts must be >= 0"),
        ({"segmentation": {"size": [H, W], "counts": "\x00"}}, "annotation 7: .* broken"),
        ({"segmentation": {"size": [4000, 4000], "counts": BIG}}, "annotation 7: .* another size"),
        ({"segmentation": {"size": [H, W], "counts": [H * W]}}, "annotation 7: its mask is empty"),
        ({"segmentation": [[1, 1, 9, 9]]}, "annotation 7: a polygon needs at least 3 points"),
        ({"segmentation": [[1e6, 0, -1e6, 0, 0, 1e6]]}, "annotation 7: a polygon's outline is .* long"),
        ({"segmentation": None, "bbox": None}, "annotation 7: has neither outline nor box"),
        ({"bbox": [14, 3, 10, 6]}, "annotation 7: its box .* lies beside its mask, whose box is .4.0, 3.0, 10.0, 6.0"),
        ({"segmentation": {"size": [H, W], "counts": [5, 10, 753]}}, "annotation 7: its box .* lies beside its mask"),
        ({"bbox": [1, 2, 3]}, "annotation 7: box"),
        ({"bbox": [float("nan")] * 4}, "annotation 7: box"),
        ({"bbox": [1, 2, 10**400, 3]}, "more than 300 digits"),
        ({"bbox": [20, 3, 14, 6]}, "annotation 7: box"),
        ({"category_id": True}, "annotation 7: category_id must be a whole number"),
        ({"image_id": "abc"}, "annotation 7: image_id must be a whole number"),
        ({"score": "high"}, "annotation 7: score must be a number"),
        ({"instance": 1.5}, "annotation 7: instance must be a number"),
    ],
)
def test_a_broken_row_is_one_line_that_names_it(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text) as caught:
        CocoDataset(write(tmp_path, row(**change)))
    assert "annotations.json" in str(caught.value) and "\n" not in str(caught.value)


def test_whatever_value_is_wrong_the_dataset_is_read_or_refused_in_a_line(tmp_path: Path) -> None:
    runs = {"size": [H, W], "counts": mask_to_rle(SQUARE)["counts"]}
    folder = write(tmp_path, row(), row(segmentation=runs, iscrowd=1, score=0.5), row(segmentation=[], ignore=0))
    path = folder / "annotations.json"
    whole = path.read_text()
    cases = [(place, wrong) for place in list(places(json.loads(whole)))[1:] for wrong in WRONG][::4]
    outcomes = {"read": 0, "refused": 0}
    for place, wrong in cases:
        document = json.loads(whole)
        parent = document
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = wrong
        path.write_text(json.dumps(document))
        try:
            dataset = CocoDataset(folder)
            dataset.check_pictures()
            make_target(dataset.annotations(0) if len(dataset) else [], H, W)
            evaluate_detections([Detections.empty(H, W)] * len(dataset), dataset, resamples=0)
            outcomes["read"] += 1
        except InputError as error:
            outcomes["refused"] += 1
            assert "\n" not in str(error), error
    assert min(outcomes.values()) > 40, outcomes


def test_many_objects_on_a_huge_picture_are_refused_before_a_mask_is_unpacked(tmp_path: Path) -> None:
    image = [{"id": 139, "file_name": "a.png", "width": 10_000, "height": 10_000}]
    with pytest.raises(InputError, match="too many objects for so large a picture"):
        CocoDataset(write(tmp_path, *[row(id=n) for n in range(21)], images=image))


def test_parts_and_objects_without_a_pixel(tmp_path: Path) -> None:
    tiny, flat = [[5.1, 5.1, 5.2, 5.1, 5.2, 5.2]], [*POLYGON, [1, 1, 2, 2]]
    dataset = CocoDataset(write(tmp_path, row(segmentation=flat), row(id=1, segmentation=tiny, bbox=[5, 5, 0.0, 0.1])))
    assert [a.mask.sum() for a in dataset.annotations(0)] == [60]
    assert dataset.left_out() == {"annotations not used: smaller than a pixel": 1}


def test_polygons_are_filled_as_coco_does_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        flat = rng.uniform(-3, 30, 10).tolist()
        ours = polygons_to_rle([np.reshape(flat, (-1, 2))], H, W)
        (other,) = coco_mask.frPyObjects([flat], H, W)
        assert ours["counts"] == other["counts"].decode()


def test_real_coco_pictures(shared_data: Path) -> None:
    """128 photographs: boxes and masks are COCO's own, 63 objects are ours, the other 876 are counted."""
    folder = shared_data / "coco_pictures"
    dataset, coco = CocoDataset(folder), COCO(str(folder / "annotations.json"))
    dataset.check_pictures()
    rows = [row for index in range(len(dataset)) for row in dataset.rows(index)]
    assert len(dataset) == 128 and len(rows) == 63 and sum(dataset.left_out().values()) == 876
    for found in rows:
        other = coco.anns[found["id"]]
        assert found["bbox"] == other["bbox"]
        np.testing.assert_array_equal(coco_mask.decode(found["segmentation"]), coco.annToMask(other))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["=sofa"], "--categories must be NAME=OURS"),
        (["sofa=sofabed"], "OURS one of chair, couch"),
        (["a=chair", "a=bed"], "names 'a' twice"),
    ],
)
def test_wrong_mappings(words: list[str], text: str) -> None:
    with pytest.raises(InputError, match=text):
        CategoryNames.from_words(words)


def test_nothing_of_ours_has_a_line_and_a_code_of_its_own(tmp_path: Path) -> None:
    app = typer.Typer()
    learn.register(app)
    crowd = row(id=8, segmentation={"size": [H, W], "counts": [0, H * W]}, iscrowd=1)
    write(tmp_path / "none", row(category_id=1), crowd)
    out = ["--out", str(tmp_path / "w.safetensors")]
    for words, text in ((["evaluate"], "no true object to compare"), (["finetune", *out], "no label to learn from")):
        error = CliRunner().invoke(app, [*words[:1], str(tmp_path / "none"), *words[1:]]).exception
        assert isinstance(error, NoLabelsError) and error.exit_code == 3
        assert text in str(error) and "person 1" in str(error) and "1 regions count" in str(error)
        assert "--categories" in str(error) and "\n" not in str(error)
    mapped = ["evaluate", str(tmp_path / "none"), "--categories", "person=chair", "--weights", str(tmp_path / "no")]
    assert "no weights at" in str(CliRunner().invoke(app, mapped).exception)
