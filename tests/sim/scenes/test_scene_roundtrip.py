# SPDX-License-Identifier: Apache-2.0
"""A home written and read again is the same home: as a folder, as a Habitat stage, as a scene instance."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from tests.sim.rooms import FAST, box_part, room

from seal_perception.errors import InputError
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.geometry.mesh import Scene
from sim_bridge.homes.build import make_home
from sim_bridge.scenes.load import read_scene
from sim_bridge.scenes.stages.semantics import _joined, read_annotations
from sim_bridge.scenes.stages.write import write_habitat
from sim_bridge.scenes.write import write_scene_folder


@pytest.fixture(scope="module")
def home() -> Scene:
    return make_home("test_01")


@pytest.fixture(scope="module")
def written(home: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_habitat(home, folder / "habitat")
    write_scene_folder(home, folder / "glb", ["a note"], "test_01")
    return folder


STAGES = "habitat/stages/test_01"


@pytest.mark.parametrize(
    "path", ["glb", f"{STAGES}.stage_config.json", f"{STAGES}.glb", "habitat/test_01.scene_dataset_config.json"]
)
def test_a_home_comes_back(home: Scene, written: Path, path: str) -> None:
    loaded = read_scene(written / path).scene
    assert [part.category for part in loaded.parts] == [part.category for part in home.parts]
    theirs, ours = EmbeddedSimulator(loaded, FAST), EmbeddedSimulator(home, FAST)
    for seed in range(3):
        ours.reset(seed)
        (a, truth_a), (b, truth_b) = (sim.render_at(ours.T_world_odom) for sim in (ours, theirs))
        assert np.abs(a.depth - b.depth).max() < 0.01
        np.testing.assert_array_equal(truth_a.instance, truth_b.instance)
    areas = [float(sim.reachable_floor().cells.sum()) for sim in (ours, theirs)]
    assert areas[1] == pytest.approx(areas[0], rel=0.01)


def test_a_folder_keeps_names_lamps_start_and_looks(home: Scene, written: Path) -> None:
    loaded = read_scene(written / "glb").scene
    assert [part.name for part in loaded.parts] == [part.name for part in home.parts]
    assert loaded.lamps == home.lamps and loaded.start_xy == home.start_xy and loaded.name == home.name
    assert json.loads((written / "glb" / "scene.json").read_text())["notes"] == ["a note"]
    ours, theirs = EmbeddedSimulator(home, FAST), EmbeddedSimulator(loaded, FAST)
    a, b = ours.reset(), theirs.reset()
    assert np.abs(a.rgb.astype(int) - b.rgb.astype(int)).mean() < 0.2


def test_semantics_painted_on_a_picture_are_read(tmp_path: Path) -> None:
    """As HM3D has them: a texture in the colours of the list, nearest pixel, over other triangles than the stage's."""
    scene = room(box_part((1.0, 0.5, 0.0), (1.5, 1.5, 0.8)))
    write_habitat(scene, tmp_path / "out")
    stages = tmp_path / "out" / "stages"
    annotations = read_annotations(stages / "room.semantic.txt")
    pixels = np.zeros((1, len(annotations), 3), np.uint8)
    for k, entry in enumerate(annotations):
        pixels[0, k] = list(entry.colour.to_bytes(3, "big"))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(pixels))
    painted = trimesh.Scene()
    for k, part in enumerate(scene.parts):
        mesh = trimesh.Trimesh(part.mesh.vertices, part.mesh.faces, process=False).subdivide()
        uv = np.tile([(k + 0.5) / len(annotations), 0.5], (len(mesh.vertices), 1))
        mesh.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
        mesh.apply_transform([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
        painted.add_geometry(mesh)
    painted.export(stages / "room.semantic.glb")
    loaded = read_scene(stages / "room.stage_config.json")
    assert [part.category for part in loaded.scene.parts] == [part.category for part in scene.parts]
    assert [part.name for part in loaded.scene.parts][-1] == "chair_7"
    np.testing.assert_allclose(loaded.scene.parts[-1].mesh.bounds(), scene.parts[-1].mesh.bounds(), atol=1e-5)


def test_a_semantic_triangle_without_a_vertex_is_refused() -> None:
    """Neither an index past the end of its own mesh, which may lie inside the next one, nor a negative one."""
    triangle = trimesh.Trimesh(np.eye(3), [[0, 1, 2]], process=False)
    for corner in (3, 32771, -1):
        broken = trimesh.Trimesh(np.eye(3), [[0, 1, corner]], process=False)
        with pytest.raises(InputError, match=f"triangle at vertex {corner} of 3"):
            _joined([(np.eye(4), broken), (np.eye(4), triangle)], set())


def test_objects_of_a_scene_instance_stand_where_it_says(tmp_path: Path) -> None:
    write_habitat(room(), tmp_path / "set")
    dataset = tmp_path / "set"
    (dataset / "objects").mkdir()
    box = trimesh.creation.box((0.4, 0.8, 0.6))
    box.apply_translation((0.0, 0.4, 0.0))
    trimesh.Scene({"seat": box}).export(dataset / "objects" / "armchair.glb")
    (dataset / "objects" / "armchair.object_config.json").write_text(json.dumps({"render_asset": "armchair.glb"}))
    turned = [0.7071067811865476, 0.0, 0.7071067811865476, 0.0]
    (dataset / "one.scene_instance.json").write_text(
        json.dumps(
            {
                "stage_instance": {"template_name": "stages/room"},
                "object_instances": [
                    {
                        "template_name": "objects/armchair",
                        "translation": [1, 0, -1],
                        "translation_origin": "asset_local",
                    },
                    {"template_name": "armchair", "translation": [-1, 0.4, 1], "rotation": turned},
                    {"template_name": "objects/ghost", "translation": [0, 0, 0]},
                    {"template_name": "armchair", "translation": [1, -7.5e8, 1]},
                ],
            }
        )
    )
    loaded = read_scene(dataset / "one.scene_instance.json")
    parts = {part.name: part for part in loaded.scene.parts}
    # Habitat's (x, y, z) is our (x, -z, y); turned by 90 degrees about the vertical, 0.4 and 0.6 change places.
    np.testing.assert_allclose(parts["armchair_1"].mesh.bounds(), [[0.8, 0.7, 0], [1.2, 1.3, 0.8]], atol=1e-5)
    np.testing.assert_allclose(parts["armchair_2"].mesh.bounds(), [[-1.3, -1.2, 0], [-0.7, -0.8, 0.8]], atol=1e-5)
    assert parts["armchair_1"].category == 0
    assert any("'ghost'" in note for note in loaded.notes)
    assert "armchair_3" not in parts  # it fell out of the world
    assert any("armchair_3" in note and "left out" in note for note in loaded.notes)


def test_a_stage_in_other_axes_is_turned(tmp_path: Path) -> None:
    scene = room(box_part((1.0, 0.5, 0.0), (1.5, 1.5, 0.8)))
    write_habitat(scene, tmp_path / "out")
    stages = tmp_path / "out" / "stages"
    for name in ("room.glb", "room.semantic.glb"):
        loaded = trimesh.load(stages / name, force="scene", process=False)
        loaded.apply_transform([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
        loaded.export(stages / name)
    path = stages / "room.stage_config.json"
    table = json.loads(path.read_text())
    path.write_text(json.dumps({**table, "up": [0, 0, 1], "front": [0, 1, 0]}))
    found = read_scene(path).scene
    np.testing.assert_allclose(found.parts[-1].mesh.bounds(), scene.parts[-1].mesh.bounds(), atol=1e-5)
    assert found.parts[-1].category == 0


def test_a_home_needs_only_its_folder(home: Scene, written: Path, tmp_path: Path) -> None:
    shutil.copytree(written / "glb", tmp_path / "moved")
    assert read_scene(tmp_path / "moved").scene.name == home.name
