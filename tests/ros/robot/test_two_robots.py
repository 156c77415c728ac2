# SPDX-License-Identifier: Apache-2.0
"""Two robots on one graph: each has its map and its frames in its namespace; two cameras on one topic make no map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import OccupancyGrid, Odometry
from sensor_msgs.msg import Image
from tests.ros.robot.graph import CAMERA, Robot, graph, odometry, picture

from seal_bringup.stack.node_process import free_nodes
from seal_bringup.stack.node_specs import NodeSpec
from seal_mapping.nodes.mapping_node import MappingNode
from seal_perception import messages as m
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.transforms import Transforms
from seal_perception.simulator import Observation
from sim_bridge.nodes import robot_topics

pytestmark = pytest.mark.ros

MS = 1_000_000


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[int]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield run_config(tmp_path).domain_id


class TwoRobots(SealNode):
    """The cameras and wheels of robots a and b, and what their maps are."""

    def __init__(self) -> None:
        super().__init__("robots")
        kinds = {**{topic: type(msg) for topic, msg in picture(0).items()}, m.ODOM: Odometry}
        self.out = {(n, t): self.advertise(kind, f"/{n}/{t}") for n in "ab" for t, kind in kinds.items()}
        self.grids: dict[str, OccupancyGrid] = {}
        self.mapped: dict[str, list[int]] = {"a": [], "b": []}
        for n in "ab":
            self.subscribe(
                OccupancyGrid, f"/{n}/{m.OBSTACLES}", lambda msg, n=n: self.grids.update({n: msg}), latched=True
            )
            self.subscribe(
                DiagnosticArray, f"/{n}/{m.STATUS}", lambda msg, n=n: self.mapped[n].append(m.header_stamp_ns(msg))
            )

    def send(self, name: str, messages: dict[str, Any]) -> None:
        for topic, message in messages.items():
            self.out[name, topic].publish(message)


def test_two_namespaces_make_two_maps_in_two_frames(domain: int, tmp_path: Path) -> None:
    def mapping(name: str) -> NodeSpec:
        given = {"lockstep": False, "frame_prefix": f"{name}/", "save_path": str(tmp_path / f"{name}.npz")}
        return NodeSpec("mapping", "seal_mapping", "mapping_node", name, {**given, "mounting.height_m": 0.5})

    logs = (tmp_path / "log_a", tmp_path / "log_b")
    with (
        graph(domain, lockstep="false") as one,
        free_nodes([mapping("a")], logs[0], domain),
        free_nodes([mapping("b")], logs[1], domain),
    ):
        robots = one.make(TwoRobots)
        assert one.spin_until(lambda: all(out.get_subscription_count() for out in robots.out.values()), 120.0)
        for k in range(4):
            for name, depth_m, x, last in (("a", 1.0, 0.0, 4), ("b", 3.0, 5.0, 2)):
                robots.send(name, {m.ODOM: odometry(m.NS + k * 100 * MS, x=x)})
                if k < last:
                    robots.send(name, picture(m.NS + k * 100 * MS, depth_m))
            one.spin_for(0.1)
        assert one.spin_until(lambda: (len(robots.mapped["a"]), len(robots.mapped["b"])) == (4, 2), 60.0), robots.mapped
        assert one.spin_until(lambda: len(robots.grids) == 2)
    assert {name: grid.header.frame_id for name, grid in robots.grids.items()} == {"a": "a/map", "b": "b/map"}
    a, b = (np.load(tmp_path / f"{name}.npz") for name in "ab")
    assert not np.array_equal(a[a.files[0]], b[b.files[0]])


@pytest.mark.parametrize("prefix", ["", "robot1/"])
def test_no_frame_of_a_simulated_robot_is_without_its_prefix(
    domain: int, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    """Two robots in two namespaces shared map, odom and base_link on /tf, which has no namespace."""
    named: list[str] = []

    class Told(Transforms):
        def __init__(self, node: Any, fixed: Any = (), moving: bool = True) -> None:
            named.extend(frame for parent, child, _ in fixed for frame in (parent, child))

        def send(self, parent: str, child: str, T: Any, stamp_ns: int) -> None:
            named.extend((parent, child))

    monkeypatch.setattr(robot_topics, "Transforms", Told)
    seen = Observation(0, np.zeros((24, 32, 3), np.uint8), np.ones((24, 32), np.float32), np.eye(4), False)
    world: Any = SimpleNamespace(T_base_camera=np.eye(4), camera=CAMERA)
    given = {"frame_prefix": prefix} if prefix else {}
    with graph(domain, **given) as one:
        node = one.make(lambda: SealNode("bridge"))
        topics = robot_topics.RobotTopics(node, world, seen, truth=False)
        hearer = one.make(lambda: SealNode("hearer"))
        hearer.subscribe(Image, m.DEPTH, lambda msg: named.append(msg.header.frame_id))
        hearer.subscribe(Odometry, m.ODOM, lambda msg: named.extend((msg.header.frame_id, msg.child_frame_id)))
        assert one.spin_until(lambda: topics._depth.get_subscription_count() and topics._odom.get_subscription_count())
        before = len(named)
        topics.publish_pose(m.NS, np.eye(4))
        topics.publish_picture(m.NS, seen)
        assert one.spin_until(lambda: len(named) >= before + 5)
    wanted = {prefix + name for name in (m.MAP_FRAME, m.ODOM_FRAME, m.BASE_FRAME, m.CAMERA_FRAME)}
    assert set(named) == wanted


def test_pictures_of_two_cameras_on_one_topic_are_told_of_and_not_mapped(
    domain: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two that are mounted alike name the same frame: their pictures were mixed into one map without a word."""
    with graph(domain, lockstep="false") as one:
        mapping, robot = one.make(MappingNode), one.make(Robot)
        other = one.make(lambda: SealNode("other"))
        second = other.advertise(Image, m.DEPTH)
        assert one.spin_until(lambda: bool(robot.heard() and second.get_subscription_count()))

        def show(k: int) -> None:
            stamp = m.NS + k * 100 * MS
            robot.send({m.ODOM: odometry(stamp), **picture(stamp)})
            second.publish(picture(stamp + 10 * MS, 3.0)[m.DEPTH])

        for k in range(4):
            show(k)
            one.spin_for(0.1)
        assert mapping._map.frames == 0 and mapping.dropped[f"messages on {m.DEPTH}"] >= 4
        said = capfd.readouterr().err
        assert f"{m.DEPTH} dropped: 2 publish it (/other, /robot), and the pictures of two cameras make no map" in said
        other.destroy_publisher(second)
        assert one.spin_until(lambda: mapping.count_publishers(m.DEPTH) == 1)
        for k in range(4, 8):
            stamp = m.NS + k * 100 * MS
            robot.send({m.ODOM: odometry(stamp), **picture(stamp)})
            one.spin_for(0.1)
        assert one.spin_until(lambda: mapping._map.frames == 4)


def test_two_known_publishers_of_other_topics_are_none_of_this(domain: int) -> None:
    heard: list[Any] = []
    with graph(domain, lockstep="false") as one:
        hearer = one.make(lambda: SealNode("hearer"))
        hearer.subscribe(Odometry, m.ODOM, heard.append)
        outs = [one.make(lambda n=name: SealNode(n)).advertise(Odometry, m.ODOM) for name in ("one", "two")]
        assert one.spin_until(lambda: all(out.get_subscription_count() for out in outs))
        for out in outs:
            out.publish(odometry(m.NS))
        assert one.spin_until(lambda: len(heard) == 2)
