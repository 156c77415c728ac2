# SPDX-License-Identifier: Apache-2.0
"""Where a robot stands in front of an object: made from the scene itself, which is truth and for evaluation only.

After Habitat's ObjectNav (Batra et al., 2020): an object is reached from its viewpoints, places on the reachable floor
within 1 m of it from which it can be seen. Departs from it: the camera does not look up or down, so a place counts only
if the object lies within the camera's vertical field of view, and what is seen is looked up with rays to points of the
object's surface.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from seal_perception.simulator import ReachableFloor
from seal_perception.types import BoolArray, FloatArray, IntArray
from sim_bridge.geometry.mesh import Mesh, Scene, merge

SURFACE_POINTS = 600
"""Points on an object's surface that distances are measured to."""


@dataclass(frozen=True)
class GoalConfig:
    """What counts as standing in front of an object.

    Attributes:
        reach_m: horizontal distance from the robot's centre to the object's nearest point, at most.
        lattice_m: viewpoints lie on a lattice of this spacing.
        rays: points of the surface that a ray is cast to from each place.
        min_seen: so many of them must be in sight.
        camera_height_m: above the floor.
        half_vfov_rad: half of the camera's vertical field of view (of the default camera: 31.7 degrees).
    """

    reach_m: float = 1.0
    lattice_m: float = 0.1
    rays: int = 32
    min_seen: int = 2
    camera_height_m: float = 0.88
    half_vfov_rad: float = math.atan(0.75 * math.tan(math.radians(39.5)))

    def __post_init__(self) -> None:
        if min(self.reach_m, self.lattice_m, self.camera_height_m, self.half_vfov_rad) <= 0:
            raise ValueError(f"lengths and angles of GoalConfig must be > 0, got {self}")
        if not 1 <= self.min_seen <= self.rays <= SURFACE_POINTS:
            raise ValueError(f"need 1 <= min_seen <= rays <= {SURFACE_POINTS}, got {self.min_seen} and {self.rays}")


@dataclass(frozen=True)
class GoalObject:
    """An object that a robot can be sent to.

    Attributes:
        instance: its id.
        name: its name in the scene.
        category: index of its category.
        position: x, y, z of the middle of its box, world frame.
        viewpoints: (N, 2) places from which it is reached, N >= 1, world frame.
    """

    instance: int
    name: str
    category: int
    position: tuple[float, float, float]
    viewpoints: FloatArray


def surface_points(mesh: Mesh, count: int, seed: int) -> FloatArray:
    """(count, 3) points spread evenly over a mesh, by area."""
    rng = np.random.default_rng(seed)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.maximum(np.linalg.norm(sides, axis=1), 1e-12)
    face = np.searchsorted(np.cumsum(areas) / areas.sum(), rng.random(count)).clip(0, len(areas) - 1)
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    points: FloatArray = np.einsum("nk,nkd->nd", weights, corners[face])
    return points


class _Sight:
    """Which part of a scene a ray meets first."""

    def __init__(self, scene: Scene) -> None:
        import open3d as o3d

        mesh = merge([part.mesh for part in scene.parts])
        self._tensor = o3d.core.Tensor.from_numpy
        self._scene = o3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            self._tensor(np.ascontiguousarray(mesh.vertices, np.float32)), self._tensor(mesh.faces.astype(np.uint32))
        )
        sizes = [len(part.mesh.faces) for part in scene.parts]
        self._instance = np.append(np.repeat(np.arange(1, len(sizes) + 1), sizes), 0)

    def instances(self, origins: FloatArray, directions: FloatArray) -> IntArray:
        """(N,) id of what each ray meets, 0 = nothing."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        face = self._scene.cast_rays(self._tensor(rays))["primitive_ids"].numpy()
        hit: IntArray = self._instance[np.minimum(face, len(self._instance) - 1)]
        return hit


def goal_objects(scene: Scene, floor: ReachableFloor, config: GoalConfig | None = None) -> list[GoalObject]:
    """The objects of the six categories that have a viewpoint, by instance id.

    Args:
        scene: the world.
        floor: where the robot's centre can be.
        config: what counts as standing in front of an object.
    """
    c = config or GoalConfig()
    sight = _Sight(scene)
    stride = max(1, round(c.lattice_m / floor.cell_m))
    cells = np.argwhere(floor.cells)
    cells = cells[(cells % stride == 0).all(axis=1)]
    places = floor.cell_to_world(cells)
    out = []
    for index, part in enumerate(scene.parts):
        if part.category < 0:
            continue
        points = surface_points(part.mesh, SURFACE_POINTS, zlib.crc32(f"{scene.name}:{index}".encode()))
        away, _ = cKDTree(points[:, :2]).query(places, distance_upper_bound=c.reach_m)
        near = places[np.isfinite(away)]
        seen = near[_in_sight(sight, near, points[: c.rays], index + 1, c)]
        if len(seen):
            x, y, z = part.mesh.bounds().mean(axis=0).tolist()
            out.append(GoalObject(index + 1, part.name, int(part.category), (x, y, z), seen))
    return out


def _in_sight(sight: _Sight, places: FloatArray, points: FloatArray, instance: int, c: GoalConfig) -> BoolArray:
    """(N,) whether enough of an object's points are seen from each place."""
    if not len(places):
        return np.zeros(0, bool)
    eyes = np.column_stack([places, np.full(len(places), c.camera_height_m)])
    origins = np.repeat(eyes, len(points), axis=0)
    ways = np.tile(points, (len(places), 1)) - origins
    level = np.hypot(ways[:, 0], ways[:, 1])
    in_view = np.abs(ways[:, 2]) <= math.tan(c.half_vfov_rad) * level
    hit = (sight.instances(origins, ways) == instance) & in_view
    enough: BoolArray = hit.reshape(len(places), -1).sum(axis=1) >= c.min_seen
    return enough
