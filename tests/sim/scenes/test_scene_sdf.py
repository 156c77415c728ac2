# SPDX-License-Identifier: Apache-2.0
"""Gazebo worlds: poses, includes, shapes, meshes, colours; answers known by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.sim.scenes.scene_files import ROOM, box_model, mesh_visual, shape_model, write_dae, write_model, write_world

from sim_bridge.scenes.load import read_scene
from sim_bridge.scenes.pieces import Notes, Piece
from sim_bridge.scenes.sdf.read import SdfReader

HALF_PI = "1.5707963267948966"


def read(path: Path, *models: Path) -> tuple[list[Piece], tuple[str, ...]]:
    notes = Notes()
    return SdfReader(path, models, notes).read(), notes.lines()


def box_of(pieces: list[Piece], name: str) -> np.ndarray:
    own = [piece.mesh.bounds() for piece in pieces if piece.instance == name]
    assert own, [piece.instance for piece in pieces]
    return np.stack([np.min([b[0] for b in own], 0), np.max([b[1] for b in own], 0)])


def test_poses_of_model_link_and_visual_are_chained(tmp_path: Path) -> None:
    # Model turned by 90 degrees about z: the link's x is the world's y, the visual's x too.
    body = f"""<model name='m'><pose>1 2 0 0 0 {HALF_PI}</pose><link name='l'><pose>1 0 0 0 0 0</pose>
    <visual name='v'><pose>0.5 0 0.3 0 0 0</pose><geometry><box><size>0.2 0.4 0.6</size></box></geometry></visual>
    </link></model>"""
    pieces, notes = read(write_world(tmp_path, body))
    np.testing.assert_allclose(box_of(pieces, "m"), [[0.8, 3.4, 0.0], [1.2, 3.6, 0.6]], atol=1e-6)
    assert notes == ()


def test_a_pose_in_degrees_or_as_a_quaternion_is_the_same(tmp_path: Path) -> None:
    for number, pose in enumerate(
        (
            f"<pose>1 2 3 0 0 {HALF_PI}</pose>",
            "<pose degrees='true'>1 2 3 0 0 90</pose>",
            "<pose rotation_format='quat_xyzw'>1 2 3 0 0 0.7071067811865476 0.7071067811865476</pose>",
        )
    ):
        body = shape_model("m", "<box><size>2 1 1</size></box>", pose)
        pieces, _ = read(write_world(tmp_path, body, f"{number}.world"))
        np.testing.assert_allclose(box_of(pieces, "m"), [[0.5, 1, 2.5], [1.5, 3, 3.5]], atol=1e-6)


def test_poses_relative_to_frames_links_joints_and_models(tmp_path: Path) -> None:
    shape = "<visual name='v'><geometry><box><size>0.2 0.2 0.2</size></box></geometry></visual>"
    body = f"""
    <model name='base'><pose>10 0 0 0 0 0</pose><frame name='f'><pose>0 1 0 0 0 0</pose></frame>
      <link name='a'><pose relative_to='f'>0 0 1 0 0 0</pose>{shape}</link>
      <joint name='j' type='fixed'><parent>a</parent><child>a</child><pose>1 0 0 0 0 0</pose></joint>
      <link name='b'><pose relative_to='j'>0 0 0 0 0 0</pose>{shape}</link></model>
    <model name='other'><pose relative_to='base'>0 0 5 0 0 0</pose><link name='l'>{shape}</link></model>
    <model name='third'><pose relative_to='base::f'>0 0 7 0 0 0</pose><link name='l'>{shape}</link></model>"""
    pieces, _ = read(write_world(tmp_path, body))
    # a at (10, 1, 1), b one metre farther along x.
    np.testing.assert_allclose(box_of(pieces, "base"), [[9.9, 0.9, 0.9], [11.1, 1.1, 1.1]], atol=1e-6)
    np.testing.assert_allclose(box_of(pieces, "other").mean(0), [10, 0, 5], atol=1e-6)
    np.testing.assert_allclose(box_of(pieces, "third").mean(0), [10, 1, 7], atol=1e-6)


def test_a_saved_state_moves_its_models(tmp_path: Path) -> None:
    body = box_model("m") + "<state world_name='w'><model name='m'><pose>5 0 0 0 0 0</pose></model></state>"
    pieces, _ = read(write_world(tmp_path, body))
    np.testing.assert_allclose(box_of(pieces, "m").mean(0), [5, 0, 0], atol=1e-6)


def test_includes_are_found_named_and_placed(tmp_path: Path) -> None:
    ball = "<visual name='v'><geometry><sphere><radius>0.5</radius></sphere></geometry></visual>"
    link = f"<pose>0 0 1 0 0 0</pose><link name='l'>{ball}</link>"
    write_model(tmp_path / "models", "plant_3", link)
    body = """<include><uri>model://plant_3</uri></include>
    <include><uri>model://plant_3</uri><name>other</name><pose>3 0 0 0 0 0</pose></include>
    <include><uri>model://plant_3</uri><name>other</name><pose>6 0 0 0 0 0</pose></include>
    <model name='Seat'><include><uri>model://plant_3</uri></include><pose>9 0 0 0 0 0</pose></model>
    <include><uri>model://nowhere</uri></include><include><uri>model://sun</uri></include>"""
    pieces, notes = read(write_world(tmp_path / "worlds", body))
    centres = {piece.instance: np.round(piece.mesh.bounds().mean(0), 3).tolist() for piece in pieces}
    # An include's pose takes the place of the model's own; a second "other" gets a number; a wrapper gives its name.
    assert centres == {"plant_3": [0, 0, 1], "other": [3, 0, 0], "other_2": [6, 0, 0], "Seat": [9, 0, 1]}
    assert [piece.category for piece in pieces] == [2, 2, 2, 2], "by the model's name where its own says nothing"
    assert len(notes) == 1 and "model://nowhere" in notes[0] and "--models" in notes[0]


