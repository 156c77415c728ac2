# SPDX-License-Identifier: Apache-2.0
"""`seal detect` from the command line: what it writes, prints and refuses, and its exit codes."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.mapping.bags import recordings
from tests.mapping.folders.import_folders import write_numbered
from tests.perception.toy_pictures import write_rectangles, write_tiny

from seal_bringup.cli import app as cli
from seal_bringup.cli.detect import again
from seal_bringup.jobs.detect_pictures import DetectJob, chosen, open_source
from seal_mapping.annotation.annotations import read_annotations
from seal_mapping.bags.options import BagOptions
from seal_perception.dataset import CocoDataset
from seal_perception.detections import Detections
from seal_perception.detector.detector import Detector
from seal_perception.errors import InputError
from seal_perception.evaluation.evaluate import evaluate_detections
from seal_perception.pictures.source import DatasetPictures, PictureFiles

PHOTOGRAPHS = Path(__file__).resolve().parents[4] / "shared/data/coco_pictures"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny network with random weights: it finds things everywhere, none of them surely."""
    return write_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures, one in a sub-folder, and two files that are none."""
    folder = tmp_path / "pictures"
    for n, name in enumerate(("a.png", "b.jpg", "sub/c.webp")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(n).integers(0, 256, (64, 80, 3)).astype(np.uint8)
        Image.fromarray(noise).save(folder / name)
    (folder / "cut.jpg").write_bytes((folder / "b.jpg").read_bytes()[:900])
    (folder / "text.png").write_text("no picture")
    folder.with_name("empty.json").write_text('{"images": [], "annotations": [], "categories": []}')
    return folder


def seal(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Exit code of a command."""
    monkeypatch.setattr(sys, "argv", ["seal", *map(str, words)])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_pictures_become_overlays_a_sheet_and_a_dataset(
    pictures: Path, weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = pictures / "seen"
    words = ("detect", pictures, "--out", out, "--weights", weights, "--min-score", "0.05")
    assert seal(monkeypatch, *words) == 0
    printed = capsys.readouterr().out
    assert "2 pictures not used: cut.jpg: is cut off or broken" in printed and "text.png: is no picture" in printed
    assert "3 of 3 pictures show something with a score of 0.05: " in printed
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert names == [
        "detections.json",
        *(f"overlays/{n}" for n in ("a.png.jpg", "b.jpg", "sub/c.webp.jpg")),
        "sheet.jpg",
    ]
    dataset = CocoDataset(out / "detections.json", pictures=pictures)
    dataset.check_pictures()
    own = [_as_detections(dataset, index) for index in range(3)]
    assert evaluate_detections(own, dataset, resamples=0)["box_ap50"] == pytest.approx(100.0)
    assert dataset.info["weights_sha256"] and dataset.info["keep_score"] == 0.05

    assert seal(monkeypatch, *words) == 1
    assert f"error: {out} already holds detections; add --overwrite" in capsys.readouterr().err
    before = (out / "detections.json").read_text()
    assert seal(monkeypatch, *words, "--overwrite") == 0
    assert (out / "detections.json").read_text() == before, "the overlays in it are not looked at"


def _as_detections(dataset: CocoDataset, index: int) -> Detections:
    rows = [{**row, "image_id": index} for row in dataset.rows(index)]
    return Detections.from_coco(rows, *dataset.size(index))


def test_nothing_found_names_cause_and_next_command(
    pictures: Path, weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = pictures.with_name("out")
    assert seal(monkeypatch, "detect", pictures / "a.png", "--out", out, "--weights", weights, "--min-score", 1) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("nothing found: the best score in 1 picture is 0.") and " in a.png), below 1" in last
    again = f"seal detect {pictures / 'a.png'} --out {out} --overwrite --weights coco --min-score 1.0"
    assert f"next, for photographs: `{again}`" in last
    assert json.loads((out / "detections.json").read_text())["annotations"] and (out / "sheet.jpg").is_file()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("text.png",), "none of the 1 pictures can be read: text.png: is no picture"),
        (("absent",), "there is no such file or folder"),
        (("a.png", "--min-score", "7"), "--min-score must be a score from 0 to 1, got 7"),
        (("a.png", "--weights", "lost.safetensors"), "no weights at lost.safetensors"),
        (("../empty.json", "--weights", "lost.safetensors"), "empty.json lists no picture; expected at least one"),
        (("a.png", "--read", "up=z"), "--read up: picture files can use none of these; leave it out"),
        ((".", "--read", "every=2"), "leave it out; --every takes each n-th picture of any source"),
        (("../empty.json", "--read", "colour=/a"), "--read colour: a dataset can use none of these"),
    ],
)
def test_mistakes_are_one_line(
    pictures: Path,
    weights: str,
    words: tuple[str, ...],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = pictures.with_name("out")
    given = (pictures / words[0], *words[1:])
    assert seal(monkeypatch, "detect", "--weights", weights, *given, "--out", out) == 1
    assert line in capsys.readouterr().err and not out.exists()


def test_ctrl_c_is_resumed(
    pictures: Path, weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("detect", pictures, "--weights", weights, "--min-score", "0.05", "--out")
    assert seal(monkeypatch, *words, pictures.with_name("whole")) == 0
    true, calls = Detector.detect, [0]

    def detect(self: Detector, rgb: Any) -> Detections:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return true(self, rgb)

    monkeypatch.setattr(Detector, "detect", detect)
    out = pictures.with_name("cut")
    assert seal(monkeypatch, *words, out) == 130 and not out.exists()
    assert "run the same command again to resume" in capsys.readouterr().err
    assert seal(monkeypatch, *words, out) == 0 and calls[0] == 4, "one picture was done"
    assert (out / "detections.json").read_text() == (pictures.with_name("whole") / "detections.json").read_text()


def test_a_bag_gives_what_label_can_read(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, out = recordings.write2(tmp_path / "bag", recordings.recording(6)), tmp_path / "out"
    words = ("detect", bag, "--weights", weights, "--every", 2, "--min-score", "0.05", "--out", out)
    assert seal(monkeypatch, *words) == 0
    assert "colour: /camera/color/image_raw (sensor_msgs/msg/Image, 32 x 24 rgb8" in capsys.readouterr().out
    drawn = read_annotations(out / "detections.json")
    assert [picture.stamp_ns for picture in drawn.pictures] == [recordings.stamp(k) for k in (0, 2, 4)]
    assert drawn.for_stamp(recordings.stamp(2), 24, 32) is not None
    assert seal(monkeypatch, "detect", tmp_path, "--weights", weights, "--out", tmp_path / "other") == 1
    assert f"its pictures are in {bag}: give that" in capsys.readouterr().err


def test_the_next_command_keeps_every_option(tmp_path: Path) -> None:
    job = DetectJob((Path("a b"),), tmp_path, min_score=0.9, keep_score=0.2, every=3, count=5)
    words = shlex.split(again(job, ["up=z", "depth=/d"], weights="coco"))
    assert words[:6] == ["seal", "detect", "a b", "--out", str(tmp_path), "--overwrite"]
    assert " ".join(words[6:]) == (
        "--weights coco --min-score 0.9 --keep-score 0.2 --every 3 --count 5 --read up=z --read depth=/d"
    )


@pytest.mark.parametrize("name", ["labels_of_ours.json", "annotations/instances_train.json"])
def test_the_datasets_of_evaluate_are_datasets_here(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    write_rectangles(folder, 2)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / "annotations.json").rename(folder / name)
    assert isinstance(open_source(DetectJob((folder,), tmp_path / "out")), DatasetPictures)
    (folder / name).write_text('["notes about the pictures"]')
    assert isinstance(open_source(DetectJob((folder,), tmp_path / "out")), PictureFiles)


def test_a_source_refuses_what_it_would_not_look_at(tmp_path: Path) -> None:
    bag = recordings.write2(tmp_path / "bag", recordings.recording(3))
    with pytest.raises(InputError, match="--read detections: pictures of a bag can use"):
        open_source(DetectJob((bag,), tmp_path, options=BagOptions(detections="/seen")))
    room = write_numbered(tmp_path / "room", range(2))
    options = BagOptions(up="z", depth="/d", T_base_camera=np.eye(4))
    with pytest.raises(InputError, match="--read depth, mounting: a folder of RGB-D frames can use only up"):
        open_source(DetectJob((room,), tmp_path, options=options))


def test_numbers_are_spread_evenly() -> None:
    assert chosen(10, 3, None) == [0, 3, 6, 9] and chosen(10, 1, 3) == [0, 4, 9]
    assert chosen(3, 1, 8) == [0, 1, 2] and chosen(5, 1, 1) == [0]


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="no photographs in ../shared/data/coco_pictures")
def test_photographs_keep_their_names_and_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped weights on three photographs: whatever they find, the file fits the data set's."""
    assert seal(monkeypatch, "detect", PHOTOGRAPHS, "--count", 3, "--out", tmp_path / "out") in (0, 3)
    truth, found = CocoDataset(PHOTOGRAPHS), json.loads((tmp_path / "out/detections.json").read_text())
    known = {truth.image_info(n)["file_name"]: truth.image_ids[n] for n in range(len(truth))}
    assert len(found["images"]) == 3
    assert all(known[image["file_name"]] == image["id"] for image in found["images"])
