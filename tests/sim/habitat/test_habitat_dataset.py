# SPDX-License-Identifier: Apache-2.0
"""Data sets of Habitat's read without Habitat: defaults and paths of their configuration, templates by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from tests.sim.rooms import box_part, room

from seal_perception.errors import InputError
from sim_bridge.geometry.mesh import Scene
from sim_bridge.scenes.load import read_scene
from sim_bridge.scenes.stages.write import write_habitat

Z_UP = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
TAG = "%%CONFIG_NAME_AS_ASSET_FILENAME%%"
HM3D = {
    "up": [0, 0, 1],
    "front": [0, 1, 0],
    "origin": [0, 0, 0],
    "semantic_descriptor_filename": f"{TAG}.semantic.txt",
    "semantic_asset": f"{TAG}.semantic.glb",
}


def _chair_room() -> Scene:
    return room(box_part((1.0, 0.5, 0.0), (1.5, 1.5, 0.8)))


def _exported(tmp_path: Path, scene: Scene) -> Path:
    write_habitat(scene, tmp_path / "out")
    return tmp_path / "out" / "stages"


def _moved(source: Path, target: Path, T: np.ndarray) -> None:
    loaded = trimesh.load(source, force="scene", process=False)
    loaded.apply_transform(T)
    target.parent.mkdir(parents=True, exist_ok=True)
    loaded.export(target)


def _hm3d(tmp_path: Path, scene: Scene) -> Path:
    """A data set laid out and configured as HM3D is, z up in its files; returns its one bare stage."""
    stages = _exported(tmp_path, scene)
    stage = tmp_path / "hm3d" / "val" / "00800-TEE" / "TEE.basis.glb"
    _moved(stages / "room.glb", stage, Z_UP)
    _moved(stages / "room.semantic.glb", stage.parent / "TEE.semantic.glb", Z_UP)
    (stage.parent / "TEE.semantic.txt").write_text((stages / "room.semantic.txt").read_text())
    plain = {key: HM3D[key] for key in ("up", "front", "origin")}
    for name, defaults in (("hm3d_annotated_basis", HM3D), ("hm3d_basis", plain)):
        config = {"stages": {"default_attributes": defaults, "paths": {".glb": ["val/*/*.basis.glb"]}}}
        (tmp_path / "hm3d" / f"{name}.scene_dataset_config.json").write_text(json.dumps(config))
    return stage


@pytest.mark.parametrize("named", ["val/00800-TEE/TEE.basis.glb", "hm3d_annotated_basis.scene_dataset_config.json"])
def test_hm3d_stands_upright_by_its_data_sets_defaults(tmp_path: Path, named: str) -> None:
    scene = _chair_room()
    _hm3d(tmp_path, scene)
    found = read_scene(tmp_path / "hm3d" / named).scene
    assert [part.category for part in found.parts] == [part.category for part in scene.parts]
    np.testing.assert_allclose(found.parts[-1].mesh.bounds(), scene.parts[-1].mesh.bounds(), atol=1e-5)


def test_a_stage_without_the_semantics_of_the_defaults_is_read_and_says_so(tmp_path: Path) -> None:
    stage = _hm3d(tmp_path, _chair_room())
    (stage.parent / "TEE.semantic.txt").unlink()
    loaded = read_scene(stage)
    heights = np.stack([part.mesh.bounds()[:, 2] for part in loaded.scene.parts])
    assert heights.min() == pytest.approx(0.0, abs=1e-4) and heights.max() > 2.0  # upright all the same
    assert any("semantics that the data set names are not there" in note for note in loaded.notes)


def test_a_stages_own_words_count_before_the_defaults(tmp_path: Path) -> None:
    scene = _chair_room()
    stages = _exported(tmp_path, scene)
    config = {"stages": {"default_attributes": HM3D, "paths": {".json": ["stages"]}}}
    (tmp_path / "out" / "room.scene_dataset_config.json").write_text(json.dumps(config))
    for place in (stages / "room.stage_config.json", tmp_path / "out" / "room.scene_dataset_config.json"):
        found = read_scene(place).scene  # the stage says y up
        np.testing.assert_allclose(found.parts[-1].mesh.bounds(), scene.parts[-1].mesh.bounds(), atol=1e-5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"stages": []}, "'stages' must be a JSON object"),
        ({"stages": {"default_attributes": 3}}, "'default_attributes' must be a JSON object"),
        ({"stages": {"paths": {".glb": "stages"}}}, "the paths of 'stages' must be lists of names"),
        ({"stages": {"paths": {".glb": ["nowhere/*.glb"]}}}, "has 0 scenes in its paths or folders"),
    ],
)
def test_a_broken_configuration_is_one_line(tmp_path: Path, config: dict, message: str) -> None:
    path = tmp_path / "a.scene_dataset_config.json"
    path.write_text(json.dumps(config))
    with pytest.raises(InputError, match=message) as error:
        read_scene(path)
    assert "\n" not in str(error.value)


def test_configurations_that_differ_are_refused(tmp_path: Path) -> None:
    stages = _exported(tmp_path, _chair_room())
    for name, up in (("a", [0, 1, 0]), ("b", [0, 0, 1])):
        config = {"stages": {"default_attributes": {"up": up}}}
        (stages / f"{name}.scene_dataset_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"configurations that differ \(a.*, b.*\)"):
        read_scene(stages / "room.stage_config.json")


def test_the_semantic_mesh_is_scaled_and_moved_as_the_stage_is(tmp_path: Path) -> None:
    scene = _chair_room()
    stages = _exported(tmp_path, scene)
    centimetres = np.diag([100.0, 50.0, 100.0, 1.0])
    centimetres[:3, 3] = [300.0, 0.0, -200.0]
    for name in ("room.glb", "room.semantic.glb"):
        _moved(stages / name, stages / name, centimetres)
    path = stages / "room.stage_config.json"
    table = json.loads(path.read_text())
    more = {"units_to_meters": 0.01, "scale": [1, 2, 1], "origin": [3, 0, -2]}
    path.write_text(json.dumps({**table, **more}))
    found = read_scene(path).scene
    assert [part.category for part in found.parts] == [part.category for part in scene.parts]
    np.testing.assert_allclose(found.parts[-1].mesh.bounds(), scene.parts[-1].mesh.bounds(), atol=1e-4)


def test_semantics_of_another_place_are_refused_and_far_triangles_have_no_object(tmp_path: Path) -> None:
    stages = _exported(tmp_path, _chair_room())
    away = np.eye(4)
    away[:3, 3] = [30.0, 0.0, 0.0]
    path = stages / "room.semantic.glb"
    whole = path.read_bytes()
    _moved(path, path, away)
    with pytest.raises(InputError, match=r"room\.stage_config\.json: 100% of the triangles lie over 0\.5 m"):
        read_scene(stages / "room.stage_config.json")
    path.write_bytes(whole)
    picture = trimesh.load(stages / "room.glb", force="scene", process=False)
    lonely = trimesh.creation.box((0.2, 0.2, 0.2))
    lonely.apply_translation((0.0, 1.2, 0.0))  # in mid-air, over half a metre from everything
    picture.add_geometry(lonely, node_name="lonely")
    picture.export(stages / "room.glb")
    loaded = read_scene(stages / "room.stage_config.json")
    part = next(part for part in loaded.scene.parts if part.name.startswith("unlabelled"))
    np.testing.assert_allclose(part.mesh.bounds(), [[-0.1, -0.1, 1.1], [0.1, 0.1, 1.3]], atol=1e-5)
    assert any("have no object in the semantics" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("scale", "big", "'scale' needs 3 numbers, got 'big'"),
        ("scale", None, "'scale' needs 3 numbers, got None"),
        ("scale", 0, "must not be 0"),
        ("units_to_meters", {}, "'units_to_meters' needs 1 numbers"),
    ],
)
def test_a_wrong_scale_is_one_line(tmp_path: Path, key: str, value: object, message: str) -> None:
    path = _exported(tmp_path, _chair_room()) / "room.stage_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(InputError, match=message):
        read_scene(path)


def test_a_list_of_no_objects_is_one_line(tmp_path: Path) -> None:
    stages = _exported(tmp_path, _chair_room())
    text = stages / "room.semantic.txt"
    text.write_text(text.read_text().splitlines()[0] + "\n")
    with pytest.raises(InputError, match=r"room\.semantic\.txt names no object"):
        read_scene(stages / "room.stage_config.json")


def _two_chairs(tmp_path: Path) -> Path:
    """A room with chair models of one name in two folders, 0.4 m and 0.8 m wide."""
    write_habitat(room(), tmp_path / "set")
    for folder, size in (("old", 0.4), ("new", 0.8)):
        place = tmp_path / "set" / "objects" / folder
        place.mkdir(parents=True)
        trimesh.Scene({"seat": trimesh.creation.box((size, size, size))}).export(place / "chair.glb")
        (place / "chair.object_config.json").write_text(json.dumps({"render_asset": "chair.glb"}))
    return tmp_path / "set" / "one.scene_instance.json"


def _instance(path: Path, objects: object, **more: object) -> Path:
    path.write_text(json.dumps({"stage_instance": {"template_name": "room"}, "object_instances": objects, **more}))
    return path


def test_a_templates_folder_tells_it_from_another_of_its_name(tmp_path: Path) -> None:
    path = _two_chairs(tmp_path)
    entries = [
        {"template_name": f"objects/{folder}/chair", "translation": [0, 1, z]}
        for folder, z in (("new", 1), ("old", -1))
    ]
    parts = {part.name: part.mesh.bounds() for part in read_scene(_instance(path, entries)).scene.parts}
    assert np.ptp(parts["chair_1"], axis=0) == pytest.approx([0.8, 0.8, 0.8])
    assert np.ptp(parts["chair_2"], axis=0) == pytest.approx([0.4, 0.4, 0.4])
    with pytest.raises(
        InputError, match=r"one\.scene_instance\.json: 2 templates are called 'chair' .*name its folder"
    ):
        read_scene(_instance(path, [{"template_name": "chair", "translation": [0, 1, 0]}]))


def test_defaults_of_objects_count(tmp_path: Path) -> None:
    path = _two_chairs(tmp_path)
    config = {"stages": {"paths": {".json": ["stages"]}}, "objects": {"default_attributes": {"units_to_meters": 0.5}}}
    (path.parent / "room.scene_dataset_config.json").write_text(json.dumps(config))
    loaded = read_scene(_instance(path, [{"template_name": "new/chair", "translation": [0, 1, 0]}]))
    part = next(part for part in loaded.scene.parts if part.name == "chair_1")
    assert np.ptp(part.mesh.bounds(), axis=0) == pytest.approx([0.4, 0.4, 0.4])


@pytest.mark.parametrize("key", ["object_instances", "articulated_object_instances"])
@pytest.mark.parametrize("value", [None, 5])
def test_objects_that_are_no_list_are_one_line(tmp_path: Path, key: str, value: object) -> None:
    path = _two_chairs(tmp_path)
    with pytest.raises(InputError, match=f"'{key}' must be a list, got {value}"):
        read_scene(
            _instance(path, **{"objects": [], key: value}) if key != "object_instances" else _instance(path, value)
        )


def _configured(path: Path, kind: str, rows: object) -> None:
    """Give the data set of `_two_chairs` templates of its own."""
    config = {"stages": {"paths": {".json": ["stages"]}}, "objects": {"paths": {".json": ["objects/*"]}}}
    config[kind]["configs"] = rows  # type: ignore[assignment]
    (path.parent / "room.scene_dataset_config.json").write_text(json.dumps(config))


def _width(path: Path, name: str) -> float:
    entry = {"template_name": name, "translation": [0, 1, 0]}
    loaded = read_scene(_instance(path, [entry]))
    part = next(part for part in loaded.scene.parts if part.name == f"{Path(name).name}_1")
    return float(np.ptp(part.mesh.bounds(), axis=0)[0])


def test_templates_that_the_configuration_makes_are_read(tmp_path: Path) -> None:
    path = _two_chairs(tmp_path)
    rows = [
        {
            "original_file": "objects/new/chair.object_config.json",
            "template_handle": "wide",
            "attributes": {"scale": [2, 2, 2]},
        },
        {
            "template_handle": "objects/stool.object_config.json",
            "attributes": {"render_asset": "objects/old/chair.glb"},
        },
    ]
    _configured(path, "objects", rows)
    assert _width(path, "wide") == pytest.approx(1.6)
    assert _width(path, "stool") == pytest.approx(0.4)
    assert _width(path, "new/chair") == pytest.approx(0.8)  # the file itself is as it was


def test_a_pattern_changes_the_templates_that_it_matches(tmp_path: Path) -> None:
    path = _two_chairs(tmp_path)
    _configured(
        path, "objects", [{"original_file": "objects/old/*.object_config.json", "attributes": {"units_to_meters": 0.5}}]
    )
    assert _width(path, "old/chair") == pytest.approx(0.2)
    assert _width(path, "new/chair") == pytest.approx(0.8)


def test_a_stage_may_be_a_template_of_the_configuration(tmp_path: Path) -> None:
    path = _two_chairs(tmp_path)
    stage = {"original_file": "stages/room.stage_config.json", "template_handle": "half"}
    _configured(path, "stages", [{**stage, "attributes": {"units_to_meters": 0.5, "semantic_asset": ""}}])
    whole = read_scene(_instance(path, [])).scene
    path.write_text(json.dumps({"stage_instance": {"template_name": "half"}}))
    half = read_scene(path).scene
    size = [max(np.ptp(part.mesh.bounds(), axis=0)[0] for part in one.parts) for one in (whole, half)]
    assert size[1] == pytest.approx(size[0] / 2)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "the 'configs' of 'objects' must be a list of objects"),
        ([1], "the 'configs' of 'objects' must be a list of objects"),
        (
            [{"template_handle": "wide", "original_file": "gone.object_config.json"}],
            "'wide' is made of 'gone.object_con",
        ),
        ([{"template_handle": "wide", "original_file": "../../etc/passwd"}], "which is not there"),
        ([{"template_handle": "wide", "attributes": 5}], "'attributes' must be a JSON object"),
        ([{"template_handle": "wide", "attributes": {"render_asset": "gone.glb"}}], "there is no such file"),
    ],
)
def test_broken_templates_of_the_configuration_are_one_line(tmp_path: Path, rows: object, message: str) -> None:
    path = _two_chairs(tmp_path)
    _configured(path, "objects", rows)
    with pytest.raises(InputError, match=message):
        _width(path, "wide")