def test_a_house_of_nested_models_has_an_instance_for_each(tmp_path: Path) -> None:
    body = f"<model name='house'>{box_model('sofa')}{box_model('tv_stand')}{box_model('TV', '0 0 1 0 0 0')}</model>"
    pieces, _ = read(write_world(tmp_path, body))
    assert [(p.instance, p.category) for p in pieces] == [("house::sofa", 1), ("house::tv_stand", -1), ("house::TV", 5)]


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ("<box><size>1 2 3</size></box>", [1, 2, 3]),
        ("<cylinder><radius>0.5</radius><length>2</length></cylinder>", [1, 1, 2]),
        ("<sphere><radius>0.5</radius></sphere>", [1, 1, 1]),
        ("<capsule><radius>0.5</radius><length>2</length></capsule>", [1, 1, 3]),
        ("<ellipsoid><radii>0.5 1 1.5</radii></ellipsoid>", [1, 2, 3]),
        ("<cone><radius>0.5</radius><length>2</length></cone>", [1, 1, 2]),
        ("<plane><normal>0 0 1</normal><size>4 2</size></plane>", [4, 2, 0]),
        ("<plane><normal>1 0 0</normal><size>4 4</size></plane>", [0, 4, 4]),
    ],
)
def test_shapes_have_their_size_about_their_middle(tmp_path: Path, shape: str, size: list[float]) -> None:
    body = shape_model("m", shape)
    pieces, _ = read(write_world(tmp_path, body))
    low, high = box_of(pieces, "m")
    np.testing.assert_allclose(high - low, size, atol=0.03)
    np.testing.assert_allclose((high + low) / 2, 0, atol=0.01)


def test_a_box_faces_outwards_and_a_plane_along_its_normal(tmp_path: Path) -> None:
    plane = "<plane><normal>0 0 1</normal><size>4 2</size></plane>"
    body = (
        box_model("b")
        + f"<model name='p'><link name='l'><visual name='v'><geometry>{plane}</geometry></visual></link></model>"
    )
    box, flat = (piece.mesh for piece in read(write_world(tmp_path, body))[0])
    corners = box.vertices[box.faces].astype(float)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((corners.mean(1) * normal).sum(1) > 0).all() and len(box.faces) == 12
    corners = flat.vertices[flat.faces].astype(float)
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0).all()


