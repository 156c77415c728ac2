# SPDX-License-Identifier: Apache-2.0
"""Single nodes in a process: parameters, QoS, waiting, services, what is said of bad frames."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from seal_mapping.bags.writer import BagWriter, write_frame
from seal_mapping.nodes.label_node import LabelNode
from seal_mapping.nodes.mapping_node import MappingNode
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.io import load_map
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.categories import SIX, CategorySet
from seal_perception.dataset import CocoDataset
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.params import declare, declare_config
from seal_perception.pose import camera_mounting
from seal_perception.running.patience import Patience

pytestmark = pytest.mark.ros

CAMERA = Camera.from_hfov(32, 24, 1.2)


class _Ros:
    """A context with some parameters, and a way to spin for a while."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []

    def make(self, factory: Callable[[], Any]) -> Any:
        node = factory()
        self.nodes.append(node)
        return node

    def spin_until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> bool:
        executor = SingleThreadedExecutor()
        for node in self.nodes:
            executor.add_node(node)
        patience = Patience()
        while not condition() and patience.used_s() < timeout_s:
            executor.spin_once(timeout_sec=0.05)
        executor.shutdown()
        return condition()


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., _Ros]]:
    made: list[_Ros] = []
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

    def start(**parameters: object) -> _Ros:
        words = [w for key, value in parameters.items() for w in ("-p", f"{key.replace('__', '.')}:={value}")]
        rclpy.init(args=["--ros-args", *words] if words else None, domain_id=run_config(tmp_path).domain_id)
        made.append(_Ros())
        return made[-1]

    yield start
    for one in made:
        for node in one.nodes:
            node.destroy_node()
    rclpy.try_shutdown()


def test_parameters_come_from_the_dataclass(ros: Callable[..., _Ros]) -> None:
    node = ros(map__voxel_m=0.1, map__max_depth_m=4).make(lambda: SealNode("plain"))
    config = declare_config(node, MapConfig, "map")
    assert config == MapConfig(voxel_m=0.1, max_depth_m=4.0)
    assert node.get_parameter("map.confident").value == MapConfig().confident


def test_bad_parameters_are_named(ros: Callable[..., _Ros]) -> None:
    node = ros(map__voxel_m=-1.0, seed="many").make(lambda: SealNode("plain"))
    with pytest.raises(InputError, match=r"parameters map\.\* of plain: voxel_m must be positive, got -1.0"):
        declare_config(node, MapConfig, "map")
    with pytest.raises(InputError, match="parameter seed of plain must be int, got 'many'"):
        declare(node, "seed", 0, "seed")


def test_an_incompatible_qos_is_reported(ros: Callable[..., _Ros], capfd: pytest.CaptureFixture[str]) -> None:
    one = ros()
    sender = one.make(lambda: SealNode("sender"))
    listener = one.make(lambda: SealNode("listener"))
    sender.set_parameters([])
    sender.declare_parameter("qos.picture.reliability", "best_effort")
    sender.declare_parameter("qos.picture.depth", 5)
    sender.advertise(Image, "picture")
    listener.subscribe(Image, "picture", lambda _: None)
    said: list[str] = []

    def heard() -> bool:
        said.append(capfd.readouterr().err)
        return "QoS of picture does not fit a publisher" in "".join(said)

    assert one.spin_until(heard), "".join(said)


def test_a_wrong_qos_parameter_is_named(ros: Callable[..., _Ros]) -> None:
    node = ros(qos__picture__reliability="sure").make(lambda: SealNode("sender"))
    with pytest.raises(InputError, match="qos.picture must be reliable or best_effort .* got 'sure'"):
        node.advertise(Image, "picture")


def _frame_messages(stamp_ns: int, depth_height: int = 24) -> dict[str, Any]:
    header = convert.make_header(stamp_ns, m.CAMERA_FRAME)
    return {
        m.COLOUR: convert.rgb_to_image(np.full((24, 32, 3), 90, np.uint8), header),
        m.DEPTH: convert.depth_to_image(np.full((depth_height, 32), 2.0, np.float32), header),
        m.CAMERA_INFO: convert.camera_to_info(CAMERA, header),
        m.ODOM: convert.pose_to_odometry(np.eye(4), convert.make_header(stamp_ns, m.ODOM_FRAME), m.BASE_FRAME),
        m.SCORES: convert.scores_to_image(np.full((24, 32, 6), 240, np.uint8), header),
    }


class _Sender(SealNode):
    def __init__(self) -> None:
        super().__init__("sender")
        self.topics = {t: self.advertise(type(msg), t) for t, msg in _frame_messages(0).items()}

    def send(self, messages: dict[str, Any]) -> None:
        for topic, message in messages.items():
            self.topics[topic].publish(message)


