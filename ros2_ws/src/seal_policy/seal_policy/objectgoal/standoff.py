# SPDX-License-Identifier: Apache-2.0
"""Where to stand in front of a thing: places within reach that are near it and from which the camera sees it.

Sight is looked up on a map of heights: a ray is stopped by a cell whose highest voxel lies above it. So the camera sees
over a table and not through a wall; that it also sees under a table is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seal_mapping.voxels.config import VoxelCloud
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.types import BoolArray, FloatArray, IntArray
from seal_policy.objectgoal.beliefs import Belief
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.planning.motion import Point
from seal_policy.planning.planner import Field

POINTS = 32
"""Voxels of a thing that sight is looked up for."""
_SKIN_M = 0.15
"""The last piece of a ray to a voxel: what stands there is the thing itself."""
_FAR_WORTH = 2.0
"""Metres of way that a metre too far from the thing is worth."""
_SEEN_SHARE = 0.5
"""A place must show this share of what the place that shows most of the thing does."""


@dataclass(frozen=True)
class Eye:
    """The camera, level, as it looks at things.

    Attributes:
        height_m: above the floor.
        half_vfov_rad: half of its vertical field of view.
        least_m: nearest depth that it maps.
    """

    height_m: float
    half_vfov_rad: float
    least_m: float = 0.5

    @classmethod
    def of(cls, frame: Frame, least_m: float) -> Eye:
        """The camera of a frame."""
        return cls(float(frame.T_map_camera[2, 3]), math.atan(0.5 * frame.camera.height / frame.camera.fy), least_m)


@dataclass(frozen=True)
class Band:
    """How far from a thing's nearest voxel to stand, in metres.

    Attributes:
        least_m, most_m: no nearer and no farther.
        prefer_m: beyond it a place is worth less.
    """

    least_m: float
    most_m: float
    prefer_m: float

    @classmethod
    def to_stop(cls, config: ObjectGoalConfig) -> Band:
        """In front of a thing."""
        return cls(0.0, config.reach_m, config.prefer_m)

    @classmethod
    def to_look(cls, config: ObjectGoalConfig) -> Band:
        """Where the picture shows all of a thing."""
        return cls(config.look_near_m, config.look_far_m, config.look_far_m)


@dataclass(frozen=True)
class Standoff:
    """A place to look at a thing from.

    Attributes:
        place: where to stand, map frame.
        aim: middle of what is seen of the thing from there.
        way_m: travel cost to the place.
        share: of the thing's voxels that are seen.
    """

    place: Point
    aim: Point
    way_m: float
    share: float

    def bearing(self, centre: Point) -> float:
        """Direction from the thing's centre to the place, in rad."""
        return math.atan2(self.place[1] - centre[1], self.place[0] - centre[0])


def heights(cloud: VoxelCloud, grid: Grid2D, voxel_m: float) -> Grid2D:
    """Top of the highest voxel over each cell of a grid in metres, -inf where there is none."""
    tops = np.full(grid.cells.shape, -np.inf)
    ij = grid.world_to_cell(cloud.xyz[:, :2].astype(np.float64))
    inside = grid.contains(ij)
    np.maximum.at(tops, tuple(ij[inside].T), cloud.xyz[inside, 2] + 0.5 * voxel_m)
    return grid.with_cells(tops)


def visible(tops: Grid2D, places: FloatArray, points: FloatArray, eye: Eye) -> BoolArray:
    """(P, N) whether a camera over each of P places (P, 2) that faces them sees points (N, 3), map frame."""
    start = np.column_stack([places, np.full(len(places), eye.height_m)])[:, None, :]
    way = points[None, :, :] - start
    level = np.hypot(way[..., 0], way[..., 1])
    in_view = (np.abs(way[..., 2]) <= math.tan(eye.half_vfov_rad) * level) & (level >= eye.least_m)
    count = max(2, math.ceil(float(level.max(initial=0.0)) / tops.cell_m))
    clear: BoolArray = in_view
    for share in (np.arange(count) + 0.5) / count:
        at = start + share * way
        ij = tops.world_to_cell(at[..., :2])
        inside = tops.contains(ij)
        top = np.where(inside, tops.cells[tuple(np.where(inside[..., None], ij, 0).transpose(2, 0, 1))], -np.inf)
        clear = clear & ((top <= at[..., 2]) | ((1.0 - share) * level <= _SKIN_M))
    return clear


