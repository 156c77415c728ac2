# SPDX-License-Identifier: Apache-2.0
"""Light baked per triangle corner: lamps with shadows, ambient occlusion, and daylight (`daylight`).

Rays are cast when a scene is loaded, never when a picture is taken. Directions are fixed, so that the same scene gives
the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np

from seal_perception.reading.limits import limit, require
from seal_perception.types import BoolArray, Float32Array, FloatArray, Int32Array, IntArray
from sim_bridge.drawing.daylight import add_sky, add_sun, balanced, face_materials, windows, with_bounces
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.geometry.mesh import Lamp, Mesh

SKIP_M = 0.04
"""Rays of light start this far along their way, so that a wall behind a thin board (skirting, picture) is not black."""
THIN_M = 0.08
"""Faces narrower than this (skirting, frames) need fewer corners along their length."""
CREASE_COS = 0.75
"""Faces at a shared vertex are shaded as one smooth surface where the cosine between them is above this."""


def edge_limits(mesh: Mesh, config: LightConfig) -> Float32Array:
    """(F,) longest edge of each face in metres; with `fine_edge_m` finer on floors, coarser on ceilings and strips."""
    out = np.full(len(mesh.faces), np.inf if config.max_edge_m is None else config.max_edge_m, np.float32)
    if config.fine_edge_m is None:
        return out
    corners = mesh.vertices[mesh.faces]
    edges = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2).max(1)
    thin = 2.0 * face_normals(mesh.vertices, mesh.faces)[1] / np.maximum(edges, 1e-6) < THIN_M
    out[thin] *= 2.0
    z = corners[:, :, 2]
    out[(z.min(1) > 2.3) & (np.ptp(z, axis=1) < 1e-4)] *= 1.5
    out[np.abs(z).max(1) < 1e-4] = config.fine_edge_m
    return out


def subdivide(mesh: Mesh, tags: Int32Array, max_edge_m: float | Float32Array) -> tuple[Mesh, Int32Array]:
    """Halve edges until none is longer than `max_edge_m` (or (F,), one limit per face); `tags` (F,) follows the faces.

    Whether an edge is split depends on its length alone, so neighbours that share vertices stay closed.

    Raises:
        InputError: if that would be more triangles than the limit `scene_triangles`.
    """
    done: list[tuple[Float32Array, Float32Array, Int32Array, Int32Array]] = []
    uv, material, tags = mesh.uv, mesh.material, np.asarray(tags, np.int32)
    for corners, small, big, order in _levels(mesh, max_edge_m):
        done.append((corners[small], uv[small], material[small], tags[small]))
        uv, material, tags = _halves(uv[big], order), np.tile(material[big], 2), np.tile(tags[big], 2)
    corners = np.concatenate([d[0] for d in done])
    vertices, index = _distinct(corners.reshape(-1, 3))
    faces = index.reshape(-1, 3).astype(np.int32)
    uv = np.concatenate([d[1] for d in done]).astype(np.float32)
    split = Mesh(vertices, faces, uv, np.concatenate([d[2] for d in done]), mesh.materials)
    return split, np.concatenate([d[3] for d in done])


def subdivided_count(mesh: Mesh, max_edge_m: float | Float32Array) -> int:
    """How many triangles `subdivide` makes, without making them.

    Raises:
        InputError: as `subdivide`.
    """
    return sum(int(small.sum()) for _, small, _, _ in _levels(mesh, max_edge_m))


def _levels(
    mesh: Mesh, max_edge_m: float | Float32Array
) -> Iterator[tuple[Float32Array, BoolArray, IntArray, IntArray]]:
    """Corners (N, 3, 3) after each halving, which are small enough, which are not, and how their corners are turned."""
    corners = mesh.vertices[mesh.faces]
    longest_m = np.broadcast_to(np.asarray(max_edge_m, np.float32), len(corners))
    count, most = 0, limit("scene_triangles")
    while len(corners):
        if count + len(corners) > most:  # a wall of kilometres, or corners so far away that halving ends nowhere
            require("scene_triangles", count + len(corners), "the scene, its surfaces split for the light,")
        edges = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
        small = edges.max(1) <= longest_m
        count += int(small.sum())
        big = np.flatnonzero(~small)
        order = (edges.argmax(1)[big, None] + np.arange(3)) % 3
        yield corners, small, big, order
        corners = _halves(corners[big], order).astype(np.float32)
        longest_m = np.tile(longest_m[big], 2)


def _halves(values: Float32Array, order: IntArray) -> Float32Array:
    """(2 N, 3, k) values at the corners of both halves of triangles, from (N, 3, k); the first edge in order is cut."""
    v = np.take_along_axis(values, order[..., None], 1)
    middle = (v[:, 0] + v[:, 1]) * np.float32(0.5)
    return np.concatenate([np.stack([v[:, 0], middle, v[:, 2]], 1), np.stack([middle, v[:, 1], v[:, 2]], 1)])


def _distinct(points: Float32Array) -> tuple[Float32Array, IntArray]:
    """Distinct rows of (N, 3) points and each row's index among them; much faster than `np.unique` over rows."""
    bits = (points + np.float32(0.0)).view(np.uint32).astype(np.uint64)  # + 0: -0 becomes 0
    primes = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
    key = (bits * primes).sum(1, dtype=np.uint64)
    key ^= key >> np.uint64(29)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    if not np.array_equal(points[first][inverse], points):  # two points with one key: nearly impossible
        rows, inverse = np.unique(points, axis=0, return_inverse=True)
        return rows, inverse.reshape(-1)
    return points[first], inverse.reshape(-1)