@pytest.mark.parametrize("up", ["Z_UP", "Y_UP"])
def test_a_dae_has_its_unit_and_scale_and_gazebos_axes(tmp_path: Path, up: str) -> None:
    # Gazebo does not heed up_axis, so a world does not look as its author saw it if we did.
    write_dae(tmp_path / "models" / "m" / "meshes" / "a.dae", unit=0.01, size=100.0, up=up)
    body = f"<model name='m'>{mesh_visual('model://m/meshes/a.dae', '<scale>2 1 3</scale>')}</model>"
    pieces, notes = read(write_world(tmp_path, body))
    np.testing.assert_allclose(box_of(pieces, "m"), [[0, 0, 0], [2, 1, 3]], atol=1e-5)
    assert notes == ()
    np.testing.assert_array_equal(pieces[0].mesh.materials[0].texture, [[[128, 0, 0]]])


def test_a_negative_scale_keeps_fronts_in_front(tmp_path: Path) -> None:
    write_dae(tmp_path / "a.dae")
    body = "".join(f"<model name='m{k}'>{mesh_visual('a.dae', f'<scale>{k} 1 1</scale>')}</model>" for k in (1, -1))
    a, b = (piece.mesh for piece in read(write_world(tmp_path, body))[0])
    normals = []
    for mesh in (a, b):
        c = mesh.vertices[mesh.faces].astype(float)
        normals.append(np.cross(c[0, 1] - c[0, 0], c[0, 2] - c[0, 0]))
    np.testing.assert_allclose(normals[1], normals[0] * [-1, 1, 1], atol=1e-6)


def test_nodes_of_a_mesh_with_a_categorys_name_are_instances(tmp_path: Path) -> None:
    write_dae(tmp_path / "a.dae", node="office_chair.001")
    body = f"<model name='office'>{mesh_visual('a.dae')}</model><model name='toilet'>{mesh_visual('a.dae')}</model>"
    pieces, _ = read(write_world(tmp_path, body))
    assert [(p.instance, p.category) for p in pieces] == [("office::office_chair.001", 0), ("toilet", 4)]


def test_pictures_lie_the_right_way_round_and_missing_ones_are_grey(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0] = (255, 0, 0)
    write_dae(tmp_path / "meshes" / "a.dae", picture="../materials/textures/wood.png")
    write_dae(tmp_path / "meshes" / "b.dae", picture="C:\\Users\\me\\wood.png")
    write_dae(tmp_path / "meshes" / "c.dae", picture="gone.png")
    (tmp_path / "materials" / "textures").mkdir(parents=True)
    Image.fromarray(pixels).save(tmp_path / "materials" / "textures" / "wood.png")
    body = "".join(f"<model name='{n}'>{mesh_visual(f'meshes/{n}.dae')}</model>" for n in "abc")
    (a, b, c), notes = read(write_world(tmp_path, body))
    np.testing.assert_array_equal(a.mesh.materials[0].texture, pixels)
    np.testing.assert_array_equal(b.mesh.materials[0].texture, pixels, "found by its bare name")
    # COLLADA's v = 0 is the picture's lowest row, ours its top row.
    np.testing.assert_allclose(a.mesh.uv[0], [[0, 1], [1, 1], [0, 0]])
    assert c.mesh.materials[0].texture.shape == (1, 1, 3)
    assert len(notes) == 1 and "'gone.png'" in notes[0] and "missing" in notes[0]


MATERIALS = """
material Own/Oak { technique { pass { diffuse 0.5 0.25 0.0 1  ambient 1 1 1 1 } } }
// material Own/Not { technique { pass { diffuse 1 1 1 1 } } }
material Own/Photo
{
  technique { pass {
    texture_unit { texture photo.png }
  } }
}
"""


@pytest.mark.parametrize(
    ("material", "colour"),
    [
        ("<material><diffuse>0.2 0.4 0.6 1</diffuse></material>", [51, 102, 153]),
        ("<material><ambient>1 0 0 1</ambient></material>", [255, 0, 0]),
        ("<material><script><uri>x</uri><name>Gazebo/Blue</name></script></material>", [0, 0, 255]),
        ("<material><script><uri>model://m/scripts</uri><name>Own/Oak</name></script></material>", [128, 64, 0]),
        ("<material><script><uri>model://m/scripts</uri><name>Own/Photo</name></script></material>", [10, 20, 30]),
        ("<material><pbr><metal><albedo_map>photo.png</albedo_map></metal></pbr></material>", [10, 20, 30]),
        ("<material><script><name>Own/Not</name></script></material>", [178, 178, 178]),
    ],
)
def test_colours_of_materials(tmp_path: Path, material: str, colour: list[int]) -> None:
    scripts = tmp_path / "models" / "m" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "own.material").write_text(MATERIALS)
    for folder in (scripts, tmp_path):
        Image.new("RGB", (8, 8), (10, 20, 30)).save(folder / "photo.png")
    pieces, notes = read(write_world(tmp_path, box_model("b", more=material)))
    np.testing.assert_array_equal(pieces[0].mesh.materials[0].texture.reshape(-1, 3)[0], colour)
    assert bool(notes) == ("Own/Not" in material)


