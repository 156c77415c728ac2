# SPDX-License-Identifier: Apache-2.0
"""Scenes written for Habitat and as a folder: what is in the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from tests.sim.rooms import box_part, room

from seal_perception.errors import InputError
from sim_bridge.geometry.mesh import Scene
from sim_bridge.scenes.meshes.gltf_write import unique_names
from sim_bridge.scenes.meshes.images import levels_in_srgb
from sim_bridge.scenes.sides import with_backs
from sim_bridge.scenes.stages.write import instance_colours, write_habitat
from sim_bridge.scenes.write import write_scene_folder


@pytest.fixture
def scene() -> Scene:
    return room(box_part((1.0, 0.5, 0.0), (1.5, 1.5, 0.8)), box_part((-1.5, -1.5, 0.0), (-1.0, -1.0, 0.4), 2))


def test_names_are_made_unique(scene: Scene) -> None:
    assert unique_names(scene)[-2:] == ["box", "box#2"]


def test_colours_are_distinct_after_the_way_through_srgb() -> None:
    colours = levels_in_srgb(instance_colours(4000))
    assert len(np.unique(colours, axis=0)) == 4000 and colours.min() > 0
    # Known values of the sRGB curve: 0 and 255 stay, linear 55 is sRGB 128 (0.2159 -> 0.5020).
    np.testing.assert_array_equal(levels_in_srgb(np.array([0, 55, 255], np.uint8)), [0, 128, 255])


def test_too_many_objects_are_refused() -> None:
    with pytest.raises(InputError, match="at most 32768"):
        instance_colours(32_769)


def test_habitats_files_say_the_same_as_the_scene(scene: Scene, tmp_path: Path) -> None:
    config = write_habitat(scene, tmp_path / "out")
    stages = tmp_path / "out" / "stages"
    assert json.loads(config.read_text()) == {"stages": {"paths": {".json": ["stages"]}}}
    stage = json.loads((stages / "room.stage_config.json").read_text())
    assert stage["up"] == [0, 1, 0] and stage["front"] == [0, 0, -1] and stage["units_to_meters"] == 1.0
    for key in ("render_asset", "semantic_asset", "semantic_descriptor_filename"):
        assert (stages / stage[key]).is_file()
    lines = (stages / "room.semantic.txt").read_text().splitlines()
    assert lines[0] == "HM3D Semantic Annotations" and len(lines) == 1 + len(scene.parts)
    labels = [line.split('"')[1] for line in lines[1:]]
    assert labels == ["floor", "ceiling", "wall", "wall", "wall", "wall", "chair", "potted plant"]
    assert lines[7].startswith("7,") and lines[7].endswith(",0")
    # Each colour's triangles are where the part is, in Habitat's axes: x, z, -y.
    semantic = trimesh.load(stages / "room.semantic.glb", force="mesh", process=False)
    colours = np.asarray(semantic.visual.vertex_colors)[:, :3]
    hexes = np.array([bytes(c).hex().upper() for c in levels_in_srgb(colours)])
    for line, part in zip(lines[1:], scene.parts, strict=True):
        own = np.asarray(semantic.vertices)[hexes == line.split(",")[1]]
        low, high = part.mesh.bounds()
        np.testing.assert_allclose(own.min(0), [low[0], low[2], -high[1]], atol=1e-6)
        np.testing.assert_allclose(own.max(0), [high[0], high[2], -low[1]], atol=1e-6)


def test_the_stage_has_all_triangles_and_is_seen_from_both_sides(scene: Scene, tmp_path: Path) -> None:
    counts = {}
    for backs in (True, False):
        write_habitat(scene, tmp_path / f"{backs}", backs)
        stage = trimesh.load(tmp_path / f"{backs}" / "stages" / "room.glb", force="scene", process=False)
        counts[backs] = sum(len(g.faces) for g in stage.geometry.values())
    assert counts[False] == sum(len(p.mesh.faces) for p in scene.parts)
    # Habitat draws fronts only: the sheets of the shell get backs, the closed boxes need none.
    assert counts[True] == sum(len(with_backs(p.mesh).faces) for p in scene.parts) > counts[False]
    assert all(g.visual.material.doubleSided for g in stage.geometry.values())
    np.testing.assert_allclose(stage.bounds, [[-2, 0, -2], [2, 2.5, 2]], atol=1e-6)


def test_the_same_scene_gives_the_same_bytes(scene: Scene, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_scene_folder(scene, tmp_path / name)
    for file in ("scene.glb", "objects.json", "scene.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("write", [write_habitat, write_scene_folder])
def test_a_folder_with_files_in_it_is_left_alone(write, scene: Scene, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        write(scene, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"] and (tmp_path / "out" / "mine.txt").read_text() == "mine"
