# SPDX-License-Identifier: Apache-2.0
"""`seal experiment table3`: a few annotated frames, alone and propagated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from seal_bringup.cli.experiment.compute import PlaceOptions, compute
from seal_bringup.cli.options import with_options

if TYPE_CHECKING:
    from seal_bringup.experiments.tables.table3 import Table3Config


@dataclass(frozen=True)
class WeakOptions:
    """What the table holds, and how much work is done."""

    homes: Annotated[
        str, typer.Option(help="Homes to learn and to judge in, with commas; `test` is test_01..test_05.")
    ] = "test"
    seeds: Annotated[str, typer.Option(help="Seeds of start poses and fine-tuning, with commas.")] = "0,1,2"
    frames: Annotated[str, typer.Option(help="Numbers of annotated frames, with commas.")] = "0,5,10"
    weights: Annotated[
        str, typer.Option(help="Detector to start from: seal-small, seal-homes, or weights that seal finetune wrote.")
    ] = "seal-small"
    steps: Annotated[int, typer.Option(min=1, help="Actions of the robot in each episode.")] = 300
    iterations: Annotated[int, typer.Option(min=1, help="Of each fine-tuning.")] = 300
    evaluation_frames: Annotated[int, typer.Option(min=1, help="Frames per home that no robot saw.")] = 500


@with_options
def table3(
    *,
    what: WeakOptions,
    place: PlaceOptions,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="One home, at most 2 annotated frames, a few steps: does it run? In runs/table3_quick."
        ),
    ] = False,
) -> None:
    """Box and mask AP50 after k frames were annotated: fine-tuned on them alone, or on what 3DLabelProp makes of them.

    In each home and with each seed: an episode, the k frames of different views that the map is least certain about,
    their true masks in place of a human's, a fine-tuning. With k = 0: the pretrained detector, and plain 3DLabelProp.
    Intervals are 95 % bootstraps over homes, seeds and frames. Every finished cell is kept in --work; the same command
    resumes, and several may work on one folder. The table is written after every cell.
    """
    from seal_bringup.experiments.tables.table3 import Table3

    compute(Table3(_config(what, quick)), place, quick)


def _config(what: WeakOptions, quick: bool) -> Table3Config:
    from seal_bringup.demo.config import parse_homes
    from seal_bringup.experiments.explore_homes import parse_seeds
    from seal_bringup.experiments.tables.table3 import Table3Config
    from sim_bridge.worlds import require_scene

    config = Table3Config(
        what.weights, parse_homes(what.homes), parse_seeds(what.seeds), parse_frames(what.frames),
        what.steps, what.iterations, what.evaluation_frames,
    )  # fmt: skip
    for home in config.test_homes:
        require_scene(home, "embedded")
    return config.quick() if quick else config


def parse_frames(text: str) -> tuple[int, ...]:
    """Numbers of frames of a text such as 0,5,10.

    Raises:
        InputError: if one is no whole number >= 0, or there is none.
    """
    from seal_perception.errors import InputError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise InputError(f"--frames must be whole numbers with commas, such as 0,5,10; got {text!r}")
    return tuple(map(int, parts))
