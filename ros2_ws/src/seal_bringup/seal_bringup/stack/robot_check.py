# SPDX-License-Identifier: Apache-2.0
"""What is done before the nodes of a robot start."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seal_bringup.stack.node_specs import NodeSpec
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.run_check import OTHER_FOLDER, check_nodes, refuse_taken, write_configuration


def prepare_robot_run(config: RobotConfig, specs: Iterable[NodeSpec]) -> None:
    """Refuse what no node accepts and a folder that holds a run already; else make it, with robot.json in it.

    robot.json is the effective configuration, as stack.json of a simulated run.

    Raises:
        InputError: for the first thing found.
        SealError: if the folder cannot be written.
    """
    check_nodes(specs)
    folder = Path(config.run_dir)
    refuse_taken(folder, OTHER_FOLDER)
    write_configuration(config, folder / "robot.json")
