# SPDX-License-Identifier: Apache-2.0
"""`seal label`: from a recorded run to a labelled dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

_HELP = """Label every frame of a recorded run, without a human.

The bag's frames and detections are fused into a 3D voxel map; the map's objects are ray-traced back into every frame.
Only the bag is read: no ROS and no simulator is needed.

Example: seal label runs/first/bag --out runs/first/labels

The folder that comes out is a COCO dataset that `seal finetune` takes, with labels.json (the objects found), map.npz
(the map) and previews/ to look at. docs/labels.md explains rules and files.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("label", help=_HELP)(label)


def label(
    bag: Annotated[Path, typer.Argument(help="Folder of the bag (the one with metadata.yaml in it).")],
    out: Annotated[Path | None, typer.Option(help="Folder to write; default: labels beside the bag.")] = None,
    rule: Annotated[
        str,
        typer.Option(
            help="How views are fused: paper (best score ever > 0.9), agreement (mean over the views of a voxel), "
            "instance_vote (the same over a whole object), self_training (no map: each frame's own detections > 0.9)."
        ),
    ] = "instance_vote",
    redetect: Annotated[bool, typer.Option(help="Run the detector again instead of taking the bag's detections.")] = (
        False
    ),
    weights: Annotated[
        str, typer.Option(help="Weights for --redetect: seal-small (shipped), coco, or a .safetensors file.")
    ] = "seal-small",
    agreement: Annotated[
        float | None, typer.Option(help="Share of agreement between views that is needed, 0 to 1.")
    ] = None,
    min_volume: Annotated[
        float | None, typer.Option(help="Smallest object in cubic metres of voxels; 0.025 is 200 voxels.")
    ] = None,
    min_views: Annotated[
        int | None,
        typer.Option(help="Frames that must have seen a voxel before a ray stops there; 3 for a real robot."),
    ] = None,
    ignore_uncertain: Annotated[
        bool | None, typer.Option(help="Mark regions with weak evidence as neither object nor background.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a dataset that is there already.")] = False,
) -> None:
    """Read the options, label, print what came out."""
    from seal_mapping.bag import open_bag
    from seal_mapping.label_config import RULES
    from seal_mapping.labelling import label_frames, self_training_labels
    from seal_perception.dataset import ANNOTATIONS
    from seal_perception.errors import InputError

    if rule not in (*RULES, "self_training"):
        raise InputError(f"--rule must be one of {', '.join(RULES)}, self_training; got {rule!r}")
    changes = {
        "agreement": agreement,
        "min_instance_m3": min_volume,
        "min_views": min_views,
        "ignore_uncertain": ignore_uncertain,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    if rule == "self_training" and given:
        raise InputError("self_training uses no map: leave out --agreement, --min-volume, --min-views and the like")
    config = None if rule == "self_training" else _config(rule, given)
    source = open_bag(bag)
    folder = out or Path(bag).with_name("labels")
    if (folder / ANNOTATIONS).exists() and not overwrite:
        raise InputError(f"{folder} already holds a dataset; add --overwrite to replace it")
    detector = None
    if redetect:
        from seal_perception.detector import load_detector

        detector = load_detector(weights)
    with _bar("labels") as progress:
        if config is None:
            summary = self_training_labels(source, folder, detector=detector, progress=progress)
        else:
            summary = label_frames(source, folder, config, detector=detector, progress=progress)
    _print(summary, folder)


def _config(rule: str, given: dict[str, Any]) -> Any:
    from seal_mapping.label_config import label_preset
    from seal_perception.errors import InputError

    try:
        return label_preset(rule, **given)
    except ValueError as error:
        raise InputError(str(error)) from error


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(summary: dict[str, Any], folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{summary['annotations']} labels in {summary['frames']} frames, rule {summary['rule']}")
    columns = ["category", "labels", "objects"] if "instances" in summary else ["category", "labels"]
    for column in columns:
        table.add_column(column, justify="left" if column == "category" else "right")
    for category, count in summary["annotations_per_category"].items():
        objects = sum(item["category"] == category for item in summary.get("instances", []))
        table.add_row(category, str(count), *([str(objects)] if "instances" in summary else []))
    console = Console()
    console.print(table)
    console.print(f"written to {folder}", highlight=False)
