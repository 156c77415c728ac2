# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import typer
from tests.mapping.worlds import wall_source
from typer.testing import CliRunner

from seal_bringup.cli import label
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError


@pytest.fixture
def command(monkeypatch):
    app = typer.Typer()
    label.register(app)
    app.command("other")(lambda: None)  # two commands, so that `label` keeps its name
    monkeypatch.setattr("seal_mapping.bag.open_bag", lambda path: wall_source())

    def run(*words):
        return CliRunner().invoke(app, ["label", *map(str, words)])

    return run


def test_label_writes_a_dataset_and_says_what_is_in_it(command, tmp_path):
    result = command(tmp_path / "bag", "--min-volume", 0.001, "--rule", "paper")
    assert result.exit_code == 0, result.output
    assert "4 labels in 4 frames, rule paper" in result.output
    assert len(CocoDataset(tmp_path / "labels")) == 4
    again = command(tmp_path / "bag")
    assert isinstance(again.exception, InputError) and "--overwrite" in str(again.exception)
    result = command(tmp_path / "bag", "--overwrite", "--rule", "self_training")
    assert result.exit_code == 0 and "rule self_training" in result.output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--rule", "best"), "paper, agreement, instance_vote, self_training; got 'best'"),
        (("--agreement", 2), r"agreement must lie in (0, 1], got 2.0"),
        (("--rule", "self_training", "--min-views", 3), "uses no map"),
    ],
)
def test_wrong_options_are_one_line(command, tmp_path, words, text):
    result = command(tmp_path / "bag", "--out", tmp_path / "out", *words)
    assert isinstance(result.exception, InputError) and text in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_help_teaches(command):
    result = command("--help")
    assert "instance_vote" in result.output and "--redetect" in result.output
