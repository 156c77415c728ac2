# SPDX-License-Identifier: Apache-2.0
"""The experiment on exploring all homes, and its table in docs/exploration.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seal_bringup.experiments import explore_homes, paced
from seal_bringup.experiments.explore_homes import Settings, explore_home, run_key, summary
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


def test_another_room_or_setting_is_run_anew(tmp_path: Path) -> None:
    keys = {run_key(box_room(), SMALL), run_key(box_room(4.5), SMALL), run_key(box_room(), Settings(steps=16))}
    assert len(keys) == 3 and run_key(box_room(), SMALL) in keys
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


def row(seen: float, contacts: int = 0, stuck: int = 0) -> dict[str, Any]:
    return {
        "seen_share": seen,
        "curve": [seen / 2, seen],
        "contacts_per_100_steps": contacts / 5,
        "stuck_steps": stuck,
        "longest_standstill": 9,
        "outside_free_space": 0,
        "path_m": 80.0,
    }


def test_summary_by_hand() -> None:
    table = summary({"train_01": row(0.9), "train_02": row(1.0, contacts=10), "test_01": row(0.8, stuck=21)})
    assert table["train"]["mean_seen_share"] == 0.95 and table["train"]["contacts_per_100_steps"] == 1.0
    assert table["test"] == {**table["test"], "homes": 1, "stuck_homes": 1, "least_seen_share": 0.8}
    assert table["all"]["mean_seen_share"] == 0.9 and table["all"]["mean_curve"] == [0.45, 0.9]
    assert "test" not in summary({"train_01": row(0.9)})


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
    assert len(homes) == 30 and result["settings"]["steps"] == 500
    for home, figures in homes.items():
        shares = [f"{100 * share:.1f}" for share in (figures["curve"][0], figures["curve"][2], figures["seen_share"])]
        cells = [cell.strip() for cell in lines[f"`{home}`"].strip("|").split("|")[1:]]
        assert cells[:4] == [f"{figures['floor_m2']:.1f}", *shares], home
        assert cells[4:] == [
            f"{figures['path_m']:.0f}",
            f"{figures['contacts_per_100_steps']:.1f}",
            str(figures["longest_standstill"]),
        ], home
    for split, name in (("all", "all 30"), ("train", "training homes"), ("test", "test homes")):
        cells = [cell.strip() for cell in lines[f"**{name}**"].strip("|").split("|")[1:]]
        assert cells[3] == f"{100 * total[split]['mean_seen_share']:.1f}"
        assert cells[5] == f"{total[split]['contacts_per_100_steps']:.2f}"
        assert cells[6] == str(total[split]["longest_standstill"])
    assert total["all"]["mean_seen_share"] >= 0.9  # the bars set before measuring
    assert total["all"]["stuck_homes"] == 0
    assert total["all"]["outside_free_space"] == 0
