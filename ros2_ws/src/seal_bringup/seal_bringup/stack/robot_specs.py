# SPDX-License-Identifier: Apache-2.0
"""The nodes of a run on a robot and of a recording: one description for their launch files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from seal_bringup.live.config import LiveConfig
from seal_bringup.stack.node_specs import (
    NodeSpec,
    clearances,
    layers_for,
    live_page,
    map_parameters,
    policy_weights,
    prefixed,
    with_categories,
)
from seal_bringup.stack.presets import NOISY_MAP
from seal_bringup.stack.robot_config import CAMERA_INFO, HEAD_ROOM_M, RobotConfig
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_policy.planning.planner import TIGHT
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.fake_robot.faces import stand_in_signals
from sim_bridge.robot_base.fields import is_installed
from sim_bridge.robot_base.limits import LimitsConfig

_PICTURES = (m.COLOUR, m.DEPTH, m.CAMERA_INFO)
CLEARANCE_M = 0.05
"""Beyond the radius, for map and rolling grid: an obstacle fills its 5 cm cell, and its centre is what counts."""
ROBOT = dataclasses.replace(TIGHT, margin_m=CLEARANCE_M, narrow_margin_m=CLEARANCE_M)

WHOM = (
    "robot",
    "robot_name",
    "namespace",
    "run_dir",
    "weights",
    "detector_threads",
    "pose_source",
    "seed",
    "live",
    "live_address",
    "live_port",
    "live_buttons",
)
"""Arguments of all launch files of a robot."""
MOUNTED = ("camera_height_m", "camera_forward_m", "camera_left_m", "tilt_deg")
"""Arguments that say where its camera is."""
RECORDED = (
    *(*WHOM, *MOUNTED, "camera_driver", "camera_best_effort", "camera_frame"),
    *("colour_topic", "depth_topic", "info_topic", "fake", "scene"),
    *("robot_height_m", "camera_hz", "camera_width", "real_time_factor", "motion_noise", "truth_path"),
)
"""Arguments that `record_nodes` follows."""


def robot_nodes(config: RobotConfig) -> list[NodeSpec]:
    """The nodes that drive a robot, map and record.

    Raises:
        InputError: if the robot's file is wrong, a fake robot's pictures come too seldom, or there are no such weights.
    """
    config.require_pictures()
    nodes = [_fake(config)] if config.fake else []
    nodes += [_bridge(config), *([_heading(config)] if config.wall_heading else []), _perception(config)]
    nodes += [_mapping(config), _policy(config), _planner(config)]
    nodes += [_recorder(config)] if config.record else []
    return with_categories([_on_robot(node, config) for node in [*nodes, _monitor(config), *_live(config)]])


def record_nodes(config: RobotConfig) -> list[NodeSpec]:
    """Perception and recorder alone, with the robot's own odometry: somebody else drives it."""
    theirs = {m.ODOM: config.named(str(config.base.get("odometry_topic", m.ODOM)))}
    nodes = [_fake(config)] if config.fake else []
    recorder = _recorder(config)
    # A Create 3 offers no more than best effort, which the others' publishers serve too.
    best_effort = {f"qos.{m.ODOM}.reliability": "best_effort"}
    heard = recorder.parameters | best_effort
    nodes += [_perception(config), dataclasses.replace(recorder, parameters=heard, remappings=theirs)]
    nodes += [
        dataclasses.replace(page, parameters=page.parameters | best_effort, remappings=theirs) for page in _live(config)
    ]
    return [_on_robot(node, config) for node in nodes]


def mapping_nodes(config: RobotConfig) -> list[NodeSpec]:
    """Those that map and choose goals, and drive nothing."""
    heading = [_heading(config)] if config.wall_heading else []
    nodes = [_perception(config), _mapping(config), _policy(config), _monitor(config)]
    return [*heading, *nodes, *_live(config)]


def driver_arguments(config: RobotConfig) -> dict[str, str]:
    """Arguments of Interbotix's own launch file for this robot: its defaults start neither base nor camera."""
    return {
        "robot_name": config.name,
        "base_type": str(config.face),
        "use_base": "true",
        "use_camera": "true",
        "use_lidar": str(config.use_laser).lower(),
        "rs_camera_align_depth": "true",
        "rs_camera_pointcloud_enable": "false",
    }


