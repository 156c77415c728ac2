# SPDX-License-Identifier: Apache-2.0
"""What the commands of all tables share: where a table is computed, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from seal_bringup.experiments.tables.run import Table


@dataclass(frozen=True)
class PlaceOptions:
    """Where it is computed."""

    work: Annotated[
        Path | None,
        typer.Option(help="Folder of the finished cells; may be shared.", show_default="runs/TABLE"),
    ] = None
    out: Annotated[
        Path | None, typer.Option(help="JSON to write, with .md and .png beside it.", show_default="results/TABLE.json")
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(help="Address of a Ray cluster, auto, or local: a cell per task. --work must be shared."),
    ] = None
    any_code: Annotated[
        bool, typer.Option("--any-code", help="Also take cells that another version of the code made.")
    ] = False


def compute(
    table: Table, place: PlaceOptions, quick: bool, show: Callable[[Console, dict[str, Any]], None] | None = None
) -> None:
    """Compute a table, write it and print it.

    Args:
        table: what to compute.
        place: where.
        quick: whether it is one that is to be kept apart from the measured.
        show: prints the table; None = as one of detectors.

    Raises:
        InputError: if cells failed.
    """
    from seal_bringup.bars import StageBar
    from seal_bringup.console import make_console
    from seal_bringup.experiments.tables.run import RunOptions, run_table

    console, name = make_console(), table.name
    work = place.work or Path("runs") / (f"{name}_quick" if quick else name)
    out = place.out or (work if quick else Path("results")) / f"{name}.json"
    with StageBar(console) as bar:
        result = run_table(table, RunOptions(work, out, place.ray, place.any_code), bar.announce, bar.progress)
    (show or print_table)(console, result)
    console.print(f"written to {out}, {out.with_suffix('.md')} and {out.with_suffix('.png')}", highlight=False)


def print_table(console: Console, result: dict[str, Any]) -> None:
    """Print the boxes' figures per setting, and what is missing; the Markdown file has the masks' changes too."""
    from rich.table import Table as Shown

    from seal_bringup.experiments.tables.shown.text import footer, text_rows

    for setting, rows in result["settings"].items():
        titles, lines = text_rows(rows)
        kept = [n for n, title in enumerate(titles) if not title.endswith("(mask)")]
        shown = Shown(title=f"{setting}: AP50 with 95 % intervals", title_justify="left")
        for n in kept:
            shown.add_column(titles[n], justify="right" if n else "left", no_wrap=n == 0)
        for line in lines:
            shown.add_row(*(line[n] for n in kept))
        console.print(shown)
    console.print(footer(result), highlight=False)
