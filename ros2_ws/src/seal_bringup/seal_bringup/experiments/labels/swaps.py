# SPDX-License-Identifier: Apache-2.0
"""Which mistake of the labels costs how much? Detectors taught by labels with one kind of mistake put right each.

Uses the simulator's truth to change labels: for diagnosis on training homes alone. Every row fine-tunes in each home as
`seal demo` does and is judged there; rows differ from `labels` in one thing (`surgery` has the swaps):

    labels           the default rule
    true             the true labels of all frames
    place            masks and boxes of matched labels are the true ones
    category         categories of matched labels are the true ones
    no_false         labels that are of no true object are left out
    all_objects      missing objects are labelled too
    missing_ignored  missing objects are regions to ignore
    twice_views      twice the steps
    gainful_views    the same steps by that policy
    twice_schedule   twice the iterations

python -m seal_bringup.experiments.labels.swaps --homes train_11,train_12 --out results/swaps.json
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from seal_bringup.bars import StageBar
from seal_bringup.console import echo, make_console
from seal_bringup.demo.config import REPLAY_PICTURES, REPLAY_SHARE, parse_homes
from seal_bringup.experiments.labels.surgery import SWAPS, write_swapped
from seal_bringup.experiments.recordings import require_training_home
from seal_bringup.experiments.tables.cells import FRONTIER, Catalogue, Detector, Evaluation, Frames, Labels, Quality
from seal_bringup.experiments.tables.cells import Recording as Episode
from seal_bringup.experiments.tables.figures import METRICS, Figures, document, learnt_from
from seal_bringup.experiments.tables.labellers import LABEL_PROP, ORACLE, PRETRAINED
from seal_bringup.experiments.tables.run import RunOptions, run_table
from seal_bringup.experiments.tables.shown.plot import DetectorTable
from seal_bringup.experiments.tables.shown.text import footer, text_rows
from seal_bringup.experiments.tables.store import Cell, CellStore, Given, Progress
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import CocoDataset, own_dataset
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.reading.text import read_json
from seal_perception.training.finetune import FinetuneConfig

LABELS, TRUE = "labels", "true"
TWICE_VIEWS, GAINFUL_VIEWS, TWICE_SCHEDULE = "twice_views", "gainful_views", "twice_schedule"
ROWS = (PRETRAINED, LABELS, TRUE, *SWAPS, TWICE_VIEWS, GAINFUL_VIEWS, TWICE_SCHEDULE)
ALWAYS = (PRETRAINED, LABELS)
"""Rows that every table has: the others are compared with them."""
OVER_LABELS = "over_labels"


@dataclass(frozen=True, eq=False)
class Swapped(Cell):
    """Labels of a recording with one kind of mistake put right by the truth.

    Attributes:
        labels: of the recording.
        truth: of the same recording.
        swap: which kind (`surgery.SWAPS`).
    """

    labels: Labels
    truth: Labels
    swap: str
    kind, output = "labels", "labels"

    @property
    def label(self) -> str:
        """That of the labels, and the swap."""
        return f"{self.labels.label}_{self.swap}"

    def inputs(self) -> tuple[Cell, ...]:
        """Labels and truth."""
        return (self.labels, self.truth)

    def facts(self) -> dict[str, Any]:
        """Which swap."""
        return {"swap": self.swap}

    def modules(self) -> tuple[str, ...]:
        """The surgery."""
        return ("seal_bringup.experiments.labels.surgery",)

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Swap."""
        labels = own_dataset(inputs[0])
        truth = CocoDataset(inputs[1], CategoryNames(known=labels.names))
        write_swapped(labels, truth, self.swap, folder / self.output)


