# SPDX-License-Identifier: Apache-2.0
"""Triangles sorted into clusters that lie together, and which of them a picture may show, nearest first."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from seal_perception.types import Float32Array, FloatArray, Int32Array, IntArray, UInt32Array
from sim_bridge.geometry.pinhole import Pinhole

CLUSTER = 16
"""Triangles per cluster: fewer take more tests, of more are fewer hidden together. 16 was fastest of 8 to 128."""
NEAR_M = 1e-3
"""What is nearer to the camera along its axis is not drawn."""
BITS = 10
"""Per axis of the Morton code."""


class Clusters(NamedTuple):
    """Triangles in drawing order; cluster k has triangles `size * k` to `size * (k + 1)`.

    Attributes:
        corners: (N, 3, 3) float32 world positions of the corners, in cluster order.
        face: (N,) uint32 index of each triangle in the mesh.
        boxes: (K, 2, 3) float64 centre and half size of each cluster's box.
        size: triangles per cluster; the last one may have fewer.
    """

    corners: Float32Array
    face: UInt32Array
    boxes: FloatArray
    size: int


class View(NamedTuple):
    """A camera at its place.

    Attributes:
        R: (3, 3) float64 axes of the optical frame in the world, as columns.
        t: (3,) float64 position in the world, metres.
        pinhole: focal lengths and principal point.
        us, vs: (W,), (H,) float64 directions of the columns and rows at depth 1.
    """

    R: FloatArray
    t: FloatArray
    pinhole: Pinhole
    us: FloatArray
    vs: FloatArray


def _spread(values: UInt32Array) -> UInt32Array:
    """Bits moved apart, two zeros between neighbours (10 bits)."""
    out = values
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        out = (out | (out << np.uint32(shift))) & np.uint32(mask)
    return out


def cluster(vertices: Float32Array, faces: Int32Array, size: int = CLUSTER) -> Clusters:
    """Sort triangles by the axis that they face most, then along a Morton curve: flat clusters of neighbours.

    Triangles with a corner that is no finite number are left out; a ray never hits them either.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3) indices into vertices.
        size: triangles per cluster.
    """
    corners = np.ascontiguousarray(vertices, np.float32)[faces]
    whole = np.isfinite(corners).all((1, 2))
    index: IntArray = np.flatnonzero(whole)
    corners = corners[index]
    if not len(index):
        return Clusters(corners, index.astype(np.uint32), np.zeros((0, 2, 3)), size)
    low = np.minimum(np.minimum(corners[:, 0], corners[:, 1]), corners[:, 2])
    high = np.maximum(np.maximum(corners[:, 0], corners[:, 1]), corners[:, 2])
    axis = (high - low).argmin(1).astype(np.uint32)
    middle = low + high
    first = middle.min(0)
    grid = ((middle - first) * ((2**BITS - 1) / np.maximum(middle.max(0) - first, 1e-6))).astype(np.uint32)
    code = _spread(grid[:, 0]) | (_spread(grid[:, 1]) << np.uint32(1)) | (_spread(grid[:, 2]) << np.uint32(2))
    order = np.argsort(code | (axis << np.uint32(3 * BITS)), kind="stable")
    starts = np.arange(0, len(order), size)
    lower = np.minimum.reduceat(low[order], starts, axis=0).astype(np.float64)
    upper = np.maximum.reduceat(high[order], starts, axis=0).astype(np.float64)
    boxes = np.stack([0.5 * (lower + upper), 0.5 * (upper - lower)], 1)
    return Clusters(corners[order], index[order].astype(np.uint32), boxes, size)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def in_view(boxes, view, row0, row1, found, nearest):  # type: ignore[no-untyped-def]
    """Clusters that rows row0..row1 may show, nearest first: how many, their numbers and nearest depths (filled in)."""
    R, t, pinhole, us, vs = view
    planes = np.empty((5, 3))
    margin_u, margin_v = 1.0 / pinhole.fx, 1.0 / pinhole.fy
    for k in range(3):
        planes[0, k] = R[k, 2]
        planes[1, k] = R[k, 0] - (us[0] - margin_u) * R[k, 2]
        planes[2, k] = (us[-1] + margin_u) * R[k, 2] - R[k, 0]
        planes[3, k] = R[k, 1] - (vs[row0] - margin_v) * R[k, 2]
        planes[4, k] = (vs[row1 - 1] + margin_v) * R[k, 2] - R[k, 1]
    count = 0
    depths = np.empty(len(boxes))
    kept = np.empty(len(boxes), np.int64)
    for k in range(len(boxes)):
        x, y, z = boxes[k, 0, 0] - t[0], boxes[k, 0, 1] - t[1], boxes[k, 0, 2] - t[2]
        hx, hy, hz = boxes[k, 1, 0], boxes[k, 1, 1], boxes[k, 1, 2]
        seen = True
        for p in range(5):
            a, b, c = planes[p, 0], planes[p, 1], planes[p, 2]
            reach = abs(a) * hx + abs(b) * hy + abs(c) * hz
            distance = a * x + b * y + c * z
            if distance + reach < 0.0:
                seen = False
                break
            if p == 0:
                depths[count] = distance - reach
        if seen:
            kept[count] = k
            count += 1
    order = np.argsort(depths[:count])
    for i in range(count):
        found[i], nearest[i] = kept[order[i]], depths[order[i]]
    return count


@numba.njit(cache=True, nogil=True, error_model="numpy")
def screen_box(box, R, t, pinhole, out):  # type: ignore[no-untyped-def]
    """Columns and rows (first, last) that a box before the camera may touch, one pixel wider, into `out` (4,)."""
    fx, fy, cx, cy = pinhole
    left, right, top, bottom = np.inf, -np.inf, np.inf, -np.inf
    for k in range(8):
        x = box[0, 0] - t[0] + (box[1, 0] if k & 1 else -box[1, 0])
        y = box[0, 1] - t[1] + (box[1, 1] if k & 2 else -box[1, 1])
        z = box[0, 2] - t[2] + (box[1, 2] if k & 4 else -box[1, 2])
        depth = R[0, 2] * x + R[1, 2] * y + R[2, 2] * z
        u = (R[0, 0] * x + R[1, 0] * y + R[2, 0] * z) / depth * fx + cx
        v = (R[0, 1] * x + R[1, 1] * y + R[2, 1] * z) / depth * fy + cy
        left, right = min(left, u), max(right, u)
        top, bottom = min(top, v), max(bottom, v)
    out[0], out[1], out[2], out[3] = left - 1.0, right + 1.0, top - 1.0, bottom + 1.0
