# SPDX-License-Identifier: Apache-2.0
"""`seal label`: from recorded runs to labelled datasets."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seal_bringup.bars import rate_bar
from seal_bringup.cli.options import CATEGORIES, READ, bag_options, with_options

if TYPE_CHECKING:
    from seal_bringup.jobs.label_jobs import LabelJob

_HELP = """Label every frame of recorded runs, without a human or with a few drawn polygons.

A bag's frames and detections are fused into a 3D voxel map; the map's objects are ray-traced back into every frame.
Only the bag is read: no ROS and no simulator is needed. Run an interrupted command again to resume it.

Example: seal label runs/first/bag --out runs/first/labels

Example: seal label room --redetect --min-views 3 (a bag of a real camera, without detections in it)

The folder that comes out is a COCO dataset that `seal finetune` takes, with report.html, labels.json (the objects
found), map.npz, objects.npz and previews/. docs/labels.md explains rules and files, docs/bags.md which bags are read.

Exit code: 0 = every bag has labels; 3 = a bag got no label, the last line says why and what to try; 1 = error.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("label", help=_HELP)(label)


@dataclass(frozen=True)
class FusionOptions:
    """How views are fused into labels."""

    rule: Annotated[
        str,
        typer.Option(
            help="How views are fused: objects (what views agree on at any level, by how well it should fit a thing), "
            "paper (best score ever > 0.9), agreement (share of the views of a voxel), instance_vote (the same over a "
            "whole object), self_training (no map: each frame's own detections > 0.9), optical_flow (no map: its own "
            "and its neighbours', carried along optical flow)."
        ),
    ] = "objects"
    evidence: Annotated[
        str | None,
        typer.Option(
            help="agreement, instance_vote: evidence of the views: score (mean), share (of views that voted for it), "
            "log_odds."
        ),
    ] = None


@dataclass(frozen=True)
class InputOptions:
    """Inputs besides the bag."""

    redetect: Annotated[bool, typer.Option(help="Run the detector again instead of taking the bag's detections.")] = (
        False
    )
    weights: Annotated[
        str,
        typer.Option(help="Weights for --redetect: seal-small or seal-homes (shipped), coco, or a .safetensors file."),
    ] = "seal-small"
    annotations: Annotated[
        Path | None,
        typer.Option(help="Frames that a human drew on (COCO file or labelme folder; `seal annotate` prepares them)."),
    ] = None
    categories: CATEGORIES = None
    continue_from: Annotated[
        Path | None,
        typer.Option(help="Labels of an earlier run in the same map frame: it continues its map, objects keep ids."),
    ] = None


@dataclass(frozen=True)
class LimitOptions:
    """Limits of map and labels; None leaves the default of the rule."""

    least_overlap: Annotated[
        float | None, typer.Option(help="objects: smallest expected overlap with a thing, 0 to 1; default 0.35.")
    ] = None
    confirm: Annotated[
        float | None,
        typer.Option(
            help="objects: score of a frame's own detection that must show an object as a whole, in one frame at "
            "least; default 0.3, 0 = off."
        ),
    ] = None
    stand_from: Annotated[
        float | None,
        typer.Option(
            help="objects: height in metres from which furniture takes what is between it and the floor; default 0.05, "
            "0 = off."
        ),
    ] = None
    label_range: Annotated[
        float | None,
        typer.Option(
            help="Greatest depth of a labelled pixel, in metres; default 10 (paper: 5.1), with --max-depth 0.1 more "
            "than that."
        ),
    ] = None
    agreement: Annotated[
        float | None, typer.Option(help="agreement, instance_vote: minimum agreement between views, 0 to 1.")
    ] = None
    min_volume: Annotated[
        float | None, typer.Option(help="Smallest object in cubic metres of voxels; 0.025 is 200 voxels.")
    ] = None
    min_views: Annotated[
        int | None,
        typer.Option(help="Frames that must have seen a voxel before a ray stops there; 3 for a real robot."),
    ] = None
    max_depth: Annotated[float | None, typer.Option(help="Greatest depth used, in metres; default 5.")] = None
    min_height: Annotated[
        float | None, typer.Option(help="Lowest height in metres that is mapped; default -0.1: z = 0 is the floor.")
    ] = None
    max_height: Annotated[float | None, typer.Option(help="Greatest height that is mapped; default 2.")] = None
    edge_filter: Annotated[
        float | None,
        typer.Option(help="Drop depth that differs from a neighbour's by this share; 0.05 for a real one."),
    ] = None
    range_weight: Annotated[
        float | None, typer.Option(help="Depth in metres beyond which a view counts less; 2.5 for a real sensor.")
    ] = None
    clear_views: Annotated[
        int | None, typer.Option(help="Forget what this many views in a row looked through: things that moved.")
    ] = None
    ignore_missing: Annotated[
        bool | None,
        typer.Option(
            help="Where no object of a category gets a label, mark each frame's own detections of it as neither object "
            "nor background; on by default, but for paper."
        ),
    ] = None
    ignore_uncertain: Annotated[
        bool | None, typer.Option(help="Mark regions with weak evidence as neither object nor background.")
    ] = None


