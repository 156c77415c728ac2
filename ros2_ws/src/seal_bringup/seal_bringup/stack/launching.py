# SPDX-License-Identifier: Apache-2.0
"""What the launch files need, as plain functions: `launch` itself is not needed to use or test them."""

from __future__ import annotations

import atexit
import dataclasses
import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_process import PARENT_VARIABLE, dds_variables, last_words, ros_domain
from seal_bringup.stack.node_specs import NodeSpec
from seal_perception.errors import InputError, SealError
from seal_perception.parameters import parameters_of

NOT_OFFERED = ("domain_id", "ready_timeout_s")
"""Fields of a run that a launch file leaves to the environment."""
SIGTERM_AFTER_S, SIGKILL_AFTER_S = "30", "10"
"""How long launch waits for a node that it asked to end, and then for SIGTERM: a bag and a map take their time to be
written on a busy machine, and launch's own 5 s were too short for it."""
SWITCH = ("true", "false", "True", "False")
"""What a launch argument may be that is on or off."""
Config = TypeVar("Config")


class LaunchError(SealError):
    """A launched node ended that must not: raised in its exit handler, it ends `ros2 launch` with exit code 1."""


class LaunchArgument(NamedTuple):
    """What a launch file declares: all texts; without choices, any text may be given."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...]


def launch_arguments(kind: type = StackConfig, offered: Collection[str] = ()) -> list[LaunchArgument]:
    """Each launch argument: the fields of a run, or those `offered` alone."""
    return [
        LaunchArgument(
            known.name,
            str(known.default).lower() if isinstance(known.default, bool) else str(known.default),
            known.description,
            SWITCH if isinstance(known.default, bool) else known.choices,
        )
        for known in parameters_of(kind)
        if known.name not in NOT_OFFERED and (not offered or known.name in offered)
    ]


def read_arguments(kind: type[Config], arguments: Mapping[str, str]) -> Config:
    """A run's configuration of launch arguments, which are all texts.

    Unknown names are other launch files' and left out.

    Raises:
        InputError: if a text is no value of the field's type.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in arguments and field.name not in NOT_OFFERED:
            values[field.name] = _parse(field.name, arguments[field.name], field.default)
    return kind(**values)


def _parse(name: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        return type(default)(text)
    except (KeyError, ValueError) as error:
        raise InputError(f"launch argument {name} must be {type(default).__name__}, got {text!r}") from error


def hold_domain(config: StackConfig) -> None:
    """Hold the ROS domain of a run until this process ends.

    Raises:
        SealError: if another run on this machine holds it.
    """
    held = ExitStack()
    held.enter_context(ros_domain(config))
    atexit.register(held.close)


def keywords_of(specs: Iterable[NodeSpec], variables: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Keyword arguments of `launch_ros.actions.Node` for each node, which ends when this process is gone.

    Args:
        specs: the nodes.
        variables: of their environment, beside that of this process; None = `dds_variables`.
    """
    variables = dds_variables() if variables is None else variables
    return [
        {
            "name": spec.name,
            "package": spec.package,
            "executable": spec.executable,
            "namespace": spec.namespace,
            "parameters": [*spec.parameter_files, spec.parameters],
            "remappings": list(spec.remappings.items()),
            "output": "screen",
            "sigterm_timeout": SIGTERM_AFTER_S,
            "sigkill_timeout": SIGKILL_AFTER_S,
            "additional_env": {PARENT_VARIABLE: str(os.getpid()), **variables},
        }
        for spec in specs
    ]


def require_good_end(
    name: str, code: int, leaders: Collection[str] = (), may_end: Collection[str] = (), log: Path | None = None
) -> bool:
    """What the end of a launched node means.

    Args:
        name: of the node.
        code: its exit status, negative for a signal.
        leaders: nodes whose good end ends the run.
        may_end: nodes that may end by themselves with status 0.
        log: what it said; None = that is on the terminal alone.

    Returns:
        Whether the run is over.

    Raises:
        LaunchError: if it must not have ended: the text names it.
    """
    if code == 0 and (name in leaders or name in may_end):
        return name in leaders
    how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
    words = "its last words stand above" if log is None else f"{last_words(log)} (log: {log})"
    raise LaunchError(f"node {name} {how}, so the run ends: {words}")
