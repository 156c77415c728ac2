# SPDX-License-Identifier: Apache-2.0
"""Parameters on the graph: each has a description; `ros2 param set` takes effect or is refused with a reason."""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="rclpy cannot be imported: source a ROS 2 installation or run make setup")

from rcl_interfaces.msg import Parameter as ParameterMsg  # noqa: E402
from rcl_interfaces.srv import DescribeParameters, ListParameters, SetParameters  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from tests.ros.robot.graph import picture  # noqa: E402

from seal_bringup.nodes.live_node import LiveNode  # noqa: E402
from seal_bringup.nodes.monitor_node import MonitorNode  # noqa: E402
from seal_mapping.nodes.heading_node import HeadingNode  # noqa: E402
from seal_mapping.nodes.label_node import LabelNode  # noqa: E402
from seal_mapping.nodes.mapping_node import MappingNode  # noqa: E402
from seal_mapping.nodes.recorder_node import RecorderNode  # noqa: E402
from seal_perception import messages as m  # noqa: E402
from seal_perception.nodes.base import SealNode  # noqa: E402
from seal_perception.nodes.perception_node import PerceptionNode  # noqa: E402
from seal_policy.nodes.planner_node import PlannerNode  # noqa: E402
from seal_policy.nodes.policy_node import PolicyNode  # noqa: E402
from sim_bridge.nodes.fake_robot_node import FakeRobotNode  # noqa: E402
from sim_bridge.nodes.robot_bridge_node import RobotBridgeNode  # noqa: E402
from sim_bridge.nodes.sim_bridge_node import SimBridgeNode  # noqa: E402

pytestmark = pytest.mark.ros

NODES: dict[str, type[SealNode]] = {
    "perception_node": PerceptionNode, "mapping_node": MappingNode, "heading_node": HeadingNode,
    "recorder_node": RecorderNode, "label_node": LabelNode, "policy_node": PolicyNode, "planner_node": PlannerNode,
    "monitor_node": MonitorNode, "sim_bridge_node": SimBridgeNode, "robot_bridge_node": RobotBridgeNode,
    "fake_robot_node": FakeRobotNode,
    "live_node": LiveNode,
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
COMMON = (
    *("expect_subscribers", "expect_publishers", "known_publishers", "lockstep", "frame_prefix"),
    *("use_sim_time", "start_type_description_service"),
)
CHANGEABLE = {
    "perception_node": {"overlay_min_score"},
    "mapping_node": {"save_path", "voxels_every", "objects_every"},
    "label_node": {"bag", "out"},
}


class Graph:
    """One node and a client of its parameter services."""

    def __init__(self, node: SealNode) -> None:
        self.node, self._client = node, Node("client")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._executor.add_node(self._client)

    def call(self, kind: Any, service: str, **request: Any) -> Any:
        client = self._client.create_client(kind, f"/{self.node.get_name()}/{service}")
        assert client.wait_for_service(timeout_sec=120.0)
        future = client.call_async(kind.Request(**request))
        self._executor.spin_until_future_complete(future, timeout_sec=120.0)
        assert future.done(), f"{service} did not answer"
        return future.result()

    def descriptions(self) -> dict[str, Any]:
        names = self.call(ListParameters, "list_parameters").result.names
        found = self.call(DescribeParameters, "describe_parameters", names=names).descriptors
        return {descriptor.name: descriptor for descriptor in found}

    def set(self, name: str, value: Any) -> Any:
        parameter: ParameterMsg = Parameter(name, value=value).to_parameter_msg()
        (result,) = self.call(SetParameters, "set_parameters", parameters=[parameter]).results
        return result

    def close(self) -> None:
        self._executor.shutdown()
        for node in (self.node, self._client):
            node.destroy_node()


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., Graph]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.chdir(tmp_path)
    made: list[Graph] = []

    def start(kind: type[SealNode], *words: str) -> Graph:
        given = ["weights:=none", "live.port:=0", *words]
        arguments = [part for word in given for part in ("-p", word)]
        rclpy.init(args=["--ros-args", *arguments], domain_id=run_config(tmp_path).domain_id)
        made.append(Graph(kind()))
        return made[-1]

    yield start
    for one in made:
        one.close()
        one.node.close()
    rclpy.try_shutdown()


