# SPDX-License-Identifier: Apache-2.0
"""A training from its first demonstration to its last update, in a folder that it can resume from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from seal_perception.errors import InputError, MissingDependencyError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from seal_policy.environment.vector import VectorSealEnv, WorkerError
from seal_policy.learned.network import GoalNetwork
from seal_policy.learned.weights import load_policy, save_policy
from seal_policy.training.config import TrainConfig
from seal_policy.training.curves import Curves
from seal_policy.training.demonstrations import read_demonstrations
from seal_policy.training.imitate import figures, imitate

CONFIG, IMITATED, CHECKPOINT, POLICY = (
    "config.json",
    "imitated.safetensors",
    "checkpoint.safetensors",
    "policy.safetensors",
)
MOST_LOST = 3
"""A training ends when so many workers have died in a row without an update between."""


class Worlds(Protocol):
    """Makes the environments of a training: only its user knows the simulators."""

    def demonstrate(self, config: TrainConfig, folder: Path) -> Sequence[Path]:
        """Let the teacher drive `config.imitation.episodes`, those that `folder` lacks; all files in a fixed order."""
        ...

    def make(self, config: TrainConfig) -> VectorSealEnv:
        """The environments of PPO: `ManyHomesEnv`s with their index, without automatic reset."""
        ...


@dataclass(frozen=True)
class Watch:
    """Who is told how a training goes.

    Attributes:
        say: takes a line.
        progress: takes (stage, done, total, figures).
    """

    say: Callable[[str], None]
    progress: Callable[[str, int, int, dict[str, float]], None]


def require_engine() -> None:
    """Refuse a training without its engine.

    Raises:
        MissingDependencyError: naming what to install.
    """
    try:
        import stable_baselines3  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"training by PPO needs stable-baselines3 ({error}): pip install -r requirements/train.txt; "
            "--frames 0 imitates only, without it"
        ) from error


def train_policy(config: TrainConfig, worlds: Worlds, folder: Path, facts: dict[str, Any], watch: Watch) -> Path:
    """Train a policy; the same call resumes an interrupted one, and does nothing more to one that is done.

    Args:
        config: the numbers.
        worlds: makes the environments.
        folder: holds config.json, the demonstrations, imitated.safetensors, checkpoint.safetensors, curves.* and
            policy.safetensors, which is whole after every update.
        facts: kept in the policy's file: command, commit, ...
        watch: is told how it goes.

    Returns:
        The policy's file.

    Raises:
        InputError: if the folder holds a training with other numbers, or a damaged file.
        MissingDependencyError: if PPO is wanted and its engine is not installed.
    """
    if config.ppo.frames:
        require_engine()
    _claim(folder, config)
    curves = Curves(folder)
    torch.manual_seed(config.seed)
    network = GoalNetwork(config.network)
    save = _Saver(config, folder / POLICY, facts)
    try:
        if config.imitation.episodes:
            network = _imitate(config, worlds, folder, facts, curves, watch)
        if config.ppo.frames:
            _improve(config, worlds, network, folder, curves, watch, save)
        elif not (folder / CHECKPOINT).is_file():  # what PPO has made of it is not overwritten
            save(network, {"stage": "imitated"})
    finally:  # also when interrupted
        curves.draw(f"{config.policy}, seed {config.seed}")
    return folder / POLICY


class _Saver:
    """Writes the policy's file."""

    def __init__(self, config: TrainConfig, path: Path, facts: dict[str, Any]) -> None:
        self._config, self._path, self._facts = config, path, facts

    def __call__(self, network: GoalNetwork, more: dict[str, Any]) -> None:
        own = {"seed": self._config.seed, "homes": list(self._config.homes), "detector": self._config.weights}
        save_policy(self._path, network, self._config.policy, {**own, **self._facts, **more})


