# SPDX-License-Identifier: Apache-2.0
"""The bridge to a base, over ROS, with plain messages and the shipped parameter files."""

from __future__ import annotations

import math
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import yaml
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import BatteryState, CameraInfo
from std_msgs.msg import Bool, UInt8
from std_srvs.srv import SetBool, Trigger
from tests.ros.robot.graph import Graph, graph, hear_hangups, odometry, picture

from seal_bringup.stack.config import shared_folder
from seal_perception import messages as m
from seal_perception.errors import InputError, MissingDependencyError
from seal_perception.nodes.base import SealNode
from seal_perception.running.patience import Patience
from sim_bridge.nodes import base_topics, robot_bridge_node
from sim_bridge.nodes.robot_bridge_node import RobotBridgeNode

pytestmark = pytest.mark.ros

ROBOTS = ("generic", "locobot_create3", "locobot_kobuki", "tiago", "turtlebot4")
STOP = (0.0, 0.0)
NAMESPACE = "/seal"
ROOT = Path(__file__).resolve().parents[3]


def file_of(robot: str) -> Path:
    return shared_folder("config") / "robots" / f"{robot}.yaml"


class Base(SealNode):
    """A base in ROS's own messages, and the planner's side of the bridge."""

    def __init__(self, velocity: str = "/robot/cmd_vel", stamped: bool = False) -> None:
        super().__init__("base")
        self.told: list[tuple[float, float]] = []
        self.passed: list[Any] = []
        self.contacts: list[bool] = []
        self.allowed: list[bool] = []
        self.status = ""
        self.odom = self.advertise(Odometry, "/robot/odom")
        self.bumper = self.advertise(Bool, "/robot/bumper")
        self.info = self.advertise(CameraInfo, m.CAMERA_INFO)
        self.command = self.advertise(Twist, m.CMD_VEL)
        self.subscribe(TwistStamped if stamped else Twist, velocity, self._on_velocity)
        self.subscribe(Odometry, m.ODOM, self.passed.append)
        self.subscribe(Bool, m.CONTACT, lambda msg: self.contacts.append(msg.data))
        self.subscribe(Bool, m.ENABLED, lambda msg: self.allowed.append(msg.data), latched=True)
        self.subscribe(DiagnosticArray, m.EXPLORE_STATUS, lambda msg: setattr(self, "status", msg.status[0].message))
        self.stamp_ns = 50 * m.NS

    def _on_velocity(self, msg: Any) -> None:
        twist = getattr(msg, "twist", msg)
        self.told.append((twist.linear.x, twist.angular.z))

    def live(self, commands: bool = True) -> None:
        """Odometry, camera and a command."""
        self.stamp_ns += m.NS // 20
        self.odom.publish(odometry(self.stamp_ns))
        self.info.publish(picture(self.stamp_ns)[m.CAMERA_INFO])
        if commands:
            msg = Twist()
            msg.linear.x = 0.2
            self.command.publish(msg)


@pytest.fixture
def open_graph(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., Graph]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    opened: list[Any] = []

    def start(robot: str, **parameters: object) -> Graph:
        words = ["-r", f"__ns:={NAMESPACE}", "--params-file", str(file_of(robot))]
        opened.append(graph(run_config(tmp_path).domain_id, words, lockstep="false", **parameters))
        return opened[-1].__enter__()

    yield start
    for context in opened:
        context.__exit__(None, None, None)


def run(one: Graph, base: Base, seconds: float, commands: bool = True) -> list[tuple[float, float]]:
    begin = len(base.told)
    for _ in range(round(seconds * 20)):
        base.live(commands)
        one.spin_for(0.05)
    return base.told[begin:]


def ask(one: Graph, node: Any, kind: type, name: str, **fields: Any) -> Any:
    client = node.create_client(kind, name)
    assert one.spin_until(client.service_is_ready)
    answer = client.call_async(kind.Request(**fields))
    assert one.spin_until(answer.done)
    return answer.result()


def ready(one: Graph, base: Base) -> None:
    topics = (base.odom, base.bumper, base.info, base.command)
    assert one.spin_until(
        lambda: all(t.get_subscription_count() for t in topics) and bool(base.told) and bool(base.allowed)
    )


def test_commands_pass_when_enabled_and_stop_at_a_bumper_and_in_silence(open_graph: Callable[..., Graph]) -> None:
    one = open_graph("generic")
    bridge, base = one.make(RobotBridgeNode), one.make(Base)
    ready(one, base)
    assert set(run(one, base, 1.0)) == {STOP} and base.status == "not enabled: call explore/enable"
    assert ask(one, base, SetBool, m.ENABLE, data=True).success
    assert run(one, base, 1.5)[-1] == (0.2, 0.0) and base.allowed == [False, True]
    assert (base.passed[-1].header.frame_id, base.passed[-1].child_frame_id) == (m.ODOM_FRAME, m.BASE_FRAME)
    base.bumper.publish(Bool(data=True))
    told = run(one, base, 0.4)
    assert told[-1] == STOP and base.contacts == [True]
    base.bumper.publish(Bool(data=False))
    assert run(one, base, 1.5)[-1] == (0.2, 0.0) and base.contacts == [True, False]
    told = run(one, base, 1.0, commands=False)
    assert told[-1] == STOP and base.status.startswith("no command for")
    assert ask(one, base, Trigger, m.STOP_EXPLORING).success
    assert set(run(one, base, 1.0)[2:]) == {STOP} and base.allowed == [False, True, False]
    assert bridge.gate.enabled is False


