# SPDX-License-Identifier: Apache-2.0
"""Daylight: sky and sun through a window, light from wall to wall, its balance; answers known by hand."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
from tests.sim.rooms import GREY, shell

from sim_bridge.drawing.daylight import (
    SKY,
    add_sky,
    add_sun,
    albedo,
    balanced,
    sun_direction,
    windows,
    with_bounces,
)
from sim_bridge.drawing.light import edge_limits, subdivide
from sim_bridge.drawing.light_cache import _trim
from sim_bridge.drawing.light_config import HOME_LIGHT, LightConfig
from sim_bridge.geometry.mesh import Material, Mesh, merge
from sim_bridge.modelling.shapes import box_between, quad

PANE = Material(np.full((1, 1, 3), 255, np.uint8), "window")
UP = np.array([[0.0, 0.0, 1.0]], np.float32)


def _pane(x: float = 2.0, half: float = 0.1) -> Mesh:
    """A small window in the wall x = 2 that looks towards -x, its middle at height 1."""
    return quad((x, half, 1 - half), (0, -2 * half, 0), (0, 0, 2 * half), PANE)


def _scene(mesh: Mesh) -> object:
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor.from_numpy(mesh.vertices), o3d.core.Tensor.from_numpy(mesh.faces.astype(np.uint32))
    )
    return scene


def test_a_window_is_found_with_its_side_and_size() -> None:
    (pane,) = windows(merge([_pane(), box_between((0, 0, 0), (1, 1, 1), GREY)]))
    np.testing.assert_allclose(pane.normal, (-1, 0, 0), atol=1e-6)
    np.testing.assert_allclose(pane.centre, (2, 0, 1), atol=1e-6)
    assert pane.area * len(pane.points) == pytest.approx(0.04, rel=1e-5)


def test_the_sky_lights_as_a_small_area_light_does_and_a_box_in_the_way_hides_it() -> None:
    mesh = _pane()
    points, normals = np.array([[0.0, 0.0, 1.0]], np.float32), np.array([[1.0, 0.0, 0.0]], np.float32)
    light = np.zeros((1, 3), np.float32)
    add_sky(light, _scene(mesh), points, normals, windows(mesh), 5.0, 0.04)
    # Facing it head on: gain * area / (pi * distance^2), the window's points being 3 cm inside.
    expected = 5.0 * 0.04 / (math.pi * 1.97**2)
    np.testing.assert_allclose(light[0], expected * SKY, rtol=0.02)
    hidden = np.zeros((1, 3), np.float32)
    wall = merge([mesh, box_between((1.0, -1, 0), (1.1, 1, 2), GREY)])
    add_sky(hidden, _scene(wall), points, normals, windows(wall), 5.0, 0.04)
    behind = np.zeros((1, 3), np.float32)
    add_sky(behind, _scene(mesh), points + np.float32(3.0), normals, windows(mesh), 5.0, 0.04)
    assert not hidden.any() and not behind.any()


def test_the_sun_shines_through_windows_only() -> None:
    panes = [quad((2, 2, 0), (0, -4, 0), (0, 0, 4.0), Material(PANE.texture, "window")),
             quad((-2, -2, 0), (0, 4, 0), (0, 0, 4.0), Material(PANE.texture, "window")),
             quad((-2, 2, 0), (4, 0, 0), (0, 0, 4.0), Material(PANE.texture, "window")),
             quad((2, -2, 0), (-4, 0, 0), (0, 0, 4.0), Material(PANE.texture, "window"))]  # fmt: skip
    glass = merge(panes)
    to_sun = sun_direction(windows(glass))
    assert np.linalg.norm(to_sun) == pytest.approx(1.0) and 0.4 < to_sun[2] < 0.75
    floor = np.array([[0.0, 0.0, 0.0]], np.float32)
    lit, dark = np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32)
    add_sun(lit, _scene(glass), glass, floor, UP, windows(glass), 2.0)
    np.testing.assert_allclose(lit[0, 0], 2.0 * to_sun[2], rtol=0.02)
    roofed = merge([*panes, box_between((-1, -1, 1.0), (1, 1, 1.1), GREY)])
    near = np.array([[0.0, 0.0, 0.5]], np.float32)
    add_sun(dark, _scene(roofed), roofed, near, UP, windows(roofed), 2.0)
    assert not dark.any()


def test_bounces_in_a_closed_room_are_a_geometric_series() -> None:
    mesh = merge([part.mesh for part in shell()])
    rho = albedo(mesh.materials)[0]
    count = 3 * len(mesh.faces)
    direct = np.ones((count, 3), np.float32)
    hits = np.random.default_rng(0).integers(0, len(mesh.faces), (8, count)).astype(np.int32)
    config = LightConfig(ao_rays=8, bounces=3)
    out = with_bounces(direct, np.arange(count), hits, mesh, config)
    np.testing.assert_allclose(out, np.broadcast_to(1 + rho + rho**2 + rho**3, out.shape), rtol=1e-5)


def test_a_ray_that_leaves_the_scene_brings_the_ambient_light() -> None:
    mesh = merge([part.mesh for part in shell()])
    count = 3 * len(mesh.faces)
    hits = np.full((4, count), -1, np.int32)
    out = with_bounces(
        np.zeros((count, 3), np.float32), np.arange(count), hits, mesh, LightConfig(ao_rays=4, bounces=1)
    )
    np.testing.assert_allclose(out[0], LightConfig().ambient, rtol=1e-6)


def test_balance_brings_the_median_to_its_level_and_softens_ratios() -> None:
    mesh = merge([part.mesh for part in shell()])
    count = len(mesh.faces)
    light = np.ones((count, 3, 3), np.float32)
    light[0] = 16.0
    out = balanced(light, mesh, np.ones(count, np.float32), 0.5, 0.5)
    np.testing.assert_allclose(out[1:], 0.5, rtol=1e-5)
    np.testing.assert_allclose(out[0], 0.5 * 4.0, rtol=1e-5)


def test_floors_are_split_finer_and_ceilings_coarser_than_walls() -> None:
    floor = quad((0, 0, 0), (3, 0, 0), (0, 3, 0), GREY)
    wall = quad((0, 0, 0), (3, 0, 0), (0, 0, 2.5), GREY)
    ceiling = quad((0, 3, 2.5), (3, 0, 0), (0, -3, 0), GREY)
    for mesh, factor in ((floor, None), (wall, 1.0), (ceiling, 1.5)):
        limit = HOME_LIGHT.fine_edge_m if factor is None else HOME_LIGHT.max_edge_m * factor
        np.testing.assert_allclose(edge_limits(mesh, HOME_LIGHT), limit, rtol=1e-6)
        split, _ = subdivide(mesh, np.zeros(2, np.int32), edge_limits(mesh, HOME_LIGHT))
        corners = split.vertices[split.faces]
        assert np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max() <= limit + 1e-5
    assert (edge_limits(floor, LightConfig(max_edge_m=0.4)) == np.float32(0.4)).all()


def test_bounces_without_rays_are_refused() -> None:
    with pytest.raises(ValueError, match="bounces must be 0, or more with ao_rays, got 2 with 0 rays"):
        LightConfig(bounces=2)


def test_the_cache_drops_what_was_used_longest_ago(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / f"{name}.npz").write_bytes(b"x" * 10)
        os.utime(tmp_path / f"{name}.npz", (1000 - age, 1000 - age))
    _trim(tmp_path, 25)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["middle", "new"]
    _trim(tmp_path, 0)
    assert not list(tmp_path.iterdir())