@dataclass(frozen=True)
class SwapsConfig:
    """What the table is made of.

    Attributes:
        homes: training homes, each learnt from and judged in by itself.
        rows: of `ROWS`; `ALWAYS` are added.
        seed: of the start pose and of fine-tuning.
        steps: actions of the robot.
        iterations: of each fine-tuning.
        evaluation_frames: per home.
        replay_pictures: catalogue pictures to mix in; half of each batch.
        weights: the detector to start from: a shipped name or a file.
    """

    homes: tuple[str, ...] = ("train_11", "train_12")
    rows: tuple[str, ...] = ROWS
    seed: int = 0
    steps: int = 300
    iterations: int = 300
    evaluation_frames: int = 200
    replay_pictures: int = REPLAY_PICTURES
    weights: str = "seal-small"

    def __post_init__(self) -> None:
        for name in ("steps", "iterations", "evaluation_frames", "replay_pictures"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.homes:
            raise InputError("no home was named; give one such as train_11")
        for home in self.homes:
            require_training_home(home)
        if unknown := [row for row in self.rows if row not in ROWS]:
            raise InputError(f"unknown rows {', '.join(unknown)}; expected some of {', '.join(ROWS)}")
        object.__setattr__(self, "rows", tuple(row for row in ROWS if row in {*ALWAYS, *self.rows}))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values; the one seed as the list that tables have."""
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {**values, "seeds": [values.pop("seed")]}


class Swaps(DetectorTable):
    """The cells of the diagnosis, and the table of those that are finished.

    Args:
        config: what to compute.
    """

    name = "swaps"

    def __init__(self, config: SwapsConfig) -> None:
        self.config = config
        self.start = Given(resolve_weights(config.weights))
        self._replay = Catalogue(config.replay_pictures)

    def episode(self, row: str, home: str) -> Episode:
        """What a row's labels are of."""
        c = self.config
        steps, policy = (2 if row == TWICE_VIEWS else 1) * c.steps, GAINFUL_VIEWS if row == GAINFUL_VIEWS else FRONTIER
        return Episode(home, c.seed, steps, self.start, policy)

    def labels(self, row: str, home: str) -> Labels | Swapped:
        """What a row learns from."""
        episode = self.episode(row, home)
        labels, truth = Labels(episode, LABEL_PROP), Labels(episode, ORACLE)
        if row in SWAPS:
            return Swapped(labels, truth, row)
        return truth if row == TRUE else labels

    def detector(self, row: str, home: str) -> Cell:
        """What is judged: fine-tuned, or where to start from."""
        c = self.config
        if row == PRETRAINED:
            return self.start
        config = FinetuneConfig(iterations=c.iterations, seed=c.seed, replay_share=REPLAY_SHARE)
        if row == TWICE_SCHEDULE:
            config = replace(config, iterations=2 * c.iterations)
        return Detector(self.start, (self.labels(row, home),), self._replay, config, f"{row}_seed{c.seed}_{home}")

    def evaluation(self, row: str, seed: int, home: str) -> Evaluation:
        """AP50 of `detector` in `home`; the seed is the configuration's."""
        return Evaluation(self.detector(row, home), Frames(home, self.config.evaluation_frames))

    def qualities(self, row: str) -> list[Quality]:
        """How good a row's labels are, by home; of true ones nothing is to be said."""
        if row in (PRETRAINED, TRUE):
            return []
        truths = {home: Labels(self.episode(row, home), ORACLE) for home in self.config.homes}
        return [Quality(self.labels(row, home), truth) for home, truth in truths.items()]

    def targets(self) -> list[Cell]:
        """A row after the other, in all homes."""
        out: list[Cell] = []
        for row in self.config.rows:
            out += [self.evaluation(row, self.config.seed, home) for home in self.config.homes]
            out += self.qualities(row)
        return list(dict.fromkeys(out))

    def table(self, store: CellStore) -> dict[str, Any]:
        """The table of the finished cells, JSON-ready; what is missing is named."""
        c, seeds = self.config, (self.config.seed,)
        figures = Figures(c.homes, seeds, store)
        judged = {row: figures.judged(partial(self.evaluation, row)) for row in c.rows}
        rows = figures.rows(judged)
        for row, shown in rows.items():
            shown["by_home"] = {home: self._in_home(row, home, store) for home in c.homes}
            if row == PRETRAINED:
                continue
            shown.update(learnt_from([self.detector(row, home) for home in c.homes], self.qualities(row), store))
            if row != LABELS:
                shown[OVER_LABELS] = figures.change(judged[row], judged[LABELS])
        evaluations = [self.evaluation(row, c.seed, home) for row in c.rows for home in c.homes]
        return document(self.name, c.as_dict(), self.start, {self.name: rows}, evaluations, store)

    def _in_home(self, row: str, home: str, store: CellStore) -> dict[str, Any]:
        """AP50 by category in one home, and the change against `labels` with an interval over its frames."""
        figures, out = Figures((home,), (self.config.seed,), store), dict[str, Any]()
        path = store.find(self.evaluation(row, self.config.seed, home))
        out["per_category"] = None if path is None else read_json(path)["per_category"]
        if row not in ALWAYS:
            own, start = (figures.judged(partial(self.evaluation, one)) for one in (row, LABELS))
            out[OVER_LABELS] = figures.change(own, start)
        return out


def lines(table: dict[str, Any]) -> list[str]:
    """The table as text: means of the homes, then each home's box AP50, change against `labels` and categories."""
    rows = table["settings"][Swaps.name]
    out = _columns(*text_rows(rows))
    for home in table["config"]["homes"]:
        cells = [_home_cells(row, home) for row in rows.values()]
        names = sorted({name for one in cells for name in one})
        titles = [*METRICS, *(f"{OVER_LABELS} {metric}" for metric in METRICS)]
        titles += [name for name in names if name not in titles]
        kept = [title for title in titles if any(one.get(title) for one in cells)]
        body = [[row, *(one.get(title, "") for title in kept)] for row, one in zip(rows, cells, strict=True)]
        out += ["", *_columns([home, *kept], body)]
    return [*out, "", footer(table)]


def _home_cells(row: dict[str, Any], home: str) -> dict[str, str]:
    """By title what one home says about a row; categories by box AP50."""
    own = row["by_home"][home]
    out = {metric: _figure(row["homes"][home][metric][0], ".1f") for metric in METRICS}
    for metric, found in own.get(OVER_LABELS, {}).items():
        span = "" if found["interval"] is None else " [{:+.1f}, {:+.1f}]".format(*found["interval"])
        out[f"{OVER_LABELS} {metric}"] = _figure(found["mean"], "+.1f") + span
    for name, found in (own["per_category"] or {}).items():
        out[name] = _figure(found["box_ap50"], ".1f")
    return out


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _columns(titles: list[str], body: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(titles, *body, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in (titles, *body)]  # fmt: skip


def main() -> None:
    """Compute the rows, writing the table after each cell; the same command resumes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = SwapsConfig()
    parser.add_argument("--homes", default=",".join(default.homes), help="training homes, with commas")
    parser.add_argument("--rows", default="", help=f"with commas, of {', '.join(ROWS)}; empty = all")
    parser.add_argument("--seed", type=int, default=default.seed, help="of the start pose and of fine-tuning")
    parser.add_argument("--steps", type=int, default=default.steps, help="actions of the robot")
    parser.add_argument("--iterations", type=int, default=default.iterations, help="of each fine-tuning")
    parser.add_argument("--frames", type=int, default=default.evaluation_frames, help="evaluation frames per home")
    parser.add_argument("--replay-pictures", type=int, default=REPLAY_PICTURES, help="catalogue pictures to mix in")
    parser.add_argument("--weights", default=default.weights)
    parser.add_argument("--work", type=Path, default=Path("runs/swaps"), help="folder of the finished cells")
    parser.add_argument("--any-code", action="store_true", help="also take cells that another version of the code made")
    parser.add_argument(
        "--out", type=Path, default=Path("results/swaps.json"), help="JSON, with .md and .png beside it"
    )
    options = parser.parse_args()
    rows = tuple(row.strip() for row in options.rows.split(",") if row.strip()) or ROWS
    config = SwapsConfig(
        parse_homes(options.homes), rows, options.seed, options.steps, options.iterations, options.frames,
        options.replay_pictures, options.weights,
    )  # fmt: skip
    place = RunOptions(options.work, options.out, any_code=options.any_code)
    with StageBar(make_console()) as bar:
        table = run_table(Swaps(config), place, bar.announce, bar.progress)
    for line in lines(table):
        echo(line)


if __name__ == "__main__":
    main()