def test_odometry_that_jumps_ends_the_permission(open_graph: Callable[..., Graph]) -> None:
    one = open_graph("generic")
    one.make(RobotBridgeNode)
    base = one.make(Base)
    ready(one, base)
    ask(one, base, SetBool, m.ENABLE, data=True)
    run(one, base, 1.0)
    base.stamp_ns += m.NS // 20
    base.odom.publish(odometry(base.stamp_ns, x=1.0))
    one.spin_for(0.2)
    assert set(run(one, base, 1.0)) == {STOP} and base.allowed == [False, True, False]
    assert "odometry jumped by 1.00 m" in base.status


def test_a_message_that_is_none_latches(open_graph: Callable[..., Graph]) -> None:
    one = open_graph("generic")
    one.make(RobotBridgeNode)
    base = one.make(Base)
    ready(one, base)
    ask(one, base, SetBool, m.ENABLE, data=True)
    run(one, base, 1.0)
    odd = odometry(base.stamp_ns)
    odd.pose.pose.orientation.w = 0.0
    base.odom.publish(odd)
    one.spin_for(0.2)
    assert set(run(one, base, 1.0)) == {STOP} and "/robot/odom cannot be used" in base.status


def test_another_robots_frames_are_told(open_graph: Callable[..., Graph], capfd: pytest.CaptureFixture[str]) -> None:
    one = open_graph("generic", base__odom_frame="locobot/odom")
    one.make(RobotBridgeNode)
    base = one.make(Base)
    ready(one, base)
    run(one, base, 0.3)
    assert "odometry's frame_id is 'odom', expected is 'locobot/odom': is this the robot" in capfd.readouterr().err


def test_a_stamped_base_gets_stamped_commands(open_graph: Callable[..., Graph]) -> None:
    one = open_graph("generic", base__velocity_stamped="true")
    one.make(RobotBridgeNode)
    base = one.make(lambda: Base(stamped=True))
    ready(one, base)
    ask(one, base, SetBool, m.ENABLE, data=True)
    assert run(one, base, 1.5)[-1] == (0.2, 0.0)


@pytest.mark.parametrize("robot", ROBOTS)
def test_every_file_sets_what_the_bridge_has_and_nothing_else(
    open_graph: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch, robot: str
) -> None:
    """All files name all parameters; the node takes them, with stand-ins for messages that are not installed."""

    def stand_in(name: str) -> Any:
        known = name.split("/")[0] in ("std_msgs", "sensor_msgs")
        return base_topics.message_class(name) if known else UInt8

    monkeypatch.setattr(robot_bridge_node, "message_class", stand_in)
    monkeypatch.setattr(robot_bridge_node, "signal_of", lambda message, signal: False)
    one = open_graph(robot)
    bridge = one.make(RobotBridgeNode)
    content = yaml.safe_load(file_of(robot).read_text())
    assert list(content) == ["/**/robot_bridge"]
    given = dict(flat(content["/**/robot_bridge"]["ros__parameters"]))
    script = runpy.run_path(str(ROOT / ".ci" / "parameters.py"))
    declared = {known.name for known, _ in script["rows_of_file"](Path(robot_bridge_node.__file__))}
    assert set(given) == declared
    assert {name: bridge.get_parameter(name).value for name in given} == given
    assert given["enable"] is False


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def test_every_parameter_is_explained_in_the_generic_file() -> None:
    """A comment stands above each parameter or group of parameters."""
    explained, bare = False, []
    for line in file_of("generic").read_text().splitlines():
        text = line.strip()
        if text.startswith("#"):
            explained = True
        elif text.endswith(":") or not text:  # a group begins
            explained = False
        elif not explained:
            bare.append(text)
    assert bare == []


def test_messages_that_are_not_installed_are_named(open_graph: Callable[..., Graph]) -> None:
    open_graph("locobot_kobuki")
    with pytest.raises(MissingDependencyError, match="needs kobuki_ros_interfaces/msg/SensorState, and kobuki_ros_"):
        RobotBridgeNode()
    with pytest.raises(InputError, match="std_msgs has no message Bumper: correct the type"):
        base_topics.message_class("std_msgs/msg/Bumper")


def test_a_name_in_a_file_runs_no_module(open_graph: Callable[..., Graph]) -> None:
    sys.modules.pop("this", None)
    with pytest.raises(MissingDependencyError, match="this is not installed"):
        base_topics.message_class("this/msg/Zen")
    assert "this" not in sys.modules


def test_a_misspelt_field_ends_the_bridge_at_the_start(open_graph: Callable[..., Graph]) -> None:
    open_graph("generic", contact__field="dta")
    with pytest.raises(InputError, match="Bool has no field 'dta'"):
        RobotBridgeNode()


