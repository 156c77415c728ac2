# SPDX-License-Identifier: Apache-2.0
"""`seal benchmark`: every stage's time beside its baseline's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seal_perception.benchmarking import BenchmarkRow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="benchmark")(benchmark)


def benchmark(
    group: Annotated[str, typer.Argument(metavar="[GROUP]", help="Only this group; all groups by default.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the rows to this JSON file.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Measured calls per stage, after a few to warm up.")] = 20,
) -> None:
    """Time every stage and its named baseline in one run on this machine.

    Groups: render, detector, mapping (with labels), labels, planning, loop. Times are medians and 90 % figures in
    milliseconds, warm.
    The ratio is baseline / stage: above 1 the stage is the faster of the two. Ratios carry over to other machines,
    milliseconds do not; run it on an otherwise idle one.
    """
    from rich.console import Console

    from seal_bringup.benchmarks import as_dicts, collect
    from seal_perception.files import write_json

    console = Console()
    with console.status("measuring") as status:
        rows = collect(group or None, repeats, on_group=lambda name: status.update(f"measuring {name}"))
    _print(console, rows)
    if json_file is not None:
        write_json(json_file, as_dicts(rows))
        console.print(f"written to {json_file}")


def _print(console: object, rows: list[BenchmarkRow]) -> None:
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    table = Table(box=None, pad_edge=False)
    table.add_column("group")
    table.add_column("stage", overflow="fold")
    table.add_column("size", overflow="fold")
    for title in ("ms", "90 % ms"):
        table.add_column(title, justify="right")
    table.add_column("baseline", overflow="fold")
    for title in ("its ms", "ratio"):
        table.add_column(title, justify="right")
    for row in rows:
        beside = "" if row.baseline_ms is None else f"{row.baseline_ms:.2f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        times = (f"{row.ms:.2f}", f"{row.p90_ms:.2f}")
        table.add_row(row.group, row.stage, row.size, *times, row.baseline or "", beside, ratio)
    console.print(table)
