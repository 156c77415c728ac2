# SPDX-License-Identifier: Apache-2.0
"""Stack files: ROS 2 parameter files whose values win over what a run gives its nodes.

    mapping:                        # a node, or /** for all of them
      ros__parameters:
        map.max_depth_m: 4.0
    run:                            # no node: fields of StackConfig, for `seal run`
      ros__parameters:
        scene: test_01

`--params-file` of ROS 2 reads the same file.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seal_bringup.stack.config import StackConfig
from seal_perception.errors import InputError

NODES = ("sim_bridge", "heading", "perception", "mapping", "policy", "planner", "recorder", "monitor")
RUN, EVERYWHERE, PARAMETERS = "run", "/**", "ros__parameters"


@dataclass(frozen=True)
class Overrides:
    """What a stack file says.

    Attributes:
        run: fields of StackConfig.
        everywhere: parameters of all nodes.
        nodes: node -> its parameters.
    """

    run: dict[str, Any] = field(default_factory=dict)
    everywhere: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_overrides(path: Path | str) -> Overrides:
    """Read a stack file.

    Raises:
        InputError: if the file is missing, no YAML, of the form before parameter files, or names an unknown node.
    """
    content = _load(Path(path))
    if "nodes" in content or RUN in content and PARAMETERS not in (content[RUN] or {}):
        raise InputError(
            f"{path} has the old form of a stack: write fields of the run under {RUN}: {PARAMETERS}: and a node's "
            f"parameters under NODE: {PARAMETERS}: (see config/sim.yaml); which nodes run follows from the run"
        )
    found = {str(key).strip("/") if key != EVERYWHERE else key: _parameters(path, key, content[key]) for key in content}
    if unknown := sorted(set(found) - {RUN, EVERYWHERE, *NODES}):
        raise InputError(
            f"{path}: no node is called {', '.join(unknown)}; known are {', '.join((*NODES, EVERYWHERE, RUN))}"
        )
    return Overrides(found.pop(RUN, {}), found.pop(EVERYWHERE, {}), found)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InputError(f"cannot read the stack {path}: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must name nodes with their {PARAMETERS}, got {content!r}")
    return content


def _parameters(path: Path | str, node: str, content: Any) -> dict[str, Any]:
    """Flat parameters of one node."""
    if not isinstance(content, dict) or set(content) != {PARAMETERS} or not isinstance(content[PARAMETERS], dict):
        raise InputError(f"{path}: node {node} must have {PARAMETERS} with names and values, got {content!r}")
    return dict(_flat(content[PARAMETERS]))


def _flat(parameters: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested names as dotted ones, as ROS 2 reads them."""
    found: list[tuple[str, Any]] = []
    for name, value in parameters.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(f"{prefix}{name}", value)]
    return found


def config_from_file(path: Path | str, **overrides: Any) -> StackConfig:
    """StackConfig from the `run` part of a stack file; `overrides` win.

    Raises:
        InputError: for unknown fields or bad values.
    """
    values = {**read_overrides(path).run, **overrides, "stack": str(path)}
    known = {f.name for f in dataclasses.fields(StackConfig)}
    if unknown := sorted(set(values) - known):
        raise InputError(f"{path}: unknown fields {', '.join(unknown)} under run; known are {', '.join(sorted(known))}")
    try:
        return StackConfig(**values)
    except TypeError as error:
        raise InputError(f"{path}: {error}") from error
