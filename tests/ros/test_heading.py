# SPDX-License-Identifier: Apache-2.0
"""The heading node: no picture is lost where odometry comes after it; who sends the transform to base_link."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import rclpy
from std_msgs.msg import String
from tests.mapping.square_room import CAMERA, T_BASE_CAMERA, room_depth

from seal_mapping.nodes import heading_node
from seal_mapping.nodes.heading_node import HeadingNode
from seal_mapping.wall_heading import WallHeadingConfig
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes import convert
from seal_perception.nodes.transforms import transform_message
from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.simulator import Observation
from sim_bridge.nodes.robot_topics import RobotTopics

pytestmark = pytest.mark.ros

Pose = tuple[float, float, float]
MS = 1_000_000


class _Sent:
    """In place of `Transforms`."""

    def __init__(self, node: Any) -> None:
        self.rows: list[tuple[str, str, np.ndarray, int]] = []

    def send(self, *row: Any) -> None:
        self.rows.append(row)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Any) -> Iterator[Callable[..., HeadingNode]]:
    """A node whose transforms are kept; nobody else is in its domain."""
    monkeypatch.setattr(heading_node, "Transforms", _Sent)
    tf2 = ModuleType("tf2_msgs.msg")
    tf2.TFMessage = String  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tf2_msgs", ModuleType("tf2_msgs"))
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", tf2)
    made: list[HeadingNode] = []

    def make(**parameters: object) -> HeadingNode:
        words = [w for key, value in parameters.items() for w in ("-p", f"{key}:={value}")]
        domain = run_config(tmp_path).domain_id
        rclpy.init(args=["--ros-args", *words] if words else [], domain_id=domain)
        made.append(HeadingNode())
        return made[0]

    yield make
    for node in made:
        node.destroy_node()
    rclpy.shutdown()


def _see(node: HeadingNode, stamp_ns: int, pose: Pose) -> None:
    optical = convert.make_header(stamp_ns, m.CAMERA_FRAME)
    node._pictures.add(m.DEPTH, stamp_ns, convert.depth_to_image(room_depth(pose), optical))
    node._pictures.add(m.CAMERA_INFO, stamp_ns, convert.camera_to_info(CAMERA, optical))


def _claim(node: HeadingNode, stamp_ns: int, claimed: Pose) -> None:
    header = convert.make_header(stamp_ns, m.ODOM_FRAME)
    node.odometry._on_odometry(convert.pose_to_odometry(planar_pose(*claimed), header, m.BASE_FRAME))


def test_pictures_between_the_stamps_of_odometry_correct_it(start: Callable[..., HeadingNode]) -> None:
    """Odometry at 20 Hz turns 15 % too much, pictures lie 13 ms beside it and come before the odometry after them."""
    heading = start()
    taken = heading._heading
    for k in range(150):
        _claim(heading, m.NS + k * 50 * MS, (0.0, 0.2, 0.0575 * k))
        if k % 2:
            _see(heading, m.NS + k * 50 * MS + 13 * MS, (0.0, 0.2, 0.05 * (k + 0.26)))
    _claim(heading, m.NS + 150 * 50 * MS, (0.0, 0.2, 0.0575 * 150))
    assert taken.corrected > 75 - 3 * WallHeadingConfig().first_pictures and heading._pictures.dropped == 0
    last = heading._tf.rows[-1]  # type: ignore[attr-defined]
    assert last[:2] == (m.ODOM_FRAME, m.BASE_FRAME) and last[3] == m.NS + 150 * 50 * MS
    off = math.remainder(pose_yaw(last[2]) - 7.5, math.tau)
    assert abs(off) < 0.1, "the wheels are off by 1.1 rad"


def test_correcting_the_map_leaves_odometry_as_smooth_as_it_is(start: Callable[..., HeadingNode]) -> None:
    heading = start(correct="map")
    assert m.ODOM not in heading._own_publishers and heading.odom_topic == m.ODOM
    heading._begun_ns = heading.steady.now().nanoseconds - 3 * m.NS  # it has listened for others
    for k in range(150):
        _see(heading, m.NS + k * 50 * MS, (0.0, 0.2, 0.05 * k))
        _claim(heading, m.NS + k * 50 * MS, (0.0, 0.2, 0.0575 * k))
    parent, child, T_map_odom, stamp = heading._tf.rows[-1]  # type: ignore[attr-defined]
    assert (parent, child, stamp) == (m.MAP_FRAME, m.ODOM_FRAME, m.NS + 149 * 50 * MS)
    T_map_base = T_map_odom @ planar_pose(0.0, 0.2, 0.0575 * 149)
    assert abs(math.remainder(pose_yaw(T_map_base) - 0.05 * 149, math.tau)) < 0.1
    np.testing.assert_allclose(T_map_base[:2, 3], [0.0, 0.2], atol=0.04)


def test_where_somebody_else_places_odometry_in_the_map_it_is_silent(
    start: Callable[..., HeadingNode], capfd: pytest.CaptureFixture[str]
) -> None:
    heading = start(correct="map")

    def told(parent: str, stamp_ns: int, static: bool = False) -> None:
        row = transform_message(parent, m.ODOM_FRAME, np.eye(4), stamp_ns)
        heading.transforms._on_transforms(SimpleNamespace(transforms=[row]), static)

    _claim(heading, m.NS, (0.0, 0.0, 0.0))
    assert heading._tf.rows == [], "it listens first"  # type: ignore[attr-defined]
    heading._begun_ns = heading.steady.now().nanoseconds - 3 * m.NS
    _claim(heading, 2 * m.NS, (0.0, 0.0, 0.0))
    told(m.MAP_FRAME, 2 * m.NS)  # its own comes back
    assert not heading.others and len(heading._tf.rows) == 1  # type: ignore[attr-defined]
    told(m.MAP_FRAME, 2 * m.NS + 40 * MS)
    _claim(heading, 3 * m.NS, (0.0, 0.0, 0.0))
    assert heading.others and len(heading._tf.rows) == 1  # type: ignore[attr-defined]
    assert "another node gives odom the parent map on /tf: the heading is left to it" in capfd.readouterr().err


def test_after_a_jump_of_odometry_the_walls_are_learnt_anew(start: Callable[..., HeadingNode]) -> None:
    heading = start()
    for k in range(10):
        _see(heading, m.NS + k * 50 * MS, (0.0, 0.0, 0.1 * k))
        _claim(heading, m.NS + k * 50 * MS, (0.0, 0.0, 0.1 * k))
    assert heading._heading.walls_rad is not None and heading._heading.matcher.matched > 0
    _claim(heading, 2 * m.NS, (2.0, 0.0, 1.0))
    assert heading._heading.walls_rad is None and heading._heading.matcher.matched == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [({"correct": "both"}, "must be odom or map"), ({"odometry.pose_source": "tf"}, "take correct: map")],
)
def test_what_makes_no_sense_is_refused(start: Callable[..., HeadingNode], given: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        start(**given)


def test_all_is_compiled_before_the_node_is_ready(
    monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Any
) -> None:
    done: list[str] = []
    monkeypatch.setattr(heading_node, "warm_up", lambda: done.append("compiled"))
    monkeypatch.setattr(HeadingNode, "_check_ready", lambda self: done.append("ready"))
    rclpy.init(args=[], domain_id=run_config(tmp_path).domain_id)
    node = HeadingNode()
    try:
        assert done == ["compiled"]
    finally:
        node.destroy_node()
        rclpy.shutdown()


class _Node:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = {}

    def advertise(self, kind: type, topic: str, latched: bool = False) -> Any:
        return SimpleNamespace(publish=self.sent.setdefault(topic, []).append)

    def frame(self, name: str) -> str:
        return name


@pytest.mark.parametrize(("odom_topic", "moving"), [(m.ODOM, 1), (m.WHEELS, 0)])
def test_the_bridge_sends_no_pose_that_the_heading_node_corrects(
    monkeypatch: pytest.MonkeyPatch, odom_topic: str, moving: int
) -> None:
    tf2 = ModuleType("tf2_msgs.msg")
    tf2.TFMessage = lambda transforms: SimpleNamespace(transforms=transforms)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tf2_msgs", ModuleType("tf2_msgs"))
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", tf2)
    node = _Node()
    seen = Observation(0, np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32), np.eye(4), False)
    world = SimpleNamespace(camera=CAMERA, T_base_camera=T_BASE_CAMERA)
    topics = RobotTopics(node, world, seen, False, odom_topic)  # type: ignore[arg-type]
    topics.publish_pose(m.NS, planar_pose(1.0, 2.0, 0.5))
    assert len(node.sent[odom_topic]) == 1 and len(node.sent.get(m.TF, [])) == moving
    fixed = node.sent[m.TF_STATIC][0].transforms
    assert [(t.header.frame_id, t.child_frame_id) for t in fixed] == [
        (m.MAP_FRAME, m.ODOM_FRAME), (m.BASE_FRAME, m.CAMERA_FRAME),
    ]  # fmt: skip
    assert fixed[0].transform.rotation.w == 1.0 and fixed[1].transform.translation.z == pytest.approx(0.88)
    for message in node.sent.get(m.TF, []):
        assert message.transforms[0].transform.translation.y == 2.0


def test_matching_is_a_parameter_of_the_node(start: Callable[..., HeadingNode]) -> None:
    heading = start(**{"heading.match.enabled": False, "heading.beside": 0.2})
    for k in range(10):
        _see(heading, m.NS + k * 50 * MS, (0.0, 0.0, 0.1 * k))
        _claim(heading, m.NS + k * 50 * MS, (0.0, 0.0, 0.1 * k))
    assert heading._heading.config.beside == 0.2 and heading._heading.matcher.matched == 0
    assert heading._heading.walls_rad is not None
    _claim(heading, 2 * m.NS, (2.0, 0.0, 1.0))
    assert not heading._heading.config.match.enabled, "not after a jump either"
