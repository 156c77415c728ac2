# SPDX-License-Identifier: Apache-2.0
"""`seal episodes` and the figures of a set."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from typer.testing import CliRunner

from seal_bringup.cli import app as cli
from seal_bringup.cli import episodes as command
from seal_bringup.evaluation.episode_figures import draw_distribution, figures
from seal_mapping.palette import category_colour
from sim_bridge.evaluation.episode_files import EpisodeSet, read_episodes
from sim_bridge.evaluation.episode_goals import GoalObject
from sim_bridge.evaluation.episodes import Episode, HomeEpisodes
from sim_bridge.homes.build import make_home
from sim_bridge.scenes.write import write_scene_folder

TV = 5


def home(name: str, rows: list[tuple[int, float, float]]) -> HomeEpisodes:
    goals = tuple(GoalObject(k + 1, f"thing {k}", k, (0.0, 0.0, 0.0), np.zeros((1, 2))) for k in {r[0] for r in rows})
    episodes = tuple(
        Episode(f"{name}:{i}", i + 1, (0.0, 0.0, 0.0), category, path, straight, category + 1)
        for i, (category, path, straight) in enumerate(rows)
    )
    return HomeEpisodes(name, "0", 0.1, goals, episodes)


TWO = EpisodeSet("mine", 0, (home("a", [(0, 2.0, 2.0), (0, 4.0, 2.0), (TV, 9.0, 3.0)]), home("b", [(0, 3.0, 3.0)])))


def test_figures_by_hand() -> None:
    chair, tv, every = figures(TWO)
    assert (chair.category, chair.episodes, chair.homes, chair.objects) == ("chair", 3, 2, 2)
    assert (chair.shortest_m, chair.median_m, chair.longest_m, chair.detour) == (2.0, 3.0, 4.0, 1.0)
    assert (tv.category, tv.episodes, tv.homes, tv.detour) == ("tv", 1, 1, 3.0)
    assert (every.category, every.episodes, every.homes, every.objects, every.median_m) == ("all", 4, 2, 3, 3.5)


def test_episodes_are_counted_in_whole_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), save(self, *a, **k)))
    draw_distribution(tmp_path / "picture.png", TWO)
    ticks = drawn[0].axes[0].get_yticks()
    assert (ticks == ticks.round()).all()


def test_the_picture_has_both_categories_colours(tmp_path: Path) -> None:
    draw_distribution(tmp_path / "new" / "picture.png", TWO)
    with Image.open(tmp_path / "new" / "picture.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape == (380, 1100, 3)
    for category in (0, TV):
        assert (pixels == category_colour(category)).all(axis=2).sum() > 200
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["picture.png"]


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["seal", "episodes", *words])
    cli.main()


def test_episodes_of_a_home_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "episodes"
    run(monkeypatch, "make", "--scene", "test_01", "--per-home", "6", "--out", str(out))
    (made,) = read_episodes(out).homes
    assert made.home == "test_01" and len(made.episodes) == 6
    assert len({e.category for e in made.episodes}) >= 4
    run(monkeypatch, "info", str(out), "--picture", str(tmp_path / "picture.png"))
    said = capsys.readouterr().out
    first, second, third, *info = said.splitlines()
    assert first == "6 episodes in test_01" and third == str(out / "manifest.json")
    assert second.startswith("test_01: 1/1 homes in 0:")
    assert "median path / straight" in said
    assert "for evaluation only" in info[0] and "all" in said and (tmp_path / "picture.png").is_file()


def test_a_home_that_is_finished_is_told_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 30.0, 70.0])
    monkeypatch.setattr(command.time, "monotonic", lambda: next(seconds))
    on_home = command._home_lines(["a", "b"])
    for row in (("a", 0, 2), ("b", 1, 2), ("b", 2, 2)):
        on_home(*row)
    assert capsys.readouterr().out.splitlines() == ["a: 1/2 homes in 0:30, 0:30 left", "b: 2/2 homes in 1:10"]


def test_the_split_that_is_taken_by_default_is_shown() -> None:
    shown = CliRunner().invoke(cli.app, ["episodes", "make", "--help"]).output
    assert "[default: (test; with --scene custom)]" in " ".join(shown.replace("\u2502", " ").split())


def test_a_folder_of_another_name_makes_a_set_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scene_folder(make_home("test_01"), tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")  # "." has a name too
    run(monkeypatch, "make", "--scene", ".", "--per-home", "2", "--out", str(tmp_path / "out"))
    found = read_episodes(tmp_path / "out")
    assert found.split == "custom"
    (made,) = found.homes
    assert made.home == "mine" and [e.id for e in made.episodes] == ["mine:0", "mine:1"]
    run(monkeypatch, "info", str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("make", "--split", "validation"), "unknown split 'validation'; expected one of train, val, test"),
        (("make", "--scene", "train_01", "--split", "test"), "train_01 is not of the split test; leave --split out"),
        (("make", "--scene", "train_21", "--split", "train"), "train_21 is not of the split train"),
        (("make", "--scene", "nowhere"), "no home and no folder is called 'nowhere'"),
        (("make", "--min-path-m", "-1"), "need 0 < success_m <= min_path_m"),
        (("info", "nowhere"), "holds no manifest.json"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ("--out", str(tmp_path / "x")) if words[0] == "make" else ()
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, *words, *more)
    error = capsys.readouterr().err
    assert stop.value.code == 1 and text in " ".join(error.split()) and "Traceback" not in error
    assert not (tmp_path / "x").exists()
