# SPDX-License-Identifier: Apache-2.0
"""The thirty homes: what is in them, that it fits, and that homes to test in share nothing with the others."""

from __future__ import annotations

import functools
from collections import Counter

import numpy as np
import pytest

from seal_perception.categories import CATEGORIES, NUM_CATEGORIES
from seal_perception.errors import InputError
from sim_bridge.collision import floor_plan
from sim_bridge.furniture import DISTRACTORS, make_item
from sim_bridge.homes import HOMES, TEST_HOMES, TRAIN_HOMES, make_home
from sim_bridge.homes_furnish import DISTRACTOR_LIMITS, LIMITS
from sim_bridge.mesh import Part, Scene

home = functools.cache(make_home)
SOME = ("train_01", "train_16", "test_02", "test_05")


def _kind(part: Part) -> str:
    return part.name.rsplit(" ", 1)[0]


def _loose(scene: Scene) -> list[Part]:
    """Furniture and things, without walls, floors and the like."""
    return [part for part in scene.parts if _kind(part) in (*CATEGORIES, *DISTRACTORS)]


def test_there_are_thirty_names() -> None:
    assert len(HOMES) == 30 and len(TRAIN_HOMES) == 25 and len(TEST_HOMES) == 5
    assert HOMES[0] == "train_01" and HOMES[-1] == "test_05"


@pytest.mark.parametrize("name", HOMES)
def test_every_home_has_all_six_categories_and_other_things(name: str) -> None:
    scene = home(name)
    counts = Counter(part.category for part in _loose(scene))
    for category in range(NUM_CATEGORIES):
        least, most = LIMITS[category]
        assert least <= counts[category] <= most, CATEGORIES[category]
    assert DISTRACTOR_LIMITS[0] <= counts[-1] <= DISTRACTOR_LIMITS[1]
    floors = [part.mesh.bounds() for part in scene.parts if part.name.startswith("floor ")]
    assert 60 <= sum((high - low)[:2].prod() for low, high in floors) <= 110
    assert all(np.isfinite(part.mesh.vertices).all() and part.own_hash for part in scene.parts)
    assert len({part.name for part in scene.parts}) == len(scene.parts)


@pytest.mark.parametrize("name", SOME)
def test_things_stand_in_a_room_and_do_not_intersect(name: str) -> None:
    loose = [p for p in _loose(home(name)) if _kind(p) != "rug"]
    rooms = [p.mesh.bounds() for p in home(name).parts if p.name.startswith("floor ")]
    boxes = [part.mesh.bounds() for part in loose]
    for k, (low, high) in enumerate(boxes):
        assert low[2] > -0.02 and high[2] < 2.5, loose[k].name
        assert any((low[:2] >= r[0, :2] - 1e-3).all() and (high[:2] <= r[1, :2] + 1e-3).all() for r in rooms)
        for other in range(k):
            depth = np.minimum(high, boxes[other][1]) - np.maximum(low, boxes[other][0])
            assert depth.min() < 1e-3, (loose[k].name, loose[other].name)


@pytest.mark.parametrize("name", SOME)
def test_things_stand_on_something(name: str) -> None:
    """Nothing floats: it touches the floor, or what is under it, or hangs at a wall."""
    loose = _loose(home(name))
    hangs = {"picture_frame", "mirror", "curtain"}
    for part in loose:
        low, high = part.mesh.bounds()
        if low[2] < 0.03 or _kind(part) in hangs:
            continue
        under = [
            q.name
            for q in loose
            if q is not part
            and abs(q.mesh.bounds()[1, 2] - low[2]) < 0.01
            and (np.minimum(high, q.mesh.bounds()[1]) - np.maximum(low, q.mesh.bounds()[0]))[:2].min() > 0
        ]
        assert under or part.category in (CATEGORIES.index("tv"), CATEGORIES.index("toilet")), part.name


