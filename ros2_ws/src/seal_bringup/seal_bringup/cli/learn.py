# SPDX-License-Identifier: Apache-2.0
"""`seal finetune`, `seal evaluate` and `seal pretrain`."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from seal_bringup.bars import rate_bar
from seal_bringup.cli.options import CATEGORIES, with_options
from seal_bringup.console import echo, make_console
from seal_bringup.demo.config import REPLAY_PICTURES, REPLAY_SHARE

if TYPE_CHECKING:
    from seal_perception.categories import CategorySet
    from seal_perception.dataset import CocoDataset
    from seal_perception.training.train_loop import Progress as TrainProgress

Weights = Annotated[
    str,
    typer.Option(
        help="seal-small or seal-homes (shipped), coco (torchvision's COCO weights), a copy of these (.pth) or "
        ".safetensors."
    ),
]
Pictures = Annotated[
    Path | None, typer.Option(help="Folder of the pictures, where they do not lie beside the annotations.")
]
Dataset = Annotated[
    Path, typer.Argument(help="A dataset's folder or a COCO file: of `seal label`, `seal scene frames` or any tool.")
]
Datasets = Annotated[
    list[Path],
    typer.Argument(
        help="A dataset's folder or a COCO file: of `seal label`, `seal scene frames` or any tool. Several are learnt"
        " from together, such as the labels of many homes."
    ),
]
Json = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this JSON file.")]


EXIT_CODES = "Exit code: 0; 3 = the dataset has no object of the categories; 1 = another error."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=EXIT_CODES)(finetune)
    app.command(epilog=EXIT_CODES)(evaluate)
    app.command(epilog="Exit code: 0; 3 = no picture of --own has a label; 1 = another error.")(pretrain)


@dataclass(frozen=True)
class DataOptions:
    """How a dataset of others is read."""

    categories: CATEGORIES = None
    pictures: Pictures = None


@dataclass(frozen=True)
class RateOptions:
    """Values instead of the preset's."""

    iterations: Annotated[int | None, typer.Option(min=1, help="Optimiser steps instead of the preset's.")] = None
    learning_rate: Annotated[float | None, typer.Option(help="Rate instead of the preset's.")] = None
    keep: Annotated[
        float | None,
        typer.Option(
            help="Share of the old weights in those written, 0 to below 1: against forgetting what the labels lack.",
            show_default="0",
        ),
    ] = None
    distil: Annotated[
        float | None,
        typer.Option(
            help="Where no label lies, teach by this share what the old weights say there, else background; 0 to 1.",
            show_default="0",
        ),
    ] = None
    min_size: Annotated[
        int | None,
        typer.Option(min=1, help="COCO weights: shorter side of the pictures in pixels.", show_default="800"),
    ] = None
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="COCO weights: proposals per picture that the heads learn from.", show_default="512"),
    ] = None
    robust_masks: Annotated[
        float | None,
        typer.Option(
            metavar="IOU",
            help="For noisy masks: any mask of at least this IoU with the label is as good as the label; try 0.8.",
            show_default="off",
        ),
    ] = None


@dataclass(frozen=True)
class ReplayOptions:
    """Catalogue pictures against forgetting."""

    replay: Annotated[
        Path | None,
        typer.Option(help="Catalogue dataset to mix in against forgetting; 400 pictures are drawn there if absent."),
    ] = None
    replay_share: Annotated[
        float | None, typer.Option(help="Share of each batch taken from --replay.", show_default=str(REPLAY_SHARE))
    ] = None


