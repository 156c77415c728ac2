# SPDX-License-Identifier: Apache-2.0
"""Checks before the nodes of a robot start."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seal_bringup.stack.node_specs import NodeSpec
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.run_check import check_nodes
from seal_perception.errors import InputError, SealError

_RESULTS = ("bag", "map.npz", "trajectory.json", "status.json")


def check_robot_run(config: RobotConfig, specs: Iterable[NodeSpec]) -> None:
    """Refuse what no node accepts and a folder that holds a run already; make the folder.

    Raises:
        InputError: for the first thing found.
        SealError: if the folder cannot be made.
    """
    check_nodes(specs)
    folder = Path(config.run_dir)
    if there := [name for name in _RESULTS if (folder / name).exists()]:
        raise InputError(f"{folder} already holds a run ({', '.join(there)}): name another folder by run_dir:=")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SealError(f"cannot make the folder {folder}: {error.strerror or error}") from error
