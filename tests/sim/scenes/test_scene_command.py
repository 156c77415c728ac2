# SPDX-License-Identifier: Apache-2.0
"""`seal scene`: list, render, frames, info, import, export."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
import typer
from tests.sim.scenes.scene_files import ROOM, box_model, write_world
from typer.testing import CliRunner

from seal_bringup.cli.scene import register
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.homes.build import HOMES
from sim_bridge.scenes.write import new_folder

app = typer.Typer()
register(app)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["scene", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache of light, so that a home's is baked once for all tests that draw it."""
    return str(tmp_path_factory.mktemp("cache"))


def test_list_names_every_home() -> None:
    assert tuple(run("list").split()) == HOMES


def test_render_writes_pictures_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, baked: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", baked)
    run("render", "test_01", "--out", str(tmp_path / "out"), "--views", "1")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["test_01_top.png", "test_01_view_00.png"]
    assert cv2.imread(str(tmp_path / "out" / "test_01_view_00.png")).shape == (480, 640, 3)


def test_a_picture_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    closed: list[object] = []
    monkeypatch.setattr(EmbeddedSimulator, "close", lambda self: closed.append(self))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "test_top.png").write_text("the last one")
    monkeypatch.setattr(cv2, "imwrite", lambda path, _: not Path(path).write_text("half"))
    path = write_world(tmp_path, ROOM)
    with pytest.raises(OSError, match="cannot write"):
        run("render", str(path), "--out", str(tmp_path / "out"), "--views", "0")
    assert len(closed) == 1 and [entry.name for entry in (tmp_path / "out").iterdir()] == ["test_top.png"]
    assert (tmp_path / "out" / "test_top.png").read_text() == "the last one"


def test_frames_writes_a_dataset_and_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, baked: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", baked)
    output = run("frames", "test_01", "--out", str(tmp_path / "frames"), "--count", "3", "--width", "64")
    dataset = CocoDataset(tmp_path / "frames")
    stored = json.loads((tmp_path / "frames" / "poses.json").read_text())
    assert len(dataset) == 3 and dataset.image(0).shape == (48, 64, 3)
    assert stored["home"] == "test_01" and stored["sha256"] in output.replace("\n", "")


def test_info_says_what_is_there_and_what_was_mended(tmp_path: Path) -> None:
    path = write_world(
        tmp_path, ROOM + box_model("Sofa", "2 1 0.4 0 0 0") + "<include><uri>model://gone</uri></include>"
    )
    facts = json.loads(run("info", str(path), "--json"))
    assert facts["name"] == "test" and facts["instances"] == 2 and facts["triangles"] == 72
    assert facts["categories"]["couch"] == 1 and sum(facts["categories"].values()) == 1
    # The room is 5.9 x 4.9 m inside; the robot's centre keeps 0.18 m off its walls and the box of 0.4 x 0.4 m.
    assert facts["reachable_m2"] == pytest.approx(5.52 * 4.52 - 0.76**2, rel=0.03)
    np.testing.assert_allclose(facts["size_m"], [6.1, 5.1, 2.6], atol=0.01)
    assert len(facts["notes"]) == 1 and "model://gone" in facts["notes"][0]
    assert facts["triangles_drawn"] > facts["triangles"]
    _, instances, triangles, floor, note = run("info", str(path)).splitlines()
    assert instances == "2 instances, 1 of them in a category: 1 couch"
    drawn = round(facts["triangles_drawn"] / 1000)
    assert triangles.startswith(f"72 triangles ({drawn} k as drawn") and "m2 for a robot" in floor
    assert note.startswith("note: the model 'model://gone'")


def test_an_imported_scene_has_its_folders_name_and_keeps_its_notes(tmp_path: Path) -> None:
    path = write_world(tmp_path / "in", ROOM + "<include><uri>model://gone</uri></include>")
    run("import", str(path), str(tmp_path / "room_w"))
    run("import", str(tmp_path / "room_w"), str(tmp_path / "again"))
    for name in ("room_w", "again"):
        facts = json.loads(run("info", str(tmp_path / name), "--json"))
        assert facts["name"] == name
        assert len(facts["notes"]) == 1 and "model://gone" in facts["notes"][0]
    about = tmp_path / "room_w" / "scene.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "notes": 7}))
    with pytest.raises(InputError, match="'notes' must be a list of lines"):
        run("info", str(tmp_path / "room_w"))