@with_options
def finetune(
    *,
    datasets: Datasets,
    out: Annotated[Path, typer.Option(help="Weights file to write (.safetensors).")],
    weights: Weights = "seal-small",
    preset: Annotated[str, typer.Option(help="laptop (300 iterations) or paper (5000 at a fixed 1e-4).")] = "laptop",
    rates: RateOptions,
    mixed: ReplayOptions,
    data: DataOptions,
    seed: Annotated[int, typer.Option(help="Same seed, same weights.")] = 0,
) -> None:
    """Fine-tune the detector on labels; an interrupted training resumes at its last checkpoint.

    Example: seal finetune runs/a/labels --out runs/a/tuned.safetensors, then
    seal evaluate FRAMES --weights runs/a/tuned.safetensors.

    Other categories: seal finetune pictures --weights coco --categories chair,"dining table",refrigerator --out
    w.safetensors. What the weights know of these is taken over, and every command and node goes by the file's list.
    """
    if mixed.replay is None and mixed.replay_share is not None:
        raise typer.BadParameter("--replay-share needs --replay FOLDER, a folder of catalogue pictures")
    from seal_perception.detector.facts import categories_of, is_coco, resolve_weights

    own = categories_of(weights)
    parts = [_opened(dataset, data, own) for dataset in datasets]
    said: Counter[str] = Counter()
    for part in parts:
        said.update(part.left_out())
        said["regions count as neither object nor background: crowds (iscrowd 1)"] += part.crowds
        said["annotations count as neither object nor background: a box alone, without an outline"] += part.boxes_alone
        said["pictures not used: without a label"] += len(part) - len(part.labelled())
    named = f"{datasets[0]} has no" if len(datasets) == 1 else f"none of {', '.join(map(str, datasets))} has a"
    _require(any(part.labelled() for part in parts), f"{named} label to learn from", said)
    from seal_perception.training.join import require_alike

    require_alike(parts)
    _say(said)
    names = parts[0].names
    # Only now: torch takes seconds to import.
    from seal_perception.categories import CATEGORIES as CATALOGUE_NAMES
    from seal_perception.detector.coco_weights import coco_file
    from seal_perception.training.finetune import FinetuneConfig
    from seal_perception.training.finetune import finetune as run
    from sim_bridge.catalogue.pictures import catalogue_at

    share = REPLAY_SHARE if mixed.replay_share is None else mixed.replay_share
    changes: dict[str, Any] = {"seed": seed, "replay_share": share if mixed.replay else 0.0}
    changes.update({"keep_share": rates.keep} if rates.keep is not None else {})
    changes.update({"distil": rates.distil} if rates.distil is not None else {})
    changes.update({"iterations": rates.iterations} if rates.iterations else {})
    changes.update({"learning_rate": rates.learning_rate} if rates.learning_rate else {})
    changes.update(min_size=rates.min_size, samples=rates.samples, robust_mask_iou=rates.robust_masks)
    changes.update({} if names == own else {"categories": names.names})
    try:
        config = FinetuneConfig.from_preset(preset, **changes)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if is_coco(weights):
        coco_file(weights)
    else:
        resolve_weights(weights)
    if mixed.replay is not None and config.replay_share > 0:
        if others := [name for name in names.names if name not in CATALOGUE_NAMES]:
            echo(
                f"--replay: catalogue pictures have no labels of {', '.join(others)}: what stands in them is taught "
                "as background; leave --replay out, or give it a small --replay-share"
            )
        catalogue_at(mixed.replay, REPLAY_PICTURES, announce=print)
    with _as_one(parts, out.with_name(f".{out.name}.labels")) as together, training_bar(config.iterations) as report:
        facts = run(weights, together, out, config, report, mixed.replay)
    losses = facts["losses"]
    if losses:
        echo(f"loss {losses[0]:.2f} -> {losses[-1]:.2f}; weights at {out}")


@with_options
def evaluate(
    *,
    dataset: Dataset,
    weights: Weights = "seal-small",
    json_file: Json = None,
    data: DataOptions,
) -> None:
    """Box and mask AP50 of a detector, per category, and what its high scores are worth.

    Intervals are 95 % bootstraps over frames. Example: seal evaluate frames/test_01 --weights seal-small. Pictures that
    others labelled are read too: COCO with any ids and categories; docs/detector.md says how.
    """
    names = _looked_for(weights, data)
    truth = _opened(dataset, data, names)
    said = dict(truth.left_out())
    said["regions count neither way: crowds (iscrowd 1)"] = truth.crowds
    said["objects count in box AP50 only: a box alone, without an outline"] = truth.boxes_alone
    _require(any(truth.objects(i) for i in range(len(truth))), f"{dataset} has no true object to compare with", said)
    _say(said)
    if truth.not_in_file:
        echo(f"not judged, as {truth.file} has no category read as: {', '.join(truth.not_in_file)}")
    # Only now: torch takes seconds to import.
    from seal_perception.categories import SIX
    from seal_perception.detector.detector import DetectorConfig, load_detector
    from seal_perception.evaluation.evaluate import evaluate_detector
    from seal_perception.files import write_json

    detector = load_detector(weights, DetectorConfig(categories=() if names == SIX else names.names))
    with counting_bar("detecting") as report:
        figures = evaluate_detector(detector, truth, progress=report)
    if json_file:
        write_json(json_file, figures)
    make_console().print(figures_table(figures))
    confident = figures["confident"]
    if confident["detections"]:
        wrong = ", ".join(f"{count} {kind}" for kind, count in confident["false_positives"].items() if count)
        echo(
            f"above {confident['threshold']}: {confident['detections']} detections, "
            f"{100 * figures['precision_at_90']:.1f} % right" + (f"; wrong: {wrong}" if wrong else "")
        )
    else:
        echo(f"no detection above {confident['threshold']}")


