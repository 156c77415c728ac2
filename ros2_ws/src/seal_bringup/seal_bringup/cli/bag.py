# SPDX-License-Identifier: Apache-2.0
"""`seal bag`: look into a recorded run, mend a cut one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seal_bringup.cli import bag_import

BAG = Annotated[Path, typer.Argument(help="Folder of the bag, or its .mcap file.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Look into a recorded run, mend a cut one; needs no ROS.")
    group.command(name="info")(info)
    group.command(name="recover")(recover)
    group.command(name="import", help=bag_import.IMPORT_HELP)(bag_import.import_folder)
    app.add_typer(group, name="bag")


def info(bag: BAG) -> None:
    """Show topics, types, counts and times of a bag, and whether it is whole."""
    from seal_mapping.bag import open_bag
    from seal_mapping.bag_recover import bag_info

    found = bag_info(bag)
    _print(found)
    if found.whole:
        frames = open_bag(bag)
        typer.echo(f"{len(frames)} whole frames, {frames.dropped} dropped")
    else:
        typer.echo(f"cut off while it was written; run: seal bag recover {bag}")
        raise typer.Exit(1)


def recover(bag: BAG) -> None:
    """Make a bag whole whose recorder was killed: all that had reached the disk is kept.

    The messages of whole chunks are copied into a new file with index and metadata, which then takes the place of the
    cut one. A whole bag is left as it is.
    """
    from seal_mapping.bag_recover import recover as mend

    _print(mend(bag))


def _print(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    span = (found.end_ns - found.start_ns) / 1e9
    table = Table(title=f"{found.path}: {found.size_bytes / 1e6:.1f} MB, {span:.1f} s", title_justify="left")
    table.add_column("topic")
    table.add_column("type")
    table.add_column("messages", justify="right")
    for row in found.topics:
        table.add_row(row.topic, row.msgtype, str(row.messages))
    Console().print(table)
