# SPDX-License-Identifier: Apache-2.0
"""What policy and planner have in common: map and pose of one stamp, the goal as a message, the configurations."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid, Odometry

from seal_mapping.nodes.map_messages import (
    image_to_volume,
    occupancy_to_explored,
    occupancy_to_obstacles,
    occupancy_to_uncertainty,
)
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.convert import make_header, matrix_to_pose_stamped
from seal_perception.nodes.params import declare, declare_config
from seal_perception.pose import planar_pose
from seal_perception.types import FloatArray
from seal_policy.driving.rolling_grid import RollingGridConfig
from seal_policy.driving.step_driver import StepDriverConfig
from seal_policy.driving.velocity import VelocityConfig
from seal_policy.driving.velocity_driver import VelocityDriverConfig
from seal_policy.goals.policy import MapLayers
from seal_policy.planning.local_policy import LocalConfig
from seal_policy.planning.motion import Point
from seal_policy.planning.planner import PlannerConfig

MAP_AND_POSE: dict[str, tuple[type, bool]] = {
    m.OBSTACLES: (OccupancyGrid, True),
    m.EXPLORED: (OccupancyGrid, True),
    m.ODOM: (Odometry, False),
}
"""Topics whose messages of one stamp make a step's input: type, latched."""


def read_grids(parts: dict[str, Any]) -> tuple[Grid2D, Grid2D]:
    """Obstacles and explored of matched messages.

    Raises:
        InputError: if the two grids are not of the same cells.
        ValueError: if one of them is none.
    """
    obstacles, explored = occupancy_to_obstacles(parts[m.OBSTACLES]), occupancy_to_explored(parts[m.EXPLORED])
    if obstacles.shape != explored.shape or obstacles.cell_m != explored.cell_m:
        raise InputError(
            f"{m.OBSTACLES} and {m.EXPLORED} must have the same cells, got {obstacles.shape} of {obstacles.cell_m} m "
            f"and {explored.shape} of {explored.cell_m} m"
        )
    return obstacles, explored


def read_step(parts: dict[str, Any]) -> tuple[Grid2D, Grid2D, FloatArray]:
    """Obstacles, explored and T_map_base of `SealNode.match` (the map starts where odometry does).

    Raises:
        ValueError: as `read_grids`.
    """
    return *read_grids(parts), parts[m.ODOM]


def read_layers(parts: dict[str, Any]) -> MapLayers:
    """What gives the policy `map/uncertainty` and `map/volume` of matched messages, where they are among them."""
    uncertainty, volume = parts.get(m.UNCERTAINTY), parts.get(m.VOLUME)
    return MapLayers(
        None if uncertainty is None else lambda: occupancy_to_uncertainty(uncertainty),
        None if volume is None else lambda _: image_to_volume(volume),
    )


def goal_to_message(goal: Point | None, heading: float | None, stamp_ns: int, frame: str = m.MAP_FRAME) -> PoseStamped:
    """The goal in force as the answer to a frame.

    Args:
        goal: x, y in metres, map frame; None = there is none: the position is NaN.
        heading: direction in rad, map frame. With a goal, that in which it lay when it was given; without one, that to
            turn to on the spot. None = look around: all of the orientation is 0.
        stamp_ns: of the frame.
        frame: name of the map's frame.
    """
    x, y = goal if goal is not None else (math.nan, math.nan)
    msg = matrix_to_pose_stamped(planar_pose(x, y, heading or 0.0), make_header(stamp_ns, frame))
    if heading is None:
        msg.pose.orientation.w = 0.0
    return msg


def message_to_goal(msg: PoseStamped) -> Point | None:
    """x, y of the goal in the map frame; None where the message says that there is none."""
    x, y = float(msg.pose.position.x), float(msg.pose.position.y)
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def message_to_heading(msg: PoseStamped) -> float | None:
    """Direction of a `goal` message in rad, map frame; None where it has none."""
    q = msg.pose.orientation
    if not math.isfinite(q.z + q.w) or q.z == q.w == 0.0:
        return None
    return 2.0 * math.atan2(q.z, q.w)


def declare_step_driver(node: SealNode) -> StepDriverConfig:
    """StepDriverConfig from `explorer.*`, `planner.*` and `local.*`."""
    return dataclasses.replace(
        declare_config(node, StepDriverConfig, "explorer"),
        planner=declare_config(node, PlannerConfig, "planner"),
        local=declare_config(node, LocalConfig, "local"),
    )


def declare_velocity_driver(node: SealNode, planner: PlannerConfig) -> VelocityDriverConfig:
    """VelocityDriverConfig from `driver.*`, `velocity.*` and `rolling_grid.*`, with the node's own planner."""
    return dataclasses.replace(
        declare_config(node, VelocityDriverConfig, "driver"),
        planner=planner,
        velocity=declare_config(node, VelocityConfig, "velocity"),
        rolling_grid=declare_config(node, RollingGridConfig, "rolling_grid"),
    )


def declare_laser(node: SealNode) -> FloatArray:
    """T_base_laser (4, 4) from `laser.*`."""
    x = declare(node, "laser.x_m", 0.0, "laser ahead of the base, in metres")
    y = declare(node, "laser.y_m", 0.0, "laser to the left of the base, in metres")
    z = declare(node, "laser.height_m", 0.3, "laser above the floor, in metres")
    yaw = declare(node, "laser.yaw_rad", 0.0, "laser turned to the left, in radians")
    return planar_pose(x, y, yaw, z)


def declare_mode(node: SealNode) -> bool:
    """Whether `mode` says paced, where nothing is in lockstep.

    Raises:
        InputError: if it is neither of the two modes.
    """
    mode = declare(node, "mode", "lockstep", "lockstep: one answer per frame; paced: real time, velocity commands")
    if mode not in ("lockstep", "paced"):
        raise InputError(f"mode of {node.get_name()} must be lockstep or paced, got {mode!r}")
    node.lockstep = node.lockstep and mode == "lockstep"
    return bool(mode == "paced")
