# SPDX-License-Identifier: Apache-2.0
"""Runs of searches in a small scene with true labels: results, resume, the report, and the command's mistakes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.policy.objectgoal.worlds import ByColour, chair_at, scene, wall

from seal_bringup.cli import app as cli
from seal_bringup.evaluation.object_search_truth import CAUSES
from seal_bringup.objectnav.detection_cache import CachedDetector
from seal_bringup.objectnav.figures import causes_text, figures, interval
from seal_bringup.objectnav.home_run import Place, run_home
from seal_bringup.objectnav.run import Watch, episodes_of, run_searches
from seal_bringup.objectnav.settings import SearchSettings
from seal_perception.errors import InputError
from seal_perception.files import sha256
from seal_perception.reading.text import read_json
from seal_policy.learned.config import NetworkConfig
from seal_policy.learned.network import GoalNetwork
from seal_policy.learned.weights import save_policy
from sim_bridge.evaluation.episodes import EpisodeConfig, make_episodes
from sim_bridge.scenes.write import write_scene_folder

SMALL = SearchSettings(policy="frontier", weights="oracle", episodes=3, max_steps=60, width=160, height=120)


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A room with a chair behind half a wall, as a scene's folder."""
    folder = tmp_path_factory.mktemp("scenes") / "flat"
    write_scene_folder(scene(wall((0.9, -3.0), (1.0, 1.6)), chair_at(2.2, -1.5)), folder)
    return folder


def without_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_an_interrupted_run_resumes_to_the_same_results(tmp_path: Path, flat: Path) -> None:
    (home,) = episodes_of([str(flat)], SMALL, tmp_path / "episodes").homes
    whole = run_home(str(flat), home, SMALL, Place(tmp_path / "whole"))
    assert any(row["success"] for row in whole) and all(row["poses"] and row["id"].startswith("flat:") for row in whole)

    def stop(number: int, steps: int) -> None:
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_home(str(flat), home, SMALL, Place(tmp_path / "parts"), stop)
    assert sorted(path.name for path in (tmp_path / "parts").glob("*.json")) == ["000.json", "001.json"]
    before = (tmp_path / "parts" / "000.json").read_bytes()
    taken: list[int] = []
    resumed = run_home(str(flat), home, SMALL, Place(tmp_path / "parts"), lambda number, steps: taken.append(steps))
    assert taken[:2] == [0, 0] and taken[2] > 0  # only the third was run
    assert (tmp_path / "parts" / "000.json").read_bytes() == before
    assert without_time(resumed) == without_time(whole)


def test_a_run_leaves_figures_and_a_page_and_refuses_other_settings(tmp_path: Path, flat: Path) -> None:
    lines: list[str] = []
    done: list[tuple[int, int]] = []
    watch = Watch(lines.append, lambda k, n: done.append((k, n)))
    result = run_searches([str(flat)], SMALL, tmp_path / "run", None, watch)
    assert (
        result["all"]["episodes"] == 3 and list(result["homes"]) == ["flat"] and list(result["categories"]) == ["chair"]
    )
    assert done == [(1, 3), (2, 3), (3, 3)] and lines[-1].startswith("flat: ")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "objects found" in page and page.count("data:image/png") == 3 and "flat 0: chair" in page
    kept = read_json(tmp_path / "run" / "objectnav.json")
    again = run_searches([str(flat)], SMALL, tmp_path / "run", None)
    assert again["steps_per_s"] is None and again["all"] == kept["all"]
    with pytest.raises(InputError, match="holds a run with another policy; name another --out"):
        run_searches([str(flat)], SearchSettings(**{**SMALL.__dict__, "policy": "random"}), tmp_path / "run", None)
    with pytest.raises(InputError, match="holds other files; name another --out"):
        run_searches([str(flat)], SMALL, flat, None)


@pytest.mark.parametrize("noise", [False, True])
def test_while_the_clock_runs_a_chair_is_found_and_stood_before(tmp_path: Path, flat: Path, noise: bool) -> None:
    settings = replace(SMALL, paced=True, noise=noise, episodes=1, max_steps=120)
    result = run_searches([str(flat)], settings, tmp_path / "run", None)
    (row,) = read_rows(tmp_path / "run" / "results" / "flat")
    assert row["stopped"] and result["settings"]["paced"] and result["settings"]["noise"] is noise
    assert row["success"] and row["cause"] == "success" and 0.1 < row["spl"] <= 1.0
    assert 10 < row["steps"] <= 121 and row["pictures"] == row["steps"] + 1 == len(row["poses"])
    last = row["poses"][-3:]
    assert max(abs(a - b) for a, b in zip(last[0], last[-1], strict=True)) < 0.15, "it stands"


def test_noise_is_for_paced_searches() -> None:
    with pytest.raises(InputError, match="noise is for paced searches"):
        replace(SMALL, noise=True)


def test_a_scene_that_changed_since_its_episodes_is_refused(tmp_path: Path, flat: Path) -> None:
    (home,) = episodes_of([str(flat)], SMALL, tmp_path / "episodes").homes
    other = tmp_path / "flat"
    write_scene_folder(scene(wall((0.9, -3.0), (1.0, 1.6)), chair_at(2.2, 1.5)), other)
    with pytest.raises(InputError, match="has changed since its episodes were made"):
        run_home(str(other), home, SMALL, Place(tmp_path / "results"))


