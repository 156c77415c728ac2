# SPDX-License-Identifier: Apache-2.0
"""`seal experiment table1`: generalization and specialization of labels of a robot's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from seal_bringup.cli.experiment.compute import PlaceOptions, compute
from seal_bringup.cli.options import with_options

if TYPE_CHECKING:
    from seal_bringup.experiments.tables.table1 import Table1Config


@dataclass(frozen=True)
class WhatOptions:
    """What the table holds."""

    homes: Annotated[
        str, typer.Option(help="Training homes by name, with commas; `train` is all 25, a number the first so many.")
    ] = "train"
    test_homes: Annotated[
        str, typer.Option(help="Homes to judge in, with commas; `test` is test_01..test_05. None of --homes.")
    ] = "test"
    seeds: Annotated[str, typer.Option(help="Seeds of start poses and fine-tuning, with commas.")] = "0,1,2"
    rows: Annotated[
        str,
        typer.Option(
            help="Rows, with commas, such as label_prop,oracle; an unknown one lists them all.", show_default="all"
        ),
    ] = ""
    settings: Annotated[
        str, typer.Option(help="generalization, specialization, or both with a comma.", show_default="both")
    ] = ""
    weights: Annotated[
        str, typer.Option(help="Detector to start from: seal-small, seal-homes, or weights that seal finetune wrote.")
    ] = "seal-small"


@dataclass(frozen=True)
class AmountOptions:
    """How much work is done."""

    steps: Annotated[int, typer.Option(min=1, help="Actions of the robot in each episode.")] = 300
    iterations: Annotated[int, typer.Option(min=1, help="Of the fine-tuning on all training homes.")] = 1500
    specialization_iterations: Annotated[int, typer.Option(min=1, help="Of the fine-tuning in a test home.")] = 300
    evaluation_frames: Annotated[int, typer.Option(min=1, help="Frames per test home that no robot saw.")] = 500


@with_options
def table1(
    *,
    what: WhatOptions,
    amount: AmountOptions,
    place: PlaceOptions,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Two training homes, one test home, a few steps: does it run? In runs/table1_quick."
        ),
    ] = False,
) -> None:
    """Box and mask AP50 after learning from labels of the robot's own, in new homes and in its own.

    generalization: an episode in each training home, labels, one fine-tuning on all of them, judged in the test homes.
    specialization: from there on, an episode, labels and a fine-tuning in each test home, judged in it. Intervals are
    95 % bootstraps over homes, seeds and frames. Every finished cell is kept in --work; the same command resumes, and
    several may work on one folder. The table is written after every cell.
    """
    from seal_bringup.experiments.tables.table1 import Table1

    compute(Table1(_config(what, amount, quick)), place, quick)


def _config(what: WhatOptions, amount: AmountOptions, quick: bool) -> Table1Config:
    from seal_bringup.demo.config import parse_homes
    from seal_bringup.experiments.explore_homes import parse_seeds
    from seal_bringup.experiments.tables.labellers import ROWS
    from seal_bringup.experiments.tables.table1 import SETTINGS, Table1Config
    from sim_bridge.worlds import require_scene

    config = Table1Config(
        what.weights, training_homes(what.homes), parse_homes(what.test_homes), parse_seeds(what.seeds),
        words(what.rows) or ROWS, words(what.settings) or SETTINGS,
        amount.steps, amount.iterations, amount.specialization_iterations, amount.evaluation_frames,
    )  # fmt: skip
    for home in config.test_homes:
        require_scene(home, "embedded")
    return config.quick() if quick else config


def training_homes(text: str) -> tuple[str, ...]:
    """The homes of `--homes`.

    Raises:
        InputError: if one is no training home.
    """
    from seal_bringup.demo.config import TRAINING_HOMES, parse_homes
    from seal_bringup.experiments.recordings import require_training_home

    homes = TRAINING_HOMES[: int(text)] if text.isdigit() else parse_homes(text)
    for home in homes:
        require_training_home(home)
    return homes


def words(text: str) -> tuple[str, ...]:
    """Words with commas, each once."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
