# SPDX-License-Identifier: Apache-2.0
"""Bridge to a real robot's base: its topics in the stack's names, and the gate before its wheels."""

from __future__ import annotations

import sys
from typing import Any

from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from std_msgs.msg import Bool

from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.explore_topics import ExploreStatus, Permission, VelocityTopic
from seal_perception.nodes.params import declare, declare_config
from sim_bridge.nodes.base_topics import BaseConfig, declare_signals, message_class
from sim_bridge.robot_base.fields import SignalConfig, signal_of
from sim_bridge.robot_base.gate import Gate, GateConfig
from sim_bridge.robot_base.limits import LimitsConfig

_TELL_S = 1.0


class RobotBridgeNode(SealNode):
    """`cmd_vel` through the gate to the base, at `rate_hz`; the base's odometry to `odom`, its bumpers to `contact`.

    Serves `explore/enable` and `explore/stop`; `explore/status` says why the robot stands. Parameters come from a file
    of seal_bringup's config/robots, whose generic.yaml explains each. A message class that is not installed ends the
    node with a line: what stops the robot cannot be left out silently.
    """

    def __init__(self) -> None:
        super().__init__("robot_bridge")
        self.lockstep = False  # a robot does not wait
        self._base = declare_config(self, BaseConfig, "base")
        signals = declare_signals(self)
        limits, gate = declare_config(self, LimitsConfig, "limits"), declare_config(self, GateConfig, "gate")
        enable = declare(self, "enable", False, "may drive at once; false = when explore/enable is called")
        rate_hz = declare(self, "rate_hz", 20.0, "commands to the base per second", minimum=5.0)
        self.gate = Gate(gate, limits, {name: signal.timeout_s for name, signal in signals.items() if signal.topic})
        self._odom = self.advertise(Odometry, m.ODOM)
        self._contact = self.advertise(Bool, m.CONTACT)
        self._touched = self._allowed = False
        self._ticks, self._rate_hz = 0, rate_hz
        self._frames_told = ""
        self._command = VelocityTopic(self, self._topic(self._base.velocity_topic), self._base.velocity_stamped)
        self._refuse_loops()
        self._status = ExploreStatus(self, "sim_bridge: gate")
        self._permission = Permission(self, self._enable, serve=True)
        self._permission.tell(False)
        self.subscribe(Twist, m.CMD_VEL, self._on_command, depth=1)
        self._hear(Odometry, self._base.odometry_topic, self._on_odometry, depth=100)
        if gate.picture_s > 0:
            self._hear(message_class(self._base.picture_type), self._base.picture_topic, self._on_picture, raw=True)
        self._hear_signals(signals)
        if enable:
            self._enable(True)
        self.create_timer(1.0 / rate_hz, self._tick, clock=self.steady)

    def _topic(self, name: str) -> str:
        return name.replace("{robot}", self._base.robot_name)

    def _refuse_loops(self) -> None:
        """End where the base's own topics have the stack's names: the bridge would hear itself."""
        for ours, theirs in ((m.CMD_VEL, self._base.velocity_topic), (m.ODOM, self._base.odometry_topic)):
            name = self.resolve_topic_name(ours)
            if name == self.resolve_topic_name(self._topic(theirs)):
                raise InputError(f"{name} is the base's own topic too: start the stack in a namespace (-r __ns:=/seal)")

    def _hear(self, kind: type, topic: str, callback: Any, depth: int = 10, raw: bool = False) -> None:
        """Subscribe with best effort, which fits what any driver offers."""
        self.subscribe(kind, self._topic(topic), callback, raw=raw, depth=depth, reliability="best_effort")

    def _hear_signals(self, signals: dict[str, SignalConfig]) -> None:
        """One subscription per topic, for all that it tells."""
        topics: dict[tuple[str, str], dict[str, SignalConfig]] = {}
        for name, signal in signals.items():
            if signal.topic:
                topics.setdefault((signal.topic, signal.type), {})[name] = signal
        for (topic, kind), told in topics.items():
            self._hear(message_class(kind), topic, lambda msg, told=told: self._on_signals(msg, told))
        quiet = [name for name, signal in signals.items() if not signal.topic]
        if quiet:
            self.get_logger().warning(f"the robot's file names no topic for: {', '.join(quiet)}; they stop nothing")

    def _now_s(self) -> float:
        return float(self.steady.now().nanoseconds) / m.NS

    def _enable(self, on: bool) -> str:
        refused = self.gate.enable(on)
        self._tell()
        return refused

    def _tell(self) -> None:
        """Tell the planner when permission begins or ends; what is latched ends it too."""
        allowed = self.gate.enabled and not self.gate.latched
        if allowed != self._allowed:
            self._allowed = allowed
            self._permission.tell(allowed)

    def _on_command(self, msg: Twist) -> None:
        self.gate.see_command((float(msg.linear.x), float(msg.angular.z)), self._now_s())

    def _on_odometry(self, msg: Odometry) -> None:
        T_odom_base = m.odometry_to_pose(msg)
        self.gate.see_odometry(m.header_stamp_ns(msg), T_odom_base, self._now_s())
        wanted = [self._topic(name) for name in (self._base.odom_frame, self._base.base_frame)]
        told = m.frame_mismatch(msg, *wanted)
        if told != self._frames_told:
            self._frames_told = told
            self.get_logger().warning(told)
        self._odom.publish(msg)

    def _on_picture(self, _: bytes) -> None:
        self.gate.see_picture(self._now_s())

    def _on_signals(self, msg: Any, told: dict[str, SignalConfig]) -> None:
        for name, signal in told.items():
            self.gate.see_signal(name, signal_of(msg, signal), self._now_s())

    def on_dropped(self, what: str, error: ValueError) -> None:
        """What the base tells cannot be used: it is not known how it is."""
        self.gate.refuse(what, f"{what} cannot be used: {error}")

    def _tick(self) -> None:
        """Tell the base its speed, the planner whether there is permission and contact, people why it stands."""
        now_s = self._now_s()
        self._command.send(*self.gate.to_send(now_s))
        self._tell()
        if self.gate.touching != self._touched:
            self._touched = self.gate.touching
            self._contact.publish(Bool(data=self._touched))
        self._ticks += 1
        reasons = self.gate.reasons(now_s)
        values = [("enabled", str(self.gate.enabled).lower()), *((reason.name, reason.text) for reason in reasons)]
        due = self._ticks % max(1, round(_TELL_S * self._rate_hz)) == 0
        self._status.say([reason.text for reason in reasons], self.gate.latched, values, due)

    def halt(self) -> None:
        """Stop the base for good."""
        self._command.stop()


def main() -> None:
    """Run the node."""
    sys.exit(run_node(RobotBridgeNode, "robot_bridge"))


if __name__ == "__main__":
    main()
