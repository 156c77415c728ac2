# SPDX-License-Identifier: Apache-2.0
"""Detections as vision_msgs.

vision_msgs is no wheel: its messages are made from their definitions, with rosbags' names, types and CDR encoding. A
field that does not exist, or a value of another type, fails as it would with the real ones.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from tests.ros.robot.graph import Graph, graph, picture

from seal_perception import messages as m
from seal_perception.categories import CategorySet
from seal_perception.detections import Detections
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.perception_node import PerceptionNode
from seal_perception.nodes.vision_topics import VisionTopics, detections_to_message, labels_to_message

pytestmark = pytest.mark.ros

DEFINITIONS = {
    "Detection2DArray": "std_msgs/Header header\nDetection2D[] detections",
    "Detection2D": "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox2D bbox\nstring id",
    "ObjectHypothesisWithPose": "ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
    "ObjectHypothesis": "string class_id\nfloat64 score",
    "BoundingBox2D": "Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "Pose2D": "Point2D position\nfloat64 theta",
    "Point2D": "float64 x\nfloat64 y",
    "LabelInfo": "std_msgs/Header header\nVisionClass[] class_map\nfloat32 threshold",
    "VisionClass": "uint16 class_id\nstring class_name",
}
STORE = get_typestore(Stores.ROS2_JAZZY)
for _name, _text in DEFINITIONS.items():
    STORE.register(get_types_from_msg(_text, f"vision_msgs/msg/{_name}"))


def default(kind: str) -> Any:
    """A message of a type with the values that rclpy gives it at first."""
    made = SimpleNamespace(kind=kind)
    for name, (node, about) in STORE.fielddefs[kind][1]:
        if node.name == "NAME":
            setattr(made, name, default(about))
        elif node.name == "BASE":
            setattr(made, name, "" if about[0] == "string" else 0.0 if about[0].startswith("float") else 0)
        elif node.name == "SEQUENCE":
            setattr(made, name, [])
        else:
            setattr(made, name, np.zeros(about[1]))
    return made


def encoded(message: Any, kind: str) -> Any:
    """A message as its bytes hold it; fails where a field is none of the type or has another type."""

    def built(value: Any, of: str) -> Any:
        fields = STORE.fielddefs[of][1]
        if isinstance(value, SimpleNamespace):
            assert set(vars(value)) - {"kind"} == {name for name, _ in fields}, of
        parts = {}
        for name, (node, about) in fields:
            part = getattr(value, name)
            if node.name == "NAME":
                part = built(part, about)
            elif node.name == "SEQUENCE":
                part = [built(each, about[0][1]) for each in part]
            parts[name] = part
        return STORE.types[of](**parts)

    return STORE.deserialize_cdr(STORE.serialize_cdr(built(message, kind), kind), kind)


def messages() -> ModuleType:
    """vision_msgs.msg."""
    module = ModuleType("vision_msgs.msg")

    def maker(kind: str) -> Callable[..., Any]:
        def make(**values: Any) -> Any:
            made = default(kind)
            assert set(values) <= set(vars(made)), f"{kind} has no {set(values) - set(vars(made))}"
            vars(made).update(values)
            return made

        return make

    for name in DEFINITIONS:
        setattr(module, name, maker(f"vision_msgs/msg/{name}"))
    return module


@pytest.fixture
def vision(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    package = ModuleType("vision_msgs")
    package.msg = messages()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vision_msgs", package)
    return package.msg  # type: ignore[attr-defined]


def found(names: CategorySet | None = None) -> Detections:
    boxes = np.array([[10, 20, 30, 60], [0, 0, 5, 7]], np.float32)
    masks = np.zeros((2, 80, 90), bool)
    more = {} if names is None else {"names": names}
    return Detections(boxes, np.array([2, 0]), np.array([0.9, 0.25], np.float32), masks, **more)


def test_boxes_names_and_scores_survive_the_wire() -> None:
    header = convert.make_header(7 * m.NS, "eye")
    read = encoded(detections_to_message(found(), header, messages()), "vision_msgs/msg/Detection2DArray")
    assert (read.header.frame_id, read.header.stamp.sec, len(read.detections)) == ("eye", 7, 2)
    first = read.detections[0]
    assert (first.bbox.center.position.x, first.bbox.center.position.y) == (20.0, 40.0)
    assert (first.bbox.size_x, first.bbox.size_y, first.header.frame_id) == (20.0, 40.0, "eye")
    (result,) = first.results
    assert result.hypothesis.class_id == "potted plant" and result.hypothesis.score == pytest.approx(0.9)
    assert [d.results[0].hypothesis.class_id for d in read.detections] == ["potted plant", "chair"]


def test_the_list_of_categories_survives_the_wire() -> None:
    names = CategorySet(("lamp", "rug"))
    header = convert.make_header(7 * m.NS, "")
    read = encoded(labels_to_message(names, 0.05, header, messages()), "vision_msgs/msg/LabelInfo")
    assert [(c.class_id, c.class_name) for c in read.class_map] == [(1, "lamp"), (2, "rug")]
    assert read.threshold == pytest.approx(0.05)


class _Node:
    """What `VisionTopics` needs of a node."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.latched: dict[str, bool] = {}
        self.said: list[str] = []

    def advertise(self, kind: Any, topic: str, latched: bool = False, depth: int | None = None) -> Any:
        self.latched[topic] = latched
        return SimpleNamespace(publish=lambda msg: self.sent.append((topic, msg)))

    def get_logger(self) -> Any:
        return SimpleNamespace(info=self.said.append)


def test_the_list_is_told_once_and_again_when_it_changes(vision: ModuleType) -> None:
    node = _Node()
    topics = VisionTopics(node, 0.05)  # type: ignore[arg-type]
    header = convert.make_header(m.NS, "eye")
    for names in (None, None, CategorySet(("a", "b", "c"))):
        topics.publish(found(names), header)
    assert [topic for topic, _ in node.sent] == [
        m.LABEL_INFO, m.DETECTIONS_2D, m.DETECTIONS_2D, m.LABEL_INFO, m.DETECTIONS_2D,
    ]  # fmt: skip
    assert node.latched == {m.DETECTIONS_2D: False, m.LABEL_INFO: True} and node.said == []


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Graph]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with graph(run_config(tmp_path).domain_id, weights="none", lockstep="false") as one:
        yield one


def test_perception_publishes_them_with_each_picture(
    ros: Graph, vision: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = _Node()
    real = SealNode.advertise

    def advertise(self: Any, kind: Any, topic: str, **more: Any) -> Any:
        return (
            node.advertise(kind, topic) if topic in (m.DETECTIONS_2D, m.LABEL_INFO) else real(self, kind, topic, **more)
        )

    monkeypatch.setattr(SealNode, "advertise", advertise)
    perception = ros.make(PerceptionNode)
    perception._on_colour(picture(3 * m.NS)[m.COLOUR])
    assert [topic for topic, _ in node.sent] == [m.LABEL_INFO, m.DETECTIONS_2D]
    read = encoded(node.sent[1][1], "vision_msgs/msg/Detection2DArray")
    assert read.header.stamp.sec == 3 and read.detections == []


def test_without_vision_msgs_a_line_says_so_and_the_json_is_published(
    ros: Graph, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "vision_msgs", None)
    perception = ros.make(PerceptionNode)
    perception._on_colour(picture(3 * m.NS)[m.COLOUR])
    said = capfd.readouterr().err
    assert "vision_msgs is not installed: no semantic/detections_2d; semantic/detections has" in said