def test_the_bases_odometry_has_a_qos_of_its_own(open_graph: Callable[..., Graph]) -> None:
    one = open_graph("generic", base__odometry_topic="/odom")
    bridge = one.make(RobotBridgeNode)
    assert bridge.get_parameter("qos.base_odom.reliability").value == "best_effort"
    assert bridge.get_parameter("qos.odom.reliability").value == "reliable"


def test_a_bump_shorter_than_a_period_reaches_the_planner(open_graph: Callable[..., Graph]) -> None:
    one = open_graph("generic")
    one.make(RobotBridgeNode)
    base = one.make(Base)
    ready(one, base)
    base.bumper.publish(Bool(data=True))
    base.bumper.publish(Bool(data=False))
    assert one.spin_until(lambda: base.contacts == [True, False]), base.contacts


def test_a_sensor_that_nobody_tells_of_and_another_driver_close_the_gate(
    open_graph: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_graph("generic", contact__topic="/robot/bumpr")
    one.make(RobotBridgeNode)
    base = one.make(Base)
    assert one.spin_until(lambda: bool(base.told))
    ask(one, base, SetBool, m.ENABLE, data=True)
    assert set(run(one, base, 1.5)) == {STOP}
    assert "waiting for /robot/bumpr, which tells of contact" in base.status, "its driver may be on its way"
    monkeypatch.setattr(robot_bridge_node, "STARTING_S", 0.0)
    assert set(run(one, base, 1.5)) == {STOP}
    assert "nobody publishes /robot/bumpr, which tells of contact: start the base's driver" in base.status
    base.advertise(Bool, "/robot/bumpr")
    assert run(one, base, 3.0)[-1] == (0.2, 0.0)
    base.advertise(Twist, "/robot/cmd_vel")
    assert set(run(one, base, 3.0)[30:]) == {STOP} and "1 other publisher(s) of /robot/cmd_vel" in base.status


def test_a_battery_that_is_not_measured_stops_nothing_and_an_empty_one_does(open_graph: Callable[..., Graph]) -> None:
    one = open_graph("generic", battery__topic="/robot/battery", battery__when="'< 13.2'")
    one.make(RobotBridgeNode)
    base = one.make(Base)
    battery = base.advertise(BatteryState, "/robot/battery")
    ready(one, base)
    assert one.spin_until(lambda: battery.get_subscription_count() > 0)
    battery.publish(BatteryState(voltage=math.nan))
    run(one, base, 1.2)
    ask(one, base, SetBool, m.ENABLE, data=True)
    assert run(one, base, 1.5)[-1] == (0.2, 0.0), base.status
    battery.publish(BatteryState(voltage=12.0))
    assert run(one, base, 0.5)[-1] == STOP and "the battery is nearly empty" in base.status


def test_enabling_tells_the_planner_again(open_graph: Callable[..., Graph]) -> None:
    """The planner may have latched by itself, for it sees odometry otherwise than the gate."""
    one = open_graph("generic")
    one.make(RobotBridgeNode)
    base = one.make(Base)
    ready(one, base)
    for _ in range(2):
        ask(one, base, SetBool, m.ENABLE, data=True)
    assert one.spin_until(lambda: base.allowed == [False, True, True]), base.allowed


def test_a_bridge_that_would_hear_itself_is_refused(open_graph: Callable[..., Graph]) -> None:
    open_graph("generic", base__velocity_topic=f"{NAMESPACE}/cmd_vel")
    with pytest.raises(InputError, match="/seal/cmd_vel is the base's own topic too: start the stack in a namespace"):
        RobotBridgeNode()


@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP,), (signal.SIGINT, signal.SIGINT)],
    ids=["SIGINT", "SIGTERM", "SIGHUP", "SIGINT twice"],
)
def test_a_bridge_that_is_ended_sends_zero_three_times(
    monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path, numbers: tuple[int, ...]
) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    domain = run_config(tmp_path).domain_id
    words = ["--ros-args", "-r", f"__ns:={NAMESPACE}", "--params-file", str(file_of("generic"))]
    process = subprocess.Popen(
        [sys.executable, "-m", "sim_bridge.nodes.robot_bridge_node", *words],
        env={**os.environ, "ROS_DOMAIN_ID": str(domain)},
        preexec_fn=hear_hangups,
    )
    try:
        with graph(domain, ["-r", f"__ns:={NAMESPACE}"], lockstep="false") as one:
            base = one.make(Base)
            ready(one, base)
            ask(one, base, SetBool, m.ENABLE, data=True)
            patience = Patience()
            while run(one, base, 0.5)[-1] == STOP:
                assert patience.used_s() < 60, base.status
            for number in numbers:
                process.send_signal(number)
                time.sleep(0.1)
            while process.poll() is None:  # commands go on: only the end itself can bring zeros
                assert patience.used_s() < 120
                base.live()
                one.spin_for(0.05)
            one.spin_for(0.3)
            assert base.told[-3:] == [STOP] * 3
            assert process.returncode == 0 or len(numbers) > 1
    finally:
        process.kill()
        process.wait()
