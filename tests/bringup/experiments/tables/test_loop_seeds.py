# SPDX-License-Identifier: Apache-2.0
"""Several runs of the loop, one a seed, as one table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from seal_bringup.experiments.tables.loop_seeds import main, read_runs, summary
from seal_perception.errors import InputError


def run(folder: Path, seed: int, gains: tuple[float, float], **config: Any) -> Path:
    """A run in two homes whose row `label_prop` gains so much in each."""
    homes = {}
    for index, gain in enumerate(gains):
        start = {"box_ap50": 30.0 + 10 * index, "mask_ap50": 20.0}
        homes[f"test_0{index + 1}"] = {
            "rows": {"pretrained": start, "label_prop": {"box_ap50": start["box_ap50"] + gain, "mask_ap50": 21.0}},
            "labels": {"label_prop": {"instance_precision": 0.8 + 0.1 * index, "instance_recall": 0.5}},
        }
    made = {"seed": seed, "preset": "laptop", "config": {"seed": seed, "steps": 300, **config}, "homes": homes}
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({**made, "provenance": {"commit": "abc"}}))
    return folder


def test_means_changes_and_intervals(tmp_path: Path) -> None:
    runs = read_runs([run(tmp_path / "b", 1, (2.0, 6.0)), run(tmp_path / "a", 0, (4.0, 8.0))])
    found = summary(runs)
    assert found["seeds"] == [0, 1]
    row = found["rows"]["label_prop"]
    assert row["box_ap50"]["mean"] == 40.0 and row["box_ap50"]["change"]["mean"] == 5.0
    assert row["box_ap50"]["by_home"] == {"test_01": [34.0, 32.0], "test_02": [48.0, 46.0]}
    low, high = row["box_ap50"]["change"]["interval"]
    assert (low, high) == (2.0, 8.0), "the worst home with the worst seed, the best with the best"
    assert row["mask_ap50"]["change"] == {"mean": 1.0, "interval": [1.0, 1.0]}
    assert (row["instance_precision"], row["instance_recall"]) == (0.85, 0.5)
    assert found["rows"]["pretrained"]["box_ap50"]["change"]["mean"] == 0.0


def test_runs_that_do_not_belong_together(tmp_path: Path) -> None:
    one = run(tmp_path / "a", 0, (1.0, 1.0))
    with pytest.raises(InputError, match="has seed 0, as another run has"):
        read_runs([one, run(tmp_path / "b", 0, (1.0, 1.0))])
    with pytest.raises(InputError, match="was made with another steps than"):
        read_runs([one, run(tmp_path / "c", 1, (1.0, 1.0), steps=200)])
    with pytest.raises(InputError, match="has no metrics.json"):
        read_runs([tmp_path])


def test_the_command_writes_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(run(tmp_path / name, seed, (1.0, 3.0))) for name, seed in (("a", 0), ("b", 1))]
    monkeypatch.setattr(sys, "argv", ["loop_seeds", *runs, "--out", str(tmp_path / "out.json")])
    main()
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["config"] == {"steps": 300} and set(found["provenance"]) == {"0", "1"}
    assert "label_prop       box_ap50 37.0  change +2.0" in capsys.readouterr().out
