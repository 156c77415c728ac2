# SPDX-License-Identifier: Apache-2.0
"""Nodes of one process that talk to each other, and the messages of a small robot."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor

from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode
from seal_perception.pose import planar_pose
from seal_perception.running.patience import Patience

CAMERA = Camera.from_hfov(32, 24, 1.2)


def hear_hangups() -> None:
    """In a child process before it begins: the suite itself may run under nohup, which ignores SIGHUP."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Graph:
    """Nodes that are spun together."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []

    def make(self, factory: Callable[[], Any]) -> Any:
        """A node of the graph."""
        self.nodes.append(factory())
        return self.nodes[-1]

    def spin_until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> bool:
        """Spin until it is so; returns whether it is."""
        executor = SingleThreadedExecutor()
        for node in self.nodes:
            executor.add_node(node)
        patience = Patience()
        while not condition() and patience.used_s() < timeout_s:
            executor.spin_once(timeout_sec=0.02)
        executor.shutdown()
        return condition()

    def spin_for(self, seconds: float) -> None:
        """Spin for a time of the wall clock."""
        patience = Patience()
        self.spin_until(lambda: patience.used_s() >= seconds, seconds + 1.0)


@contextmanager
def graph(domain_id: int, arguments: Sequence[str] = (), **parameters: object) -> Iterator[Graph]:
    """A graph whose nodes all get these ROS arguments and parameters; `__` in a name stands for a dot."""
    given = [w for key, value in parameters.items() for w in ("-p", f"{key.replace('__', '.')}:={value}")]
    words = [*arguments, *given]
    rclpy.init(args=["--ros-args", *words] if words else None, domain_id=domain_id)
    made = Graph()
    try:
        yield made
    finally:
        for node in made.nodes:
            node.destroy_node()
        rclpy.try_shutdown()


def odometry(stamp_ns: int, x: float = 0.0, yaw: float = 0.0) -> Any:
    """An Odometry message of a robot at x, turned by yaw."""
    header = convert.make_header(stamp_ns, m.ODOM_FRAME)
    return convert.pose_to_odometry(planar_pose(x, 0.0, yaw), header, m.BASE_FRAME)


def picture(stamp_ns: int, depth_m: float = 2.0) -> dict[str, Any]:
    """Colour, depth, camera info and scores of a stamp, by topic."""
    header = convert.make_header(stamp_ns, m.CAMERA_FRAME)
    return {
        m.COLOUR: convert.rgb_to_image(np.full((24, 32, 3), 90, np.uint8), header),
        m.DEPTH: convert.depth_to_image(np.full((24, 32), depth_m, np.float32), header),
        m.CAMERA_INFO: convert.camera_to_info(CAMERA, header),
        m.SCORES: convert.scores_to_image(np.full((24, 32, 6), 240, np.uint8), header),
    }


class Robot(SealNode):
    """Publishes what a test gives it."""

    def __init__(self) -> None:
        super().__init__("robot")
        kinds = {**{topic: type(msg) for topic, msg in picture(0).items()}, m.ODOM: type(odometry(0))}
        self.topics = {topic: self.advertise(kind, topic) for topic, kind in kinds.items()}

    def send(self, messages: dict[str, Any]) -> None:
        """Publish by topic."""
        for topic, message in messages.items():
            self.topics[topic].publish(message)

    def heard(self, *topics: str) -> bool:
        """Whether somebody subscribes to each of these topics, or to all."""
        return all(self.topics[topic].get_subscription_count() for topic in topics or self.topics)
