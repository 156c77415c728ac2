# SPDX-License-Identifier: Apache-2.0
"""Rows of `seal benchmark render`: a picture with colour, depth and labels, beside Embree's rays shaded in numpy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from seal_perception.benchmarking import BenchmarkRow, time_ms
from seal_perception.camera import Camera
from seal_perception.pose import camera_mounting, planar_pose
from seal_perception.types import FloatArray
from sim_bridge.drawing.light_cache import cached_renderer
from sim_bridge.drawing.light_config import HOME_LIGHT
from sim_bridge.drawing.render import NO_FACE, Renderer, srgb_to_linear, tone_curve
from sim_bridge.homes.build import make_home

HOME = "train_01"
SIZES = ((640, 480), (320, 240), (160, 120))


class NumpyShader:
    """The baseline: one Embree cast, then whole-picture numpy for depth, labels, nearest texels, light and tone."""

    def __init__(self, renderer: Renderer) -> None:
        import open3d as o3d

        self._tensor = o3d.core.Tensor.from_numpy
        self._scene = o3d.t.geometry.RaycastingScene()
        mesh = renderer.mesh
        self._scene.add_triangles(self._tensor(mesh.vertices), self._tensor(mesh.faces.astype(np.uint32)))
        self._mesh, self._light, self._tables = mesh, renderer.light, renderer.tables
        sizes = [m.texture.shape[:2] for m in mesh.materials]
        self._size = np.array(sizes, np.int32)
        self._base = np.concatenate([[0], np.cumsum([h * w for h, w in sizes])])[:-1].astype(np.int32)
        texels = np.concatenate([m.texture.reshape(-1, 3) for m in mesh.materials])
        self._texels = srgb_to_linear()[texels]
        self._tone = tone_curve()

    def render(self, camera: Camera, T: FloatArray) -> tuple[npt.NDArray[np.generic], ...]:
        """Colour, depth, instance and category."""
        directions = camera.rays().astype(np.float32) @ T[:3, :3].T.astype(np.float32)
        rays = np.empty((camera.height, camera.width, 6), np.float32)
        rays[..., :3], rays[..., 3:] = T[:3, 3], directions
        hit = self._scene.cast_rays(self._tensor(rays))
        face = hit["primitive_ids"].numpy()
        none = face == NO_FACE
        depth = np.where(none, np.float32(0.0), hit["t_hit"].numpy())
        index = np.minimum(face, len(self._mesh.faces))
        instance, category = self._tables[0][index], self._tables[1][index]
        f = np.where(none, 0, face)
        b = hit["primitive_uvs"].numpy()
        weight = np.stack([1 - b[..., 0] - b[..., 1], b[..., 0], b[..., 1]], -1)
        uv = (self._mesh.uv[f] * weight[..., None]).sum(2)
        light = (self._light[f] * weight[..., None]).sum(2)
        material = self._mesh.material[f]
        size = self._size[material]
        at = ((uv - np.floor(uv)) * size[..., ::-1]).astype(np.int32)
        at = np.minimum(at, size[..., ::-1] - 1)
        albedo = self._texels[self._base[material] + at[..., 1] * size[..., 1] + at[..., 0]]
        level = np.minimum(albedo * light * (len(self._tone) / 4.0), len(self._tone) - 1).astype(np.int32)
        rgb = self._tone[level]
        rgb[none] = (220, 235, 249)
        return rgb, depth, instance, category


def rows(repeats: int = 20) -> list[BenchmarkRow]:
    """Medians over a turn on the spot in a home, so that near and far views both count."""
    scene = make_home(HOME)
    renderer = cached_renderer(scene, HOME_LIGHT)
    baseline = NumpyShader(renderer)
    out = []
    for width, height in SIZES:
        camera = Camera.from_hfov(width, height, math.radians(79.0))
        poses = [planar_pose(*scene.start_xy, k * math.pi / 6) @ camera_mounting(0.88) for k in range(12)]

        def ours(camera: Camera = camera, poses: list[FloatArray] = poses) -> None:
            for T in poses:
                seen = renderer.render(camera, T)
                _ = seen.instance, seen.category

        def theirs(camera: Camera = camera, poses: list[FloatArray] = poses) -> None:
            for T in poses:
                baseline.render(camera, T)

        turns = max(2, repeats // 4)
        ms, p90 = (value / len(poses) for value in time_ms(ours, turns, 1))
        base = time_ms(theirs, turns, 1)[0] / len(poses)
        stage = "picture: colour, depth, instance, category"
        out.append(BenchmarkRow("render", stage, f"{width} x {height}", ms, p90, "Embree + numpy shading", base))
    renderer.close()
    return out
