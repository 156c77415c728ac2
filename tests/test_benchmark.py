# SPDX-License-Identifier: Apache-2.0
"""`seal benchmark`: rows from the packages, groups by name, JSON of the promised form."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from seal_bringup.cli import app as cli
from seal_bringup.jobs import benchmark_groups as benchmarks
from seal_perception.benchmarking import BenchmarkRow
from seal_perception.errors import InputError

KEYS = ["group", "stage", "size", "ms", "p90_ms", "baseline", "baseline_ms", "ratio"]


def test_rows_as_json_have_the_promised_keys() -> None:
    rows = [BenchmarkRow("g", "s", "9 x 9", 2.0, 3.0, "loop", 10.0), BenchmarkRow("g", "t", "9 x 9", 2.0, 3.0)]
    first, second = benchmarks.as_dicts(rows)
    assert list(first) == list(second) == KEYS
    assert first["ratio"] == 5.0
    assert second["ratio"] is None and second["baseline"] is None


def test_unknown_group_lists_the_known() -> None:
    with pytest.raises(InputError, match="'speed'; expected one of render, .*, loop, worlds, perception"):
        benchmarks.collect("speed")


def test_a_module_with_two_groups_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Module:
        def __init__(self, name: str) -> None:
            self.name = name

        def rows(self, repeats: int) -> list[BenchmarkRow]:
            calls.append(self.name)
            groups = [group for group, module in benchmarks.GROUPS.items() if module == self.name]
            return [BenchmarkRow(group, "stage", "size", float(repeats), 1.0) for group in groups]

    monkeypatch.setattr(benchmarks, "import_module", Module)
    assert [row.group for row in benchmarks.collect(None, 7)] == list(benchmarks.GROUPS)
    assert calls == list(dict.fromkeys(benchmarks.GROUPS.values()))
    assert [(row.group, row.ms) for row in benchmarks.collect("labels", 3)] == [("labels", 3.0)]


def test_a_real_group_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "benchmark.json"
    monkeypatch.setattr(sys, "argv", ["seal", "benchmark", "planning", "--json", str(out), "--repeats", "2"])
    cli.main()
    rows = json.loads(out.read_text())
    assert rows and all(list(row) == KEYS and row["group"] == "planning" and row["ms"] > 0 for row in rows)
    compared = [row for row in rows if row["baseline"]]
    assert compared and all(row["ratio"] == pytest.approx(row["baseline_ms"] / row["ms"]) for row in compared)
    assert "planning" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["benchmark.json"]


def test_the_loop_in_one_process_is_timed_frame_by_frame() -> None:
    times = benchmarks._explore(4)
    assert len(times) == 4 and all(t > 0 for t in times)