def face_normals(vertices: Float32Array, faces: Int32Array) -> tuple[Float32Array, Float32Array]:
    """Unit normals (F, 3) and areas (F,) in m2."""
    c = vertices[faces]
    cross = np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])
    length = np.linalg.norm(cross, axis=1)
    return (cross / np.maximum(length, 1e-12)[:, None]).astype(np.float32), (0.5 * length).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _corner_normals(faces, normals, areas, num_vertices, crease_cos):  # type: ignore[no-untyped-def]
    start = np.zeros(num_vertices + 1, np.int64)
    for f in range(len(faces)):
        for k in range(3):
            start[faces[f, k] + 1] += 1
    start = np.cumsum(start)
    fill = start[:-1].copy()
    around = np.empty(3 * len(faces), np.int64)
    for f in range(len(faces)):
        for k in range(3):
            v = faces[f, k]
            around[fill[v]] = f
            fill[v] += 1
    out = np.empty((len(faces), 3, 3), np.float32)
    for f in range(len(faces)):
        for k in range(3):
            v = faces[f, k]
            x, y, z = 0.0, 0.0, 0.0
            for i in range(start[v], start[v + 1]):
                g = around[i]
                dot = normals[f, 0] * normals[g, 0] + normals[f, 1] * normals[g, 1] + normals[f, 2] * normals[g, 2]
                if dot > crease_cos:
                    x += normals[g, 0] * areas[g]
                    y += normals[g, 1] * areas[g]
                    z += normals[g, 2] * areas[g]
            length = np.sqrt(x * x + y * y + z * z)
            if length > 1e-12:
                out[f, k, 0], out[f, k, 1], out[f, k, 2] = x / length, y / length, z / length
            else:
                out[f, k] = normals[f]
    return out


def corner_normals(vertices: Float32Array, faces: Int32Array) -> Float32Array:
    """(F, 3, 3) normals of the corners: smooth over gentle bends, sharp at creases."""
    normals, areas = face_normals(vertices, faces)
    return _corner_normals(faces, normals, areas, len(vertices), CREASE_COS)


@numba.njit(cache=True, nogil=True)
def _add_lamp(light, points, normals, visible, position, colour, reach):  # type: ignore[no-untyped-def]
    for i in range(len(points)):
        if not visible[i]:
            continue
        dx, dy, dz = position[0] - points[i, 0], position[1] - points[i, 1], position[2] - points[i, 2]
        squared = dx * dx + dy * dy + dz * dz
        distance = np.sqrt(squared)
        if distance > reach or distance < 1e-6:
            continue
        cosine = (dx * normals[i, 0] + dy * normals[i, 1] + dz * normals[i, 2]) / distance
        # Half-Lambert keeps faces at a grazing angle from going black, as light from the walls would.
        cosine = max(0.0, 0.25 + 0.75 * cosine)
        fade = 1.0 - distance / reach
        gain = np.float32(cosine * fade / (0.45 + 0.45 * squared))
        for c in range(3):
            light[i, c] += gain * colour[c]


def hemisphere(count: int) -> Float32Array:
    """(count, 3) fixed directions about +z, denser near the pole as a cosine (golden-angle spiral)."""
    i = np.arange(count) + 0.5
    radius, angle = np.sqrt(i / count), np.pi * (3.0 - np.sqrt(5.0)) * np.arange(count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1.0 - radius**2)], 1).astype(np.float32)


def _openness(
    scene: object, points: Float32Array, normals: Float32Array, rays: int, reach: float, keep: bool = False
) -> tuple[Float32Array, Int32Array]:
    """(N,) share of the hemisphere that is open, near hits counting most; (rays, N) faces hit, if kept, -1 = none."""
    from open3d import core

    helper = np.where(np.abs(normals[:, 2:3]) < 0.9, np.array([0, 0, 1], np.float32), np.array([1, 0, 0], np.float32))
    a = np.cross(helper, normals)
    a /= np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-6)
    b = np.cross(normals, a)
    total = np.zeros(len(points), np.float32)
    batch = np.empty((len(points), 6), np.float32)
    hits = np.empty((rays if keep else 0, len(points)), np.int32)
    for k, (x, y, z) in enumerate(hemisphere(rays)):
        batch[:, 3:] = a * x + b * y + normals * z
        batch[:, :3] = points + SKIP_M * batch[:, 3:]
        result = scene.cast_rays(core.Tensor.from_numpy(batch))  # type: ignore[attr-defined]
        total += np.minimum(result["t_hit"].numpy() / reach, 1.0) ** 0.7
        if keep:
            hits[k] = result["primitive_ids"].numpy().view(np.int32)
    return (total / rays).astype(np.float32), hits


