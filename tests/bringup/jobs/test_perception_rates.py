# SPDX-License-Identifier: Apache-2.0
"""`seal benchmark perception`: the rows as JSON, the table with AP, the plot of the frontier beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.perception.toy_pictures import TINY, write_rectangles

from seal_bringup.cli import app as cli
from seal_bringup.jobs import perception_rates as rates
from seal_perception.benchmarks import variants as v
from seal_perception.detector.model import build_model
from seal_perception.detector.weights import save_weights


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["seal", "benchmark", *map(str, words)])
    cli.main()


def test_json_table_and_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_weights(tmp_path / "tiny.safetensors", build_model(TINY), TINY, {})
    write_rectangles(tmp_path / "frames", 2)
    monkeypatch.setattr(rates, "small_variants", lambda weights: v.small_variants(weights, ((64, 48),)))
    monkeypatch.setattr(rates, "coco_variants", lambda: iter(()))
    monkeypatch.setattr(v, "compiler", lambda: None)
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    monkeypatch.setattr(rates, "home_pictures", lambda: [noise])
    out = tmp_path / "perception.json"
    given = ("--weights", tmp_path / "tiny.safetensors", "--frames", tmp_path / "frames", "--repeats", 2)
    run(monkeypatch, "perception", "--json", out, *given)
    found = json.loads(out.read_text())
    assert found["frames"]["pictures"] == 2 and found["provenance"]["cores"] > 0
    assert [row["stage"] for row in found["rows"]][:2] == ["tiny at 48 float32 channels first", "tiny at 48 float32"]
    assert found["rows"][1]["ratio"] == pytest.approx(found["rows"][0]["ms"] / found["rows"][1]["ms"])
    assert found["frontier"] and set(found["frontier"]) <= {row["stage"] for row in found["rows"]}
    assert cv2.imread(str(tmp_path / "perception.png")).shape == (550, 990, 3)
    printed = capsys.readouterr().out
    assert "box AP50" in printed and "tiny at 48 float32 channels first" in printed


def test_its_options_belong_to_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, "planning", "--frames", tmp_path)
    assert stop.value.code == 2 and "seal benchmark perception" in " ".join(capsys.readouterr().err.split())


def test_pictures_of_a_home_differ() -> None:
    first, second = rates.home_pictures(2)
    assert first.shape == second.shape == (480, 640, 3) and (first != second).any() and first.std() > 5
