# SPDX-License-Identifier: Apache-2.0
"""`seal scene`: list, render, frames."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from seal_bringup.cli.scene import register
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from sim_bridge.homes import HOMES

app = typer.Typer()
register(app)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["scene", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_names_every_home() -> None:
    assert tuple(run("list").split()) == HOMES


def test_render_writes_pictures_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run("render", "test_01", "--out", str(tmp_path / "out"), "--views", "1")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["test_01_top.png", "test_01_view_00.png"]
    assert cv2.imread(str(tmp_path / "out" / "test_01_view_00.png")).shape == (480, 640, 3)


def test_frames_writes_a_dataset_and_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    output = run("frames", "test_01", "--out", str(tmp_path / "frames"), "--count", "3", "--width", "64")
    dataset = CocoDataset(tmp_path / "frames")
    stored = json.loads((tmp_path / "frames" / "poses.json").read_text())
    assert len(dataset) == 3 and dataset.image(0).shape == (48, 64, 3)
    assert stored["home"] == "test_01" and stored["sha256"] in output.replace("\n", "")


def test_an_unknown_home_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train_01"):
        run("frames", "attic", "--out", str(tmp_path / "frames"))
