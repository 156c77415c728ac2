# SPDX-License-Identifier: Apache-2.0
"""Primitives that furniture is made of; metres, z up.

Vertices are shared where a surface is smooth and split at creases, so area-weighted vertex normals shade both well.
Texture coordinates are a projection along the axis nearest to each face's normal, at the material's own scale.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from seal_perception.types import FloatArray, Int32Array
from sim_bridge.geometry.mesh import Material, Mesh, merge
from sim_bridge.modelling.textures import tile_size_m

Triple = Sequence[float] | FloatArray

_BOX_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_BOX_QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
_BOX_FACES = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * i for i in range(6)])


def solid(vertices: npt.ArrayLike, faces: npt.ArrayLike, material: Material) -> Mesh:
    """Mesh of one material with projected texture coordinates, u along the longer extent; none degenerate."""
    points = np.asarray(vertices, np.float64)
    triangles = np.asarray(faces, np.int32).reshape(-1, 3)
    corners = points[triangles]
    e, f = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.abs(e[:, [1, 2, 0]] * f[:, [2, 0, 1]] - e[:, [2, 0, 1]] * f[:, [1, 2, 0]])
    real = normal.max(1) > 1e-10
    if not real.all():
        triangles, corners, normal = triangles[real], corners[real], normal[real]
    order = np.argsort(-np.ptp(points, axis=0), kind="stable")
    axes = np.array([[a for a in order if a != dropped] for dropped in range(3)])[normal.argmax(1)]
    rows = np.arange(len(triangles))[:, None, None]
    uv = corners[rows, np.arange(3)[None, :, None], axes[:, None, :]] / tile_size_m(material)
    return Mesh(
        points.astype(np.float32), triangles, uv.astype(np.float32), np.zeros(len(triangles), np.int32), (material,)
    )


def box(size: Triple, centre: Triple, material: Material) -> Mesh:
    """Box of (x, y, z) edges around a centre, creased."""
    corners = _BOX_CORNERS * np.asarray(size, np.float64) + np.asarray(centre, np.float64)
    return solid(corners[_BOX_QUADS].reshape(-1, 3), _BOX_FACES, material)


def box_between(low: Triple, high: Triple, material: Material) -> Mesh:
    """Box from its lower to its upper corner."""
    a, b = np.asarray(low, np.float64), np.asarray(high, np.float64)
    return box(b - a, (a + b) / 2, material)


@functools.cache
def _grid_faces(rows: int, columns: int) -> Int32Array:
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    return np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], 2).reshape(-1, 3).astype(np.int32)


def quad(
    corner: Triple, u: Triple, v: Triple, material: Material, divisions: tuple[int, int] = (1, 1), fit: bool = False
) -> Mesh:
    """Flat parallelogram corner + a u + b v, seen from the side of u x v; `fit` stretches the tile once over it."""
    s, t = np.linspace(0, 1, divisions[0] + 1), np.linspace(0, 1, divisions[1] + 1)
    grid = np.stack(np.meshgrid(s, t), -1)
    edge_u, edge_v = np.asarray(u, np.float64), np.asarray(v, np.float64)
    points = np.asarray(corner, np.float64) + grid[..., :1] * edge_u + grid[..., 1:] * edge_v
    faces = _grid_faces(*grid.shape[:2])
    if fit:
        at = grid * [1.0, -1.0] + [0.0, 1.0]
    else:
        at = grid * [np.linalg.norm(edge_u), np.linalg.norm(edge_v)] / tile_size_m(material)
    uv = at.reshape(-1, 2)[faces].astype(np.float32)
    return Mesh(points.reshape(-1, 3).astype(np.float32), faces, uv, np.zeros(len(faces), np.int32), (material,))


def sheet(points: npt.ArrayLike, material: Material) -> Mesh:
    """Smooth surface through a (rows, columns, 3) grid of points, such as a leaf, a shell or a curtain."""
    grid = np.asarray(points, np.float64)
    return solid(grid.reshape(-1, 3), _grid_faces(*grid.shape[:2]), material)


def plate(points: npt.ArrayLike, thickness: float, material: Material) -> Mesh:
    """A sheet with a back, `thickness` metres behind it along the sheet's mean normal, and closed edges."""
    front = np.asarray(points, np.float64)
    across, along = front[:, -1] - front[:, 0], front[-1] - front[0]
    normal = np.cross(across.mean(0), along.mean(0))
    back = front - normal / max(float(np.linalg.norm(normal)), 1e-9) * thickness
    rim = np.concatenate([front[0, :-1], front[:-1, -1], front[-1, :0:-1], front[::-1, 0]])
    rim_back = np.concatenate([back[0, :-1], back[:-1, -1], back[-1, :0:-1], back[::-1, 0]])
    parts = [sheet(front, material), sheet(back[:, ::-1], material), sheet(np.stack([rim_back, rim]), material)]
    return merge(parts)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cross product of two vectors; numpy's own is slow for single ones."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def rod(
    start: Triple, end: Triple, radius: float, material: Material, end_radius: float | None = None, sides: int = 8
) -> Mesh:
    """Round bar between two points, tapered if `end_radius` differs; both ends closed."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    axis = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    helper = np.array([1.0, 0.0, 0.0]) if abs(axis[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    e1 = _cross(axis, helper)
    e1 /= math.sqrt(float(e1 @ e1))
    e2 = _cross(axis, e1)
    angle = np.arange(sides + 1) * (2 * math.pi / sides)
    ring = np.cos(angle)[:, None] * e1 + np.sin(angle)[:, None] * e2
    low, high = a + ring * radius, b + ring * (radius if end_radius is None else end_radius)
    index = np.arange(1, sides - 1)
    zero = np.zeros_like(index)
    cap = np.stack([zero, index, index + 1], 1)
    n = sides + 1
    points = np.concatenate([low, high, low[:-1], high[:-1]])
    faces = np.concatenate([_grid_faces(2, n), cap[:, ::-1] + 2 * n, cap + 2 * n + sides])
    return solid(points, faces, material)


def bar(points: Sequence[Triple], radius: float, material: Material, sides: int = 6) -> Mesh:
    """Round bar bent along a line of points."""
    return merge([rod(a, b, radius, material, sides=sides) for a, b in itertools.pairwise(points)])


def lathe(
    profile: npt.ArrayLike,
    material: Material,
    centre: Triple = (0.0, 0.0, 0.0),
    sides: int = 14,
    squash: tuple[float, float] = (1.0, 1.0),
) -> Mesh:
    """Surface of revolution of (radius, z) points, bottom to top, about a vertical axis; `squash` scales x and y."""
    line = np.asarray(profile, np.float64)
    angle = np.arange(sides + 1) * (2 * math.pi / sides)
    grid = np.empty((len(line), sides + 1, 3))
    grid[..., 0] = line[:, :1] * np.cos(angle) * squash[0]
    grid[..., 1] = line[:, :1] * np.sin(angle) * squash[1]
    grid[..., 2] = line[:, 1:]
    return sheet(grid + np.asarray(centre, np.float64), material)


@functools.cache
def _unit_ball(power: float, rim_power: float, sides: int, rings: int) -> FloatArray:
    latitude = np.linspace(-math.pi / 2, math.pi / 2, rings + 1)[:, None]
    longitude = np.arange(sides + 1)[None, :] * (2 * math.pi / sides)

    def bent(value: FloatArray, exponent: float) -> FloatArray:
        return np.sign(value) * np.where(np.abs(value) < 1e-9, 0.0, np.abs(value)) ** (2.0 / exponent)

    flat = bent(np.cos(latitude), power)
    parts = (flat * bent(np.cos(longitude), rim_power), flat * bent(np.sin(longitude), rim_power))
    return np.stack(np.broadcast_arrays(*parts, bent(np.sin(latitude), power)), -1)


def cushion(
    size: Triple, centre: Triple, material: Material, power: float = 5.0, sides: int = 16, rings: int = 8
) -> Mesh:
    """Superellipsoid that fills the (x, y, z) size: power 2 is an ellipsoid, 4-6 a cushion, 10 nearly a box."""
    ball = _unit_ball(power, power, sides, rings)
    return sheet(ball * (np.asarray(size, np.float64) / 2) + np.asarray(centre, np.float64), material)


def pillow(size: Triple, centre: Triple, material: Material) -> Mesh:
    """Pillow that lies flat: a rectangle seen from above, thick in the middle and thin at the rim."""
    ball = _unit_ball(2.0, 7.0, 16, 6)
    return sheet(ball * (np.asarray(size, np.float64) / 2) + np.asarray(centre, np.float64), material)


def prism(outline: npt.ArrayLike, low: float, high: float, material: Material) -> Mesh:
    """Extrusion in z of an anticlockwise (N, 2) outline that its mean point sees whole; sides creased."""
    ring = np.asarray(outline, np.float64)
    n = len(ring)
    after = np.roll(ring, -1, axis=0)
    sides = np.empty((n, 4, 3))
    sides[:, 0, :2], sides[:, 1, :2], sides[:, 2, :2], sides[:, 3, :2] = ring, after, after, ring
    sides[:, :2, 2], sides[:, 2:, 2] = low, high
    side_faces = (np.arange(n)[:, None, None] * 4 + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    caps = []
    for z in (low, high):
        caps.append(np.column_stack([np.vstack([ring, ring.mean(0)]), np.full(n + 1, z)]))
    fan = np.stack([np.full(n, n), np.arange(n), (np.arange(n) + 1) % n], 1)
    base = 4 * n
    points = np.concatenate([sides.reshape(-1, 3), *caps])
    return solid(points, np.concatenate([side_faces, fan[:, ::-1] + base, fan + base + n + 1]), material)


def rounded_outline(length: float, width: float, power: float = 3.0, points: int = 20) -> FloatArray:
    """Anticlockwise superellipse of the given x and y extents, for `prism`."""
    angle = np.arange(points) * (2 * math.pi / points)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    ring /= (np.abs(ring) ** power).sum(1, keepdims=True) ** (1.0 / power)
    return ring * [length / 2, width / 2]


def rotation(axis: str, angle: float) -> FloatArray:
    """(4, 4) turn by `angle` radians about the axis "x", "y" or "z"."""
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    T = np.eye(4)
    T[i, i] = T[j, j] = math.cos(angle)
    T[j, i] = math.sin(angle)
    T[i, j] = -math.sin(angle)
    return T


def bumpy(mesh: Mesh, share: float, rng: np.random.Generator) -> Mesh:
    """A mesh of one material, each vertex moved to or from the origin by a normally drawn share of its distance."""
    bumps = 1 + share * rng.standard_normal((len(mesh.vertices), 1))
    return solid(mesh.vertices * bumps, mesh.faces, mesh.materials[0])


def move(mesh: Mesh, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
    """The mesh shifted by metres."""
    T = np.eye(4)
    T[:3, 3] = (x, y, z)
    return mesh.transformed(T)


def turn(mesh: Mesh, axis: str, angle: float, about: Triple = (0.0, 0.0, 0.0)) -> Mesh:
    """The mesh turned by `angle` radians about an axis through a point."""
    pivot = np.asarray(about, np.float64)
    T = rotation(axis, angle)
    T[:3, 3] = pivot - T[:3, :3] @ pivot
    return mesh.transformed(T)


def stand_on_floor(mesh: Mesh) -> Mesh:
    """The mesh shifted so that its bounding box is centred on the origin and its lowest point is at z = 0."""
    low, high = mesh.bounds()
    return move(mesh, -(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2])


__all__ = [
    "bar",
    "box",
    "box_between",
    "cushion",
    "lathe",
    "merge",
    "move",
    "pillow",
    "plate",
    "prism",
    "quad",
    "rod",
    "rotation",
    "rounded_outline",
    "sheet",
    "solid",
    "stand_on_floor",
    "turn",
]
