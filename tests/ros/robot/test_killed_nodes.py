# SPDX-License-Identifier: Apache-2.0
"""Each node that the wheels depend on is killed while the fake robot drives: it stands, with no launch around it."""

from __future__ import annotations

import dataclasses
import signal
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from std_srvs.srv import SetBool
from tests.ros.robot.graph import Graph, graph

from seal_bringup.stack.node_process import free_nodes
from seal_bringup.stack.node_specs import NodeSpec
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import robot_nodes
from seal_perception import messages as m
from seal_perception.nodes.base import SealNode
from seal_perception.pose import pose_yaw
from seal_perception.running.patience import Patience, crowd

pytestmark = pytest.mark.ros

MAP_S, WATCHDOG_S = 2.0, 2.0
"""`guard.map_s` and its like, 5 s by default, which would make this test longer; and a Kobuki's own watchdog."""
SMALL = {
    "fake_robot": {"sim.width": 64, "sim.height": 48, "sim.depth_noise": "none", "fake.no_picture": 0.0},
    "planner": {f"guard.{name}_s": MAP_S for name in ("map", "goal", "scores")},
}
KILLED = {
    "perception": ("no detections for", MAP_S),
    "mapping": ("no map for", MAP_S),
    "policy": ("no goal for", MAP_S),
    "planner": ("no command for", 0.5),
    "robot_bridge": ("", WATCHDOG_S),
}
"""What is said about the end of each, and after how long it stops the robot (docs/robot.md)."""


class Eye(SealNode):
    """Sees whether the wheels turn, and what is said about that."""

    def __init__(self) -> None:
        super().__init__("eye")
        self.command, self.moved_ns, self.now_ns = (0.0, 0.0), 0, 0
        self._pose: tuple[float, float, float] | None = None
        self.said: list[str] = []
        self.subscribe(Odometry, "/locobot/odom", self._on_odometry)
        self.subscribe(Twist, "/locobot/commands/velocity", self._on_command)
        self.subscribe(DiagnosticArray, f"/seal/{m.EXPLORE_STATUS}", self._on_status)
        self.gate = self.create_client(SetBool, f"/seal/{m.ENABLE}")

    def _on_command(self, msg: Twist) -> None:
        self.command = (msg.linear.x, msg.angular.z)

    def _on_odometry(self, msg: Odometry) -> None:
        T = m.odometry_to_pose(msg)
        pose, self.now_ns = (float(T[0, 3]), float(T[1, 3]), pose_yaw(T)), m.header_stamp_ns(msg)
        if pose != self._pose:
            self._pose, self.moved_ns = pose, self.now_ns

    def _on_status(self, msg: DiagnosticArray) -> None:
        self.said.extend(status.message for status in msg.status)

    @property
    def drives(self) -> bool:
        """Whether it is told to drive, and does."""
        return self.command != (0.0, 0.0) and self.now_ns == self.moved_ns > 0

    @property
    def stands(self) -> bool:
        """Whether it has not moved for a second."""
        return self.now_ns - self.moved_ns > m.NS


def make_drive(one: Graph, eye: Eye) -> None:
    """Enable it until it drives, and has for a while."""
    patience = Patience()
    while not one.spin_until(lambda: eye.drives, 3.0):
        assert patience.used_s() < 120, eye.said[-3:]
        if eye.gate.service_is_ready():
            eye.gate.call_async(SetBool.Request(data=True))
    one.spin_for(0.3)


def test_the_robot_stands_when_any_node_is_killed(
    monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path
) -> None:
    """The planner drove on for a quarter of a minute after mapping had been killed."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    domain = run_config(tmp_path).domain_id
    config = RobotConfig(fake=True, weights="none", pose_source="odometry", record=False, run_dir=str(tmp_path / "run"))
    specs: dict[str, NodeSpec] = {}
    for spec in robot_nodes(config):
        specs[spec.name] = dataclasses.replace(spec, parameters={**spec.parameters, **SMALL.get(spec.name, {})})
    took: dict[str, float] = {}
    with graph(domain, lockstep="false") as one, free_nodes(specs.values(), tmp_path / "log", domain) as nodes:
        eye = one.make(Eye)
        for name, (reason, limit_s) in KILLED.items():
            make_drive(one, eye)
            assert one.spin_until(lambda: eye.drives)
            eye.said.clear()
            killed_ns = time.time_ns()
            nodes[f"seal/{name}"].signal(signal.SIGKILL)
            assert one.spin_until(lambda: eye.stands), f"{name} was killed, and it drives on: {eye.said[-1:]}"
            took[name] = (eye.moved_ns - killed_ns) / m.NS
            assert took[name] <= limit_s + 0.5 + crowd(), took
            if reason:  # what a killed gate would say, nobody says
                assert one.spin_until(lambda reason=reason: any(reason in text for text in eye.said)), (
                    name,
                    eye.said[-3:],
                )
            if name != "robot_bridge":
                nodes.begin(specs[name])
