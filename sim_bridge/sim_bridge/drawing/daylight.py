# SPDX-License-Identifier: Apache-2.0
"""Daylight in rooms: sky and sun through the windows, and light that walls, floors and furniture pass on.

Windows are found by the name of their material. The sky is an area light in each window; the sun shines from one side
that the windows' places fix; what a surface passes on is gathered along the rays of the ambient occlusion (radiosity,
one bounce per round, albedo = mean colour of the material).
"""

from __future__ import annotations

import math
import zlib

import numba
import numpy as np

from seal_perception.types import BoolArray, Float32Array, FloatArray, Int32Array, IntArray, UInt32Array
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.geometry.mesh import Material, Mesh

WINDOW = "window"
SKY = np.array([0.86, 0.93, 1.0], np.float32)
SUN = np.array([1.0, 0.92, 0.78], np.float32)
SUN_RAYS, SUN_SPREAD = 6, 0.02
ACROSS, UP = 2, 2
"""Points of the sky per window."""
REACH_M = 9.0
LEAST_LIGHT = 1e-3
"""Less light from a point of a window is not worth a ray."""


def face_materials(mesh: Mesh, prefix: str) -> BoolArray:
    """(F,) whether the material's name starts with a prefix."""
    named = np.array([m.name.startswith(prefix) for m in mesh.materials], bool)
    return named[mesh.material]


def albedo(materials: tuple[Material, ...]) -> Float32Array:
    """(M, 3) mean linear colour of each material."""
    levels = np.arange(256) / 255.0
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return np.array([linear[m.texture.reshape(-1, 3)].mean(0) for m in materials], np.float32).reshape(-1, 3)


class Window:
    """A pane: upright and rectangular, as homes have them.

    Attributes:
        centre: (3,) metres.
        normal: (3,) into the room.
        points: (K, 3) points of it, 3 cm into the room.
        area: m2 of it that each point stands for.
    """

    def __init__(self, corners: Float32Array) -> None:
        low, high = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(0)
        self.normal = (cross / max(float(np.linalg.norm(cross)), 1e-9)).astype(np.float32)
        self.centre = (low + high) / 2
        across = np.array([-self.normal[1], self.normal[0], 0.0], np.float32)
        width, height = float(np.hypot(*(high - low)[:2])), float(high[2] - low[2])
        s, t = (np.arange(ACROSS) + 0.5) / ACROSS - 0.5, (np.arange(UP) + 0.5) / UP - 0.5
        grid = np.stack(np.meshgrid(s * width, t * height), -1).reshape(-1, 2).astype(np.float32)
        up = np.array([0.0, 0.0, 1.0], np.float32)
        self.points = self.centre + grid[:, :1] * across + grid[:, 1:] * up + np.float32(0.03) * self.normal
        self.area = width * height / len(grid)


def windows(mesh: Mesh) -> list[Window]:
    """The panes of a scene; each has a material of its own."""
    named = [k for k, m in enumerate(mesh.materials) if m.name.startswith(WINDOW)]
    found = [Window(mesh.vertices[mesh.faces[mesh.material == k]]) for k in named if (mesh.material == k).any()]
    return [w for w in found if abs(w.normal[2]) < 0.1]


def sun_direction(panes: list[Window]) -> FloatArray:
    """(3,) towards the sun: 28 to 48 degrees high, from a side fixed by the windows' places, oblique to the walls."""
    seed = zlib.crc32(np.round([w.centre for w in panes], 2).astype(np.float32).tobytes())
    rng = np.random.default_rng(seed)
    azimuth = math.pi / 2 * int(rng.integers(4)) + math.radians(rng.uniform(25, 65))
    height = math.radians(rng.uniform(28, 48))
    flat = math.cos(height)
    return np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(height)])


def _first_hits(scene: object, origin: Float32Array, way: Float32Array) -> tuple[Float32Array, UInt32Array]:
    from open3d import core

    rays = np.ascontiguousarray(np.concatenate([origin, np.broadcast_to(way, origin.shape)], 1), np.float32)
    result = scene.cast_rays(core.Tensor.from_numpy(rays))  # type: ignore[attr-defined]
    return result["t_hit"].numpy(), result["primitive_ids"].numpy()


@numba.njit(cache=True, nogil=True)
def _towards(points, normals, spot, leaving_along, reach, gain, least, skip):  # type: ignore[no-untyped-def]
    """Samples that a point of a window may light by more than `least`: index, ray (n, 6), length of the ray, amount."""
    count = len(points)
    index = np.empty(count, np.int64)
    rays = np.empty((count, 6), np.float32)
    length = np.empty(count, np.float32)
    amount = np.empty(count, np.float32)
    n = 0
    for i in range(count):
        dx, dy, dz = spot[0] - points[i, 0], spot[1] - points[i, 1], spot[2] - points[i, 2]
        leaving = -(dx * leaving_along[0] + dy * leaving_along[1] + dz * leaving_along[2])
        if leaving <= 0.0:
            continue
        squared = dx * dx + dy * dy + dz * dz
        if squared > reach * reach:
            continue
        cosine = dx * normals[i, 0] + dy * normals[i, 1] + dz * normals[i, 2]
        if cosine <= 0.0:
            continue
        value = gain * cosine * leaving / (max(squared, 1e-6) * max(squared, 0.09))
        if value < least:
            continue
        d = np.sqrt(max(squared, 1e-6))
        wx, wy, wz = dx / d, dy / d, dz / d
        rays[n, 0], rays[n, 1], rays[n, 2] = (
            points[i, 0] + skip * wx,
            points[i, 1] + skip * wy,
            points[i, 2] + skip * wz,
        )
        rays[n, 3], rays[n, 4], rays[n, 5] = wx, wy, wz
        index[n], length[n], amount[n] = i, d - skip, value
        n += 1
    return index[:n], rays[:n], length[:n], amount[:n]


