# SPDX-License-Identifier: Apache-2.0
"""The names of each node's parameters, so that a stack file is checked without ROS.

A test compares them with the sources of the nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from seal_bringup.live.config import LiveConfig
from seal_mapping.labels.config import LabelConfig
from seal_mapping.scan_matching import ScanMatchConfig
from seal_mapping.voxels.config import MapConfig
from seal_mapping.wall_heading import WallHeadingConfig
from seal_perception.detector.detector import DetectorConfig
from seal_perception.odometry.live import PoseConfig
from seal_perception.parameters import parameters_of
from seal_policy.driving.guard import GuardConfig
from seal_policy.driving.rolling_grid import RollingGridConfig
from seal_policy.driving.step_driver import StepDriverConfig
from seal_policy.driving.velocity import VelocityConfig
from seal_policy.driving.velocity_driver import VelocityDriverConfig
from seal_policy.goals.rule import GoalConfig
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.planning.local_policy import LocalConfig
from seal_policy.planning.planner import PlannerConfig
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.robot.paced_robot import PacedConfig

COMMON = ("use_sim_time", "expect_subscribers", "expect_publishers", "known_publishers", "lockstep", "frame_prefix")
"""Parameters of every SealNode, besides `qos.<topic>.reliability` and `.depth`."""
_MOUNTING = tuple(
    f"mounting.{name}" for name in ("height_m", "forward_m", "left_m", "pan_left_deg", "tilt_down_deg", "roll_deg")
)
_END_OF_RUN = ("expected_frames", "last_stamp_ns")
_FREE = re.compile(r"qos\.\w+\.(reliability|depth)|qos_overrides\..+|start_type_description_service")
"""Names that depend on topics, and those that rclpy itself declares."""


@dataclass(frozen=True)
class _Declared:
    """What a node declares: single names, and configuration dataclasses under a prefix."""

    names: tuple[str, ...]
    configs: dict[str, type] = field(default_factory=dict)


_DECLARED = {
    "sim_bridge": _Declared(
        (
            *("scene", "seed", "mode", "max_steps", "seconds", "real_time_factor", "wait_for", "ready_timeout_s"),
            *("publish_truth", "truth_path", "odom_topic"),
        ),
        {"sim": EmbeddedConfig, "paced": PacedConfig},
    ),
    "heading": _Declared(
        (*_MOUNTING, "correct"),
        {"heading": WallHeadingConfig, "heading.match": ScanMatchConfig, "odometry": PoseConfig},
    ),
    "perception": _Declared(
        ("weights", "overlay_min_score", "roll_from_tf", "mounting.roll_deg"), {"detector": DetectorConfig}
    ),
    "mapping": _Declared(
        (
            *("load_path", "save_path", "voxels_every", "objects_every", "expected_frames", "use_scores"),
            *("max_late_s", "uncertainty", "volume"),
            *_MOUNTING,
        ),
        {"map": MapConfig, "label": LabelConfig, "odometry": PoseConfig},
    ),
    "policy": _Declared(
        (
            *("policy", "policy_weights", "seed", "max_steps", "step_s", "mode"),
            *("object_goals", "search_s", "max_late_s", *_MOUNTING),
        ),
        {
            "goals": GoalConfig,
            "planner": PlannerConfig,
            "odometry": PoseConfig,
            "search": ObjectGoalConfig,
            "map": MapConfig,
        },
    ),
    "planner": _Declared(
        (
            *("mode", "max_steps", "command_hz", "use_scan", *_MOUNTING),
            *("enable", "serve_enable", "cmd_vel_stamped"),
            *("laser.x_m", "laser.y_m", "laser.height_m", "laser.yaw_rad"),
        ),
        {
            "odometry": PoseConfig,
            "guard": GuardConfig,
            "explorer": StepDriverConfig,
            "planner": PlannerConfig,
            "local": LocalConfig,
            "driver": VelocityDriverConfig,
            "velocity": VelocityConfig,
            "rolling_grid": RollingGridConfig,
        },
    ),
    "recorder": _Declared(
        (
            "path",
            "flush_s",
            "record_tf",
            "odom_apart",
            "odom_frame",
            "base_frame",
            "camera_frame",
            *_END_OF_RUN,
            *_MOUNTING,
        )
    ),
    "monitor": _Declared(("run_dir", *_END_OF_RUN)),
    "live": _Declared((), {"live": LiveConfig, "odometry": PoseConfig}),
}


def declared_parameters(node: str) -> set[str]:
    """Names of the parameters that a node of the stack declares by itself, without `COMMON` and QoS."""
    declared = _DECLARED[node]
    fields = {f"{prefix}.{known.name}" for prefix, kind in declared.configs.items() for known in parameters_of(kind)}
    return {*declared.names, *fields}


def unknown_parameters(node: str | None, names: Iterable[str]) -> list[str]:
    """Those of `names` that the node does not have; None = that no node of the stack has."""
    known = known_parameters(node)
    return [name for name in names if name not in known and not _FREE.fullmatch(name)]


def known_parameters(node: str | None) -> set[str]:
    """Names of the parameters that a node has, without QoS; None = of all nodes of the stack."""
    return {*COMMON, *(name for each in (_DECLARED if node is None else [node]) for name in declared_parameters(each))}