def test_what_is_not_drawn_is_noted(tmp_path: Path) -> None:
    height = shape_model("hill", "<heightmap><uri>h.png</uri></heightmap>")
    glass = box_model("glass", more="<transparency>1.0</transparency>")
    lost = f"<model name='lost'>{mesh_visual('model://lost/a.dae')}</model>"
    body = height + glass + lost + "<actor name='a'/><light name='l' type='point'/><plugin name='p' filename='q'/>"
    pieces, notes = read(write_world(tmp_path, body))
    assert pieces == []
    assert [note.split()[0] for note in notes] == ["hill:", "glass:", "lost:", "actors"]


def test_a_world_becomes_a_scene(tmp_path: Path) -> None:
    body = (
        ROOM
        + box_model("Sofa_1", "2 1.5 0.4 0 0 0")
        + "<include><uri>model://ground_plane</uri><pose>0 0 -0.12 0 0 0</pose></include>"
        + box_model("sky", "0 0 400 0 0 0", "2000 2000 0.1")
    )
    loaded = read_scene(write_world(tmp_path, body))
    scene = loaded.scene
    assert scene.name == "test" and [part.name for part in scene.parts if part.category == 1] == ["Sofa_1"]
    low = np.min([part.mesh.bounds()[0] for part in scene.parts], 0)
    high = np.max([part.mesh.bounds()[1] for part in scene.parts], 0)
    assert (low[:2] > -5).all() and (high[:2] < 5).all() and high[2] < 3.1
    assert any("ground_plane is 100 m wide" in note for note in loaded.notes)
    assert any(note.startswith("sky ") for note in loaded.notes)
    assert abs(scene.start_xy[0]) < 3 and abs(scene.start_xy[1]) < 2.5 and len(scene.lamps) >= 1


@pytest.mark.parametrize("scale", ["2 2 0.5", "1 1 1"])
def test_a_saved_state_that_scales_is_noted(tmp_path: Path, scale: str) -> None:
    state = f"<state><model name='m'><pose>1 0 0 0 0 0</pose><scale>{scale}</scale></model></state>"
    pieces, notes = read(write_world(tmp_path, box_model("m") + state))
    np.testing.assert_allclose(box_of(pieces, "m"), [[0.8, -0.2, -0.4], [1.2, 0.2, 0.4]], atol=1e-6)
    assert notes == (() if scale == "1 1 1" else ("the saved state scales 'm' by 2 2 0.5; shown unscaled",))


def test_the_newest_version_in_the_cache_counts_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    cache = tmp_path / ".gz" / "fuel" / "fuel.gazebosim.org" / "maker" / "models" / "box"
    for version, size in ((2, "2 2 2"), (9, "3 3 3"), (10, "4 4 4")):
        shape = f"<box><size>{size}</size></box>"
        body = f"<link name='l'><visual name='v'><geometry>{shape}</geometry></visual></link>"
        write_model(cache, str(version), body)
    uri = "https://fuel.gazebosim.org/1.0/maker/models/Box"
    pieces, _ = read(write_world(tmp_path, f"<include><name>b</name><uri>{uri}</uri></include>"))
    np.testing.assert_allclose(box_of(pieces, "b"), [[-2, -2, -2], [2, 2, 2]], atol=1e-6)


def test_a_server_s_name_does_not_lead_out_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".gz" / "fuel").mkdir(parents=True)
    asked: list[Path] = []
    monkeypatch.setattr(Path, "glob", lambda self, pattern: asked.append(self) or iter(()))
    path = write_world(tmp_path, "<include><uri>https://../../../etc</uri></include>")
    _, notes = read(path)
    assert asked == [] and any("was not found" in note for note in notes)
