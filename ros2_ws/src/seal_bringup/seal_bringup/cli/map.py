# SPDX-License-Identifier: Apache-2.0
"""`seal map`: make a voxel map from a bag; inspect, query, draw and export a saved one."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seal_bringup.bars import rate_bar
from seal_bringup.cli.options import READ, bag_options, with_options
from seal_bringup.console import echo

if TYPE_CHECKING:
    from seal_perception.categories import CategorySet

MAP = Annotated[Path, typer.Argument(help="Saved map (.npz): labels/map.npz, or what the mapping node saved.")]
MIN_VIEWS = Annotated[float, typer.Option(min=0, help="Leave out voxels that fewer frames saw.")]
OBJECTS = Annotated[
    Path | None, typer.Option(help="Objects of the map (objects.npz of `seal label`); default: found anew.")
]
COLOUR = Annotated[
    str, typer.Option(help="category (of confident voxels), instance (each object its own) or rgb (as seen).")
]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_ROWS = 20

_EXPORT_HELP = """Write a map for other programs: PLY (MeshLab, CloudCompare, Open3D) and plain numpy arrays.

Example: seal map export runs/first/labels/map.npz --ply home.ply --colour instance

docs/mapping.md lists the properties and arrays.
"""
_QUERY_HELP = """Ask what a map holds at a point, in a box or along a ray; metres, map frame.

Example: seal map query map.npz --ray 0 0 0.88 1 0 0
"""
_PICTURE_HELP = """Draw a map: from straight above, or its voxels as cubes seen at a slant.

Example: seal map picture map.npz home.png --colour instance
"""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Inspect, query, draw and export a saved voxel map.")
    group.command(name="info")(info)
    group.command(name="export", help=_EXPORT_HELP)(export)
    group.command(name="query", help=_QUERY_HELP)(query)
    group.command(name="picture", help=_PICTURE_HELP)(picture)
    group.command(name="build", help=BUILD_HELP)(build)
    app.add_typer(group, name="map")


def info(path: MAP, as_json: JSON = False) -> None:
    """Show a map's size, voxels, categories, memory, frames and explored area."""
    facts = map_facts(path)
    if as_json:
        echo(json.dumps(facts, indent=1))
        return
    from rich.table import Table

    from seal_bringup.console import make_console

    size = " x ".join(f"{v:.2f}" for v in facts["size_m"])
    console = make_console()
    console.print(f"{path}: {facts['file_bytes'] / 1e6:.1f} MB on disk, {facts['memory_bytes'] / 1e6:.1f} MB in memory")
    console.print(f"{size} m, voxels of {facts['voxel_m']} m, {facts['frames']} frames", highlight=False)
    console.print(
        f"{facts['voxels']} voxels seen, {facts['confident']} confident, {facts['obstacle_cells']} obstacle cells, "
        f"{facts['explored_m2']:.1f} m2 explored",
        highlight=False,
    )
    table = Table("category", box=None)
    for column in ("best guess of", "confident", "objects"):
        table.add_column(column, justify="right")
    for row in facts["categories"]:
        table.add_row(row["name"], str(row["voxels"]), str(row["confident"]), str(row["objects"]))
    console.print(table)


def map_facts(path: Path) -> dict[str, Any]:
    """What `seal map info` shows; lengths in metres."""
    import numpy as np

    from seal_mapping.labels.propagate import propagate
    from seal_mapping.voxels.io import load_map

    voxel_map = load_map(path)
    cloud, config = voxel_map.voxels(), voxel_map.config
    span = cloud.ijk.max(axis=0) - cloud.ijk.min(axis=0) + 1 if len(cloud) else np.zeros(3)
    sure, objects = cloud.score >= config.confident, propagate(voxel_map).instances
    categories = [
        {
            "name": name,
            "voxels": int((cloud.label == index).sum()),
            "confident": int((sure & (cloud.label == index)).sum()),
            "objects": sum(item.category == index for item in objects),
        }
        for index, name in enumerate(config.names.names)
    ]
    return {
        "size_m": [round(float(v) * config.voxel_m, 3) for v in span],
        "voxel_m": config.voxel_m,
        "frames": voxel_map.frames,
        "voxels": len(cloud),
        "confident": voxel_map.confident_count,
        "obstacle_cells": int(voxel_map.obstacles().cells.sum()),
        "explored_m2": round(voxel_map.explored_area_m2, 4),
        "memory_bytes": voxel_map.nbytes,
        "file_bytes": path.stat().st_size,
        "categories": categories,
        "config": dataclasses.asdict(config),
    }


