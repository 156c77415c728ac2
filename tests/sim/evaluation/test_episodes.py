# SPDX-License-Identifier: Apache-2.0
"""Episodes in a room whose answers are known by geometry, and their files."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sim.rooms import FAST, box_part, room

from seal_perception.errors import InputError
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.evaluation.episode_files import MANIFEST, content_hash, read_episodes, read_home, write_episodes
from sim_bridge.evaluation.episode_goals import GoalConfig, goal_objects, surface_points
from sim_bridge.evaluation.episodes import SPLITS, EpisodeConfig, begin, make_episodes, outcome, scene_hash
from sim_bridge.geometry.mesh import Scene
from sim_bridge.homes.build import TEST_HOMES, TRAIN_HOMES

LOW, HIGH = np.array([1.2, -0.3]), np.array([1.6, 0.4])
COUCH = 1


def box_room(half: float = 3.0) -> Scene:
    """6 x 6 m with a chair of boxes: x 1.2 .. 1.6, y -0.3 .. 0.4, up to 0.8 m."""
    return room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 0.8)), half=half)


def floor_of(scene: Scene) -> Any:
    return EmbeddedSimulator(scene, FAST).reachable_floor()


def to_box(xy: np.ndarray) -> np.ndarray:
    """Distance of points to the box's outline."""
    return np.hypot(*np.maximum(np.maximum(LOW - xy, xy - HIGH), 0.0).T)


# ---- what an object is reached from ---------------------------------------------------------------------------------


def test_viewpoints_are_the_ring_of_one_metre_around_an_object() -> None:
    scene = box_room()
    floor = floor_of(scene)
    (goal,) = goal_objects(scene, floor)
    assert (goal.instance, goal.name, goal.category) == (7, "box", 0)
    assert goal.position == pytest.approx((1.4, 0.05, 0.4), abs=1e-6)
    away = to_box(goal.viewpoints)
    assert away.min() >= 0.18 and away.max() <= 1.0
    lattice = np.argwhere(floor.cells)
    lattice = lattice[(lattice % 5 == 0).all(axis=1)]
    places = floor.origin_xy + (lattice + 0.5) * floor.cell_m
    # Nearer than 0.5 m the box, 0.8 m high, lies below the picture's lower edge: most of it, then all of it.
    sure = (to_box(places) < 0.93) & (to_box(places) > 0.5)
    found = {tuple(p) for p in goal.viewpoints.round(4).tolist()}
    missing = [p for p in places[sure].round(4).tolist() if tuple(p) not in found]
    assert sure.sum() > 150 and missing == []


def test_an_object_behind_a_wall_is_not_in_sight() -> None:
    wall = box_part((0.7, -2.9, 0.0), (0.8, 2.9, 2.4), category=-1)
    scene = room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 0.8)), wall, half=3.0)
    world = EmbeddedSimulator(Scene("two halves", scene.parts, scene.lamps, (2.4, 2.0)), FAST)
    (goal,) = goal_objects(world.scene, world.reachable_floor())
    assert len(goal.viewpoints) > 50 and goal.viewpoints[:, 0].min() > 0.8
    other = EmbeddedSimulator(Scene("two halves", scene.parts, scene.lamps, (0.0, 0.0)), FAST)
    assert to_box(np.array([[0.5, 0.0]]))[0] < 1.0
    assert goal_objects(other.scene, other.reachable_floor()) == []


def test_what_hangs_out_of_the_picture_is_no_goal() -> None:
    scene = room(box_part((1.2, -0.3, 2.1), (1.6, 0.4, 2.4)), half=3.0)
    floor = floor_of(scene)
    assert goal_objects(scene, floor) == []
    (seen,) = goal_objects(scene, floor, GoalConfig(half_vfov_rad=1.4))
    assert len(seen.viewpoints) > 100


def test_surface_points_are_spread_by_area() -> None:
    mesh = box_part((0.0, 0.0, 0.0), (2.0, 1.0, 0.5)).mesh
    points = surface_points(mesh, 7000, 1)
    assert points.min() >= 0.0 and (points <= np.array([2.0, 1.0, 0.5]) + 1e-6).all()
    area = 2 * (2.0 + 1.0 + 0.5)
    assert np.isclose(points[:, 2], 0.5).mean() == pytest.approx(2.0 / area, abs=0.02)
    assert np.isclose(points[:, 0], 0.0).mean() == pytest.approx(0.5 / area, abs=0.02)
    np.testing.assert_array_equal(points, surface_points(mesh, 7000, 1))


