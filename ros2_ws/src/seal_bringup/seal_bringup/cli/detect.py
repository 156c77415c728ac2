# SPDX-License-Identifier: Apache-2.0
"""`seal detect`: what a detector finds in pictures or a bag, drawn and as COCO."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seal_bringup.bars import rate_bar
from seal_bringup.cli.options import CATEGORY_LIST, READ, bag_options, with_options

if TYPE_CHECKING:
    from seal_bringup.jobs.detect_pictures import DetectJob
    from seal_perception.pictures.detect import Found

_HELP = """Look for the detector's categories in pictures, a COCO dataset, a bag or a folder of RGB-D frames.

Writes overlays/ (boxes, masks, names, scores), sheet.jpg (the pictures with the most confident detections) and
detections.json (a COCO dataset whose annotations have a score). No ROS and no depth is needed. Run an interrupted
command again to resume it.

Example: seal detect holiday_pictures

Example: seal detect robot.mcap --every 10 --weights coco --out seen

Exit code: 0; 3 = nothing was found, the last line says why and what to try; 1 = another error.
"""
_SHOWN = 5
"""Bad pictures that are named."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("detect", help=_HELP)(detect)


@dataclass(frozen=True)
class ScoreOptions:
    """What is drawn, and what is kept."""

    min_score: Annotated[float, typer.Option(help="Lowest score that is drawn and counted, 0 to 1.")] = 0.5
    keep_score: Annotated[float, typer.Option(help="Lowest score that is in detections.json.")] = 0.05


@dataclass(frozen=True)
class DetectorOptions:
    """What looks, and for what."""

    weights: Annotated[
        str, typer.Option(help="seal-small or seal-homes (shipped), coco (for photographs) or a .safetensors file.")
    ] = "seal-small"
    categories: CATEGORY_LIST = None


@dataclass(frozen=True)
class ChoiceOptions:
    """Which pictures."""

    every: Annotated[int, typer.Option(min=1, help="Take each n-th picture.")] = 1
    count: Annotated[int | None, typer.Option(min=1, help="At most so many pictures, evenly spread.")] = None
    read: READ = None


@with_options
def detect(
    *,
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURES|BAG",
            help="Picture files, folders of them (and of folders), a COCO dataset, a bag, or a folder of RGB-D frames.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("detections"),
    detector: DetectorOptions,
    scores: ScoreOptions,
    choice: ChoiceOptions,
    overwrite: Annotated[bool, typer.Option(help="Replace earlier detections in --out.")] = False,
) -> None:
    """Read the options, look, print what was found."""
    from seal_bringup.console import echo
    from seal_bringup.jobs.detect_pictures import DetectJob, run_detect
    from seal_perception.coco.names import listed_only
    from seal_perception.errors import NoLabelsError

    job = DetectJob(
        paths=tuple(pictures),
        out=out,
        weights=detector.weights,
        categories=listed_only(detector.categories or ()),
        min_score=scores.min_score,
        keep_score=scores.keep_score,
        every=choice.every,
        count=choice.count,
        options=bag_options(choice.read),
        overwrite=overwrite,
    )
    with rate_bar("pictures", "pictures") as report:
        found = run_detect(job, report, lambda source: echo("\n".join(source.lines)))
    _print(job, found, choice.read or [])
    if not found.drawn():
        raise typer.Exit(NoLabelsError.exit_code)


def _print(job: DetectJob, found: Found, read: list[str]) -> None:
    """What was found and where it is; last, where nothing was, why and what to try."""
    from seal_bringup.console import echo

    if found.bad:
        names = "; ".join(f"{bad.name}: {bad.reason}" for bad in found.bad[:_SHOWN])
        more = f"; and {len(found.bad) - _SHOWN} more (info.left_out of the file)" if len(found.bad) > _SHOWN else ""
        echo(f"{len(found.bad)} pictures not used: {names}{more}")
    counts = ", ".join(f"{count} {name}" for name, count in found.per_category().items() if count)
    drawn = found.drawn()
    with_some = len({row["image_id"] for row in drawn})
    echo(f"written to {job.out}: overlays/, sheet.jpg, detections.json ({len(found.annotations)} detections)")
    if drawn:
        echo(f"{with_some} of {len(found.images)} pictures show something with a score of {job.min_score:g}: {counts}")
    else:
        echo(f"nothing found: {_why(job, found, read)}")


def again(job: DetectJob, read: list[str], **changes: object) -> str:
    """The command of a job once more, with all that was not left at its default, and changes.

    Args:
        job: what was done.
        read: `--read` texts as they were given.
        changes: values of the job's fields in place of its own.
    """
    words = ["seal", "detect", *map(str, job.paths), "--out", str(job.out), "--overwrite"]
    defaults = {f.name: f.default for f in fields(job)}
    for name in ("weights", "min_score", "keep_score", "every", "count"):
        value = changes.get(name, getattr(job, name))
        if value != defaults[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    if job.categories:
        words += ["--categories", ",".join(job.categories)]
    return shlex.join([*words, *(word for text in read for word in ("--read", text))])


def _why(job: DetectJob, found: Found, read: list[str]) -> str:
    """The likely cause, and the next command."""
    from seal_perception.detector.facts import SHIPPED_NAMES

    best = max(found.annotations, key=lambda row: row["score"], default=None)
    looked = f"{len(found.images)} picture{'s' * (len(found.images) != 1)}"
    if best is None:
        cause = f"no detection in {looked} reaches {min(job.keep_score, job.min_score):g}"
    else:
        name = next(image["file_name"] for image in found.images if image["id"] == best["image_id"])
        what = found.names.name(best["category_id"] - 1)
        cause = f"the best score in {looked} is {best['score']:.2f} ({what} in {name}), below {job.min_score:g}"
    if job.weights != "coco":
        known = (
            "the shipped detectors know simulated homes best"
            if job.weights in SHIPPED_NAMES
            else "as these weights see it"
        )
        return f"{cause}: {known}; next, for photographs: `{again(job, read, weights='coco')}`"
    lower = 0.01 if best is None else max(0.01, round(best["score"] - 0.05, 2))
    return f"{cause}; next: `{again(job, read, min_score=lower)}`, or pictures with {found.names}"
