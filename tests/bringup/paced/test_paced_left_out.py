# SPDX-License-Identifier: Apache-2.0
"""A paced run whose detector left pictures out is evaluated, and says so."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from seal_bringup.evaluation.true_map import PLAIN
from seal_bringup.paced import explore as paced_explore
from seal_bringup.stack.config import StackConfig
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from sim_bridge.worlds import open_simulator


def test_pictures_that_were_not_mapped_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlit(scene: str, config: Any) -> Any:
        return open_simulator(scene, dataclasses.replace(config, light=PLAIN, cache_light=False, threads=1))

    monkeypatch.setattr(paced_explore, "open_simulator", unlit)
    config = StackConfig(
        "train_02", run_dir=tmp_path, mode="paced", minutes=0.02, weights="none", width=64, height=48, record=False
    )
    paced_explore.run_in_process(config)
    whole = paced_explore.evaluate_paced(config)
    rows = read_json(tmp_path / "trajectory.json")
    kept = {key: rows[key][::2] for key in ("stamps_ns", "poses")}
    write_json(tmp_path / "trajectory.json", {**rows, **kept})
    thinned = paced_explore.evaluate_paced(config)
    assert (whole["mapped_share"], thinned["mapped_share"]) == (1.0, round(4 / 7, 4))
    assert thinned["seen_share"] == whole["seen_share"] and thinned["pose_error"] == whole["pose_error"]
