# SPDX-License-Identifier: Apache-2.0
"""`seal train-policy`: a goal policy learns in training homes."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seal_bringup.cli.options import with_options

if TYPE_CHECKING:
    from seal_policy.training.config import TrainConfig


def register(app: typer.Typer) -> None:
    """Add `seal train-policy`."""
    app.command("train-policy")(train_policy)


@dataclass(frozen=True)
class AmountOptions:
    """How much is learned; what is not given is the preset's."""

    frames: Annotated[
        int | None, typer.Option(min=0, help="Frames of the robot for PPO, over all environments; 0 = imitate only.")
    ] = None
    episodes: Annotated[
        int | None, typer.Option(min=0, help="Episodes of the teacher to imitate first; 0 = begin with random weights.")
    ] = None
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the teacher's goals.")] = None
    environments: Annotated[int | None, typer.Option(min=1, help="Environments at the same time, a process each.")] = (
        None
    )
    horizon: Annotated[int | None, typer.Option(min=1, help="Goals of each environment between two updates.")] = None
    rate: Annotated[float | None, typer.Option(min=0.0, help="Learning rate of PPO.")] = None


@dataclass(frozen=True)
class PlaceOptions:
    """Where, and with which senses."""

    homes: Annotated[str, typer.Option(help="Training homes by name, with commas; `train` is all 25.")] = "train"
    weights: Annotated[str, typer.Option(help="Detector: seal-small, seal-homes or a .safetensors file.")] = (
        "seal-small"
    )
    workers: Annotated[int, typer.Option(min=1, help="Processes in which the teacher drives.")] = 2
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random numbers.")] = 0


@with_options
def train_policy(
    name: Annotated[str, typer.Argument(help="gainful_curiosity, ans or semantic_curiosity.")],
    *,
    preset: Annotated[
        str, typer.Option(help="laptop: imitation of a teacher, then PPO, on two cores; paper: the paper's numbers.")
    ] = "laptop",
    amount: AmountOptions,
    place: PlaceOptions,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the training.", show_default="runs/train_NAME_PRESET_seedS")
    ] = None,
) -> None:
    """Train a goal policy in training homes: imitation of a teacher, then PPO.

    The robot learns in the simulator from its own map alone; no label of the simulator is used. The folder holds
    policy.safetensors (whole after every update; for --policy-weights), the checkpoint and the curves (curves.csv,
    curves.png, and TensorBoard's format). Ctrl-C keeps the checkpoint, and the same command resumes; with more
    --frames it goes on.
    """
    import sys

    from seal_bringup.bars import rate_bar
    from seal_bringup.console import make_console
    from seal_bringup.jobs.policy_training import NamedWorlds, require_training_homes
    from seal_bringup.provenance import commit
    from seal_policy.training.run import Watch
    from seal_policy.training.run import train_policy as train

    config = _config(name, preset, amount, place)
    require_training_homes(config.homes)
    folder = out or Path("runs") / f"train_{name}_{preset}_seed{place.seed}"
    console, left = make_console(), _TimeLeft()

    def figures(stage: str, done: int, total: int, values: dict[str, float]) -> None:
        shown = ", ".join(f"{key} {value:.3g}" for key, value in values.items() if key in _SHOWN)
        console.print(f"{stage} {done}/{total}: {shown}{left(stage, done, total)}", highlight=False, markup=False)

    facts = {"command": " ".join(["seal", *sys.argv[1:]]), "commit": commit(), "preset": preset}
    with rate_bar("teacher", "episodes", console) as episodes:
        watch = Watch(lambda text: console.print(text, highlight=False, markup=False), figures)
        path = train(config, NamedWorlds(place.workers, episodes), folder, facts, watch)
    console.print(f"written: {path}; use it with --policy {name} --policy-weights {path}", highlight=False)


_SHOWN = (
    *("goal_loss", "held_out_near_share", "held_out_median_m"),
    *("reward", "approx_kl", "explained_variance", "frames_per_s", "goals_per_s"),
)
"""Figures of the progress line; all are in the curves."""


class _TimeLeft:
    """Seconds left of a stage, by its rate since it was first heard of."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> str:
        from seal_bringup.stack.progress import clock

        since, first = self._first.setdefault(stage, (time.monotonic(), done))
        if done <= first:
            return ""
        return f", {clock((time.monotonic() - since) / (done - first) * max(0, total - done))} left"


def _config(name: str, chosen: str, amount: AmountOptions, place: PlaceOptions) -> TrainConfig:
    """The preset's numbers with those that were given."""
    from seal_bringup.demo.config import parse_homes
    from seal_policy.training.config import preset

    config = preset(chosen, name, parse_homes(place.homes), weights=place.weights, seed=place.seed)
    given = {key: value for key, value in dataclasses.asdict(amount).items() if value is not None}
    parts = {
        "imitation": {key: given[key] for key in ("episodes", "epochs") if key in given},
        "ppo": {key: given[key] for key in ("frames", "environments", "horizon", "rate") if key in given},
    }
    changed: dict[str, Any] = {
        part: dataclasses.replace(getattr(config, part), **changes) for part, changes in parts.items()
    }
    return dataclasses.replace(config, **changed)
