# SPDX-License-Identifier: Apache-2.0
"""A base's topics and message classes by name, from parameters."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from seal_perception import messages as m
from seal_perception.errors import InputError, MissingDependencyError
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.params import declare_config
from seal_perception.parameters import parameter
from sim_bridge.robot_base.fields import SignalConfig, is_installed, split_type
from sim_bridge.robot_base.gate import BATTERY, CLIFF, CONTACT, DOCKED, KIDNAPPED, OFFLINE, WHEEL_DROP


@dataclass(frozen=True)
class BaseConfig:
    """A base's own topics; {robot} in a name stands for `robot_name`."""

    robot_name: str = parameter("robot", "name that stands for {robot} in topics and frames")
    velocity_topic: str = parameter("/{robot}/cmd_vel", "where the base takes its speed")
    velocity_stamped: bool = parameter(False, "the base takes TwistStamped instead of Twist")
    odometry_topic: str = parameter("/{robot}/odom", "where the base gives nav_msgs/Odometry")
    odom_frame: str = parameter("", "frame_id that odometry should have; another is told; empty = any")
    base_frame: str = parameter("", "child_frame_id that odometry should have; another is told; empty = any")
    picture_topic: str = parameter(m.CAMERA_INFO, "a topic that comes with each picture, to see that the camera lives")
    picture_type: str = parameter("sensor_msgs/msg/CameraInfo", "its message type")

    def __post_init__(self) -> None:
        if not (self.velocity_topic and self.odometry_topic):
            raise InputError("velocity_topic and odometry_topic must be names of topics")
        split_type(self.picture_type)


def declare_signals(node: SealNode) -> dict[str, SignalConfig]:
    """Where the base tells of itself, by the gate's names."""
    return {
        CONTACT: declare_config(node, SignalConfig, "contact"),
        CLIFF: declare_config(node, SignalConfig, "cliff"),
        WHEEL_DROP: declare_config(node, SignalConfig, "wheel_drop"),
        KIDNAPPED: declare_config(node, SignalConfig, "kidnapped"),
        DOCKED: declare_config(node, SignalConfig, "docked"),
        BATTERY: declare_config(node, SignalConfig, "battery"),
        OFFLINE: declare_config(node, SignalConfig, "offline"),
    }


def message_class(name: str) -> Any:
    """The class of a message type such as kobuki_ros_interfaces/msg/SensorState.

    Raises:
        MissingDependencyError: if its package is not installed; the text says what to install.
        InputError: if the package has no such message.
    """
    package, kind = split_type(name)
    if not is_installed(name):
        raise MissingDependencyError(
            f"the robot's file needs {name}, and {package} is not installed: install "
            f"ros-$ROS_DISTRO-{package.replace('_', '-')}, or source the workspace that has it"
        )
    made = getattr(importlib.import_module(f"{package}.msg"), kind, None)
    if not hasattr(made, "get_fields_and_field_types"):
        raise InputError(f"{package} has no message {kind}: correct the type {name!r} in the robot's file")
    return made