def export(
    path: MAP,
    ply: Annotated[Path | None, typer.Option(help="PLY file to write.")] = None,
    npz: Annotated[Path | None, typer.Option(help="File of plain arrays to write.")] = None,
    colour: COLOUR = "category",
    objects: OBJECTS = None,
    min_views: MIN_VIEWS = 1,
    cubes: Annotated[bool, typer.Option(help="PLY as the outer faces of the voxels, not as points.")] = False,
) -> None:
    """Write the files asked for."""
    from seal_mapping.labels.export import write_npz, write_ply
    from seal_perception.errors import InputError

    if ply is None and npz is None:
        raise InputError("nothing to write: give --ply FILE, --npz FILE or both")
    voxel_map, found = _collect(path, objects, min_views)
    if ply is not None:
        echo(f"{ply}: {write_ply(ply, found, colour, cubes)} vertices, {len(found.objects)} objects")
    if npz is not None:
        echo(f"{npz}: {write_npz(npz, found, voxel_map)} voxels, {len(found.objects)} objects")


def query(
    path: MAP,
    point: Annotated[tuple[float, float, float] | None, typer.Option(help="x y z")] = None,
    box: Annotated[
        tuple[float, float, float, float, float, float] | None,
        typer.Option(help="lowest x y z, highest x y z: the voxels with their centre in it"),
    ] = None,
    ray: Annotated[
        tuple[float, float, float, float, float, float] | None,
        typer.Option(help="origin x y z, direction x y z (of any length): the first voxel on it"),
    ] = None,
    max_range: Annotated[float, typer.Option("--range", help="Longest ray in metres.")] = 100.0,
    min_views: MIN_VIEWS = 1,
    as_json: JSON = False,
) -> None:
    """Print the voxels found; exit 1 where there is none."""
    from seal_mapping.voxels.io import load_map
    from seal_mapping.voxels.query import along_ray, at_points, in_box
    from seal_perception.errors import InputError

    if sum(given is not None for given in (point, box, ray)) != 1:
        raise InputError("give one of --point X Y Z, --box X Y Z X Y Z and --ray X Y Z DX DY DZ")
    voxel_map = load_map(path)
    distance: float | None = None
    if ray is not None:
        hit = along_ray(voxel_map, ray[:3], ray[3:], max_range, min_views)
        cloud = voxel_map.at([])[1] if hit is None else hit.voxel
        distance = None if hit is None else hit.distance_m
    elif box is not None:
        cloud = in_box(voxel_map, box[:3], box[3:])
    else:
        cloud = at_points(voxel_map, [list(point or ())])[1]
    cloud = cloud.take(cloud.occupied(min_views))
    if as_json:
        value: dict[str, Any] = {"voxels": _rows(cloud, voxel_map.config.names)}
        echo(json.dumps(value if ray is None else {"distance_m": distance, **value}, indent=1))
    elif len(cloud):
        _print(cloud, voxel_map.config.names, distance)
    else:
        echo("nothing: no voxel was seen there")
    if not len(cloud):
        raise typer.Exit(1)


def picture(
    path: MAP,
    out: Annotated[Path, typer.Argument(help="PNG to write.")],
    above: Annotated[bool, typer.Option("--above", help="From straight above; default: cubes at a slant.")] = False,
    colour: COLOUR = "category",
    objects: OBJECTS = None,
    min_views: MIN_VIEWS = 1,
    width: Annotated[int, typer.Option(min=16, help="Width of the slanted view in pixels.")] = 1600,
) -> None:
    """Draw the map."""
    import numpy as np

    from seal_bringup.report.cubes import CubeView, base_colours, draw_voxels_png
    from seal_bringup.report.topdown import draw_topdown
    from seal_bringup.report.voxels import Voxels
    from seal_mapping.labels.export import COLOURINGS
    from seal_mapping.labels.preview import draw_map, write_png
    from seal_mapping.palette import instance_colours
    from seal_perception.errors import InputError

    if out.suffix != ".png":
        raise InputError(f"a picture's name must end in .png, got {out}")
    if colour not in COLOURINGS:
        raise InputError(f"--colour must be one of {', '.join(COLOURINGS)}, got {colour!r}")
    _, found = _collect(path, objects, min_views)
    if not len(found.cloud):
        raise InputError(f"{path} holds no voxel to draw")
    if above and colour == "rgb":
        write_png(out, np.rot90(draw_map(found.cloud, labels=False), -1))  # x to the right, as in the others
        echo(str(out))
        return
    cloud = found.cloud
    if colour == "instance":
        # Only what belongs to an object keeps its label; the object's colour travels as the colour seen.
        label = np.where(found.instance > 0, np.maximum(cloud.label, 0), -1).astype(np.int8)
        cloud = dataclasses.replace(cloud, label=label, rgb=instance_colours(found.instance))
    voxels = Voxels.from_cloud(cloud, found.voxel_m, found.names)
    voxels = voxels.confident(found.confident) if colour == "category" else voxels
    if above:
        draw_topdown(out, voxels, named_rgb=voxels.rgb if colour == "instance" else None)
        echo(str(out))
        return
    if colour == "instance":
        rgb = np.where((voxels.label >= 0)[:, None], voxels.rgb, base_colours(voxels, "category"))
        voxels = dataclasses.replace(voxels, rgb=rgb.astype(np.uint8))
    view = CubeView(width=width, colour="category" if colour == "category" else "rgb", background=(255, 255, 255))
    draw_voxels_png(out, voxels, view)
    echo(str(out))


