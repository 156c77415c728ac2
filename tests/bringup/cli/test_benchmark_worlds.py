# SPDX-License-Identifier: Apache-2.0
"""`seal benchmark worlds`: its table and its JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.policy.env_worlds import MakeEnv

from seal_bringup import worlds_env
from seal_bringup.cli import app as cli
from seal_bringup.jobs import worlds_rates as benchmarks_worlds
from seal_bringup.jobs.worlds_rates import GYMNASIUM, EnvironmentTask
from sim_bridge.benchmarks.worlds_benchmark import LoadTimes, WorldsRow


def test_the_group_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def embedded(workers: int, rounds: int, seconds: float, **more: Any) -> list[WorldsRow]:
        asked.append((workers, rounds))
        return [WorldsRow("colour, depth, truth", 640, 480, 2, 63.0, 70.0, 0.9, 36.0, 250.0, 400.0)]

    def environment(what: str, size: tuple[int, int], tasks: list[Any], *more: Any) -> list[WorldsRow]:
        asked.append((what, [task.home for task in tasks]))
        return [WorldsRow(what, *size, 2, 150.0, 160.0, 0.94, 82.0, 280.0, 420.0)]

    monkeypatch.setattr(benchmarks_worlds, "embedded_rows", embedded)
    monkeypatch.setattr(benchmarks_worlds, "measure", environment)
    monkeypatch.setattr(benchmarks_worlds, "load_times", lambda homes, progress: LoadTimes(2.0, 3.0, 1.25, 1.2))
    out = tmp_path / "worlds.json"
    words = ["seal", "benchmark", "worlds", "--workers", "2", "--repeats", "10", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    cli.main()
    assert asked == [(2, 2), (GYMNASIUM, ["train_01", "train_02"])]
    found = json.loads(out.read_text())
    bare, env = found["rows"]
    assert bare["times_habitat"] == 63.0 / 42.0 and env["times_habitat"] is None
    assert bare["workers"] == 2 and bare["efficiency"] == 0.9 and bare["pss_mb"] == 250.0
    assert found["baseline"]["640 x 480"] == [32.0, 42.0] and "measured elsewhere" in found["baseline"]["what"]
    assert found["load_s"] == {"import_s": 2.0, "first_s": 3.0, "next_s": 1.25, "next_cpu_s": 1.2}
    assert "commit" in found["provenance"]
    said = " ".join(capsys.readouterr().out.split())
    assert "1.50" in said and "90 %" in said and "a cached home's first picture: 1.25 s" in said


def test_a_step_of_the_environment_is_one_of_the_robot(monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode of 20 steps has goals of 8, 8 and 4 steps."""
    monkeypatch.setattr(worlds_env, "make_env", lambda home, make_reward: MakeEnv()())
    step = EnvironmentTask("train_01")()
    assert [step() for _ in range(5)] == [8, 8, 4, 8, 8]
