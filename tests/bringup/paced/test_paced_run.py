# SPDX-License-Identifier: Apache-2.0
"""Paced runs in one process repeat; the map's and the pose's errors are what they are by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.sim.rooms import FAST, box_part, room

from seal_bringup.evaluation.map_error import TrueSurface, judged_voxels, map_error, pose_error
from seal_bringup.experiments.paced import summary
from seal_bringup.paced.run import PacedRates, drive_paced, paced_stack
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose, pose_yaw
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.robot.paced_robot import PacedConfig
from sim_bridge.worlds import open_simulator

CAMERA = Camera.from_hfov(64, 48, math.radians(79.0))
WALL = np.array([[[2.0, -5, 0], [2.0, 5, 0], [2.0, 5, 2.5]], [[2.0, -5, 0], [2.0, 5, 2.5], [2.0, -5, 2.5]]])


def _wall_map(shift_m: float) -> VoxelMap:
    """A map of a wall 2 m ahead, put in from a pose that is off by so much."""
    out = VoxelMap(MapConfig(num_categories=6))
    T = planar_pose(-shift_m, 0.0, 0.0) @ camera_mounting(0.88)
    depth = np.full((48, 64), 2.0, np.float32)
    out.integrate(Frame(1, np.zeros((48, 64, 3), np.uint8), depth, CAMERA, T), None)
    return out


def test_a_map_at_its_place_has_no_error_and_a_shifted_one_has_the_shift() -> None:
    surface = TrueSurface.of_triangles(WALL)
    right, wrong = map_error(_wall_map(0.0), surface, np.eye(4)), map_error(_wall_map(0.3), surface, np.eye(4))
    assert right["near_share"] == 1.0 and right["mean_cm"] < 3.0
    assert wrong["near_share"] == 0.0 and wrong["mean_cm"] == pytest.approx(30.0, abs=3.0)
    turned = map_error(_wall_map(0.0), surface, planar_pose(0.0, 0.0, math.pi))
    assert turned["p90_cm"] > 390.0
    heights = judged_voxels(_wall_map(0.0))[:, 2]
    assert heights.min() >= 0.15 and heights.max() <= 1.9


def test_distances_are_to_the_surface_and_not_to_its_corners() -> None:
    surface = TrueSurface.of_triangles(WALL)
    points = np.array([[2.0, 1.234, 1.0], [1.5, -3.3, 1.5], [2.0, 6.0, 1.0], [40.0, 0.0, 1.0]])
    np.testing.assert_allclose(surface.distance(points), [0.0, 0.5, 1.0, 5.0], atol=0.05)


def test_a_world_without_surfaces_is_refused() -> None:
    with pytest.raises(ValueError, match="no triangle lies between"):
        TrueSurface.of_triangles(WALL - [0.0, 0.0, 9.0])


def test_the_error_of_poses_is_in_metres_and_degrees() -> None:
    true = np.stack([planar_pose(k, 0.0, math.pi) for k in range(3)])
    believed = np.stack([planar_pose(k, 0.3 * k, math.pi + math.radians(-5.0 * k)) for k in range(3)])
    assert pose_error(believed, true) == {
        "mean_m": 0.3, "max_m": 0.6, "end_m": 0.6, "mean_deg": 5.0, "max_deg": 10.0, "end_deg": -10.0,
    }  # fmt: skip


def test_an_empty_map_is_said_to_be_empty() -> None:
    assert map_error(VoxelMap(), TrueSurface.of_triangles(WALL), np.eye(4))["voxels"] == 0


def _short_run(seconds: float) -> tuple[list[np.ndarray], VoxelMap, int]:
    config = EmbeddedConfig(
        64, 48, depth_noise="d435", motion_noise="locobot", light=LightConfig(), cache_light=False, threads=1
    )
    world = open_simulator("train_02", config)
    poses: list[np.ndarray] = []
    stack = paced_stack(wall_heading=True)
    rates = PacedRates(PacedConfig(physics_hz=20, camera_hz=4), command_hz=10)
    robot = drive_paced(
        world, stack, seconds, rates, on_picture=lambda robot, seen, T: poses.append(world.T_world_base)
    )
    world.close()
    return poses, stack.voxel_map, robot.ticks


def test_a_paced_run_with_noise_drives_and_repeats() -> None:
    poses, voxel_map, ticks = _short_run(11.0)
    assert ticks == 220 and len(poses) == 45 and voxel_map.frames == 45
    turned = sum(
        abs(math.remainder(pose_yaw(b) - pose_yaw(a), math.tau)) for a, b in zip(poses, poses[1:], strict=False)
    )
    assert turned > 5.0, "it looks around first"
    assert math.dist(poses[0][:2, 3], poses[-1][:2, 3]) > 0.1, "then it drives"
    again, _, _ = _short_run(11.0)
    np.testing.assert_array_equal(np.array(poses), np.array(again))


def test_no_time_and_wrong_rates_are_refused() -> None:
    world = open_simulator("train_02", EmbeddedConfig(32, 24, light=LightConfig(), cache_light=False))
    with pytest.raises(InputError, match="positive time, got 0"):
        drive_paced(world, paced_stack(), 0.0)
    with pytest.raises(ValueError, match="command_hz must divide physics_hz 50, got 7"):
        PacedRates(command_hz=7)
    with pytest.raises(ValueError, match="got 2 per second, each of which holds for 0.4 s"):
        PacedRates(PacedConfig(command_timeout_s=0.4), command_hz=2)
    assert PacedRates(PacedConfig(command_timeout_s=0.1), command_hz=10).command_hz == 10


def test_the_summary_takes_the_worst_home() -> None:
    def row(seen: float, driven: float, contacts: float) -> dict[str, object]:
        error = {"near_share": seen, "mean_cm": 4.0}
        return {"seen_share": seen, "driven_m": driven, "contacts_per_minute": contacts, "map_error": error}

    found = summary({"a": {"noise": row(0.9, 80.0, 0.2)}, "b": {"noise": row(0.8, 90.0, 0.6)}})
    assert list(found) == ["noise"]
    worst = found["noise"]
    assert (worst["least_seen"], worst["least_driven_m"], worst["most_contacts_per_minute"]) == (0.8, 80.0, 0.6)
    assert worst["mean_seen"] == pytest.approx(0.85)


def test_the_detector_of_a_camera_that_hangs_upside_down_sees_what_an_upright_ones_does() -> None:
    class Seen:
        def detect(self, rgb: np.ndarray) -> Detections:
            shown.append(rgb.astype(int))
            return Detections.empty(*rgb.shape[:2])

    shown: list[np.ndarray] = []
    for roll in (0.0, 180.0):
        world = EmbeddedSimulator(
            room(box_part((1.0, -0.6, 0.0), (1.5, 0.2, 0.8))), replace(FAST, camera_roll_deg=roll)
        )
        drive_paced(world, paced_stack(detector=Seen()), 0.02)
    assert len(shown) == 2 and np.abs(shown[0] - shown[1]).mean() < 2.0
    assert np.abs(shown[0] - shown[1][::-1, ::-1]).mean() > 5.0
