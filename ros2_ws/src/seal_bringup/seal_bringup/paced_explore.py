# SPDX-License-Identifier: Apache-2.0
"""`seal explore --paced`: a run over ROS in running time or in one process, and what it truly saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.coverage import measure, top_down, write_top_down
from seal_bringup.map_error import pose_error
from seal_bringup.map_presets import MAPS
from seal_bringup.paced_run import PacedRates, drive_paced
from seal_bringup.stack import StackConfig
from seal_mapping.voxel_map import VoxelMap
from seal_mapping.wall_heading import WallHeading
from seal_perception.detector import load_detector
from seal_perception.files import read_json, write_json
from seal_perception.frame import Frame
from seal_perception.pose import FloatArray, invert, planar_pose, pose_yaw
from seal_policy.global_policy import make_policy
from seal_policy.goal_ticks import GoalTicks
from seal_policy.pilot import Pilot
from seal_policy.planner import TIGHT
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.paced_robot import PacedConfig
from sim_bridge.worlds import World, open_simulator


def world_of(config: StackConfig) -> World:
    """The simulator of a stack, at the start of the run."""
    sim = EmbeddedConfig(
        config.width,
        config.height,
        depth_noise=config.depth_noise,
        motion_noise=config.motion_noise,
        laser=config.laser,
    )
    world = open_simulator(config.scene, sim)
    world.reset(config.seed)
    return world


def noisy() -> dict[str, Any]:
    """The fields of a stack whose sensors have noise: simulator and map."""
    return {"depth_noise": "d435", "motion_noise": "locobot", "map_preset": "noisy"}


def run_in_process(config: StackConfig) -> None:
    """The run of a paced stack in one process, as fast as the machine goes; it repeats. Same files as over ROS."""
    folder = Path(config.run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    world = world_of(config)
    detector = None if config.weights == "none" else load_detector(config.weights)
    voxel_map = VoxelMap(MAPS[config.map_preset])
    goals, pilot = GoalTicks(make_policy(config.policy, config.seed, TIGHT)), Pilot()
    poses: list[FloatArray] = []
    true: list[FloatArray] = []
    stamps: list[int] = []

    def keep(robot: Any, seen: Any, T_map_base: FloatArray) -> None:
        stamps.append(robot.stamp_ns)
        poses.append(T_map_base)
        true.append(world.T_world_base)

    rates = PacedRates(PacedConfig(camera_hz=config.camera_hz))
    heading = WallHeading() if config.wall_heading else None
    robot = drive_paced(world, voxel_map, goals, pilot, config.seconds, rates, config.seed, detector, heading, keep)
    world.close()
    voxel_map.save(config.map_path)
    frame_s = 1.0 / config.camera_hz
    given = [[round(time_s / frame_s), *goal] for time_s, goal in goals.given]
    write_json(folder / "trajectory.json", {**_rows(stamps, poses), "actions": [], "goals": given}, indent=None)
    write_json(folder / "truth.json", {**_rows(stamps, true), "contacts": robot.contacts}, indent=None)


def _rows(stamps: list[int], poses: list[FloatArray]) -> dict[str, Any]:
    return {"stamps_ns": stamps, "poses": [[float(T[0, 3]), float(T[1, 3]), pose_yaw(T)] for T in poses]}


def evaluate_paced(config: StackConfig, every_s: float = 1.0) -> dict[str, Any]:
    """Figures of a paced run's folder, from its true poses (truth.json); topdown.png beside them.

    What was seen is worked out from pictures without noise, taken again at the true poses.

    Args:
        config: of the run.
        every_s: simulated seconds between these pictures.
    """
    folder = Path(config.run_dir)
    truth, trajectory = read_json(folder / "truth.json"), read_json(folder / "trajectory.json")
    world = world_of(config)
    T_map_world = invert(world.T_world_odom)
    poses = np.stack([T_map_world @ planar_pose(*pose) for pose in truth["poses"]])
    believed = np.stack([planar_pose(*pose) for pose in trajectory["poses"]])
    at = {stamp: k for k, stamp in enumerate(truth["stamps_ns"])}
    same = poses[[at[stamp] for stamp in trajectory["stamps_ns"]]]
    seen = VoxelMap()
    for k in range(0, len(poses), max(1, round(every_s * config.camera_hz))):
        picture, _ = world.render_at(world.T_world_odom @ poses[k])
        frame = Frame(k + 1, picture.rgb, picture.depth, world.camera, poses[k] @ world.T_base_camera)
        seen.integrate(frame, None)
    floor, explored = world.reachable_floor(), seen.explored()
    write_top_down(folder / "topdown.png", top_down(seen.obstacles(), explored, poses, (), floor, world.T_world_odom))
    figures = measure(floor, world.T_world_odom, explored, poses).as_dict()
    world.close()
    return {
        **figures,
        "contacts": truth["contacts"],
        "contacts_per_minute": round(truth["contacts"] / config.minutes, 2),
        "pose_error": pose_error(believed, same),
    }
