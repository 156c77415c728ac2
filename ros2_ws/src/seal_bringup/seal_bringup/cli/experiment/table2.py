# SPDX-License-Identifier: Apache-2.0
"""`seal experiment table2`: Object Goal Navigation by the same agent with different detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seal_bringup.cli.experiment.compute import PlaceOptions, compute
from seal_bringup.cli.options import with_options

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class DetectorOptions:
    """The detectors of the rows."""

    weights: Annotated[str, typer.Option(help="Row pretrained: seal-small, seal-homes or a .safetensors file.")] = (
        "seal-small"
    )
    generalization: Annotated[
        str,
        typer.Option(help="Row generalization: a file; {seed} in its name is the seed.", show_default="no such row"),
    ] = ""
    specialization: Annotated[
        str,
        typer.Option(
            help="Row specialization: a file per home; {home} and {seed} in its name stand for them.",
            show_default="no such row",
        ),
    ] = ""
    oracle: Annotated[bool, typer.Option(help="Row oracle: the simulator's true labels.")] = True


@dataclass(frozen=True)
class EpisodeOptions:
    """Which searches."""

    homes: Annotated[
        str, typer.Option(help="Homes by name, with commas; `test` is test_01..test_05, `train` all 25 training homes.")
    ] = "test"
    episodes: Annotated[int, typer.Option(min=1, help="Episodes in each home and seed.")] = 40
    seeds: Annotated[str, typer.Option(help="Seeds of the episodes, with commas.")] = "0,1,2"
    steps: Annotated[int, typer.Option(min=1, help="Most actions of a search.")] = 500
    policy: Annotated[
        str,
        typer.Option(
            help="Where to go while nothing is believed: gainful_views, frontier, random, or a learned NAME=FILE."
        ),
    ] = "gainful_views"


@with_options
def table2(
    *,
    detectors: DetectorOptions,
    task: EpisodeOptions,
    place: PlaceOptions,
    quick: Annotated[
        bool, typer.Option("--quick", help="One home, one seed, two short searches: does it run? In runs/table2_quick.")
    ] = False,
) -> None:
    """Success and SPL of Object Goal Navigation, a row per detector, with failures by cause.

    Every row runs the same episodes with the same agent (seal objectnav). Intervals are 95 % bootstraps over the
    episodes. Every finished home is kept in --work; the same command resumes, also inside a home, and several may work
    on one folder. The table is written after every home, as JSON, .md and .png.
    """
    from seal_bringup.demo.config import parse_homes
    from seal_bringup.experiments.explore_homes import parse_seeds
    from seal_bringup.experiments.tables.table2 import Table2, Table2Config
    from seal_bringup.objectnav.settings import check_homes

    config = Table2Config(
        parse_homes(task.homes), parse_seeds(task.seeds), task.episodes, task.policy, task.steps,
        detectors.weights, detectors.generalization, detectors.specialization, detectors.oracle,
    )  # fmt: skip
    check_homes(config.homes)
    compute(Table2(config.quick() if quick else config), place, quick, print_table2)


def print_table2(console: Console, result: dict[str, Any]) -> None:
    """Print the table, and what is missing."""
    from rich.table import Table

    from seal_bringup.objectnav.figures import causes_text, text_of

    table = Table("detector", box=None)
    for title in ("episodes", "success", "SPL", "change of success"):
        table.add_column(title, justify="right")
    table.add_column("failures")
    for name, row in result["rows"].items():
        change = text_of(row["change"]["success"], "+.2f") if "change" in row else ""
        causes = causes_text(row["causes"])
        table.add_row(name, str(row["episodes"]), text_of(row["success"]), text_of(row["spl"]), change, causes)
    console.print(table)
    if result["missing"]:
        first = "; ".join(result["missing"][:5])
        console.print(f"missing: {len(result['missing'])}, such as {first}", highlight=False)
