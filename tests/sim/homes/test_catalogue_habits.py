# SPDX-License-Identifier: Apache-2.0
"""Catalogue pictures have photographs' habits and a simulator's, and lookalikes that are labelled with no category."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seal_perception.camera import Camera
from seal_perception.categories import CATEGORIES, NO_CATEGORY
from seal_perception.pose import R_BODY_OPTICAL
from seal_perception.types import Float32Array, FloatArray, UInt8Array
from sim_bridge.catalogue import cameras, pictures, rooms
from sim_bridge.catalogue.backdrops import ALL, SPLIT, backdrop
from sim_bridge.catalogue.developing import develop
from sim_bridge.catalogue.labels import CLEAR_AREA, Labels, in_frame, labels_of
from sim_bridge.catalogue.lighting import MOODS, flash, light
from sim_bridge.catalogue.negatives import BEFORE, LOOKALIKES, NEGATIVES, UPON, make_negative
from sim_bridge.catalogue.paint import flattened, repainted
from sim_bridge.catalogue.placing import DOUBTFUL, SetUp, height_at, lay_on, place
from sim_bridge.catalogue.rooms import row_of
from sim_bridge.catalogue.shapes.items import catalogue_item
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.drawing.render import Renderer
from sim_bridge.furniture import DISTRACTORS
from sim_bridge.geometry.mesh import Part, Scene
from sim_bridge.modelling.shapes import box, quad
from sim_bridge.modelling.textures import make_material

SIZE = (80, 60)
Drawn = tuple[list[Labels], list[tuple[Camera, FloatArray]]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Labels of 48 small pictures of 24 set-ups, and all cameras that were tried for them."""
    found: list[tuple[Camera, FloatArray]] = []

    def remembered(*given: object) -> tuple[Camera, FloatArray]:
        found.append(cameras.photographer(*given))  # type: ignore[arg-type]
        return found[-1]

    labels = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "photographer", remembered)
        for seed in range(48):
            labels.append(pictures.make_picture(seed, "val", SIZE)[1])
    return labels, found


def test_cameras_are_low_high_wide_and_long_but_never_a_robots(drawn: Drawn) -> None:
    heights = np.array([T[2, 3] for _, T in drawn[1]])
    fovs = np.degrees([2 * math.atan(camera.width / 2 / camera.fx) for camera, _ in drawn[1]])
    tilts = np.degrees([math.asin(abs(T[2, 0])) for _, T in drawn[1]])
    assert not ((heights > 0.795) & (heights < 0.965)).any() and fovs.max() < 76.5
    assert 0.08 < (heights < 0.8).mean() < 0.45 and heights.min() < 0.5
    assert 0.02 < (heights > 1.8).mean() < 0.3
    assert 0.02 < (fovs < 36).mean() < 0.3 and (fovs > 60).mean() > 0.2
    assert 0.02 < (tilts > 8).mean() < 0.3


def test_objects_are_tiny_huge_and_absent_in_some_pictures(drawn: Drawn) -> None:
    areas = np.array([mask.mean() for labels in drawn[0] for _, mask, unclear in labels if not unclear])
    empty = np.mean([not labels for labels in drawn[0]])
    unclear = np.mean([unclear for labels in drawn[0] for *_, unclear in labels])
    assert (areas < 0.02).mean() > 0.1 and areas.min() >= CLEAR_AREA
    assert (areas > 0.3).mean() > 0.02 and areas.max() > 0.45
    assert 0.06 < empty < 0.28 and 0.02 < unclear < 0.25
    assert {category for labels in drawn[0] for category, *_ in labels} == set(range(len(CATEGORIES)))
    assert np.mean([len(labels) > 2 for labels in drawn[0]]) > 0.1


@pytest.mark.parametrize("kind", NEGATIVES)
def test_negatives_build_and_have_no_label(kind: str) -> None:
    item = make_negative(kind, np.random.default_rng(3))
    again = make_negative(kind, np.random.default_rng(3))
    other = make_negative(kind, np.random.default_rng(4))
    assert item.mesh.geometry_hash() == again.mesh.geometry_hash() != other.mesh.geometry_hash()
    low, high = item.mesh.bounds()
    assert np.isfinite(item.mesh.vertices).all() and len(item.mesh.faces) <= 6000
    assert low[2] > -0.12 and (high - low).max() < 3.6 and (high - low).max() > 0.1
    camera = Camera.from_hfov(64, 48, 1.0)
    T = cameras.look_at(np.array([4.0, 0.5, 1.6]), (low + high) / 2, 0.0)
    part = Part(f"{kind} {item.family}", item.mesh, item.category)
    seen = Renderer(Scene("one", (part,)), LightConfig(shadows=False), threads=1).render(camera, T).instance
    labels = labels_of(seen, (part,), camera, T)
    if item.family == DOUBTFUL:
        assert kind == "cut_flowers" and all(unclear for *_, unclear in labels)
    else:
        assert item.category == NO_CATEGORY and labels == [] and (seen > 0).any()


