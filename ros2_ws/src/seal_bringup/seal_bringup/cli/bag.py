# SPDX-License-Identifier: Apache-2.0
"""`seal bag`: look into a recorded run, mend a cut one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seal_bringup.cli import bag_import

BAG = Annotated[Path, typer.Argument(help="Folder of the bag, one of its files, or a .bag file of ROS 1.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Look into a recorded run, mend a cut one; needs no ROS.")
    group.command(name="info")(info)
    group.command(name="recover")(recover)
    group.command(name="import", help=bag_import.IMPORT_HELP)(bag_import.import_folder)
    app.add_typer(group, name="bag")


def info(bag: BAG) -> None:
    """Show topics, types, counts and times of a bag, whether it is whole, and what `seal label` would read from it."""
    from seal_mapping.bags.reader import open_bag
    from seal_mapping.bags.recover import bag_info
    from seal_perception.errors import InputError

    try:
        frames = open_bag(bag)
    except InputError as error:
        found = bag_info(bag)
        _print(found)
        if not found.whole:
            typer.echo(f"cut off while it was written; run: seal bag recover {bag}")
            raise typer.Exit(1) from error
        typer.echo(f"no frames for `seal label`: {error}")
        return
    _print(bag_info(bag, frames.store))
    for line in frames.choices:
        typer.echo(line)
    typer.echo(f"{len(frames)} whole frames, {frames.dropped} dropped")
    for reason, count in frames.unused.items():
        typer.echo(f"  {count} {reason}")


def recover(bag: BAG) -> None:
    """Make a bag whole whose recorder was killed: all that had reached the disk is kept.

    The messages of whole chunks are copied into a new file with index and metadata, which then takes the place of the
    cut one. A whole bag is left as it is.
    """
    from seal_mapping.bags.recover import bag_info
    from seal_mapping.bags.recover import recover as mend

    was_whole = bag_info(bag).whole
    found = mend(bag)
    _print(found)
    kept = sum(row.messages for row in found.topics)
    typer.echo(f"{bag} is whole: nothing to do" if was_whole else f"{bag} is mended: {kept} messages kept")


def _print(found: Any) -> None:
    from rich.table import Table

    from seal_bringup.console import make_console

    span = (found.end_ns - found.start_ns) / 1e9
    title = f"{found.path}: {found.kind}, {found.size_bytes / 1e6:.1f} MB, {span:.1f} s"
    table = Table(title=title, title_justify="left")
    table.add_column("topic")
    table.add_column("type")
    table.add_column("messages", justify="right")
    for row in found.topics:
        table.add_row(row.topic, row.msgtype, str(row.messages))
    make_console().print(table)
