# SPDX-License-Identifier: Apache-2.0
"""Nodes of a launch file as processes, and a bag played to them: `launch` and `ros2 bag play` are no wheels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nav_msgs.msg import Odometry
from rosbags.highlevel import AnyReader
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from tests.ros.robot.graph import Graph

from seal_perception import messages as m
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.convert import make_time
from seal_perception.running.patience import Patience


class Player(SealNode):
    """Plays the pictures and odometry of a bag with its clock, as `ros2 bag play --clock` does."""

    def __init__(self, bag: Path, namespace: str) -> None:
        super().__init__("player")
        kinds = {m.COLOUR: Image, m.DEPTH: Image, m.CAMERA_INFO: CameraInfo, m.ODOM: Odometry}
        named = {f"/{namespace}/{topic}": kind for topic, kind in kinds.items()}
        self._bag, self._root = bag, f"/{namespace}/"
        self._topics = {topic: self.advertise(kind, topic) for topic, kind in named.items()}
        self._time = self.advertise(Clock, "/clock")

    def heard(self, counts: dict[str, int]) -> bool:
        """Whether so many nodes hear each topic."""
        found = {topic: publisher.get_subscription_count() for topic, publisher in self._topics.items()}
        return found == {self._root + topic: count for topic, count in counts.items()}

    def play(self, one: Graph) -> None:
        """All messages, at the times of the bag or later."""
        with AnyReader([self._bag]) as reader:
            rows: list[Any] = [row for row in reader.messages() if row[0].topic in self._topics]
            begin_ns, patience = rows[0][1], Patience()
            for connection, time_ns, data in rows:
                while (time_ns - begin_ns) / m.NS > patience.used_s():
                    one.spin_for(0.005)
                self._time.publish(Clock(clock=make_time(time_ns)))
                self._topics[connection.topic].publish(bytes(data))
