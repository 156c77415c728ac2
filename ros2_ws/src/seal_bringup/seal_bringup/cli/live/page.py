# SPDX-License-Identifier: Apache-2.0
"""`seal live`: the live page of a run that somebody else started; `seal layout`: Foxglove's layout for a namespace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seal_bringup.live.config import PORT

if TYPE_CHECKING:
    from seal_bringup.live.config import LiveConfig


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="live")(live)
    app.command(name="layout")(layout)


def live(
    namespace: Annotated[str, typer.Option(help="Namespace of the run: seal for robot.launch.py, else none.")] = "",
    address: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 shows the page, with its buttons, to the whole network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 = any free one.")] = PORT,
    buttons: Annotated[bool, typer.Option(help="The page may start and stop the robot.")] = True,
    domain_id: Annotated[int, typer.Option(help="ROS_DOMAIN_ID of the run; -1 = the environment's.")] = -1,
) -> None:
    """Show a run in the browser while it goes on: camera, map, labelled voxels, the gate, start and stop.

    Needs no account and no internet. It listens to the topics of a run that is there or will be; Ctrl-C ends it.
    """
    from seal_bringup.live.config import LiveConfig, require_free
    from seal_bringup.stack.config import StackConfig

    StackConfig(namespace=namespace, domain_id=domain_id)  # refuses what cannot be one
    config = LiveConfig(address, port, buttons)
    require_free(config)
    _serve(config, namespace, domain_id)


def _serve(config: LiveConfig, namespace: str, domain_id: int) -> None:
    """Run the live page's node until it is interrupted.

    Raises:
        SealError: if it failed; it has said why.
    """
    from seal_bringup.stack.node_process import PARENT_VARIABLE
    from seal_bringup.stack.node_specs import LIVE_NODE
    from seal_perception.errors import SealError
    from seal_perception.running.processes import module_command, safe_environment

    env = {**safe_environment(), PARENT_VARIABLE: str(os.getpid())}  # the node ends with this process
    if domain_id >= 0:
        env["ROS_DOMAIN_ID"] = str(domain_id)
    given = {"address": config.address, "port": config.port, "buttons": str(config.buttons).lower()}
    words = ["--ros-args", *(word for name, value in given.items() for word in ("-p", f"live.{name}:={value}"))]
    if namespace.strip("/"):
        words += ["-r", f"__ns:=/{namespace.strip('/')}"]
    process = subprocess.Popen(module_command(LIVE_NODE, *words), env=env)
    code = None
    while code is None:
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the terminal has told the node too, which ends by itself
            continue
    if code:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        raise SealError(f"the live page's node {how}; its last words stand above")


def layout(
    out: Annotated[Path, typer.Argument(help="File of the layout, .json, to be imported in Foxglove.")],
    namespace: Annotated[str, typer.Option(help="Namespace of the run: seal for robot.launch.py, else none.")] = "",
) -> None:
    """Write Foxglove's layout for a run in a namespace: Foxglove knows topics by their full names alone."""
    from seal_bringup.layouts import foxglove_layout
    from seal_perception.files import write_json

    write_json(out, foxglove_layout(namespace))