@pytest.mark.parametrize("name", NODES)
def test_every_parameter_says_what_the_table_says(graph: Callable[..., Graph], name: str) -> None:
    script = runpy.run_path(str(ROOT / ".ci" / "parameters.py"))
    package = "sim_bridge" if NODES[name].__module__.startswith("sim_bridge") else "seal_*"
    path = next(ROOT.glob(f"**/{package}/nodes/{name}.py"))
    rows = {known.name: (known, changeable) for known, changeable in script["rows_of_file"](path)}
    for parameter, descriptor in graph(NODES[name]).descriptions().items():
        assert descriptor.description, parameter
        if parameter in COMMON or parameter.startswith("qos"):
            assert parameter == "use_sim_time" or descriptor.read_only, parameter
        else:
            known, changeable = rows.pop(parameter)
            assert descriptor.description == known.description
            assert descriptor.read_only is not changeable
            assert changeable == (parameter in CHANGEABLE.get(name, set()))
            assert bool(descriptor.floating_point_range or descriptor.integer_range) == bool(known.range_text)
            assert descriptor.dynamic_typing == isinstance(known.default, (tuple, list)), json.dumps(known.default)
    rows = {key: row for key, row in rows.items() if not key.startswith("detector.")}  # there is no detector here
    assert not rows, "the table lists parameters that the node does not have"


def _another(value: Any) -> Any:
    """A value of the same type that differs."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return type(value)(value * 0.5 if value not in (0, 1) else 1 - value)
    return f"{value}_other" if isinstance(value, str) else [*value, *(value[:1] or ["other"])]


@pytest.mark.parametrize("name", NODES)
def test_each_parameter_takes_effect_or_is_refused_with_a_reason(graph: Callable[..., Graph], name: str) -> None:
    """`ros2 param set` said "successful" and changed nothing."""
    one = graph(NODES[name])
    before = {key: known.value for key, known in one.node._parameters.items() if key != "use_sim_time"}
    values = {key: _another(value) for key, value in before.items()}
    asked = [Parameter(key, value=value).to_parameter_msg() for key, value in values.items()]
    results = one.call(SetParameters, "set_parameters", parameters=asked).results
    for (key, value), result in zip(values.items(), results, strict=True):
        changeable = key in CHANGEABLE.get(name, set())
        assert result.successful is changeable, (key, value, result.reason)
        assert result.successful or result.reason, key
        assert one.node.get_parameter(key).value == (value if changeable else before[key])
    refused = one.set("no_such_parameter", 1)
    assert not refused.successful and refused.reason


@pytest.mark.parametrize("name", CHANGEABLE)
def test_what_changes_is_read_at_each_use(graph: Callable[..., Graph], name: str) -> None:
    """Its value is kept nowhere else: what the node reads later is what was set."""
    source = Path(str(sys.modules[NODES[name].__module__].__file__)).read_text()
    for key in CHANGEABLE[name]:
        read = re.search(rf'get_parameter\((f"{{what}}_{key.rpartition("_")[2]}"|"{key}")\)', source)
        kept = re.search(rf'= declare\(\s*self,\s*"{key}"', source)
        assert read and not kept, key


def test_voxels_come_as_often_as_was_set_meanwhile(graph: Callable[..., Graph]) -> None:
    one = graph(MappingNode, "voxels_every:=10", "use_scores:=false")
    mapping = one.node
    shown: list[bool] = []
    mapping._publish = lambda voxels, objects: shown.append(voxels)  # type: ignore[attr-defined]
    for k in range(6):
        if k == 3:
            assert one.set("voxels_every", 1).successful
        stamp = m.NS + k * m.NS // 10
        parts = {key: value for key, value in picture(stamp).items() if key != m.SCORES}
        mapping._on_frame(stamp, {**parts, m.ODOM: np.eye(4)})  # type: ignore[attr-defined]
    assert shown == [True, False, False, True, True, True]


def test_what_is_read_once_refuses_to_change(graph: Callable[..., Graph]) -> None:
    one = graph(MappingNode)
    for name, value in (("map.max_depth_m", 3.0), ("expected_frames", 7), ("qos.odom.depth", 3)):
        before = one.node.get_parameter(name).value
        result = one.set(name, value)
        assert not result.successful and "read-only" in result.reason
        assert one.node.get_parameter(name).value == before


def test_what_is_read_at_use_changes_within_type_and_range(graph: Callable[..., Graph]) -> None:
    one = graph(PerceptionNode)
    assert one.set("overlay_min_score", 0.8).successful
    assert one.node.get_parameter("overlay_min_score").value == 0.8
    refused = one.set("overlay_min_score", 1.5)
    assert not refused.successful and "out of range" in refused.reason
    refused = one.set("overlay_min_score", "high")
    assert not refused.successful and "Wrong parameter type" in refused.reason
    assert one.node.get_parameter("overlay_min_score").value == 0.8


def test_an_integer_is_accepted_where_a_float_is_meant(graph: Callable[..., Graph]) -> None:
    one = graph(MappingNode, "map.max_depth_m:=4")
    value = one.node.get_parameter("map.max_depth_m").value
    assert isinstance(value, float) and value == 4.0