def test_import_export_and_back(tmp_path: Path) -> None:
    path = write_world(tmp_path / "in", ROOM + box_model("Stool", "2 1 0.4 0 0 0"))
    (tmp_path / "c.json").write_text('{"Stool*": "chair"}')
    output = run("import", str(path), str(tmp_path / "mine"), "--categories", str(tmp_path / "c.json"))
    assert "2 instances, 1 of them in a category" in " ".join(output.split())
    run("export", str(tmp_path / "mine"), str(tmp_path / "habitat"))
    run("export", str(tmp_path / "mine"), str(tmp_path / "again"), "--format", "glb")
    for place in (tmp_path / "mine", tmp_path / "habitat" / "stages" / "mine.stage_config.json", tmp_path / "again"):
        facts = json.loads(run("info", str(place), "--json"))
        assert facts["categories"]["chair"] == 1 and facts["instances"] == 2


def test_a_scene_goes_into_the_folder_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_world(tmp_path / "in", ROOM + box_model("Stool", "2 1 0.4 0 0 0"))
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    run("import", str(path), ".")
    assert sorted(entry.name for entry in Path.cwd().iterdir()) == ["objects.json", "scene.glb", "scene.json"]
    (tmp_path / "mine" / "scene.json").unlink()
    assert json.loads(run("info", ".", "--json"))["name"] == "mine"
    (tmp_path / "mine" / "below").mkdir()
    assert json.loads(run("info", "below/..", "--json"))["name"] == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in", "mine"]
    with pytest.raises(InputError, match="is there already"):
        run("import", str(path), ".")


def test_two_processes_write_beside_each_other(tmp_path: Path) -> None:
    (tmp_path / ".mine.part").mkdir()
    (tmp_path / ".mine.part" / "of another process").touch()
    with new_folder(tmp_path / "mine") as folder:
        (folder / "scene.glb").touch()
    assert (tmp_path / ".mine.part" / "of another process").exists() and (tmp_path / "mine" / "scene.glb").exists()


def test_a_failed_write_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(OSError, match="disk"), new_folder(tmp_path / "mine") as folder:
        (folder / "objects.json").touch()
        raise OSError("disk full")
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize(
    "given", [("--models", "."), ("--up", "y"), ("--scale", "2"), ("--floor", "0"), ("--categories", "c.json")]
)
def test_options_without_effect_are_refused(
    tmp_path: Path, given: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.json").write_text('{"Stool": "chair"}')
    with pytest.raises(InputError, match=f"test_01 is a built-in home, so {given[0]} has no effect"):
        run("info", "test_01", *given)
    run("import", str(write_world(tmp_path / "in", ROOM + box_model("Stool", "2 1 0.4 0 0 0"))), "mine")
    if given[0] == "--categories":
        assert json.loads(run("info", "mine", "--json"))["categories"]["chair"] == 0
        assert json.loads(run("info", "mine", "--json", *given))["categories"]["chair"] == 1
    else:
        with pytest.raises(InputError, match=f"mine is a scene folder.* so {given[0]} has no effect"):
            run("info", "mine", *given)


def test_a_folder_without_a_floor_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    run("import", str(write_world(tmp_path / "in", ROOM)), str(tmp_path / "mine"))
    box = trimesh.creation.box((0.2, 0.2, 0.2))
    scene = trimesh.Scene()
    scene.add_geometry(box, node_name="room/0", geom_name="room/0")
    scene.export(tmp_path / "mine" / "scene.glb")
    for arguments in (("info", str(tmp_path / "mine")), ("import", str(tmp_path / "mine"), str(tmp_path / "again"))):
        with pytest.raises(InputError, match="scene mine: the robot fits nowhere"):
            run(*arguments)
    assert not (tmp_path / "again").exists()


def test_options_that_are_wrong_are_users_mistakes(tmp_path: Path) -> None:
    for arguments, message in (
        (("export", "test_01", str(tmp_path / "x"), "--format", "obj"), "habitat or glb"),
        (("info", "test_01", "--models", str(tmp_path / "gone")), "is no folder"),
        (("info", "attic"), "no home and no folder is called 'attic'"),
    ):
        with pytest.raises(InputError, match=message):
            run(*arguments)


def test_an_unknown_home_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train_01"):
        run("frames", "attic", "--out", str(tmp_path / "frames"))
