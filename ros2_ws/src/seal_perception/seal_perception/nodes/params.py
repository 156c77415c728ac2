# SPDX-License-Identifier: Apache-2.0
"""ROS parameters with type, description and range, declared one by one or from a core's configuration dataclass."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from seal_perception.errors import InputError
from seal_perception.parameters import Parameter, parameters_of

Config = TypeVar("Config")
_INT64_MAX = 2**63 - 1


def declare(
    node: Node,
    name: str,
    default: Any,
    description: str,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    changeable: bool = False,
) -> Any:
    """Declare one parameter and return its value in the type of its default (an integer fits a float).

    Args:
        node: declares it.
        name: of the parameter.
        default: value without an override; its type is the parameter's.
        description: what the value means, with its unit.
        minimum: of a number, itself allowed.
        maximum: of a number, itself allowed.
        changeable: the node reads the value at each use, with `get_parameter`; otherwise it is read-only.

    Raises:
        InputError: if the value does not have that type or lies outside the range.
    """
    known = Parameter(name, default, description, minimum, maximum)
    value = _read(node, known)
    _describe(node, known, value, changeable)
    return value


def declare_config(node: Node, config: type[Config] | Config, prefix: str) -> Config:
    """Declare `prefix.<field>`, read-only, for each plain field of a frozen dataclass and build it from the values.

    Fields that are neither numbers, texts nor tuples of them keep their defaults. An object instead of a class
    gives its own values as defaults.

    Raises:
        InputError: if the dataclass refuses the values.
    """
    fields = parameters_of(config)
    declared = [dataclasses.replace(known, name=f"{prefix}.{known.name}") for known in fields]
    given = [_read(node, known) for known in declared]
    values = {known.name: value for known, value in zip(fields, given, strict=True)}
    try:
        built = config(**values) if isinstance(config, type) else dataclasses.replace(config, **values)  # type: ignore[type-var]
    except ValueError as error:
        raise InputError(f"parameters {prefix}.* of {node.get_name()}: {error}") from error
    for known, value in zip(declared, given, strict=True):
        _describe(node, known, value, changeable=False)
    return built


def declare_use_sim_time(node: Node) -> None:
    """Describe `use_sim_time`, which rclpy declares without a description; rclpy handles its changes."""
    description = "take the time from /clock instead of the system's clock"
    kind = RosParameter.Type.BOOL.value
    node.set_descriptor("use_sim_time", ParameterDescriptor(description=description, type=kind))


def _read(node: Node, known: Parameter) -> Any:
    """Declare a parameter of any type, so that an integer may be given for a float, and return its typed value."""
    kind = type(known.default)
    sent = list(known.default) if kind is tuple else known.default
    value = node.declare_parameter(known.name, sent, ParameterDescriptor(dynamic_typing=True)).value
    if value is None:
        return known.default
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (tuple, list):
        items = [] if value in ("", [""]) else list(value)
        return kind(v for v in items if v != "")
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise InputError(f"parameter {known.name} of {node.get_name()} must be {kind.__name__}, got {value!r}")
    return value


def _describe(node: Node, known: Parameter, value: Any, changeable: bool) -> None:
    """Give a declared parameter its type, description and range, and make it read-only unless it is changeable."""
    if not known.includes(value):
        wanted = known.range_text or "a number"
        raise InputError(f"parameter {known.name} of {node.get_name()} must be {wanted}, got {value}")
    descriptor = ParameterDescriptor(description=known.description, read_only=not changeable)
    if isinstance(value, (tuple, list)):
        descriptor.dynamic_typing = True  # an empty list has no type of its own
        node.set_descriptor(known.name, descriptor)
        return
    typed = RosParameter(known.name, value=value)
    descriptor.type = typed.type_.value
    if math.isfinite(known.minimum) or math.isfinite(known.maximum):
        _set_range(descriptor, known)
    node.set_descriptor(known.name, descriptor, typed.to_parameter_msg().value)


def _set_range(descriptor: ParameterDescriptor, known: Parameter) -> None:
    if isinstance(known.default, float):
        limits = FloatingPointRange(from_value=float(known.minimum), to_value=float(known.maximum))
        descriptor.floating_point_range = [limits]
    else:
        low = int(known.minimum) if math.isfinite(known.minimum) else -_INT64_MAX
        high = int(known.maximum) if math.isfinite(known.maximum) else _INT64_MAX
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
