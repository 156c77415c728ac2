# SPDX-License-Identifier: Apache-2.0
"""`seal explore --paced`: a run over ROS in real time or in one process, and what it truly saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.evaluation.coverage import measure, top_down, write_top_down
from seal_bringup.evaluation.map_error import pose_error
from seal_bringup.evaluation.shut_in import RunEnd, read_end, remarks
from seal_bringup.evaluation.true_map import TrueMap, open_unlit, retaken
from seal_bringup.paced.run import PacedRates, drive_paced, paced_stack
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.runner import prepare
from seal_mapping.voxels.io import save_map
from seal_perception.detector.detector import DetectorConfig, load_detector
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.reading.text import read_json
from seal_perception.types import FloatArray
from seal_policy.planning.motion import planar
from seal_policy.planning.planner import TIGHT
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.robot.paced_robot import PacedConfig
from sim_bridge.worlds import open_simulator

Report = Callable[[int, int], object]


def sensors_of(config: StackConfig) -> EmbeddedConfig:
    """The robot of a stack, its camera and its noise."""
    return EmbeddedConfig(
        config.width,
        config.height,
        depth_noise=config.depth_noise,
        motion_noise=config.motion_noise,
        laser=config.laser,
    )


def noisy() -> dict[str, Any]:
    """The fields of a stack whose sensors have noise: simulator and map."""
    return {"depth_noise": "d435", "motion_noise": "locobot", "map_preset": "noisy"}


def run_in_process(config: StackConfig, progress: Report = lambda done, total: None) -> RunEnd:
    """The run of a paced stack in one process, as fast as the machine goes; it repeats exactly.

    Leaves stack.json, map.npz, trajectory.json and truth.json, as a run over ROS does, but no bag and no status.json;
    results of an earlier run in the folder are removed.

    Args:
        config: of the run.
        progress: called with (pictures done, pictures) after each.

    Returns:
        What the run left: floor plan and way.

    Raises:
        InputError: if a bag is to be recorded.
    """
    if config.record:
        raise InputError("a run in one process records no bag: run it over ROS, or with record false")
    folder = prepare(config)
    world = open_simulator(config.scene, sensors_of(config))
    chosen = DetectorConfig(categories=config.chosen_categories)
    detector = None if config.weights == "none" else load_detector(config.weights, chosen)
    stack = paced_stack(
        config.map_config, config.policy, config.seed, detector, config.wall_heading, config.policy_weights
    )
    poses: list[FloatArray] = []
    true: list[FloatArray] = []
    stamps: list[int] = []
    areas: list[float] = []

    def keep(robot: Any, seen: Any, T_map_base: FloatArray) -> None:
        stamps.append(robot.stamp_ns)
        poses.append(T_map_base)
        true.append(world.T_world_base)
        areas.append(stack.voxel_map.explored_area_m2)
        progress(len(stamps), config.frames)

    rates = PacedRates(PacedConfig(camera_hz=config.camera_hz))
    robot = drive_paced(world, stack, config.seconds, rates, config.seed, keep)
    world.close()
    save_map(stack.voxel_map, config.map_path)
    frame_s = 1.0 / config.camera_hz
    given = [[round(time_s / frame_s), *goal] for time_s, goal in stack.given]
    write_json(folder / "trajectory.json", {**_rows(stamps, poses), "actions": [], "goals": given}, indent=None)
    write_json(folder / "truth.json", {**_rows(stamps, true), "contacts": robot.contacts}, indent=None)
    obstacles, explored = stack.voxel_map.obstacles(), stack.voxel_map.explored()
    goals = tuple((round(time_s / frame_s), goal) for time_s, goal in stack.given)
    way = np.array([planar(T) for T in poses])
    return RunEnd(obstacles, explored, way, np.array(areas), goals, "pictures")


def _rows(stamps: list[int], poses: list[FloatArray]) -> dict[str, Any]:
    return {"stamps_ns": stamps, "poses": [[float(T[0, 3]), float(T[1, 3]), pose_yaw(T)] for T in poses]}


def evaluate_paced(
    config: StackConfig, progress: Report = lambda done, total: None, end: RunEnd | None = None
) -> dict[str, Any]:
    """Figures of a paced run's folder, from its true poses (truth.json); topdown.png beside them.

    What was seen is what docs/paced.md measures: the run's pictures, taken again with the same noise, put at their true
    poses into the run's own kind of map (`TrueMap`). That is all of them; `mapped_share` of them the run has mapped,
    as a slow detector leaves pictures out.

    Args:
        config: of the run.
        progress: called with (pictures taken again, pictures) after each.
        end: what the run left, where it ran in one process; None = it is read from the folder.
    """
    folder, sensors = Path(config.run_dir), sensors_of(config)
    truth, trajectory = read_json(folder / "truth.json"), read_json(folder / "trajectory.json")
    world = open_unlit(config.scene, sensors, config.seed)
    true = TrueMap(world, config.map_config)
    where = [planar_pose(*pose) for pose in truth["poses"]]
    pictures = retaken(world, sensors, config.seed, where)
    for stamp, T, (rgb, depth) in zip(truth["stamps_ns"], where, pictures, strict=True):
        true.add(stamp, rgb, depth, T)
        progress(len(true.poses), len(where))
    poses, believed = np.stack(true.poses), np.stack([planar_pose(*pose) for pose in trajectory["poses"]])
    at = {stamp: k for k, stamp in enumerate(truth["stamps_ns"])}
    same = poses[[at[stamp] for stamp in trajectory["stamps_ns"]]]
    floor, explored, T_world_odom = world.reachable_floor(), true.voxel_map.explored(), world.T_world_odom
    picture = top_down(true.voxel_map.obstacles(), explored, poses, (), floor, T_world_odom)
    write_top_down(folder / "topdown.png", picture)
    figures = measure(floor, T_world_odom, explored, poses)
    world.close()
    end = end or read_end(folder)
    return {
        **figures.as_dict(),
        "contacts": truth["contacts"],
        "contacts_per_minute": round(truth["contacts"] / config.minutes, 2),
        "mapped_share": round(len(believed) / len(poses), 4),
        "pose_error": pose_error(believed, same),
        **(remarks(end, figures.seen_share, TIGHT) if end is not None else {}),
    }
