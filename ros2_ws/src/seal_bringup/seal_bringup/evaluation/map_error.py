# SPDX-License-Identifier: Apache-2.0
"""How far a map lies from the world, and a robot's belief from where it is: evaluation, with the simulator's truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.pose import pose_yaw
from seal_perception.types import FloatArray

LOW_M, HIGH_M = 0.15, 1.9
"""Heights of the voxels that are judged: the floor is flat, and lies right wherever the robot believes to be."""
NEAR_M = 0.1
_SPACING_M = 0.025


@dataclass(frozen=True)
class TrueSurface:
    """Points all over the surfaces of a world, to measure distances to.

    Attributes:
        tree: of points in the world frame, about 2.5 cm apart.
    """

    tree: cKDTree

    @classmethod
    def of_triangles(cls, corners: FloatArray, spacing_m: float = _SPACING_M) -> TrueSurface:
        """Points on triangles (F, 3, 3), drawn evenly by area with a fixed seed, and the corners.

        Raises:
            ValueError: if there is no triangle at the heights that are judged.
        """
        low, high = corners[..., 2].min(axis=1), corners[..., 2].max(axis=1)
        corners = np.asarray(corners, np.float64)[(low < HIGH_M + NEAR_M) & (high > LOW_M - NEAR_M)]
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
        if not area.sum() > 0:
            raise ValueError(f"no triangle lies between {LOW_M} and {HIGH_M} m: nothing to measure distances to")
        rng = np.random.default_rng(0)
        count = int(np.ceil(area.sum() / spacing_m**2 * 2.0))
        pick = np.searchsorted(np.cumsum(area), rng.random(count) * area.sum(), side="right").clip(0, len(area) - 1)
        u, v = rng.random(count), rng.random(count)
        u, v = np.where(u + v > 1, 1 - u, u)[:, None], np.where(u + v > 1, 1 - v, v)[:, None]
        points = a[pick] + u * (b - a)[pick] + v * (c - a)[pick]
        high_enough = (points[:, 2] > LOW_M - NEAR_M) & (points[:, 2] < HIGH_M + NEAR_M)
        return cls(cKDTree(points[high_enough]))

    def distance(self, xyz: FloatArray) -> FloatArray:
        """(N,) metres from points (N, 3) of the world frame to the nearest surface, at most 5."""
        found, _ = self.tree.query(xyz, distance_upper_bound=5.0)
        return np.minimum(np.asarray(found, np.float64), 5.0)


def judged_voxels(voxel_map: VoxelMap) -> FloatArray:
    """(N, 3) centres of the occupied voxels between `LOW_M` and `HIGH_M`, map frame."""
    cloud = voxel_map.voxels()
    occupied = cloud.occupied(voxel_map.config.obstacle_min_views)
    xyz = cloud.xyz[occupied].astype(np.float64)
    return np.asarray(xyz[(xyz[:, 2] >= LOW_M) & (xyz[:, 2] <= HIGH_M)])


def map_error(voxel_map: VoxelMap, surface: TrueSurface, T_world_map: FloatArray) -> dict[str, float]:
    """Figures of a map against the world.

    Args:
        voxel_map: its frame is that of the robot's start.
        surface: of the world.
        T_world_map: (4, 4) true start pose.

    Returns:
        `near_share` of the voxels within 10 cm of a surface, `mean_cm` and `p90_cm` of their distance, `voxels`.
    """
    xyz = judged_voxels(voxel_map)
    if not len(xyz):
        return {"near_share": 0.0, "mean_cm": float("nan"), "p90_cm": float("nan"), "voxels": 0}
    distance = surface.distance(xyz @ T_world_map[:3, :3].T + T_world_map[:3, 3])
    return {
        "near_share": round(float((distance <= NEAR_M).mean()), 4),
        "mean_cm": round(100 * float(distance.mean()), 2),
        "p90_cm": round(100 * float(np.quantile(distance, 0.9)), 2),
        "voxels": len(xyz),
    }


def pose_error(believed: FloatArray, true: FloatArray) -> dict[str, float]:
    """How far poses (N, 4, 4) in the map frame are from the true ones: metres and degrees, mean, greatest and last."""
    away = np.hypot(*(believed[:, :2, 3] - true[:, :2, 3]).T)
    turn = np.array([pose_yaw(a) - pose_yaw(b) for a, b in zip(believed, true, strict=True)])
    turn = np.degrees(np.arctan2(np.sin(turn), np.cos(turn)))
    return {
        "mean_m": round(float(away.mean()), 3),
        "max_m": round(float(away.max()), 3),
        "end_m": round(float(away[-1]), 3),
        "mean_deg": round(float(np.abs(turn).mean()), 2),
        "max_deg": round(float(np.abs(turn).max()), 2),
        "end_deg": round(float(turn[-1]), 2),
    }
