# SPDX-License-Identifier: Apache-2.0
"""Stack files: ROS 2 parameter files that override the parameters of a run's nodes.

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
import difflib
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seal_bringup.stack.config import StackConfig
from seal_perception.errors import InputError
from seal_perception.reading.text import read_yaml

NODES = ("sim_bridge", "heading", "perception", "mapping", "policy", "planner", "recorder", "monitor", "live")
RUN, EVERYWHERE, PARAMETERS = "run", "/**", "ros__parameters"
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True)
class Overrides:
    """The values of a stack file.

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
        InputError: if the file is missing or no YAML, has the old form, or names an unknown node or parameter.
    """
    content = _load(Path(path))
    run = content.get(RUN, {PARAMETERS: {}})
    if "nodes" in content or not (isinstance(run, dict) and PARAMETERS in run):
        raise InputError(
            f"{path} has the old form of a stack: write fields of the run under {RUN}: {PARAMETERS}: and a node's "
            f"parameters under NODE: {PARAMETERS}: (see config/sim.yaml); which nodes run follows from the run"
        )
    found = {key.strip("/") if key != EVERYWHERE else key: _parameters(path, key, content[key]) for key in content}
    _refuse_unknown(path, found)
    return Overrides(found.pop(RUN, {}), found.pop(EVERYWHERE, {}), found)


def _refuse_unknown(path: Path | str, found: dict[str, dict[str, Any]]) -> None:
    """Refuse nodes that no stack has, and parameters that the node does not have: ROS 2 would ignore them."""
    known = (*NODES, EVERYWHERE, RUN)
    if unknown := sorted(set(found) - set(known)):
        raise InputError(
            f"{path}: no node is called {', '.join(unknown)}; the nearest is {_nearest(unknown[0], known)}; "
            f"known are {', '.join(known)}"
        )
    for node in found.keys() - {RUN}:
        _refuse_unknown_parameters(path, None if node == EVERYWHERE else node, found[node])


def _refuse_unknown_parameters(path: Path | str, node: str | None, names: Iterable[str]) -> None:
    from seal_bringup.stack.known_parameters import known_parameters, unknown_parameters

    if unknown := unknown_parameters(node, names):
        raise InputError(
            f"{path}: {f'node {node}' if node else 'no node'} has {'no' if node else 'a'} parameter {unknown[0]}; "
            f"the nearest is {_nearest(unknown[0], known_parameters(node))}"
        )


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`; a name without its prefix finds the one with it."""
    same_field = [other for other in known if other.rpartition(".")[2] == name.rpartition(".")[2]]
    return difflib.get_close_matches(name, sorted(same_field or known), 1, cutoff=0.0)[0]


def _load(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except OSError as error:
        raise InputError(f"cannot read the stack {path}: {error.strerror or error}") from error
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError(f"{path} must name nodes with their {PARAMETERS}, got {_shown(content)}")
    return content


def _shown(value: Any) -> str:
    """The begin of a value from a file."""
    return reprlib.repr(value)[:80]


def _parameters(path: Path | str, node: str, content: Any) -> dict[str, Any]:
    """Flat parameters of one node."""
    if not isinstance(content, dict) or set(content) != {PARAMETERS} or not isinstance(content[PARAMETERS], dict):
        raise InputError(f"{path}: node {node} must have {PARAMETERS} with names and values, got {_shown(content)}")
    found = dict(_flat(content[PARAMETERS]))
    for name, value in found.items():
        _check_value(f"{path}: parameter {name} of {node}", value)
    return found


def _check_value(what: str, value: Any) -> None:
    """Refuse a value that no ROS 2 parameter can have.

    Raises:
        InputError: if it is not a number, text or truth value, nor a list of one of these kinds.
    """
    items = value if isinstance(value, list) else [value]
    kinds = {type(item) for item in items}
    if not kinds <= {bool, int, float, str} or len(kinds) > 1:
        raise InputError(
            f"{what} must be a number, a text, true or false, or a list of one of these, got {_shown(value)}"
        )
    if any(isinstance(item, int) and not -(1 << 63) <= item < 1 << 63 for item in items):
        raise InputError(f"{what} must fit into 64 bits, got {_shown(value)}")


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
    for field_of in dataclasses.fields(StackConfig):
        value = values.get(field_of.name)
        if field_of.name in values and not isinstance(value, Path):
            _check_type(f"{path}: {field_of.name} of {RUN}", value, field_of.default)
    return StackConfig(**values)


def _check_type(what: str, value: Any, default: Any) -> None:
    """Refuse a value of another type than a field's default; a whole number fits where a fraction may be."""
    kind = type(default)
    fits = isinstance(value, (int, float) if kind is float else kind) and isinstance(value, bool) == (kind is bool)
    if not fits:
        raise InputError(f"{what} must be {_WORDS[kind]}, got {_shown(value)}")
