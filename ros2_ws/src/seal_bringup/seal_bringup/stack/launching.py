# SPDX-License-Identifier: Apache-2.0
"""What launch/sim.launch.py needs, as plain functions: `launch` itself is not needed to use or test them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_specs import nodes_of
from seal_perception.errors import InputError
from seal_perception.parameters import parameters_of

NOT_OFFERED = ("domain_id", "ready_timeout_s")
"""Fields of a run that a launch file leaves to the environment."""


def launch_arguments() -> list[tuple[str, str, str]]:
    """(name, default, description) of each launch argument: the fields of a run."""
    return [
        (
            known.name,
            str(known.default).lower() if isinstance(known.default, bool) else str(known.default),
            known.description,
        )
        for known in parameters_of(StackConfig)
        if known.name not in NOT_OFFERED
    ]


def config_from_arguments(arguments: Mapping[str, str]) -> StackConfig:
    """StackConfig of launch arguments, which are all texts; unknown names are other launch files' and left out.

    Raises:
        InputError: if a text is no value of the field's type.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(StackConfig):
        if field.name in arguments and field.name not in NOT_OFFERED:
            values[field.name] = _parse(field.name, arguments[field.name], field.default)
    return StackConfig(**values)


def _parse(name: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        return type(default)(text)
    except (KeyError, ValueError) as error:
        raise InputError(f"launch argument {name} must be {type(default).__name__}, got {text!r}") from error


def node_keywords(config: StackConfig) -> list[dict[str, Any]]:
    """Keyword arguments of `launch_ros.actions.Node` for each node of a run."""
    return [
        {
            "name": spec.name,
            "package": spec.package,
            "executable": spec.executable,
            "namespace": spec.namespace,
            "parameters": [spec.parameters],
            "remappings": list(spec.remappings.items()),
            "output": "screen",
        }
        for spec in nodes_of(config)
    ]
