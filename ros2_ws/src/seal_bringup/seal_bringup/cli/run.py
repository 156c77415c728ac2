# SPDX-License-Identifier: Apache-2.0
"""`seal run`: start a stack of nodes from its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="run")(run)


def run(
    stack: Annotated[
        Path, typer.Argument(help="ROS 2 parameter file with the run and its nodes; see seal_bringup/config/sim.yaml.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for bag, map, trajectory and logs.")] = Path("runs/run"),
    scene: Annotated[str, typer.Option(help="Home or scene folder instead of the file's.")] = "",
    steps: Annotated[int, typer.Option(help="Actions instead of the file's; 0 = the file's.")] = 0,
    namespace: Annotated[str, typer.Option(help="Put before all topics, e.g. robot1.")] = "",
    domain_id: Annotated[int, typer.Option(help="ROS_DOMAIN_ID of the run; -1 = the environment's.")] = -1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that the folder holds.")] = False,
) -> None:
    """Run the nodes of a run with the parameters of STACK until it is over; works where `ros2 launch` is not installed.

    Each node is a process of its own with a log in OUT/log. When one dies, it is named and the rest is stopped. RViz,
    Foxglove and `ros2 topic` see the topics under the same ROS_DOMAIN_ID.
    """
    from seal_bringup.console import make_console
    from seal_bringup.stack.overrides import config_from_file
    from seal_bringup.stack.run_check import check_run
    from seal_bringup.stack.runner import run_stack

    given = {"scene": scene, "steps": steps, "namespace": namespace}
    overrides = {key: value for key, value in given.items() if value}
    config = config_from_file(stack, run_dir=out, **overrides, **({"domain_id": domain_id} if domain_id >= 0 else {}))
    check_run(config, overwrite)
    result = run_stack(config)
    make_console().print(
        f"{result.frames} frames in {result.wall_s:.0f} s ({result.steps_per_s:.1f} steps/s): {result.run_dir}",
        highlight=False,
    )
