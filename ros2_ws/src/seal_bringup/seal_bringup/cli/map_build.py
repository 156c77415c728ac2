# SPDX-License-Identifier: Apache-2.0
"""`seal map build`: any bag becomes a map, with pictures and a page to judge it by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from seal_bringup.cli.bars import rate_bar
from seal_bringup.cli.options import READ, bag_options, with_options

BUILD_HELP = """Map any bag with colour, depth and poses; no detector is needed.

Example: seal map build runs/room --out room_map --check

Detections that the bag holds make objects; without them the map has shape and colour. The folder gets map.npz, map.ply,
pictures, map.json and report.html, and appears whole or not at all. The filters are on, as a real sensor needs; for
clean depth: --min-views 1 --edge-filter 0 --range-weight 0 --clear-views 0. docs/mapping.md explains them.
"""


@dataclass(frozen=True)
class FilterOptions:
    """Which readings make the map; on, as a real sensor needs."""

    min_views: Annotated[
        int, typer.Option(min=1, help="Frames that must have seen a voxel that is shown, exported or stops a ray.")
    ] = 3
    edge_filter: Annotated[
        float, typer.Option(min=0, help="Drop depth that differs from a neighbour's by more than this share; 0 = off.")
    ] = 0.05
    range_weight: Annotated[
        float, typer.Option(min=0, help="Metres of depth from which on a view counts less; 0 = off.")
    ] = 2.5
    clear_views: Annotated[
        int, typer.Option(min=0, max=255, help="Forget what so many views in a row looked through; 0 = off.")
    ] = 3
    min_depth: Annotated[float, typer.Option(min=0, help="Metres from which on depth is used.")] = 0.5
    max_depth: Annotated[float, typer.Option(min=0, help="Metres up to which depth is used.")] = 5.0
    voxel: Annotated[float, typer.Option(help="Edge of a voxel in metres.")] = 0.05
    min_height: Annotated[
        float, typer.Option(help="Lowest kept height in the map frame, metres; lower it where 0 is not the floor.")
    ] = -0.1
    max_height: Annotated[float, typer.Option(help="Greatest kept height; leaves out the ceiling.")] = 2.0


@with_options
def build(
    *,
    bag: Annotated[Path, typer.Argument(help="A folder with metadata.yaml, .mcap, .db3 or ROS 1 .bag.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    every: Annotated[int, typer.Option(min=1, help="Use each n-th frame.")] = 1,
    filters: FilterOptions,
    check: Annotated[
        bool, typer.Option("--check", help="Trace odd frames in a map of the even ones; costs a second map.")
    ] = False,
    filter_table: Annotated[
        bool, typer.Option("--filter-table", help="The same with and without each filter; costs eleven more.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder of an earlier call.")] = False,
    read: READ = None,
) -> None:
    """Read the options, map, print what came out."""
    from seal_bringup.jobs.map_folder import MapJob, build_map_folder
    from seal_mapping.bags.reader import open_bag
    from seal_mapping.voxels.config import MapConfig
    from seal_perception.errors import InputError

    try:
        config = MapConfig(
            voxel_m=filters.voxel, min_depth_m=filters.min_depth, max_depth_m=filters.max_depth,
            min_height_m=filters.min_height, max_height_m=filters.max_height, edge_filter=filters.edge_filter,
            range_weight_m=filters.range_weight, clear_views=filters.clear_views,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(str(error)) from error
    options = bag_options(read)
    source = open_bag(bag, replace(options, every=every) if every > 1 else options)
    for line in source.choices:
        typer.echo(line)
    facts = build_map_folder(source, MapJob(out, config, filters.min_views, check, filter_table, overwrite), rate_bar)
    _print(out, facts)


def _print(out: Path, facts: dict[str, object]) -> None:
    found = f"{facts['occupied']} voxels seen by {facts['min_views']} frames or more, of {facts['voxels']}"
    typer.echo(f"{facts['frames']} frames, {facts['frames_with_detections']} with detections; {found}")
    if float(str(facts["held"])) < 0.5:
        typer.echo(
            f"only {float(str(facts['held'])):.0%} of the readings lie in the map's range and heights: "
            "see --max-depth, --min-height, --max-height"
        )
    unused = facts["unused"]
    for reason, count in unused.items() if isinstance(unused, dict) else ():
        typer.echo(f"{count} not used: {reason}")
    check = facts["check"]
    if isinstance(check, dict):
        typer.echo(
            f"odd frames in a map of the even ones: {check['precise']:.1%} within 10 cm, {check['early']:.1%} early, "
            f"{check['late']:.1%} late, {check['no_hit']:.1%} without a hit"
        )
    typer.echo(f"written to {out}; open {out / 'report.html'}")