@dataclass(frozen=True)
class WorkOptions:
    """Threads, Ray cluster and output folders."""

    workers: Annotated[int | None, typer.Option(min=1, help="Threads; default: one per core.")] = None
    ray: Annotated[
        str | None,
        typer.Option(help="Address of a Ray cluster (or auto, local): one bag per task; needs ray installed."),
    ] = None
    read: READ = None
    overwrite: Annotated[bool, typer.Option(help="Replace existing datasets.")] = False
    explain: Annotated[
        bool, typer.Option("--explain", help="Print what was considered for an object, and why it got a label or none.")
    ] = False


@with_options
def label(
    *,
    bags: Annotated[list[Path], typer.Argument(help="Bags: a folder with metadata.yaml, .mcap, .db3 or ROS 1 .bag.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write; with several bags, one folder in it per bag. Default: labels beside a bag."
        ),
    ] = None,
    fusion: FusionOptions,
    inputs: InputOptions,
    limits: LimitOptions,
    work: WorkOptions,
) -> None:
    """Read the options, label, print what came out."""
    from seal_bringup.jobs.label_jobs import LabelJob, label_all
    from seal_perception.errors import InputError, NoLabelsError

    if len(bags) > 1 and (inputs.annotations is not None or inputs.continue_from is not None):
        raise InputError("--annotations and --continue-from belong to one recording: give one bag")
    jobs = [
        LabelJob(
            bag=bag,
            out=_folder(bag.absolute(), out, len(bags)),
            rule=fusion.rule,
            label_changes=_label_changes(fusion, limits),
            map_changes=_map_changes(limits),
            options=bag_options(work.read),
            weights=inputs.weights if inputs.redetect else None,
            annotations=inputs.annotations,
            categories=tuple(inputs.categories or ()),
            continue_from=inputs.continue_from,
            workers=work.workers,
            overwrite=work.overwrite,
        )
        for bag in bags
    ]
    empty: list[LabelJob] = []

    def show(job: LabelJob, summary: dict[str, Any]) -> None:
        _print(job, summary)
        if work.explain:
            _print_considered(summary)
        if not summary["annotations"]:
            empty.append(job)

    label_all(jobs, work.ray, rate_bar, show)
    if empty:
        raise typer.Exit(NoLabelsError.exit_code)


def _label_changes(fusion: FusionOptions, limits: LimitOptions) -> dict[str, Any]:
    """Fields of LabelConfig that are given."""
    of_map = None if limits.max_depth is None else limits.max_depth + 0.1
    changes = {
        "evidence": fusion.evidence,
        "least_overlap": limits.least_overlap,
        "confirm_score": limits.confirm,
        "stand_from_m": limits.stand_from,
        "agreement": limits.agreement,
        "min_instance_m3": limits.min_volume,
        "min_views": limits.min_views,
        "ignore_uncertain": limits.ignore_uncertain,
        "ignore_missing": limits.ignore_missing,
        "max_range_m": of_map if limits.label_range is None else limits.label_range,
    }
    return {name: value for name, value in changes.items() if value is not None}


