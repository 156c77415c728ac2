# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.mapping.worlds import FINE, ListSource, detections, label_config, wall_source

import seal_mapping
from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.annotation.drawn import AnnotatedPicture, DrawnObject
from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.label_prop import LabelProp, frame_annotations
from seal_mapping.datasets.labeller import Labeller
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.config import VOTE
from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.voxels.io import load_map
from seal_perception.dataset import Annotation, CocoDataset
from seal_perception.detections import Detections
from seal_perception.errors import InputError

SMALL = label_config(min_instance_m3=0.001)


def digest(folder):
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_wall_comes_out_as_a_dataset_with_one_instance(tmp_path):
    source, calls = wall_source(), []
    summary = write_dataset(
        source, LabelProp(SMALL), DatasetWork(tmp_path / "labels", progress=lambda *a: calls.append(a))
    )
    assert summary["annotations"] == 4 and len(summary["instances"]) == 1
    assert summary["annotations_per_category"]["chair"] == 4
    assert json.loads((tmp_path / "labels" / "labels.json").read_text()) == json.loads(json.dumps(summary))
    assert calls == [(n, 8) for n in range(9)]
    dataset = CocoDataset(tmp_path / "labels")
    assert len(dataset) == 4
    for index, item in enumerate(source):
        assert (dataset.image(index) == item.frame.rgb).all()
        (annotation,) = dataset.annotations(index)
        assert (annotation.category, annotation.extra["instance"], annotation.extra["views"]) == (0, 1, 4.0)
        mask = item.detections.masks[0]
        assert (annotation.mask & mask).sum() / (annotation.mask | mask).sum() > 0.7
    assert load_map(tmp_path / "labels" / "map.npz").frames == 4
    assert list((tmp_path / "labels" / "previews").glob("*.png"))


def test_the_summary_names_the_smallest_instance_that_counted(tmp_path):
    summary = write_dataset(wall_source(1), LabelProp(VOTE), DatasetWork(tmp_path / "labels"))
    assert VOTE.min_instance_m3 == -1.0 and summary["label_config"]["min_instance_m3"] == 0.025


def test_pixels_by_depth_follow_the_detection_mask(tmp_path):
    write_dataset(wall_source(1), LabelProp(replace(SMALL, pixels="depth")), DatasetWork(tmp_path / "labels"))
    (annotation,) = CocoDataset(tmp_path / "labels").annotations(0)
    mask = next(iter(wall_source(1))).detections.masks[0]
    assert (annotation.mask & mask).sum() == mask.sum()
    assert annotation.mask.sum() < 1.2 * mask.sum()


def test_same_recording_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_dataset(wall_source(), LabelProp(replace(SMALL, ignore_uncertain=True)), DatasetWork(tmp_path / name))
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_detector_takes_the_place_of_what_was_recorded(tmp_path):
    class Plant:
        def detect(self, rgb):
            mask = np.zeros(rgb.shape[:2], bool)
            mask[24:72, 32:96] = True
            return detections(FINE, (2, 0.99, mask))

    bare = ListSource([replace(item, detections=None) for item in wall_source()])
    with pytest.raises(InputError, match=r"has no recorded detections .*--redetect"):
        write_dataset(bare, LabelProp(SMALL), DatasetWork(tmp_path / "labels"))
    assert list(tmp_path.iterdir()) == []  # nothing half-written is left
    summary = write_dataset(DetectedFrames(bare, Plant()), LabelProp(SMALL), DatasetWork(tmp_path / "labels"))
    assert [item["category"] for item in summary["instances"]] == ["potted plant"]


def test_an_old_dataset_is_replaced_only_when_the_new_one_is_whole(tmp_path):
    out = tmp_path / "labels"
    write_dataset(wall_source(), LabelProp(SMALL), DatasetWork(out))
    before = digest(out)

    class Broken(ListSource):
        def __iter__(self):
            yield self.items[0]
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        write_dataset(Broken(wall_source().items), LabelProp(SMALL), DatasetWork(out))
    assert digest(out) == before
    write_dataset(wall_source(2), LabelProp(SMALL), DatasetWork(out))
    assert len(CocoDataset(out)) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["labels"]


def test_a_folder_that_is_no_dataset_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="holds something that is no dataset"):
        write_dataset(wall_source(), LabelProp(SMALL), DatasetWork(tmp_path))
    with pytest.raises(InputError, match="is a file"):
        write_dataset(wall_source(), LabelProp(SMALL), DatasetWork(tmp_path / "thesis.txt"))
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(InputError, match="no frames"):
        write_dataset(ListSource([]), LabelProp(SMALL), DatasetWork(tmp_path / "labels"))


