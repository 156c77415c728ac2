# SPDX-License-Identifier: Apache-2.0
"""What `seal explore` and `seal run` refuse before any process starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seal_bringup.cli import app as cli
from seal_bringup.evaluation import coverage
from seal_bringup.paced import explore as paced_explore
from seal_bringup.stack import runner
from seal_bringup.stack.config import StackConfig, shared_folder
from seal_bringup.stack.runner import RunResult, prepare

SIM = str(shared_folder("config") / "sim.yaml")


class Started(Exception):
    """The nodes would start now."""


@pytest.fixture(autouse=True)
def no_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(config: StackConfig, *more: object) -> RunResult:
        raise Started

    monkeypatch.setattr(runner, "run_stack", start)
    monkeypatch.setattr(paced_explore, "run_in_process", start)


def seal(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["seal", *words])
    cli.main()


def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stop:
        seal(monkeypatch, *words)
    assert stop.value.code == 1
    return " ".join(capsys.readouterr().err.split())


COMMANDS = (("explore",), ("run", SIM), ("explore", "--paced", "--rtf", "0"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("left", ["bag/bag.mcap", "map.npz", "topdown.png"])
def test_a_folder_that_holds_a_run_is_refused_and_kept(
    command: tuple[str, ...],
    left: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / left).parent.mkdir(exist_ok=True)
    (tmp_path / left).write_text("recorded")
    said = refusal(monkeypatch, capsys, *command, "--out", str(tmp_path))
    assert f"already holds a run ({left.split('/')[0]}); name another folder by --out, or add --overwrite" in said
    assert (tmp_path / left).read_text() == "recorded"
    with pytest.raises(Started):
        seal(monkeypatch, *command, "--out", str(tmp_path), "--overwrite")


def test_a_folder_in_which_nothing_was_recorded_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(StackConfig(run_dir=tmp_path))
    (tmp_path / "log").mkdir()
    with pytest.raises(Started):
        seal(monkeypatch, "explore", "--out", str(tmp_path))


def test_nothing_of_the_run_before_stands_beside_one_that_fails(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    for name in ("bag/metadata.yaml", "map.npz", "trajectory.json", "status.json", "truth.json", "coverage.json"):
        (tmp_path / name).touch()
    coverage.write_top_down(tmp_path / "topdown.png", coverage.np.zeros((4, 4, 3), coverage.np.uint8))
    prepare(StackConfig(run_dir=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]


@pytest.mark.parametrize("command", COMMANDS[:2])
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--scene", "nowhere"), "no home and no folder is called 'nowhere'"),
        (("--scene", "train_02@objects=x"), "objects=x"),
    ],
)
def test_a_wrong_scene_is_told_before_nodes_start(
    command: tuple[str, ...],
    words: tuple[str, ...],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = refusal(monkeypatch, capsys, *command, *words, "--out", str(tmp_path / "run"))
    assert text in said and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--policy", "greedy"), "unknown policy 'greedy'; expected one of: frontier, random"),
        (("--weights", "gone.safetensors"), "no weights at gone.safetensors"),
        (("--weights", __file__), "is not a safetensors file"),
        (("--seed", "-3"), "seed must be 0 (the scene's own start) or more, got -3"),
    ],
)
def test_wrong_values_are_told_before_nodes_start(
    words: tuple[str, ...],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = refusal(monkeypatch, capsys, "explore", *words, "--out", str(tmp_path / "run"))
    assert text in said and not (tmp_path / "run").exists()


@pytest.mark.parametrize("by_typer", [False, True], ids=["raised", "typer's exit code"])
@pytest.mark.parametrize(("command", "goes_on"), [("label", True), ("explore", False)])
def test_an_interrupt_says_whether_the_command_goes_on(
    command: str,
    goes_on: bool,
    by_typer: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(standalone_mode: bool) -> int:
        if by_typer:
            return 130
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    monkeypatch.setattr(sys, "argv", ["seal", command])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = capsys.readouterr().err
    assert stop.value.code == 130 and "interrupted" in said and ("run the same command again" in said) == goes_on
