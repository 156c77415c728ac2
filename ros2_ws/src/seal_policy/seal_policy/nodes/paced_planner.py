# SPDX-License-Identifier: Apache-2.0
"""The planner in paced mode: `cmd_vel` at its rate from map, goal, odometry, contacts and what the sensors show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid, Odometry, Path
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from std_msgs.msg import Bool, String

from seal_perception import messages as m
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.convert import make_header, points_to_path
from seal_perception.nodes.explore_topics import ExploreStatus, Permission, VelocityTopic
from seal_perception.nodes.live_frames import MOUNTING
from seal_perception.nodes.transform_feed import Corrected
from seal_perception.odometry.live import PoseConfig
from seal_perception.safety.watch import OdometryWatch
from seal_perception.types import FloatArray
from seal_policy.driving.guard import GOAL, MAP, PICTURE, SCORES, DriveGuard, GuardConfig
from seal_policy.driving.velocity_driver import VelocityDriver, VelocityDriverConfig, warm_up
from seal_policy.nodes.inputs import message_to_goal, message_to_heading, read_grids
from seal_policy.planning.motion import Point

_LOOK_S, _TELL_S = 0.1, 1.0


@dataclass(frozen=True)
class PacedSettings:
    """What a `PacedPlanner` is told.

    Attributes:
        driver: how to drive.
        T_base_camera: (4, 4) mounting of the depth camera.
        T_base_laser: (4, 4) mounting of the laser; None = no laser is heard.
        command_hz: commands per second.
        poses: how pictures and sweeps get their poses, and what is a jump.
        guard: from when on inputs are gone.
        enabled: whether it may drive from the start.
        serve: whether it serves `explore/enable`; else it hears `explore/enabled`.
        stamped: commands are TwistStamped.
    """

    driver: VelocityDriverConfig
    T_base_camera: FloatArray
    T_base_laser: FloatArray | None
    command_hz: float
    poses: PoseConfig
    guard: GuardConfig
    enabled: bool
    serve: bool
    stamped: bool


class PacedPlanner:
    """Feeds a `VelocityDriver` with messages; a `DriveGuard` decides whether what it wants is sent.

    Commands go by the stamps of odometry. A clock of its own sends the stop when odometry ends.

    Args:
        node: subscribes and publishes.
        settings: all numbers.
    """

    def __init__(self, node: SealNode, settings: PacedSettings) -> None:
        self._node, self._settings = node, settings
        warm_up(settings.driver)  # before the node says that it is ready: compiling takes seconds
        self._driver = VelocityDriver(settings.driver)
        self._T_base_laser = settings.T_base_laser
        watch = OdometryWatch(settings.poses.jump_m, settings.poses.jump_rad)
        self.guard = DriveGuard(settings.guard, settings.enabled, watch)
        self._period_ns = round(m.NS / settings.command_hz)
        self._due_ns = -1
        self._goal: Point | None = None
        self._heading: float | None = None
        self._replans = self._looks = 0
        self._used = self._skipped = False
        self._looked_s = self._now_s()
        self._corrected = Corrected(node, settings.poses)
        self._command = VelocityTopic(node, m.CMD_VEL, settings.stamped, node.frame(m.BASE_FRAME))
        self._plan = node.advertise(Path, m.PLAN)
        self._status = ExploreStatus(node, "seal_policy: planner")
        self._permission = Permission(node, self._enable, settings.serve)
        self._permission.tell(settings.enabled)
        pictures: dict[str, tuple[type, bool]] = {m.DEPTH: (Image, False), m.CAMERA_INFO: (CameraInfo, False)}
        node.odometry.add(self._on_odometry)
        node.match({**pictures, m.ODOM: (Odometry, False)}, self._on_picture, settings.poses)
        node.match({m.OBSTACLES: (OccupancyGrid, True), m.EXPLORED: (OccupancyGrid, True)}, self._on_map)
        if self._T_base_laser is not None:
            node.match({m.SCAN: (LaserScan, False), m.ODOM: (Odometry, False)}, self._on_sweep, settings.poses)
        node.subscribe(PoseStamped, m.GOAL, self._on_goal)
        node.subscribe(Bool, m.CONTACT, self._on_contact)
        node.subscribe(String, m.DETECTIONS, lambda _: self.guard.seen(SCORES), raw=True, depth=5)
        node.create_timer(_LOOK_S, self._look, clock=node.steady)

    def _now_s(self) -> float:
        return float(self._node.steady.now().nanoseconds) / m.NS

    def _enable(self, on: bool) -> str:
        if on and self.guard.latched:  # the frame of odometry is another one: what was seen lately is elsewhere
            self._driver = VelocityDriver(self._settings.driver)
            self._goal = self._heading = None
        self.guard.enable(on)
        self._permission.tell(on)
        self._send(None)
        return ""

    def _on_goal(self, msg: PoseStamped) -> None:
        self._goal, self._heading = message_to_goal(msg), message_to_heading(msg)
        self.guard.seen(GOAL)

    def _on_contact(self, msg: Bool) -> None:
        if msg.data:
            self._driver.see_contact()

    def _on_map(self, _: int, parts: dict[str, Any]) -> None:
        self._driver.see_map(*read_grids(parts))
        self.guard.seen(MAP)

    def _on_picture(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        depth, camera = m.image_to_depth(parts[m.DEPTH]), m.camera_info_to_camera(parts[m.CAMERA_INFO])
        m.check_fits_camera(depth, camera)
        mounting = parts.get(MOUNTING, self._settings.T_base_camera)
        self._driver.see_depth(stamp_ns / m.NS, depth, camera, parts[m.ODOM], mounting)
        self.guard.seen(PICTURE)

    def _on_sweep(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        assert self._T_base_laser is not None
        scan = m.scan_from_message(parts[m.SCAN], parts.get(MOUNTING, self._T_base_laser))
        self._driver.see_scan(stamp_ns / m.NS, scan, parts[m.ODOM])

    def _on_odometry(self, stamp_ns: int, msg: Odometry) -> None:
        T_odom_base = m.odometry_to_pose(msg)
        late_s = (self._node.get_clock().now().nanoseconds - stamp_ns) / m.NS
        fault = self.guard.see_odometry(stamp_ns, T_odom_base, self._now_s(), late_s)
        if fault is not None:
            self._node.get_logger().error(f"{fault.text}: the map is void; call map/reset, then {m.ENABLE}")
            self._due_ns = -1
        if self.guard.reasons(self._now_s()):
            self._send(None)
            return
        if stamp_ns < self._due_ns:
            return
        self._due_ns = stamp_ns + self._period_ns
        T_map_base = self._corrected.pose(T_odom_base)
        if T_map_base is None:
            self.refuse(f"no transform {self._settings.poses.tf_map_frame} -> {self._settings.poses.tf_odom_frame}")
            return
        speed = self._driver.steer(stamp_ns / m.NS, T_map_base, self._goal, self._heading)
        self._send((speed.forward_mps, speed.turn_radps))
        if self._driver.replans > self._replans and self._plan.get_subscription_count():
            self._plan.publish(points_to_path(self._driver.path, make_header(stamp_ns, self._node.frame(m.MAP_FRAME))))
        self._replans = self._driver.replans

    def _send(self, wanted: tuple[float, float] | None) -> None:
        """Publish what the guard makes of it."""
        stops = self.guard.stops
        sent = self.guard.to_send(wanted, self._now_s())
        if self.guard.stops > stops:
            self._driver.rest()
        if sent is not None:
            self._used = True
            self._command.send(*sent)

    def refuse(self, text: str) -> None:
        """A message could not be used: stand, and go on when the next ones can be."""
        self.guard.odd(text, self._now_s())
        self._send(None)

    def _look(self) -> None:
        """Stop where inputs have ended, and tell why the robot stands."""
        before_s, self._looked_s = self._looked_s, self._now_s()
        busy = self._looked_s - before_s > 2 * _LOOK_S
        self._skipped = busy and not self._skipped
        if self._skipped:
            return  # this node was busy (planning), for once: what came meanwhile still waits to be read
        reasons = self.guard.reasons(self._looked_s)
        if reasons:
            self._send(None)
        self._looks += 1
        values = [
            ("enabled", str(self.guard.enabled).lower()),
            ("stops", str(self.guard.stops)),
            ("messages_dropped", str(sum(self._node.dropped.values()))),
            *((f"reason.{k}", reason) for k, reason in enumerate(reasons)),
        ]
        self._status.say(reasons, bool(self.guard.latched), values, self._looks % round(_TELL_S / _LOOK_S) == 0)

    def halt(self) -> None:
        """Stop the robot for good, if it was ever driven."""
        if self._used:
            self._command.stop()
