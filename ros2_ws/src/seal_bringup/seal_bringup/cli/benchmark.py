# SPDX-License-Identifier: Apache-2.0
"""`seal benchmark`: every stage's time beside its baseline's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from seal_bringup.jobs.perception_rates import PerceptionJob
    from seal_perception.benchmarking import BenchmarkRow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="benchmark")(benchmark)


def benchmark(
    group: Annotated[
        str, typer.Argument(metavar="[GROUP]", help="Only this group; all but worlds and perception by default.")
    ] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the rows to this JSON file.")] = None,
    repeats: Annotated[
        int, typer.Option(min=1, help="Measured calls per stage, after a few to warm up; of worlds, a fifth as many.")
    ] = 20,
    workers: Annotated[int, typer.Option(min=0, help="worlds: most processes at once; 0 = as many as cores.")] = 0,
    weights: Annotated[
        str, typer.Option(help="perception: the small network's: seal-small, seal-homes or a file.")
    ] = "seal-small",
    frames: Annotated[
        Path | None,
        typer.Option(help="perception: labelled dataset; each row gets its AP, and the --json file a plot beside it."),
    ] = None,
) -> None:
    """Time every stage and its named baseline in one run on this machine.

    Groups: render, sensors, detector, mapping (with labels), labels, planning, loop. Times are medians and 90 %
    figures in milliseconds, warm.
    The ratio is baseline / stage: above 1 the stage is the faster of the two. Ratios carry over to other machines,
    milliseconds do not; run it on an otherwise idle one.

    perception: the detector by size, precision, memory layout and torch.compile, and the COCO form by size, which takes
    minutes. COCO's weights are those in torch's cache; without them random ones stand for the time.
    """
    from seal_bringup.console import make_console
    from seal_bringup.jobs.benchmark_groups import as_dicts, collect
    from seal_bringup.jobs.perception_rates import PerceptionJob
    from seal_perception.files import write_json

    console = make_console()
    if group == "perception":
        _perception(console, json_file, PerceptionJob(weights, frames, repeats))
        return
    if frames is not None or weights != "seal-small":
        raise typer.BadParameter("--frames and --weights belong to `seal benchmark perception`")
    if group == "worlds":
        _worlds(console, json_file, max(1, repeats // 5), workers)
        return
    with console.status("measuring") as status:
        rows = collect(group or None, repeats, on_group=lambda name: status.update(f"measuring {name}"))
    _print(console, rows)
    if json_file is not None:
        write_json(json_file, as_dicts(rows))
        console.print(f"written to {json_file}")


def _perception(console: Console, json_file: Path | None, job: PerceptionJob) -> None:
    """The group perception, whose rows have an AP beside them."""
    from seal_bringup.console import echo
    from seal_bringup.jobs.perception_rates import draw_frontier, perception, rows_of
    from seal_perception.files import write_json

    with console.status("measuring") as status:

        def progress(text: str) -> None:
            status.update(f"measuring {text}") if console.is_terminal else echo(f"measuring {text}")

        found = perception(job, progress=progress)
    rows = rows_of(found)
    _print(console, rows, {row.stage: "" if row.box_ap50 is None else f"{row.box_ap50:.1f}" for row in rows})
    if json_file is None:
        return
    write_json(json_file, found)
    console.print(f"written to {json_file}", highlight=False)
    if found["frontier"]:
        draw_frontier(json_file.with_suffix(".png"), found)
        console.print(f"frontier of AP and time: {json_file.with_suffix('.png')}", highlight=False)


def _print(console: object, rows: Sequence[BenchmarkRow], ap: dict[str, str] | None = None) -> None:
    """The rows as a table; `ap` holds box AP50 by stage, for a column of its own."""
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
    for title in ("its ms", "ratio", *(["box AP50"] if ap else [])):
        table.add_column(title, justify="right")
    for row in rows:
        beside = "" if row.baseline_ms is None else f"{row.baseline_ms:.2f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        times = (f"{row.ms:.2f}", f"{row.p90_ms:.2f}")
        worth = (ap[row.stage],) if ap else ()
        table.add_row(row.group, row.stage, row.size, *times, row.baseline or "", beside, ratio, *worth)
    console.print(table)


def _worlds(console: object, json_file: Path | None, rounds: int, workers: int) -> None:
    """The group worlds, which has its own table."""
    import os

    from rich.console import Console

    from seal_bringup.jobs.worlds_rates import worlds
    from seal_perception.files import write_json

    assert isinstance(console, Console)
    cores = len(os.sched_getaffinity(0))
    with console.status("measuring") as status:
        found = worlds(workers or cores, rounds, progress=lambda text: status.update(text))
    _print_worlds(console, found, cores)
    if json_file is not None:
        write_json(json_file, found)
        console.print(f"written to {json_file}", highlight=False)


def _print_worlds(console: object, found: dict[str, Any], cores: int) -> None:
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    table = Table(box=None, pad_edge=False)
    table.add_column("step")
    table.add_column("size")
    for title in ("workers", "steps/s", "alone, summed", "efficiency", "per CPU s", "MB each", "/ habitat"):
        table.add_column(title, justify="right")
    for row in found["rows"]:
        times = "" if row["times_habitat"] is None else f"{row['times_habitat']:.2f}"
        rates = (f"{row['steps_per_s']:.1f}", f"{row['alone_steps_per_s']:.1f}", f"{100 * row['efficiency']:.0f} %")
        size = f"{row['width']} x {row['height']}"
        each = (f"{row['steps_per_cpu_s']:.1f}", f"{row['pss_mb']:.0f}")
        table.add_row(row["what"], size, str(row["workers"]), *rates, *each, times)
    console.print(table)
    load = found["load_s"]
    console.print(
        f"a cached home's first picture: {load['next_s']:.2f} s, {load['next_cpu_s']:.2f} s of processor time "
        f"({load['first_s']:.2f} s for the first of a process, after {load['import_s']:.1f} s of imports)",
        highlight=False,
    )
    console.print(
        f"{cores} cores; one thread per worker. habitat: {found['baseline']['what']} (not in this run)", highlight=False
    )