def _looked_for(weights: str, data: DataOptions) -> CategorySet:
    """The list that weights look for: the one given, which must be theirs unless they are COCO's, else their own."""
    from seal_perception.coco.names import listed
    from seal_perception.detector.facts import categories_of

    given = listed(data.categories or ())
    return categories_of(weights, () if given is None else given.names)


def _opened(dataset: Path, data: DataOptions, names: CategorySet) -> CocoDataset:
    """The dataset, read for a list of categories, every row and every picture's header checked."""
    from seal_perception.coco.names import CategoryNames
    from seal_perception.dataset import CocoDataset

    found = CocoDataset(dataset, CategoryNames.from_words(data.categories or (), names), data.pictures)
    found.check_pictures()
    return found


def _require(some: bool, text: str, said: dict[str, int]) -> None:
    """End, with the reasons, where there is nothing to work with."""
    from seal_perception.errors import NoLabelsError

    if not some:
        why = "; ".join(f"{count} {reason}" for reason, count in said.items() if count)
        draw = "draw objects (`seal annotate BAG`, `seal label BAG --annotations FILE`) or map names (--categories)"
        raise NoLabelsError(f"{text}{f' ({why})' if why else ''}: {draw}")


def _say(said: dict[str, int]) -> None:
    """A line per reason why something is not used."""
    for reason, count in said.items():
        if count:
            echo(f"{count} {reason}")


@dataclass(frozen=True)
class CatalogueOptions:
    """The catalogue pictures."""

    pictures: Annotated[int, typer.Option(min=1, help="Catalogue pictures to train on.")] = 10000
    held_out: Annotated[int, typer.Option(min=2, help="Catalogue pictures for calibration and figures.")] = 600
    catalogue: Annotated[
        Path, typer.Option(help="Folder of the catalogue; its train/ and val/ are written if absent.")
    ] = Path("runs/catalogue")
    workers: Annotated[int, typer.Option(min=1, help="Processes that draw the catalogue.")] = 2
    library: Annotated[
        str,
        typer.Option(
            help="Furniture that designers drew: a folder with Sweet Home 3D libraries (.sh3f); installed = that of the"
            " Debian package sweethome3d-furniture; none = all is drawn by code."
        ),
    ] = "none"


@dataclass(frozen=True)
class StageOptions:
    """Optimiser steps of the two stages."""

    small_iterations: Annotated[
        int, typer.Option(min=0, help="Optimiser steps of 24 pictures of half the size, which come first.")
    ] = 800
    iterations: Annotated[int, typer.Option(min=1, help="Optimiser steps of 8 whole pictures.")] = 2500


@with_options
def pretrain(
    out: Annotated[Path, typer.Option(help="Weights file to write (.safetensors).")],
    data: CatalogueOptions,
    stages: StageOptions,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Start from these weights (seal-small, seal-homes or a file) instead of ImageNet's features."
        ),
    ] = None,
    own: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labels that a robot made itself with --weights (a folder of `seal label`), for half of each batch of"
            " whole pictures; may be repeated."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same weights.")] = 0,
) -> None:
    """Make the shipped weights: draw the catalogue, train from ImageNet's features, calibrate, measure.

    Takes about 45 minutes on two cores with nothing else to do; an interrupted training resumes at its last checkpoint.
    """
    from seal_perception.detector.facts import SHIPPED_NAMES
    from seal_perception.detector.model import NEW
    from seal_perception.detector.weights import load_six
    from seal_perception.errors import InputError
    from seal_perception.training.imagenet import imagenet_file
    from seal_perception.training.pretrain import PretrainConfig, Start
    from seal_perception.training.pretrain import pretrain as run
    from sim_bridge.catalogue.library.models import convert, library_folder
    from sim_bridge.catalogue.pictures import catalogue_at

    if own and weights is None:
        raise InputError("--own needs --weights: labels of a robot's own are made with a detector, which learns on")
    if weights is not None:
        load_six(weights)
    else:
        imagenet_file(NEW.backbone)
    command = f"seal pretrain --pictures {data.pictures} --held-out {data.held_out}"
    command += f" --small-iterations {stages.small_iterations} --iterations {stages.iterations} --seed {seed}"
    command += f" --library {data.library if data.library in ('installed', 'none') else Path(data.library).name}"
    command += f" --weights {weights if weights in SHIPPED_NAMES else Path(weights).name}" if weights else ""
    command += "".join(f" --own {'/'.join(folder.resolve().parts[-2:])}" for folder in own or ())
    with _joined(own or [], out.with_name(f".{out.name}.own")) as labels:
        start = Start(parent=weights, own=labels)
        folder, models = library_folder(data.library), None
        if folder is not None:
            with rate_bar("furniture", "models") as converting:
                models = convert(folder, data.catalogue / "models", converting)
        for split, count in (("train", data.pictures), ("val", data.held_out)):
            catalogue_at(data.catalogue / split, count, split, data.workers, announce=print, models=models)
        config = PretrainConfig(small_iterations=stages.small_iterations, iterations=stages.iterations, seed=seed)
        train, val = data.catalogue / "train", data.catalogue / "val"
        with training_bar(stages.iterations) as report, counting_bar("held-out pictures") as counting:
            facts = run(train, out, config, val, report, counting, command, start)
    echo(json.dumps(facts["held_out"], indent=1))
    echo(f"weights at {out}")


