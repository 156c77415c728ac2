# SPDX-License-Identifier: Apache-2.0
"""Furniture: families, sizes as in life, closed shapes, splits without a common mesh or texture."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from seal_perception.categories import CATEGORIES
from sim_bridge.furniture import (
    DISTRACTORS,
    FAMILIES,
    Draw,
    distractor_mounting,
    families,
    make_distractor,
    make_furniture,
    make_item,
)
from sim_bridge.modelling.shapes import bar, box, cushion, prism, quad, rod, rounded_outline
from sim_bridge.modelling.textures import SPLITS, make_material

PIECES = [(c, f) for c, known in FAMILIES.items() for f in known]
V1 = {
    "chair": {"slat", "upholstered", "swivel", "shell", "tub", "tube"},
    "couch": {"box", "legs", "rolled", "sectional"},
    "potted plant": {"bush", "palm", "blade", "tree"},
    "bed": {"platform", "metal", "box_spring", "slatted"},
    "toilet": {"tank", "one_piece", "square", "wall_hung"},
    "tv": {"foot", "legs", "wall", "stand", "box"},
}
LIMITS = {  # largest horizontal extent, height: lowest and highest, metres
    "chair": ((0.4, 1.0), (0.65, 1.35)),
    "couch": ((1.2, 3.5), (0.6, 1.1)),
    "potted plant": ((0.15, 1.7), (0.25, 2.1)),
    "bed": ((1.85, 2.45), (0.5, 1.5)),
    "toilet": ((0.45, 0.9), (0.5, 1.25)),
    "tv": ((0.4, 1.65), (0.35, 1.75)),
}
TALL = {"four_poster": (1.8, 2.15), "bunk": (1.4, 1.8), "high_cistern": (1.75, 2.15)}  # families higher than the rest


def _splits(category: int, family: str) -> list[str]:
    return [s for s in SPLITS if family in families(category, s)]


def _volume(mesh) -> float:  # type: ignore[no-untyped-def]
    c = mesh.vertices.astype(np.float64)[mesh.faces]
    return float(np.einsum("ij,ij->i", c[:, 0], np.cross(c[:, 1], c[:, 2])).sum() / 6)


def test_primitives_are_closed_and_face_outwards() -> None:
    wood = make_material("wood", np.random.default_rng(0))
    assert _volume(box((1, 2, 3), (5, 5, 5), wood)) == pytest.approx(6.0, rel=1e-5)
    assert _volume(rod((0, 0, 0), (0, 1, 1), 0.1, wood, sides=64)) == pytest.approx(math.pi * 0.01 * 2**0.5, rel=0.01)
    assert _volume(cushion((2, 2, 2), (0, 0, 0), wood, 2.0, 48, 24)) == pytest.approx(4 / 3 * math.pi, rel=0.02)
    assert _volume(prism(rounded_outline(2, 2, 2, 64), 1, 3, wood)) == pytest.approx(2 * math.pi, rel=0.01)
    straight = bar([(0, 0, 0), (0, 0, 1), (0, 0, 3)], 0.1, wood, sides=64)
    assert _volume(straight) == pytest.approx(math.pi * 0.01 * 3, rel=0.01)
    flat = quad((0, 0, 0), (1, 0, 0), (0, 1, 0), wood, (3, 2))
    c = flat.vertices[flat.faces]
    assert (np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])[:, 2] > 0).all() and len(c) == 12


def test_every_category_has_families_of_its_own_in_test_homes() -> None:
    for category, name in enumerate(CATEGORIES):
        shared = set(families(category, "catalogue"))
        assert shared == set(families(category, "train")) and V1[name] <= shared and len(shared) >= 6
        assert set(families(category, "test")) == set(FAMILIES[category]) > shared
        assert len(FAMILIES[category]) - len(shared) >= 2
        hashes = {
            make_furniture(category, np.random.default_rng(1), "test", f).geometry_hash() for f in FAMILIES[category]
        }
        assert len(hashes) == len(FAMILIES[category])


def test_catalogue_and_training_homes_never_draw_test_families(monkeypatch: pytest.MonkeyPatch) -> None:
    brick = box((1, 1, 1), (0, 0, 0), make_material("wood", np.random.default_rng(0)))
    catalog = importlib.import_module("sim_bridge.furniture.families")  # the package has a function of this name
    for builders in (*catalog._BUILDERS.values(), *catalog._TEST_BUILDERS.values()):
        for family in builders:
            monkeypatch.setitem(builders, family, lambda draw: brick)
    for category in FAMILIES:
        drawn = {}
        for split in SPLITS:
            rng = np.random.default_rng(5)
            drawn[split] = {make_item(category, rng, split).family for _ in range(400)}
            assert drawn[split] == set(families(category, split))
        assert drawn["catalogue"] == drawn["train"] < drawn["test"]


def test_test_families_are_refused_elsewhere() -> None:
    for split in ("catalogue", "train"):
        with pytest.raises(ValueError, match=f"chair has no family 'wingback' in {split}; expected one of slat, "):
            make_item(0, np.random.default_rng(0), split, "wingback")
    with pytest.raises(ValueError, match="split must be one of catalogue, train, test; got 'val'"):
        families(0, "val")
    with pytest.raises(ValueError, match="category must be 0..5, got -1"):
        families(-1, "test")


@pytest.mark.parametrize("category, family", PIECES, ids=[f"{CATEGORIES[c]}-{f}" for c, f in PIECES])
def test_size_and_frame_as_in_life(category: int, family: str) -> None:
    for seed, split in enumerate(_splits(category, family) * 4):
        item = make_item(category, np.random.default_rng(seed), split, family)
        low, high = item.mesh.bounds()
        extent, height = LIMITS[CATEGORIES[category]]
        assert extent[0] <= (high - low)[:2].max() <= extent[1]
        height = TALL.get(family, height)
        assert height[0] <= high[2] <= height[1]
        assert -0.012 <= low[2] < (0.25 if item.mounting == "against_wall" else 0.01)
        assert np.isfinite(item.mesh.uv).all() and len(item.mesh.faces) < 6000
        assert item.mesh.faces.max() < len(item.mesh.vertices)


@pytest.mark.parametrize("category, family", PIECES, ids=[f"{CATEGORIES[c]}-{f}" for c, f in PIECES])
def test_splits_share_neither_mesh_nor_texture(category: int, family: str) -> None:
    meshes: set[str] = set()
    textures: set[str] = set()
    for split in _splits(category, family):
        made = [make_furniture(category, np.random.default_rng(seed), split, family) for seed in range(4)]
        own_meshes = {m.geometry_hash() for m in made}
        own_textures = {t.content_hash() for m in made for t in m.materials}
        assert len(own_meshes) == 4 and not own_meshes & meshes and not own_textures & textures
        meshes |= own_meshes
        textures |= own_textures


def test_measures_of_two_splits_never_meet() -> None:
    drawn = {s: {round(Draw(np.random.default_rng(i), s).uniform(0, 30), 9) for i in range(200)} for s in SPLITS}
    for k, split in enumerate(SPLITS):
        assert {int(v) % 3 for v in drawn[split]} == {k}


def test_same_seed_same_mesh() -> None:
    for category, family in PIECES:
        first, again = (make_furniture(category, np.random.default_rng(7), "test", family) for _ in range(2))
        assert first.geometry_hash() == again.geometry_hash()
        assert np.array_equal(first.uv, again.uv) and np.array_equal(first.material, again.material)
        assert [m.content_hash() for m in first.materials] == [m.content_hash() for m in again.materials]


def test_distractors_stand_on_the_floor_and_differ_between_splits() -> None:
    assert len(DISTRACTORS) >= 50
    for kind in DISTRACTORS:
        made = [make_distractor(kind, np.random.default_rng(2), split) for split in SPLITS]
        assert len({m.geometry_hash() for m in made}) == len(SPLITS), kind
        textures = [{t.content_hash() for t in m.materials} for m in made]
        assert not any(textures[i] & textures[j] for i, j in ((0, 1), (0, 2), (1, 2))), kind
        for mesh in made:
            low, high = mesh.bounds()
            assert (high - low).max() < 3.2 and len(mesh.faces) < 2500, kind
            assert low[2] > (-1.0 if distractor_mounting(kind) == "ceiling" else -0.06), kind
            if distractor_mounting(kind) == "ceiling":
                assert abs(high[2]) < 0.005, kind
            elif distractor_mounting(kind) == "wall":
                assert abs(low[0]) < 0.03, kind
            else:
                assert abs(low[2]) < 0.005 or kind == "radiator", kind


def test_unknown_names_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="category must be 0..5, got 6"):
        make_furniture(6, rng, "train")
    with pytest.raises(ValueError, match="chair has no family 'throne' in train"):
        make_furniture(0, rng, "train", "throne")
    with pytest.raises(ValueError, match="unknown distractor 'piano'"):
        make_distractor("piano", rng, "train")
