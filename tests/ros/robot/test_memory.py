# SPDX-License-Identifier: Apache-2.0
"""A camera of 30 Hz and a slower detector: with the nodes' own defaults nothing grows, and the newest is mapped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image
from tests.ros.robot.graph import graph, odometry

from seal_bringup.stack.node_process import PARENT_VARIABLE, free_nodes
from seal_bringup.stack.node_specs import NodeSpec
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode
from seal_perception.running.patience import crowd

pytestmark = pytest.mark.ros

CAMERA_HZ, DETECTOR_S = 30.0, 0.3
WARM_S, FED_S = 5.0, 10.0
CAMERA = Camera.from_hfov(320, 240, 1.2)
PICTURE_MB = CAMERA.width * CAMERA.height * (3 + 4) / 1e6
"""Colour and depth of one frame."""
SLOW = f"""
import time
from seal_perception.nodes import perception_node
quick = perception_node.PerceptionNode._detect
def slow(self, rgb, frame_id):
    time.sleep({DETECTOR_S})
    return quick(self, rgb, frame_id)
perception_node.PerceptionNode._detect = slow
perception_node.main()
"""


class Feeder(SealNode):
    """A robot that stands before a wall, by a clock; sees what is mapped."""

    def __init__(self) -> None:
        super().__init__("feeder")
        kinds = {m.COLOUR: Image, m.DEPTH: Image, m.CAMERA_INFO: CameraInfo, m.ODOM: Odometry}
        self.topics = {topic: self.advertise(kind, topic, depth=5) for topic, kind in kinds.items()}
        rgb = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)
        header = convert.make_header(0, m.CAMERA_FRAME)
        self._parts: dict[str, Any] = {
            m.COLOUR: convert.rgb_to_image(rgb, header),
            m.DEPTH: convert.depth_to_image(np.full(rgb.shape[:2], 2.0, np.float32), header),
            m.CAMERA_INFO: convert.camera_to_info(CAMERA, header),
        }
        self.shown, self.behind_s, self.dropped = 0, list[float](), list[int]()
        self.subscribe(DiagnosticArray, m.STATUS, self._on_status)
        self.create_timer(1 / CAMERA_HZ, self._show, clock=self.steady)
        self.create_timer(0.02, self._tell, clock=self.steady)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _show(self) -> None:
        self.shown += 1
        stamp = convert.make_time(self._now_ns())
        for topic, msg in self._parts.items():
            msg.header.stamp = stamp
            self.topics[topic].publish(msg)

    def _tell(self) -> None:
        self.topics[m.ODOM].publish(odometry(self._now_ns()))

    def _on_status(self, msg: DiagnosticArray) -> None:
        values = {pair.key: pair.value for pair in msg.status[0].values}
        self.behind_s.append((self._now_ns() - m.header_stamp_ns(msg)) / m.NS)
        self.dropped.append(int(values["frames_dropped"]))


@contextmanager
def slow_perception(domain_id: int) -> Iterator[int]:
    """Perception with a detector that takes its time; its process id."""
    words = ["--ros-args", "-p", "lockstep:=false", "-p", "weights:=none"]
    env = {**os.environ, "ROS_DOMAIN_ID": str(domain_id), PARENT_VARIABLE: str(os.getpid())}
    process = subprocess.Popen([sys.executable, "-c", SLOW, *words], env=env)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def memory_mb(pid: int) -> float:
    """Memory of its own, without what is shared."""
    rows = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return float(rows["RssAnon"].split()[0]) / 1e3


def test_queues_stay_short_and_the_newest_picture_is_mapped(
    monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path
) -> None:
    """All pictures were kept: 19 of 1800 were mapped, none after 0.6 s."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    domain = run_config(tmp_path).domain_id
    mapping = NodeSpec("mapping", "seal_mapping", "mapping_node", "", {"lockstep": False})
    with (
        graph(domain, lockstep="false") as one,
        free_nodes([mapping], tmp_path / "log", domain) as nodes,
        slow_perception(domain) as perception,
    ):
        pids = {"mapping": nodes["/mapping"].pid, "perception": perception}
        feeder = one.make(Feeder)
        assert one.spin_until(lambda: len(feeder.behind_s) > 2, 120.0), "nothing is mapped"
        one.spin_for(WARM_S)
        before = {name: memory_mb(pid) for name, pid in pids.items()}
        shown, mapped, dropped = feeder.shown, len(feeder.behind_s), feeder.dropped[-1]
        begun_s = time.monotonic()
        one.spin_for(FED_S)
        fed_s = time.monotonic() - begun_s
        grown = {name: memory_mb(pid) - before[name] for name, pid in pids.items()}
    shown, mapped = feeder.shown - shown, len(feeder.behind_s) - mapped
    if shown < 0.6 * CAMERA_HZ * fed_s:
        pytest.skip(f"this machine is too busy to show {CAMERA_HZ} pictures a second: {shown} in {fed_s:.0f} s")
    assert shown > 3 * mapped > 0 and mapped >= 0.3 * FED_S / DETECTOR_S / crowd(), (shown, mapped)
    most = max(20.0, 0.25 * shown * PICTURE_MB)
    assert all(mb < most for mb in grown.values()), (grown, most)
    assert max(feeder.behind_s[-mapped:]) < (2 * DETECTOR_S + 0.5) * crowd(), "the newest wins"
    counted = feeder.dropped[-1] - dropped
    assert 0 < counted <= shown + 10, (shown, mapped, counted)  # DDS itself drops some, uncounted
