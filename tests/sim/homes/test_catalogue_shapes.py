# SPDX-License-Identifier: Apache-2.0
"""Pieces of any shape for catalogue pictures: sound, repeatable, wider than the families, none of a test family."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seal_perception.categories import CATEGORIES
from sim_bridge.catalogue import backdrops
from sim_bridge.catalogue.shapes import chair_bases, couches, items, plants
from sim_bridge.catalogue.shapes.foliage import Bed
from sim_bridge.catalogue.shapes.items import WIDE_FAMILY, WIDE_SHARE, catalogue_item, make_wide_item
from sim_bridge.furniture import Draw, Item, make_item
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.textures import SPLITS, make_material, split_rng
from sim_bridge.modelling.textures_unseen import UNSEEN
from sim_bridge.modelling.textures_wide import WIDE

SEEDS = 200
PLANT = CATEGORIES.index("potted plant")
LIMITS = {  # largest horizontal extent, height: lowest and highest, metres; most triangles
    "chair": ((0.36, 1.6), (0.5, 1.85), 6000),
    "couch": ((1.14, 3.6), (0.5, 1.4), 6000),
    "potted plant": ((0.06, 3.2), (0.06, 3.0), 12000),
    "bed": ((1.3, 2.9), (0.1, 1.75), 6000),
    "toilet": ((0.36, 0.95), (0.33, 1.25), 6000),
    "tv": ((0.32, 2.05), (0.2, 2.6), 6000),
}


def bare_material(kind: str, rng: np.random.Generator, split: str, colour: object = None) -> Material:
    """A material without its pattern, for speed: the same one draw is taken, so shapes are what they would be."""
    split_rng(rng, split)
    return Material(np.zeros((1, 1, 3), np.uint8), kind)


def made(make: Callable[[int, np.random.Generator], Item], count: int) -> dict[str, list[Item]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim_bridge.furniture.draw.make_material", bare_material)
        return {
            name: [make(category, np.random.default_rng(seed)) for seed in range(count)]
            for category, name in enumerate(CATEGORIES)
        }


@pytest.fixture(scope="module")
def pieces() -> dict[str, list[Item]]:
    return made(make_wide_item, SEEDS)


@pytest.fixture(scope="module")
def family_pieces() -> dict[str, list[Item]]:
    return made(lambda category, rng: make_item(category, rng, "catalogue"), 60)


def corners(mesh: Mesh, kind: str) -> np.ndarray:
    """(N, 3) corners of the triangles of one kind of material."""
    own = np.array([m.name == kind for m in mesh.materials])[mesh.material]
    return mesh.vertices[mesh.faces[own]].reshape(-1, 3)


@pytest.mark.parametrize("name", CATEGORIES)
def test_every_piece_is_sound_and_of_a_plausible_size(pieces: dict[str, list[Item]], name: str) -> None:
    across, height, most = LIMITS[name]
    for item in pieces[name]:
        mesh, (low, high) = item.mesh, item.mesh.bounds()
        assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.uv).all()
        assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices) and 10 < len(mesh.faces) <= most
        assert mesh.material.max() < len(mesh.materials) and len(mesh.uv) == len(mesh.faces)
        assert across[0] <= (high - low)[:2].max() <= across[1]
        assert height[0] <= high[2] <= height[1]
        hangs = item.name == "toilet" and item.mounting == "against_wall"
        assert -0.01 <= low[2] <= (0.35 if hangs else 0.001)
        assert np.abs(low[:2] + high[:2]).max() < 0.4  # the origin is in the footprint
        assert (item.name, item.family) == (name, WIDE_FAMILY)
    mountings = {item.mounting for item in pieces[name]}
    assert mountings == {"toilet": {"floor", "against_wall"}, "tv": {"surface", "wall", "floor"}}.get(name, {"floor"})


@pytest.mark.parametrize("name", CATEGORIES)
def test_shapes_spread_wider_than_the_families(
    pieces: dict[str, list[Item]], family_pieces: dict[str, list[Item]], name: str
) -> None:
    def spread(drawn: list[Item]) -> float:
        bounds = np.stack([item.mesh.bounds() for item in drawn])
        return float(np.log(bounds[:, 1] - bounds[:, 0]).std(0).mean())

    assert spread(pieces[name]) > 1.05 * spread(family_pieces[name])
    assert len({item.mesh.geometry_hash() for item in pieces[name]}) == SEEDS


def test_same_seed_same_piece() -> None:
    for category in range(len(CATEGORIES)):
        a, b = (make_wide_item(category, np.random.default_rng(11)) for _ in range(2))
        assert a.mesh.geometry_hash() == b.mesh.geometry_hash() and a.mounting == b.mounting
        assert [m.content_hash() for m in a.mesh.materials] == [m.content_hash() for m in b.mesh.materials]
    with pytest.raises(ValueError, match="category must be 0..5, got 6"):
        make_wide_item(6, np.random.default_rng(0))


def test_three_pieces_in_four_are_wide() -> None:
    rng = np.random.default_rng(3)
    drawn = [catalogue_item(5, rng).family for _ in range(120)]
    assert abs(drawn.count(WIDE_FAMILY) / 120 - WIDE_SHARE) < 0.12
    assert len(set(drawn)) > 4


def test_no_generator_uses_a_builder_of_a_test_family() -> None:
    folder = Path(items.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    families = importlib.import_module("sim_bridge.furniture.families")
    for builders in families._TEST_BUILDERS.values():
        assert [b.__name__ for b in builders.values() if b.__name__ in source] == []


def test_only_the_catalogue_imports_the_generators() -> None:
    root = Path(items.__file__).parents[2]
    users = {
        path.relative_to(root).parts[0]
        for path in root.rglob("*.py")
        if "sim_bridge.catalogue.shapes" in path.read_text(encoding="utf-8")
    }
    assert users == {"catalogue"}


def rise_at_ends(mesh: Mesh) -> float:
    """How far above the floor a chair's lowest points are at the front and rear end of what is near the floor."""
    low = mesh.vertices[mesh.vertices[:, 2] < 0.08].astype(np.float64)
    x, reach = low[:, 0], 0.1 * np.ptp(low[:, 0])
    return float(max(low[x < x.min() + reach, 2].min(), low[x > x.max() - reach, 2].min()))


