# SPDX-License-Identifier: Apache-2.0
"""Files as they are met: other units and axes, broken triangles, outliers, floors; each mended with a note."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from tests.sim.rooms import DATA, GREY, box_part, room
from tests.sim.scenes.scene_files import ROOM, box_model, room_meshes, write_dae, write_world

from seal_perception.categories import CATEGORIES
from sim_bridge.geometry.mesh import Lamp, Part, Scene, merge
from sim_bridge.modelling.shapes import box_between, quad
from sim_bridge.scenes.facing import face_the_light, nearest_lamps
from sim_bridge.scenes.files import Resources
from sim_bridge.scenes.fit import floor_height, in_metres
from sim_bridge.scenes.load import is_scene_path, load_scene, read_scene
from sim_bridge.scenes.meshes.read import MeshReader, palette
from sim_bridge.scenes.names import category_of_name, words_of
from sim_bridge.scenes.outliers import cut_outliers
from sim_bridge.scenes.pieces import Notes, Piece, SceneOptions, make_mesh

KENNEY = DATA / "kenney_furniture"


def bounds(parts: Sequence[Part]) -> np.ndarray:
    corners = np.stack([part.mesh.bounds() for part in parts])
    return np.stack([corners[:, 0].min(0), corners[:, 1].max(0)])


def write_room(path: Path, scale: float = 1.0, y_up: bool = True) -> Path:
    room_meshes(scale, y_up).export(path)
    return path


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("SofaC_01_001", "couch"), ("ChairA_01", "chair"), ("OfficeChairBlack_2", "chair"), ("office chairs", "chair"),
        ("pottedPlant", "potted plant"), ("plants.003", "potted plant"), ("Bed_01", "bed"), ("TV_02", "tv"),
        ("computerScreen", "tv"), ("televisionModern", "tv"), ("toiletSquare", "toilet"), ("loungeSofaLong", "couch"),
        ("tv_stand", None), ("TVCabinet_01", None), ("cabinetBed", None), ("bedside_table", None), ("bed_side", None),
        ("toilet_paper", None), ("table_and_chairs", None), ("sofa_bed", None), ("power_plant", None),
        ("Vase_01", None), ("embedded", None), ("bathtub", None), ("stoolBar", None), ("", None), ("42", None),
    ],
)  # fmt: skip
def test_categories_by_name(name: str, category: str | None) -> None:
    assert category_of_name(name) == (-1 if category is None else CATEGORIES.index(category))


def test_words_of_a_name() -> None:
    assert words_of("loungeSofa_LONG02.001-TVStand") == ["lounge", "sofa", "long", "tv", "stand"]


@pytest.mark.parametrize(
    ("scale", "y_up", "noted"),
    [(1.0, True, ""), (1.0, False, "z was taken for up"), (100.0, True, "centimetres"), (1000.0, False, "millimetres"),
     (39.37, True, "inches")],
)  # fmt: skip
def test_a_room_comes_out_the_same_from_any_axes_and_unit(tmp_path: Path, scale: float, y_up: bool, noted: str) -> None:
    loaded = read_scene(write_room(tmp_path / "r.glb", scale, y_up))
    np.testing.assert_allclose(bounds(loaded.scene.parts), [[-3.05, -2.55, -0.1], [3.05, 2.55, 2.6]], atol=0.01)
    chair = next(part for part in loaded.scene.parts if part.category == 0)
    np.testing.assert_allclose(chair.mesh.bounds(), [[1.75, 1.25, 0.0], [2.25, 1.75, 0.9]], atol=0.01)
    assert chair.name == "Chair_1" and (not noted or any(noted in note for note in loaded.notes))
    assert not any("taken for up" in note or "read as" in note for note in loaded.notes) or noted


def test_what_the_user_says_comes_first(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps({"Chair_1": None, "la*": "potted plant"}))
    path = write_room(tmp_path / "r.glb", 100.0)
    options = SceneOptions(categories=tmp_path / "c.json", up="y", scale=0.02, floor_m=-0.2)
    loaded = read_scene(path, options)
    assert {p.name: p.category for p in loaded.scene.parts if p.name in ("Chair_1", "lamp")} == {
        "Chair_1": -1,
        "lamp": 2,
    }
    high = bounds([part for part in loaded.scene.parts if part.name != "added floor"])[1]
    assert high[0] == pytest.approx(6.1, abs=0.01) and high[2] == pytest.approx(5.2 + 0.2, abs=0.01)


def test_a_storey_above_is_not_the_floor_and_a_roof_neither() -> None:
    slabs = [box_between((0, 0, z - 0.2), (8, 6, z), GREY) for z in (1.0, 4.0, 7.0)]
    height, area = floor_height(merge(slabs))
    assert height == pytest.approx(1.0, abs=0.01) and area == pytest.approx(48, rel=0.05)


def test_an_open_room_has_its_floor_below_the_tables() -> None:
    table = box_between((1, 1, 0.7), (2.5, 3, 0.75), GREY)
    height, _ = floor_height(merge([box_between((0, 0, 0.1), (5, 5, 0.3), GREY), table]))
    assert height == pytest.approx(0.3, abs=0.01)


def test_a_low_crawl_space_is_not_a_floor() -> None:
    height, _ = floor_height(
        merge([quad((0, 0, 0), (9, 0, 0), (0, 9, 0), GREY), box_between((0, 0, 0.5), (9, 9, 0.6), GREY)])
    )
    assert height == pytest.approx(0.6, abs=0.01)


def test_a_house_on_a_plinth_is_lowered(tmp_path: Path) -> None:
    body = "<include><uri>model://ground_plane</uri></include>" + ROOM.replace(
        "<static>", "<pose>0 0 0.4 0 0 0</pose><static>"
    )
    loaded = read_scene(write_world(tmp_path, body))
    assert any("the floor was found at z = 0.40 m" in note for note in loaded.notes)
    floor = next(part for part in loaded.scene.parts if part.name == "room")
    assert floor.mesh.bounds()[0, 2] == pytest.approx(-0.1, abs=1e-3)


def test_a_floor_that_faces_down_is_turned(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    plane = trimesh.Trimesh([[-3, 0, -3], [3, 0, -3], [3, 0, 3], [-3, 0, 3]], [[0, 1, 2], [0, 2, 3]], process=False)
    scene.add_geometry(plane, node_name="floor")
    scene.export(tmp_path / "down.glb")
    loaded = read_scene(tmp_path / "down.glb")
    assert "the floor's triangles faced down and were turned" in loaded.notes
    assert not any("plain one was added" in note for note in loaded.notes)


def test_a_single_chair_gets_a_floor(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box((0.5, 1.0, 0.5)), node_name="chair")
    scene.export(tmp_path / "chair.glb")
    loaded = read_scene(tmp_path / "chair.glb")
    assert any("a plain one was added" in note for note in loaded.notes)
    chair = loaded.scene.parts[0]
    assert chair.category == 0 and chair.mesh.bounds()[0, 2] == pytest.approx(0.0, abs=1e-6)
    assert loaded.scene.parts[1].name == "added floor"


def test_broken_triangles_are_left_out_and_counted() -> None:
    notes = Notes()
    vertices = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [np.nan, 0, 0], [2, 0, 0], [np.inf, 0, 0]]
    faces = [[0, 1, 2], [0, 1, 3], [0, 1, 9], [-1, 0, 1], [0, 1, 4], [0, 1, 5], [0, 0, 1]]
    mesh = make_mesh(vertices, faces, None, GREY, notes, "it")
    assert mesh is not None and mesh.faces.tolist() == [[0, 1, 2]] and len(mesh.vertices) == 3
    assert notes.lines() == (
        "it: 2 triangles with indices out of range were left out",
        "it: 2 triangles with corners that are no numbers were left out",
    )
    assert make_mesh(vertices, [[0, 0, 1]], None, GREY, notes, "it") is None


def test_a_plane_is_cut_where_the_rest_ends_and_its_picture_stays_in_place() -> None:
    things = [Piece(f"box{k}", box_between((k, 0, 0), (k + 0.5, 4, 1), GREY)) for k in range(6)]
    flat = quad((-500, -500, 0), (1000, 0, 0), (0, 1000, 0), GREY)
    notes = Notes()
    cut = cut_outliers(
        [*things, Piece("ground", flat), Piece("far", box_between((900, 0, 0), (901, 1, 1), GREY))], notes
    )
    assert [piece.instance for piece in cut] == [*(f"box{k}" for k in range(6)), "ground"]
    ground = cut[-1].mesh
    np.testing.assert_allclose(ground.bounds(), [[-0.5, -0.5, 0], [6.0, 4.5, 0]], atol=1e-3)
    corners = ground.vertices[ground.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(6.5 * 5.0, rel=1e-4)
    # Texture coordinates are a linear function of the place; it is still the same one.
    A = np.c_[flat.vertices[flat.faces].reshape(-1, 3)[:, :2], np.ones(6)]
    rule = np.linalg.lstsq(A, flat.uv.reshape(-1, 2), rcond=None)[0]
    B = np.c_[corners.reshape(-1, 3)[:, :2], np.ones(len(corners) * 3)]
    np.testing.assert_allclose(B @ rule, ground.uv.reshape(-1, 2), atol=1e-3)
    assert any("ground is 1000 m wide and was cut" in note for note in notes.lines())
    assert any("far lies" in note for note in notes.lines())


def test_a_size_without_a_fitting_unit_is_kept_and_noted() -> None:
    notes = Notes()
    pieces = [Piece("a", box_between((0, 0, 0), (500, 500, 1), GREY))]
    assert in_metres(pieces, None, notes)[0].mesh.bounds()[1, 0] == 500
    assert "--scale" in notes.lines()[0]


def test_triangles_are_turned_to_the_lamp_and_twins_dropped() -> None:
    away = quad((-1, -1, 0), (0, 2, 0), (2, 0, 0), GREY)  # faces down
    front = quad((-1, 1, 1), (2, 0, 0), (0, 0, 1), GREY)  # faces y = -inf, towards the lamp
    back = quad((-1, 1, 1), (0, 0, 1), (2, 0, 0), GREY)  # the same place, other way round
    parts = [Part("down", away), Part("wall", merge([back, front]))]
    out, turned, dropped = face_the_light(parts, [Lamp((0.0, 0.0, 2.0))])
    corners = [part.mesh.vertices[part.mesh.faces].astype(float) for part in out]
    normals = [np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]) for c in corners]
    assert (normals[0][:, 2] > 0).all() and turned == 2
    assert len(out[1].mesh.faces) == 2 and dropped == 2 and (normals[1][:, 1] < 0).all()


def test_the_nearest_lamps_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    middle, places = rng.uniform(-9, 9, (200, 3)), rng.uniform(-9, 9, (30, 3))
    found = nearest_lamps(middle, places)
    for point, own in zip(middle, found, strict=True):
        distance = [float(np.hypot(*(place - point)[:2])) for place in places]
        assert own.tolist() == sorted(range(30), key=lambda k, d=distance: (d[k], k))[:4]
    square = np.array([[1.0, 1, 2], [-1, 1, 2], [-1, -1, 2], [1, -1, 2]])
    assert nearest_lamps(np.zeros((1, 3)), square).tolist() == [[0, 1, 2, 3]]
    assert nearest_lamps(np.zeros((2, 3)), square[:1]).tolist() == [[0], [0]]


def test_many_lamps_over_many_triangles_need_little_memory() -> None:
    rng = np.random.default_rng(1)
    middle, places = rng.uniform(-90, 90, (20_000, 3)), rng.uniform(-90, 90, (2000, 3))
    tracemalloc.start()
    nearest_lamps(middle, places)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # all pairs would be 320 MB


def test_a_mesh_alone_heeds_its_unit_and_axis(tmp_path: Path) -> None:
    path = write_dae(tmp_path / "a.dae", unit=0.5, size=4.0, up="Y_UP")
    scene = read_scene(path).scene
    thing = next(part for part in scene.parts if part.name == "thing")
    # (0, 4, 4) in half metres with y up is 2 m high and 2 m towards -y.
    np.testing.assert_allclose(thing.mesh.bounds(), [[0, -2, 0], [2, 0, 2]], atol=1e-5)


def test_vertex_colours_are_kept_in_sixteen_levels(tmp_path: Path) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [10, 100, 200]], np.uint8)
    material, uv = palette(colours)
    place = (uv[:, 0] * 64).astype(int)
    np.testing.assert_array_equal(
        material.texture[place[:, 1], place[:, 0]], [[255, 0, 0], [0, 255, 0], [17, 102, 204]]
    )
    box = trimesh.creation.box((4, 4, 0.1))
    box.visual.vertex_colors = np.tile([255, 0, 0, 255], (8, 1))
    box.export(tmp_path / "red.ply")
    notes = Notes()
    ((_, mesh),) = MeshReader(Resources([tmp_path]), notes).read(tmp_path / "red.ply").meshes
    assert mesh.materials[0].texture.shape == (64, 64, 3) and len(mesh.faces) == 12 and notes.lines() == ()


def test_an_obj_has_its_pictures_and_misses_those_outside(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (9, 8, 7)).save(tmp_path / "wood.png")
    (tmp_path / "a.mtl").write_text(
        "newmtl one\nKd 1 1 1\nmap_Kd wood.png\nnewmtl two\nKd 0 1 0\nmap_Kd ../../etc/x.png\n"
    )
    (tmp_path / "a.obj").write_text(
        "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 0 1\n"
        "usemtl one\nf 1/1 2/2 3/3\nusemtl two\nf 1/1 2/2 4/3\n"
    )
    notes = Notes()
    meshes = MeshReader(Resources([tmp_path]), notes).read(tmp_path / "a.obj").meshes
    seen = {tuple(mesh.materials[0].texture[0, 0]) for _, mesh in meshes}
    assert seen == {(9, 8, 7), (0, 255, 0)}
    assert any("etc/x.png" in note and "missing" in note for note in notes.lines())


def obj_room(lines: Sequence[str]) -> str:
    """An OBJ of a floor and three squares a metre wide at x = 0, 2, 4, the given line before each."""
    text = "mtllib a.mtl\n"
    for k, line in enumerate(lines):
        text += f"{line}\n" + "".join(f"v {2 * k + x} {k} {z}\n" for x, z in ((0, 0), (0, 1), (1, 1), (1, 0)))
        text += f"usemtl {'red' if k % 2 else 'green'}\nf {4 * k + 1} {4 * k + 2} {4 * k + 3}\n"
        text += f"usemtl blue\nf {4 * k + 1} {4 * k + 3} {4 * k + 4}\n"
    return text


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (["o chair_1", "o bed one", "o chair_1"], ["bed one", "chair_1"]),
        (["g sofa", "g 000007_x", "g lamp"], ["000007_x", "lamp", "sofa"]),
        (["o all\ng sofa", "g bed", "g lamp"], ["bed", "lamp", "sofa"]),
        (["o sofa\ng a", "o bed\ng b", "g c"], ["bed", "sofa"]),
        (["# none", "o sofa", "o bed"], ["a", "bed", "sofa"]),
        (["o only", "# none", "# none"], ["a"]),
    ],
)
def test_objects_or_groups_of_an_obj_are_its_things(tmp_path: Path, lines: list[str], names: list[str]) -> None:
    (tmp_path / "a.mtl").write_text("newmtl red\nKd 1 0 0\nnewmtl green\nKd 0 1 0\nnewmtl blue\nKd 0 0 1\n")
    (tmp_path / "a.obj").write_text(obj_room(lines))
    meshes = MeshReader(Resources([tmp_path]), Notes()).read(tmp_path / "a.obj").meshes
    assert sorted({name for name, _ in meshes}) == names
    found = sorted(
        (float(corner[:, 0].max()), tuple(mesh.materials[0].texture[0, 0].tolist()))
        for _, mesh in meshes
        for corner in mesh.vertices[mesh.faces]
    )
    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    assert found == [(1, blue), (1, green), (3, blue), (3, red), (5, blue), (5, green)]
    for name, mesh in meshes:
        if name == "bed one":
            np.testing.assert_allclose(mesh.bounds(), [[2, 1, 0], [3, 1, 1]])


def test_a_huge_picture_is_shrunk_and_a_lying_one_refused(tmp_path: Path) -> None:
    from sim_bridge.scenes.meshes.images import decode

    Image.new("L", (4000, 1000), 77).save(tmp_path / "big.png")
    notes = Notes()
    pixels = decode((tmp_path / "big.png").read_bytes(), "big.png", notes)
    assert pixels is not None and pixels.shape == (125, 500, 3) and (pixels == 77).all()
    data = bytearray((tmp_path / "big.png").read_bytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    assert decode(bytes(data), "lie.png", notes) is None and decode(b"no picture", "no.png", notes) is None
    assert len(notes.lines()) == 2


def test_objects_beside_a_single_file_say_the_categories(tmp_path: Path) -> None:
    write_room(tmp_path / "r.glb")
    table = [{"instance": "lamp", "category": "potted plant"}, {"instance": "gone", "category": "bed"}]
    (tmp_path / "objects.json").write_text(json.dumps(table))
    loaded = read_scene(tmp_path / "r.glb")
    assert "objects.json beside r.glb names 'gone' (1 in all) that it does not hold" in loaded.notes
    parts = {part.name: part.category for part in loaded.scene.parts}
    assert parts["lamp"] == 2 and parts["Chair_1"] == 0


def test_notes_go_to_the_log_of_a_simulator(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_world(tmp_path, ROOM + "<include><uri>model://gone</uri></include>" + box_model("m", "1 1 0.4 0 0 0"))
    assert isinstance(load_scene(path), Scene)
    assert "model://gone" in caplog.text


def test_the_forms_of_paths(tmp_path: Path) -> None:
    for name in ("a.glb", "a.GLTF", "a.world", "a.sdf", "a.dae", "a.stage_config.json", "a.scene_instance.json"):
        (tmp_path / name).write_text("")
        assert is_scene_path(tmp_path / name), name
    (tmp_path / "a.json").write_text("")
    assert is_scene_path(tmp_path) and not is_scene_path(tmp_path / "a.json") and not is_scene_path(tmp_path / "b.glb")


def test_the_same_file_gives_the_same_scene(tmp_path: Path) -> None:
    path = write_room(tmp_path / "r.glb", 100.0)
    a, b = read_scene(path), read_scene(path)
    assert a.notes == b.notes and a.scene.start_xy == b.scene.start_xy and a.scene.lamps == b.scene.lamps
    for one, two in zip(a.scene.parts, b.scene.parts, strict=True):
        assert one.name == two.name and one.mesh.vertices.tobytes() == two.mesh.vertices.tobytes()


def test_names_in_a_room_survive(tmp_path: Path) -> None:
    scene = room(box_part((1.0, 0.5, 0.0), (1.5, 1.5, 0.8)))
    assert [part.category for part in scene.parts][-1] == 0


@pytest.mark.skipif(not KENNEY.is_dir(), reason="shared/data/kenney_furniture is not here")
@pytest.mark.parametrize(
    ("name", "category"),
    [("bedDouble", 3), ("chairDesk", 0), ("loungeSofaLong", 1), ("televisionModern", 5), ("cabinetTelevision", -1)],
)
def test_furniture_of_others_stands_on_a_floor(name: str, category: int) -> None:
    loaded = read_scene(KENNEY / f"{name}.glb")
    things = [part for part in loaded.scene.parts if part.name != "added floor"]
    low, high = bounds(things)
    assert abs(low[2]) < 1e-3 and (high - low < 4.0).all()
    assert category_of_name(name) == category


def test_a_model_that_fell_out_of_the_world_is_left_out(tmp_path: Path) -> None:
    """Worlds saved while they run hold models that fell for hours (aws-robomaker-hospital-world: 757,769 km)."""
    floor = box_model("floor", "0 0 -0.05 0 0 0", "6 6 0.1")
    standing = box_model("chair_1", "1 1 0.4 0 0 0")
    path = write_world(tmp_path, floor + standing + box_model("chair_2", "1 -1 -7.57769e+08 0 0 0"))
    found = read_scene(path)
    assert [part.name.split("/")[0] for part in found.scene.parts if part.category == 0] == ["chair_1"]
    assert any("chair_2" in note and "left out" in note for note in found.notes)
