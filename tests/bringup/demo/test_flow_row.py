# SPDX-License-Identifier: Apache-2.0
"""The row `optical_flow` of the demo: known, computed where it is named, and not among those of a plain demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.mapping.datasets.test_label_command import write_bag

from seal_bringup.demo.config import DEFAULT_ROWS, ROWS, DemoConfig
from seal_bringup.demo.home_loop import LABELLED_ROWS, HomeLoop
from seal_bringup.demo.stages import StageLog
from seal_bringup.report import label_report
from seal_bringup.report.cubes import CubeView
from seal_bringup.report.figures import ROW_TEXTS
from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.self_training import SelfTraining
from seal_perception.dataset import CocoDataset
from seal_perception.files import write_json


def test_a_plain_demo_computes_the_five_rows() -> None:
    five = ("pretrained", "self_training", "label_prop_paper", "label_prop", "oracle")
    assert DemoConfig().rows == DEFAULT_ROWS == five
    assert set(ROWS) - set(five) == {"optical_flow"} and ROWS[1:] == LABELLED_ROWS
    assert DemoConfig(rows=("pretrained", "optical_flow")).rows[1] == "optical_flow"
    assert set(ROW_TEXTS) == set(ROWS)


def test_the_row_is_labelled_and_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_report, "PICTURE", CubeView(width=240))
    home = tmp_path / "home"
    home.mkdir()
    write_bag(home / "bag")
    write_dataset(open_bag(home / "bag"), SelfTraining(), DatasetWork(home / "labels_oracle"))  # stands for the truth
    told: list[Any] = []
    config = DemoConfig(homes=("train_02",), rows=("optical_flow",)).quick()
    loop = HomeLoop("train_02", home, config, lambda *words: told.append(words), StageLog(home))
    loop._label("optical_flow")
    assert CocoDataset(home / "labels_optical_flow").info == {"labels": "optical flow", "min_score": 0.9}
    assert told[-1] == ("labels optical_flow", 8, 8)  # two passes over four frames
    write_json(home / "evaluation_optical_flow.json", {"box_ap50": 1.0, "mask_ap50": 1.0})
    found = loop.metrics()
    assert found["rows"] == {"optical_flow": {"box_ap50": 1.0, "mask_ap50": 1.0}}
    assert found["labels"]["optical_flow"]["instance_precision"] == 1.0
    assert loop._shown == "optical_flow"
