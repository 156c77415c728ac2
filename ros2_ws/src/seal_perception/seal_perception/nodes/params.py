# SPDX-License-Identifier: Apache-2.0
"""ROS parameters from the core's configuration dataclasses: names and defaults exist once."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from seal_perception.errors import InputError

Config = TypeVar("Config")
_PLAIN = (bool, int, float, str)


def declare(node: Node, name: str, default: Any, description: str = "") -> Any:
    """Declare one parameter and return its value in the type of its default (an integer fits a float).

    Raises:
        InputError: if the value given cannot be of that type.
    """
    descriptor = ParameterDescriptor(description=description, dynamic_typing=True)
    sent = list(default) if isinstance(default, tuple) else default
    value = node.declare_parameter(name, sent, descriptor).value
    kind = type(default)
    if value is None:
        return default
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (tuple, list):
        items = [] if value in ("", [""]) else list(value)
        return kind(v for v in items if v != "")
    if not isinstance(value, kind):
        raise InputError(f"parameter {name} of {node.get_name()} must be {kind.__name__}, got {value!r}")
    return value


def declare_config(node: Node, config: type[Config] | Config, prefix: str) -> Config:
    """Declare `prefix.<field>` for each plain field of a frozen dataclass and build it from the values.

    Fields that are neither numbers, texts nor tuples of them keep their defaults. An object instead of a class
    gives its own values as defaults.

    Raises:
        InputError: if the dataclass refuses the values.
    """
    values = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        default = field.default if isinstance(config, type) else getattr(config, field.name)
        if isinstance(default, _PLAIN) or (isinstance(default, tuple) and all(isinstance(v, _PLAIN) for v in default)):
            values[field.name] = declare(node, f"{prefix}.{field.name}", default)
    try:
        return config(**values) if isinstance(config, type) else dataclasses.replace(config, **values)  # type: ignore[type-var]
    except ValueError as error:
        raise InputError(f"parameters {prefix}.* of {node.get_name()}: {error}") from error
