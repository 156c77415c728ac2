# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import typer
from tests.mapping.worlds import FINE, ListSource, detections, frame
from typer.testing import CliRunner

from seal_bringup.cli import annotate as command
from seal_mapping.annotation.annotations import read_annotations
from seal_mapping.annotation.choose import annotate_frames, contact_sheet
from seal_mapping.source import BagFrame
from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, planar_pose

STAMP = 1_700_000_000_000_000_000
UNSURE = 3
"""The frame that looks at a wall of its own, about which the detector says 0.5."""


def office(with_detections=True):
    """Five frames: four look along +x at one wall, frame `UNSURE` along +y at another; each has its own grey."""
    items = []
    for index in range(5):
        T = planar_pose(0.0, 0.0, np.pi / 2 if index == UNSURE else 0.0) @ camera_mounting(0.88)
        rgb = np.full((FINE.height, FINE.width, 3), 10 * index, np.uint8)
        rgb[..., 0] = 200
        item = frame(2.0, T, FINE, rgb, STAMP + index)
        mask = np.ones((FINE.height, FINE.width), bool)
        found = detections(FINE, (0, 0.5 if index == UNSURE else 1.0, mask))
        items.append(BagFrame(index, item, found if with_detections else None))
    return ListSource(items)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_folder_is_ready_for_a_labelling_tool(tmp_path):
    out = tmp_path / "frames"
    choice = annotate_frames(office(), out, k=2)
    picture = f"images/{STAMP + UNSURE}.png"
    assert choice == json.loads((out / "choice.json").read_text())
    assert choice["mode"] == "entropy" and choice["reason"] == "5 of 5 frames have detections"
    # 0.5 of 255 is stored as 128: p = 0.50196, one bit but for a hair; the others are certain. 82 of the 96 rows see
    # the wall between the map's lowest and highest voxel.
    first, second = choice["chosen"]
    assert first["index"] == UNSURE
    assert first["mean_entropy_bits"] == pytest.approx(0.999989 * 82 / 96, abs=1e-6)
    assert first["stamp_ns"] == STAMP + UNSURE and first["file_name"] == picture and first["gain_bits"] is None
    assert (second["index"], second["mean_entropy_bits"]) == (0, 0.0)
    assert names(out) == [
        "README.txt", "annotations.json", "choice.json", "contact_sheet.png",
        f"images/{STAMP}.png", picture, "labels.txt",
    ]  # fmt: skip
    bgr = cv2.imread(str(out / picture))
    assert bgr.shape == (FINE.height, FINE.width, 3) and bgr[0, 0].tolist() == [30, 30, 200]
    document = json.loads((out / "annotations.json").read_text())
    assert document["annotations"] == []
    assert [(row["id"], row["name"]) for row in document["categories"]] == list(enumerate(CATEGORIES, start=1))
    assert document["images"][0] == {
        "id": 1, "file_name": picture, "width": FINE.width, "height": FINE.height,
        "stamp_ns": STAMP + UNSURE, "annotated": False,
    }  # fmt: skip
    text = (out / "README.txt").read_text()
    assert "seal label BAG --annotations FOLDER/annotations.json" in text and "potted plant" in text
    assert (out / "labels.txt").read_text().split("\n")[:6] == list(CATEGORIES)


def test_what_is_drawn_in_the_file_comes_back(tmp_path):
    out, source = tmp_path / "frames", office()
    annotate_frames(source, out, k=2)
    path = out / "annotations.json"
    with pytest.raises(InputError, match="nothing is annotated yet"):
        read_annotations(path)
    document = json.loads(path.read_text())
    square = [10, 20, 30, 20, 30, 50, 10, 50]
    document["annotations"] = [{"id": 1, "image_id": 1, "category_id": 2, "segmentation": [square]}]
    path.write_text(json.dumps(document))
    found = read_annotations(path)
    drawn = [found.for_frame(item) for item in source]
    assert [d is None for d in drawn] == [index != UNSURE for index in range(5)]
    assert drawn[UNSURE].categories.tolist() == [1] and drawn[UNSURE].masks.sum() == 600
    assert found.missing([item.frame.stamp_ns for item in source]) == []


def test_a_bag_without_detections_is_covered_instead(tmp_path):
    choice = annotate_frames(office(with_detections=False), tmp_path / "a", k=3)
    assert choice["mode"] == "coverage" and "no frame has a detection" in choice["reason"]
    gains = [row["gain_bits"] for row in choice["chosen"]]
    assert {row["index"] for row in choice["chosen"][:2]} == {0, UNSURE}
    assert min(gains[:2]) > 1 and gains[2] == 0.0
    assert choice["frames_without_recorded_detections"] == 5
    with pytest.raises(InputError, match="every voxel's entropy is 0; use the mode coverage"):
        annotate_frames(office(with_detections=False), tmp_path / "b", mode="entropy")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_coverage_may_be_asked_for_and_gaps_kept(tmp_path):
    choice = annotate_frames(office(), tmp_path / "a", k=2, mode="coverage")
    assert choice["mode"] == "coverage" and [row["index"] for row in choice["chosen"]] == [UNSURE, 0]
    choice = annotate_frames(office(), tmp_path / "b", k=2, min_gap=2)
    assert [row["index"] for row in choice["chosen"]] == [UNSURE, 0]
    choice = annotate_frames(office(), tmp_path / "b", k=2, min_gap=2)  # untouched: written anew


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"k": 6}, "k is 6, but there are only 5 frames"),
        ({"mode": "best"}, "mode must be one of auto, entropy, coverage, got 'best'"),
        ({"min_gap": -1}, "min_gap must be >= 0"),
    ],
)
def test_wrong_numbers_leave_nothing_behind(tmp_path, values, text):
    with pytest.raises(InputError, match=text):
        annotate_frames(office(), tmp_path / "frames", **values)
    assert list(tmp_path.iterdir()) == []


