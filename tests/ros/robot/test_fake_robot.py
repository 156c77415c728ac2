# SPDX-License-Identifier: Apache-2.0
"""The fake robot over ROS: behind the bridge's gate nothing moves before it is enabled, and everything stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import yaml
from geometry_msgs.msg import PoseStamped, Twist
from nav_msgs.msg import OccupancyGrid, Odometry
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool
from tests.ros.robot.graph import Graph, graph

from seal_bringup.stack.config import shared_folder
from seal_mapping.nodes.map_messages import explored_to_occupancy, obstacles_to_occupancy
from seal_perception import messages as m
from seal_perception.grid import Grid2D
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.convert import make_header
from seal_perception.running.patience import Patience
from seal_policy.nodes.inputs import goal_to_message
from seal_policy.nodes.planner_node import PlannerNode
from sim_bridge.fake_robot.faces import FACES, camera_topics, stand_in_signals
from sim_bridge.nodes.fake_robot_node import FakeRobotNode
from sim_bridge.nodes.robot_bridge_node import RobotBridgeNode
from sim_bridge.robot_base.fields import is_installed

pytestmark = pytest.mark.ros

PERIOD_S = 0.05
SMALL = {"sim__width": 64, "sim__height": 48, "fake__camera_hz": 5.0, "fake__no_picture": 0.0, "fake__no_depth": 0.0}


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

    def make(base: str, driver: str = "4.54", **parameters: object) -> Any:
        path = shared_folder("config") / "robots" / f"locobot_{base}.yaml"
        file = yaml.safe_load(path.read_text())["/**/robot_bridge"]["ros__parameters"]
        signals = {name: value for name, value in file.items() if isinstance(value, dict) and value.get("topic")}
        given = {k.replace(".", "__"): f"'{v}'" for k, v in stand_in_signals(signals, base, is_installed).items()}
        camera = camera_topics(driver, "locobot")
        pictures = {m.COLOUR: camera.colour, m.DEPTH: camera.depth, m.CAMERA_INFO: camera.info}
        words = ["-r", "__ns:=/seal", "--params-file", str(path)]
        words += [w for ours, theirs in pictures.items() for w in ("-r", f"{ours}:={theirs}")]
        values = {
            **SMALL,
            **given,
            "base__picture_topic": camera.info,
            "camera_driver": f"'{driver}'",
            "fake__base": base,
        }
        return graph(run_config(tmp_path).domain_id, words, lockstep="false", **{**values, **parameters})

    yield make


class Pilot(SealNode):
    """What stands on the stack's side of the bridge: commands by hand, and a map of free floor with a goal."""

    def __init__(self) -> None:
        super().__init__("pilot")
        self.seen: dict[str, list[Any]] = {topic: [] for topic in (m.COLOUR, m.DEPTH, m.CAMERA_INFO, m.ODOM)}
        for topic, kind in ((m.COLOUR, Image), (m.DEPTH, Image), (m.CAMERA_INFO, CameraInfo), (m.ODOM, Odometry)):
            self.subscribe(kind, topic, self.seen[topic].append, depth=10, reliability="best_effort")
        self.contacts: list[bool] = []
        self.subscribe(Bool, m.CONTACT, lambda msg: self.contacts.append(bool(msg.data)))
        self.client = self.create_client(SetBool, m.ENABLE)

    def commands(self) -> Any:
        """A publisher of commands."""
        return self.advertise(Twist, m.CMD_VEL, depth=1)

    def ask(self, one: Graph, client: Any, on: bool) -> Any:
        assert one.spin_until(client.service_is_ready)
        answer = client.call_async(SetBool.Request(data=on))
        assert one.spin_until(answer.done)
        return answer.result()


