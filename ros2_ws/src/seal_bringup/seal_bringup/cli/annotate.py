# SPDX-License-Identifier: Apache-2.0
"""`seal annotate`: the few frames of a recorded run that a human should annotate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seal_bringup.cli.options import READ, bag_options

_HELP = """Choose the few frames of a recorded run that are worth a human's time.

Writes them with an empty COCO file for a labelling tool (labelme, CVAT, Label Studio). What comes back is given to
seal label, which carries it into all other frames. Only the bag is read: no ROS and no detector is needed.

Example: seal annotate runs/first/bag -k 5 --out runs/first/annotate

A folder in which somebody has drawn is never overwritten. docs/weak_supervision.md explains choice and files.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("annotate", help=_HELP)(annotate)


def annotate(
    bag: Annotated[Path, typer.Argument(help="Folder of the bag (the one with metadata.yaml in it).")],
    frames: Annotated[int, typer.Option("-k", "--frames", help="How many frames to annotate.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Folder to write; default: annotate beside the bag.")] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="entropy (the paper: where views disagree most), coverage (frames that together see the most) or "
            "auto (entropy; coverage for a bag without detections)."
        ),
    ] = "auto",
    min_gap: Annotated[
        int, typer.Option(help="Minimum distance in frames between chosen ones; the paper has none (0).")
    ] = 0,
    read: READ = None,
) -> None:
    """Read the options, choose and write, print what was chosen."""
    from seal_bringup.bars import rate_bar
    from seal_mapping.annotation.choose import annotate_frames
    from seal_mapping.bags.reader import open_bag

    folder = out or bag.absolute().with_name("annotate")
    source = open_bag(bag, bag_options(read))
    with rate_bar("frames") as progress:
        choice = annotate_frames(source, folder, frames, mode, min_gap, progress=progress)
    _print(choice, folder, dict(getattr(source, "unused", {})))


def _print(choice: dict[str, Any], folder: Path, unused: dict[str, int]) -> None:
    from rich.table import Table

    from seal_bringup.console import make_console

    covers = choice["mode"] == "coverage"
    table = Table(title=f"{choice['k']} of {choice['frames']} frames, mode {choice['mode']}: {choice['reason']}")
    for column in ("frame", "stamp in ns", "mean entropy in bits", *(["adds in bits"] if covers else [])):
        table.add_column(column, justify="right")
    for row in choice["chosen"]:
        gain = [f"{row['gain_bits']:.0f}"] if covers else []
        table.add_row(str(row["index"]), str(row["stamp_ns"]), f"{row['mean_entropy_bits']:.3f}", *gain)
    console = make_console()
    console.print(table)
    for reason, count in unused.items():
        console.print(f"{count} pictures not used: {reason}", highlight=False, markup=False)
    console.print(f"written to {folder}; next steps: {folder / 'README.txt'}", highlight=False, soft_wrap=True)
