# SPDX-License-Identifier: Apache-2.0
"""Scenes that are broken: one line that names the file and what to do, never a traceback, never another file's text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from tests.sim.scenes.scene_files import (
    ROOM,
    box_model,
    glb_bytes,
    mesh_visual,
    room_meshes,
    write_dae,
    write_model,
    write_world,
)
from tests.sim.scenes.test_scene_export import scene as scene

from seal_perception.errors import InputError
from sim_bridge.geometry.mesh import Scene
from sim_bridge.scenes.load import read_scene
from sim_bridge.scenes.pieces import SceneOptions
from sim_bridge.scenes.stages.write import write_habitat
from sim_bridge.worlds import open_embedded, require_scene

BOMB = "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;'><!ENTITY f SYSTEM 'file:///etc/passwd'>]>"

ENCODED = b"<?xml version='1.0' encoding='%s'?><sdf><world/></sdf>"


def _text(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return write


def _bytes(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def _world(body: str) -> Callable[[Path], Path]:
    return lambda folder: write_world(folder, body)


def _itself(folder: Path) -> Path:
    write_model(folder / "models", "a", "<include><uri>model://b</uri></include>")
    write_model(folder / "models", "b", "<include><uri>model://a</uri></include>")
    return write_world(folder, "<include><uri>model://a</uri></include>")


def _doubling(folder: Path) -> Path:
    """Twenty models, each of which holds the next one twice: a million boxes out of a few lines."""
    for k in range(20):
        write_model(folder / "models", f"m{k}", f"<include><uri>model://m{k + 1}</uri></include>" * 2)
    write_model(
        folder / "models", "m20", "<link name='l'><visual name='v'><geometry><empty/></geometry></visual></link>"
    )
    return write_world(folder, "<include><uri>model://m0</uri></include>")


def _bad_dae(text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "a.dae").write_text(text)
        return write_world(folder, f"<model name='m'>{mesh_visual('a.dae')}</model>")

    return write


def _bomb_dae(folder: Path) -> Path:
    write_dae(folder / "a.dae", head=BOMB)
    return write_world(folder, f"<model name='m'>{mesh_visual('a.dae')}</model>")


def _cut_glb(folder: Path) -> Path:
    data = room_meshes().export(file_type="glb")
    (folder / "cut.glb").write_bytes(data[:-200])
    return folder / "cut.glb"


def _no_faces(folder: Path) -> Path:
    (folder / "points.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    return folder / "points.obj"


def _nothing_but_nan(folder: Path) -> Path:
    box = trimesh.creation.box()
    vertices = np.full_like(np.asarray(box.vertices), np.nan)
    trimesh.Trimesh(vertices, box.faces, process=False).export(folder / "nan.glb")
    return folder / "nan.glb"


CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no XML": (_text("a.world", "<sdf><world>"), r"a\.world is not valid XML"),
    "a document type": (_text("a.world", BOMB + "<sdf><world/></sdf>"), r"a\.world has a document type .* remove it"),
    "another root": (_text("a.sdf", "<robot/>"), r"a\.sdf is not SDF: its root is <robot>"),
    "a pointer of Git LFS": (
        _text("a.world", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
        r"Git LFS pointer.*git lfs pull",
    ),
    "an empty world": (_world(""), "test shows nothing"),
    "a short pose": (_world(box_model("m", pose="0 0 0")), r"test\.world: <pose> needs 6 numbers, got '0 0 0'"),
    "a pose of words": (_world(box_model("m", pose="a b c d e f")), "<pose> needs 6 numbers"),
    "a pose that is no number": (_world(box_model("m", pose="nan 0 0 0 0 0")), "<pose> needs 6 numbers"),
    "a size below zero": (_world(box_model("m", size="1 -1 1")), "<box> needs a positive <size>"),
    "an unknown frame": (
        _world("<model name='m'><pose relative_to='nowhere'>0 0 0 0 0 0</pose><link name='l'/></model>"),
        "relative to 'nowhere', but there is no such frame",
    ),
    "frames in a circle": (
        _world(
            "<model name='m'><frame name='a'><pose relative_to='b'/></frame><frame name='b'><pose relative_to='a'/>"
            "</frame><link name='l'><pose relative_to='a'/><visual name='v'><geometry><box><size>1 1 1</size></box>"
            "</geometry></visual></link></model>"
        ),
        "is relative to itself",
    ),
    "models that include each other": (_itself, "includes itself"),
    "a model that doubles and doubles": (_doubling, "does a model include itself"),
    "a mesh outside the folders": (
        _world(f"<model name='m'>{mesh_visual('../../../../../../../../etc/a.dae')}</model>"),
        r"leads out of the scene's folders.*--models",
    ),
    "a model outside the folders": (
        _world("<include><uri>model://../../../../../../../../etc</uri></include>"),
        "leads out of the scene's folders",
    ),
    "a broken mesh": (_bad_dae("<COLLADA"), r"a\.dae is not valid XML"),
    "a mesh that is something else": (_bad_dae("<html/>"), r"a\.dae is not a readable COLLADA file"),
    "a mesh with a document type": (_bomb_dae, r"a\.dae has a document type"),
    "half a file": (_cut_glb, r"cut\.glb is not a readable glb file"),
    "no glTF": (_bytes("a.glb", b"hello, this is no glTF at all"), "does not begin with 'glTF'"),
    "an old glTF": (_bytes("a.glb", glb_bytes({}, version=1)), "version 1; only version 2 is read"),
    "a compressed glTF": (
        _bytes("a.glb", glb_bytes({"asset": {"version": "2.0"}, "extensionsRequired": ["KHR_draco_mesh_compression"]})),
        "compressed with KHR_draco_mesh_compression, which is not read",
    ),
    "a glTF that reads other files": (
        _text(
            "a.gltf",
            json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": "../../../etc/passwd", "byteLength": 4}]}),
        ),
        r"a\.gltf is not a readable gltf file",
    ),
    "a box of two kilometres": (_world(box_model("m", size="2000 2000 1")), r"2000 x 2000 m at the floor.*--scale"),
    "two bytes a letter": (_bytes("a.world", ENCODED % b"gb2312"), r"a\.world has an encoding .* save it as UTF-8"),
    "letters of Japan": (_bytes("a.world", ENCODED % b"shift_jis"), r"a\.world has an encoding .* save it as UTF-8"),
    "an unknown encoding": (_bytes("a.world", ENCODED % b"klingon"), r"a\.world .*encoding"),
    "a mesh in two bytes a letter": (
        _bad_dae("<?xml version='1.0' encoding='gb2312'?><COLLADA/>"),
        r"a\.dae has an encoding",
    ),
    "a glTF whose asset is a list": (_bytes("a.glb", glb_bytes({"asset": []})), "its 'asset' must be an object, got"),
    "a glTF that needs null": (
        _bytes("a.glb", glb_bytes({"asset": {"version": "2.0"}, "extensionsRequired": None})),
        "its 'extensionsRequired' must be a list, got None",
    ),
    "a glTF nested without end": (_text("a.gltf", "[" * 100_000), r"a\.gltf is not a readable glTF file"),
    "no faces": (_no_faces, "points shows nothing"),
    "corners that are no numbers": (_nothing_but_nan, "nan shows nothing"),
    "text that is no scene": (_text("notes.txt", "hello"), "no scene that is read here; expected a home"),
    "a stage without its mesh": (
        _text("a.stage_config.json", '{"render_asset": "gone.glb"}'),
        "'render_asset' is 'gone.glb', but there is no such file",
    ),
    "a stage that is no table": (_text("a.stage_config.json", "[1]"), "must hold a JSON object, got list"),
    "a stage that is no JSON": (_text("a.stage_config.json", "{"), "not valid JSON"),
    "a scene without a stage": (_text("a.scene_instance.json", "{}"), "needs a 'stage_instance'"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_broken_scene_is_one_line(case: str, tmp_path: Path) -> None:
    write, message = CASES[case]
    path = write(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        read_scene(path)
    text = str(error.value)
    assert "\n" not in text and len(text) < 500 and "root:" not in text


def test_the_simulator_says_the_same(tmp_path: Path) -> None:
    path = write_world(tmp_path, box_model("m", pose="1 2"))
    require_scene(path)
    with pytest.raises(InputError, match="needs 6 numbers"):
        open_embedded(path)
    with pytest.raises(InputError, match=r"no file or folder .*gone\.world; expected a scene"):
        require_scene(tmp_path / "gone.world")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("room.semantic.txt", "HM3D Semantic Annotations", "hello", "must begin with 'HM3D Semantic Annotations'"),
        ("room.semantic.txt", ',"floor",0', ",floor", "line 2: expected id,RRGGBB"),
        ("room.semantic.txt", "\n2,", "\n1,", "two objects have the id 1"),
        ("room.stage_config.json", "semantic.txt", "gone.txt", "'semantic_descriptor_filename' is 'room.gone.txt'"),
        ("room.stage_config.json", '"front": [\n  0,\n  0,\n  -1', '"front": [\n  0,\n  1,\n  0', "at right angles"),
        ("room.stage_config.json", '"units_to_meters": 1.0', '"units_to_meters": "m"', "needs 1 numbers"),
    ],
)
def test_broken_semantics_are_one_line(
    scene: Scene, tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    write_habitat(scene, tmp_path / "out")
    path = tmp_path / "out" / "stages" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        read_scene(tmp_path / "out" / "stages" / "room.stage_config.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [("[", "not valid JSON"), ("[]", "must map names"), ('{"m": "dragon"}', "'dragon'; expected null or one of chair")],
)
def test_broken_overrides_are_one_line(tmp_path: Path, table: str, message: str) -> None:
    (tmp_path / "c.json").write_text(table)
    path = write_world(tmp_path, ROOM)
    with pytest.raises(InputError, match=message):
        read_scene(path, SceneOptions(categories=tmp_path / "c.json"))


@pytest.mark.parametrize("options", [{"up": "w"}, {"scale": 0.0}, {"scale": -1.0}])
def test_wrong_options_are_refused(options: dict) -> None:
    with pytest.raises(InputError, match="must be"):
        SceneOptions(**options)
