# SPDX-License-Identifier: Apache-2.0
"""Which triangle every pixel shows: a rasterizer on the CPU in place of one ray per pixel.

Each triangle gives three edge functions in homogeneous coordinates (Olano and Greer, "Triangle scan conversion using 2D
homogeneous coordinates", 1997), so that nothing is clipped at the camera plane. A pixel keeps the largest 1/depth, of
equal ones the triangle with the lowest index; what a pixel gets depends on nothing but its own place, so neither bands
of rows, nor clusters, nor the order of drawing change a byte.

Edges reach `EDGE` beyond themselves, far more than float32 rounds, so that neighbours leave no crack between them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from seal_perception.camera import Camera
from seal_perception.types import Float32Array, FloatArray, Int32Array, UInt32Array
from sim_bridge.drawing.raster_clusters import CLUSTER, NEAR_M, View, cluster, in_view, screen_box
from sim_bridge.geometry.pinhole import Pinhole

NO_FACE = np.uint32(0xFFFFFFFF)
EDGE = 1e-5
"""How far a triangle reaches beyond its edges at depth 1: 0.004 pixels at 640 x 480 and 79 degrees."""
TILE = 8
"""Side of the squares, in pixels, that are tested for what is hidden."""
WIDE = 24
"""Boxes of more columns than this are narrowed row by row."""
NUM_SET_UP = 13
"""Numbers kept per triangle: three edge functions of three coefficients, the depths of the corners, the determinant."""


class Buffers(NamedTuple):
    """What a band of rows is drawn into.

    Attributes:
        inverse: (H, W) float32 1/depth of each pixel, 0 = nothing there; shared by the bands of a picture.
        ids: (H, W) uint32 triangle of each pixel, `NO_FACE` = none; shared too.
        slot: (F,) int32 row of `kept` of each triangle that is seen.
        kept: (F, NUM_SET_UP) float64 set-up of those triangles.
    """

    inverse: Float32Array
    ids: UInt32Array
    slot: Int32Array
    kept: FloatArray


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _set_up(corner, R, t, pinhole, size, e, box):  # type: ignore[no-untyped-def]
    """Edge functions of a triangle (3, 3) and the pixels (columns, rows: first, last) it may cover.

    `e` gets A (3), B (3), C (3) with A u + B v + C >= 0 inside, then the depths of the corners and the determinant.
    Returns whether there is anything to draw.
    """
    fx, fy, cx, cy = pinhole
    for k in range(3):
        x, y, z = corner[k, 0] - t[0], corner[k, 1] - t[1], corner[k, 2] - t[2]
        e[k] = R[0, 0] * x + R[1, 0] * y + R[2, 0] * z
        e[3 + k] = R[0, 1] * x + R[1, 1] * y + R[2, 1] * z
        e[9 + k] = R[0, 2] * x + R[1, 2] * y + R[2, 2] * z
    x0, x1, x2, y0, y1, y2, z0, z1, z2 = e[0], e[1], e[2], e[3], e[4], e[5], e[9], e[10], e[11]
    if max(z0, z1, z2) < NEAR_M:
        return False
    box[0], box[1], box[2], box[3] = 0, size[0] - 1, size[1], size[2] - 1
    if min(z0, z1, z2) > NEAR_M:
        i0, i1, i2 = fx / z0, fx / z1, fx / z2
        p0, p1, p2 = x0 * i0, x1 * i1, x2 * i2
        box[0] = max(box[0], math.ceil(max(min(p0, p1, p2) + cx - EDGE * fx, -1.0)))
        box[1] = min(box[1], math.floor(min(max(p0, p1, p2) + cx + EDGE * fx, size[0])))
        if box[0] > box[1]:
            return False
        i0, i1, i2 = fy / z0, fy / z1, fy / z2
        p0, p1, p2 = y0 * i0, y1 * i1, y2 * i2
        box[2] = max(box[2], math.ceil(max(min(p0, p1, p2) + cy - EDGE * fy, -1.0)))
        box[3] = min(box[3], math.floor(min(max(p0, p1, p2) + cy + EDGE * fy, size[2])))
        if box[2] > box[3]:
            return False
    e[0], e[3], e[6] = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
    e[1], e[4], e[7] = y2 * z0 - z2 * y0, z2 * x0 - x2 * z0, x2 * y0 - y2 * x0
    e[2], e[5], e[8] = y0 * z1 - z0 * y1, z0 * x1 - x0 * z1, x0 * y1 - y0 * x1
    det = x0 * e[0] + y0 * e[3] + z0 * e[6]
    if det < 0.0:
        for k in range(9):
            e[k] = -e[k]
    e[12] = abs(det)
    return det != 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill(e, box, face, us32, vs, pinhole, inverse, ids):  # type: ignore[no-untyped-def]
    """Draw one triangle into 1/depth and triangle of each pixel; returns how many pixels took it."""
    none = np.float32(0.0)
    a0, a1, a2 = np.float32(e[0]), np.float32(e[1]), np.float32(e[2])
    reach0, reach1 = EDGE * (abs(e[0]) + abs(e[3])), EDGE * (abs(e[1]) + abs(e[4]))
    reach2 = EDGE * (abs(e[2]) + abs(e[5]))
    scale = 1.0 / e[12]
    aw, bw, cw = (e[0] + e[1] + e[2]) * scale, (e[3] + e[4] + e[5]) * scale, (e[6] + e[7] + e[8]) * scale
    a = np.float32(aw)
    near, far = min(e[9], e[10], e[11]), max(e[9], e[10], e[11])
    # Beyond its edges a steep triangle would leave the depths that its corners have.
    crossing = near <= NEAR_M
    most = np.float32(1.0 / NEAR_M) if crossing else np.float32(1.0 / near)
    least = none if crossing else np.float32(1.0 / far)
    above = np.float32(1.0 / NEAR_M) if crossing else np.float32(np.inf)
    taken = 0
    for r in range(np.uint32(box[2]), np.uint32(box[3] + 1)):
        v = vs[r]
        k0, k1 = np.float32(e[3] * v + (e[6] + reach0)), np.float32(e[4] * v + (e[7] + reach1))
        k2, k = np.float32(e[5] * v + (e[8] + reach2)), np.float32(bw * v + cw)
        first, last = box[0], box[1]
        if last - first > WIDE:
            left, right = np.float64(first), np.float64(last)
            for i in range(3):
                part = k0 if i == 0 else (k1 if i == 1 else k2)
                if e[i] > 0.0:
                    left = max(left, -part / e[i] * pinhole.fx + pinhole.cx - 1.0)
                elif e[i] < 0.0:
                    right = min(right, -part / e[i] * pinhole.fx + pinhole.cx + 1.0)
            if left > right:
                continue
            first, last = int(left), int(right)
        nearest, shown = inverse[r], ids[r]
        for c in range(np.uint32(first), np.uint32(last + 1)):
            u = us32[c]
            w = a * u + k
            inside = (a0 * u + k0 >= none) & (a1 * u + k1 >= none) & (a2 * u + k2 >= none) & (w <= above)
            w = min(max(w, least), most)
            old, other = nearest[c], shown[c]
            take = inside & ((w > old) | ((w == old) & (w > none) & (face < other)))
            # Written either way: without a branch eight pixels go at once.
            nearest[c] = w if take else old
            shown[c] = face if take else other
            taken += take
    return taken


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _hidden(limits, depth, inverse, row0, row1, tiles):  # type: ignore[no-untyped-def]
    """Whether all pixels of a box (columns, rows) of this nearest depth show something nearer.

    `tiles` keeps the smallest 1/depth of each tile at some earlier time; it can only have grown since.
    """
    width = inverse.shape[1]
    c0, c1 = int(max(limits[0], 0.0)), int(min(limits[1], width - 1.0))
    r0, r1 = int(max(limits[2], row0)), int(min(limits[3], row1 - 1.0))
    if c0 > c1 or r0 > r1:
        return True
    w = np.float32(1.0001 / depth)
    for i in range((r0 - row0) // TILE, (r1 - row0) // TILE + 1):
        for j in range(c0 // TILE, c1 // TILE + 1):
            if tiles[i, j] > w:
                continue
            least = np.float32(np.inf)
            for r in range(row0 + i * TILE, min(row0 + (i + 1) * TILE, row1)):
                for c in range(j * TILE, min((j + 1) * TILE, width)):
                    least = min(least, inverse[r, c])
            tiles[i, j] = least
            if least <= w:
                return False
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _behind(e, box, row0, tiles):  # type: ignore[no-untyped-def]
    """Whether a triangle lies within tiles that show nothing but nearer things."""
    near = min(e[9], e[10], e[11])
    if near <= NEAR_M:
        return False
    w = np.float32(1.0001 / near)
    for i in range((box[2] - row0) // TILE, (box[3] - row0) // TILE + 1):
        for j in range(box[0] // TILE, box[1] // TILE + 1):
            if tiles[i, j] <= w:
                return False
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def draw(clusters, view, row0, row1, buffers):  # type: ignore[no-untyped-def]
    """Draw rows row0..row1: the triangle of each pixel, and the set-up of each triangle that any pixel took."""
    corners, faces, boxes, size = clusters
    inverse, ids, slot, kept = buffers
    # Functions called per triangle take the arrays themselves: counting references to those of a tuple takes time.
    R, t, pinhole, us, vs = view
    width = inverse.shape[1]
    inverse[row0:row1] = np.float32(0.0)
    ids[row0:row1] = NO_FACE
    found, nearest = np.empty(len(boxes), np.int64), np.empty(len(boxes))
    tiles = np.zeros(((row1 - row0 + TILE - 1) // TILE, (width + TILE - 1) // TILE), np.float32)
    us32 = us.astype(np.float32)
    e, box, limits = np.empty(NUM_SET_UP), np.empty(4, np.int64), np.empty(4)
    used = 0
    for i in range(in_view(boxes, view, row0, row1, found, nearest)):
        k = found[i]
        if nearest[i] > NEAR_M:
            screen_box(boxes[k], R, t, pinhole, limits)
            if _hidden(limits, nearest[i], inverse, row0, row1, tiles):
                continue
        for n in range(k * size, min((k + 1) * size, len(corners))):
            if not _set_up(corners[n], R, t, pinhole, (width, row0, row1), e, box) or _behind(e, box, row0, tiles):
                continue
            if _fill(e, box, faces[n], us32, vs, pinhole, inverse, ids):
                slot[faces[n]] = used
                kept[used] = e
                used += 1
    return used


@numba.njit(cache=True, nogil=True, error_model="numpy")
def resolve(buffers, view, row0, row1, depth, bary):  # type: ignore[no-untyped-def]
    """Depth and barycentric coordinates (of the second and third corner) of each pixel of rows row0..row1."""
    inverse, ids, slot, kept = buffers
    us, vs = view.us, view.vs
    for r in range(np.uint32(row0), np.uint32(row1)):
        v = vs[r]
        for c in range(np.uint32(ids.shape[1])):
            if ids[r, c] == NO_FACE:
                depth[r, c] = np.float32(0.0)
                continue
            e = kept[np.uint32(slot[ids[r, c]])]
            u = us[c]
            e0 = max(e[0] * u + (e[3] * v + e[6]), 0.0)
            e1 = max(e[1] * u + (e[4] * v + e[7]), 0.0)
            e2 = max(e[2] * u + (e[5] * v + e[8]), 0.0)
            total = e0 + e1 + e2
            b1 = b2 = 1.0 / 3.0
            if total > 0.0:
                b1, b2 = e1 / total, e2 / total
            z = e[9] + b1 * (e[10] - e[9]) + b2 * (e[11] - e[9])
            if z < NEAR_M:  # just beside the edge of a triangle that reaches behind the camera
                z = 1.0 / inverse[r, c]
            bary[r, c, 0], bary[r, c, 1], depth[r, c] = np.float32(b1), np.float32(b2), np.float32(z)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _draw_rows(clusters, view, row0, row1, buffers, depth, bary):  # type: ignore[no-untyped-def]
    """Draw and resolve rows row0..row1: one call from Python, which takes time per tuple."""
    draw(clusters, view, row0, row1, buffers)
    resolve(buffers, view, row0, row1, depth, bary)


class Picture(NamedTuple):
    """A picture that is being drawn.

    Attributes:
        face: (H, W) uint32 triangle of each pixel, `NO_FACE` = none.
        depth: (H, W) float32 metres along the optical axis, 0 = none.
        bary: (H, W, 2) float32 weights of the triangle's second and third corner; the next picture overwrites them.
        view: the camera at its place.
    """

    face: UInt32Array
    depth: Float32Array
    bary: Float32Array
    view: View


class Raster:
    """Draws the triangles of one mesh; one picture at a time, its bands of rows at once if one likes.

    Args:
        vertices: (V, 3) float32 metres.
        faces: (F, 3) indices into vertices.
        size: triangles that are culled together.
    """

    def __init__(self, vertices: Float32Array, faces: Int32Array, size: int = CLUSTER) -> None:
        self._clusters = cluster(vertices, faces, size)
        self._num_faces = len(faces)
        self._inverse = np.empty((0, 0), np.float32)
        self._bary = np.empty((0, 0, 2), np.float32)
        self._scratch: list[tuple[Int32Array, FloatArray]] = []

    def begin(self, camera: Camera, T_world_camera: FloatArray, bands: int = 1) -> Picture:
        """A picture to draw `bands` bands of; its rows hold nothing yet."""
        shape = (camera.height, camera.width)
        if self._inverse.shape != shape:
            self._inverse, self._bary = np.empty(shape, np.float32), np.empty((*shape, 2), np.float32)
        while len(self._scratch) < bands:
            # Only what is used of it takes memory: as many rows as triangles are seen.
            kept = np.empty((self._num_faces, NUM_SET_UP))
            self._scratch.append((np.empty(self._num_faces, np.int32), kept))
        T = np.asarray(T_world_camera, np.float64)
        view = View(
            np.ascontiguousarray(T[:3, :3]),
            np.ascontiguousarray(T[:3, 3]),
            Pinhole.from_camera(camera),
            (np.arange(camera.width, dtype=np.float64) - camera.cx) / camera.fx,
            (np.arange(camera.height, dtype=np.float64) - camera.cy) / camera.fy,
        )
        return Picture(np.empty(shape, np.uint32), np.empty(shape, np.float32), self._bary, view)

    def rows(self, picture: Picture, row0: int, row1: int, band: int = 0) -> None:
        """Fill rows row0 up to row1; bands drawn at the same time must have different numbers."""
        buffers = Buffers(self._inverse, picture.face, *self._scratch[band])
        _draw_rows(self._clusters, picture.view, row0, row1, buffers, picture.depth, picture.bary)
