# SPDX-License-Identifier: Apache-2.0
"""The experiment on exploring all homes, and its table in docs/exploration.md."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seal_bringup.experiments import explore_homes, paced
from seal_bringup.experiments.explore_homes import (
    SEEDS,
    Settings,
    explore_home,
    parse_seeds,
    read_kept_end,
    run_key,
    summary,
    with_line,
)
from seal_bringup.experiments.explore_sheet import GAP, TILE, sheet
from seal_bringup.provenance import code_hash
from seal_perception.errors import InputError
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.geometry.mesh import Lamp, Material, Mesh, Part, Scene

SMALL = Settings(steps=15, width=64, height=48)


def box_room(wide: float = 4.0) -> EmbeddedSimulator:
    """An empty room of `wide` x 3 m, open above."""
    corners = np.array([[x, y, z] for z in (0.0, 2.0) for y in (0.0, 3.0) for x in (0.0, wide)], np.float32)
    quads = ((0, 1, 3, 2), (0, 4, 5, 1), (1, 5, 7, 3), (3, 7, 6, 2), (2, 6, 4, 0))
    faces = np.array([f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))], np.int32)
    grey = Material(np.full((1, 1, 3), 128, np.uint8), "grey")
    mesh = Mesh(corners, faces, np.zeros((10, 3, 2), np.float32), np.zeros(10, np.int32), (grey,))
    scene = Scene("room", (Part("room", mesh),), (Lamp((1.0, 1.0, 1.9)),), (2.0, 1.5))
    return EmbeddedSimulator(scene, EmbeddedConfig(width=64, height=48, light=explore_homes.UNLIT, cache_light=False))


def test_a_home_is_explored_once_and_its_figures_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = explore_home("room", SMALL, tmp_path, box_room())
    assert row["floor_m2"] == pytest.approx((4.0 - 0.38) * (3.0 - 0.38), abs=0.4)
    assert 0.5 < row["seen_share"] <= 1.0 and row["stuck_steps"] == 0 and row["contacts"] == 0
    assert row["turns"] >= 12 and row["outside_free_space"] == 0
    monkeypatch.setattr(explore_homes, "_run", lambda *_: pytest.fail("ran again"))
    assert explore_home("room", SMALL, tmp_path, box_room()) == row
    end = read_kept_end(tmp_path / f"room_{SMALL.seed}.npz")
    assert len(end.poses) == len(end.explored_m2) == 16 and end.explored.cells.any() and len(end.goals) == row["goals"]
    assert with_line(tmp_path / f"room_{SMALL.seed}.npz", row) == {**row, "line": None}
    few = with_line(tmp_path / f"room_{SMALL.seed}.npz", {**row, "seen_share": 0.3})
    assert few["line"].startswith("only 30 % of the reachable floor was seen in 15 steps")


def test_another_room_or_setting_is_run_anew(tmp_path: Path) -> None:
    keys = {run_key(box_room(), SMALL), run_key(box_room(4.5), SMALL), run_key(box_room(), Settings(steps=16))}
    assert len(keys) == 3 and run_key(box_room(), SMALL) in keys
    with_weights = replace(SMALL, weights=str(tmp_path / "w.safetensors"))
    for text in ("one", "another"):  # the same path with other bytes is another detector
        (tmp_path / "w.safetensors").write_text(text)
        keys.add(run_key(box_room(), with_weights))
    assert len(keys) == 5
    explore_home("room", SMALL, tmp_path, box_room())
    wider = explore_home("room", SMALL, tmp_path, box_room(4.5))
    assert wider["floor_m2"] == pytest.approx((4.5 - 0.38) * (3.0 - 0.38), abs=0.4)


def test_kept_figures_are_of_the_same_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room, before = box_room(), run_key(box_room(), SMALL)
    for part in ("seal_perception", "seal_mapping", "seal_policy", "sim_bridge", "seal_bringup.evaluation.coverage"):
        assert part in explore_homes.CODE and part in paced.CODE
    assert "seal_bringup.evaluation.standstill" in explore_homes.CODE
    monkeypatch.setattr(explore_homes, "code_hash", lambda *names: "changed")
    assert run_key(room, SMALL) != before


def test_the_hash_of_code_is_of_all_its_files_but_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("__init__", "a", "sub/__init__", "sub/b", "nodes/__init__", "nodes/c"):
        file = tmp_path / "hashed_code" / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"# {name}\n")
    monkeypatch.syspath_prepend(tmp_path)
    first, of_module = code_hash("hashed_code"), code_hash("hashed_code.a")
    for name, changes in (("a", True), ("sub/b", True), ("nodes/c", False)):
        before = code_hash("hashed_code")
        (tmp_path / "hashed_code" / f"{name}.py").write_text("# other\n")
        assert (code_hash("hashed_code") != before) is changes, name
    assert first != code_hash("hashed_code") and of_module != code_hash("hashed_code.a") != code_hash("hashed_code")
    with pytest.raises(ValueError, match=r"no source of hashed_code\.absent"):
        code_hash("hashed_code.absent")


def row(seen: float, contacts: int = 0, stuck: int = 0, line: str | None = None) -> dict[str, Any]:
    return {
        "seen_share": seen,
        "curve": [seen / 2, seen],
        "contacts_per_100_steps": contacts / 5,
        "stuck_steps": stuck,
        "longest_standstill": 9,
        "outside_free_space": 0,
        "path_m": 80.0,
        "squeezed": stuck,
        "line": line,
    }


def test_summary_by_hand() -> None:
    rows = {
        "train_01": {"0": row(0.9), "1": row(0.5, line="why")},
        "train_02": {"0": row(1.0, contacts=10)},
        "test_01": {"0": row(0.59, stuck=21)},
    }
    table = summary(rows)
    assert table["train"]["mean_seen_share"] == 0.8 and table["train"]["runs"] == 3 and table["train"]["homes"] == 2
    assert table["test"] == {**table["test"], "homes": 1, "stuck_runs": 1, "least_seen_share": 0.59, "squeezed_runs": 1}
    assert table["all"]["below_60_percent"] == 2 and table["all"]["below_60_percent_without_a_line"] == 1
    assert table["all"]["lines"] == 1 and table["train"]["below_60_percent_without_a_line"] == 0
    assert table["test"]["mean_curve"] == [0.295, 0.59]
    assert "test" not in summary({"train_01": {"0": row(0.9)}})


def test_start_seeds_are_whole_numbers_each_once() -> None:
    assert parse_seeds("3, 1,3") == (3, 1) and len(SEEDS) == 6
    for wrong in ("", "1,-2", "a"):
        with pytest.raises(InputError, match="whole numbers with commas"):
            parse_seeds(wrong)


def test_settings_that_run_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Settings(steps=0)


def test_the_sheet_keeps_one_scale_and_names_what_is_missing(tmp_path: Path) -> None:
    for name, size in (("large", (600, 300)), ("small", (300, 300))):
        Image.new("RGB", size, "black").save(tmp_path / f"{name}.png")
    files = {name: tmp_path / f"{name}.png" for name in ("large", "small")}
    pixels = np.asarray(sheet(files, {"large": "", "small": ""}))
    assert pixels.shape[1] == 2 * (TILE + GAP) + GAP
    dark = (pixels[..., 0] < 64).sum(axis=0)
    assert (dark[: TILE + GAP] > 0).sum() == TILE and (dark[TILE + GAP + GAP :] > 0).sum() == TILE // 2
    with pytest.raises(InputError, match=r"no picture .*other\.png"):
        sheet({"other": tmp_path / "other.png"}, {"other": ""})


def test_the_table_in_the_docs_says_what_was_measured(repo_root: Path) -> None:
    result = json.loads((repo_root / "results" / "explore_homes.json").read_text())
    page = (repo_root / "docs" / "exploration.md").read_text()
    lines = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    homes, total = result["homes"], result["summary"]
    assert len(homes) == 30 and result["settings"]["seed"] == list(SEEDS)
    for home, by_seed in homes.items():
        assert list(by_seed) == [str(seed) for seed in SEEDS]
        rows = list(by_seed.values())
        least = min(by_seed, key=lambda seed: by_seed[seed]["seen_share"])
        cells = [cell.strip() for cell in lines[f"`{home}`"].strip("|").split("|")[1:]]
        assert cells == [
            f"{np.mean([figures['floor_m2'] for figures in rows]):.1f}",
            *(f"{100 * np.mean([figures['curve'][k] for figures in rows]):.1f}" for k in (0, 2)),
            f"{100 * by_seed[least]['seen_share']:.1f} ({least})",
            f"{np.mean([figures['path_m'] for figures in rows]):.0f}",
            f"{np.mean([figures['contacts_per_100_steps'] for figures in rows]):.2f}",
            str(max(figures["longest_standstill"] for figures in rows)),
            str(sum(figures["squeezed"] > 0 for figures in rows)),
            str(sum(bool(figures["line"]) for figures in rows)),
        ], home
    for split, name in (("all", "all 30"), ("train", "training homes"), ("test", "test homes")):
        cells = [cell.strip() for cell in lines[f"**{name}**"].strip("|").split("|")[1:]]
        of = total[split]
        shares = [f"{100 * share:.1f}" for share in (of["mean_curve"][0], of["mean_curve"][2], of["least_seen_share"])]
        assert cells[1:4] == shares
        assert cells[5:] == [
            f"{of['contacts_per_100_steps']:.2f}",
            *(str(of[name]) for name in ("longest_standstill", "squeezed_runs", "lines")),
        ]
    assert total["all"]["mean_seen_share"] >= 0.9  # the bars set before measuring
    assert total["all"]["below_60_percent_without_a_line"] == 0
    assert total["all"]["outside_free_space"] == 0