def sample_points(belief: Belief) -> FloatArray:
    """(N, 3) at most `POINTS` voxels of a thing, spread over it."""
    rows = np.unique(np.linspace(0, len(belief.xyz) - 1, min(POINTS, len(belief.xyz))).astype(np.int64))
    return belief.xyz[rows]


def find_standoff(
    belief: Belief,
    cost: Field,
    tops: Grid2D,
    eye: Eye,
    band: Band,
    leave_out: Sequence[tuple[float, float]] = (),
    failed: Sequence[tuple[Point, float]] = (),
) -> Standoff | None:
    """The best place to look at a thing from: near by way, near to the thing, with most of it in sight.

    Args:
        belief: the thing.
        cost: travel cost from the robot.
        tops: `heights` of the map.
        eye: the camera.
        band: how far from the thing.
        leave_out: directions from the thing (rad) that it has been looked at from, each with the angle around it (rad)
            that is done with.
        failed: places that could not be reached, each with the radius around it that is left out.

    Returns:
        None where no such place is within reach.
    """
    places, away = _places(belief, cost, band)
    for side, angle in leave_out:
        turn = np.arctan2(places[:, 1] - belief.centre[1], places[:, 0] - belief.centre[0]) - side
        apart = np.abs((turn + math.pi) % (2.0 * math.pi) - math.pi) >= angle
        places, away = places[apart], away[apart]
    for point, radius in failed:
        apart = np.hypot(*(places - np.array(point)).T) > radius
        places, away = places[apart], away[apart]
    if not len(places):
        return None
    points = sample_points(belief)
    seen = visible(tops, places, points, eye)
    share = seen.mean(axis=1)
    good = (share > 0.0) & (share >= _SEEN_SHARE * share.max())
    if not good.any():
        return None
    way = cost.grid.cells[tuple(cost.grid.world_to_cell(places).T)]
    worth = np.where(good, way + _FAR_WORTH * np.maximum(away - band.prefer_m, 0.0) - share, np.inf)
    k = int(np.argmin(worth))
    x, y = points[seen[k], :2].mean(axis=0).tolist()
    return Standoff((float(places[k, 0]), float(places[k, 1])), (x, y), float(way[k]), float(share[k]))


def _places(belief: Belief, cost: Field, band: Band) -> tuple[FloatArray, FloatArray]:
    """(P, 2) centres of cells within the robot's reach in a band around a thing, and how far from it they are."""
    cells = np.argwhere(np.isfinite(cost.grid.cells))
    xy = cost.grid.cell_to_world(cells)
    foot = np.unique(belief.xyz[:, :2], axis=0)
    low, high = foot.min(axis=0) - band.most_m, foot.max(axis=0) + band.most_m
    xy = xy[((xy >= low) & (xy <= high)).all(axis=1)]
    if not len(xy):
        return np.zeros((0, 2)), np.zeros(0)
    away = np.sqrt(((xy[:, None, :] - foot[None, :, :]) ** 2).sum(axis=2).min(axis=1))
    kept = (away >= band.least_m) & (away <= band.most_m)
    return xy[kept], away[kept]


def seen_in(frame: Frame, belief: Belief, voxel_m: float) -> IntArray:
    """(N, 2) pixels (row, column) of the voxels of a thing that a frame shows: at their own depth, to two voxels."""
    T = np.linalg.inv(frame.T_map_camera)
    points = belief.xyz @ T[:3, :3].T + T[:3, 3]
    points = points[points[:, 2] > 0.1]
    x, y, z = points.T
    u = np.rint(frame.camera.fx * x / z + frame.camera.cx).astype(np.int64)
    v = np.rint(frame.camera.fy * y / z + frame.camera.cy).astype(np.int64)
    inside = (u >= 0) & (v >= 0) & (u < frame.camera.width) & (v < frame.camera.height)
    u, v, z = u[inside], v[inside], z[inside]
    there = np.abs(frame.depth[v, u] - z) <= 2.0 * voxel_m
    return np.stack([v[there], u[there]], axis=1)