def test_chairs_have_no_runners_that_rock(pieces: dict[str, list[Item]]) -> None:
    """What is near the floor touches it at both ends; a rocking chair's runners rise there."""
    rocking = [make_item(0, np.random.default_rng(seed), "test", "rocking").mesh for seed in range(8)]
    assert min(rise_at_ends(mesh) for mesh in rocking) > 0.03
    rises = np.array([rise_at_ends(item.mesh) for item in pieces["chair"]])
    assert (rises < 0.03).mean() > 0.95  # the others: padded bodies with feet set in
    assert {base.__name__ for base in chair_bases.BASES} == {
        "legs", "sled", "cantilever", "star", "pedestal", "crossed", "sides", "wires"
    }  # fmt: skip


def test_couch_backs_are_straight_along_their_top_and_in_plan() -> None:
    """No hump (camelback) and no curve in plan (curved)."""
    for seed in range(40):
        d = Draw(np.random.default_rng(seed), "catalogue")
        points = np.concatenate([m.vertices for m in couches._back_wall(d, couches._form(d), 2.0)])
        inner = points[np.abs(points[:, 1]) < 0.75]
        outer = points[(np.abs(points[:, 1]) >= 0.75) & (np.abs(points[:, 1]) <= 0.99)]
        if len(inner) and len(outer):
            assert abs(inner[:, 2].max() - outer[:, 2].max()) < 0.06
            assert abs(inner[:, 0].min() - outer[:, 0].min()) < 0.06


