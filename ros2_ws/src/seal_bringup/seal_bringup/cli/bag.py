# SPDX-License-Identifier: Apache-2.0
"""`seal bag`: look into a recorded run, repair a cut one, make one from a folder of frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from seal_bringup.cli.options import READ, bag_options, with_options
from seal_bringup.console import echo

BAG = Annotated[Path, typer.Argument(help="Folder of the bag, one of its files, or a .bag file of ROS 1.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Look into a recorded run, repair a cut one; needs no ROS.")
    group.command(name="info")(info)
    group.command(name="recover")(recover)
    group.command(name="import", help=IMPORT_HELP)(import_folder)
    app.add_typer(group, name="bag")


def info(bag: BAG, read: READ = None) -> None:
    """Show topics, types, counts and times of a bag, whether it is whole, and what `seal label` would read from it."""
    from seal_mapping.bags.reader import open_bag
    from seal_mapping.bags.recover import bag_info
    from seal_mapping.bags.store import METADATA
    from seal_perception.errors import InputError
    from seal_perception.reading.text import read_yaml

    options = bag_options(read)
    try:
        frames = open_bag(bag, options)
    except InputError as error:
        found = bag_info(bag)
        _print(found)
        if not found.whole:
            echo(f"cut off while it was written, or damaged; run: seal bag recover {bag}")
            raise typer.Exit(1) from error
        if (bag / METADATA).is_file():
            read_yaml(bag / METADATA)  # messages that can be read do not make up for metadata that cannot
        echo(f"no frames for `seal label`: {error}")
        return
    _print(bag_info(bag, frames.store))
    for line in (*frames.choices, *frames.confirmed):
        echo(line)
    echo(f"{len(frames)} whole frames, {frames.dropped} dropped")
    for reason, count in frames.unused.items():
        echo(f"  {count} {reason}")


def recover(bag: BAG) -> None:
    """Repair a bag that was cut off while it was written, or that has damaged places.

    All messages that can be read are copied into a new file with index and metadata, which then takes the place of the
    old one. The old one is kept beside it as NAME.mcap.orig. What could not be read is printed. A bag that is whole and
    sound is left as it is.
    """
    from seal_mapping.bags.recover import recover as recover_bag

    found = recover_bag(bag)
    _print(found)
    if found.original is None:
        echo(f"{bag} is whole: nothing to do")
        return
    kept = sum(row.messages for row in found.topics)
    echo(f"{bag} is recovered: {kept} messages kept; the file of before is {found.original}")
    for line in found.left_out:
        echo(line)


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


IMPORT_HELP = """Make a bag from a folder of colour, depth and camera poses; needs no ROS.

Layouts: numbered (color/NNNNN.jpg, depth/NNNNN.png, K.txt, poses.txt with a camera-to-world matrix per line, or a TUM
line), tum (rgb.txt, depth.txt, groundtruth.txt of the TUM RGB-D benchmark), scannet (color/, depth/, pose/, intrinsic/)
and 7scenes (frame-000000.color.png, .depth.png, .pose.txt).

Example: seal bag import room runs/room, then: seal label runs/room --redetect --min-views 3

The folder's world is turned upright (z up) and its floor put at 0. What was chosen is printed; docs/bag_import.md
explains it. The bag appears whole or not at all.
"""


@dataclass(frozen=True)
class ImportChoices:
    """What a folder of frames does not define by itself."""

    layout: Annotated[str, typer.Option(help="auto, numbered, tum, scannet or 7scenes.")] = "auto"
    up: Annotated[
        str,
        typer.Option(
            help="What points up in the folder's world: auto, x, -x, y, -y, z, -z, or a direction as 0.45,0,0.89."
        ),
    ] = "auto"
    floor: Annotated[
        str, typer.Option(help="Height of the floor along the up axis in metres, or auto: look for it.")
    ] = "auto"
    poses: Annotated[
        str,
        typer.Option(
            help="What the poses are: auto, camera-to-world, world-to-camera, opengl or opengl-world-to-camera "
            "(a camera with y up and z back)."
        ),
    ] = "auto"
    rate: Annotated[float, typer.Option(help="Frames per second where files have numbers and no stamps.")] = 30.0
    depth_scale: Annotated[
        float | None, typer.Option(help="Units of the depth pictures per metre; else 1000, tum 5000, if they fit.")
    ] = None
    every: Annotated[int, typer.Option(help="Take every n-th colour picture.")] = 1
    frame: Annotated[str, typer.Option(help="Name of the camera's optical frame.")] = "camera_color_optical_frame"


@dataclass(frozen=True)
class IntrinsicsOptions:
    """The pinhole camera, where no file has it."""

    fx: Annotated[float | None, typer.Option(help="Focal length in pixels; give all of fx, fy, cx, cy.")] = None
    fy: Annotated[float | None, typer.Option(help="Focal length in pixels.")] = None
    cx: Annotated[float | None, typer.Option(help="Column of the principal point.")] = None
    cy: Annotated[float | None, typer.Option(help="Row of the principal point.")] = None


@with_options
def import_folder(
    folder: Annotated[Path, typer.Argument(help="Folder with the frames.")],
    bag: Annotated[Path, typer.Argument(help="Folder of the bag to make; it must not exist.")],
    choices: ImportChoices,
    camera: IntrinsicsOptions,
) -> None:
    """Read the options, print what was chosen, write the bag."""
    from seal_bringup.bars import rate_bar
    from seal_mapping.folders.to_bag import ImportOptions, plan_import, write_import
    from seal_perception.errors import InputError

    given = [value for value in (camera.fx, camera.fy, camera.cx, camera.cy) if value is not None]
    if len(given) not in (0, 4):
        raise InputError(f"--fx, --fy, --cx and --cy go together: {len(given)} of 4 are given")
    options = ImportOptions(
        layout=choices.layout,
        up=choices.up,
        floor_m=_floor(choices.floor),
        poses=choices.poses,
        rate_hz=choices.rate,
        depth_units_per_m=choices.depth_scale,
        every=choices.every,
        camera_frame=choices.frame,
        intrinsics=(given[0], given[1], given[2], given[3]) if given else None,
    )
    if bag.exists():
        raise InputError(f"{bag} exists already: choose another folder for the bag")
    plan = plan_import(folder, options)
    for line in plan.lines():
        echo(line)
    with rate_bar("import") as progress:
        summary = write_import(plan, bag, progress)
    echo(f"written {bag}: {summary.frames} frames, {summary.poses} poses, {summary.size_bytes / 1e6:.1f} MB")


def _floor(text: str) -> float | None:
    from seal_perception.errors import InputError

    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--floor must be auto or metres, got {text!r}") from None
