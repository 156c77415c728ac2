# SPDX-License-Identifier: Apache-2.0
"""Datasets joined into one: ids, categories, regions to ignore, pictures."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tests.perception.toy_pictures import rectangle, write_rectangles

from seal_perception.categories import CategorySet
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from seal_perception.training.finetune import FinetuneConfig
from seal_perception.training.join import join_datasets, link_or_copy
from seal_perception.training.train_loop import Batches


def two(folder: Path) -> tuple[CocoDataset, CocoDataset]:
    """The first of two pictures, one without a label; the second of one with an object and a region to ignore."""
    rng = np.random.default_rng(0)
    with DatasetWriter(folder / "a") as writer:
        writer.add(rng.integers(0, 256, (24, 32, 3)).astype(np.uint8))
        writer.add(
            rng.integers(0, 256, (24, 32, 3)).astype(np.uint8),
            [Annotation(1, rectangle(24, 32, 2, 2, 9, 9), {"instance": 3, "score": 0.5})],
            {"frame": 7},
        )
    with DatasetWriter(folder / "b") as writer:
        writer.add(
            rng.integers(0, 256, (40, 20, 3)).astype(np.uint8),
            [
                Annotation(5, rectangle(40, 20, 1, 4, 11, 30), {"instance": 3}),
                Annotation(0, rectangle(40, 20, 12, 4, 18, 9), {"ignore": True}),
            ],
            {"frame": 7},
        )
    return CocoDataset(folder / "a"), CocoDataset(folder / "b")


def test_every_picture_keeps_its_pixels_and_annotations_under_new_ids(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    joined = join_datasets([tmp_path / "a", second], tmp_path / "both")
    assert len(joined) == 3 and joined.image_ids == [1, 2, 3]
    assert joined.names == first.names and joined.not_in_file == ()
    for index, (part, place) in enumerate(((first, 0), (first, 1), (second, 0))):
        np.testing.assert_array_equal(joined.image(index), part.image(place))
        assert joined.size(index) == part.size(place)
        for mine, its in zip(joined.annotations(index), part.annotations(place), strict=True):
            assert (mine.category, mine.extra) == (its.category, its.extra)
            np.testing.assert_array_equal(mine.mask, its.mask)
    document = read_json(tmp_path / "both/annotations.json")
    assert [row["id"] for row in document["annotations"]] == [1, 2, 3]
    assert [row["image_id"] for row in document["annotations"]] == [2, 3, 3]
    assert [row["joined_from"] for row in document["images"]] == [0, 0, 1] and document["images"][1]["frame"] == 7
    assert joined.labelled() == [1, 2]


def test_a_region_to_ignore_stays_one_in_training(tmp_path: Path) -> None:
    joined = join_datasets([part.folder for part in two(tmp_path)], tmp_path / "both")
    loop = FinetuneConfig(batch=2).loop()
    _, targets = Batches(joined, loop, labelled_only=True)[0]
    assert sorted(len(target["ignore_boxes"]) for target in targets) == [0, 1]
    assert sorted(int(target["labels"][0]) for target in targets) == [2, 6]


def test_a_crowd_and_a_box_alone_stay_what_they_are(tmp_path: Path) -> None:
    first, _ = two(tmp_path)
    document = read_json(first.file)
    row = document["annotations"][0]
    document["annotations"] = [{**row, "iscrowd": 1}, {**row, "id": 2, "segmentation": []}]
    write_json(first.file, document)
    joined = join_datasets([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    assert (joined.crowds, joined.boxes_alone) == (1, 1)
    assert joined.labelled() == [2]


def test_pictures_take_no_place_and_the_same_datasets_give_the_same_hash(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    one, again = (join_datasets([first, second], tmp_path / name) for name in ("one", "again"))
    assert os.path.samefile(one.picture_path(2), second.picture_path(0))
    assert one.hash() == again.hash() != join_datasets([second, first], tmp_path / "other").hash()


def test_where_links_cannot_be_a_picture_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"picture")

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"picture" and not os.path.samefile(tmp_path / "a", tmp_path / "b")


def test_an_unfinished_folder_is_replaced_and_a_finished_one_refused(tmp_path: Path) -> None:
    parts = two(tmp_path)
    (tmp_path / "both/images").mkdir(parents=True)
    (tmp_path / "both/images/000009.png").write_bytes(b"of before")
    join_datasets(parts, tmp_path / "both")
    assert sorted(path.name for path in (tmp_path / "both/images").iterdir()) == [f"00000{i}.png" for i in (1, 2, 3)]
    with pytest.raises(InputError, match="already holds a finished dataset"):
        join_datasets(parts, tmp_path / "both")


def test_datasets_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    with pytest.raises(InputError, match="no dataset to join"):
        join_datasets([], tmp_path / "both")
    with DatasetWriter(tmp_path / "c", names=CategorySet(("chair", "lamp"))) as writer:
        writer.add(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="join datasets of one list"):
        join_datasets([first, tmp_path / "c"], tmp_path / "both")
    document = read_json(second.file)
    document["categories"] = [row for row in document["categories"] if row["name"] != "bed"]
    write_json(second.file, document)
    with pytest.raises(InputError, match="has bed: join datasets with the same categories"):
        join_datasets([first, CocoDataset(tmp_path / "b", CategoryNames())], tmp_path / "both")
    second.picture_path(0).unlink()
    with pytest.raises(InputError, match=r"000001\.png is missing"):
        join_datasets([second], tmp_path / "both")
    assert not (tmp_path / "both/annotations.json").exists()


def test_toy_pictures_of_two_seeds_are_learnt_from_together(tmp_path: Path) -> None:
    parts = [write_rectangles(tmp_path / str(seed), 3, seed=seed) for seed in (0, 1)]
    joined = join_datasets(parts, tmp_path / "both")
    assert [len(joined.rows(i)) for i in range(6)] == [len(part.rows(i)) for part in parts for i in range(3)]
