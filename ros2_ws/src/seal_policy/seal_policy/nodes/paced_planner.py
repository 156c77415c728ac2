# SPDX-License-Identifier: Apache-2.0
"""The planner in paced mode: `cmd_vel` at its rate from map, goal, odometry, contacts and what the sensors show."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import PoseStamped, Twist
from nav_msgs.msg import OccupancyGrid, Odometry, Path
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from std_msgs.msg import Bool

from seal_mapping.nodes.map_messages import occupancy_to_explored, occupancy_to_obstacles
from seal_perception import messages as m
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.convert import make_header, points_to_path
from seal_perception.odometry.live import PoseConfig
from seal_perception.types import FloatArray
from seal_policy.driving.velocity_driver import VelocityDriver, VelocityDriverConfig, warm_up
from seal_policy.nodes.inputs import message_to_goal
from seal_policy.planning.motion import Point


class PacedPlanner:
    """Feeds a `VelocityDriver` with messages. Commands go by the stamps of odometry: without odometry there are none.

    Args:
        node: subscribes and publishes.
        config: of the driver.
        T_base_camera: (4, 4) mounting of the depth camera.
        T_base_laser: (4, 4) mounting of the laser; None = no laser is heard.
        command_hz: commands per second.
        poses: how pictures and sweeps get their poses.
    """

    def __init__(
        self,
        node: SealNode,
        config: VelocityDriverConfig,
        T_base_camera: FloatArray,
        T_base_laser: FloatArray | None,
        command_hz: float,
        poses: PoseConfig,
    ) -> None:
        self._node = node
        warm_up(config)  # before the node says that it is ready: compiling takes seconds
        self._driver = VelocityDriver(config)
        self._T_base_camera, self._T_base_laser = T_base_camera, T_base_laser
        self._period_ns = round(m.NS / command_hz)
        self._due_ns = -1
        self._goal: Point | None = None
        self._replans = 0
        self._command = node.advertise(Twist, m.CMD_VEL)
        self._plan = node.advertise(Path, m.PLAN)
        pictures: dict[str, tuple[type, bool]] = {m.DEPTH: (Image, False), m.CAMERA_INFO: (CameraInfo, False)}
        node.match({**pictures, m.ODOM: (Odometry, False)}, self._on_picture, poses)
        node.match({m.OBSTACLES: (OccupancyGrid, True), m.EXPLORED: (OccupancyGrid, True)}, self._on_map)
        if T_base_laser is not None:
            node.match({m.SCAN: (LaserScan, False), m.ODOM: (Odometry, False)}, self._on_sweep, poses)
        node.subscribe(PoseStamped, m.GOAL, self._on_goal)
        node.subscribe(Bool, m.CONTACT, self._on_contact)
        node.odometry.add(self._on_odometry)

    def _on_goal(self, msg: PoseStamped) -> None:
        self._goal = message_to_goal(msg)

    def _on_contact(self, msg: Bool) -> None:
        if msg.data:
            self._driver.see_contact()

    def _on_map(self, _: int, parts: dict[str, Any]) -> None:
        self._driver.see_map(occupancy_to_obstacles(parts[m.OBSTACLES]), occupancy_to_explored(parts[m.EXPLORED]))

    def _on_picture(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        depth, camera = m.image_to_depth(parts[m.DEPTH]), m.camera_info_to_camera(parts[m.CAMERA_INFO])
        self._driver.see_depth(stamp_ns / m.NS, depth, camera, parts[m.ODOM], self._T_base_camera)

    def _on_sweep(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        assert self._T_base_laser is not None
        scan = m.scan_from_message(parts[m.SCAN], self._T_base_laser)
        self._driver.see_scan(stamp_ns / m.NS, scan, parts[m.ODOM])

    def _on_odometry(self, stamp_ns: int, msg: Odometry) -> None:
        if stamp_ns < self._due_ns:
            return
        self._due_ns = stamp_ns + self._period_ns
        speed = self._driver.steer(stamp_ns / m.NS, m.odometry_to_pose(msg), self._goal)
        command = Twist()
        command.linear.x, command.angular.z = speed.forward_mps, speed.turn_radps
        self._command.publish(command)
        if self._driver.replans > self._replans and self._plan.get_subscription_count():
            self._plan.publish(points_to_path(self._driver.path, make_header(stamp_ns, m.MAP_FRAME)))
        self._replans = self._driver.replans
