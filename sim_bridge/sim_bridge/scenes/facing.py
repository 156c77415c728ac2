# SPDX-License-Identifier: Apache-2.0
"""Triangles turned towards the light: files of others face either way, or show every face twice, front and back.

The renderer draws both sides, but light is baked for the front alone; a wall whose front is outside would be dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from seal_perception.types import BoolArray, FloatArray, IntArray
from sim_bridge.geometry.mesh import Lamp, Mesh, Part, merge

NEAREST_LAMPS = 4
OFF_M = 0.01


def nearest_lamps(middle: FloatArray, places: FloatArray) -> IntArray:
    """(N, up to 4) the lamps nearest in plan to each of (N, 3) points, by distance, then by number."""
    count = min(NEAREST_LAMPS, len(places))
    distance, index = cKDTree(places[:, :2]).query(middle[:, :2], k=np.arange(1, count + 1))
    order = np.lexsort((index, distance), axis=1)
    return np.take_along_axis(np.asarray(index, np.int64), order, 1)


def sees_a_lamp(mesh: Mesh, lamps: Sequence[Lamp]) -> tuple[BoolArray, BoolArray]:
    """(F,) whether a lamp is seen from the middle of each triangle's front, and of its back.

    Only the nearest lamps on the respective side are asked.
    """
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.vertices, np.float32)),
        o3d.core.Tensor.from_numpy(mesh.faces.astype(np.uint32)),
    )
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    middle = corners.mean(1)
    places = np.array([lamp.position for lamp in lamps], np.float64)
    nearest = nearest_lamps(middle, places)
    seen = [np.zeros(len(middle), bool), np.zeros(len(middle), bool)]
    for k in range(nearest.shape[1]):
        lamp = places[nearest[:, k]]
        side = ((lamp - middle) * normal).sum(1)
        for front, sign in ((0, 1.0), (1, -1.0)):
            asked = np.flatnonzero((sign * side > 1e-3) & ~seen[front])
            if not len(asked):
                continue
            origin = middle[asked] + sign * OFF_M * normal[asked]
            way = lamp[asked] - origin
            distance = np.linalg.norm(way, axis=1)
            rays = np.concatenate([origin, way / np.maximum(distance, 1e-9)[:, None]], 1).astype(np.float32)
            hit = scene.cast_rays(o3d.core.Tensor.from_numpy(rays))["t_hit"].numpy()
            seen[front][asked[hit > distance - 0.15]] = True
    return seen[0], seen[1]


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Bits spread over 64 (the finisher of splitmix64), so that equal results mean equal values in practice."""
    x = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def _twins(mesh: Mesh, preferred: BoolArray) -> BoolArray:
    """(F,) the triangles to keep where some have the same three corners: a preferred one, else the first."""
    grid = np.round(mesh.vertices.astype(np.float64) * 2000).astype(np.int64).astype(np.uint64)
    # The sum over the corners does not depend on where a triangle begins, nor on which way round it goes.
    place = _mixed(_mixed(_mixed(grid[:, 0]) + grid[:, 1]) + grid[:, 2])[mesh.faces]
    _, group = np.unique(_mixed(place).sum(1), return_inverse=True)
    group = np.asarray(group).reshape(-1)
    rank = np.lexsort((np.arange(len(group)), ~preferred, group))
    first = np.ones(len(rank), bool)
    first[1:] = group[rank][1:] != group[rank][:-1]
    keep = np.zeros(len(group), bool)
    keep[rank[first]] = True
    return keep


def face_the_light(parts: Sequence[Part], lamps: Sequence[Lamp]) -> tuple[tuple[Part, ...], int, int]:
    """Parts whose triangles face a lamp where only their back sees one, without twins; (parts, turned, dropped)."""
    if not lamps:
        return tuple(parts), 0, 0
    front, back = sees_a_lamp(merge([part.mesh for part in parts]), lamps)
    out, start, turned, dropped = [], 0, 0, 0
    for part in parts:
        mesh, own = part.mesh, slice(start, start + len(part.mesh.faces))
        start = own.stop
        keep = _twins(mesh, front[own])
        turn = (back[own] & ~front[own])[keep]
        faces, uv = mesh.faces[keep].copy(), mesh.uv[keep].copy()
        faces[turn], uv[turn] = faces[turn][:, ::-1], uv[turn][:, ::-1]
        turned, dropped = turned + int(turn.sum()), dropped + int((~keep).sum())
        cut = Mesh(mesh.vertices, faces, uv, mesh.material[keep], mesh.materials)
        out.append(replace(part, mesh=cut, own_hash=cut.geometry_hash()))
    return tuple(out), turned, dropped