def _collect(path: Path, objects: Path | None, min_views: float) -> Any:
    """(map, `map_export.Export`)."""
    from seal_mapping.labels.export import collect
    from seal_mapping.labels.instance_ids import load_objects
    from seal_mapping.voxels.io import load_map

    voxel_map = load_map(path)
    return voxel_map, collect(voxel_map, None if objects is None else load_objects(objects), min_views=min_views)


def _rows(cloud: Any, names: CategorySet) -> list[dict[str, Any]]:
    return [
        {
            "ijk": cloud.ijk[n].tolist(),
            "xyz": [round(float(v), 4) for v in cloud.xyz[n]],
            "rgb": cloud.rgb[n].tolist(),
            "category": names.name(int(cloud.label[n])),
            "score": round(float(cloud.score[n]) / 255, 4),
            "views": int(cloud.views[n]),
            "last": int(cloud.last_frame[n]),
        }
        for n in range(len(cloud))
    ]


def _print(cloud: Any, names: CategorySet, distance: float | None) -> None:
    from rich.table import Table

    from seal_bringup.console import make_console

    title = f"voxels: {len(cloud)}" + ("" if distance is None else f", entered after {distance:.3f} m")
    table = Table("voxel", "x, y, z (m)", "category", title=title, title_justify="left", box=None)
    for column in ("score", "views", "last frame"):
        table.add_column(column, justify="right")
    for row in _rows(cloud.take(slice(_ROWS)), names):
        ijk, xyz = (", ".join(str(v) for v in row[name]) for name in ("ijk", "xyz"))
        table.add_row(ijk, xyz, row["category"], f"{row['score']:.2f}", str(row["views"]), str(row["last"]))
    console = make_console()
    console.print(table)
    if len(cloud) > _ROWS:
        console.print(f"... and {len(cloud) - _ROWS} more; --json prints all", highlight=False)


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
        float, typer.Option(min=0, help="Depth in metres beyond which a view counts less; 0 = off.")
    ] = 2.5
    clear_views: Annotated[
        int, typer.Option(min=0, max=255, help="Clear a voxel that this many views in a row looked through; 0 = off.")
    ] = 3
    min_depth: Annotated[float, typer.Option(min=0, help="Minimum depth used, in metres.")] = 0.5
    max_depth: Annotated[float, typer.Option(min=0, help="Greatest depth used, in metres.")] = 5.0
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
    every: Annotated[int, typer.Option(min=1, help="Use every n-th frame.")] = 1,
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
        echo(line)
    facts = build_map_folder(source, MapJob(out, config, filters.min_views, check, filter_table, overwrite), rate_bar)
    _print_built(out, facts)


def _print_built(out: Path, facts: dict[str, object]) -> None:
    found = f"{facts['occupied']} voxels seen by {facts['min_views']} frames or more, of {facts['voxels']}"
    echo(f"{facts['frames']} frames, {facts['frames_with_detections']} with detections; {found}")
    if float(str(facts["held"])) < 0.5:
        echo(
            f"only {float(str(facts['held'])):.0%} of the readings lie in the map's range and heights: "
            "see --max-depth, --min-height, --max-height"
        )
    unused = facts["unused"]
    for reason, count in unused.items() if isinstance(unused, dict) else ():
        echo(f"{count} pictures not used: {reason}")
    check = facts["check"]
    if isinstance(check, dict):
        echo(
            f"odd frames in a map of the even ones: {check['precise']:.1%} within 10 cm, {check['early']:.1%} early, "
            f"{check['late']:.1%} late, {check['no_hit']:.1%} without a hit"
        )
    echo(f"written to {out}; open {out / 'report.html'}")
