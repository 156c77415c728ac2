# SPDX-License-Identifier: Apache-2.0
"""A labelling without a label says why."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.worlds import FINE, ListSource, detections, label_config, map_of, wall_source

from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.annotation.drawn import AnnotatedPicture, DrawnObject
from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.no_labels import no_map_labels
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.config import VOTE, LabelConfig
from seal_mapping.labels.objects import choose
from seal_mapping.labels.objects.choose import judge_candidates
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap


def why(tmp_path, source, labeller):
    summary = write_dataset(source, labeller, DatasetWork(tmp_path / "labels"))
    assert summary["annotations"] == 0
    return summary["no_labels"]["fault"], summary["no_labels"]["cause"]


def square(points):
    return DrawnObject("shape 0", 0, (np.array(points, float),))


def drawn(*objects):
    return FrameAnnotations("a.json", [AnnotatedPicture("a.png", FINE.width, FINE.height, 10**9, None, objects)])


def without_depth(source):
    return ListSource([replace(i, frame=replace(i.frame, depth=np.zeros_like(i.frame.depth))) for i in source])


@pytest.mark.parametrize(
    ("labeller", "change", "fault", "cause"),
    [
        (LabelProp(VOTE), lambda s: ListSource([replace(i, detections=detections(FINE)) for i in s]), "detector",
         "the detector found nothing in 4 frames"),
        (LabelProp(VOTE), without_depth, "map", "the map holds nothing: no depth reading lies 0.5 to 5 m from"),
        (LabelProp(label_config()), lambda s: wall_source(score=0.6), "detector",
         "nothing is above 0.90; the best score in the map is 0.60; 4 of 4 frames have detections"),
        (LabelProp(VOTE), lambda s: wall_source(score=0.4), "detector",
         "views do not agree: the best evidence of a voxel is 0.00, an object needs 0.3 over 3 frames"),
        (LabelProp(replace(VOTE, min_instance_m3=1.0)), lambda s: s, "detector",
         r"\d+ voxels have a category, an object needs 8000; .* 0.95; 4 of 4 frames have detections"),
        (LabelProp(replace(VOTE, min_instance_by_category_m3=(1.0,))), lambda s: s, "detector",
         r"\d+ voxels have a category, an object needs 8000; the best score"),
        (LabelProp(LabelConfig(), annotations=drawn()), lambda s: wall_source(category=1), "rule",
         r"\d+ voxels have a category, in parts smaller than 20 voxels or where a human drew nothing; the best score"),
        (LabelProp(VOTE), lambda s: wall_source(category=4), "rule",
         r"\d+ voxels have a category, in parts smaller than 200 voxels or of a size that no such furniture has"),
        (LabelProp(replace(label_config(), min_instance_m3=0.001, min_area_share=1.0)), lambda s: s, "rule",
         "the map has 1 objects, and none covers 100.0% of a frame"),
        (LabelProp(VOTE, annotations=drawn(square([[60, 44], [64, 44], [64, 46]]))), lambda s: s, "drawn",
         r"the 1 drawn objects? cover \d+ voxels, in parts smaller than 20"),
        (LabelProp(VOTE, MapConfig(max_height_m=0.9), drawn(square([[0, 0], [60, 0], [60, 20]]))), lambda s: s, "drawn",
         "none of the 1 drawn objects has a depth reading"),
        (LabelProp(VOTE, annotations=drawn()), lambda s: ListSource([replace(i, detections=None) for i in s]), "drawn",
         "nothing is drawn on the 1 annotated frames"),
        (SelfTraining(), lambda s: wall_source(score=0.7), "detector",
         "nothing is above 0.9: the best score is 0.70, 4 of 4 frames have detections"),
        (SelfTraining(min_area_share=1.0), lambda s: s, "rule", "every detection above 0.9 covers less than"),
    ],
)  # fmt: skip
def test_the_likely_cause_is_named(tmp_path, labeller, change, fault, cause):
    found = why(tmp_path, change(wall_source()), labeller)
    assert found[0] == fault
    assert re.match(cause, found[1]), found


def test_detections_that_lie_on_no_depth():
    voxels = map_of({(0, 0, 20): {}})
    grid = voxels.config
    judged = judge_candidates(voxels.voxels(), VOTE, grid.names, grid.voxel_m)
    assert no_map_labels(judged, grid, VOTE, {0: 0.8}, None).cause.startswith("no detection has a depth reading")


def test_each_frame_is_counted_once():
    source = wall_source()
    frames = DetectedFrames(source)
    for item in [*source, *source]:
        frames.detections_for(item)
    assert frames.best_scores == pytest.approx(dict.fromkeys(range(4), 0.95))


@pytest.mark.parametrize(
    ("change", "fault", "cause"),
    [
        (
            {"score": 0.06},
            "detector",
            r"the best candidate, a chair, has an expected overlap of 0\.\d+, a label needs 0\.35 \(--least",
        ),
        ({"score": 0.03}, "detector", "no voxels that lie together were called a thing by enough of their views; "),
    ],
)
def test_objects_that_are_not_likely_enough(tmp_path, change, fault, cause):
    found = why(tmp_path, wall_source(**change), LabelProp(LabelConfig()))
    assert found[0] == fault and re.match(cause, found[1]), found


@pytest.mark.parametrize(("category", "labels"), [(0, 0), (1, 4)])
def test_the_map_is_listed_and_judged_once(tmp_path, monkeypatch, category, labels):
    """For the rule, for what was considered, and for why there is no label."""
    asked = []

    def noted(owner, name):
        whole = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args: asked.append(name) or whole(*args))

    noted(VoxelMap, "voxels")
    noted(choose, "find_candidates")
    summary = write_dataset(wall_source(category=category), LabelProp(), DatasetWork(tmp_path / "labels"))
    assert summary["annotations"] == labels and summary["considered"]
    assert sorted(asked) == ["find_candidates", "voxels", "voxels"]  # the second writes map.npz
