# SPDX-License-Identifier: Apache-2.0
"""What a scene's name means, names of categories, and the conversions: all without habitat-sim."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError, MissingDependencyError
from seal_perception.pose import camera_mounting, planar_pose
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.habitat.categories import NAMES, category_index, gibson_scenes, gibson_split
from sim_bridge.habitat.engine import HabitatOptions
from sim_bridge.habitat.frames import (
    base_pose,
    camera_pose,
    camera_state,
    colour,
    habitat_camera,
    habitat_hfov_deg,
    instances,
    to_habitat,
    to_world,
)
from sim_bridge.habitat.scene import HabitatScene, find_scene
from sim_bridge.habitat.simulator import HabitatSimulator
from sim_bridge.worlds import open_simulator, require_scene

HALF = math.sqrt(0.5)


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


def test_axes() -> None:
    np.testing.assert_array_equal(to_world([1.0, 2.0, 3.0]), [1.0, -3.0, 2.0])
    np.testing.assert_array_equal(to_habitat([1.0, -3.0, 2.0]), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("rotation", "yaw_deg"), [((1, 0, 0, 0), 90.0), ((HALF, 0, HALF, 0), 180.0), ((HALF, 0, -HALF, 0), 0.0)]
)
def test_an_agent_that_turns_left_about_y_turns_left_here(rotation: tuple[float, ...], yaw_deg: float) -> None:
    # Unturned it looks along Habitat's -z, which is our +y.
    T = base_pose([1.0, 0.5, -2.0], rotation)
    np.testing.assert_allclose(T, planar_pose(1.0, 2.0, math.radians(yaw_deg), 0.5), atol=1e-12)


def test_a_camera_on_the_agent_is_our_mounting() -> None:
    base, camera = base_pose([1.0, 0.0, 2.0], [0.6, 0.0, 0.8, 0.0]), camera_pose([1.0, 0.88, 2.0], [0.6, 0.0, 0.8, 0.0])
    np.testing.assert_allclose(base @ camera_mounting(0.88), camera, atol=1e-12)


def test_a_camera_state_comes_back() -> None:
    T = planar_pose(1.0, -2.0, 0.7, 0.3) @ camera_mounting(0.9, 0.1, 0.4)
    np.testing.assert_allclose(camera_pose(*camera_state(T)), T, atol=1e-12)


def test_a_rotation_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="w, x, y, z"):
        base_pose([0, 0, 0], [1.0, 1.0, 0.0, 0.0])


def test_the_pixel_centre_is_half_a_pixel_less_than_habitats() -> None:
    camera = habitat_camera(640, 480, 90.0)
    assert (camera.fx, camera.fy) == (pytest.approx(320.0), pytest.approx(320.0))
    # Habitat's first column has its centre at 0.5 of 640, 319.5 focal lengths / 320 left of the axis.
    assert camera.rays()[0, 0, 0] == pytest.approx(-319.5 / 320.0)
    assert (camera.cx, camera.cy) == (319.5, 239.5)


def test_pictures() -> None:
    rgba = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(colour(rgba), rgba[..., :3])
    with pytest.raises(ValueError, match="uint8"):
        colour(rgba[..., :3])


def test_id_zero_is_kept_for_nothing_hit() -> None:
    semantic = np.array([[0, 0, 7]], np.uint32)
    depth = np.array([[0.0, 2.0, 3.0]], np.float32)
    np.testing.assert_array_equal(instances(semantic, depth, 9), [[0, 9, 7]])
    with pytest.raises(ValueError, match="one view"):
        instances(semantic, depth[:, :2], 9)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("tv_monitor", "tv"), ("indoor-plant", "potted plant"), ("Sofa Chair", "chair"), ("sofa", "couch"),
        ("potted plant", "potted plant"), ("tv-screen", "tv"), ("bed", "bed"), ("toilet", "toilet"),
    ],
)  # fmt: skip
def test_names_of_data_sets(name: str, ours: str) -> None:
    assert category_index(name) == CATEGORIES.index(ours)


@pytest.mark.parametrize("name", ["", "tv stand", "plant-stand", "stool", "bed sheet", "toilet paper", "other", "wall"])
def test_names_of_other_things(name: str) -> None:
    assert category_index(name) == -1


def test_no_name_means_two_categories() -> None:
    meanings: dict[str, set[str]] = {}
    for table in NAMES.values():
        assert set(table) == set(CATEGORIES)
        for ours, names in table.items():
            for name in names:
                meanings.setdefault(name.replace("-", " ").replace("_", " "), set()).add(ours)
    assert [name for name, found in meanings.items() if len(found) > 1] == []


def test_the_papers_gibson_scenes() -> None:
    train, val = gibson_split("train"), gibson_split("val")
    assert len(set(train)) == 25 and len(set(val)) == 5 and not set(train) & set(val)
    assert val == ("Collierville", "Corozal", "Darden", "Markleeville", "Wiconisco")
    with pytest.raises(InputError, match="train, val"):
        gibson_split("test")


def test_gibson_scenes_in_a_folder(tmp_path: Path) -> None:
    for name in gibson_split("val"):
        _file(tmp_path / f"{name}.glb")
    names = gibson_scenes(tmp_path, "val")
    assert names[0] == f"habitat:{tmp_path / 'Collierville.glb'}"
    assert find_scene(names[0]) == HabitatScene("Collierville", str(tmp_path / "Collierville.glb"))
    with pytest.raises(InputError, match=r"lacks 25 of the 25 .* Allensville"):
        gibson_scenes(tmp_path, "train")


def test_hm3d_finds_its_annotated_configuration(tmp_path: Path) -> None:
    config = _file(tmp_path / "hm3d_annotated_basis.scene_dataset_config.json")
    _file(tmp_path / "hm3d_basis.scene_dataset_config.json")
    folder = tmp_path / "val" / "00800-TEEsavR23oF"
    scene = _file(folder / "TEEsavR23oF.basis.glb")
    _file(folder / "TEEsavR23oF.semantic.glb")
    expected = HabitatScene("TEEsavR23oF", str(scene), str(config))
    assert find_scene(f"habitat:{scene}") == expected == find_scene(f"habitat:{folder}")
    named = find_scene(f"habitat:{config}::00800-TEEsavR23oF")
    assert named == HabitatScene("00800-TEEsavR23oF", "00800-TEEsavR23oF", str(config))


def test_replica_and_an_exported_home_are_folders(tmp_path: Path) -> None:
    mesh = _file(tmp_path / "replica" / "room_0" / "mesh.ply")
    _file(mesh.parent / "mesh_semantic.ply")
    assert find_scene(mesh.parent).scene_id == str(mesh)
    stage = _file(tmp_path / "home" / "stages" / "train_01.stage_config.json")
    _file(stage.parent / "train_01.glb")
    config = _file(tmp_path / "home" / "train_01.scene_dataset_config.json")
    assert find_scene(tmp_path / "home") == HabitatScene("train_01", str(stage), str(config))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("habitat:", "no file or folder"),
        ("habitat:nowhere/at/all.glb", "no file or folder"),
        ("habitat:{here}/notes.txt", "no scene for Habitat"),
        ("habitat:{here}/empty", "no scene for Habitat"),
        ("habitat:{here}/two", "2 scenes.*name one"),
        ("habitat:{here}/notes.txt::room", "no data set configuration"),
        ("habitat:{here}/configs/a.glb", "2 data set configurations.*say which"),
    ],
)
def test_an_unclear_scene_is_one_line(tmp_path: Path, name: str, message: str) -> None:
    for path in ("notes.txt", "two/a.glb", "two/b.glb", "configs/a.glb"):
        _file(tmp_path / path)
    for k in range(2):
        _file(tmp_path / "configs" / f"{k}.scene_dataset_config.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message) as error:
        require_scene(name.format(here=tmp_path))
    assert "\n" not in str(error.value)


def test_a_backend_can_be_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="auto, embedded, habitat"):
        require_scene("train_01", backend="gazebo")
    with pytest.raises(InputError, match="no file or folder"):
        require_scene("train_01", backend="habitat")
    with pytest.raises(InputError, match="by their path, without habitat-sim; leave out habitat:"):
        require_scene(f"habitat:{_file(tmp_path / 'a.glb')}", backend="embedded")


@pytest.mark.skipif(importlib.util.find_spec("habitat_sim") is not None, reason="habitat_sim is installed")
def test_without_habitat_sim_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="install its headless build") as error:
        open_simulator(f"habitat:{_file(tmp_path / 'a.glb')}")
    assert "\n" not in str(error.value)


def test_a_field_of_view_comes_back() -> None:
    assert habitat_hfov_deg(habitat_camera(640, 480, 79.0)) == pytest.approx(79.0)
    assert habitat_hfov_deg(EmbeddedConfig(width=64, height=48, intrinsics=(32.0, 32.0, 31.5, 23.5)).camera) == 90.0


@pytest.mark.parametrize("intrinsics", [(300.0, 310.0, 319.5, 239.5), (300.0, 300.0, 330.0, 239.5)])
def test_a_camera_that_habitat_lacks_is_refused(intrinsics: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="square pixels"):
        habitat_hfov_deg(EmbeddedConfig(width=640, height=480, intrinsics=intrinsics).camera)


def test_a_laser_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no laser"):
        HabitatSimulator(_file(tmp_path / "a.glb"), EmbeddedConfig(laser="rplidar"))


class _NoFloor:
    """Stands for the engine: opens, and finds no floor."""

    made: list[_NoFloor]

    def __init__(self, *_: object) -> None:
        self.closed = 0
        self.made.append(self)

    def navmesh(self, *_: object) -> None:
        raise InputError("no floor")

    def close(self) -> None:
        self.closed += 1


def test_a_scene_that_opens_and_is_refused_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_NoFloor, "made", [], raising=False)
    monkeypatch.setattr("sim_bridge.habitat.simulator.Engine", _NoFloor)
    with pytest.raises(InputError, match="no floor"):
        HabitatSimulator(_file(tmp_path / "a.glb"))
    (engine,) = _NoFloor.made
    assert engine.closed == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "a stage configuration is a JSON object"),
        ("{", "cannot be read"),
        ('{"user_defined": [1]}', r"'user_defined' in it too, got \[1\]"),
        ('{"user_defined": {"seal_start": "here"}}', "'seal_start' must be 3 numbers, got 'here'"),
        ('{"user_defined": {"seal_start": [1, 2]}}', r"'seal_start' must be 3 numbers, got \[1, 2\]"),
        ('{"user_defined": {"seal_start": [1, 2, NaN]}}', "must be 3 numbers|cannot be read"),
    ],
)
def test_a_wrong_start_is_one_line_before_anything_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setattr(_NoFloor, "made", [], raising=False)
    monkeypatch.setattr("sim_bridge.habitat.simulator.Engine", _NoFloor)
    path = _file(tmp_path / "a.stage_config.json")
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        HabitatSimulator(path)
    assert "\n" not in str(error.value) and _NoFloor.made == []


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="climb_m"):
        HabitatOptions(climb_m=0.0)
