# SPDX-License-Identifier: Apache-2.0
"""One whole exploration of a real office scene, in one process, and its evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seal_bringup.evaluation.coverage import measure, points_outside, seen_share, top_down
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose
from seal_perception.simulator import Action, ReachableFloor
from seal_policy.explorer import Explorer
from seal_policy.loop import explore
from seal_policy.registry import make_policy
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.worlds import open_simulator

OFFICE = Path(__file__).resolve().parents[3] / "shared" / "data" / "husarion_office"


@pytest.mark.skipif(not OFFICE.is_dir(), reason="needs ../shared/data/husarion_office")
def test_frontier_sees_most_of_the_office_in_300_steps() -> None:
    world = open_simulator(OFFICE, EmbeddedConfig(width=128, height=96))
    voxel_map = VoxelMap()
    run = explore(world, None, voxel_map, Explorer(make_policy("frontier")), 300, seed=1)
    result = measure(world.reachable_floor(), world.T_world_odom, voxel_map.explored(), run.poses)
    world.close()
    assert result.seen_share >= 0.8
    assert result.outside == 0
    assert run.collisions <= 5
    assert len(run.actions) == 300 and run.poses.shape == (301, 4, 4)
    assert run.actions[:12] == (Action.LEFT,) * 12
    assert (np.diff(run.explored_m2) >= 0).all() and run.rewards.sum() == run.confident[-1] == 0


def small_floor() -> ReachableFloor:
    cells = np.zeros((10, 10), bool)
    cells[2:8, 2:8] = True
    return ReachableFloor(cells, np.array([5.0, 5.0]), 0.1)


def test_share_of_the_floor_seen_is_counted_in_the_world_frame() -> None:
    known = np.zeros((40, 40), bool)
    known[:, 20:] = True  # everything left of the robot's start heading
    explored = Grid2D(known, np.array([-1.0, -1.0]), 0.05)
    T_world_odom = planar_pose(5.5, 5.5, np.pi / 2)  # start in the middle, facing +y: left is -x
    assert seen_share(small_floor(), T_world_odom, explored) == pytest.approx(0.5)


def test_points_outside_counts_the_way_between_poses() -> None:
    T = np.eye(4)
    inside = np.stack([planar_pose(5.3, 5.3, 0.0), planar_pose(5.7, 5.3, 0.0)])
    assert points_outside(small_floor(), T, inside) == 0
    out_and_back = np.stack([planar_pose(5.3, 5.3, 0.0), planar_pose(6.1, 5.3, 0.0), planar_pose(5.3, 5.3, 0.0)])
    assert points_outside(small_floor(), T, out_and_back) >= 4


def test_top_down_shows_unseen_floor_path_and_goals() -> None:
    known = np.zeros((40, 40), bool)
    known[:20] = True
    obstacles = np.zeros_like(known)
    obstacles[:2] = True
    origin = np.array([5.0, 5.0])
    poses = np.stack([planar_pose(5.4, 5.4, 0.0), planar_pose(5.7, 5.4, 0.0)])
    image = top_down(
        Grid2D(obstacles, origin, 0.025),
        Grid2D(known, origin, 0.025),
        poses,
        ((0, (5.6, 5.6)),),
        small_floor(),
        np.eye(4),
    )
    colours = {tuple(c) for c in image.reshape(-1, 3).tolist()}
    assert {(246, 190, 150), (222, 236, 222), (70, 74, 82), (150, 60, 180)} <= colours


def test_no_reachable_floor_is_an_error_not_a_division_by_zero() -> None:
    floor = ReachableFloor(np.zeros((4, 4), bool), np.zeros(2), 0.1)
    with pytest.raises(ValueError, match="no floor is reachable"):
        seen_share(floor, np.eye(4), Grid2D(np.ones((4, 4), bool), np.zeros(2), 0.1))
