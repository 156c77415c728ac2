# SPDX-License-Identifier: Apache-2.0
"""The planner outside lockstep: it moves with map, goal and permission alone, and stops when one of its inputs ends."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, Twist
from nav_msgs.msg import OccupancyGrid
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from tests.ros.robot.graph import Graph, Robot, graph, hear_hangups, odometry, picture

from seal_mapping.nodes.map_messages import explored_to_occupancy, obstacles_to_occupancy
from seal_perception import messages as m
from seal_perception.grid import Grid2D
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.running.patience import Patience
from seal_policy.nodes import paced_planner
from seal_policy.nodes.inputs import goal_to_message
from seal_policy.nodes.planner_node import PlannerNode

pytestmark = pytest.mark.ros

Command = tuple[float, float]
STOP: Command = (0.0, 0.0)
SHORT = {"guard__map_s": 0.6, "guard__goal_s": 0.6, "guard__scores_s": 0.6, "guard__picture_s": 0.6,
         "guard__late_s": 0.0}  # fmt: skip
TICK_NS = 50_000_000


class Base(Robot):
    """A robot in an empty room, with map, goal and detections beside its sensors; notes the commands it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[Command] = []
        self.status = ""
        kinds = {m.OBSTACLES: OccupancyGrid, m.EXPLORED: OccupancyGrid, m.GOAL: PoseStamped, m.DETECTIONS: String}
        for topic, kind in kinds.items():
            self.topics[topic] = self.advertise(kind, topic, latched=kind is OccupancyGrid)
        self.subscribe(Twist, m.CMD_VEL, lambda msg: self.commands.append((msg.linear.x, msg.angular.z)))
        self.subscribe(DiagnosticArray, m.EXPLORE_STATUS, lambda msg: setattr(self, "status", msg.status[0].message))
        self.stamp_ns = 100 * m.NS
        self.x = 0.0
        cells = np.zeros((120, 120), bool)
        cells[[0, -1]] = cells[:, [0, -1]] = True
        self.room = Grid2D(cells, np.full(2, -3.0), 0.05)

    def inputs(self) -> dict[str, Any]:
        """All that a planner hears at a stamp but odometry, by topic."""
        header = convert.make_header(self.stamp_ns, m.MAP_FRAME)
        seen = Grid2D(np.ones_like(self.room.cells), self.room.origin_xy, 0.05)
        shown = {t: msg for t, msg in picture(self.stamp_ns, depth_m=0.0).items() if t in (m.DEPTH, m.CAMERA_INFO)}
        return {
            **shown,
            m.OBSTACLES: obstacles_to_occupancy(self.room, seen, header),
            m.EXPLORED: explored_to_occupancy(seen, header),
            m.GOAL: goal_to_message((2.0, 0.0), 0.0, self.stamp_ns),
            m.DETECTIONS: String(data="{}"),
        }