# ---- episodes -------------------------------------------------------------------------------------------------------


def test_episodes_begin_far_enough_away_and_know_the_shortest_way() -> None:
    scene = box_room()
    home = make_episodes(scene, 12, seed=3)
    world = EmbeddedSimulator(scene, FAST)
    for number, episode in enumerate(home.episodes):
        assert episode.id == f"room:{number}" and episode.category == 0 and episode.nearest == 7
        begin(world, episode)
        x, y, yaw = episode.start
        assert np.hypot(*(world.T_world_odom[:2, 3] - (x, y))) < 1e-3 and -math.pi <= yaw <= math.pi
        assert 1.0 <= episode.shortest_path_m <= 6.0
        assert episode.straight_m == pytest.approx(np.hypot(*(home.viewpoints(0) - (x, y)).T).min(), abs=0.001)
        assert episode.straight_m - 0.01 <= episode.shortest_path_m <= episode.straight_m + 0.02
    assert len({episode.start for episode in home.episodes}) == 12


def test_the_same_seed_gives_the_same_episodes_and_a_longer_list_begins_alike() -> None:
    scene = box_room()
    five, again, seven = (make_episodes(scene, n, seed=3).episodes for n in (5, 5, 7))
    assert five == again == seven[:5]
    assert make_episodes(scene, 5, seed=4).episodes != five


def test_categories_come_in_turn_and_homes_begin_with_different_ones() -> None:
    couch = box_part((-2.8, -0.5, 0.0), (-2.2, 0.5, 0.7), COUCH)
    scene = room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 0.8)), couch, half=3.0)
    for name, turn in (("test_01", [0, 1, 0]), ("test_02", [1, 0, 1]), ("test_02@objects=5", [1, 0, 1])):
        home = make_episodes(Scene(name, scene.parts, scene.lamps, scene.start_xy), 3)
        assert [episode.category for episode in home.episodes] == turn
        assert [episode.nearest for episode in home.episodes] == [7 + category for category in turn]


def test_an_outcome_is_told_from_the_true_path() -> None:
    scene = box_room()
    home = make_episodes(scene, 1, seed=3)
    (episode,) = home.episodes
    floor = floor_of(scene)
    from sim_bridge.geometry.geodesic import geodesic_field

    way = geodesic_field(floor, home.viewpoints(0)).path(episode.start[:2])
    done = outcome(home, episode, floor, way)
    assert done.success and done.distance_m < 0.02 and done.spl == pytest.approx(1.0, abs=0.02)
    there_and_back = np.concatenate([way, way[::-1], way])
    slow = outcome(home, episode, floor, there_and_back)
    assert slow.success and slow.spl == pytest.approx(1.0 / 3.0, abs=0.01)
    assert outcome(home, episode, floor, way, stopped=False).spl == 0.0
    stayed = outcome(home, episode, floor, way[:1])
    assert not stayed.success and stayed.distance_m == pytest.approx(episode.shortest_path_m, abs=1e-3)
    assert stayed.path_m == 0.0


def test_a_world_that_starts_elsewhere_is_noticed() -> None:
    (episode,) = make_episodes(box_room(), 1).episodes
    with pytest.raises(InputError, match=r"episode room:0 starts at .*its home has changed.*make them again"):
        begin(EmbeddedSimulator(box_room(2.5), FAST), episode)


def test_homes_without_goals_are_refused() -> None:
    with pytest.raises(InputError, match="room has no object with a start at least 1.0 m of driving away"):
        make_episodes(room(), 1)
    with pytest.raises(InputError, match="1 episode or more, got 0"):
        make_episodes(box_room(), 0)
    with pytest.raises(ValueError, match="success_m <= min_path_m"):
        EpisodeConfig(min_path_m=0.01)
    with pytest.raises(ValueError, match="1 <= min_seen <= rays"):
        GoalConfig(min_seen=40)


def test_the_scenes_hash_tells_scenes_apart() -> None:
    assert scene_hash(box_room()) == scene_hash(box_room()) != scene_hash(box_room(2.5))


def test_splits_share_no_home() -> None:
    assert SPLITS["test"] == TEST_HOMES
    assert SPLITS["train"] + SPLITS["val"] == TRAIN_HOMES and len(SPLITS["val"]) == 5


# ---- files ----------------------------------------------------------------------------------------------------------


def named(name: str, half: float) -> tuple[str, Callable[[], Scene]]:
    scene = box_room(half)
    return name, lambda: Scene(name, scene.parts, scene.lamps, scene.start_xy)