def add_sky(
    light: Float32Array,
    scene: object,
    points: Float32Array,
    normals: Float32Array,
    panes: list[Window],
    gain: float,
    skip_m: float,
) -> None:
    """Add the sky's light through every window to `light` (N, 3), as irradiance / pi."""
    from open3d import core

    for pane in panes:
        for spot in pane.points:
            strength = gain * pane.area / math.pi
            index, rays, length, amount = _towards(
                points, normals, spot, pane.normal, REACH_M, strength, LEAST_LIGHT, skip_m
            )
            if len(index) == 0:
                continue
            hit = scene.cast_rays(core.Tensor.from_numpy(np.ascontiguousarray(rays)))["t_hit"].numpy()  # type: ignore[attr-defined]
            light[index] += (amount * (hit > length - 0.03))[:, None] * SKY


def add_sun(
    light: Float32Array,
    scene: object,
    mesh: Mesh,
    points: Float32Array,
    normals: Float32Array,
    panes: list[Window],
    gain: float,
) -> None:
    """Add the sun where it is seen through a window; its disc is widened for soft edges."""
    to_sun = sun_direction(panes)
    through = np.append(face_materials(mesh, WINDOW), False)
    side = np.cross(to_sun, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, to_sun)
    index = np.flatnonzero(normals @ to_sun > 0.0)
    for k in range(SUN_RAYS):
        angle, radius = 2.4 * k, SUN_SPREAD * math.sqrt((k + 0.5) / SUN_RAYS)
        way = to_sun + radius * (math.cos(angle) * side + math.sin(angle) * up)
        way = (way / np.linalg.norm(way)).astype(np.float32)
        origin = (points[index] + 0.01 * way).astype(np.float32)
        _, face = _first_hits(scene, origin, way.astype(np.float32))
        lit = through[np.minimum(face, len(through) - 1)]
        cosine = np.maximum(normals[index] @ way, 0.0) * lit
        light[index] += (cosine * np.float32(gain / SUN_RAYS))[:, None] * SUN


@numba.njit(cache=True, nogil=True)
def _gather(hits, radiance, beyond):  # type: ignore[no-untyped-def]
    """(N, 3) mean radiance over the rays' hits (R, N); -1 = nothing hit."""
    rays, count = hits.shape
    out = np.zeros((count, 3), np.float32)
    for r in range(rays):
        for i in range(count):
            f = hits[r, i]
            for c in range(3):
                out[i, c] += beyond[c] if f < 0 else radiance[f, c]
    return out / np.float32(rays)


def with_bounces(
    direct: Float32Array, index: IntArray, hits: Int32Array, mesh: Mesh, config: LightConfig
) -> Float32Array:
    """Direct light (N, 3) of the samples and what the surfaces they see pass on, `config.bounces` times.

    Args:
        direct: irradiance / pi at each sample.
        index: (3 F,) sample of each corner.
        hits: (R, N) face that each sample's rays hit, -1 = none.
        mesh: faces and materials.
        config: number of bounces; `ambient` comes from where a ray hits nothing.
    """
    shines = np.zeros(len(mesh.materials), bool)
    for prefix, _ in config.emission:
        shines |= np.array([m.name.startswith(prefix) for m in mesh.materials], bool)
    reflect = albedo(mesh.materials)
    reflect[shines] = 0.0
    of_face = reflect[mesh.material]
    beyond = np.asarray(config.ambient, np.float32)
    total = direct
    for _ in range(config.bounces):
        radiance = of_face * total[index].reshape(-1, 3, 3).mean(1)
        total = direct + _gather(hits, radiance, beyond)
    return total


def balanced(light: Float32Array, mesh: Mesh, areas: Float32Array, level: float, contrast: float) -> Float32Array:
    """Light (F, 3, 3) brought to a median of `level` by area, ratios to it raised to the power `contrast`.

    A camera's exposure and its eye for shadows: without it a room without windows is black beside a sunny one.
    """
    brightness = light @ np.array([0.3, 0.6, 0.1], np.float32)
    mean = brightness.mean(1)
    order = np.argsort(mean, kind="stable")
    cumulative = np.cumsum(areas[order], dtype=np.float64)
    median = float(mean[order][int(np.searchsorted(cumulative, cumulative[-1] / 2))])
    if median <= 1e-6:
        return light
    ratio = np.maximum(brightness / np.float32(median), np.float32(1e-3))
    return (light * (np.float32(level / median) * ratio ** np.float32(contrast - 1.0))[..., None]).astype(np.float32)
