# SPDX-License-Identifier: Apache-2.0
"""`seal objectnav`: the robot looks for objects in homes; success, SPL and why searches failed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seal_bringup.cli.options import with_options

if TYPE_CHECKING:
    from rich.console import Console

    from seal_bringup.objectnav.settings import SearchSettings


def register(app: typer.Typer) -> None:
    """Add `seal objectnav`."""
    app.command("objectnav")(objectnav)


@dataclass(frozen=True)
class TaskOptions:
    """What is looked for."""

    homes: Annotated[
        str, typer.Option(help="Homes by name, with commas; `test` is test_01..test_05, `train` all 25 training homes.")
    ] = "test"
    episodes: Annotated[int, typer.Option(min=1, help="Episodes in each home: 40 in five test homes are 200.")] = 40
    category: Annotated[
        str,
        typer.Option(help="Look only for this category, such as chair.", show_default="all that a home has, in turn"),
    ] = ""
    seed: Annotated[int, typer.Option(min=0, help="Another number, other episodes.")] = 0
    steps: Annotated[int, typer.Option(min=1, help="Most actions of a search: 0.25 m ahead or 30 degrees.")] = 500


@dataclass(frozen=True)
class RobotOptions:
    """Who looks for it."""

    policy: Annotated[
        str,
        typer.Option(help="Where to go while nothing is believed: gainful_views, frontier, random or a learned one."),
    ] = "gainful_views"
    policy_weights: Annotated[
        str, typer.Option(help="File of a learned policy (seal train-policy).", show_default="none")
    ] = ""
    weights: Annotated[
        str,
        typer.Option(
            help="Detector: seal-small, seal-homes, a .safetensors file, or oracle (the simulator's true labels)."
        ),
    ] = "seal-small"
    paced: Annotated[
        bool, typer.Option("--paced", help="Time runs and speeds drive, as on a robot: 0.7 s count as a step.")
    ] = False
    noise: Annotated[
        bool, typer.Option("--noise", help="With --paced: noise of a D435 and of a LoCoBot's wheels and odometry.")
    ] = False


@with_options
def objectnav(
    *,
    task: TaskOptions,
    robot: RobotOptions,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/objectnav_POLICY_WEIGHTS_seedS...")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="File of detections that runs share: the same picture is detected once.",
            show_default="detections.sqlite beside the folder",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One home, two episodes of 40 steps, small pictures: does it run?")
    ] = False,
) -> None:
    """Let the robot look for objects in homes it has not seen, and say how often it found them and why not.

    The robot walks to what its map holds for the category (votes of several views), else it explores; it stops itself.
    Success: it stopped within 1 m of an object of the category (0.1 m from a viewpoint) and its last picture shows it.
    Writes a JSON and a picture per episode, objectnav.json with 95 % intervals, and report.html. The same command
    resumes.
    """
    from seal_bringup.bars import rate_bar
    from seal_bringup.console import make_console
    from seal_bringup.demo.config import parse_homes
    from seal_bringup.objectnav.run import REPORT, Watch, run_searches
    from seal_bringup.objectnav.settings import SearchSettings

    settings = SearchSettings(
        robot.policy, robot.weights, task.seed, task.episodes, task.category, task.steps,
        policy_weights=robot.policy_weights, paced=robot.paced, noise=robot.noise,
    )  # fmt: skip
    homes = parse_homes(task.homes)
    if quick:
        settings, homes = settings.quick(), homes[:1]
    folder = out or _default_folder(settings, quick)
    console = make_console()
    with rate_bar("objectnav", "episodes", console) as progress:
        watch = Watch(lambda line: console.print(line, highlight=False), progress)
        result = run_searches(homes, settings, folder, cache or folder.parent / "detections.sqlite", watch)
    print_result(console, result)
    console.print(f"written to {folder}; {folder / REPORT} shows the ways", highlight=False)


def _default_folder(settings: SearchSettings, quick: bool) -> Path:
    name = f"objectnav_{settings.policy}_{Path(settings.weights).stem}_seed{settings.seed}"
    name += "_noise" if settings.noise else "_paced" if settings.paced else ""
    name += f"_{settings.category.replace(' ', '_')}" if settings.category else ""
    return Path("runs") / (f"{name}_quick" if quick else name)


def print_result(console: Console, result: dict[str, Any]) -> None:
    """Print a line per home, and over all."""
    from rich.table import Table

    from seal_bringup.objectnav.figures import causes_text, text_of

    table = Table("home", box=None)
    for title in ("episodes", "success", "SPL"):
        table.add_column(title, justify="right")
    table.add_column("failures")
    lines = {**result["homes"], "all": result["all"]} if len(result["homes"]) > 1 else result["homes"]
    for name, one in lines.items():
        causes = causes_text(one["causes"])
        table.add_row(name, str(one["episodes"]), text_of(one["success"]), text_of(one["spl"]), causes)
    console.print(table)
    rate = "" if result["steps_per_s"] is None else f"; {result['steps_per_s']:.1f} steps/s"
    console.print(f"95 % intervals by bootstrap over the episodes{rate}", highlight=False)
