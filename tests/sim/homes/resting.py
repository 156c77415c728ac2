# SPDX-License-Identifier: Apache-2.0
"""By rays: how much of what a thing stands on is really under it, and whether something is in its place."""

from __future__ import annotations

import numpy as np
import open3d as o3d

from sim_bridge.geometry.mesh import Part, merge

GAP_M = 0.02
GRID_M = 0.01


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.minimum(a[1], b[1]) - np.maximum(a[0], b[0])


def _hits(parts: list[Part], origins: np.ndarray, up: float) -> np.ndarray:
    """Metres from each origin straight up or down to the first triangle, inf for none."""
    mesh = merge([part.mesh for part in parts])
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(mesh.vertices), o3d.core.Tensor(mesh.faces.astype(np.uint32)))
    rays = np.concatenate([origins, np.tile([0.0, 0.0, up], (len(origins), 1))], 1).astype(np.float32)
    return scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy()


def resting_share(part: Part, others: list[Part]) -> float:
    """Share of the vertices within 1 cm of the thing's lowest point that have something at most 2 cm under them."""
    bounds = part.mesh.bounds()
    bounds[0, 2] -= GAP_M  # only what reaches to its underside counts
    near = [q for q in others if q is not part and _overlap(bounds, q.mesh.bounds()).min() > -0.01]
    if not near:
        return 0.0
    vertices = part.mesh.vertices
    bottom = vertices[vertices[:, 2] < vertices[:, 2].min() + 0.01].astype(np.float64)
    bottom[:, 2] += 0.004
    return float((_hits(near, bottom, -1.0) < GAP_M + 0.004).mean())


def pierced(part: Part, other: Part, slack: float = 0.004) -> bool:
    """Whether the other thing's triangles reach more than `slack` into this one's bounding box (vertical rays)."""
    low, high = part.mesh.bounds()
    x, y = (np.arange(a + slack, b - slack, GRID_M) for a, b in zip(low[:2], high[:2], strict=True))
    xy = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    start = np.column_stack([xy, np.full(len(xy), high[2] - slack)])
    return bool((_hits([other], start, -1.0) < high[2] - low[2] - 2 * slack).any())