def write(folder: Path, seed: int = 0) -> Path:
    return write_episodes([named("small", 2.5), named("large", 3.0)], folder, "mine", 3, seed)


def test_files_hold_what_was_made_and_the_same_bytes_again(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    scenes = [named("small", 2.5), named("large", 3.0)]
    write_episodes(scenes, tmp_path / "a", "mine", 3, on_home=lambda *row: seen.append(row))
    assert seen == [("small", 0, 2), ("large", 1, 2), ("large", 2, 2)]
    back = read_episodes(tmp_path / "a")
    assert (back.split, back.seed, [home.home for home in back.homes]) == ("mine", 0, ["small", "large"])
    for home, (_, make) in zip(back.homes, scenes, strict=True):
        made = make_episodes(make(), 3)
        assert home.episodes == made.episodes and home.scene_sha256 == made.scene_sha256
        for a, b in zip(home.goals, made.goals, strict=True):
            assert (a.instance, a.name, a.category) == (b.instance, b.name, b.category)
            np.testing.assert_allclose(a.viewpoints, b.viewpoints, atol=1e-4)
    write(tmp_path / "b")
    write(tmp_path / "c", seed=1)
    files = {f: [p.read_bytes() for p in sorted((tmp_path / f).iterdir())] for f in "abc"}
    assert files["a"] == files["b"] != files["c"]
    assert (
        content_hash(back) == content_hash(read_episodes(tmp_path / "b")) != content_hash(read_episodes(tmp_path / "c"))
    )
    assert "for evaluation only" in json.loads((tmp_path / "a" / MANIFEST).read_text())["notice"]


def test_a_finished_set_is_not_written_over(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(InputError, match="already holds episodes; choose another folder"):
        write(tmp_path)
    with pytest.raises(InputError, match=r"each with a name of its own, got \['a', 'a'\]"):
        write_episodes([named("a", 2.5), named("a", 3.0)], tmp_path / "x", "mine", 1)


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(gzip.decompress(path.read_bytes()))
    edit(content)
    path.write_bytes(gzip.compress(json.dumps(content).encode()))


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda c: c.update(version=9), "must be seal-objectnav version 1, got seal-objectnav version 9"),
        (lambda c: c.pop("goals"), "'goals' must be a list, got 'None'"),
        (lambda c: c.update(success_m=-1), "'success_m' must be a number from 0 to 1e+06, got '-1'"),
        (lambda c: c["goals"][0].update(category="dog"), "unknown category 'dog'; expected one of chair, couch"),
        (lambda c: c["goals"][0].update(viewpoints=[]), "'viewpoints' must be N x 2 finite numbers"),
        (lambda c: c["goals"][0].update(viewpoints=[[1, 2, 3]]), "'viewpoints' must be N x 2 finite numbers"),
        (lambda c: c["goals"][0].update(position=[1, "a", 2]), "'position' must be 3 finite numbers"),
        (lambda c: c["episodes"][0].update(start=[0, math.nan, 0]), "'start' must be 3 finite numbers"),
        (lambda c: c["episodes"][0].update(start_seed=True), "'start_seed' must be a int, got 'True'"),
        (lambda c: c["episodes"][0].update(nearest=99), "goes to object 99, which is no chair"),
        (lambda c: c["episodes"][1].update(id=c["episodes"][0]["id"]), "an object or an episode occurs twice"),
        (lambda c: c["episodes"].__setitem__(0, 7), "must be a"),
    ],
)
def test_files_that_make_no_sense_are_refused_in_one_line(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], text: str
) -> None:
    write_episodes([named("small", 2.5)], tmp_path, "mine", 2)
    change(tmp_path / "small.json.gz", edit)
    with pytest.raises(InputError) as error:
        read_home(tmp_path / "small.json.gz")
    assert text in str(error.value) and "\n" not in str(error.value)


def test_sets_that_are_not_whole_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no manifest.json: give the folder"):
        read_episodes(tmp_path)
    write(tmp_path)
    file = tmp_path / "small.json.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    with pytest.raises(InputError, match="its SHA-256 differs"):
        read_episodes(tmp_path)
    with pytest.raises(InputError, match="is not a whole gzip file"):
        read_home(file)
    file.unlink()
    with pytest.raises(InputError, match=r"small.json.gz is named in manifest.json and is not there"):
        read_episodes(tmp_path)
    file.write_bytes(whole)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        read_episodes(tmp_path)
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(InputError, match="'format' must be a str, got 'None'"):
        read_episodes(tmp_path)
