# SPDX-License-Identifier: Apache-2.0
"""Objects that no frame's own detection shows as a whole are regions to ignore, whoever else believes in them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.worlds import FINE, ListSource, detections, label_config, wall_source

from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.annotation.drawn import AnnotatedPicture, DrawnObject
from seal_mapping.datasets.confirm import demote, drawn_ids
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.objects import choose
from seal_mapping.labels.objects.features import FEATURES
from seal_mapping.labels.objects.model import ObjectModel
from seal_mapping.labels.volume import Instance, LabelVolume
from seal_perception.dataset import CocoDataset

RULE = LabelConfig(rule="objects", min_height_m=0.0, stand_from_m=0.0)
F = len(FEATURES)
EASY = ObjectModel((0.0,) * F, (1.0,) * F, (4.0, *[0.0] * F), {})
"""By the mean score alone: the shipped model knows that a piece of wall is nothing."""


@pytest.fixture(autouse=True)
def _easy(monkeypatch):
    monkeypatch.setattr(choose, "shipped_model", lambda: EASY)


def drawn(tmp_path):
    """The first frame, on which a human drew the whole thing."""
    outline = np.array([[32, 24], [96, 24], [96, 72], [32, 72]], np.float64)
    shape = (DrawnObject("annotation 1", 0, (outline,)),)
    picture = AnnotatedPicture("a.png", FINE.width, FINE.height, None, 0, shape)
    return FrameAnnotations(tmp_path / "a.json", [picture])


def pieces(source):
    """Every frame calls another quarter of the wall a chair: together they are one, in no frame is it seen whole."""
    out = []
    for item in source:
        mask = item.detections.masks[0].copy()
        rows, columns = np.nonzero(mask)
        middle = int(rows.mean()), int(columns.mean())
        keep = np.zeros_like(mask)
        down, right = divmod(item.index % 4, 2)
        high = slice(middle[0], None) if down else slice(0, middle[0])
        keep[high, slice(middle[1], None) if right else slice(0, middle[1])] = True
        out.append(replace(item, detections=detections(FINE, (0, 0.99, mask & keep))))
    return ListSource(out)


def labelled(tmp_path, source, config=RULE, **more):
    folder = tmp_path / f"labels{len(list(tmp_path.iterdir()))}"
    return write_dataset(source, LabelProp(config, **more), DatasetWork(folder)), CocoDataset(folder)


def test_what_one_frame_shows_whole_is_an_object(tmp_path):
    summary, _ = labelled(tmp_path, wall_source())
    assert summary["annotations"] == 4 and summary["ignore_regions"] == 0


def test_what_is_made_of_pieces_is_a_region_to_ignore(tmp_path):
    source = pieces(wall_source())
    without, _ = labelled(tmp_path, source, replace(RULE, confirm_score=0.0))
    assert without["annotations"] == 4, "the map believes in it"
    summary, dataset = labelled(tmp_path, source)
    assert summary["annotations"] == 0 and summary["ignore_regions"] >= 4 and summary["instances"] == []
    assert all(a.ignore and a.category == 0 for index in range(4) for a in dataset.annotations(index))
    assert summary["no_labels"]["cause"].startswith("the map has 1 objects, and no frame's own detection shows one")
    (why,) = {one["why"] for one in summary["considered"] if one["overlap"] >= 0.35} - {""}
    assert why == "no frame's own detection shows it as a whole with a score of 0.3"


@pytest.mark.parametrize(("least", "labels"), [(0.94, 4), (0.96, 0), (0.0, 4)])
def test_the_score_that_shows_it_counts(tmp_path, least, labels):
    summary, _ = labelled(tmp_path, wall_source(score=0.95), replace(RULE, confirm_score=least))
    assert summary["annotations"] == labels


def test_another_category_confirms_nothing(tmp_path):
    """The map means a chair; the one whole detection in the last frame calls it a couch."""
    source = pieces(wall_source())
    mask = next(iter(wall_source())).detections.masks[0]
    source.items[0] = replace(source.items[0], detections=detections(FINE, (1, 0.35, mask)))
    summary, _ = labelled(tmp_path, source)
    assert "chair" not in [item["category"] for item in summary["instances"]]


def test_what_a_human_drew_needs_no_detection(tmp_path):
    summary, _ = labelled(tmp_path, pieces(wall_source()), annotations=drawn(tmp_path))
    assert summary["annotations"] == 4


@pytest.mark.parametrize(("score", "stays"), [(0.3, True), (0.0, False)])
def test_objects_of_an_earlier_run_stay_if_they_were_confirmed_then(tmp_path, score, stays):
    first = tmp_path / "first"
    write_dataset(wall_source(), LabelProp(replace(RULE, confirm_score=score)), DatasetWork(first))
    summary, _ = labelled(tmp_path, pieces(wall_source()), previous=first)
    assert [item["id"] for item in summary["instances"]] == ([1] if stays else [])


def test_the_best_score_is_told_where_nothing_is_confirmed(tmp_path):
    summary, _ = labelled(tmp_path, wall_source(score=0.95), replace(RULE, confirm_score=0.96))
    assert summary["no_labels"]["cause"].endswith("with a score of 0.96 (--confirm); the best of them has 0.95")


def test_an_uncertain_region_is_not_called_unconfirmed(tmp_path):
    config = replace(RULE, least_overlap=1.0, ignore_uncertain=True, uncertain=0.1)
    summary, _ = labelled(tmp_path, wall_source(), config)
    (why,) = {one["why"] for one in summary["considered"]}
    assert why.startswith("expected overlap") and summary["ignore_regions"]


def test_without_any_detection_the_map_alone_decides(tmp_path):
    bare = ListSource([replace(item, detections=None) for item in wall_source()])
    summary, _ = labelled(tmp_path, bare, annotations=drawn(tmp_path))
    assert summary["annotations"] == 4


def test_other_rules_are_not_confirmed(tmp_path):
    summary, _ = labelled(tmp_path, pieces(wall_source()), label_config(min_instance_m3=0.001))
    assert summary["annotations"] == 4
    assert LabelProp(RULE).passes == 3 and LabelProp(label_config()).passes == 2


def instance(number, category=0):
    return Instance(number, category, 1, 0.5, 3.0, 2.0, 1.0, (0.0, 0.0, 0.0), (0.05, 0.05, 0.05))


def test_demoted_objects_come_after_the_regions_and_keep_no_id():
    ijk = np.array([[n, 0, 0] for n in range(4)], np.int32)
    volume = LabelVolume(
        ijk, np.array([1, 2, -1, 0], np.int32), np.zeros(3), 0.05, (instance(1), instance(2, 4)), (instance(-1, 3),)
    )
    found = demote(volume, {2})
    assert found.instance.tolist() == [1, -2, -1, 0]
    assert [item.id for item in found.instances] == [1] and [item.id for item in found.ignored] == [-1, -2]
    assert found.category_table()[found.instance].tolist() == [0, 4, 3, -1]
    assert found.first_free_id() == 3, "the id of an object that is gone is not given again"
    assert volume.instance.tolist() == [1, 2, -1, 0] and demote(volume, set()) is volume
    assert drawn_ids(volume, None) == set()


@pytest.mark.parametrize("score", [-0.1, 1.1])
def test_scores_that_are_none(score):
    with pytest.raises(ValueError, match=r"confirm_score must"):
        LabelConfig(confirm_score=score)


def test_labels_json_says_by_what_it_went(tmp_path):
    labelled(tmp_path, wall_source())
    document = json.loads(next(tmp_path.glob("*/labels.json")).read_text())
    assert document["label_config"]["confirm_score"] == 0.3
