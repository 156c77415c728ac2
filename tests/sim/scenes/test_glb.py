# SPDX-License-Identifier: Apache-2.0
"""Scenes of others: a real office, textures the right way round, and broken folders."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from tests.sim.rooms import DATA, PLAIN, camera_at

from seal_perception.camera import Camera
from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError
from sim_bridge.drawing.render import Renderer
from sim_bridge.scenes.glb import load_glb_scene

OFFICE = DATA / "husarion_office"
needs_office = pytest.mark.skipif(not OFFICE.is_dir(), reason="shared/data/husarion_office is not here")


@pytest.fixture(scope="module")
def office() -> Renderer:
    scene = load_glb_scene(OFFICE)
    renderer = Renderer(scene, PLAIN)
    renderer.scene = scene  # type: ignore[attr-defined]
    return renderer


@needs_office
def test_the_office_has_its_objects(office: Renderer) -> None:
    scene = office.scene  # type: ignore[attr-defined]
    objects = json.loads((OFFICE / "objects.json").read_text())
    parts = {part.name: part for part in scene.parts}
    for entry in objects:
        part = parts[entry["instance"]]
        assert part.category == (-1 if entry["category"] is None else CATEGORIES.index(entry["category"]))
        np.testing.assert_allclose(part.mesh.bounds()[0], entry["aabb_min"], atol=2e-3)
        np.testing.assert_allclose(part.mesh.bounds()[1], entry["aabb_max"], atol=2e-3)
    assert sum(part.category == 0 for part in scene.parts) == 25


def _folder(tmp_path: Path, objects: object, picture: np.ndarray | None = None) -> Path:
    scene = trimesh.Scene()
    floor = trimesh.creation.box((6, 6, 0.1))
    floor.apply_translation((0, 0, -0.05))
    scene.add_geometry(floor, node_name="ground/0", geom_name="ground/0")
    for k in range(2):
        box = trimesh.creation.box((0.2, 0.2, 0.4))
        box.apply_translation((2.0, 0.2 * k, 0.2))
        scene.add_geometry(box, node_name=f"maker/chair_1/{k}", geom_name=f"maker/chair_1/{k}")
    if picture is not None:
        corners = [[1, 0.5, 0.38], [1, -0.5, 0.38], [1, -0.5, 1.38], [1, 0.5, 1.38]]
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(picture))
        visual = trimesh.visual.TextureVisuals(uv=[[0, 0], [1, 0], [1, 1], [0, 1]], material=material)
        sign = trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], visual=visual, process=False)
        scene.add_geometry(sign, node_name="sign/0", geom_name="sign/0")
    tmp_path.mkdir(exist_ok=True)
    scene.export(tmp_path / "scene.glb")
    (tmp_path / "objects.json").write_text(objects if isinstance(objects, str) else json.dumps(objects))
    return tmp_path


CHAIR = {"instance": "maker/chair_1", "category": "chair"}


def test_parts_of_an_instance_become_one(tmp_path: Path) -> None:
    scene = load_glb_scene(_folder(tmp_path, [CHAIR]))
    assert [(p.name, p.category) for p in scene.parts] == [("ground", -1), ("maker/chair_1", 0)]
    np.testing.assert_allclose(scene.parts[1].mesh.bounds(), [[1.9, -0.1, 0.0], [2.1, 0.3, 0.4]], atol=1e-5)
    assert len(scene.lamps) >= 1 and np.hypot(*scene.start_xy) < 1.0


def test_a_texture_of_glb_lies_the_right_way_round(tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32, 0] = picture[:32, 32:, 1] = picture[32:, :32, 2] = 255
    scene = load_glb_scene(_folder(tmp_path, [CHAIR], picture))
    seen = Renderer(scene, PLAIN).render(Camera.from_hfov(160, 120, math.radians(79.0)), camera_at(0.0, 0.0, 0.0))
    assert seen.rgb[40, 60].argmax() == 0 and seen.rgb[40, 60, 0] > 100
    assert seen.rgb[40, 100].argmax() == 1 and seen.rgb[80, 60].argmax() == 2
    assert seen.rgb[80, 100].max() < 20


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([{"instance": "maker/chair_1", "category": "dragon"}], "'dragon'.*chair, couch"),
        ([{"instance": "maker/chair_9", "category": "chair"}], "maker/chair_9"),
        ([{"name": "maker/chair_1"}], "'instance' and 'category'"),
        ([CHAIR, {**CHAIR, "category": "bed"}], "'maker/chair_1' is listed twice, with different categories"),
        ("[{", "not valid JSON"),
        ({"a": 1}, "'instance' and 'category'"),
    ],
)
def test_broken_objects_are_one_line(tmp_path: Path, objects: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        load_glb_scene(_folder(tmp_path, objects))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["scene.glb", "objects.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = _folder(tmp_path, [CHAIR])
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        load_glb_scene(folder)


LAMP = {"position": [0, 0, 2.0], "power": 0.8, "colour": [1, 1, 1]}


def _about(folder: Path, **changes: object) -> Path:
    (folder / "scene.json").write_text(
        json.dumps({"name": "mine", "start_xy": [0, 0], "lamps": [LAMP], "notes": [], **changes})
    )
    return folder


@pytest.mark.parametrize("name", ["../../escaped", "a/b", "a\\b", "..", "", "a\0b", "x" * 300, ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    folder = _about(_folder(tmp_path, [CHAIR]))
    assert load_glb_scene(folder).name == "mine"
    with pytest.raises(InputError, match=r"scene\.json: .* is no name for a scene") as error:
        load_glb_scene(_about(folder, name=name))
    assert "\n" not in str(error.value) and "\0" not in str(error.value)


def test_a_slab_of_twenty_kilometres_is_refused_before_memory_runs_out(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box((20_000, 20_000, 0.1)), node_name="slab/0", geom_name="slab/0")
    scene.export(tmp_path / "scene.glb")
    (tmp_path / "objects.json").write_text("[]")
    with pytest.raises(InputError, match=r"20000 x 20000 m at the floor.*remove what lies far away"):
        load_glb_scene(tmp_path)


def test_a_scene_above_the_robot_has_no_floor(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    box = trimesh.creation.box((2, 2, 0.1))
    box.apply_translation((0, 0, 5))
    scene.add_geometry(box, node_name="roof/0", geom_name="roof/0")
    scene.export(tmp_path / "scene.glb")
    (tmp_path / "objects.json").write_text("[]")
    with pytest.raises(InputError, match="fits nowhere on the floor"):
        load_glb_scene(tmp_path)


@pytest.mark.parametrize("change", [{"power": math.nan}, {"position": [0, 0, math.inf]}, {"colour": [1, math.nan, 1]}])
def test_a_lamp_that_is_no_number_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    folder = _about(_folder(tmp_path, [CHAIR, CHAIR]), lamps=[LAMP, {**LAMP, **change}])
    with pytest.raises(InputError, match=r"scene\.json is not what 'seal scene import' writes.*a lamp needs three"):
        load_glb_scene(folder)


def test_a_file_that_is_no_gltf_is_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path, [CHAIR])
    (folder / "scene.glb").write_bytes(b"no such thing")
    with pytest.raises(InputError, match=r"scene\.glb"):
        load_glb_scene(folder)
