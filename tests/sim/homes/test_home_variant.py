# SPDX-License-Identifier: Apache-2.0
"""Homes with other objects or other materials: the same layout, deterministic, and still sound."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from tests.sim.homes.resting import pierced, resting_share

from seal_perception.errors import InputError
from sim_bridge.furniture import DISTRACTORS, distractor_mounting, families
from sim_bridge.geometry.collision import collision_map
from sim_bridge.geometry.mesh import Part, Scene
from sim_bridge.homes.build import build_home, is_home
from sim_bridge.homes.variant import Variant, parse_name

built = functools.cache(build_home)
BASES = ("train_03", "test_05")


def _pixels(scene: Scene) -> list[list[str]]:
    return [[m.content_hash() for m in part.mesh.materials if m.texture.size > 3] for part in scene.parts]


def _small(part: Part) -> bool:
    kind = part.name.rsplit(" ", 1)[0]
    return kind in DISTRACTORS and distractor_mounting(kind) == "surface"


def _standing(scene: Scene) -> list[Part]:
    """All but small things, which other furniture may have no or another place for."""
    return [part for part in scene.parts if not _small(part)]


def test_names_are_read() -> None:
    assert parse_name("train_03") == ("train_03", Variant())
    assert parse_name("train_03@objects=5") == ("train_03", Variant(objects=5))
    assert parse_name("train_03@materials=2,objects=0") == ("train_03", Variant(objects=0, materials=2))
    assert is_home("test_01@materials=7")


@pytest.mark.parametrize(
    "rest", ["", "objects", "objects=", "objects=-1", "objects=1.5", "colours=1", "objects=1,objects=2", "objects=1;"]
)
def test_a_wrong_ending_is_refused_with_what_is_expected(rest: str) -> None:
    with pytest.raises(InputError, match=r"train_03@objects=<seed>"):
        build_home(f"train_03@{rest}")


@pytest.mark.parametrize("base", BASES)
def test_other_objects_take_the_places_of_the_old_ones(base: str) -> None:
    old, new = built(base), built(f"{base}@objects=5")
    assert new.plan.rooms == old.plan.rooms and new.scene.start_xy == old.scene.start_xy
    before, after = _standing(old.scene), _standing(new.scene)
    assert [(p.name, p.category) for p in after] == [(p.name, p.category) for p in before]
    pieces = 0
    for a, b in zip(before, after, strict=True):
        if a.name not in old.families:
            assert a.mesh.vertices.tobytes() == b.mesh.vertices.tobytes()
            assert [m.content_hash() for m in a.mesh.materials] == [m.content_hash() for m in b.mesh.materials]
            continue
        pieces += 1
        assert a.own_hash != b.own_hash, a.name
        (low, high), (low_new, high_new) = a.mesh.bounds(), b.mesh.bounds()
        assert (low_new[:2] > low[:2] - 0.12).all() and (high_new[:2] < high[:2] + 0.12).all(), a.name
        assert np.abs((low + high - low_new - high_new)[:2] / 2).max() < 0.2, a.name
    assert pieces > 40
    assert {p.own_hash for p in old.scene.parts if p.name in old.families}.isdisjoint(
        p.own_hash for p in new.scene.parts if p.name in new.families
    )
    split = base.split("_")[0]
    for part in new.scene.parts:
        if part.category >= 0:
            assert new.families[part.name] in families(part.category, split)
    assert any(old.families[name] != new.families[name] for name in old.families)


@pytest.mark.parametrize("base", BASES)
def test_other_materials_leave_every_shape(base: str) -> None:
    old, new = built(base).scene, built(f"{base}@materials=2").scene
    assert new.start_xy == old.start_xy and new.lamps == old.lamps
    for a, b in zip(old.parts, new.parts, strict=True):
        assert (a.name, a.category, a.own_hash) == (b.name, b.category, b.own_hash)
        assert (
            a.mesh.vertices.tobytes() == b.mesh.vertices.tobytes() and a.mesh.faces.tobytes() == b.mesh.faces.tobytes()
        )
        assert [m.name for m in a.mesh.materials if m.name == "lamp"] == [
            m.name for m in b.mesh.materials if m.name == "lamp"
        ]
    before = {digest for part in _pixels(old) for digest in part}
    after = {digest for part in _pixels(new) for digest in part}
    assert len(before) > 80 and before.isdisjoint(after)


def test_both_at_once_and_each_seed_its_own() -> None:
    both, again = built("train_03@objects=5,materials=2").scene, build_home("train_03@objects=5,materials=2").scene
    assert both.name == "train_03@objects=5,materials=2"
    for a, b in zip(both.parts, again.parts, strict=True):
        assert a.mesh.vertices.tobytes() == b.mesh.vertices.tobytes() and a.mesh.uv.tobytes() == b.mesh.uv.tobytes()
    assert _pixels(both) == _pixels(again)
    objects = built("train_03@objects=5")
    shapes = [p.own_hash for p in both.parts]
    assert shapes == [p.own_hash for p in objects.scene.parts]
    assert _pixels(both) != _pixels(objects.scene)
    other = {p.own_hash for p in built("train_03@objects=6").scene.parts if p.name in objects.families}
    assert other.isdisjoint(p.own_hash for p in objects.scene.parts if p.name in objects.families)


@pytest.mark.parametrize("name", ["train_03@objects=5", "test_05@objects=1,materials=1"])
def test_a_variant_is_sound(name: str) -> None:
    """Nothing floats or pierces what hangs above it, and the robot still reaches every room."""
    scene, names = built(name).scene, built(name).families
    floor = collision_map(scene).reachable_from(scene.start_xy)
    for part in scene.parts:
        if part.name.startswith("floor "):
            low, high = floor.world_to_cell(part.mesh.bounds()[:, :2])
            assert floor.cells[low[0] : high[0], low[1] : high[1]].sum() * floor.cell_m**2 > 0.3, part.name
    loose = [p for p in scene.parts if p.name in names and not p.name.startswith("rug")]
    for k, part in enumerate(loose):
        low, high = part.mesh.bounds()
        assert low[2] > -0.02 and high[2] <= 2.5, part.name
        for other in loose[:k]:
            depth = np.minimum(high, other.mesh.bounds()[1]) - np.maximum(low, other.mesh.bounds()[0])
            beside_tap = _small(part) != _small(other) and not pierced(*sorted((part, other), key=_small, reverse=True))
            assert depth.min() < 0.05 or beside_tap, (part.name, other.name)
        if _small(part):
            assert resting_share(part, list(scene.parts)) >= 0.5, part.name