def _visible(scene: object, points: Float32Array, lamp: Lamp, reach: float) -> BoolArray:
    """(N,) whether the lamp is seen; the last 12 cm before the lamp hide nothing (its own shade)."""
    from open3d import core

    to_lamp = np.asarray(lamp.position, np.float32) - points
    distance = np.linalg.norm(to_lamp, axis=1)
    near = np.flatnonzero(distance < reach)
    visible = np.zeros(len(points), bool)
    if len(near):
        way = to_lamp[near] / np.maximum(distance[near], 1e-6)[:, None]
        rays = np.concatenate([points[near] + SKIP_M * way, way], 1).astype(np.float32)
        hit = scene.cast_rays(core.Tensor.from_numpy(np.ascontiguousarray(rays)))["t_hit"].numpy()  # type: ignore[attr-defined]
        visible[near] = hit > distance[near] - SKIP_M - 0.12
    return visible


def _samples(corners: Float32Array, normals: Float32Array) -> tuple[Float32Array, Float32Array, IntArray]:
    """Points where light is measured, one per distinct corner and normal, and each corner's index among them.

    Points lie 3 mm off the surface and up to 2 cm inside it, so that none starts within a neighbouring wall.
    """
    inward = corners.mean(1, keepdims=True) - corners
    length = np.linalg.norm(inward, axis=2, keepdims=True)
    points = corners + inward * np.minimum(0.02 / np.maximum(length, 1e-6), 0.2)
    key = np.concatenate([np.round(corners * 500), np.round(normals * 8)], 2).reshape(-1, 6).astype(np.int64)
    key -= key.min(0)
    packed: IntArray = np.zeros(len(key), np.int64)
    for column in range(6):
        packed = packed * (int(key[:, column].max()) + 1) + key[:, column]
    inverse = np.asarray(np.unique(packed, return_inverse=True)[1]).reshape(-1)
    count = np.bincount(inverse).astype(np.float64)

    def mean(values: Float32Array) -> FloatArray:
        flat = values.reshape(-1, 3).astype(np.float64)
        return np.stack([np.bincount(inverse, flat[:, c]) for c in range(3)], 1) / count[:, None]

    normal = mean(normals)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return (mean(points) + 0.003 * normal).astype(np.float32), normal.astype(np.float32), inverse


def bake(scene: object, mesh: Mesh, lamps: tuple[Lamp, ...], config: LightConfig) -> Float32Array:
    """(F, 3, 3) linear RGB light that falls on the corners of each face, rounded to what float16 can hold.

    Args:
        scene: open3d RaycastingScene that holds `mesh`.
        mesh: triangles in the world frame.
        lamps: the lamps of the scene.
        config: how to light it.
    """
    normals = corner_normals(mesh.vertices, mesh.faces)
    points, normal, index = _samples(mesh.vertices[mesh.faces], normals)
    panes = windows(mesh) if config.bounces else []
    indoors = bool(config.bounces and (lamps or panes))
    ambient = np.asarray(config.ambient, np.float32) * np.float32(config.fill if indoors else 1.0)
    if config.ao_rays:
        rays = min(config.ao_rays, max(6, config.ao_budget // len(points)))
        sky, hits = _openness(scene, points, normal, rays, config.ao_reach_m, indoors)
    else:
        sky = (0.8 + 0.2 * normal[:, 2]).astype(np.float32)
    light = sky[:, None] * ambient
    for lamp in lamps:
        if config.shadows:
            visible = _visible(scene, points, lamp, config.lamp_reach_m)
        else:
            visible = np.ones(len(points), bool)
        colour = np.asarray(lamp.colour, np.float32) * np.float32(lamp.power * config.lamp_gain)
        _add_lamp(light, points, normal, visible, np.asarray(lamp.position), colour, config.lamp_reach_m)
    if panes:
        add_sky(light, scene, points, normal, panes, config.sky_gain, SKIP_M)
        add_sun(light, scene, mesh, points, normal, panes, config.sun_gain)
    if indoors:
        light = with_bounces(light, index, hits, mesh, config)
    out: Float32Array = light[index].reshape(-1, 3, 3)
    if indoors:
        out = balanced(out, mesh, face_normals(mesh.vertices, mesh.faces)[1], config.level, config.contrast)
    for prefix, brightness in config.emission:
        out[face_materials(mesh, prefix)] = brightness
    return np.ascontiguousarray(out, np.float32).astype(np.float16).astype(np.float32)
