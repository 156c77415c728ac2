# SPDX-License-Identifier: Apache-2.0
"""No scene decides how much time and memory it takes: things that hold each other, absurd numbers, claimed sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from tests.sim.scenes.scene_files import ROOM, box_model, glb_bytes, room_meshes, write_dae, write_world

from seal_perception.errors import InputError
from sim_bridge.drawing.light import subdivide, subdivided_count
from sim_bridge.geometry.collision import closer, collision_map, nearest
from sim_bridge.geometry.mesh import Mesh, Scene
from sim_bridge.scenes.load import read_scene
from sim_bridge.scenes.pieces import GREY, Notes, Piece, make_mesh
from sim_bridge.scenes.sdf.ogre import read_scripts
from sim_bridge.scenes.stages.dataset import Dataset

Write = Callable[[Path], Path]


def _dae(old: str, new: str, library: str = "") -> Write:
    def write(folder: Path) -> Path:
        path = write_dae(folder / "a.dae", size=5.0)
        text = path.read_text()
        assert old in text
        text = text.replace(old, new)
        path.write_text(text.replace("<library_visual_scenes>", library + "<library_visual_scenes>"))
        return path

    return write


def _doubling(count: int) -> str:
    """Library nodes that each hold the next one twice."""
    nodes = [
        f'<node id="k{k}"><instance_node url="#k{k + 1}"/><instance_node url="#k{k + 1}"/></node>' for k in range(count)
    ]
    last = f'<node id="k{count}"><instance_geometry url="#g"/></node>'
    return f"<library_nodes>{last}{''.join(reversed(nodes))}</library_nodes>"


def _gltf(**changes: object) -> Write:
    """A glTF of one triangle with parts of its header replaced."""
    triangle = np.array([[0, 0, 0], [5, 0, 0], [0, 5, 5]], np.float32).tobytes()
    header = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": len(triangle)}],
        "buffers": [{"byteLength": len(triangle)}],
        **changes,
    }

    def write(folder: Path) -> Path:
        (folder / "a.glb").write_bytes(glb_bytes(header, triangle))
        return folder / "a.glb"

    return write


def _world(body: str) -> Write:
    return lambda folder: write_world(folder, ROOM + body)


def _frames(count: int) -> str:
    """Frames that each stand on the one before."""
    rows = [f"<frame name='f{k}'><pose relative_to='f{k - 1}'>0 0 0 0 0 0</pose></frame>" for k in range(1, count)]
    link = f"<link name='l'><pose relative_to='f{count - 1}'>0 0 0 0 0 0</pose></link>"
    return f"<model name='m'><frame name='f0'/>{''.join(rows)}{link}</model>"


ACCESSOR = {"componentType": 5126, "type": "VEC3"}
REFUSED: dict[str, tuple[Write, str]] = {
    "nodes of COLLADA that double": (
        _dae("<instance_geometry url", '<instance_node url="#k0"/><instance_geometry url', _doubling(20)),
        r"a\.dae asks for 501 things",
    ),
    "nodes of COLLADA in each other": (
        _dae('<node id="n" name="thing">', '<node id="n" name="thing">' + "<node>" * 101 + "</node>" * 101),
        r"a\.dae is nested more than 100 deep",
    ),
    "models in each other": (_world("<model name='a'>" * 120 + "</model>" * 120), "nested more than 100 deep"),
    "a pose beyond all measure": (_world(box_model("m", pose="1e300 0 0 0 0 0")), "number beyond 1e[+]12: '1e300"),
    "a size beyond all measure": (_world(box_model("m", size="1 1e20 1")), "<box><size> has a number beyond"),
    "spheres without end": (
        _world("".join(f"<model name='m{k}'><link name='l'>" + "<visual name='v'><geometry><sphere><radius>1</radius>"
                       "</sphere></geometry></visual>" * 5 + "</link></model>" for k in range(10))),
        r"test\.world asks for .* triangles",
    ),
    "a unit of kilometres": (_dae('meter="1.0"', 'meter="1e300"'), "its unit is 1e[+]300 metres"),
    "an accessor of zeros": (_gltf(accessors=[{**ACCESSOR, "count": 10**9}]), "asks for|accessors ask for 12,000 MB"),
    "accessors that read over again": (
        _gltf(accessors=[{**ACCESSOR, "bufferView": 0, "count": 10**6}] * 3), "accessors ask for 36 MB out of",
    ),
    "views that read over again": (
        _gltf(bufferViews=[{"buffer": 0, "byteLength": 10**7}] * 3), "accessors ask for 30 MB out of",
    ),
    "primitives without end": (
        _gltf(meshes=[{"primitives": [{"attributes": {"POSITION": 0}}] * 2000}]), "asks for 2,001 things",
    ),
    "a mesh shown without end": (
        _gltf(nodes=[{"mesh": 0}] * 300, meshes=[{"primitives": [{"attributes": {"POSITION": 0}}] * 3}]),
        "asks for 900 things",
    ),
    "nodes in a circle": (_gltf(nodes=[{"mesh": 0, "children": [1]}, {"children": [0]}]), "does one hold itself"),
    "floors on each other": (
        lambda folder: write_world(
            folder, "".join(box_model(f"m{k}", f"0 0 {k / 100} 0 0 0", "100 100 0.01") for k in range(40))
        ),
        "m2 of surfaces near the floor",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_asks_for_too_much_is_refused_at_once(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, message = REFUSED[case]
    monkeypatch.setenv("SEAL_LIMITS", "scene_triangles=20000 scene_things=500")
    with pytest.raises(InputError, match=message) as error:
        read_scene(write(tmp_path))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_many_frames_in_a_row_are_followed(tmp_path: Path) -> None:
    """2000 frames on each other: no recursion, each worked out once."""
    assert len(read_scene(_world(_frames(2000))(tmp_path)).scene.parts) == 1


@pytest.mark.parametrize("far", [1e5, 1e6, 3e37])
def test_one_corner_far_away_is_left_out(far: float, tmp_path: Path) -> None:
    scene = room_meshes(y_up=False).to_mesh()
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.4)
    ball.apply_translation((1.0, 1.0, 0.4))
    vertices = np.concatenate([scene.vertices, ball.vertices, [[far, -far, 0.5]]])
    faces = np.concatenate([scene.faces, ball.faces + len(scene.vertices), [[0, 1, len(vertices) - 1]]])
    trimesh.Trimesh(vertices, faces, process=False).export(tmp_path / "room.ply")
    loaded = read_scene(tmp_path / "room.ply")
    size = np.ptp(loaded.scene.parts[0].mesh.bounds(), axis=0)
    np.testing.assert_allclose(size, np.ptp(scene.bounds, axis=0), atol=1e-5)
    assert any("1 triangles" in note for note in loaded.notes)


def _column(height: float) -> Mesh:
    box = trimesh.creation.box((0.5, 0.5, height))
    floor = trimesh.creation.box((6, 6, 0.02))
    both = trimesh.util.concatenate([box, floor])
    mesh = make_mesh(both.vertices, both.faces, None, GREY, Notes(), "")
    assert mesh is not None
    return mesh


def test_a_column_of_kilometres_costs_no_more_than_a_low_one() -> None:
    """Only what can stand in the robot's way is sampled; the plan is the same."""
    low, high = (collision_map(_column(height)) for height in (5.0, 2e5))
    np.testing.assert_array_equal(low.blocked.cells, high.blocked.cells)
    np.testing.assert_array_equal(low.standing.cells, high.standing.cells)
    assert low.standing.cells.sum() > 50_000


