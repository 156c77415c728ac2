# SPDX-License-Identifier: Apache-2.0
"""The rasterizer against a plain loop over all triangles, against geometry, and against Embree's rays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from tests.sim.rooms import GREY, PLAIN, box_part, camera_at, room, shell

from seal_perception.camera import Camera
from sim_bridge.drawing.light import subdivide
from sim_bridge.drawing.raster import NO_FACE, Picture, Raster
from sim_bridge.drawing.render import Renderer
from sim_bridge.geometry.mesh import Mesh, Scene, merge
from sim_bridge.homes.build import make_home
from sim_bridge.modelling.shapes import quad

SMALL = Camera.from_hfov(40, 30, math.radians(79.0))
CAMERA = Camera.from_hfov(160, 120, math.radians(79.0))


def _draw(raster: Raster, camera: Camera, T: np.ndarray, bands: int = 1) -> Picture:
    picture = raster.begin(camera, T, bands)
    edges = np.linspace(0, camera.height, bands + 1).astype(int)
    for i in reversed(range(bands)):
        raster.rows(picture, int(edges[i]), int(edges[i + 1]), i)
    return picture


def _pose(rng: np.random.Generator, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A place in a box, looking anywhere, rolled."""
    T = np.eye(4)
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q *= np.sign(np.diag(r))
    T[:3, :3] = q * np.sign(np.linalg.det(q))
    T[:3, 3] = rng.uniform(low, high)
    return T