def _map_changes(limits: LimitOptions) -> dict[str, Any]:
    """Fields of MapConfig that are given."""
    changes = {
        "max_depth_m": limits.max_depth,
        "min_height_m": limits.min_height,
        "max_height_m": limits.max_height,
        "edge_filter": limits.edge_filter,
        "range_weight_m": limits.range_weight,
        "clear_views": limits.clear_views,
    }
    return {name: value for name, value in changes.items() if value is not None}


def _folder(bag: Path, out: Path | None, count: int) -> Path:
    if out is None:
        return bag.with_name("labels") if count == 1 else bag.with_name(f"{bag.stem}_labels")
    return out if count == 1 else out / bag.stem


def _print(job: LabelJob, summary: dict[str, Any]) -> None:
    from rich.table import Table

    from seal_bringup.console import make_console

    table = Table(title=f"{summary['annotations']} labels in {summary['frames']} frames, rule {summary['rule']}")
    with_objects, checked = "instances" in summary, summary.get("self_consistency", {})
    columns = ["category", "labels", *(["objects"] if with_objects else []), *(["own detector agrees"] * bool(checked))]
    for column in columns:
        table.add_column(column, justify="left" if column == "category" else "right")
    for category, count in summary["annotations_per_category"].items():
        row = [category, str(count)]
        if with_objects:
            row.append(str(sum(item["category"] == category for item in summary["instances"])))
        if checked:
            agrees = checked.get(category, {}).get("confirmed")
            row.append("" if agrees is None else f"{agrees:.0%}")
        table.add_row(*row)
    console = make_console()
    console.print(table)
    for reason, count in summary.get("unused", {}).items():
        console.print(f"{count} pictures not used: {reason}", highlight=False, markup=False)
    for reason, count in summary.get("annotations_left_out", {}).items():
        console.print(f"{count} {reason}", highlight=False, markup=False)
    console.print(f"written to {job.out}", highlight=False, markup=False)
    if not summary["annotations"]:
        why = summary.get("no_labels") or {"fault": "", "cause": "the cause is not known"}
        text = f"no label: {why['cause']}; next: {_advice(job, why['fault'])}"
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _print_considered(summary: dict[str, Any]) -> None:
    """What was considered for an object (labels.json, `considered`)."""
    from rich.table import Table

    from seal_bringup.console import make_console

    console = make_console()
    if "considered" not in summary:
        console.print(f"--explain: the rule {summary['rule']} makes no map, so no objects were considered")
        return
    title = f"{len(summary['considered'])} considered; found: share of the views that voted for it"
    table = Table(title=title, title_justify="left")
    for column in ("", "overlap", "score", "found", "views", "voxels", "at, m", "label"):
        table.add_column(column, justify="left" if column in ("", "label") else "right")
    for one in summary["considered"]:
        place = " ".join(f"{value:.1f}" for value in one["centre_xyz"])
        numbers = [f"{one[key]:.2f}" for key in ("overlap", "score", "found")]
        told = f"object {one['label']}" if one["label"] else one["why"]
        table.add_row(one["category"], *numbers, f"{one['views']:.0f}", str(one["voxels"]), place, told)
    console.print(table)


def _advice(job: LabelJob, fault: str) -> str:
    """What to try when nothing was labelled."""
    from seal_mapping.datasets import no_labels as n

    bag = shlex.quote(str(job.bag))
    usual = job.out == _folder(job.bag.absolute(), None, 1)
    again = "--overwrite" if usual else f"--out {shlex.quote(str(job.out))} --overwrite"
    look = f"`seal map build {bag} --out map_of_it` shows what the depth gives (--max-depth, --min-height, --read)"
    draw = f"`seal annotate {bag} -k 5 --out drawn`, draw, "
    draw += f"`seal label {bag} --annotations drawn/annotations.json {again}`"
    if fault == n.MAP:
        return look
    if fault == n.DRAWN:
        return f"{look}; or draw on other frames: {draw}"
    if fault == n.RULE:
        return f"a smaller --min-volume, `--rule paper`, or {draw}"
    if job.weights == "coco":
        return draw
    return f"on real pictures `seal label {bag} --redetect --weights coco {again}`, or {draw}"
