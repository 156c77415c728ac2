# SPDX-License-Identifier: Apache-2.0
"""The command line as the documents show it: commands and options exist, mistakes are one line."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click
import pytest
import typer

from seal_bringup.cli import app as cli
from seal_perception.files import replacing

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("ros2_ws/src/*/README.md"),
        ROOT / "sim_bridge/README.md",
    ]
)
COMMAND = re.compile(r"^\$?\s*(?:\S*/)?seal((?:\s+\S+)*)$")


def shown_commands(text: str) -> list[str]:
    """What stands behind `seal` in code blocks (fenced or indented) and in `inline code`, comments cut off."""
    inline = re.findall(r"`(seal [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    fenced = "\n".join(re.findall(r"```.*?\n(.*?)```", text, flags=re.DOTALL))
    indented = "\n".join(line for line in text.splitlines() if line.startswith("    "))
    lines = f"{fenced}\n{indented}".replace("\\\n", " ").splitlines() + inline
    found = [COMMAND.match(line.split(" #")[0].strip()) for line in lines]
    return [" ".join(match.group(1).split()) for match in found if match]


def mistake(arguments: str, root: click.Command) -> str:
    """Why `seal <arguments>` is no command that exists; empty if it is one."""
    words = shlex.split(arguments.replace("[", "").replace("]", ""))
    command: click.Command = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return f"unknown command {words[0]!r}"
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in options | {"--help"}]
    return f"unknown option {unknown[0]!r} of {command.name}" if unknown else ""


@pytest.fixture(scope="module")
def root() -> click.Command:
    return typer.main.get_command(cli.app)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_shown_commands_exist(document: Path, root: click.Command) -> None:
    shown = shown_commands(document.read_text(encoding="utf-8"))
    assert {line: mistake(line, root) for line in shown if mistake(line, root)} == {}


def test_readme_shows_the_two_commands_first() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    shown = re.findall(r"^\s*\$?\s*make ([a-z]+)", text, flags=re.MULTILINE)
    assert {"demo", "test"} <= set(shown) <= targets
    assert text.index("make demo") < text.index("make test")


def test_the_check_of_documents_has_teeth(root: click.Command) -> None:
    text = "Run `seal frobnicate`.\n\n    seal doctor --jsn   # table\n\n"
    text += "```\n$ .venv/bin/seal doctor \\\n  --json\n```\n"
    assert shown_commands(text) == ["doctor --json", "doctor --jsn", "frobnicate"]
    assert [mistake(line, root) for line in shown_commands(text)] == [
        "",
        "unknown option '--jsn' of doctor",
        "unknown command 'frobnicate'",
    ]


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["seal", *arguments])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["doctor", "--nonsense"], 2, "No such option"),
        (["frobnicate"], 2, "No such command"),
        (["benchmark", "speed"], 1, "unknown benchmark group 'speed'; expected one of render, "),
        (["benchmark", "planning", "--repeats", "0"], 2, "repeats"),
    ],
)
def test_mistakes_are_told_and_end_with_a_code(
    arguments: list[str], code: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, monkeypatch) == code
    shown = capsys.readouterr().err
    assert text in " ".join(shown.split())
    assert "Traceback" not in shown


def test_a_folder_that_cannot_be_written_is_named_as_the_user_named_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(standalone_mode: bool) -> None:
        with replacing("/proc/x/map.json") as beside:
            beside.write_text("{}")

    monkeypatch.setattr(cli, "app", write)
    assert run(["scene", "import"], monkeypatch) == 1
    assert capsys.readouterr().err.splitlines() == ["error: /proc/x: No such file or directory"]
    monkeypatch.setattr(cli, "app", lambda standalone_mode: Path("/proc/.x.16577.part.png").touch())
    assert run(["scene", "import"], monkeypatch) == 1
    assert capsys.readouterr().err.splitlines() == ["error: /proc/x: No such file or directory"]


def test_every_command_and_option_has_help(root: click.Command) -> None:
    def commands(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
        below = command.commands.items() if isinstance(command, click.Group) else ()
        return [(name, command)] + [entry for key, value in below for entry in commands(value, f"{name} {key}")]

    silent = []
    for name, command in commands(root, "seal"):
        if not command.help:
            silent.append(name)
        silent += [f"{name} {p.name}" for p in command.params if not getattr(p, "help", "") and p.name != "help"]
    assert silent == []