def volume_of_one(ignored=False):
    """A wall of one voxel column ahead, as an object or as a region to ignore."""
    number = -1 if ignored else 1
    item = Instance(number, 4, 1, 0.5, 3.0, 2.0, 1.0, (2.0, 0.0, 0.9), (0.05, 0.05, 0.05))
    both = ((), (item,)) if ignored else ((item,), ())
    return LabelVolume(np.array([[40, 0, 18]], np.int32), np.array([number], np.int32), np.full(3, -0.025), 0.05, *both)


def test_small_instances_are_left_out_of_a_picture_and_regions_to_ignore_are_marked():
    item = wall_source(1).items[0].frame
    found = frame_annotations(item, volume_of_one(), label_config(min_area_share=0.0))
    expected = {"instance": 1, "score": 0.5, "views": 3.0, "support": 2.0, "seen": 1.0}
    assert [(a.category, a.extra) for a in found] == [(4, expected)]
    share = found[0].mask.mean()
    assert frame_annotations(item, volume_of_one(), label_config(min_area_share=share))
    assert not frame_annotations(item, volume_of_one(), label_config(min_area_share=share * 1.01))
    (region,) = frame_annotations(item, volume_of_one(ignored=True), label_config(min_area_share=1.0))
    assert region.ignore and region.category == 4


def test_self_training_takes_each_frame_for_itself(tmp_path):
    big, tiny = np.zeros((96, 128), bool), np.zeros((96, 128), bool)
    big[16:48, 16:48] = tiny[0, 0] = True
    items = wall_source(3).items
    items[0] = replace(items[0], detections=detections(FINE, (1, 0.91, big), (3, 0.9, big), (5, 0.5, big)))
    items[1] = replace(items[1], detections=detections(FINE, (2, 0.99, tiny)))
    items[2] = replace(items[2], detections=detections(FINE))
    summary = write_dataset(ListSource(items), SelfTraining(min_area_share=0.01), DatasetWork(tmp_path / "self"))
    assert summary["annotations"] == 1 and summary["frames"] == 3
    dataset = CocoDataset(tmp_path / "self")
    assert [[a.category for a in dataset.annotations(n)] for n in range(3)] == [[1], [], []]
    assert (dataset.annotations(0)[0].mask == big).all()


def test_the_mapping_core_never_asks_for_the_truth():
    """No module of this package names the simulator or its labels."""
    folder = Path(seal_mapping.__file__).parent
    for path in sorted(path for path in folder.rglob("*.py") if "nodes" not in path.parts):
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names |= {node.module or "", *(alias.name for alias in node.names)}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute):
                names.add(node.attr)
        roots = {name.split(".")[0] for name in names}
        assert not roots & {"sim_bridge", "rclpy", "truth_images", "TruthSource", "render_at"}, path.name


class HumanLabels(Labeller):
    """What a human drew, frame by frame: the example of `labeller`."""

    name = "human"

    def __init__(self, drawn):
        self._drawn = drawn

    def annotations(self, item):
        found = self._drawn.for_frame(item) or Detections.empty(*item.frame.depth.shape)
        return [Annotation(int(c), mask) for c, mask in zip(found.categories, found.masks, strict=True)]


def test_a_new_labeller_is_one_class(tmp_path):
    source = wall_source(3)
    outline = np.array([[10, 20], [50, 20], [50, 70], [10, 70]], np.float64)
    shape = (DrawnObject("annotation 1", 5, (outline,)),)
    picture = AnnotatedPicture("a.png", 128, 96, source.items[1].frame.stamp_ns, None, shape)
    labeller, calls = HumanLabels(FrameAnnotations(tmp_path / "a.json", [picture])), []
    summary = write_dataset(source, labeller, DatasetWork(tmp_path / "out", lambda *a: calls.append(a), resume_key="x"))
    assert (summary["rule"], summary["frames"], summary["annotations_per_category"]["tv"]) == ("human", 3, 1)
    dataset = CocoDataset(tmp_path / "out")
    assert dataset.labelled() == [1] and dataset.annotations(1)[0].mask.sum() == 40 * 50
    assert dataset.info == {"labels": "human"} and calls == [(n, 3) for n in range(4)]
