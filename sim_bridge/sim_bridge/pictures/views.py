# SPDX-License-Identifier: Apache-2.0
"""Pictures of a scene for people: a plan view from above without ceilings, and views of the robot."""

from __future__ import annotations

import numpy as np

from seal_perception.camera import Camera
from seal_perception.categories import COLOURS
from seal_perception.pose import planar_pose
from seal_perception.types import Int8Array, UInt8Array
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.drawing.render import Rendered, Renderer
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.geometry.mesh import Mesh, Part, Scene

Image = UInt8Array


def tint(rgb: Image, category: Int8Array, share: float = 0.5) -> Image:
    """The picture with the six categories in their colours."""
    out = rgb.astype(np.float32)
    known = category >= 0
    out[known] = (1 - share) * out[known] + share * COLOURS[category[known]]
    return out.astype(np.uint8)


def _without_roof(scene: Scene, above_m: float = 2.3) -> Scene:
    """The scene cut open: triangles wholly above a height, or that face down there, are dropped."""
    parts = []
    for part in scene.parts:
        mesh = part.mesh
        keep = mesh.vertices[mesh.faces][:, :, 2].min(1) < above_m
        if keep.any() and not part.name.startswith("ceiling"):
            cut = Mesh(mesh.vertices, mesh.faces[keep], mesh.uv[keep], mesh.material[keep], mesh.materials)
            parts.append(Part(part.name, cut, part.category, part.own_hash))
    return Scene(scene.name, tuple(parts), scene.lamps, scene.start_xy)


def top_view(scene: Scene, width: int = 900, height_m: float = 30.0) -> Rendered:
    """The scene from high above, +x to the right and +y up."""
    cut = _without_roof(scene)
    corners = np.stack([part.mesh.bounds() for part in cut.parts])
    low, high = corners[:, 0].min(0), corners[:, 1].max(0)
    size = high - low
    rows = int(width * size[1] / size[0])
    focal = 0.94 * width * (height_m - 2.5) / size[0]
    camera = Camera(width, rows, focal, focal, (width - 1) / 2, (rows - 1) / 2)
    T = np.eye(4)
    T[:3, :3] = [[1, 0, 0], [0, -1, 0], [0, 0, -1]]
    T[:3, 3] = [*(low + high)[:2] / 2, height_m]
    light = LightConfig(ambient=(0.7, 0.7, 0.7), ao_rays=12, lamp_gain=0.35, shadows=False, outside=(1, 1, 1))
    renderer = Renderer(cut, light)
    try:
        return renderer.render(camera, T)
    finally:
        renderer.close()


def robot_views(
    simulator: EmbeddedSimulator, count: int, seed: int = 0, best_of: int = 5
) -> list[tuple[Image, Int8Array]]:
    """Colour and category pictures from random places that the robot can reach; each is the widest of `best_of`."""
    rng = np.random.default_rng(seed)
    floor = simulator.reachable_floor()
    cells = np.argwhere(floor.cells)
    out = []
    for _ in range(count):
        tries = []
        for _ in range(best_of):
            x, y = floor.cell_to_world(cells[int(rng.integers(len(cells)))])
            tries.append(simulator.render_at(planar_pose(float(x), float(y), float(rng.uniform(-np.pi, np.pi)))))
        observation, truth = max(tries, key=lambda seen: float(np.median(seen[0].depth)))
        out.append((observation.rgb, truth.category))
    return out
