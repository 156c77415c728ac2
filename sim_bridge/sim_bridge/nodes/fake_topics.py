# SPDX-License-Identifier: Apache-2.0
"""A LoCoBot's own topics around a simulated robot, as the vendors' messages where they are installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image

from seal_perception.camera import Camera
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.transforms import Transforms
from seal_perception.types import FloatArray
from sim_bridge.fake_robot.faces import FACES, CameraTopics, Channel, split_channel
from sim_bridge.fake_robot.robot import Sent
from sim_bridge.nodes.base_topics import message_class
from sim_bridge.robot_base.fields import is_installed

_KEPT = 10


def fill(message: Any, field: str, value: Any) -> None:
    """Set a field by its path: `data`, `data[]` (the list itself), or `detections[].type` (elements of a list)."""
    name, _, rest = field.partition(".")
    if not name.endswith("[]"):
        setattr(message, name, value)
        return
    name = name.removesuffix("[]")
    if not rest:
        setattr(message, name, list(value))
        return
    package, element = message.get_fields_and_field_types()[name].removeprefix("sequence<").rstrip(">").split("/")
    made = message_class(f"{package}/msg/{element}")
    setattr(message, name, [made(**{rest: each}) for each in value])


class BaseTopics:
    """Velocity in; odometry, transforms and the base's sensors out.

    Args:
        node: publishes and subscribes.
        base: "kobuki" or "create3".
        robot_name: stands before the topics.
        on_velocity: called with m/s and rad/s.
        T_base_camera: (4, 4) mounting over the floor below the base's middle, for /tf_static.
        camera_frame: frame of the pictures.
    """

    def __init__(
        self,
        node: SealNode,
        base: str,
        robot_name: str,
        on_velocity: Callable[[float, float], None],
        T_base_camera: FloatArray,
        camera_frame: str,
    ) -> None:
        def named(text: str) -> str:
            return text.replace("{robot}", robot_name)

        face = FACES[base]
        self._frames = named(face.odom_frame), named(face.base_frame)
        self._tf_frames = named(face.tf_odom_frame), named(face.tf_base_frame)
        self._odometry = node.advertise(Odometry, named(face.odometry), depth=_KEPT)
        fixed = [(self._tf_frames[1], camera_frame, T_base_camera)]
        self._tf = Transforms(node, fixed)
        self._channels: list[tuple[Channel, type, Any]] = []
        for channel in face.channels:
            rows = [channel] if is_installed(channel.type) else split_channel(channel)
            for row in rows:
                kind = message_class(row.type)
                publisher = node.advertise(kind, named(row.topic), latched=not row.hz, depth=_KEPT)
                self._channels.append((row, kind, publisher))
        self._due_ns = [0] * len(self._channels)
        node.subscribe(
            Twist, named(face.velocity), lambda msg: on_velocity(float(msg.linear.x), float(msg.angular.z)), depth=_KEPT
        )

    def publish(self, sent: Sent) -> None:
        """Odometry, and what of the base's state is due then."""
        assert sent.T_odom_base is not None and sent.state is not None
        header = convert.make_header(sent.stamp_ns, self._frames[0])
        self._odometry.publish(convert.pose_to_odometry(sent.T_odom_base, header, self._frames[1]))
        self._tf.send(*self._tf_frames, sent.T_odom_base, sent.stamp_ns)
        for k, (channel, kind, publisher) in enumerate(self._channels):
            if sent.stamp_ns < self._due_ns[k]:
                continue
            # A latched message is sent once; the others at their rate, as far as odometry's is a multiple of it.
            self._due_ns[k] = sent.stamp_ns + round(1e9 / channel.hz) if channel.hz else (1 << 63) - 1
            message = kind()
            for field, attribute in channel.fields.items():
                fill(message, field, getattr(sent.state, attribute))
            publisher.publish(message)


class CameraTopicsOut:
    """Colour, aligned depth in millimetres, camera info.

    Args:
        node: publishes.
        topics: their names.
        camera: intrinsics.
        best_effort: offer best effort instead of reliable.
    """

    def __init__(self, node: SealNode, topics: CameraTopics, camera: Camera, best_effort: bool) -> None:
        reliability = "best_effort" if best_effort else "reliable"
        self._frame, self._camera = topics.frame, camera
        self._colour = node.advertise(Image, topics.colour, depth=_KEPT, reliability=reliability)
        self._depth = node.advertise(Image, topics.depth, depth=_KEPT, reliability=reliability)
        self._info = node.advertise(CameraInfo, topics.info, depth=_KEPT, reliability=reliability)

    def publish(self, sent: Sent) -> None:
        """One frameset, with one stamp."""
        assert sent.picture is not None
        header = convert.make_header(sent.stamp_ns, self._frame)
        self._info.publish(convert.camera_to_info(self._camera, header))
        self._colour.publish(convert.rgb_to_image(sent.picture.rgb, header))
        if sent.depth:
            millimetres = np.clip(np.rint(1000.0 * sent.picture.depth), 0, 65535).astype(np.uint16)
            self._depth.publish(convert.millimetres_to_image(millimetres, header))