@contextmanager
def _joined(folders: list[Path], out: Path) -> Iterator[CocoDataset | None]:
    """Labels of a robot's own as one dataset at `out`, which is removed afterwards; None where no folder is named.

    Raises:
        InputError: if one is no dataset, or its file lacks one of the six categories.
        NoLabelsError: if none of the pictures has a label.
    """
    from seal_perception.dataset import CocoDataset
    from seal_perception.errors import InputError, NoLabelsError

    if not folders:
        yield None
        return
    parts = [CocoDataset(folder) for folder in folders]
    for part in parts:
        if part.not_in_file:
            lacking = ", ".join(part.not_in_file)
            raise InputError(f"{part.file} has no {lacking}: where they stand, background would be taught")
    if not any(part.labelled() for part in parts):
        raise NoLabelsError("no picture of --own has a label to learn from: make some with `seal label`")
    with _as_one(parts, out) as joined:
        yield joined


@contextmanager
def _as_one(parts: list[CocoDataset], out: Path) -> Iterator[CocoDataset]:
    """Several datasets as one at `out`, which is removed afterwards; one alone stays where it is.

    Raises:
        InputError: if one lacks a category that another has.
    """
    from seal_perception.training.join import join_datasets

    if len(parts) == 1:
        yield parts[0]
        return
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield join_datasets(parts, out)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def figures_table(figures: dict[str, Any]) -> Table:
    """AP50 by category as a rich table."""
    table = Table(title=f"{figures['frames']} frames, {figures['instances']} objects")
    for column in ("", "box AP50", "mask AP50", "objects"):
        table.add_column(column, justify="left" if not column else "right")
    for name, row in figures["per_category"].items():
        table.add_row(name, _number(row["box_ap50"]), _number(row["mask_ap50"]), str(row["instances"]))
    cells = []
    for kind in ("box", "mask"):
        interval = figures[f"{kind}_ap50_interval"]
        span = f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else ""
        cells.append(_number(figures[f"{kind}_ap50"]) + span)
    table.add_row("mean", *cells, str(figures["instances"]), style="bold")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=make_console(stderr=True), transient=True)


@contextmanager
def training_bar(iterations: int) -> Iterator[Callable[[TrainProgress], None]]:
    """Show a training: iterations, rate, loss, time left; plain lines now and then without a terminal."""
    console = make_console(stderr=True)
    if not console.is_terminal:

        def line(state: TrainProgress) -> None:
            every = max(1, state.iterations // 20)
            if state.iteration % every == 0 or state.iteration == state.iterations:
                echo(
                    f"iteration {state.iteration}/{state.iterations} loss {state.loss:.3f} "
                    f"{state.iterations_per_s:.2f}/s {state.seconds_left / 60:.1f} min left",
                )

        yield line
        return
    with _bar() as bar:
        task = bar.add_task("training", total=iterations)

        def update(state: TrainProgress) -> None:
            text = f"training {state.iterations_per_s:.2f}/s loss {state.loss:.2f}"
            bar.update(task, completed=state.iteration, total=state.iterations, description=text)

        yield update


@contextmanager
def counting_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show done of count."""
    if not make_console(stderr=True).is_terminal:
        with rate_bar(text, "pictures") as report:
            yield report
        return
    with _bar() as bar:
        task = bar.add_task(text, total=None, visible=False)
        yield lambda done, count: bar.update(task, completed=done, total=count, visible=True)
