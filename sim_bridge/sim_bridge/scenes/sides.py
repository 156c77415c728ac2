# SPDX-License-Identifier: Apache-2.0
"""Which triangles can be seen from behind: our renderer draws both sides, habitat-sim only the front.

A piece of surface that closes on itself and faces outwards shows fronts alone. Of all else (sheets, leaves, rooms seen
from inside, bodies turned inside out) the backs may be seen.
"""

from __future__ import annotations

import numpy as np

from seal_perception.types import BoolArray
from sim_bridge.geometry.mesh import Mesh

WELD_M = 1e-5


def needs_back(mesh: Mesh) -> BoolArray:
    """(F,) whether a triangle belongs to a piece that is open, not turned one way throughout, or inside out."""
    from scipy import sparse
    from scipy.sparse import csgraph

    welded = np.unique(np.round(mesh.vertices / WELD_M).astype(np.int64), axis=0, return_inverse=True)[1]
    faces = np.asarray(welded).reshape(-1)[mesh.faces].astype(np.int64)
    count = int(faces.max(initial=-1)) + 1
    edges = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    links = sparse.coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), (count, count))
    piece = csgraph.connected_components(links, directed=False)[1][faces[:, 0]]
    # Closed and turned one way: every edge is walked once forth and once back. Slivers with no area close nothing.
    forth, back = edges @ [count, 1], edges @ [1, count]
    _, number, walks = np.unique(forth, return_inverse=True, return_counts=True)
    single = (walks[np.asarray(number).reshape(-1)] == 1) & np.isin(back, forth)
    bad = ~single.reshape(-1, 3).all(1)
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    pieces = int(piece.max(initial=-1)) + 1
    low = np.full((pieces, 3), np.inf)
    np.minimum.at(low, piece, a)
    # Six times the volume, measured from a corner of the piece so that nothing is lost far from the origin.
    a, b, c = a - low[piece], b - low[piece], c - low[piece]
    volume = np.bincount(piece, (a * np.cross(b, c)).sum(1), pieces)
    wrong = (np.bincount(piece, bad, pieces) > 0) | (volume <= 0)
    return np.asarray(wrong[piece], np.bool_)


def with_backs(mesh: Mesh) -> Mesh:
    """The mesh with a second, turned triangle wherever a back may be seen."""
    again = np.flatnonzero(needs_back(mesh))
    return Mesh(
        mesh.vertices,
        np.concatenate([mesh.faces, mesh.faces[again][:, ::-1]]).astype(np.int32),
        np.concatenate([mesh.uv, mesh.uv[again][:, ::-1]]),
        np.concatenate([mesh.material, mesh.material[again]]),
        mesh.materials,
    )
