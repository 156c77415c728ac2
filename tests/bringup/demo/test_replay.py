# SPDX-License-Identifier: Apache-2.0
"""`seal demo --replay`: what was learnt before is mixed into every fine-tuning, in place of drawn pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.perception.toy_pictures import write_rectangles
from typer.testing import CliRunner

from seal_bringup.cli.app import app
from seal_bringup.demo.config import DemoConfig
from seal_bringup.demo.home_loop import HomeLoop
from seal_bringup.demo.run import _claim, _replay
from seal_bringup.demo.stages import StageLog
from seal_mapping.datasets.labelling import LABELS
from seal_perception.dataset import CocoDataset, DatasetWriter, own_dataset
from seal_perception.errors import InputError, NoLabelsError


def test_labels_of_earlier_homes_and_a_catalogue_are_joined_and_unlabelled_pictures_of_labels_left_out(
    tmp_path: Path,
) -> None:
    drawn = write_rectangles(tmp_path / "catalogue", 3).folder
    labels = tmp_path / "home" / "labels"
    with DatasetWriter(labels) as writer:
        for k in (0, 2):
            annotations = CocoDataset(drawn).annotations(k) if k == 0 else []
            writer.add(np.full((64, 80, 3), k, np.uint8), annotations)
    (labels / LABELS).write_text("{}")
    config = DemoConfig(replay=(str(labels), str(drawn)))
    lines: list[str] = []
    own = [own_dataset(folder) for folder in config.replay]
    folder = _replay(tmp_path / "run", config, own, lines.append, lambda *_: None)
    assert folder is not None
    joined = CocoDataset(folder)
    assert [joined.image_info(i)["joined_from"] for i in range(len(joined))] == [0, 1, 1, 1]
    assert _replay(tmp_path / "run", config, own, lines.append, lambda *_: None) == folder
    assert CocoDataset(folder).hash() == joined.hash()

    def key(replay: tuple[str, ...], mixed: Path) -> object:
        made = tmp_path / "loop"
        made.mkdir(exist_ok=True)
        loop = HomeLoop("train_01", made, DemoConfig(replay=replay), lambda *_: None, StageLog(made), mixed)
        return loop._finetune_key()

    assert key(config.replay, folder) != key((), folder) != key(config.replay, drawn) != key(config.replay, folder)
    with pytest.raises(NoLabelsError, match="has a label"):
        with DatasetWriter(tmp_path / "none") as writer:
            writer.add(np.zeros((64, 80, 3), np.uint8), [])
        (tmp_path / "none" / LABELS).write_text("{}")
        _replay(tmp_path / "other", config, [own_dataset(tmp_path / "none")], lines.append, lambda *_: None)


def test_another_replay_is_another_run_and_a_missing_one_is_told_before_anything_is_made(tmp_path: Path) -> None:
    _claim(tmp_path, DemoConfig(replay=("a",)), {})
    with pytest.raises(InputError, match="replay = "):
        _claim(tmp_path, DemoConfig(replay=("b",)), {})
    with pytest.raises(InputError, match="replay = .*'a'.* there"):
        _claim(tmp_path, DemoConfig(), {})
    run = CliRunner().invoke(app, ["demo", "--name", str(tmp_path / "new"), "--replay", str(tmp_path / "absent")])
    assert isinstance(run.exception, InputError) and "absent" in str(run.exception), run.output
    assert not (tmp_path / "new").exists()