def draw(out):
    path = out / "annotations.json"
    document = json.loads(path.read_text())
    document["annotations"].append({"id": 1})
    path.write_text(json.dumps(document))


def tick(out):
    path = out / "annotations.json"
    path.write_text(path.read_text().replace('"annotated": false', '"annotated": true'))


@pytest.mark.parametrize(
    ("work", "text"),
    [
        (draw, "holds annotations; they are never overwritten"),
        (tick, "holds annotations; they are never overwritten"),
        (lambda out: (out / "annotations.json").write_text("{"), "holds annotations; they are never overwritten"),
        (lambda out: (out / "images" / "1.json").write_text("{}"), "images/1.json, which may be somebody's"),
        (lambda out: (out / "export.json").write_text("{}"), "export.json, which may be somebody's"),
        (lambda out: (out / "choice.json").unlink(), "something that seal annotate did not write"),
    ],
)
def test_human_work_is_never_overwritten(tmp_path, work, text):
    out = tmp_path / "frames"
    annotate_frames(office(), out, k=1)
    work(out)
    before = {name: (out / name).read_bytes() for name in names(out)}
    with pytest.raises(InputError, match=text):
        annotate_frames(office(), out, k=1)
    assert {name: (out / name).read_bytes() for name in names(out)} == before


def test_an_interrupted_run_leaves_what_was_there(tmp_path):
    class Cut(ListSource):
        def __iter__(self):
            yield self.items[0]
            raise KeyboardInterrupt

    out = tmp_path / "frames"
    with pytest.raises(KeyboardInterrupt):
        annotate_frames(Cut(office().items), out, k=1)
    assert list(tmp_path.iterdir()) == []
    annotate_frames(office(), out, k=1)
    before = names(out)
    with pytest.raises(KeyboardInterrupt):
        annotate_frames(Cut(office().items), out, k=2)
    assert names(out) == before and [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_a_drawing_begun_meanwhile_is_kept(tmp_path):
    out = tmp_path / "frames"
    annotate_frames(office(), out, k=1)
    with pytest.raises(InputError, match="never overwritten"):
        annotate_frames(office(), out, k=2, progress=lambda done, total: tick(out))
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_a_file_in_the_way_and_two_frames_of_one_stamp(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        annotate_frames(office(), tmp_path / "file")
    source = ListSource([BagFrame(n, frame(2.0, stamp_ns=5)) for n in range(2)])
    with pytest.raises(InputError, match="the same stamp"):
        annotate_frames(source, tmp_path / "out", k=2)


def test_progress_goes_from_zero_to_all(tmp_path):
    seen = []
    annotate_frames(office(), tmp_path / "a", k=1, progress=lambda *pair: seen.append(pair))
    assert seen[0] == (1, 15) and seen[-1] == (15, 15) and seen == sorted(seen)


def test_the_contact_sheet_has_every_picture():
    pictures = [np.full((48, 64, 3), value, np.uint8) for value in (10, 20, 30, 40, 50, 60)]
    sheet = contact_sheet(pictures, ["one"] * 6)
    assert sheet.shape == (2 * 260, 5 * 320, 3)
    assert [int(sheet[140, 160 + 320 * n, 0]) for n in range(5)] == [10, 20, 30, 40, 50]
    assert sheet[400, 160, 0] == 60 and sheet[400, 480, 0] == 255
    assert (sheet[:20, :100] < 100).any()  # the caption


def test_the_command_says_what_it_chose(monkeypatch, tmp_path):
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)  # two commands, so that `annotate` keeps its name
    monkeypatch.setattr("seal_mapping.bags.reader.open_bag", lambda path, options: office())
    result = CliRunner().invoke(app, ["annotate", str(tmp_path / "bag"), "-k", "2"])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "2 of 5 frames, mode entropy" in said and "adds" not in said and str(STAMP + UNSURE) in said
    assert len(list((tmp_path / "annotate" / "images").iterdir())) == 2
    result = CliRunner().invoke(app, ["annotate", str(tmp_path / "bag"), "-k", "2", "--mode", "coverage"])
    assert result.exit_code == 0 and "adds in bits" in " ".join(result.output.split())
    result = CliRunner().invoke(app, ["annotate", str(tmp_path / "bag"), "-k", "0", "--out", str(tmp_path / "b")])
    assert isinstance(result.exception, InputError) and "k must be at least 1" in str(result.exception)
    assert not (tmp_path / "b").exists()