@pytest.mark.parametrize("name", SOME)
def test_the_robot_reaches_every_room_and_starts_free(name: str) -> None:
    scene = home(name)
    plan = floor_plan(scene)
    floor = plan.reachable_from(scene.start_xy)
    i, j = plan.cell(scene.start_xy)
    assert floor.cells[i, j]
    for part in scene.parts:
        if part.name.startswith("floor "):
            low, high = plan.cell(part.mesh.bounds()[:, :2])
            inside = floor.cells[low[0] : high[0], low[1] : high[1]].sum() * floor.cell_m**2
            assert inside > 0.4, part.name
    bounds = np.stack([p.mesh.bounds() for p in scene.parts if p.name.startswith("floor ")])
    xy = floor.origin_xy + (np.argwhere(floor.cells) + 0.5) * floor.cell_m
    assert (xy > bounds[:, 0, :2].min(0)).all() and (xy < bounds[:, 1, :2].max(0)).all()


def test_a_home_is_the_same_every_time_and_another_is_not() -> None:
    first, second = home("train_02"), make_home("train_02")
    assert first.start_xy == second.start_xy and first.lamps == second.lamps
    for a, b in zip(first.parts, second.parts, strict=True):
        assert (a.name, a.category, a.own_hash) == (b.name, b.category, b.own_hash)
        assert a.mesh.vertices.tobytes() == b.mesh.vertices.tobytes() and a.mesh.uv.tobytes() == b.mesh.uv.tobytes()
        assert [m.content_hash() for m in a.mesh.materials] == [m.content_hash() for m in b.mesh.materials]
    assert {p.own_hash for p in _loose(first)}.isdisjoint(p.own_hash for p in _loose(home("train_03")))


def _textures(scene: Scene) -> set[str]:
    """Hashes of all tiles but plain colours of one pixel."""
    return {m.content_hash() for p in scene.parts for m in p.mesh.materials if m.texture.size > 3}


@pytest.mark.parametrize("train", ["train_01", "train_16"])
@pytest.mark.parametrize("test", ["test_02", "test_05"])
def test_homes_to_train_and_to_test_share_no_shape_and_no_texture(train: str, test: str) -> None:
    a, b = home(train), home(test)
    assert {p.own_hash for p in _loose(a)}.isdisjoint(p.own_hash for p in _loose(b))
    assert _textures(a) and _textures(a).isdisjoint(_textures(b))


def test_homes_share_nothing_with_the_catalogue() -> None:
    rng = np.random.default_rng(0)
    items = [make_item(k % NUM_CATEGORIES, rng, "catalogue") for k in range(48)]
    shapes = {item.mesh.geometry_hash() for item in items}
    textures = {m.content_hash() for item in items for m in item.mesh.materials}
    for name in SOME:
        assert shapes.isdisjoint(p.own_hash for p in _loose(home(name)))
        assert textures.isdisjoint(_textures(home(name)))


@pytest.mark.parametrize("name", SOME)
def test_televisions_look_into_the_room(name: str) -> None:
    """The screen's normal points to the side of the television where there is more of its room."""
    scene = home(name)
    rooms = [p.mesh.bounds() for p in scene.parts if p.name.startswith("floor ")]
    screens = [p for p in scene.parts if _kind(p) == "tv"]
    for part in screens:
        mesh = part.mesh
        names = [m.name for m in mesh.materials]
        face = mesh.vertices[mesh.faces[np.isin(mesh.material, [k for k, n in enumerate(names) if n == "screen"])]]
        normal = np.cross(face[0, 1] - face[0, 0], face[0, 2] - face[0, 0])
        normal /= np.linalg.norm(normal)
        centre = face.mean((0, 1))
        inside = next(r for r in rooms if (centre[:2] > r[0, :2]).all() and (centre[:2] < r[1, :2]).all())
        axis = int(np.abs(normal[:2]).argmax())
        ahead = inside[1, axis] - centre[axis] if normal[axis] > 0 else centre[axis] - inside[0, axis]
        assert ahead > (inside[1, axis] - inside[0, axis]) / 2, part.name


@pytest.mark.parametrize("name", ["train_00", "train_26", "test_6", ""])
def test_unknown_names_are_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"train_01 \.\. train_25, test_01 \.\. test_05"):
        make_home(name)
