# SPDX-License-Identifier: Apache-2.0
"""`seal experiment table4`: goal policies, by the detector that learns from what they looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from seal_bringup.cli.experiment.compute import PlaceOptions, compute
from seal_bringup.cli.experiment.table1 import AmountOptions, training_homes, words
from seal_bringup.cli.options import with_options

if TYPE_CHECKING:
    from seal_bringup.experiments.tables.table4 import Table4Config


@dataclass(frozen=True)
class PolicyOptions:
    """What the table holds."""

    policies: Annotated[
        str, typer.Option(help="Goal policies, with commas; a learned one with its file, as gainful_curiosity=FILE.")
    ] = "frontier,gainful_views"
    best: Annotated[str, typer.Option(help="The policy that the other labellers get.")] = "gainful_views"
    labellers: Annotated[str, typer.Option(help="Those labellers, with commas, or none.")] = (
        "self_training,optical_flow"
    )
    homes: Annotated[
        str, typer.Option(help="Training homes by name, with commas; `train` is all 25, a number the first so many.")
    ] = "train"
    test_homes: Annotated[
        str, typer.Option(help="Homes to judge in, with commas; `test` is test_01..test_05. None of --homes.")
    ] = "test"
    seeds: Annotated[str, typer.Option(help="Seeds of start poses and fine-tuning, with commas.")] = "0,1,2"
    settings: Annotated[
        str, typer.Option(help="generalization, specialization, or both with a comma.", show_default="both")
    ] = ""
    weights: Annotated[
        str, typer.Option(help="Detector to start from: seal-small, seal-homes, or weights that seal finetune wrote.")
    ] = "seal-small"


@with_options
def table4(
    *,
    what: PolicyOptions,
    amount: AmountOptions,
    place: PlaceOptions,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Two training homes, one test home, a few steps: does it run? In runs/table4_quick."
        ),
    ] = False,
) -> None:
    """Box and mask AP50 after learning from what each goal policy looked at, as Table 1 measures them.

    A row per policy with 3DLabelProp, and --best with the other labellers. Beside AP50: the labels' precision and
    recall, and how many voxels the episodes' maps are sure of and right about. Every finished cell is kept in --work;
    the same command resumes, and several may work on one folder; with --work runs/table1 the cells of a table1 that the
    same code made are used.
    """
    from seal_bringup.experiments.tables.table4 import Table4

    compute(Table4(_config(what, amount, quick)), place, quick)


def _config(what: PolicyOptions, amount: AmountOptions, quick: bool) -> Table4Config:
    from seal_bringup.demo.config import parse_homes
    from seal_bringup.experiments.explore_homes import parse_seeds
    from seal_bringup.experiments.tables.table1 import SETTINGS
    from seal_bringup.experiments.tables.table4 import Table4Config
    from sim_bridge.worlds import require_scene

    config = Table4Config(
        what.weights, training_homes(what.homes), parse_homes(what.test_homes), parse_seeds(what.seeds),
        (), words(what.settings) or SETTINGS,
        amount.steps, amount.iterations, amount.specialization_iterations, amount.evaluation_frames,
        policies=words(what.policies), best=what.best,
        labellers=() if what.labellers == "none" else words(what.labellers),
    )  # fmt: skip
    for home in config.test_homes:
        require_scene(home, "embedded")
    return config.quick() if quick else config