def test_mapping_maps_a_frame_and_saves_it_by_service(ros: Callable[..., _Ros], tmp_path: Path) -> None:
    one = ros(save_path=tmp_path / "map.npz")
    mapping, sender = one.make(MappingNode), one.make(_Sender)
    client = sender.create_client(Trigger, "map/save")
    assert one.spin_until(lambda: all(p.get_subscription_count() for p in sender.topics.values()))
    sender.send(_frame_messages(m.NS))
    assert one.spin_until(lambda: mapping._map.frames == 1)
    assert one.spin_until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    assert one.spin_until(answer.done) and answer.result().success, answer.result().message
    saved = load_map(tmp_path / "map.npz")
    assert saved.frames == 1 and saved.confident_count > 0


def test_depth_that_is_not_registered_ends_a_lockstep_run(ros: Callable[..., _Ros]) -> None:
    one = ros()
    one.make(MappingNode)
    sender = one.make(_Sender)
    assert one.spin_until(lambda: all(p.get_subscription_count() for p in sender.topics.values()))
    sender.send(_frame_messages(m.NS, depth_height=12))
    with pytest.raises(InputError, match="frame of 1000000000 ns: depth is not registered to colour: depth is 32 x 12"):
        one.spin_until(lambda: False)


OTHERS = CategorySet(("lamp", "oven", "sink", "cup", "book", "vase"))


def found_nothing(names: CategorySet, stamp_ns: int) -> String:
    """The detections of a frame in which nothing of a list was found."""
    return String(data=m.detections_to_text(Detections.empty(24, 32, names=names), stamp_ns))


def test_scores_of_six_other_categories_end_a_lockstep_run(ros: Callable[..., _Ros]) -> None:
    one = ros()
    mapping, sender, teller = one.make(MappingNode), one.make(_Sender), one.make(lambda: SealNode("teller"))
    told = teller.advertise(String, m.DETECTIONS)
    assert one.spin_until(lambda: all(p.get_subscription_count() for p in (told, *sender.topics.values())))
    told.publish(found_nothing(SIX, m.NS))
    sender.send(_frame_messages(m.NS))
    assert one.spin_until(lambda: mapping._map.frames == 1)
    told.publish(found_nothing(OTHERS, 2 * m.NS))
    line = "semantic/detections: the detections are of lamp, oven.*; the map is for chair, couch.*: set map.categories$"
    with pytest.raises(InputError, match=line):
        one.spin_until(lambda: False)


def test_missing_camera_info_is_said(ros: Callable[..., _Ros], capfd: pytest.CaptureFixture[str]) -> None:
    one = ros()
    one.make(MappingNode)
    sender = one.make(_Sender)
    assert one.spin_until(lambda: all(p.get_subscription_count() for p in sender.topics.values()))
    messages = _frame_messages(m.NS)
    del messages[m.CAMERA_INFO]
    sender.send(messages)
    said: list[str] = []

    def heard() -> bool:
        said.append(capfd.readouterr().err)
        return "waiting for /camera/color/camera_info: frames are matched by stamp" in "".join(said)

    assert one.spin_until(heard), "".join(said)


def test_the_label_node_labels_a_bag_and_says_how_far_it_is(ros: Callable[..., _Ros], tmp_path: Path) -> None:
    mask = np.ones((1, 24, 32), bool)
    sure = Detections(np.array([[0, 0, 32, 24]], np.float32), np.array([1]), np.ones(1, np.float32), mask)
    rgb, depth = np.full((24, 32, 3), 90, np.uint8), np.full((24, 32), 2.0, np.float32)
    with BagWriter(tmp_path / "bag") as writer:
        for k in range(3):
            write_frame(writer, (k + 1) * m.NS, rgb, depth, CAMERA, np.eye(4), camera_mounting(0.88), sure)
    one = ros(
        bag=tmp_path / "bag",
        out=tmp_path / "labels",
        label__rule="paper",
        label__min_instance_m3=0.0,
        label__plausible_size=False,
    )
    one.make(LabelNode)
    caller = one.make(lambda: SealNode("caller"))
    said: list[str] = []
    caller.subscribe(String, "label/progress", lambda msg: said.append(msg.data), latched=True)
    client = caller.create_client(Trigger, "label")
    assert one.spin_until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    assert one.spin_until(lambda: bool(said) and said[-1].startswith(("done", "failed")), 120.0), said
    assert answer.result().success and said[-1].startswith("done"), said
    labels = CocoDataset(tmp_path / "labels")
    assert len(labels) == 3 and {a.category for i in range(3) for a in labels.annotations(i)} == {1}


_WITHOUT_ROS = """
import sys
sys.modules["rclpy"] = None
import {module}
loaded = [name for name in sys.modules if name.endswith("_msgs") and "rosbags" not in name]
assert not loaded, loaded
"""


@pytest.mark.parametrize(
    "module",
    [
        "seal_mapping.datasets.labelling",
        "seal_mapping.bags.reader",
        "seal_mapping.bags.recover",
        "seal_bringup.stack.runner",
    ],
)
def test_bags_are_read_and_labelled_where_rclpy_cannot_be_imported(module: str) -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT_ROS.format(module=module)], check=True, timeout=600)