def test_plants_have_leaves_and_none_trails(pieces: dict[str, list[Item]], monkeypatch: pytest.MonkeyPatch) -> None:
    """No cactus or bare trunk; nothing hangs below the middle of its pot."""
    for item in pieces["potted plant"]:
        leaf = corners(item.mesh, "leaf")
        assert len(leaf) > 60 and leaf[:, 2].min() > 0.015
    beds: list[Bed] = []
    grow = plants._foliage

    def note(d: Draw, bed: Bed) -> list[Mesh]:
        beds.append(bed)
        return grow(d, bed)

    monkeypatch.setattr(plants, "_foliage", note)
    for seed in range(40):
        leaf = corners(make_wide_item(PLANT, np.random.default_rng(seed)).mesh, "leaf")
        assert leaf[:, 2].min() > 0.45 * beds[-1].at[2]


def test_beds_have_one_level_and_no_posts(pieces: dict[str, list[Item]]) -> None:
    """No canopy (four-poster) and no second bed (bunk) above the foot; no arch: a top edge is level."""
    for item in pieces["bed"]:
        points = item.mesh.vertices
        high = points[:, 2].max()
        foot = points[points[:, 0] > 0.3 * points[:, 0].max()]
        assert foot[:, 2].max() < 1.35
        top = points[points[:, 2] > high - 0.012]
        if high > 1.25 and top[:, 0].max() < -0.5:
            assert np.ptp(top[:, 1]) > 0.5 * np.ptp(points[:, 1])


def test_toilets_have_their_tank_on_the_bowl(pieces: dict[str, list[Item]]) -> None:
    """Neither high on the wall nor a walled-in block nor across a corner: slim, and as broad left as right."""
    for item in pieces["toilet"]:
        low, high = item.mesh.bounds()
        assert high[2] < 1.25 and high[1] - low[1] < 0.72
        ceramic = corners(item.mesh, "ceramic")
        at_floor = ceramic[(ceramic[:, 0] < low[0] + 0.08) & (ceramic[:, 2] < 0.05)]
        assert len(at_floor) == 0 or np.ptp(at_floor[:, 1]) < 0.48  # a walled-in cistern is at least half a metre wide
        assert abs(ceramic[:, 1].max() + ceramic[:, 1].min()) < 0.06


def test_screens_are_flat_and_fill_their_case(pieces: dict[str, list[Item]]) -> None:
    """Not bent around the viewer (curved), not behind a broad frame (framed), not beside a cloth (console)."""
    for item in pieces["tv"]:
        screen = corners(item.mesh, "screen").astype(np.float64)
        centred = screen - screen.mean(0)
        assert np.abs(centred @ np.linalg.svd(centred, full_matrices=False)[2][2]).max() < 0.021
        wide = np.ptp(item.mesh.vertices[:, 1])
        assert np.ptp(screen[:, 1]) > 0.55 * wide


def test_wide_patterns_are_none_of_those_kept_for_test_homes() -> None:
    kept = {painter.__name__ for painters in UNSEEN.values() for painter in painters}
    wide = {painter.__name__ for painters in WIDE.values() for painter in painters}
    drawn = {painter.__name__ for painter in backdrops.ALL.values()}
    assert (wide | drawn).isdisjoint(kept) and len(wide) > 12


def test_only_catalogue_materials_are_widened(monkeypatch: pytest.MonkeyPatch) -> None:
    textures = importlib.import_module("sim_bridge.modelling.textures")
    before = {s: make_material("fabric", np.random.default_rng(5), s).content_hash() for s in SPLITS}
    monkeypatch.setattr(textures, "widen", lambda kind, rng, painter, base, free: (painter, base * 0.5))
    after = {s: make_material("fabric", np.random.default_rng(5), s).content_hash() for s in SPLITS}
    assert before["train"] == after["train"] and before["test"] == after["test"]
    assert before["catalogue"] != after["catalogue"]