def test_what_decides_a_search_is_in_its_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = SMALL.facts()
    monkeypatch.setattr("seal_bringup.objectnav.settings.model_digest", lambda model: "another")
    assert SMALL.facts() != before and replace(SMALL, seed=1).facts() != before


def test_detections_of_other_code_are_no_hits(tmp_path: Path, flat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector by colour in the place of weights: a second policy finds its pictures, other code none."""
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"w")
    made: list[CachedDetector] = []

    class Kept(CachedDetector):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr("seal_bringup.objectnav.home_run.load_detector", lambda path: ByColour())
    monkeypatch.setattr("seal_bringup.objectnav.home_run.CachedDetector", Kept)
    monkeypatch.setattr(SearchSettings, "weights_path", lambda self: weights)
    settings = replace(SMALL, episodes=1, max_steps=12)
    (home,) = episodes_of([str(flat)], replace(settings, weights="oracle"), tmp_path / "episodes").homes
    for name in ("first", "second"):
        run_home(str(flat), home, settings, Place(tmp_path / name, tmp_path / "cache.sqlite"))
    monkeypatch.setattr("seal_bringup.objectnav.home_run.imported_code", lambda *names: "other")
    run_home(str(flat), home, settings, Place(tmp_path / "third", tmp_path / "cache.sqlite"))
    assert [one.hits == one.asked > 0 for one in made] == [False, True, False] and made[0].hits == made[2].hits
    rows = [without_time(read_rows(tmp_path / name)) for name in ("first", "second", "third")]
    assert rows[0] == rows[1] == rows[2]


def read_rows(folder: Path) -> list[dict[str, Any]]:
    return [dict(read_json(path)) for path in sorted(folder.glob("*.json"))]


def test_a_learned_policy_explores_and_its_file_counts(tmp_path: Path, flat: Path) -> None:
    """Random weights: where it goes is not the point."""
    facts = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        file, network = tmp_path / f"policy_{seed}.safetensors", GoalNetwork(NetworkConfig())
        save_policy(file, network, "gainful_curiosity", {"command": "a test", "seed": seed})
        learned = {"policy": "gainful_curiosity", "policy_weights": str(file), "episodes": 1, "max_steps": 20}
        settings = replace(SMALL, **learned)
        run_searches([str(flat)], settings, tmp_path / f"run_{seed}", None)
        facts.append(settings.facts())
        (one,) = read_rows(tmp_path / f"run_{seed}" / "results" / flat.name)
        assert 0 < one["steps"] <= 20
    assert facts[0] != facts[1] == {**facts[0], "policy_weights": sha256(file)}
    assert "policy_weights" not in SMALL.facts()


def test_a_category_that_the_home_lacks_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^room has no bed that a robot can be sent to; it has chair$"):
        make_episodes(scene(chair_at(2.0, 0.0)), 2, config=EpisodeConfig(only=(3,)))
    made = make_episodes(scene(chair_at(2.0, 0.0)), 2, config=EpisodeConfig(only=(0,)))
    assert {episode.category for episode in made.episodes} == {0}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ("--category", "sofa"),
            "unknown category 'sofa'; expected one of chair, couch, potted plant, bed, toilet, tv",
        ),
        (("--policy", "best"), "unknown policy 'best'; expected one of"),
        (("--policy", "ans"), "no weights come with the policy ans: `seal train-policy ans` makes them"),
        (("--policy", "ans", "--policy-weights", "nowhere"), "no policy at nowhere; expected a .safetensors file"),
        (("--policy-weights", "x"), "policy weights are for gainful_curiosity, ans, semantic_curiosity"),
        (("--homes", "test_99"), "no home and no folder is called 'test_99'"),
        (("--weights", "nowhere.safetensors"), "no weights at nowhere.safetensors"),
        (("--weights", "coco"), "searches need weights in a file"),
        (("--homes", "{flat}", "--category", "bed"), "room has no bed that a robot can be sent to; it has chair"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...], text: str, tmp_path: Path, flat: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    more = [word.replace("{flat}", str(flat)) for word in words]
    weights = [] if "--weights" in words else ["--weights", "oracle"]
    monkeypatch.setattr(sys, "argv", ["seal", "objectnav", *more, *weights, "--out", str(tmp_path / "x")])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    error = capsys.readouterr().err
    assert stop.value.code == 1 and text in error and len(error.splitlines()) == 1


def row(cause: str, spl: float = 0.0) -> dict[str, Any]:
    return {"cause": cause, "success": cause == "success", "spl": spl, "steps": 10, "path_m": 2.0, "seconds": 1.0}


def test_figures_by_hand() -> None:
    rows = [row("success", 1.0), row("success", 0.5), row("stuck"), row("wrong_thing")]
    found = figures(rows)
    assert found["success"]["mean"] == 0.5 and found["spl"]["mean"] == 0.375 and found["steps"] == 40
    assert found["causes"]["stuck"] == 1 and sum(found["causes"].values()) == 2 and set(found["causes"]) == set(CAUSES)
    assert causes_text(found["causes"]) == "1 wrong thing, 1 stuck"
    low, high = found["success"]["interval"]
    assert 0.0 <= low < 0.5 < high <= 1.0
    assert interval([]) is None and interval([0.3, 0.3]) == [0.3, 0.3]
    assert figures([])["success"] == {"mean": None, "interval": None}
