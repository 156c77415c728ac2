# SPDX-License-Identifier: Apache-2.0
"""`seal homes`: which homes an option names, what the statistics say, and that a sheet has a row per home."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from seal_bringup.cli.app import app
from seal_bringup.cli.homes import parse_names, split_lines
from seal_perception.errors import InputError


def test_names_of_an_option() -> None:
    assert parse_names("train_02, test_01") == ("train_02", "test_01")
    assert len(parse_names("all")) == 30 and len(parse_names("test,train_01")) == 6
    assert parse_names("train_03@objects=5,materials=2,test_01") == ("train_03@objects=5,materials=2", "test_01")


@pytest.mark.parametrize("text", ["", " , ", "kitchen", "train_26"])
def test_unknown_names_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"expected (names such as )?train_01"):
        parse_names(text)


def test_statistics_go_to_json(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    result = CliRunner().invoke(app, ["homes", "stats", "--homes", "train_20,test_05", "--json", str(path)])
    assert result.exit_code == 0, result.output
    assert "home     m2 reach m2 rooms chair" in result.output and "floor that the middle of a robot" in result.output
    assert "\ntest: 1 home\n" in result.output and ";," not in result.output
    data = json.loads(path.read_text())
    assert set(data["splits"]) == {"train", "test"} and data["splits"]["test"]["homes"] == 1
    train, test = data["homes"]
    assert train["name"] == "train_20" and 60 < train["area_m2"] < 80 and train["objects"]["bed"] >= 1
    assert 10 < train["reachable_m2"] < train["area_m2"] and len(train["rooms"]) == 6
    assert test["layout"] == "loft" and test["triangles"] < 250_000


def test_splits_are_told_in_lines() -> None:
    values = {
        "homes": 2,
        "layouts": ["loft", "ell_flat"],
        "area_m2": {"least": 60.0, "mean": 65.0, "most": 70.0},
        "reachable_m2": 80.0,
        "rooms": {"bedroom": 3},
        "objects": {"chair": 6, "tv": 1},
        "families": {"chair": ["slat", "wingback"], "tv": ["foot"], "bed": []},
        "others": 40,
        "kinds": ["desk", "rug"],
        "lamps": 9,
        "triangles": {"mean": 90000, "most": 91000},
    }
    assert split_lines("train", values) == [
        "train: 2 homes",
        "  area: 60.0 to 70.0 m2, mean 65.0 m2",
        "  in reach, all homes: 80.0 m2",
        "  triangles as drawn: mean 90000, most 91000",
        "  layouts: loft, ell_flat",
        "  rooms: 3 bedroom",
        "  instances: 6 chair, 1 tv; 40 others; 9 lamps",
        "  families of chair: slat, wingback",
        "  families of tv: foot",
        "  kinds of others: desk, rug",
    ]
    one = split_lines("test", {**values, "homes": 1})
    assert one[:3] == ["test: 1 home", "  area: 65.0 m2, 80.0 m2 of it in reach", "  triangles as drawn: 90000"]


def test_a_sheet_has_a_row_per_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    from sim_bridge import embedded
    from sim_bridge.drawing.light_config import LightConfig

    monkeypatch.setattr(embedded.EmbeddedConfig.__init__, "__defaults__", _plain(embedded, LightConfig(shadows=False)))
    out = tmp_path / "sheet.jpg"
    result = CliRunner().invoke(app, ["homes", "sheet", "--out", str(out), "--homes", "train_20"])
    assert result.exit_code == 0, result.output
    picture = cv2.imread(str(out))
    assert picture.shape == (249, 1230, 3) and picture.std() > 20


def _plain(embedded: object, light: object) -> tuple[object, ...]:
    """Defaults of the robot's settings with a light that costs nothing to bake."""
    from sim_bridge.drawing.light_config import HOME_LIGHT

    defaults = embedded.EmbeddedConfig.__init__.__defaults__  # type: ignore[attr-defined]
    return tuple(light if value is HOME_LIGHT else value for value in defaults)
