# SPDX-License-Identifier: Apache-2.0
"""Outliers of a scene: what belongs together, and grounds and skies cut at its border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seal_perception.types import BoolArray, FloatArray
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.scenes.pieces import Notes, Piece

MARGIN_M = 0.5
"""A ground plane is cut this far outside everything else."""
GROUND_M = 15.0
FAR = 4.0
"""A thing is an outlier if it reaches this many times farther than what most things span."""
MAX_CUT = 20_000
BEYOND_UNITS, BEYOND_M = 1e7, 1e4
"""What reaches beyond is left out: in the unit of the file, and in metres after planes and skies were cut."""
LOST, MOST_LOST = 100.0, 0.01
"""A corner this many widths away is lost, where at most this share of the triangles reaches so far."""


def bounds_of(meshes: Sequence[Mesh]) -> FloatArray:
    """(2, 3) common lower and upper corner."""
    corners = np.stack([mesh.bounds() for mesh in meshes])
    return np.stack([corners[:, 0].min(0), corners[:, 1].max(0)])


def main_bounds(pieces: list[Piece]) -> FloatArray:
    """(2, 3) box around what belongs together: wide flat grounds and a few far things do not count."""
    boxes = np.stack([piece.mesh.bounds() for piece in pieces])
    extent = boxes[:, 1] - boxes[:, 0]
    ground = (extent[:, 2] < 0.1) & (extent.max(1) > GROUND_M)
    boxes, extent = (boxes, extent) if ground.all() else (boxes[~ground], extent[~ground])
    if len(boxes) >= 3:
        small = extent.max(1) <= 4 * FAR * max(float(np.median(extent.max(1))), 1e-6)
        boxes = boxes[small]
        distance = np.abs(boxes - np.median(boxes.mean(1), axis=0)).max((1, 2))
        boxes = boxes[distance <= FAR * max(float(np.percentile(distance, 80)), 1e-6)]
    return np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)])


def _cut(mesh: Mesh, low: FloatArray, high: FloatArray) -> Mesh | None:
    """What of a mesh lies within a box: triangles across its border are cut at it (all dropped if they are many)."""
    from trimesh.triangles import points_to_barycentric

    corners = mesh.vertices[mesh.faces].astype(np.float64)
    inside = np.all((corners >= low) & (corners <= high), axis=(1, 2))
    apart = np.any(np.all(corners < low, axis=1) | np.all(corners > high, axis=1), axis=1)
    across = np.flatnonzero(~inside & ~apart)
    new_corners, new_uv, new_material = [], [], []
    for f in across if len(across) <= MAX_CUT else ():
        polygon = list(corners[f])
        for axis in range(3):
            for limit, sign in ((low[axis], 1.0), (high[axis], -1.0)):
                polygon = _clip(polygon, axis, limit, sign)
        for k in range(1, len(polygon) - 1):
            triangle = np.stack([polygon[0], polygon[k], polygon[k + 1]])
            weights = points_to_barycentric(np.repeat(corners[f][None], 3, 0), triangle)
            new_corners.append(triangle)
            new_uv.append(weights @ mesh.uv[f])
            new_material.append(mesh.material[f])
    if not inside.any() and not new_corners:
        return None
    vertices = np.concatenate([corners[inside].reshape(-1, 3), np.reshape(new_corners, (-1, 3))])
    uv = np.concatenate([mesh.uv[inside].reshape(-1, 3, 2), np.reshape(new_uv, (-1, 3, 2))])
    material = np.concatenate([mesh.material[inside], np.asarray(new_material, np.int32)])
    faces = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
    return Mesh(vertices.astype(np.float32), faces, uv.astype(np.float32), material.astype(np.int32), mesh.materials)


def _clip(polygon: list[FloatArray], axis: int, limit: float, sign: float) -> list[FloatArray]:
    """A polygon cut at one plane (Sutherland and Hodgman)."""
    out = []
    for k, b in enumerate(polygon):
        a = polygon[k - 1]
        da, db = sign * (a[axis] - limit), sign * (b[axis] - limit)
        if (da >= 0) != (db >= 0):
            point = a + (b - a) * (da / (da - db))
            point[axis] = limit
            out.append(point)
        if db >= 0:
            out.append(b)
    return out


def without_lost_corners(pieces: list[Piece], notes: Notes) -> list[Piece]:
    """Without single corners that lie far from all others of their piece: a broken number among a million good ones.

    A corner is lost where it lies `LOST` times farther from the middle half of the corners than that is wide (and as
    many units), if hardly any triangle reaches so far.
    """
    out = []
    for piece in pieces:
        vertices = piece.mesh.vertices
        if float(np.ptp(vertices, axis=0).max()) > LOST:
            low, high = np.percentile(vertices, (25.0, 75.0), axis=0)
            reach = LOST * max(float((high - low).max()), 1.0)
            near = ((vertices >= low - reach) & (vertices <= high + reach)).all(1)
            keep = near[piece.mesh.faces].all(1)
            if 0 < (~keep).sum() <= MOST_LOST * len(keep):
                piece = _kept(piece, keep, notes)
        out.append(piece)
    return out


def within(pieces: list[Piece], far: float, notes: Notes) -> list[Piece]:
    """Without triangles that reach beyond a distance from the origin, or whose corners are no numbers."""
    out = []
    for piece in pieces:
        near: BoolArray = np.all(np.abs(piece.mesh.vertices) <= far, axis=1)
        if near.all():
            out.append(piece)
            continue
        keep: BoolArray = np.all(near[piece.mesh.faces], axis=1)
        cut = _kept(piece, keep, notes)
        out += [cut] if keep.any() else []
    return out


def _kept(piece: Piece, keep: BoolArray, notes: Notes) -> Piece:
    """A piece with some of its triangles; says how many are gone."""
    mesh = piece.mesh
    notes.add(f"{piece.instance}: {int((~keep).sum())} triangles that reach far away from the rest were left out")
    if not keep.any():
        return piece
    used, index = np.unique(mesh.faces[keep], return_inverse=True)
    faces = np.asarray(index).reshape(-1, 3).astype(np.int32)
    cut = replace(mesh, vertices=mesh.vertices[used], faces=faces, uv=mesh.uv[keep], material=mesh.material[keep])
    return replace(piece, mesh=cut)


def cut_outliers(pieces: list[Piece], notes: Notes) -> list[Piece]:
    """Without what reaches far beyond the rest: ground planes and skies are cut at the rest's box."""
    box = main_bounds(pieces)
    size = float((box[1] - box[0]).max())
    low, high = box[0] - MARGIN_M, box[1] + MARGIN_M
    out = []
    for piece in pieces:
        own = piece.mesh.bounds()
        beyond = float(np.maximum(low - own[0], own[1] - high).max())
        if beyond <= max(0.5 * size, 2.0):
            out.append(piece)
            continue
        cut = _cut(piece.mesh, low, high)
        if cut is None:
            notes.add(f"{piece.instance} lies {beyond:.0f} m away from the rest and was left out")
        else:
            reach = float((own[1] - own[0]).max())
            notes.add(f"{piece.instance} is {reach:.0f} m wide and was cut at the rest's {size:.0f} m")
            out.append(replace(piece, mesh=cut))
    return out