def _on_robot(node: NodeSpec, config: RobotConfig) -> NodeSpec:
    """The node in the stack's namespace, with the camera's topics in place of the stack's names."""
    camera = dict(zip(_PICTURES, (config.camera.colour, config.camera.depth, config.camera.info), strict=True))
    names = {**(camera if node.executable != "fake_robot_node" else {}), **node.remappings}
    parameters = {**node.parameters, "lockstep": False, **prefixed(config.frame_prefix)}
    if config.camera_best_effort and node.executable != "fake_robot_node":
        parameters |= {f"qos.{topic.replace('/', '_')}.reliability": "best_effort" for topic in _PICTURES}
    if config.fake and config.real_time_factor and node.executable != "fake_robot_node":
        parameters["use_sim_time"] = True
    return dataclasses.replace(node, namespace=config.namespace, parameters=parameters, remappings=names)


def fake_sensors(config: RobotConfig) -> EmbeddedConfig:
    """Camera, mounting and noise of the fake robot.

    Raises:
        InputError: if one of them is wrong.
    """
    try:
        return EmbeddedConfig(
            width=config.camera_width,
            height=config.camera_width * 3 // 4,
            hfov_deg=54.7,
            depth_noise="d435",
            motion_noise=config.motion_noise,
            camera_height_m=config.camera_height_m,
            camera_x_m=config.camera_forward_m,
            camera_y_m=config.camera_left_m,
            camera_pitch_deg=config.tilt_deg,
            obstacle_max_m=config.height_m,
        )
    except ValueError as error:
        raise InputError(f"the fake robot: {error}") from error


_SENSORS = (
    *("width", "height", "hfov_deg", "depth_noise", "motion_noise"),
    *("camera_height_m", "camera_x_m", "camera_y_m", "camera_pitch_deg", "obstacle_max_m"),
)
"""Fields that `fake_sensors` sets."""


def _fake(config: RobotConfig) -> NodeSpec:
    sensors = fake_sensors(config)
    parameters = {
        "scene": config.scene,
        "seed": config.seed,
        "robot_name": config.name,
        "camera_driver": config.camera_driver,
        "camera_best_effort": config.camera_best_effort,
        "camera_frame": config.camera_frame,
        "fake.base": config.face,
        "fake.camera_hz": config.camera_hz,
        "real_time_factor": config.real_time_factor,
        "truth_path": str(Path(config.truth_path).absolute()) if config.truth_path else "",
        **{f"sim.{name}": getattr(sensors, name) for name in _SENSORS},
    }
    return NodeSpec("fake_robot", "sim_bridge", "fake_robot_node", parameters=parameters)


def _bridge(config: RobotConfig) -> NodeSpec:
    parameters: dict[str, Any] = {
        "base.robot_name": config.name,
        "enable": config.enable,
    }
    if config.face is not None or config.info_topic:
        parameters |= {"base.picture_topic": config.camera.info, "base.picture_type": CAMERA_INFO}
    if config.fake and config.face is not None:
        file = config.bridge_parameters
        signals = {name: value for name, value in file.items() if isinstance(value, dict) and value.get("topic")}
        parameters |= stand_in_signals(signals, config.face, is_installed)
    return NodeSpec(
        "robot_bridge",
        "sim_bridge",
        "robot_bridge_node",
        parameters=parameters,
        parameter_files=(str(config.file.absolute()),),
        remappings={m.ODOM: m.WHEELS} if config.wall_heading and not config.corrects_map else {},
    )


def _poses(config: RobotConfig) -> dict[str, Any]:
    odom, base = config.frames()
    given = {"odometry.pose_source": config.source, "odometry.tf_odom_frame": odom, "odometry.tf_base_frame": base}
    return given | ({"odometry.tf_map_frame": config.frame_prefix + m.MAP_FRAME} if config.corrects_map else {})


def _mounting(config: RobotConfig) -> dict[str, Any]:
    return {
        "mounting.height_m": config.camera_height_m,
        "mounting.forward_m": config.camera_forward_m,
        "mounting.left_m": config.camera_left_m,
        "mounting.tilt_down_deg": config.tilt_deg,
    }


