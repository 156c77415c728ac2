# SPDX-License-Identifier: Apache-2.0
"""What policy and planner have in common: map and pose of one stamp, the step that the stamp belongs to, the config."""

from __future__ import annotations

import dataclasses
from typing import Any

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid, Odometry

from seal_mapping.nodes.map_messages import occupancy_to_explored, occupancy_to_obstacles
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.params import declare, declare_config
from seal_perception.types import FloatArray
from seal_policy.driving.rolling_grid import NearbyConfig
from seal_policy.driving.velocity import VelocityConfig
from seal_policy.driving.velocity_driver import PilotConfig
from seal_policy.explorer import ExplorerConfig
from seal_policy.goals.policy import Point
from seal_policy.goals.rule import GoalConfig
from seal_policy.planning.local_policy import LocalConfig
from seal_policy.planning.planner import PlannerConfig

MAP_AND_POSE: dict[str, tuple[type, bool]] = {
    m.OBSTACLES: (OccupancyGrid, True),
    m.EXPLORED: (OccupancyGrid, True),
    m.ODOM: (Odometry, False),
}
"""Topics whose messages of one stamp make a step's input: type, latched."""


def read_step(parts: dict[str, Any]) -> tuple[Grid2D, Grid2D, FloatArray]:
    """Obstacles, explored and T_map_base of matched messages (the map starts where odometry does)."""
    obstacles, explored = occupancy_to_obstacles(parts[m.OBSTACLES]), occupancy_to_explored(parts[m.EXPLORED])
    return obstacles, explored, m.odometry_to_pose(parts[m.ODOM])


def goal_point(msg: PoseStamped) -> Point:
    """x, y of a goal in the map frame."""
    return float(msg.pose.position.x), float(msg.pose.position.y)


def declare_explorer(node: SealNode) -> ExplorerConfig:
    """ExplorerConfig from `explorer.*`, `goals.*`, `planner.*` and `local.*`: the same in both nodes."""
    return dataclasses.replace(
        declare_config(node, ExplorerConfig, "explorer"),
        goals=declare_config(node, GoalConfig, "goals"),
        planner=declare_config(node, PlannerConfig, "planner"),
        local=declare_config(node, LocalConfig, "local"),
    )


def declare_pilot(node: SealNode, planner: PlannerConfig) -> PilotConfig:
    """PilotConfig from `pilot.*`, `velocity.*` and `nearby.*`, with the planner that the node has already."""
    return dataclasses.replace(
        declare_config(node, PilotConfig, "pilot"),
        planner=planner,
        velocity=declare_config(node, VelocityConfig, "velocity"),
        nearby=declare_config(node, NearbyConfig, "nearby"),
    )


def declare_mode(node: SealNode) -> bool:
    """Whether `mode` says paced.

    Raises:
        InputError: if it is neither of the two modes.
    """
    mode = declare(node, "mode", "lockstep", "lockstep: an answer per frame; paced: time runs")
    if mode not in ("lockstep", "paced"):
        raise InputError(f"mode of {node.get_name()} must be lockstep or paced, got {mode!r}")
    return bool(mode == "paced")
