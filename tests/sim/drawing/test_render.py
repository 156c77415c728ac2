# SPDX-License-Identifier: Apache-2.0
"""Pictures and light against answers that are known by geometry."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from tests.sim.rooms import GREY, PLAIN, box_part, camera_at, room

from seal_perception.camera import Camera
from sim_bridge.drawing.light import subdivide
from sim_bridge.drawing.light_cache import cache_folder, cached_renderer, light_key
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.drawing.render import Renderer, srgb_to_linear, tone_curve
from sim_bridge.geometry.mesh import Lamp, Material, Part, Scene
from sim_bridge.modelling.shapes import quad, tile_size_m

CAMERA = Camera.from_hfov(160, 120, math.radians(79.0))


def test_a_wall_two_metres_away_is_two_metres_deep_in_every_pixel() -> None:
    seen = Renderer(room(), PLAIN).render(CAMERA, camera_at(0.0, 0.0, 0.0))
    wall = seen.instance == 3
    assert wall[60, 80] and wall.sum() > 4000
    np.testing.assert_allclose(seen.depth[wall], 2.0, atol=1e-5)


def test_a_box_covers_exactly_the_pixels_it_should() -> None:
    seen = Renderer(room(box_part((1.2, -0.3, 0.5), (1.6, 0.4, 1.2))), PLAIN).render(CAMERA, camera_at(0.0, 0.0, 0.0))
    rows, cols = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    y, z = -(cols - CAMERA.cx) / CAMERA.fx * 1.2, 0.88 - (rows - CAMERA.cy) / CAMERA.fy * 1.2
    front = (y > -0.3) & (y < 0.4) & (z > 0.5) & (z < 1.2)
    assert front.sum() > 1000
    np.testing.assert_array_equal(seen.instance == 7, front)
    np.testing.assert_array_equal(seen.category, np.where(front, 0, -1))
    np.testing.assert_allclose(seen.depth[front], 1.2, atol=1e-5)


def test_nothing_hit_is_depth_zero_and_instance_zero() -> None:
    scene = Scene("floor only", (room().parts[0],))
    seen = Renderer(scene, PLAIN).render(CAMERA, camera_at(0.0, 0.0, 0.0))
    assert (seen.depth[:55] == 0).all() and (seen.instance[:55] == 0).all() and (seen.category == -1).all()
    assert (seen.instance[-1] == 1).all()


def test_a_texture_lies_the_right_way_round() -> None:
    corners = np.zeros((64, 64, 3), np.uint8)
    corners[:32, :32, 0] = corners[:32, 32:, 1] = corners[32:, :32, 2] = 255
    sign = quad((1.0, 0.5, 0.38), (0, -1, 0), (0, 0, 1), Material(corners), fit=True)
    scene = Scene("sign", (Part("sign", sign),))
    seen = Renderer(scene, PLAIN).render(CAMERA, camera_at(0.0, 0.0, 0.0))
    top, left = 60 - 20, 80 - 20
    assert seen.rgb[top, left].argmax() == 0 and seen.rgb[top, left, 0] > 150
    assert seen.rgb[top, 80 + 20].argmax() == 1
    assert seen.rgb[60 + 20, left].argmax() == 2
    assert seen.rgb[60 + 20, 80 + 20].max() < 20


def test_a_far_chequered_floor_turns_grey_instead_of_flickering() -> None:
    squares = np.kron(np.indices((64, 64)).sum(0) % 2 * 255, np.ones((2, 2)))[..., None].repeat(3, 2).astype(np.uint8)
    floor = quad((-20, -20, 0), (40, 0, 0), (0, 40, 0), Material(squares, "wood"))
    seen = Renderer(Scene("floor", (Part("floor", floor),)), PLAIN).render(CAMERA, camera_at(0.0, 0.0, 0.0))
    far = seen.rgb[(seen.depth > 12) & (seen.depth < 18)].astype(float)
    assert len(far) > 100 and far.std() < 8.0


def test_a_lamp_lights_and_a_table_casts_its_shadow() -> None:
    top = box_part((-0.5, -0.5, 0.9), (0.5, 0.5, 1.0))
    light = LightConfig(max_edge_m=0.2)
    down = np.eye(4)
    down[:3, :3], down[:3, 3] = np.diag([1.0, -1.0, -1.0]), (0.0, 0.0, 0.8)
    shaded = Renderer(room(top), light).render(CAMERA, down).rgb.astype(float).mean()
    lit = Renderer(room(top), replace(light, shadows=False)).render(CAMERA, down).rgb.astype(float).mean()
    assert shaded < lit - 20


def test_corners_of_a_room_are_darker_than_the_middle_of_a_wall() -> None:
    scene = Scene("room", room().parts)
    seen = Renderer(scene, LightConfig(ao_rays=32, max_edge_m=0.25)).render(CAMERA, camera_at(-1.9, 0.0, 0.0))
    wall = np.where((seen.instance == 3)[..., None], seen.rgb, 0).astype(float)[..., 1]
    lowest = int(np.flatnonzero(wall[:, 80])[-1])
    assert wall[lowest - 1, 80] < wall[55, 80] - 8


def test_windows_shine_without_light() -> None:
    dark = replace(PLAIN, ambient=(0.0, 0.0, 0.0))
    panes = [Material(np.full((1, 1, 3), 200, np.uint8), name) for name in ("window", "wood")]
    values = []
    for pane in panes:
        scene = Scene("pane", (Part("pane", quad((1, 1, 0), (0, -2, 0), (0, 0, 2), pane)),))
        values.append(Renderer(scene, dark).render(CAMERA, camera_at(0.0, 0.0, 0.0)).rgb[60, 80].max())
    assert values[0] > 180 and values[1] == 0


def test_threads_and_kept_light_do_not_change_a_byte() -> None:
    scene = room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 1.2)))
    big = Camera.from_hfov(320, 240, math.radians(79.0))
    first = Renderer(scene, LightConfig(ao_rays=4, max_edge_m=0.5), threads=1)
    second = Renderer(scene, LightConfig(ao_rays=4, max_edge_m=0.5), threads=2, baked=first.light)
    a, b = (r.render(big, camera_at(-0.5, 0.2, 30.0)) for r in (first, second))
    assert a.rgb.tobytes() == b.rgb.tobytes() and a.depth.tobytes() == b.depth.tobytes()
    with pytest.raises(ValueError, match="baked light must be"):
        Renderer(scene, PLAIN, baked=first.light)
    second.close()


def test_labels_are_not_worked_out_before_they_are_read() -> None:
    seen = Renderer(room(), PLAIN).render(CAMERA, camera_at(0.0, 0.0, 0.0))
    assert "instance" not in seen.__dict__ and "category" not in seen.__dict__


def test_subdivision_keeps_area_and_bounds_edges() -> None:
    mesh = room().parts[0].mesh
    split, tags = subdivide(mesh, np.array([4, 9], np.int32), 0.6)
    corners = split.vertices[split.faces]
    assert np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2).max() <= 0.6
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    np.testing.assert_allclose([area[tags == 4].sum(), area[tags == 9].sum()], 8.0, rtol=1e-5)
    np.testing.assert_allclose(split.uv, (corners[..., :2] + 2.0) / 1.0, atol=1e-5)


def test_tone_curve_rises_from_black_to_white() -> None:
    curve = tone_curve().astype(int)
    assert (np.diff(curve) >= 0).all() and curve[0] < 3 and curve[-1] == 255


def test_light_is_kept_and_a_broken_file_is_baked_again(
    tmp_path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scene, config = room(), LightConfig(ao_rays=4, max_edge_m=0.5)
    first = cached_renderer(scene, config).light
    file = cache_folder() / "light" / f"{light_key(scene, config)}.npz"
    assert file.is_file() and tmp_path in file.parents
    monkeypatch.setattr("sim_bridge.drawing.render.bake", lambda *_: pytest.fail("baked again"))
    np.testing.assert_array_equal(cached_renderer(scene, config).light, first)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file.write_bytes(file.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(cached_renderer(scene, config).light, first)
    assert "baking again" in caplog.text


def test_the_key_of_kept_light_follows_geometry_and_lamps() -> None:
    scene = room()
    keys = {
        light_key(scene, PLAIN),
        light_key(replace(scene, lamps=(Lamp((0.0, 0.5, 2.2)),)), PLAIN),
        light_key(room(half=2.01), PLAIN),
        light_key(scene, LightConfig()),
    }
    assert len(keys) == 4


@pytest.mark.parametrize("wrong", [{"ao_rays": -1}, {"max_edge_m": 0.0}, {"exposure": 0.0}])
def test_wrong_settings_of_light_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        LightConfig(**wrong)


def test_a_scene_without_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="no parts"):
        Renderer(Scene("empty", ()), PLAIN)


def test_grey_is_grey() -> None:
    assert GREY.texture.shape == (1, 1, 3)
    seen = Renderer(Scene("room", room().parts), PLAIN).render(CAMERA, camera_at(0.0, 0.0, 0.0))
    spread = np.ptp(seen.rgb.astype(int), axis=2)
    assert spread.max() <= 6


@pytest.mark.parametrize(("distance_m", "level"), [(0.5, 0), (1.5, 1), (3.0, 2)])
def test_every_pixel_has_the_colour_of_its_place_on_the_wall(distance_m: float, level: int) -> None:
    """Near and far, and tiles repeated: bilinear in linear light on the level whose texels are a pixel's size."""
    texels = np.random.default_rng(0).integers(0, 256, (256, 128, 3)).astype(np.uint8)
    shining = Material(texels, "window")  # its brightness is known: light falls on it from nowhere
    wall = quad((distance_m, 4.0, -4.0), (0, -8, 0), (0, 0, 8), shining)
    dark = replace(PLAIN, ambient=(0.0, 0.0, 0.0), exposure=1.0)
    seen = Renderer(Scene("wall", (Part("wall", wall),)), dark).render(CAMERA, camera_at(0.0, 0.0, 0.0))

    rows, cols = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    y, z = -(cols - CAMERA.cx) / CAMERA.fx * distance_m, 0.88 - (rows - CAMERA.cy) / CAMERA.fy * distance_m
    tiles = np.stack([4.0 - y, 4.0 + z], -1) / tile_size_m(shining)
    for _ in range(level):
        blocks = texels.astype(int).reshape(texels.shape[0] // 2, 2, texels.shape[1] // 2, 2, 3)
        texels = (blocks.sum((1, 3)) + 2) // 4
    linear = srgb_to_linear().astype(float)[texels]
    height, width = texels.shape[:2]
    at = np.stack([tiles[..., 1] * height, tiles[..., 0] * width]) - 0.5
    sampled = [ndimage.map_coordinates(linear[..., k], at, order=1, mode="grid-wrap") for k in range(3)]
    glow = dict(dark.emission)["window"]
    brightness = np.minimum(np.stack(sampled, -1) * glow, 3.99)
    expected = tone_curve()[(brightness * 8192 / 4.0).astype(int)].astype(int)
    assert np.abs(seen.rgb.astype(int) - expected).max() <= 2
    assert len(np.unique(expected)) > 50
