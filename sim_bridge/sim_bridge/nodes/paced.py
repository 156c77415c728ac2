# SPDX-License-Identifier: Apache-2.0
"""Paced mode: time runs, `cmd_vel` drives, whoever listens or not."""

from __future__ import annotations

import time
from pathlib import Path

from geometry_msgs.msg import Twist
from std_msgs.msg import Bool

from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.nodes.base import SealNode
from seal_perception.pose import pose_yaw
from seal_perception.simulator import Observation
from sim_bridge.nodes.robot_topics import RobotTopics
from sim_bridge.robot.paced_robot import PacedConfig, PacedRobot
from sim_bridge.worlds import World


class Paced:
    """Lets time run for a world.

    Args:
        node: hears `cmd_vel`, publishes `contact`, ends after `seconds` of simulated time.
        topics: what the robot publishes.
        world: reset.
        first: its first observation.
        config: rates and limits.
        seconds: length of the run; 0 = no end.
        real_time_factor: simulated seconds per second, at most.
        truth_path: file for the true poses at the pictures, for evaluation alone; empty = none.

    Raises:
        InputError: if a number is wrong.
    """

    def __init__(
        self,
        node: SealNode,
        topics: RobotTopics,
        world: World,
        first: Observation,
        config: PacedConfig,
        seconds: float,
        real_time_factor: float,
        truth_path: str = "",
    ) -> None:
        if not (real_time_factor > 0 and seconds >= 0):
            raise InputError(f"need real_time_factor > 0 and seconds >= 0, got {real_time_factor} and {seconds}")
        self._node, self._topics, self._world = node, topics, world
        self._first: Observation | None = first
        self._robot = PacedRobot(world, config)
        self._last_tick = round(seconds * config.physics_hz)
        self._period_s = 1.0 / (config.physics_hz * real_time_factor)
        self._truth_path = truth_path
        self._truth: list[list[float]] = []
        self._begun_s = 0.0
        self._contact = node.advertise(Bool, m.CONTACT)
        node.subscribe(Twist, m.CMD_VEL, self._on_command, depth=1)  # an old command is worth nothing

    def start(self) -> None:
        """Let time run."""
        self._begun_s = time.monotonic()
        self._timer = self._node.create_timer(self._period_s, self._tick, clock=self._node.steady)

    def _on_command(self, msg: Twist) -> None:
        self._robot.command(float(msg.linear.x), float(msg.angular.z))

    def _tick(self) -> None:
        """Publish what is due at this tick, then let it pass."""
        robot, stamp = self._robot, self._robot.stamp_ns
        self._topics.publish_pose(stamp, self._world.T_odom_base)
        if robot.picture_due:
            seen, self._first = self._first or self._world.observe(), None
            self._topics.publish_picture(stamp, seen)
            if self._truth_path:
                T = self._world.T_world_base
                self._truth.append([stamp, float(T[0, 3]), float(T[1, 3]), pose_yaw(T)])
        if self._last_tick and robot.ticks >= self._last_tick:
            self._end()
            return
        before = robot.touching
        robot.tick()
        if robot.touching != before:
            self._contact.publish(Bool(data=robot.touching))

    def _end(self) -> None:
        self._timer.cancel()
        factor = self._robot.time_s / max(1e-9, time.monotonic() - self._begun_s)
        self._node.get_logger().info(
            f"{self._robot.time_s:.1f} simulated s at {factor:.2f} times real time, {self._robot.contacts} contacts"
        )
        if self._truth_path:
            content = {
                "stamps_ns": [int(row[0]) for row in self._truth],
                "poses": [row[1:] for row in self._truth],
                "contacts": self._robot.contacts,
                "real_time_factor": round(factor, 3),
            }
            write_json(Path(self._truth_path), content, indent=None)
        self._topics.deliver()
        self._node.finish(0)
