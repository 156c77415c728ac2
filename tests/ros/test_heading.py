# SPDX-License-Identifier: Apache-2.0
"""The heading node: no picture is lost where odometry comes after it; who sends the transform to base_link."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import rclpy
from tests.mapping.square_room import CAMERA, T_BASE_CAMERA, room_depth

from seal_mapping.nodes import heading_node
from seal_mapping.nodes.heading_node import HeadingNode
from seal_mapping.wall_heading import WallHeadingConfig
from seal_perception import messages as m
from seal_perception.nodes import convert
from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.simulator import Observation
from sim_bridge.nodes.robot_topics import RobotTopics

pytestmark = pytest.mark.ros

Pose = tuple[float, float, float]


class _Sent:
    """In place of `Transforms`."""

    def __init__(self, node: Any) -> None:
        self.rows: list[tuple[str, str, np.ndarray, int]] = []

    def send(self, *row: Any) -> None:
        self.rows.append(row)


@pytest.fixture
def heading(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Any) -> Iterator[HeadingNode]:
    """A node whose compiling is noted and whose transforms are kept; nobody else is in its domain."""
    monkeypatch.setattr(heading_node, "Transforms", _Sent)
    rclpy.init(args=[], domain_id=run_config(tmp_path).domain_id)
    made = HeadingNode()
    yield made
    made.destroy_node()
    rclpy.shutdown()


def _show(node: HeadingNode, stamp_ns: int, pose: Pose, claimed: Pose) -> None:
    """A picture, then the odometry of its stamp: the order of a node that is a tick behind."""
    optical = convert.make_header(stamp_ns, m.CAMERA_FRAME)
    node._pictures.add(m.DEPTH, stamp_ns, convert.depth_to_image(room_depth(pose), optical))
    node._on_info(convert.camera_to_info(CAMERA, optical))
    header = convert.make_header(stamp_ns, m.ODOM_FRAME)
    node._on_wheels(convert.pose_to_odometry(planar_pose(*claimed), header, m.BASE_FRAME))


def test_pictures_that_come_before_their_odometry_correct_it(heading: HeadingNode) -> None:
    for k in range(40):
        _show(heading, (k + 1) * m.NS, (0.0, 0.2, 0.1 * k), (0.0, 0.2, 0.115 * k))
    first = WallHeadingConfig().first_pictures
    assert heading._heading.corrected == 40 - first and heading._heading.late == 0
    last = heading._tf.rows[-1]  # type: ignore[attr-defined]
    assert last[:2] == (m.ODOM_FRAME, m.BASE_FRAME) and last[3] == 40 * m.NS
    off = math.remainder(pose_yaw(last[2]) - 3.9, math.tau)
    assert abs(off) < 0.15, "the wheels are off by 0.58 rad"


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
