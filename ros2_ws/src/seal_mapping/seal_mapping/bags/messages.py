# SPDX-License-Identifier: Apache-2.0
"""The messages of our bags: topics, types, their fixed order within a frame, and CDR encoding without ROS."""

from __future__ import annotations

import functools
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.pose import pose_to_xyz_quat
from seal_perception.types import FloatArray

TOPIC_TYPES: dict[str, str] = {
    m.TF_STATIC: "tf2_msgs/msg/TFMessage",
    m.CAMERA_INFO: "sensor_msgs/msg/CameraInfo",
    m.COLOUR: "sensor_msgs/msg/Image",
    m.DEPTH: "sensor_msgs/msg/Image",
    m.ODOM: "nav_msgs/msg/Odometry",
    m.TF: "tf2_msgs/msg/TFMessage",
    m.DETECTIONS: "std_msgs/msg/String",
    m.GOAL: "geometry_msgs/msg/PoseStamped",
    m.STEP: "geometry_msgs/msg/PoseStamped",
}
"""Topics of a bag with their types, in the order in which one frame's messages are written."""


@functools.lru_cache(maxsize=1)
def typestore() -> Typestore:
    """The standard message types, as Humble and Jazzy both have them."""
    return get_typestore(Stores.ROS2_HUMBLE)


def offered_qos(topic: str) -> Qos:
    """The QoS stored for a topic, which `ros2 bag play` offers again; /tf_static is latched."""
    forever = QosTime(2147483647, 4294967295)
    latched = topic == m.TF_STATIC
    return Qos(
        QosHistory.KEEP_LAST, 10, QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        forever, forever, QosLiveliness.AUTOMATIC, forever, False,
    )  # fmt: skip


def encode(topic: str, message: Any) -> bytes:
    """CDR bytes of a rosbags message for one of `TOPIC_TYPES`."""
    return bytes(typestore().serialize_cdr(message, TOPIC_TYPES[topic]))


def decode(data: bytes, msgtype: str) -> Any:
    """The rosbags message of CDR bytes."""
    return typestore().deserialize_cdr(data, msgtype)


def canonical(topic: str, data: bytes) -> bytes:
    """The same message with zeros between its fields, where Fast DDS leaves whatever was in memory.

    Without this, two equal runs would give bags of different bytes.
    """
    return encode(topic, decode(data, TOPIC_TYPES[topic]))


def raw_stamp_ns(data: bytes, msgtype: str) -> int | None:
    """Stamp of a serialized message: of its header, of the JSON in a String; None for a TFMessage.

    Raises:
        InputError: if it is none.
    """
    if msgtype == "std_msgs/msg/String":
        return m.detections_stamp_ns(decode(data, msgtype).data)
    if msgtype == "tf2_msgs/msg/TFMessage":
        return None
    sec, nanosec = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    return m.checked_stamp_ns(int(sec), int(nanosec))


def _types() -> dict[str, Any]:
    return typestore().types


def _header(stamp_ns: int, frame_id: str) -> Any:
    types = _types()
    stamp = types["builtin_interfaces/msg/Time"](sec=stamp_ns // m.NS, nanosec=stamp_ns % m.NS)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def image_message(pixels: npt.NDArray, encoding: str, stamp_ns: int, frame_id: str = m.CAMERA_FRAME) -> Any:
    """Image of (H, W) or (H, W, C) pixels."""
    height, width = pixels.shape[:2]
    data = np.frombuffer(np.ascontiguousarray(pixels).tobytes(), np.uint8)
    return _types()["sensor_msgs/msg/Image"](
        header=_header(stamp_ns, frame_id), height=height, width=width, encoding=encoding, is_bigendian=0,
        step=pixels.nbytes // height, data=data,
    )  # fmt: skip


def camera_info_message(camera: Camera, stamp_ns: int, frame_id: str = m.CAMERA_FRAME) -> Any:
    """CameraInfo of a rectified camera."""
    types = _types()
    k = camera.matrix
    roi = types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return types["sensor_msgs/msg/CameraInfo"](
        header=_header(stamp_ns, frame_id), height=camera.height, width=camera.width, distortion_model="plumb_bob",
        d=np.zeros(5), k=k.ravel(), r=np.eye(3).ravel(), p=np.hstack([k, np.zeros((3, 1))]).ravel(),
        binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip


def _pose(T: FloatArray) -> Any:
    types = _types()
    xyz, quat = (tuple(float(v) for v in part) for part in pose_to_xyz_quat(T))
    return types["geometry_msgs/msg/Pose"](
        position=types["geometry_msgs/msg/Point"](*xyz), orientation=types["geometry_msgs/msg/Quaternion"](*quat)
    )


def pose_stamped_message(T: FloatArray, stamp_ns: int, frame_id: str) -> Any:
    """PoseStamped of a (4, 4) pose."""
    return _types()["geometry_msgs/msg/PoseStamped"](header=_header(stamp_ns, frame_id), pose=_pose(T))


def odometry_message(T_odom_base: FloatArray, stamp_ns: int) -> Any:
    """Odometry without covariance and twist."""
    types = _types()
    zero = types["geometry_msgs/msg/Vector3"](0.0, 0.0, 0.0)
    twist = types["geometry_msgs/msg/Twist"](linear=zero, angular=zero)
    return types["nav_msgs/msg/Odometry"](
        header=_header(stamp_ns, m.ODOM_FRAME), child_frame_id=m.BASE_FRAME,
        pose=types["geometry_msgs/msg/PoseWithCovariance"](pose=_pose(T_odom_base), covariance=np.zeros(36)),
        twist=types["geometry_msgs/msg/TwistWithCovariance"](twist=twist, covariance=np.zeros(36)),
    )  # fmt: skip


def tf_message(transforms: list[tuple[str, str, FloatArray]], stamp_ns: int) -> Any:
    """TFMessage of (parent, child, T_parent_child) triples."""
    types = _types()
    rows = []
    for parent, child, T in transforms:
        xyz, quat = (tuple(float(v) for v in part) for part in pose_to_xyz_quat(T))
        transform = types["geometry_msgs/msg/Transform"](
            translation=types["geometry_msgs/msg/Vector3"](*xyz), rotation=types["geometry_msgs/msg/Quaternion"](*quat)
        )
        header = _header(stamp_ns, parent)
        rows.append(
            types["geometry_msgs/msg/TransformStamped"](header=header, child_frame_id=child, transform=transform)
        )
    return types["tf2_msgs/msg/TFMessage"](transforms=rows)


def text_message(text: str) -> Any:
    """String message."""
    return _types()["std_msgs/msg/String"](data=text)
