# SPDX-License-Identifier: Apache-2.0
"""`seal demo --quick` from end to end, over real ROS, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from seal_bringup.cli import app
from seal_bringup.cli.demo import _print_table
from seal_bringup.demo.config import DEFAULT_ROWS, DemoConfig
from seal_bringup.demo.home_loop import HomeLoop
from seal_bringup.demo.run import mean_over_homes, run_demo
from seal_bringup.demo.stages import StageLog
from seal_mapping.bags.reader import open_bag
from seal_perception.dataset import CocoDataset, DatasetWriter
from seal_perception.detector.facts import SHIPPED, read_metadata
from seal_perception.errors import InputError
from seal_perception.files import write_json

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy", reason="no ROS 2 Python client library")


def seal(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seal_bringup.cli.app", *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ}, capture_output=True, text=True, timeout=800)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    done = seal("demo", "--quick", "--homes", "train_02", "--name", "a", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_metrics_have_every_row_with_figures(work: Path) -> None:
    metrics = json.loads((work / "runs/a/metrics.json").read_text())
    home = metrics["homes"]["train_02"]
    assert tuple(home["rows"]) == DEFAULT_ROWS
    for row in home["rows"].values():
        assert 0 <= row["box_ap50"] <= 100 and 0 <= row["mask_ap50"] <= 100
        assert row["frames"] == metrics["config"]["evaluation_frames"]
    assert set(home["labels"]) == {"self_training", "label_prop_paper", "label_prop"}
    assert metrics["provenance"]["packages"]["torch"] != "absent"


def test_labels_are_for_every_recorded_frame_and_their_pictures_are_the_bags(work: Path) -> None:
    bag = open_bag(work / "runs/a/train_02/bag")
    labels = CocoDataset(work / "runs/a/train_02/labels_label_prop")
    assert len(bag) == len(labels) == 17
    for index, item in enumerate(bag):
        assert (item.frame.rgb == labels.image(index)).all()
        assert item.detections is not None


def test_the_robots_frames_are_not_evaluation_frames(work: Path) -> None:
    home = work / "runs/a/train_02"
    robot = {CocoDataset(home / "labels_label_prop").image(i).tobytes() for i in range(17)}
    evaluation = CocoDataset(home / "evaluation_frames")
    assert len(evaluation) > 0
    assert not any(evaluation.image(i).tobytes() in robot for i in range(len(evaluation)))


def test_every_row_learns_from_its_labels_and_the_catalogue_and_without_labels_stays_as_it_is(work: Path) -> None:
    home = work / "runs/a/train_02"
    catalogue = CocoDataset(work / "runs/a/.catalogue").hash()
    assert CocoDataset(home / "labels_oracle").labelled()
    for row in DEFAULT_ROWS[1:]:
        learnt = json.loads((home / f"learnt_{row}.json").read_text())
        labels, tuned = CocoDataset(home / f"labels_{row}"), home / f"detector_{row}.safetensors"
        assert learnt == {"pictures": len(labels.labelled())}
        if labels.labelled():
            facts = read_metadata(tuned)
            assert facts["dataset"] == labels.hash() and facts["replay"] == catalogue
        else:
            assert tuned.read_bytes() == SHIPPED.read_bytes()


def test_a_row_without_any_label_keeps_its_detector_and_says_so(tmp_path: Path, capsys: Any) -> None:
    with DatasetWriter(tmp_path / "home" / "labels_label_prop") as writer:
        writer.add(np.zeros((12, 16, 3), np.uint8))
    config = DemoConfig(homes=("train_02",)).quick()
    loop = HomeLoop("train_02", tmp_path / "home", config, lambda *_: None, StageLog(tmp_path / "home"))
    loop._finetune("label_prop")
    assert (tmp_path / "home/detector_label_prop.safetensors").read_bytes() == SHIPPED.read_bytes()
    row = {"box_ap50": 40.0, "mask_ap50": 30.0}
    for name in ("pretrained", "label_prop"):
        write_json(tmp_path / "home" / f"evaluation_{name}.json", row)
    rows = loop.metrics()["rows"]
    assert rows == {"pretrained": row, "label_prop": {**row, "pictures": 0}}
    _print_table(Console(), {"homes": {"train_02": {"rows": rows, "labels": {}}}})
    assert "no label" in capsys.readouterr().out


def test_report_shows_the_measured_figures_and_loads_nothing(work: Path) -> None:
    text = (work / "runs/a/report.html").read_text()
    rows = json.loads((work / "runs/a/metrics.json").read_text())["homes"]["train_02"]["rows"]
    for row in rows.values():
        assert f"{row['box_ap50']:.1f}" in text
    assert 'src="http' not in text and 'href="http' not in text


def _seal_here(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of the same command in this process, which has its libraries loaded."""
    monkeypatch.setattr(sys, "argv", ["seal", *arguments])
    try:
        app.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_running_again_does_nothing_twice(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(work)
    before = {p: p.stat().st_mtime_ns for p in work.rglob("*.safetensors")}
    assert _seal_here(monkeypatch, "demo", "--quick", "--homes", "train_02", "--name", "a") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "explore: done before" in said and "fine-tune oracle: done before" in said
    assert before and before == {p: p.stat().st_mtime_ns for p in work.rglob("*.safetensors")}


def test_another_configuration_does_not_overwrite_the_run(work: Path) -> None:
    with pytest.raises(InputError, match="holds another run .*steps = 16 there, 300 now"):
        run_demo(DemoConfig(homes=("train_02",)), work / "runs/a")


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--homes", "castle"), "castle"), (("--weights", "none.safetensors"), "no weights at")],
)
def test_unknown_home_and_missing_weights_are_one_line(
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _seal_here(monkeypatch, "demo", "--quick", *options) == 1
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and len(error.splitlines()) <= 2
    assert not list(tmp_path.iterdir())


def test_a_mean_hides_no_home() -> None:
    row = {"box_ap50": 10.0, "mask_ap50": 8.0}
    homes = {
        "a": {"rows": {"pretrained": row, "oracle": row}, "labels": {}},
        "b": {"rows": {"pretrained": {"box_ap50": 20.0, "mask_ap50": 10.0}}, "labels": {}},
    }
    mean = mean_over_homes(homes)
    assert mean["rows"] == {"pretrained": {"box_ap50": 15.0, "mask_ap50": 9.0}}
