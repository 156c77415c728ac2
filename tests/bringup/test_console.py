# SPDX-License-Identifier: Apache-2.0
"""Control characters of a file do not reach the terminal, whatever prints them; nor is its text taken for markup."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from seal_bringup.cli import app as cli
from seal_bringup.console import VisibleConsole, VisibleFormatter, echo, make_console, visible
from seal_perception.errors import InputError

EVIL = "/\x1b]0;title\x07\x1b[31mred \x9b2J\u202eback\x08 [/bold] \udc80"
SHOWN = r"/\x1b]0;title\x07\x1b[31mred \x9b2J\u202eback\x08 [/bold] \udc80"


def test_controls_are_spelled_out() -> None:
    assert visible(EVIL) == SHOWN
    assert visible("a\tb\nc é 漢字 \U0001f600") == "a\tb\nc é 漢字 \U0001f600"
    assert visible("a\nb\r", one_line=True) == r"a\nb\r"


def test_tables_lines_and_columns_are_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console()
    table = Table("topic", EVIL, title=EVIL, box=None)
    table.add_row(EVIL, Text("\x9b2J"))
    console.print(table)
    console.print(EVIL + ":smile:", highlight=False)
    console.print(EVIL, style="red", soft_wrap=True)
    echo(EVIL)
    out = capsys.readouterr().out
    assert out.count(SHOWN) == 6 and ":smile:" in out
    assert not set(out) & set("\x1b\x07\x9b\u202e\x08")


def test_a_terminals_own_colours_stay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    VisibleConsole(force_terminal=True, color_system="standard", markup=False, width=200).print(
        EVIL, style="red", highlight=False
    )
    out = capsys.readouterr().out
    assert out.startswith("\x1b[31m/") and SHOWN in out and out.count("\x1b") == 2


def test_warnings_are_spelled_out() -> None:
    record = logging.LogRecord("a", logging.WARNING, "a.py", 1, "scene %s", (EVIL,), None)
    assert VisibleFormatter().format(record) == f"scene {SHOWN}"


@pytest.mark.parametrize("error", [InputError(f"no file {EVIL}\n: x"), FileNotFoundError(2, "gone", f"{EVIL}\n")])
def test_an_error_is_one_visible_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(standalone_mode: bool) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    lines = capsys.readouterr().err.splitlines()
    assert stop.value.code == 1 and len(lines) == 1 and r"\x1b]0;title\x07" in lines[0] and r"\n" in lines[0]


def test_too_little_memory_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(standalone_mode: bool) -> None:
        raise MemoryError

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err.splitlines() == [
        "error: there is not enough memory for this; close other programs or use smaller inputs"
    ]


def test_the_command_raises_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEAL_LIMITS", "")
    (tmp_path / "c.json").write_text("[" + "0," * 50 + "0]")
    for words, text in ((["json_values=20"], "asks for 51 values"), (["json_values=60"], "must map names")):
        command = ["scene", "info", str(tmp_path / "a.off"), "--categories", str(tmp_path / "c.json")]
        (tmp_path / "a.off").write_text("OFF\n4 4 0\n0 0 0\n5 0 0\n0 5 0\n0 0 5\n3 0 2 1\n3 0 1 3\n3 1 2 3\n3 2 0 3\n")
        monkeypatch.setattr(sys, "argv", ["seal", "--limit", *words, *command])
        with pytest.raises(SystemExit):
            cli.main()
        assert text in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["seal", "--limit", "nonsense=1", "doctor"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "a limit must be NAME=VALUE" in capsys.readouterr().err
