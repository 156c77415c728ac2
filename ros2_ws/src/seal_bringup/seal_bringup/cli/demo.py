# SPDX-License-Identifier: Apache-2.0
"""`seal demo`: the main job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from seal_bringup.bars import StageBar
from seal_bringup.cli.options import with_options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="demo")(demo)


@dataclass(frozen=True)
class AmountOptions:
    """How much work is done."""

    steps: Annotated[int, typer.Option(help="Actions of the robot.")] = 300
    iterations: Annotated[int, typer.Option(help="Iterations of each fine-tuning.")] = 300
    evaluation_frames: Annotated[int, typer.Option(help="Frames the robot never saw, for AP50.")] = 500


@with_options
def demo(
    *,
    homes: Annotated[
        str, typer.Option(help="Homes by name, with commas; `test` is test_01..test_05, `train` the 25 training homes.")
    ] = "test_01",
    name: Annotated[str, typer.Option(help="Name of the run; its folder is runs/NAME.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of start pose, exploration and fine-tuning.")] = 0,
    amount: AmountOptions,
    weights: Annotated[
        str, typer.Option(help="Detector to start from: seal-small, seal-homes, or weights that seal finetune wrote.")
    ] = "seal-small",
    rows: Annotated[
        str, typer.Option(help="Rows of the table to compute, with commas; default: all but optical_flow.")
    ] = "",
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            help="Dataset to mix into every fine-tuning against forgetting, in place of 400 drawn catalogue pictures: a"
            " catalogue, or labels of earlier homes (a folder of `seal label`); may be repeated."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few steps and iterations: does it run at all?")] = False,
) -> None:
    """Send a robot through a home it has never seen and get a better detector back.

    Starts the ROS 2 stack in the embedded simulator, explores, records a bag, labels the bag by 3DLabelProp, fine-tunes
    the detector, evaluates before and after, and writes runs/NAME/report.html. Interrupt it when you like: the same
    command resumes at the last finished stage.
    """
    from dataclasses import replace

    from seal_bringup.console import make_console
    from seal_bringup.demo.config import DEFAULT_ROWS, DemoConfig, default_run_dir, parse_homes
    from seal_bringup.demo.run import run_demo

    chosen = tuple(r for r in rows.split(",") if r) or DEFAULT_ROWS
    config = DemoConfig(
        parse_homes(homes), seed, amount.steps, iterations=amount.iterations, weights=weights, rows=chosen
    )
    mixed = tuple(str(folder) for folder in replay or ())
    config = replace(config, evaluation_frames=amount.evaluation_frames, replay=mixed)
    if quick:
        config = config.quick()
    run_dir = Path("runs") / name if name else default_run_dir(config)
    if quick and not name:
        run_dir = run_dir.with_name(run_dir.name + "_quick")
    console = make_console()
    with StageBar(console) as bar:
        metrics = run_demo(config, run_dir, bar.announce, bar.progress)
    _print_table(console, metrics)
    console.print(f"\nOpen {run_dir / 'report.html'} in a browser.", highlight=False)


def _print_table(console: Any, metrics: dict[str, Any]) -> None:
    from rich.table import Table

    groups = dict(metrics["homes"])
    if len(groups) > 1:
        groups[f"mean of {len(groups)} homes"] = metrics["mean"]
    for home, values in groups.items():
        table = Table(title=f"{home}: AP50 on frames that the robot never saw", title_justify="left")
        table.add_column("row", no_wrap=True)
        for column in ("box", "mask", "change", "labels", "pixels"):
            table.add_column(column, justify="right")
        base = values["rows"].get("pretrained", {}).get("box_ap50")
        for row, result in values["rows"].items():
            label = values["labels"].get(row, {})
            change = "" if row == "pretrained" else _number(result["box_ap50"], base)
            change = "no label" if result.get("pictures") == 0 else change
            pairs = (_pair(label, kind) for kind in ("instance", "pixel"))
            table.add_row(row, _number(result["box_ap50"]), _number(result["mask_ap50"]), change, *pairs)
        console.print(table)
    console.print("labels, pixels: precision / recall of the labels that the row learnt from", style="dim")


def _number(value: float | None, base: float | None = None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if base is None else f"{value - base:+.1f}"


def _pair(label: dict[str, Any], kind: str) -> str:
    values = [label.get(f"{kind}_{what}") for what in ("precision", "recall")]
    return " / ".join("-" if v is None else f"{v:.2f}" for v in values) if label else ""