@pytest.fixture
def drive(
    monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path
) -> Iterator[Callable[..., tuple[Graph, Base, Any]]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setattr(paced_planner, "warm_up", lambda config: None)
    opened: list[Any] = []

    def start(**parameters: object) -> tuple[Graph, Base, Any]:
        opened.append(graph(run_config(tmp_path).domain_id, mode="paced", **{**SHORT, **parameters}))
        one = opened[-1].__enter__()
        planner, base = one.make(PlannerNode), one.make(Base)
        heard = (m.ODOM, *base.inputs())
        commands = planner._paced._command._publisher
        assert one.spin_until(lambda: base.heard(*heard) and commands.get_subscription_count() > 0)
        return one, base, planner

    yield start
    for context in opened:
        context.__exit__(None, None, None)


def run(one: Graph, base: Base, seconds: float, without: Collection[str] = ()) -> list[Command]:
    """The commands of some seconds (wall clock), with odometry at 20 Hz and the rest at 5 Hz."""
    begin = len(base.commands)
    for tick in range(round(seconds * 20)):
        base.stamp_ns += TICK_NS
        if m.ODOM not in without:
            base.send({m.ODOM: odometry(base.stamp_ns, base.x)})
        if tick % 4 == 0:
            base.send({topic: msg for topic, msg in base.inputs().items() if topic not in without})
        one.spin_for(0.05)
    return base.commands[begin:]


def moving(commands: list[Command]) -> bool:
    return any(command != STOP for command in commands)


def begin_driving(one: Graph, base: Base) -> None:
    patience = Patience()
    while not moving(run(one, base, 0.5)):
        assert patience.used_s() < 60, base.status


def ask(one: Graph, base: Base, kind: type, name: str, **fields: Any) -> Any:
    client = base.create_client(kind, name)
    assert one.spin_until(client.service_is_ready)
    answer = client.call_async(kind.Request(**fields))
    assert one.spin_until(answer.done)
    return answer.result()


def test_it_stands_without_map_goal_and_permission(drive: Callable[..., Any]) -> None:
    """With camera and odometry alone it turned at 0.8 rad/s."""
    one, base, planner = drive()
    assert planner.get_parameter("qos.cmd_vel.depth").value == 1, "an old command is worth nothing"
    assert run(one, base, 1.0, without=[m.OBSTACLES, m.EXPLORED, m.GOAL, m.DETECTIONS]) == []
    assert ask(one, base, SetBool, m.ENABLE, data=True).success
    assert run(one, base, 1.0, without=[m.GOAL]) == []
    assert base.status == "no goal yet"
    begin_driving(one, base)


def test_services_let_it_move_and_stop_it(drive: Callable[..., Any]) -> None:
    one, base, _ = drive()
    assert run(one, base, 1.0) == [] and base.status == "not enabled: call explore/enable"
    assert ask(one, base, SetBool, m.ENABLE, data=True).message == "enabled: the robot may move now"
    begin_driving(one, base)
    count = len(base.commands)
    assert ask(one, base, Trigger, m.STOP_EXPLORING).success
    run(one, base, 0.6)
    assert base.commands[-3:] == [STOP] * 3 and not moving(base.commands[count + 1 :])
    assert run(one, base, 0.5) == []


@pytest.mark.parametrize(
    ("topics", "name"),
    [
        ((m.ODOM,), "odometry"),
        ((m.DEPTH,), "picture"),
        ((m.OBSTACLES, m.EXPLORED), "map"),
        ((m.GOAL,), "goal"),
        ((m.DETECTIONS,), "detections"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_input_that_ends_stops_it(drive: Callable[..., Any], topics: tuple[str, ...], name: str) -> None:
    one, base, _ = drive(enable=True)
    begin_driving(one, base)
    run(one, base, 2.0, without=topics)
    assert base.commands[-3:] == [STOP] * 3, base.status
    assert run(one, base, 0.5, without=topics) == [], "and is quiet then"
    assert f"no {name} for" in base.status
    begin_driving(one, base)


def odd_messages(base: Base) -> dict[str, tuple[str, Any]]:
    """Messages that cannot be used, by what is wrong with them."""
    zero, nan, long = odometry(base.stamp_ns), odometry(base.stamp_ns), odometry(base.stamp_ns)
    zero.pose.pose.orientation.w = 0.0
    nan.pose.pose.position.x = math.nan
    long.pose.pose.orientation.z = 3.0
    header = convert.make_header(base.stamp_ns, m.CAMERA_FRAME)
    encoding, cut = picture(base.stamp_ns)[m.DEPTH], picture(base.stamp_ns)[m.DEPTH]
    encoding.encoding = "bgr8"
    cut.data = cut.data[:100]
    size = convert.depth_to_image(np.zeros((12, 16), np.float32), header)
    grid = base.inputs()[m.OBSTACLES]
    grid.info.width = 7
    return {
        "zero quaternion": (m.ODOM, zero), "NaN": (m.ODOM, nan), "long quaternion": (m.ODOM, long),
        "encoding": (m.DEPTH, encoding), "cut": (m.DEPTH, cut), "another size": (m.DEPTH, size),
        "map": (m.OBSTACLES, grid),
    }  # fmt: skip


@pytest.mark.parametrize(
    "what", ["zero quaternion", "NaN", "long quaternion", "encoding", "cut", "another size", "map"]
)
def test_an_odd_message_stops_it_and_it_goes_on(drive: Callable[..., Any], what: str) -> None:
    one, base, planner = drive(enable=True)
    begin_driving(one, base)
    base.stamp_ns += TICK_NS
    topic, message = odd_messages(base)[what]
    base.send({t: msg for t, msg in base.inputs().items() if t in (m.CAMERA_INFO, m.EXPLORED)})
    base.send({topic: message})
    count = len(base.commands)
    base.send({m.ODOM: odometry(base.stamp_ns + TICK_NS)})
    base.stamp_ns += TICK_NS
    one.spin_for(0.3)
    assert STOP in base.commands[count:], base.status
    assert planner._paced.guard.stops == 1
    assert sum(planner.dropped.values()) == 1
    begin_driving(one, base)


@pytest.mark.parametrize(
    ("ahead_m", "later_s", "text"),
    [(1.0, 0.0, "odometry jumped by 1.00 m"), (0.0, -60.0, "stamps went back by 59.95 s")],
)
def test_odometry_that_jumps_or_goes_back_stops_it_until_it_is_enabled(
    drive: Callable[..., Any], ahead_m: float, later_s: float, text: str
) -> None:
    one, base, _ = drive(enable=True)
    begin_driving(one, base)
    base.x += ahead_m
    base.stamp_ns += round(later_s * m.NS)
    commands = run(one, base, 1.5)
    assert commands[-3:] == [STOP] * 3 and not moving(commands[1:]), commands
    assert base.status.startswith(text)
    assert ask(one, base, SetBool, m.ENABLE, data=True).success
    begin_driving(one, base)


def test_odometry_that_gets_older_and_older_stops_it(drive: Callable[..., Any]) -> None:
    """Its stamps run at a fourth of the clock's speed, as those of a queue that grows do."""
    one, base, _ = drive(guard__late_s=0.5, enable="true")
    begin_driving(one, base)
    for _ in range(60):
        base.stamp_ns += TICK_NS // 4
        base.send({m.ODOM: odometry(base.stamp_ns, base.x), **base.inputs()})
        one.spin_for(0.05)
    assert base.commands[-1] == STOP and "this computer is too slow" in base.status


_PLANNER = "import sys; from seal_policy.nodes.planner_node import main; main()"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_planner_that_is_ended_sends_zero_three_times(
    monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path, number: int
) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    domain = run_config(tmp_path).domain_id
    words = ["-p", "mode:=paced", "-p", "enable:=true", "-p", "guard.odometry_s:=2.0", "-p", "guard.late_s:=0.0"]
    process = subprocess.Popen(
        [sys.executable, "-c", _PLANNER, "--ros-args", *words],
        env={**os.environ, "ROS_DOMAIN_ID": str(domain)},
        preexec_fn=hear_hangups,
    )
    try:
        with graph(domain, lockstep="false") as one:
            base = one.make(Base)
            assert one.spin_until(lambda: base.heard(m.ODOM, *base.inputs()), 120.0)
            begin_driving(one, base)
            process.send_signal(number)
            assert one.spin_until(lambda: process.poll() is not None, 60.0)
            one.spin_for(0.3)
            assert base.commands[-3:] == [STOP] * 3 and process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_a_node_stops_what_it_drives_when_something_unexpected_happens(
    monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(run_config(tmp_path).domain_id))
    done: list[str] = []
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    class Failing(SealNode):
        def __init__(self) -> None:
            super().__init__("failing")
            self.create_timer(0.05, self._fail, clock=self.steady)

        def _fail(self) -> None:
            raise KeyError("a fault that nobody thought of")

        def halt(self) -> None:
            done.append("halted")

    try:
        with pytest.raises(KeyError, match="nobody thought of"):
            run_node(Failing, "failing", [])
    finally:
        rclpy.try_shutdown()
    assert done == ["halted"]
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