def _heading(config: RobotConfig) -> NodeSpec:
    odom, base = config.frames()
    if not config.corrects_map:  # between gate and stack: the gate's odometry in, what all others hear out
        return NodeSpec("heading", "seal_mapping", "heading_node", parameters={"correct": "odom", **_mounting(config)})
    parameters = {
        "correct": "map",
        "odometry.pose_source": "odometry_tf",
        "odometry.tf_odom_frame": odom,
        "odometry.tf_base_frame": base,
    }
    return NodeSpec("heading", "seal_mapping", "heading_node", parameters=parameters)


def _perception(config: RobotConfig) -> NodeSpec:
    return NodeSpec(
        "perception",
        "seal_perception",
        "perception_node",
        parameters={"weights": config.weights, "detector.threads": config.detector_threads},
    )


def _path(config: RobotConfig, name: str) -> str:
    return str((Path(config.run_dir) / name).absolute())


def _map(config: RobotConfig) -> dict[str, Any]:
    return {**map_parameters(NOISY_MAP), "map.obstacle_max_m": config.height_m + HEAD_ROOM_M}


def _mapping(config: RobotConfig) -> NodeSpec:
    parameters = {
        "save_path": _path(config, "map.npz"),
        **layers_for(config.policy),
        **_map(config),
        **_mounting(config),
        **_poses(config),
    }
    return NodeSpec(
        "mapping",
        "seal_mapping",
        "mapping_node",
        parameters=parameters,
    )


def _policy(config: RobotConfig) -> NodeSpec:
    parameters = {"mode": "paced", "policy": config.policy, "seed": config.seed, **clearances(ROBOT), **_poses(config)}
    parameters |= policy_weights(config.policy_weights)
    if config.object_goals:
        parameters |= {"object_goals": True, **_map(config), **_mounting(config)}
    return NodeSpec(
        "policy",
        "seal_policy",
        "policy_node",
        parameters=parameters,
    )


def _planner(config: RobotConfig) -> NodeSpec:
    """The planner, no faster than the gate lets it, with the gate's permission."""
    limits = config.limits
    back = float(limits.get("max_back_mps", 0.12))
    parameters = {
        "mode": "paced",
        "serve_enable": False,
        "use_scan": config.use_laser,
        "velocity.max_forward_mps": float(limits.get("max_forward_mps", 0.25)),
        "velocity.max_turn_radps": float(limits.get("max_turn_radps", 0.8)),
        # As the gate slews: an arc that the base cannot follow ends where nobody has looked.
        "velocity.forward_mps2": float(limits.get("forward_mps2", LimitsConfig.forward_mps2)),
        "velocity.turn_radps2": float(limits.get("turn_radps2", LimitsConfig.turn_radps2)),
        "velocity.touch_margin_m": CLEARANCE_M,
        "rolling_grid.high_m": config.height_m + HEAD_ROOM_M,
        # A base that refuses to drive back turns instead: it would push against nothing for a while.
        **({"driver.back_mps": back} if back > 0 else {"driver.back_m": 0.0}),
        **clearances(ROBOT),
        **_mounting(config),
        **_poses(config),
    }
    return NodeSpec(
        "planner",
        "seal_policy",
        "planner_node",
        parameters=parameters,
        remappings={m.SCAN: config.named(config.laser_topic)} if config.use_laser else {},
    )


def _recorder(config: RobotConfig) -> NodeSpec:
    odom, base = config.message_frames()  # /tf is then made from the messages, and /tf_static must fit it
    parameters = {
        "path": _path(config, "bag"),
        "record_tf": config.source != "odometry",
        "odom_apart": True,
        "odom_frame": odom,
        "base_frame": base,
        "camera_frame": config.camera.frame,
        **_mounting(config),
    }
    return NodeSpec(
        "recorder",
        "seal_mapping",
        "recorder_node",
        parameters=parameters,
    )


def _live(config: RobotConfig) -> list[NodeSpec]:
    page = LiveConfig(config.live_address, config.live_port, config.live_buttons)
    return [live_page(page, _poses(config))] if config.live else []


def _monitor(config: RobotConfig) -> NodeSpec:
    return NodeSpec(
        "monitor",
        "seal_bringup",
        "monitor_node",
        parameters={"run_dir": str(Path(config.run_dir).absolute())},
    )