def test_a_wall_of_kilometres_is_not_split_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_LIMITS", "scene_triangles=100000")
    mesh = _column(2e5)
    with pytest.raises(InputError, match="split for the light, asks for .* triangles"):
        subdivide(mesh, np.zeros(len(mesh.faces), np.int32), 0.05)


def test_split_triangles_are_counted_without_making_them() -> None:
    mesh = _column(5.0)
    split, tags = subdivide(mesh, np.arange(len(mesh.faces), dtype=np.int32), 0.2)
    assert subdivided_count(mesh, 0.2) == len(split.faces) == len(tags) > 1000
    area = [np.linalg.norm(np.cross(*(m.vertices[m.faces][:, k] - m.vertices[m.faces][:, 0] for k in (1, 2))), axis=1)
            for m in (mesh, split)]  # fmt: skip
    np.testing.assert_allclose(np.bincount(tags, area[1]), area[0], rtol=1e-5)


def test_a_path_of_a_data_set_does_not_walk_the_disk(tmp_path: Path) -> None:
    config = tmp_path / "set" / "a.scene_dataset_config.json"
    config.parent.mkdir()
    (tmp_path / "other.stage_config.json").write_text("{}")
    for pattern in ("/**", "../**", "../*", "a/../../*", "\0"):
        config.write_text(json.dumps({"stages": {"paths": {".json": [pattern]}}}))
        assert Dataset(config).files("stages", ".json", ".json") == []
    config.write_text(json.dumps({"stages": {"paths": {".json": ["**/a/**/b/**/*"]}}}))
    with pytest.raises(InputError, match=r"more than two '\*\*'"):
        Dataset(config).files("stages", ".json", ".json")


def test_files_of_a_data_set_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_LIMITS", "scene_files=3")
    for k in range(4):
        (tmp_path / f"{k}.glb").touch()
    (tmp_path / "a.scene_dataset_config.json").write_text('{"stages": {"paths": {".glb": ["*.glb"]}}}')
    with pytest.raises(InputError, match="asks for [45] files"):
        read_scene(tmp_path / "a.scene_dataset_config.json")
    assert isinstance(Scene("a", ()), Scene) and Piece("a", _column(1.0)).category is None


@pytest.mark.parametrize("seed", range(3))
def test_a_large_plan_is_worked_out_in_parts_with_the_same_result(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    free = rng.random((90, 40)) > 0.004
    free[30:60] = True
    goal = rng.uniform(0, 90, 2)
    whole = (closer(free, 0.21, 0.02), nearest(~free, goal))
    monkeypatch.setattr("sim_bridge.geometry.collision.STRIPE_CELLS", 7 * 40)
    np.testing.assert_array_equal(closer(free, 0.21, 0.02), whole[0])
    assert nearest(~free, goal) == whole[1] and 0 < whole[0].mean() < 1
    with pytest.raises(ValueError, match="no cell"):
        nearest(np.zeros((3, 3), bool), goal)


@pytest.mark.parametrize("text", ["", "material", "material {", "no script at all", "// material A\n"])
def test_a_material_script_without_a_material_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.material").write_text(text)
    assert read_scripts([tmp_path]) == {}