def _claim(folder: Path, config: TrainConfig) -> None:
    """Make the folder this training's; more frames than before are no other training.

    Raises:
        InputError: if it is another's.
    """
    path, own = folder / CONFIG, json.loads(json.dumps(config.as_dict()))
    if path.is_file():
        found = read_json(path)
        other = [name for name in own if _comparable(found.get(name)) != _comparable(own[name])]
        if other:
            raise InputError(
                f"{folder} holds a training with other numbers ({', '.join(other)}): give the same ones to resume it, "
                "or another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, own)


def _comparable(value: Any) -> Any:
    return {name: v for name, v in value.items() if name != "frames"} if isinstance(value, dict) else value


def _imitate(
    config: TrainConfig, worlds: Worlds, folder: Path, facts: dict[str, Any], curves: Curves, watch: Watch
) -> GoalNetwork:
    """The network after imitation; taken from its file where that is there."""
    path = folder / IMITATED
    if path.is_file():
        return load_policy(path, config.policy)[0]
    files = worlds.demonstrate(config, folder / "demonstrations")
    held = _held_out(config)
    checked = [file for file in files if file.stem.rpartition("_")[0] in held]
    learned = [file for file in files if file not in checked]
    learn, check = read_demonstrations(learned), read_demonstrations(checked) if checked else None
    count = f"{len(learn)} goals of {len(learned)} episodes"
    watch.say(f"imitation: {count}; held out: {len(check) if check else 0} goals in {', '.join(held) or 'no home'}")
    network = GoalNetwork(config.network)
    curves.forget("imitation/")
    last: dict[str, float] = {f"held_out_{k}": v for k, v in figures(network, check).items()} if check else {}
    curves.add(0, {f"imitation/{name}": value for name, value in last.items()})

    def report(epoch: int, values: dict[str, float]) -> None:
        last.update(values)
        curves.add(epoch, {f"imitation/{name}": value for name, value in values.items()})
        curves.write()
        watch.progress("imitation", epoch, config.imitation.epochs, values)

    imitate(network, learn, check, config.imitation, config.ppo.gamma, config.seed, report)
    own = {"seed": config.seed, "homes": list(config.homes), "detector": config.weights, "stage": "imitated"}
    shown = {name: round(value, 4) for name, value in last.items()}
    save_policy(path, network, config.policy, {**own, **facts, "imitation": {**shown, "goals": len(learn)}})
    return load_policy(path, config.policy)[0]  # as it is stored, so that resuming begins with the same numbers


def _held_out(config: TrainConfig) -> tuple[str, ...]:
    """Names of the homes that imitation does not learn from; files of demonstrations begin with them."""
    count = round(config.imitation.held_out * len(config.homes))
    return tuple(Path(home).name for home in config.homes[len(config.homes) - count :]) if count else ()


def _improve(
    config: TrainConfig,
    worlds: Worlds,
    network: GoalNetwork,
    folder: Path,
    curves: Curves,
    watch: Watch,
    save: _Saver,
) -> None:
    """PPO from a network on."""
    from seal_policy.training.ppo import Trainer

    def on_update(frames: int, values: dict[str, float]) -> None:
        save(trainer.network, {"stage": "ppo", "frames": frames, "updates": trainer.updates})
        watch.progress("ppo", frames, config.ppo.frames, values)

    lost = 0
    while True:
        trainer = Trainer(config, network, worlds.make(config), folder / CHECKPOINT, curves, on_update)
        begun = trainer.updates
        try:
            if begun:
                watch.say(f"resuming after {trainer.frames} frames, {begun} updates")
            trainer.run()
            save(trainer.network, {"stage": "ppo", "frames": trainer.frames, "updates": trainer.updates})
            return
        except WorkerError as error:  # its place and the others' are taken by new ones
            lost = 1 if trainer.updates > begun else lost + 1
            if lost >= MOST_LOST:
                raise
            watch.say(f"{error}; new workers go on from the checkpoint")
        finally:
            trainer.close()
