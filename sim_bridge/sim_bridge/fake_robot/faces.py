# SPDX-License-Identifier: Apache-2.0
"""A LoCoBot's own topics, types and frames, by base and by the generation of its camera's driver.

Names from interbotix_xslocobot_control and kobuki_ros (Humble), create3_docs and realsense2_camera. Where a vendor's
messages are not installed, each of their fields is told on a topic of its own in ROS's own messages, and the bridge is
given those instead: the gate behind it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seal_perception import messages as m
from seal_perception.errors import InputError
from sim_bridge.fake_robot.base import BaseState

_STD = {
    bool: ("std_msgs/msg/Bool", "data"),
    int: ("std_msgs/msg/UInt8", "data"),
    tuple: ("std_msgs/msg/UInt8MultiArray", "data[]"),
}


@dataclass(frozen=True)
class Channel:
    """A message of the base.

    Attributes:
        topic: {robot} stands for the robot's name.
        type: package/msg/Name.
        hz: messages per second; 0 = once, latched.
        fields: field of the message -> attribute of `BaseState`; `a[].b` is field b of the elements of list a.
    """

    topic: str
    type: str
    hz: float
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Face:
    """A base's topics and frames; {robot} stands for the robot's name.

    Attributes:
        velocity, odometry: topics.
        odom_frame, base_frame: what the odometry message says.
        tf_odom_frame, tf_base_frame: what /tf calls the same two.
        channels: what else it tells.
    """

    velocity: str
    odometry: str
    odom_frame: str
    base_frame: str
    tf_odom_frame: str
    tf_base_frame: str
    channels: tuple[Channel, ...]


_CORE = {name: name for name in ("bumper", "wheel_drop", "cliff", "charger")}
_MOBILE = "/{robot}/mobile_base"
FACES = {
    "kobuki": Face(
        "/{robot}/commands/velocity",
        "/{robot}/odom",
        "{robot}/odom",
        "{robot}/base_footprint",
        "{robot}/odom",
        "{robot}/base_footprint",
        (
            Channel("/{robot}/sensors/core", "kobuki_ros_interfaces/msg/SensorState", 50, _CORE),
            Channel("/{robot}/sensors/battery_state", "sensor_msgs/msg/BatteryState", 1, {"voltage": "voltage"}),
            Channel("/{robot}/events/robot_state", "kobuki_ros_interfaces/msg/RobotStateEvent", 0, {"state": "state"}),
        ),
    ),
    "create3": Face(
        _MOBILE + "/cmd_vel",
        _MOBILE + "/odom",
        "odom",
        "base_link",
        "{robot}/odom",
        "{robot}/base_link",
        (
            Channel(
                _MOBILE + "/hazard_detection",
                "irobot_create_msgs/msg/HazardDetectionVector",
                10,
                {"detections[].type": "hazards"},
            ),
            Channel(
                _MOBILE + "/kidnap_status", "irobot_create_msgs/msg/KidnapStatus", 10, {"is_kidnapped": "kidnapped"}
            ),
            Channel(_MOBILE + "/dock_status", "irobot_create_msgs/msg/DockStatus", 2, {"is_docked": "docked"}),
            Channel(_MOBILE + "/battery_state", "sensor_msgs/msg/BatteryState", 1, {"percentage": "percentage"}),
        ),
    ),
}
"""By the base's name."""

_CAMERAS = {"4.54": "/{robot}/camera", "4.55": "/{robot}/camera/camera"}
"""Where the driver realsense2_camera puts its topics: up to 4.54.1, and from 4.55.1 on."""
CAMERA_DRIVERS = tuple(_CAMERAS)


@dataclass(frozen=True)
class CameraTopics:
    """The camera's topics, and the frame of its pictures."""

    colour: str
    depth: str
    info: str
    frame: str


def camera_topics(driver: str, robot_name: str, frame: str = m.CAMERA_FRAME) -> CameraTopics:
    """Topics of a realsense with aligned depth.

    Args:
        driver: "4.54" = up to 4.54.1, "4.55" = from 4.55.1.
        robot_name: stands before them.
        frame: of the pictures.

    Raises:
        InputError: for another driver.
    """
    if driver not in _CAMERAS:
        raise InputError(f"camera driver must be {' or '.join(_CAMERAS)}, got {driver!r}")
    root = _CAMERAS[driver].replace("{robot}", robot_name)
    return CameraTopics(
        f"{root}/color/image_raw", f"{root}/aligned_depth_to_color/image_raw", f"{root}/color/camera_info", frame
    )


def split_channel(channel: Channel) -> list[Channel]:
    """A topic in ROS's own messages for each field of a vendor's message, whose type is not installed."""
    rows, state = [], BaseState()
    for field, attribute in channel.fields.items():
        kind, data = _STD[type(getattr(state, attribute))]
        rows.append(Channel(f"{channel.topic}/{_leaf(field)}", kind, channel.hz, {data: attribute}))
    return rows


def _leaf(field: str) -> str:
    return field.rsplit(".", 1)[-1].removesuffix("[]")


def stand_in_signals(
    signals: Mapping[str, Mapping[str, Any]], base: str, installed: Callable[[str], bool]
) -> dict[str, str]:
    """Parameters of `robot_bridge` for a fake robot whose vendor's messages are not installed.

    Args:
        signals: signal of the robot's file (contact, cliff, ...) -> its topic, type and field.
        base: name of the base.
        installed: whether a message type is.

    Returns:
        `contact.topic` and such with the values that replace the file's.
    """
    out: dict[str, str] = {}
    for name, signal in signals.items():
        for channel in FACES[base].channels:
            if (channel.topic, channel.type) != (signal.get("topic"), signal.get("type")) or installed(channel.type):
                continue
            whole = Channel(channel.topic, channel.type, channel.hz, {signal["field"]: channel.fields[signal["field"]]})
            (row,) = split_channel(whole)
            out.update({f"{name}.topic": row.topic, f"{name}.type": row.type, f"{name}.field": next(iter(row.fields))})
    return out
