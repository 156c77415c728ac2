# SPDX-License-Identifier: Apache-2.0
"""Pictures of a scene on the CPU: `sim_bridge.drawing.raster` finds the triangle of every pixel, a kernel paints it.

Light is baked beforehand (`light`). Rays (Open3D's Embree) are cast for baking and for the laser only.
Texture coordinates: u to the right, v down (v = 0 is the texture's top row), both repeat.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np

from seal_perception.camera import Camera
from seal_perception.categories import NO_CATEGORY
from seal_perception.pose import check_pose
from seal_perception.types import Float32Array, FloatArray, Int8Array, Int32Array, UInt8Array, UInt32Array
from sim_bridge.drawing.light import bake, edge_limits, face_normals, subdivide
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.drawing.raster import NO_FACE, Raster
from sim_bridge.geometry.mesh import Material, Mesh, Scene, merge

MAX_LEVELS = 10


@dataclass(frozen=True)
class Rendered:
    """A picture; labels are computed on first use.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 metres along the optical axis, 0 = nothing hit.
        face: (H, W) uint32 triangle of each pixel, `NO_FACE` = none.
        tables: instance (F + 1,) int32 and category (F + 1,) int8 of the triangles; the last entry is "none".
    """

    rgb: UInt8Array
    depth: Float32Array
    face: UInt32Array
    tables: tuple[Int32Array, Int8Array]

    @cached_property
    def instance(self) -> Int32Array:
        """(H, W) int32: index of the part + 1, 0 = nothing hit."""
        return _lookup(self.face, self.tables[0])

    @cached_property
    def category(self) -> Int8Array:
        """(H, W) int8 category index, -1 = none of the six."""
        return _lookup(self.face, self.tables[1])


@numba.njit(cache=True, nogil=True)
def _lookup(face, table):  # type: ignore[no-untyped-def]
    out = np.empty(face.shape, table.dtype)
    last = len(table) - 1
    for r in range(face.shape[0]):
        for c in range(face.shape[1]):
            out[r, c] = table[min(face[r, c], last)]
    return out


class _Skin(NamedTuple):
    """What the triangles look like.

    Attributes:
        uv: (F, 3, 2) float32 texture coordinates of the corners.
        light: (F, 3, 3) float32 light on the corners, scaled to steps of the tone curve.
        material: (F,) int32 index of the texture.
        density: (F,) float32 texels per metre.
    """

    uv: Float32Array
    light: Float32Array
    material: Int32Array
    density: Float32Array


class _Textures(NamedTuple):
    """All textures with their mip levels.

    Attributes:
        texels: (T, 3) uint8 sRGB.
        levels: (M, L, 3) int32 offset, width and height of each mip level.
    """

    texels: UInt8Array
    levels: Int32Array


class _Tones(NamedTuple):
    """Between sRGB and linear light.

    Attributes:
        to_linear: (256,) float32 linear value of each sRGB level.
        curve: uint8 sRGB level of each step of brightness.
        outside: (3,) uint8 where nothing is hit.
    """

    to_linear: Float32Array
    curve: UInt8Array
    outside: UInt8Array


@numba.njit(cache=True, nogil=True)
def _paint(rgb, seen, skin, textures, tones, focal, row0, row1):  # type: ignore[no-untyped-def]
    """Colours of rows row0..row1 from the triangle, depth and weights that `seen` has of each pixel; `focal` is 1 / fx.

    Unsigned indices spare numba the test whether one counts from the end.
    """
    face, depth, bary = seen
    uv, light, material, density = skin
    texels, levels = textures
    to_linear, tone, outside = tones
    tone_last = np.uint32(len(tone) - 1)
    one, half = np.float32(1.0), np.float32(0.5)
    for r in range(np.uint32(row0), np.uint32(row1)):
        for c in range(np.uint32(face.shape[1])):
            f = face[r, c]
            if f == NO_FACE:
                rgb[r, c, 0], rgb[r, c, 1], rgb[r, c, 2] = outside[0], outside[1], outside[2]
                continue
            distance = depth[r, c]
            b1, b2 = bary[r, c, 0], bary[r, c, 1]
            b0 = one - b1 - b2
            m = np.uint32(material[f])
            footprint = density[f] * distance * focal
            level = np.uint32(0)
            while footprint > np.float32(1.4) and level < np.uint32(MAX_LEVELS - 1):
                footprint *= half
                level += np.uint32(1)
            base, width, height = levels[m, level, 0], levels[m, level, 1], levels[m, level, 2]
            if width == 1 and height == 1:
                p = np.uint32(base)
                a0, a1, a2 = to_linear[texels[p, 0]], to_linear[texels[p, 1]], to_linear[texels[p, 2]]
            else:
                tu = b0 * uv[f, 0, 0] + b1 * uv[f, 1, 0] + b2 * uv[f, 2, 0]
                tv = b0 * uv[f, 0, 1] + b1 * uv[f, 1, 1] + b2 * uv[f, 2, 1]
                x = (tu - np.floor(tu)) * np.float32(width) - half
                y = (tv - np.floor(tv)) * np.float32(height) - half
                fx0, fy0 = np.floor(x), np.floor(y)
                wx, wy = x - fx0, y - fy0
                x0, y0 = np.int32(fx0), np.int32(fy0)
                if x0 < 0:
                    x0 += width
                if y0 < 0:
                    y0 += height
                if x0 >= width:
                    x0 -= width
                if y0 >= height:
                    y0 -= height
                x1 = x0 + np.int32(1) if x0 + np.int32(1) < width else np.int32(0)
                y1 = y0 + np.int32(1) if y0 + np.int32(1) < height else np.int32(0)
                upper, lower = base + y0 * width, base + y1 * width
                p00, p01 = np.uint32(upper + x0), np.uint32(upper + x1)
                p10, p11 = np.uint32(lower + x0), np.uint32(lower + x1)
                w00, w01 = (one - wx) * (one - wy), wx * (one - wy)
                w10, w11 = (one - wx) * wy, wx * wy
                a0 = to_linear[texels[p00, 0]] * w00 + to_linear[texels[p01, 0]] * w01
                a0 += to_linear[texels[p10, 0]] * w10 + to_linear[texels[p11, 0]] * w11
                a1 = to_linear[texels[p00, 1]] * w00 + to_linear[texels[p01, 1]] * w01
                a1 += to_linear[texels[p10, 1]] * w10 + to_linear[texels[p11, 1]] * w11
                a2 = to_linear[texels[p00, 2]] * w00 + to_linear[texels[p01, 2]] * w01
                a2 += to_linear[texels[p10, 2]] * w10 + to_linear[texels[p11, 2]] * w11
            l0 = b0 * light[f, 0, 0] + b1 * light[f, 1, 0] + b2 * light[f, 2, 0]
            l1 = b0 * light[f, 0, 1] + b1 * light[f, 1, 1] + b2 * light[f, 2, 1]
            l2 = b0 * light[f, 0, 2] + b1 * light[f, 1, 2] + b2 * light[f, 2, 2]
            rgb[r, c, 0] = tone[min(np.uint32(a0 * l0), tone_last)]
            rgb[r, c, 1] = tone[min(np.uint32(a1 * l1), tone_last)]
            rgb[r, c, 2] = tone[min(np.uint32(a2 * l2), tone_last)]


@numba.njit(cache=True, nogil=True)
def _shrink(texels, base, width, height, out):  # type: ignore[no-untyped-def]
    """Next mip level: mean of 2 x 2 texels (odd rests are dropped)."""
    w, h = max(width // 2, 1), max(height // 2, 1)
    for y in range(h):
        y0, y1 = min(2 * y, height - 1), min(2 * y + 1, height - 1)
        for x in range(w):
            x0, x1 = min(2 * x, width - 1), min(2 * x + 1, width - 1)
            for c in range(3):
                total = (
                    int(texels[base + y0 * width + x0, c])
                    + int(texels[base + y0 * width + x1, c])
                    + int(texels[base + y1 * width + x0, c])
                    + int(texels[base + y1 * width + x1, c])
                )
                texels[out + y * w + x, c] = (total + 2) // 4


def _mip_maps(materials: tuple[Material, ...]) -> _Textures:
    """All textures with their halves in one array."""
    levels = np.zeros((len(materials), MAX_LEVELS, 3), np.int32)
    total = 0
    for m, material in enumerate(materials):
        height, width = material.texture.shape[:2]
        for level in range(MAX_LEVELS):
            levels[m, level] = (total, width, height)
            total += width * height
            width, height = max(width // 2, 1), max(height // 2, 1)
    texels = np.empty((total, 3), np.uint8)
    for m, material in enumerate(materials):
        base, width, height = (int(value) for value in levels[m, 0])
        texels[base : base + width * height] = material.texture.reshape(-1, 3)
        for level in range(1, MAX_LEVELS):
            base, width, height = (int(value) for value in levels[m, level - 1])
            _shrink(texels, base, width, height, int(levels[m, level, 0]))
    return _Textures(texels, levels)


def srgb_to_linear() -> Float32Array:
    """(256,) linear value of each sRGB level."""
    x = np.arange(256) / 255.0
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def tone_curve(steps: int = 8192, top: float = 4.0) -> UInt8Array:
    """(steps,) sRGB level of linear brightness 0..top: straight in the dark, a soft shoulder towards white."""
    x = np.arange(steps) * (top / steps)
    knee = 0.6
    y = np.where(x < knee, x, knee + (1 - knee) * (1 - np.exp(-(x - knee) / (1 - knee))))
    srgb = np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)
    return np.clip(np.round(255 * srgb), 0, 255).astype(np.uint8)


_TO_LINEAR = srgb_to_linear()
_TONE_STEPS, _TONE_TOP = 8192, 4.0
_TONE = tone_curve(_TONE_STEPS, _TONE_TOP)


def texel_density(mesh: Mesh, areas: Float32Array) -> Float32Array:
    """(F,) texels per metre on each face."""
    t = mesh.uv.astype(np.float64)
    a, b = t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]
    uv_area = 0.5 * np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    size = np.array([m.texture.shape[0] * m.texture.shape[1] for m in mesh.materials], np.float64)
    return np.sqrt(uv_area * size[mesh.material] / np.maximum(areas, 1e-9)).astype(np.float32)


class Renderer:
    """Takes pictures of one scene. Deterministic; one call at a time per object.

    Args:
        scene: what to draw.
        light: how it is lit.
        threads: CPU threads for one picture; 0 = all that the process may use.
        baked: (F, 3, 3) float32 light of an earlier `Renderer` of the same scene and `light` (its `.light`).
    """

    def __init__(
        self,
        scene: Scene,
        light: LightConfig | None = None,
        threads: int = 0,
        baked: Float32Array | None = None,
    ) -> None:
        config = LightConfig() if light is None else light
        if not scene.parts:
            raise ValueError(f"scene {scene.name!r} has no parts to draw")
        self.config = config
        mesh = merge([part.mesh for part in scene.parts])
        tags = np.repeat(np.arange(len(scene.parts), dtype=np.int32), [len(p.mesh.faces) for p in scene.parts])
        if config.max_edge_m is not None or config.fine_edge_m is not None:
            mesh, tags = subdivide(mesh, tags, edge_limits(mesh, config))
        self.mesh = mesh
        categories = np.array([part.category for part in scene.parts], np.int8)
        self.tables = (
            np.append(tags + 1, 0).astype(np.int32),
            np.append(categories[tags], NO_CATEGORY).astype(np.int8),
        )
        if baked is None:
            baked = bake(self._tree, mesh, scene.lamps, config)
        elif baked.shape != (len(mesh.faces), 3, 3):
            raise ValueError(f"baked light must be {(len(mesh.faces), 3, 3)}, got {baked.shape}")
        self.light = baked
        self._skin = _Skin(
            np.ascontiguousarray(mesh.uv, np.float32),
            np.ascontiguousarray(baked * np.float32(config.exposure * _TONE_STEPS / _TONE_TOP), np.float32),
            np.ascontiguousarray(mesh.material, np.int32),
            texel_density(mesh, face_normals(mesh.vertices, mesh.faces)[1]),
        )
        self._textures = _mip_maps(mesh.materials)
        outside = np.minimum(np.array(config.outside) * _TONE_STEPS / _TONE_TOP, _TONE_STEPS - 1).astype(int)
        self._tones = _Tones(_TO_LINEAR, _TONE, _TONE[outside])
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool: ThreadPoolExecutor | None = None
        self._raster = Raster(mesh.vertices, mesh.faces)

    @cached_property
    def _tree(self) -> Any:
        """Open3D's RaycastingScene, built with the first ray: pictures alone need neither its time nor its memory."""
        import open3d as o3d

        tree = o3d.t.geometry.RaycastingScene()
        tree.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(self.mesh.vertices, np.float32)),
            o3d.core.Tensor.from_numpy(self.mesh.faces.astype(np.uint32)),
        )
        return tree

    def _rows(self, camera: Camera) -> list[tuple[int, int, int]]:
        """First row, end and number of each thread's band of rows (small pictures are not worth two)."""
        bands = self._threads if camera.width * camera.height > 40_000 else 1
        edges = np.linspace(0, camera.height, bands + 1).astype(int)
        return [(int(a), int(b), i) for i, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True))]

    def _each(self, function: Callable[[int, int, int], None], rows: list[tuple[int, int, int]]) -> None:
        if len(rows) == 1:
            function(*rows[0])
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads)
        for future in [self._pool.submit(function, *row) for row in rows]:
            future.result()

    def render(self, camera: Camera, T_world_camera: FloatArray) -> Rendered:
        """Picture from the pose of the optical frame; labels are computed when they are read."""
        rows = self._rows(camera)
        picture = self._raster.begin(camera, check_pose(T_world_camera, "T_world_camera"), len(rows))
        rgb = np.empty((camera.height, camera.width, 3), np.uint8)
        focal = np.float32(1.0 / camera.fx)
        seen = picture.face, picture.depth, picture.bary

        def band(row0: int, row1: int, number: int) -> None:
            self._raster.rows(picture, row0, row1, number)
            _paint(rgb, seen, self._skin, self._textures, self._tones, focal, row0, row1)

        self._each(band, rows)
        return Rendered(rgb, picture.depth, picture.face, self.tables)

    def cast(self, rays: Float32Array) -> Float32Array:
        """(N,) how many lengths of its direction each ray (N, 6: origin, direction) goes until it hits; inf = never."""
        from open3d import core

        result = self._tree.cast_rays(core.Tensor.from_numpy(np.ascontiguousarray(rays, np.float32)))
        return np.asarray(result["t_hit"].numpy(), np.float32)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
