# SPDX-License-Identifier: Apache-2.0
"""Lockstep: frame k is published when the `step` that answers frame k - 1 has come."""

from __future__ import annotations

import math

from geometry_msgs.msg import PoseStamped

from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode
from seal_perception.simulator import FIRST_STAMP_NS, STEP_NS, Observation, Simulator
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.nodes.robot_topics import RobotTopics
from sim_bridge.nodes.steps import nearest_action


class Lockstep:
    """Drives a world by discrete steps.

    Args:
        node: hears `step`; ends when the frame after `max_steps` is answered.
        topics: what the robot publishes.
        world: reset.
        first: its first observation.
        config: length of steps and angle of turns.
        max_steps: actions in the run.
    """

    def __init__(
        self,
        node: SealNode,
        topics: RobotTopics,
        world: Simulator,
        first: Observation,
        config: EmbeddedConfig,
        max_steps: int,
    ) -> None:
        self._node, self._topics, self._world, self._config = node, topics, world, config
        self._seen = first
        self._max_steps = max_steps
        self._started = False
        node.subscribe(PoseStamped, m.STEP, self._on_step)

    @property
    def _stamp_ns(self) -> int:
        return FIRST_STAMP_NS + self._seen.step * STEP_NS

    def start(self) -> None:
        """Show the first frame."""
        self._started = True
        self._publish()

    def _publish(self) -> None:
        self._topics.publish_pose(self._stamp_ns, self._seen.T_odom_base)
        self._topics.publish_picture(self._stamp_ns, self._seen)

    def _on_step(self, msg: PoseStamped) -> None:
        if not self._started or m.header_stamp_ns(msg) != self._stamp_ns:
            raise InputError(
                f"step answers the frame of {m.header_stamp_ns(msg)} ns, the frame shown is of {self._stamp_ns} ns; "
                "is a second planner running?"
            )
        if self._seen.step >= self._max_steps:
            self._topics.deliver()
            self._node.finish(0)
            return
        c = self._config
        action = nearest_action(m.pose_message_to_matrix(msg.pose), c.forward_m, math.radians(c.turn_deg))
        self._seen = self._world.step(action)
        self._publish()