def test_every_lookalike_is_a_kind_of_its_own() -> None:
    named = {kind for kinds in (*LOOKALIKES.values(), BEFORE, UPON) for kind in kinds}
    assert named | {"patterned_rug"} == set(NEGATIVES) and set(NEGATIVES).isdisjoint(DISTRACTORS)
    assert set(LOOKALIKES) == set(CATEGORIES) and min(map(len, LOOKALIKES.values())) >= 9
    with pytest.raises(ValueError, match="unknown negative 'sofa'; expected one of night_window, "):
        make_negative("sofa", np.random.default_rng(0))


def test_backdrops_are_textures_of_their_own() -> None:
    hashes = set()
    for kind in ALL:
        for seed in (0, 1):
            material = backdrop(kind, np.random.default_rng(seed))
            assert material.texture.shape == (128, 128, 3) and material.texture.dtype == np.uint8
            assert material.content_hash() == backdrop(kind, np.random.default_rng(seed)).content_hash()
            hashes.add(material.content_hash())
    assert len(hashes) == 2 * len(ALL)
    with pytest.raises(ValueError, match="unknown backdrop 'moon'; expected one of spectrum, "):
        backdrop("moon", np.random.default_rng(0))


def test_moods_are_lights_and_a_simulators_is_flat() -> None:
    for mood in MOODS:
        configs = [light(mood, np.random.default_rng(seed)) for seed in range(20)]
        assert configs[0] == light(mood, np.random.default_rng(0)) != configs[1]
        sky = np.median([dict(config.emission)["window"] for config in configs])
        ambient = np.median([np.mean(config.ambient) for config in configs])
        assert (sky > 3) == (mood == "back") and (mood != "plain" or ambient > 0.6)
        assert mood != "plain" or all(config.ao_rays == 0 for config in configs)


def _room(rng: np.random.Generator) -> tuple[UInt8Array, Float32Array, Camera]:
    camera = Camera.from_hfov(64, 48, 1.1)
    depth = np.full((48, 64), 4.0, np.float32)
    depth[10:40, 20:40] = 1.2
    return np.full((48, 64, 3), 120, np.uint8), depth, camera


def test_flash_lights_what_is_near_and_casts_a_shadow() -> None:
    rgb, depth, camera = _room(np.random.default_rng(0))
    bright, shadows = np.full(rgb.shape, 0.47, np.float32), 0
    for seed in range(12):
        lit = flash(bright, depth, camera, np.random.default_rng(seed))
        assert lit[24, 30].mean() > lit[4, 5].mean() + 0.05 and lit.max() <= 1.0
        beside = np.concatenate([lit[24, 13:19].mean(1), lit[24, 41:47].mean(1)])
        shadows += bool(beside.min() < lit[24, 3].mean() - 0.02)
    assert shadows >= 4


def test_plain_pictures_stay_nearly_as_drawn_and_others_do_not() -> None:
    rgb, depth, camera = _room(np.random.default_rng(0))
    rgb = np.random.default_rng(1).integers(40, 200, rgb.shape).astype(np.uint8)

    def change(plain: bool, seed: int) -> float:
        out = develop(rgb, depth, camera, plain, np.random.default_rng(seed))
        assert out.shape == rgb.shape and out.dtype == np.uint8
        assert np.array_equal(out, develop(rgb, depth, camera, plain, np.random.default_rng(seed)))
        return float(np.abs(out.astype(int) - rgb).mean())

    plain, photographs = ([change(p, seed) for seed in range(40)] for p in (True, False))
    assert np.mean(np.array(plain) == 0) > 0.3 and np.median(plain) < 4 < np.median(photographs)


def test_rows_have_equal_things_and_bags_lie_on_seats() -> None:
    rng = np.random.default_rng(2)
    setup = SetUp(np.array([7.0, 7.0, 3.0]))
    chair = catalogue_item(0, rng)
    assert row_of(setup, chair, rng) is not None and len(setup.parts) >= 2
    assert len({part.mesh.faces.tobytes() for part in setup.parts}) == 1
    slab = Part("slab", box((2, 2, 0.5), (3, 3, 0.25), make_material("wood", rng, SPLIT)))
    assert height_at(slab, np.array([3.1, 3.2])) == pytest.approx(0.5) and height_at(slab, np.array([5.0, 3.0])) is None
    bounds = lay_on(setup, make_negative("bag", rng), slab, rng)
    assert bounds is not None and bounds[0, 2] == pytest.approx(0.49, abs=0.02)