def _plain_loop(corners: np.ndarray, camera: Camera, T: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Face, depth and weights (of the second and third corner) of each pixel: every ray against every triangle."""
    a = corners[:, 0].astype(np.float64)
    u, v = corners[:, 1] - a, corners[:, 2] - a
    face = np.full((camera.height, camera.width), NO_FACE, np.uint32)
    depth, bary = np.zeros(face.shape), np.zeros((*face.shape, 2))
    for row in range(camera.height):
        for col in range(camera.width):
            ray = T[:3, :3] @ [(col - camera.cx) / camera.fx, (row - camera.cy) / camera.fy, 1.0]
            # T[:3, 3] + t ray = a + b1 u + b2 v by Cramer's rule
            det = (np.cross(u, v) * -ray).sum(1)
            off = T[:3, 3] - a
            t = (np.cross(u, v) * off).sum(1) / det
            b1, b2 = (np.cross(off, v) * -ray).sum(1) / det, (np.cross(u, off) * -ray).sum(1) / det
            t[~((b1 >= 0) & (b2 >= 0) & (b1 + b2 <= 1) & (t > 1e-3))] = np.inf
            k = int(t.argmin())
            if np.isfinite(t[k]):
                face[row, col], depth[row, col], bary[row, col] = k, t[k], (b1[k], b2[k])
    return face, depth, bary


@pytest.mark.parametrize("size_m", [0.3, 3.0, 30.0])
def test_it_equals_a_plain_loop_over_all_triangles(size_m: float) -> None:
    """Small, middle and huge ones, many of which reach behind the camera; some pixels stay empty among the small."""
    rng = np.random.default_rng(3)
    middle = rng.uniform(-4, 4, (150, 1, 3))
    corners = (middle + rng.uniform(-size_m, size_m, (150, 3, 3))).astype(np.float32)
    raster = Raster(corners.reshape(-1, 3), np.arange(450, dtype=np.int32).reshape(-1, 3))
    hits = 0
    for _ in range(4):
        T = _pose(rng, np.full(3, -2.0), np.full(3, 2.0))
        face, depth, bary = _plain_loop(corners, SMALL, T)
        seen = _draw(raster, SMALL, T)
        np.testing.assert_array_equal(seen.face, face)
        np.testing.assert_allclose(seen.depth, depth, rtol=1e-6)
        hit = face != NO_FACE
        np.testing.assert_allclose(seen.bary[hit], bary[hit], atol=1e-6)
        hits += int(hit.sum())
    assert hits > 50 and (size_m > 1.0 or hits < 2400)


def _split(mesh: Mesh, limits: np.ndarray) -> Mesh:
    return subdivide(mesh, np.zeros(len(mesh.faces), np.int32), limits.astype(np.float32))[0]


def test_a_finely_divided_room_has_no_hole_from_anywhere() -> None:
    """The room stands askew and its walls are divided differently: corners of some lie beside the edges of others."""
    rng, half, height = np.random.default_rng(0), 1.37, 2.51
    T_world_room = _pose(rng, np.full(3, 5.0), np.full(3, 9.0))
    walls = merge([p.mesh for p in shell(half, height)]).transformed(T_world_room)
    mesh = _split(walls, np.repeat([0.05, 0.3, 0.11, 0.07, 0.2, 5.0], 2))
    raster = Raster(mesh.vertices, mesh.faces)
    low, high = np.array([-half, -half, 0.0]), np.array([half, half, height])
    for _ in range(200):
        T = _pose(rng, low + 0.05, high - 0.05)
        seen = _draw(raster, CAMERA, T_world_room @ T)
        ray = CAMERA.rays() @ T[:3, :3].T
        depth = (np.where(ray > 0, high - T[:3, 3], low - T[:3, 3]) / ray).min(2)
        assert (seen.face != NO_FACE).all()
        wrong = np.abs(seen.depth / depth - 1.0)
        # On an edge of a wall seen at a grazing angle, EDGE is as much as that.
        assert np.quantile(wrong, 0.999) < 5e-5 and wrong.max() < 5e-4


@pytest.mark.parametrize("height_m", [0.01, 0.2, 1.5])
@pytest.mark.parametrize("pitch_deg", [-5.0, 0.0, 40.0, 90.0])
def test_a_floor_of_two_triangles_reaches_below_and_behind_the_camera(height_m: float, pitch_deg: float) -> None:
    floor = quad((-50, -50, 0), (100, 0, 0), (0, 100, 0), GREY)
    down = math.radians(pitch_deg)
    T = np.eye(4)
    T[:3, 0], T[:3, 2] = (0, -1, 0), (math.cos(down), 0, -math.sin(down))
    T[:3, 1] = np.cross(T[:3, 2], T[:3, 0])
    T[:3, 3] = (0.3, 0.1, height_m)
    seen = _draw(Raster(floor.vertices, floor.faces), CAMERA, T)
    fall = -(CAMERA.rays() @ T[:3, :3].T)[..., 2]
    meets = fall * 40.0 > height_m
    np.testing.assert_allclose(seen.depth[meets], height_m / fall[meets], rtol=1e-5)
    assert (seen.face[fall <= 0] == NO_FACE).all() and meets.sum() > 5000


def _soup(count: int, size_m: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-3, 3, (count, 1, 3)) + rng.uniform(-size_m, size_m, (count, 3, 3))
    return corners.reshape(-1, 3).astype(np.float32), np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


def test_neither_bands_nor_clusters_nor_culling_change_a_byte() -> None:
    vertices, faces = _soup(3000, 0.6)
    rng = np.random.default_rng(1)
    rasters = [Raster(vertices, faces, size) for size in (1, 7, 16, 10_000)]
    for _ in range(5):
        T = _pose(rng, np.full(3, -1.0), np.full(3, 1.0))
        first = _draw(rasters[-1], CAMERA, T)  # one cluster: nothing is culled
        kept = first.bary.copy()
        for raster, bands in ((rasters[0], 1), (rasters[1], 2), (rasters[2], 7), (rasters[2], 120)):
            other = _draw(raster, CAMERA, T, bands)
            assert first.face.tobytes() == other.face.tobytes()
            assert first.depth.tobytes() == other.depth.tobytes()
            hit = first.face != NO_FACE
            assert kept[hit].tobytes() == other.bary[hit].tobytes()


def test_of_equal_triangles_the_first_is_seen_from_both_sides() -> None:
    corners = np.array([[2, -3, -3], [2, 3, -3], [2, 0, 4]], np.float32)
    raster = Raster(corners, np.array([[0, 1, 2], [0, 1, 2], [2, 1, 0]], np.int32), size=1)
    back = camera_at(4.0, 0.0, 180.0)
    for T in (camera_at(0.0, 0.0, 0.0), back):
        seen = _draw(raster, CAMERA, T)
        assert seen.face[60, 80] == 0 and not np.isin(seen.face, (1,)).any()
        np.testing.assert_allclose(seen.depth[seen.face == 0], 2.0, rtol=1e-6)
        assert (seen.face == 0).sum() > 5000


def test_what_cannot_be_drawn_is_left_out() -> None:
    T = camera_at(0.0, 0.0, 0.0)
    empty = _draw(Raster(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)), CAMERA, T)
    assert (empty.face == NO_FACE).all() and (empty.depth == 0).all()
    points = np.array([[2, -9, -9], [2, 9, -9], [2, 0, 9], [np.nan, 0, 0], [np.inf, 1, 0], [5e-4, 0, 9]], np.float32)
    faces = np.array([[3, 0, 1], [0, 4, 2], [0, 0, 1], [0, 1, 2]], np.int32)
    seen = _draw(Raster(points, faces), CAMERA, T)
    assert (seen.face == 3).sum() > 5000 and np.isin(seen.face, (3, NO_FACE)).all()


def _home() -> Mesh:
    mesh = merge([part.mesh for part in make_home("test_01").parts])
    return _split(mesh, np.full(len(mesh.faces), 0.35))


def _odd_room() -> Mesh:
    """Slivers, boxes that stand in each other, faces in one plane."""
    boxes = [box_part((-1 + 0.3 * i, -1, 0), (-0.9 + 0.31 * i, 1, 0.2 + 0.2 * i)).mesh for i in range(7)]
    sliver = quad((-2, 1.2, 1.0), (4, 0.001, 0), (0, 0, 0.004), GREY)
    return merge([*(p.mesh for p in shell()), *boxes, sliver])


def _tiny() -> Mesh:
    mesh = merge([*(p.mesh for p in shell()), box_part((0.4, -0.3, 0.5), (0.9, 0.4, 1.2)).mesh])
    return _split(mesh, np.where(np.arange(len(mesh.faces)) < 12, 0.2, 0.02))


@pytest.mark.parametrize("build", [_home, _odd_room, _tiny])
def test_it_sees_what_rays_see(build: Callable[[], Mesh]) -> None:
    """Coplanar doubles may show either face; only pixels on an edge may differ in more."""
    from open3d import core, t

    mesh = build()
    tree = t.geometry.RaycastingScene()
    tree.add_triangles(core.Tensor.from_numpy(mesh.vertices), core.Tensor.from_numpy(mesh.faces.astype(np.uint32)))
    raster, same, close = Raster(mesh.vertices, mesh.faces), [], []
    camera = Camera.from_hfov(320, 240, math.radians(79.0))
    start = make_home("test_01").start_xy if build is _home else (-1.4, 1.5)
    for yaw in range(0, 360, 45):
        T = camera_at(*start, yaw + 3.0)
        seen = _draw(raster, camera, T)
        rays = np.empty((camera.height, camera.width, 6), np.float32)
        rays[..., :3], rays[..., 3:] = T[:3, 3], camera.rays() @ T[:3, :3].T
        found = tree.cast_rays(core.Tensor.from_numpy(rays))
        depth, alike = found["t_hit"].numpy(), found["primitive_ids"].numpy() == seen.face
        same.append(alike | (np.abs(depth - seen.depth) < 1e-3))
        close.append(np.abs(depth - seen.depth)[alike] / depth[alike])
        bary = found["primitive_uvs"].numpy()
        assert np.quantile(np.abs(bary - seen.bary)[alike], 0.999) < 5e-3
    assert np.mean(same) >= 0.999
    assert np.concatenate(close).max() < 1e-4


def test_pictures_with_light_at_hand_need_no_tree_of_rays() -> None:
    scene = Scene("room", room().parts)
    light = Renderer(scene, PLAIN).light
    renderer = Renderer(scene, PLAIN, 1, light)
    assert (renderer.render(CAMERA, camera_at(0.0, 0.0, 0.0)).depth > 0).all()
    assert "_tree" not in renderer.__dict__
    np.testing.assert_allclose(renderer.cast(np.array([[0, 0, 1, 1, 0, 0]], np.float32)), [2.0], rtol=1e-6)
    assert "_tree" in renderer.__dict__
