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
from sim_bridge.robot_base.gate import BATTERY, Gate, GateConfig
from sim_bridge.robot_base.limits import LimitsConfig

_TELL_S = 1.0


STARTING_S = 20.0
"""A base's driver takes so long to start: until then nothing is said to be wrong with it."""


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
        rate_hz = declare(self, "rate_hz", 20.0, "commands to the base per second", minimum=10.0)
        self.gate = Gate(gate, limits, {name: signal.timeout_s for name, signal in signals.items() if signal.topic})
        self._odom = self.advertise(Odometry, m.ODOM)
        self._contact = self.advertise(Bool, m.CONTACT)
        self._touched = self._allowed = False
        self._begun_s = self._now_s()
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
        self._watched: dict[str, str] = {}
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

    def qos_key(self, topic: str) -> str:
        """The base's own topics have parameters of their own: /odom is not odom."""
        return super().qos_key(topic if not topic.startswith("/") else f"base_{topic.strip('/')}")

    def _hear(
        self, kind: type, topic: str, callback: Any, depth: int = 10, raw: bool = False, reliable: bool = False
    ) -> None:
        """Subscribe, mostly with best effort, which fits what any driver offers."""
        reliability = "reliable" if reliable else "best_effort"
        self.subscribe(kind, self._topic(topic), callback, raw=raw, depth=depth, reliability=reliability)

    def _incompatible(self, topic: str, who: str, event: Any) -> None:
        """Nothing passes: what a sensor would tell is not known."""
        super()._incompatible(topic, who, event)
        if topic in self._watched:
            self.gate.refuse(topic, f"{topic} offers another QoS than is asked for")

    def _hear_signals(self, signals: dict[str, SignalConfig]) -> None:
        """One subscription per topic, for all that it tells."""
        topics: dict[tuple[str, str], dict[str, SignalConfig]] = {}
        for name, signal in signals.items():
            if signal.topic:
                topics.setdefault((signal.topic, signal.type), {})[name] = signal
        for (topic, kind), told in topics.items():
            made = message_class(kind)
            for signal in told.values():  # a field that is not there ends the node now, not at the first bump
                signal_of(made(), signal)
            # What comes on change only comes once: it must not be lost.
            on_change = any(signal.timeout_s == 0 for signal in told.values())
            self._hear(made, topic, lambda msg, told=told: self._on_signals(msg, told), reliable=on_change)
            self._watched[self._topic(topic)] = ", ".join(told)
        quiet = [name for name, signal in signals.items() if not signal.topic]
        if quiet:
            self.get_logger().warning(f"the robot's file names no topic for: {', '.join(quiet)}; they stop nothing")

    def _now_s(self) -> float:
        return float(self.steady.now().nanoseconds) / m.NS

    def _enable(self, on: bool) -> str:
        refused = self.gate.enable(on)
        self._tell(again=True)  # the planner may have latched by itself
        return refused

    def _tell(self, again: bool = False) -> None:
        """Tell the planner when permission begins or ends; what is latched ends it too."""
        allowed = self.gate.enabled and not self.gate.latched
        if again or allowed != self._allowed:
            self._allowed = allowed
            self._permission.tell(allowed)

    def _tell_contact(self) -> None:
        """Tell the planner when a contact begins or ends, however short it is."""
        if self.gate.touching != self._touched:
            self._touched = self.gate.touching
            self._contact.publish(Bool(data=self._touched))

    def _graph(self) -> tuple[str, ...]:
        """What is wrong with the base's topics: sensors that nobody tells of, and others who drive."""
        missing = [row for row in self._watched.items() if not self.count_publishers(row[0])]
        if self._now_s() - self._begun_s < STARTING_S:
            rows = [f"waiting for {topic}, which tells of {told}" for topic, told in missing]
        else:
            advice = "start the base's driver, or correct the robot's file"
            rows = [f"nobody publishes {topic}, which tells of {told}: {advice}" for topic, told in missing]
        velocity = self._topic(self._base.velocity_topic)
        others = self.count_publishers(velocity) - 1
        if others > 0:
            rows.append(f"{others} other publisher(s) of {velocity}: only robot_bridge may drive the base")
        return tuple(rows)

    def _on_command(self, msg: Twist) -> None:
        self.gate.see_command((float(msg.linear.x), float(msg.angular.z)), self._now_s())

    def _on_odometry(self, msg: Odometry) -> None:
        T_odom_base = m.odometry_to_pose(msg)
        self.gate.see_odometry(m.header_stamp_ns(msg), T_odom_base, self._now_s())
        wanted = [self._topic(name) for name in (self._base.odom_frame, self._base.base_frame)]
        told = m.frame_mismatch(msg, *wanted)
        if told != self._frames_told:
            self._frames_told = told
            self.get_logger().warning(told or "odometry has the expected frames again")
        self._odom.publish(msg)

    def _on_picture(self, _: bytes) -> None:
        self.gate.see_picture(self._now_s())

    def _on_signals(self, msg: Any, told: dict[str, SignalConfig]) -> None:
        for name, signal in told.items():
            on = signal_of(msg, signal)
            if on is None and signal.timeout_s == 0 and name != BATTERY:
                raise InputError(f"it does not say whether there is {name}: {signal.field} is NaN")
            if on is not None:  # a battery's voltage may be NaN: not measured
                self.gate.see_signal(name, on, self._now_s())
                self._tell_contact()

    def on_dropped(self, what: str, error: ValueError) -> None:
        """What the base tells cannot be used: it is not known how it is."""
        self.gate.refuse(what, f"{what} cannot be used: {error}")

    def _tick(self) -> None:
        """Tell the base its speed, the planner whether there is permission and contact, people why it stands."""
        now_s = self._now_s()
        due = self._ticks % max(1, round(_TELL_S * self._rate_hz)) == 0
        self._ticks += 1
        if due:
            self.gate.see_graph(self._graph())
        self._command.send(*self.gate.to_send(now_s))
        self._tell()
        reasons = self.gate.reasons(now_s)
        values = [("enabled", str(self.gate.enabled).lower()), *((reason.name, reason.text) for reason in reasons)]
        self._status.say([reason.text for reason in reasons], self.gate.latched, values, due)

    def halt(self) -> None:
        """Stop the base for good."""
        self._command.stop()


def main() -> None:
    """Run the node."""
    sys.exit(run_node(RobotBridgeNode, "robot_bridge"))


if __name__ == "__main__":
    main()
