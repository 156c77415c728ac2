# SPDX-License-Identifier: Apache-2.0
"""`seal live`: the live page of a run that somebody else started; `seal layout`: Foxglove's layout for a namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seal_bringup.live.config import PORT


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
    from seal_bringup.stack.live_page import page_command

    config = LiveConfig(address, port, buttons)
    require_free(config)
    page_command(config, namespace, domain_id)


def layout(
    out: Annotated[Path, typer.Argument(help="File of the layout, .json, to be imported in Foxglove.")],
    namespace: Annotated[str, typer.Option(help="Namespace of the run: seal for robot.launch.py, else none.")] = "",
) -> None:
    """Write Foxglove's layout for a run in a namespace: Foxglove knows topics by their full names alone."""
    from seal_bringup.stack.layouts import foxglove_layout
    from seal_perception.files import write_json

    write_json(out, foxglove_layout(namespace))
