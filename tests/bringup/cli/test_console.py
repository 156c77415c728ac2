# SPDX-License-Identifier: Apache-2.0
"""What commands print where there is no terminal: whole lines, and progress in lines."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

import seal_bringup
from seal_bringup import bars
from seal_bringup.bars import StageBar
from seal_bringup.cli import app as cli
from seal_bringup.console import make_console

PACKAGE = Path(seal_bringup.__file__).parent


def test_a_line_in_a_pipe_is_not_broken_and_a_table_not_spread(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", "value", box=None)
    table.add_row("a", "b " * 200)
    make_console().print("word " * 100)
    make_console().print(table)
    make_console(stderr=True).print("word " * 100)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3 and err.splitlines() == ["word " * 100]
    assert max(map(len, out.splitlines())) < 600


def test_a_mistake_is_one_line_in_a_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["seal", "scene", "info", "attic"])
    with pytest.raises(SystemExit):
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no home and no folder is called 'attic'") and len(line) > 200


def test_commands_make_their_console_in_one_place() -> None:
    own = [p for p in PACKAGE.rglob("*.py") if p.name != "console.py" and re.search(r"\bConsole\(", p.read_text())]
    assert own == []


def test_progress_without_a_terminal_is_lines_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([100.0, 102.0, 111.0, 112.0, 125.0])
    monkeypatch.setattr(bars.time, "monotonic", lambda: next(seconds))
    with bars.rate_bar("frames of test_01") as report:
        for done in (10, 20, 21, 30):  # ten were done by an earlier call
            report(done, 150)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "frames of test_01: 20/150 frames, 0.9 frames/s, 2:23 left",
        "frames of test_01: 30/150 frames, 0.8 frames/s, 2:30 left",
    ]


def test_stages_of_the_demo_print_no_empty_line_into_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 0.0, 20.0])
    monkeypatch.setattr(bars.time, "monotonic", lambda: next(seconds))
    with StageBar(make_console()) as stages:
        stages.announce("[test_01] evaluation frames ...")
        stages.progress("evaluation frames", 300, 500)
        stages.announce("[test_01] evaluation frames: 20 s")
    out, err = capsys.readouterr()
    assert out.splitlines() == ["[test_01] evaluation frames ...", "[test_01] evaluation frames: 20 s"]
    assert err.splitlines() == ["evaluation frames: 300/500"]


def test_progress_on_a_terminal_is_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    shown = io.StringIO()
    with bars.rate_bar("frames", console=Console(file=shown, force_terminal=True, width=80)) as report:
        report(1, 2)
        report(2, 2)
    assert "2/2" in shown.getvalue() and capsys.readouterr().err == ""