def drive(one: Graph, publisher: Any, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Ask for 0.2 m/s ahead, 20 times a second."""
    msg = Twist()
    msg.linear.x = 0.2
    patience = Patience()
    while patience.used_s() < seconds and not until():
        publisher.publish(msg)
        one.spin_for(PERIOD_S)


def ready(one: Graph, fake: Any, pilot: Pilot) -> None:
    assert one.spin_until(lambda: all(pilot.seen.values()), 60.0), {k: len(v) for k, v in pilot.seen.items()}


@pytest.mark.parametrize(("base", "driver", "best_effort"), [("kobuki", "4.54", "false"), ("create3", "4.55", "true")])
def test_it_moves_when_enabled_and_a_bump_and_silence_stop_it(
    start: Callable[..., Any], base: str, driver: str, best_effort: str
) -> None:
    with start(base, driver, camera_best_effort=best_effort) as one:
        fake, bridge, pilot = one.make(FakeRobotNode), one.make(RobotBridgeNode), one.make(Pilot)
        ready(one, fake, pilot)
        depth, odom = pilot.seen[m.DEPTH][-1], pilot.seen[m.ODOM][-1]
        assert depth.encoding == "16UC1" and 300 < np.median(m.image_to_depth(depth)) * 1000 < 9000
        assert odom.child_frame_id == FACES[base].base_frame.replace("{robot}", "locobot")
        stamps = {m.header_stamp_ns(msg) for msg in pilot.seen[m.ODOM]}
        assert not stamps & {m.header_stamp_ns(msg) for msg in pilot.seen[m.DEPTH]}, "no stamp is shared"
        wheel = fake.robot.base
        commands = pilot.commands()
        drive(one, commands, 1.0)
        assert wheel.moved_m == 0.0, "not enabled"
        assert pilot.ask(one, pilot.client, True).success
        drive(one, commands, 30.0, lambda: wheel.moved_m > 0.1)
        assert wheel.moved_m > 0.1
        one.spin_for(bridge.gate.config.command_s + 0.3 + PERIOD_S)  # nobody commands any more
        stood = wheel.moved_m
        one.spin_for(0.5)
        assert wheel.moved_m == stood
        drive(one, commands, 120.0, lambda: bool(wheel.state.bumper))
        assert wheel.state.bumper, "it comes to a wall"
        drive(one, commands, 0.3 + PERIOD_S)
        assert pilot.contacts == [True] and fake.robot._robot._speeds == (0.0, 0.0)
        drive(one, commands, 1.0)
        assert fake.robot._robot._speeds[0] <= 0.0, "the bumper is pressed: not ahead"


def test_cliff_and_a_silent_robot_close_the_gate(start: Callable[..., Any]) -> None:
    with start("kobuki") as one:
        fake, bridge, pilot = one.make(FakeRobotNode), one.make(RobotBridgeNode), one.make(Pilot)
        ready(one, fake, pilot)
        commands = pilot.commands()
        assert pilot.ask(one, pilot.client, True).success
        drive(one, commands, 20.0, lambda: fake.robot.base.moved_m > 0.05)
        cliff = pilot.create_client(SetBool, "fake/cliff")
        pilot.ask(one, cliff, True)
        drive(one, commands, 0.5)
        stood = fake.robot.base.moved_m
        drive(one, commands, 0.5)
        assert fake.robot.base.moved_m == stood and bridge.gate.latched
        assert "cliff" in pilot.ask(one, pilot.client, True).message
        pilot.ask(one, cliff, False)
        one.spin_for(0.2)
        assert pilot.ask(one, pilot.client, True).success
        drive(one, commands, 20.0, lambda: fake.robot.base.moved_m > stood + 0.05)
        assert fake.robot.base.moved_m > stood
        pilot.ask(one, pilot.create_client(SetBool, "fake/silence"), True)
        drive(one, commands, 1.0)
        stood = fake.robot.base.moved_m
        drive(one, commands, 0.5)
        assert fake.robot.base.moved_m == stood
        assert any(reason.name == "odometry" for reason in bridge.gate.reasons(bridge._now_s()))


def test_a_base_without_its_bridge_drives_on_until_its_watchdog(start: Callable[..., Any]) -> None:
    with start("create3") as one:
        fake, bridge, pilot = one.make(FakeRobotNode), one.make(RobotBridgeNode), one.make(Pilot)
        ready(one, fake, pilot)
        commands = pilot.commands()
        assert pilot.ask(one, pilot.client, True).success
        drive(one, commands, 20.0, lambda: fake.robot.base.moved_m > 0.05)
        one.nodes.remove(bridge)
        bridge.destroy_node()  # as SIGKILL would: nothing is sent
        assert one.spin_until(lambda: fake.robot.standing, 5.0)


def test_the_planner_drives_it_once_it_is_enabled(start: Callable[..., Any]) -> None:
    """Fake robot, gate and planner: the whole way from a goal to the wheels."""
    guard = {f"guard__{name}_s": 20.0 for name in ("odometry", "picture", "map", "goal", "scores", "late")}
    own = {"gate__odometry_s": 2.0, "gate__picture_s": 5.0, "gate__command_s": 2.0}
    frames = {"mounting__height_m": 0.88, "mode": "paced", "serve_enable": "false"}
    with start("kobuki", **guard, **own, **frames) as one:
        fake, _, pilot = one.make(FakeRobotNode), one.make(RobotBridgeNode), one.make(Pilot)
        planner = one.make(PlannerNode)
        ready(one, fake, pilot)
        maps = (
            pilot.advertise(OccupancyGrid, m.OBSTACLES, latched=True),
            pilot.advertise(OccupancyGrid, m.EXPLORED, latched=True),
        )
        goals, told = pilot.advertise(PoseStamped, m.GOAL), pilot.advertise(String, m.DETECTIONS)
        free, known = np.zeros((160, 160), bool), np.ones((160, 160), bool)

        def think(seconds: float, until: Callable[[], bool] = lambda: False) -> None:
            patience = Patience()
            while patience.used_s() < seconds and not until():
                stamp = fake.get_clock().now().nanoseconds
                header = make_header(stamp, m.MAP_FRAME)
                explored = Grid2D(known, (-4.0, -4.0), 0.05)
                maps[1].publish(explored_to_occupancy(explored, header))
                maps[0].publish(obstacles_to_occupancy(Grid2D(free, (-4.0, -4.0), 0.05), explored, header))
                goals.publish(goal_to_message((2.0, 0.0), 0.0, stamp))
                told.publish(String())
                one.spin_for(0.2)

        think(2.0)
        assert fake.robot.base.moved_m == 0.0 == fake.robot.base.moved_rad
        assert pilot.ask(one, pilot.client, True).success
        moved = fake.robot.base
        think(60.0, lambda: moved.moved_m > 0.15 or moved.moved_rad > 0.5)
        assert planner._paced.guard.enabled and (moved.moved_m > 0.15 or moved.moved_rad > 0.5)
        pilot.ask(one, pilot.client, False)
        one.spin_for(0.3)
        stood = moved.moved_m, moved.moved_rad
        think(1.0)
        assert (moved.moved_m, moved.moved_rad) == stood