def test_set_ups_lose_or_change_their_colours_but_not_what_tells_a_tv() -> None:
    rng = np.random.default_rng(0)
    for category in range(len(CATEGORIES)):
        part = Part("x", catalogue_item(category, rng).mesh, category)
        for before, after in zip(part.mesh.materials, flattened(part).mesh.materials, strict=True):
            assert (after is before) if before.name == "screen" else after.texture.shape == (1, 1, 3)
        painted = repainted(part, rng).mesh.materials
        changed = any(a is not b for a, b in zip(painted, part.mesh.materials, strict=True))
        assert changed or CATEGORIES[category] in ("tv", "potted plant") or len(part.mesh.materials) < 3
        assert not (changed and CATEGORIES[category] in ("tv", "potted plant"))


def test_paintings_and_dark_windows_stay_what_they_are_without_colours() -> None:
    """Flattened, a dark painting is a television that is off, but for its label."""
    rng = np.random.default_rng(1)
    for kind in ("dark_painting", "print_panel"):
        mesh = make_negative(kind, rng).mesh
        after = flattened(Part(kind, mesh, -1)).mesh.materials
        assert any(a is b and a.texture.size > 3 for a, b in zip(mesh.materials, after, strict=True)), kind


def test_a_picture_between_bars_keeps_its_masks_and_measures_them_anew() -> None:
    rgb = np.arange(24 * 20 * 3, dtype=np.uint8).reshape(24, 20, 3)
    large, small, tiny = (np.zeros((24, 20), bool) for _ in range(3))
    large[4:20, 3:15], small[0, 0:2], tiny[23, 19] = True, True, True
    labels: Labels = [(0, large, False), (1, small, False), (2, tiny, False)]
    out, wide = pictures._between_bars(rgb, labels, (40, 24), np.random.default_rng(0))
    np.testing.assert_array_equal(out[:, 10:30], rgb)
    assert np.ptp(out[:, :10], axis=(0, 1)).max() == 0
    np.testing.assert_array_equal(wide[0][1][:, 10:30], large)
    assert [(c, u) for c, _, u in wide] == [(0, False), (1, True)]  # 2 and 1 of 960 pixels: 0.21 % and 0.10 %


def test_what_is_half_out_of_the_frame_or_hidden_is_measured() -> None:
    camera, looking_along_x = Camera.from_hfov(80, 60, 1.2), np.eye(4)
    looking_along_x[:3, :3] = R_BODY_OPTICAL
    left = 2.0 * (camera.cx + 0.5) / camera.fx  # metres to the frame's edge at a distance of 2
    face = quad(
        (2.0, left - 0.5, -0.5), (0, 1.0, 0), (0, 0, 1.0), make_material("paint", np.random.default_rng(0), "catalogue")
    )
    share, box_area = in_frame(face, camera, looking_along_x)
    assert share == pytest.approx(0.5, abs=0.13) and box_area > 0
    assert in_frame(face.transformed(_behind()), camera, looking_along_x) == (0.0, 0.0)
    whole = quad((2.0, -0.5, -0.5), (0, 1.0, 0), (0, 0, 1.0), face.materials[0])
    share, box_area = in_frame(whole, camera, looking_along_x)
    assert share == pytest.approx(1.0) and box_area == pytest.approx((camera.fx / 2 + 1) ** 2, rel=0.05)
    parts = [Part("chair x", whole, 0)]
    full = np.zeros((60, 80), np.int32)
    side = round(camera.fx / 2)
    top, start = round(camera.cy - side / 2), round(camera.cx - side / 2)
    full[top : top + side, start : start + side] = 1
    hidden = full.copy()
    hidden[top + side // 10 :] = 0  # a tenth is left
    for instance, unclear in ((full, False), (hidden, True)):
        assert [u for _, _, u in labels_of(instance, parts, camera, looking_along_x)] == [unclear]


def _behind() -> FloatArray:
    T = np.eye(4)
    T[0, 3] = -5.0
    return T


def test_shrubs_stand_in_gardens_and_bouquets_on_tables() -> None:
    rng = np.random.default_rng(0)
    indoors = SetUp(np.array([5.0, 5.0, 3.0]), open_walls=(0, 1, 2, 3))
    for _ in range(60):
        rooms._lookalike(indoors, "potted plant", None, rng)
    assert indoors.parts and not any("shrub" in part.name for part in indoors.parts)
    nothing_to_stand_on = SetUp(np.array([5.0, 5.0, 3.0]))
    assert place(nothing_to_stand_on, make_negative("cut_flowers", rng), rng) is None
