# SPDX-License-Identifier: Apache-2.0
"""Long labelling: interrupted and resumed, by many workers, over episodes, with a human's help."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from tests.mapping.worlds import FINE, ListSource, box, detections, label_config, map_of, wall_source

from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.annotation.drawn import AnnotatedPicture, DrawnObject
from seal_mapping.datasets import map_builder as map_building
from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.parallel import ordered_map, prefetch
from seal_mapping.datasets.resumable import resumable
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.instance_ids import load_objects
from seal_mapping.labels.propagate import propagate
from seal_mapping.voxels.io import load_map
from seal_mapping.voxels.voxel_map import MapConfig
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError

SMALL = label_config(min_instance_m3=0.0)


def digest(folder):
    """Names and contents of all files below a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


class Cut(ListSource):
    """Frames of which the walk breaks off: in the first pass after `first`, in the second after `second` frames."""

    def __init__(self, items, first=None, second=None):
        super().__init__(items)
        self.limits, self.walks, self.started = [first, second], 0, []

    def frames(self, start):
        limit = self.limits[self.walks] if self.walks < 2 else None
        self.walks += 1
        self.started.append(start)
        for item in self.items[start:]:
            if limit is not None and item.index >= limit:
                raise KeyboardInterrupt
            yield item


class Counting:
    """A detector that sees the wall's object and counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    def detect(self, rgb):
        self.asked += 1
        return wall_source(1).items[0].detections


@pytest.mark.parametrize(("first", "second"), [(7, None), (None, 5), (7, 5)])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_is_resumed_and_gives_the_same_bytes(tmp_path, monkeypatch, first, second, workers):
    monkeypatch.setattr(map_building, "_CHECKPOINT_S", 0.0)
    items = wall_source(12).items
    bare = [replace(item, detections=None) for item in items]
    whole, detector = Counting(), Counting()
    write_dataset(
        DetectedFrames(ListSource(bare), whole),
        LabelProp(SMALL),
        DatasetWork(tmp_path / "whole", resume_key="a", workers=workers),
    )
    source = Cut(bare, first, second)
    out = tmp_path / "cut"
    for _ in range(3):
        try:
            write_dataset(
                DetectedFrames(source, detector), LabelProp(SMALL), DatasetWork(out, resume_key="a", workers=workers)
            )
            break
        except KeyboardInterrupt:
            assert not out.exists() and (tmp_path / ".cut.part").is_dir()
            source.walks = 1 if first is None or len(source.started) > 1 else 0
            source.limits = [None, second if len(source.started) == 1 and first is not None else None]
    assert digest(out) == digest(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut", "whole"]
    assert any(start > 0 for start in source.started)
    assert detector.asked == whole.asked == 12  # no frame is looked at twice


def test_other_work_is_not_resumed(tmp_path):
    items = wall_source(6).items
    for key, config in (("a", SMALL), ("b", SMALL), ("a", replace(SMALL, min_views=2))):
        with pytest.raises(KeyboardInterrupt):
            write_dataset(
                Cut(items, None, 3), LabelProp(SMALL), DatasetWork(tmp_path / "out", resume_key="a", workers=1)
            )
        assert (tmp_path / ".out.part" / "pictures.jsonl").read_text().count("\n") == 3
        source = Cut(items)
        write_dataset(source, LabelProp(config), DatasetWork(tmp_path / "out", resume_key=key))
        assert source.started == ([6, 3] if (key, config) == ("a", SMALL) else [0, 0])


def test_a_journal_cut_in_a_line_is_taken_up_to_there(tmp_path):
    items = wall_source(6).items
    write_dataset(ListSource(items), LabelProp(SMALL), DatasetWork(tmp_path / "whole", workers=1))
    with pytest.raises(KeyboardInterrupt):
        write_dataset(Cut(items, None, 4), LabelProp(SMALL), DatasetWork(tmp_path / "out", resume_key="a", workers=1))
    journal = tmp_path / ".out.part" / "pictures.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    source = Cut(items)
    write_dataset(source, LabelProp(SMALL), DatasetWork(tmp_path / "out", resume_key="a"))
    assert source.started == [6, 3]
    assert digest(tmp_path / "out") == digest(tmp_path / "whole")


def test_any_number_of_workers_gives_the_same_bytes(tmp_path):
    for workers in (1, 2, 5):
        write_dataset(wall_source(9), LabelProp(SMALL), DatasetWork(tmp_path / str(workers), workers=workers))
        write_dataset(wall_source(9), SelfTraining(), DatasetWork(tmp_path / f"self{workers}", workers=workers))
    assert digest(tmp_path / "1") == digest(tmp_path / "2") == digest(tmp_path / "5")
    assert digest(tmp_path / "self1") == digest(tmp_path / "self5")


def test_two_writers_of_one_folder_are_kept_apart(tmp_path):
    with resumable(tmp_path / "out", None):
        code = (
            "from pathlib import Path; from seal_mapping.datasets.resumable import resumable\n"
            f"with resumable(Path({str(tmp_path / 'out')!r}), None): pass"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode != 0 and "another process is writing" in done.stderr


def test_workers_keep_the_order_and_hand_errors_on():
    assert list(ordered_map(lambda n: n * n, range(50), 3)) == [n * n for n in range(50)]
    assert list(prefetch(iter(range(50)))) == list(range(50))

    def broken():
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(prefetch(broken()))
    with pytest.raises(ZeroDivisionError):
        list(ordered_map(lambda n: 1 // n, [1, 1, 0, 1], 2))
    for value in prefetch(iter(range(1000))):  # leaving early ends the thread behind it
        if value == 3:
            break


def test_a_saved_map_is_continued_and_objects_keep_their_ids(tmp_path):
    left, right = np.zeros((96, 128), bool), np.zeros((96, 128), bool)
    left[30:66, 8:44] = right[30:66, 84:120] = True
    items = wall_source(4).items
    one = [replace(item, detections=detections(FINE, (2, 0.95, right))) for item in items]
    both = [replace(item, detections=detections(FINE, (0, 0.95, left), (2, 0.95, right))) for item in items]
    first = write_dataset(ListSource(one), LabelProp(SMALL), DatasetWork(tmp_path / "first"))
    assert [(i["id"], i["category"]) for i in first["instances"]] == [(1, "potted plant")]
    second = write_dataset(
        ListSource(both), LabelProp(SMALL, previous=tmp_path / "first"), DatasetWork(tmp_path / "second")
    )
    assert [(i["id"], i["category"]) for i in second["instances"]] == [(1, "potted plant"), (2, "chair")]
    assert load_map(tmp_path / "second" / "map.npz").frames == 8
    alone = write_dataset(ListSource(both), LabelProp(SMALL), DatasetWork(tmp_path / "alone"))
    assert [(i["id"], i["category"]) for i in alone["instances"]] == [(1, "chair"), (2, "potted plant")]
    with pytest.raises(InputError, match="cannot be continued"):
        write_dataset(
            ListSource(one),
            LabelProp(SMALL, MapConfig(voxel_m=0.1), previous=tmp_path / "first"),
            DatasetWork(tmp_path / "x"),
        )
    assert [i.id for i in load_objects(tmp_path / "second" / "objects.npz").instances] == [1, 2]


def test_the_id_of_an_object_that_is_gone_is_not_given_again():
    first = propagate(map_of({**box((0, 0, 0), (6, 6, 6), c0=255), **box((20, 0, 0), (26, 6, 6), c1=255)}), SMALL)
    gone = propagate(map_of(box((0, 0, 0), (6, 6, 6), c0=255)), SMALL, first)
    back = propagate(map_of({**box((0, 0, 0), (6, 6, 6), c0=255), **box((40, 0, 0), (46, 6, 6), c1=255)}), SMALL, gone)
    assert [[i.id for i in volume.instances] for volume in (first, gone, back)] == [[1, 2], [1], [1, 3]]


def drawn(item, category, low, high):
    """An annotation of one box on a frame."""
    (x0, y0), (x1, y1) = low, high
    outline = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
    height, width = item.frame.depth.shape
    return AnnotatedPicture(
        "picture.png", width, height, item.frame.stamp_ns, None, (DrawnObject("annotation 1", category, (outline,)),)
    )


def test_a_human_overrules_the_detector_where_the_annotated_frame_saw(tmp_path):
    """The detector takes the middle of the wall for a chair; one frame is annotated: a tv at its left, no chair."""
    source = wall_source(5)
    hand = FrameAnnotations(tmp_path / "a.json", [drawn(source.items[2], 5, (10, 20), (50, 70))])
    for rule in ("paper", "instance_vote"):
        config = label_config(rule=rule, min_instance_m3=0.0, plausible_size=rule != "paper")
        summary = write_dataset(source, LabelProp(config, annotations=hand), DatasetWork(tmp_path / rule))
        found = {name: n for name, n in summary["annotations_per_category"].items() if n}
        assert found["tv"] == 5 and summary["annotated_frames"] == 1
        dataset = CocoDataset(tmp_path / rule)
        for index in range(5):
            for item in dataset.annotations(index):
                if item.category == 0 and not item.ignore:  # what is left lies outside the annotated frame's view
                    assert item.mask.mean() < 0.02
            ignored = [item.category for item in dataset.annotations(index) if item.ignore]
            assert 0 not in ignored or index != 2, "where a human drew, what nobody drew is background"


def test_polygons_alone_are_enough_and_reach_every_frame(tmp_path):
    bare = ListSource([replace(item, detections=None) for item in wall_source(5).items])
    with pytest.raises(InputError, match="no recorded detections"):
        write_dataset(bare, LabelProp(SMALL), DatasetWork(tmp_path / "none"))
    assert not list(tmp_path.iterdir())
    hand = FrameAnnotations(tmp_path / "a.json", [drawn(bare.items[2], 1, (32, 24), (96, 72))])
    for rule in ("paper", "instance_vote"):
        summary = write_dataset(
            bare, LabelProp(label_config(rule=rule), annotations=hand), DatasetWork(tmp_path / rule)
        )
        assert summary["annotations_per_category"]["couch"] == 5
        for _, (item,) in CocoDataset(tmp_path / rule):
            expected = np.zeros_like(item.mask)
            expected[24:73, 32:97] = True
            assert (item.mask & expected).sum() / (item.mask | expected).sum() > 0.85


def test_labels_say_what_the_frames_own_detector_thinks(tmp_path):
    items = wall_source(4).items
    items[3] = replace(items[3], detections=detections(FINE))
    summary = write_dataset(ListSource(items), LabelProp(SMALL), DatasetWork(tmp_path / "out"))
    rows = json.loads((tmp_path / "out" / "annotations.json").read_text())["annotations"]
    assert [row["own_score"] for row in rows] == [0.95, 0.95, 0.95, 0.0]
    assert {row["support"] for row in rows} <= {3.0} and {row["seen"] for row in rows} == {1.0}
    table = summary["self_consistency"]
    assert list(table) == ["chair"] and table["chair"]["confirmed"] == 0.75 and table["chair"]["objects"] == 1


@pytest.mark.parametrize("step", ["label_prop.save_objects", "labelling.summary_of", "labelling.write_json"])
def test_an_interrupt_after_the_last_frame_loses_nothing(tmp_path, monkeypatch, step):
    items = [replace(item, detections=None) for item in wall_source(6).items]
    write_dataset(
        DetectedFrames(ListSource(items), Counting()), LabelProp(SMALL), DatasetWork(tmp_path / "whole", resume_key="a")
    )
    detector = Counting()

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"seal_mapping.datasets.{step}", stop)
        with pytest.raises(KeyboardInterrupt):
            write_dataset(
                DetectedFrames(ListSource(items), detector),
                LabelProp(SMALL),
                DatasetWork(tmp_path / "cut", resume_key="a"),
            )
    write_dataset(
        DetectedFrames(ListSource(items), detector), LabelProp(SMALL), DatasetWork(tmp_path / "cut", resume_key="a")
    )
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")
    assert detector.asked == 6


def test_an_unreadable_disk_does_not_cost_what_was_done(tmp_path):
    class Broken(Cut):
        def frames(self, start):
            for item in super().frames(start):
                if item.index == 3 and self.walks == 2:
                    raise InputError("cannot read: [Errno 5] Input/output error")
                yield item

    source = Broken(wall_source(6).items)
    with pytest.raises(InputError, match="Errno 5"):
        write_dataset(source, LabelProp(SMALL), DatasetWork(tmp_path / "out", resume_key="a", workers=1))
    assert (tmp_path / ".out.part" / "pictures.jsonl").is_file()
    write_dataset(source, LabelProp(SMALL), DatasetWork(tmp_path / "out", resume_key="a", workers=1))
    assert source.started == [0, 0, 6, 3]


def test_frames_without_detections_do_not_vote_nothing(tmp_path):
    """A detector at a third of the camera's rate: its voxels' share is of its own frames."""

    class Thin(ListSource):
        frames_with_detections = 4
        unused: ClassVar[dict[str, int]] = {"no pose": 2}

    items = [replace(item, detections=item.detections if item.index % 3 == 0 else None) for item in wall_source(12)]
    config = label_config(rule="instance_vote", evidence="share", agreement=0.9, min_instance_m3=0.0)
    summary = write_dataset(Thin(items), LabelProp(config), DatasetWork(tmp_path / "out"))
    assert summary["annotations_per_category"]["chair"] == 12  # every frame is labelled all the same
    assert summary["unused"] == {"no pose": 2, "without detections, not in the map": 8}


def test_drawings_that_differ_in_one_point_are_other_work():
    item = wall_source(1).items[0]
    one, other = (FrameAnnotations("a.json", [drawn(item, 5, (10, 20), (50, y))]) for y in (70, 71))
    assert one.digest() != other.digest() == FrameAnnotations("b.json", other.pictures).digest()


def test_a_kill_between_the_two_renames_loses_neither_folder(tmp_path):
    write_dataset(wall_source(2), LabelProp(SMALL), DatasetWork(tmp_path / "out"))
    before = digest(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / ".out.old")
    with pytest.raises(KeyboardInterrupt):
        write_dataset(Cut(wall_source(3).items, 1), LabelProp(SMALL), DatasetWork(tmp_path / "out"))
    assert digest(tmp_path / "out") == before  # the old one is back until the new one is whole
    write_dataset(wall_source(3), LabelProp(SMALL), DatasetWork(tmp_path / "out"))
    assert len(CocoDataset(tmp_path / "out")) == 3 and [p.name for p in tmp_path.iterdir()] == ["out"]
