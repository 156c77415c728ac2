# SPDX-License-Identifier: Apache-2.0
"""The way of a search from above: map, way, true objects as rings, and a cross where the robot believed one to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seal_bringup.report.topdown import Mark, draw_topdown
from seal_bringup.report.voxels import Voxels
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.pose import invert
from seal_perception.types import FloatArray
from seal_policy.objectgoal.search import Search
from seal_policy.planning.motion import planar
from sim_bridge.evaluation.episodes import Episode, HomeEpisodes

GOAL_RGB, BELIEVED_RGB = (20, 140, 60), (214, 51, 38)
PIXELS_PER_M = 45.0


def draw_search(
    path: Path, voxel_map: VoxelMap, search: Search, home: HomeEpisodes, episode: Episode, T_world_odom: FloatArray
) -> None:
    """Write the picture of a search as a PNG.

    Args:
        path: the file.
        voxel_map: the search's map.
        search: how it went.
        home: for the true objects of the category.
        episode: which of them were looked for.
        T_world_odom: (4, 4) the search's map frame in the world.
    """
    T = invert(T_world_odom)
    marks = []
    for goal in home.goals:
        if goal.category == episode.category:
            x, y = (T @ np.array([*goal.position[:2], 0.0, 1.0]))[:2].tolist()
            marks.append(Mark(x, y, GOAL_RGB))
    if search.stopped:
        marks.append(Mark(*search.events[-1].belief.centre, BELIEVED_RGB, is_ring=False))
    cloud = voxel_map.voxels()
    voxels = Voxels.from_cloud(cloud, voxel_map.config.voxel_m, voxel_map.config.names)
    trajectory = {"poses": [list(planar(T)) for T in search.poses], "goals": []}
    sure = voxels.confident(voxel_map.config.confident)
    draw_topdown(path, sure, trajectory, pixels_per_m=PIXELS_PER_M, marks=marks)
