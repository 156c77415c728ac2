# SPDX-License-Identifier: Apache-2.0
"""A whole training in toy rooms: what it leaves, and that an interrupted one resumes to the same numbers."""

from __future__ import annotations

import builtins
import csv
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.policy.env_worlds import Room
from tests.policy.training.worlds import ToyWorlds, toy_config, toy_env, toy_envs

from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError, MissingDependencyError
from seal_policy.explorer import Explorer
from seal_policy.learned.weights import load_policy
from seal_policy.loop import explore
from seal_policy.registry import make_policy
from seal_policy.training.config import TrainConfig, preset
from seal_policy.training.run import CHECKPOINT, IMITATED, POLICY, Watch, train_policy


class Stopped(Exception):
    """What a test interrupts a training with."""


def train(config: TrainConfig, folder: Path, stop_after: int = 0) -> tuple[Path, list[str]]:
    """Train; the file and the episodes that the teacher drove. Interrupted after some updates of PPO, if wanted."""
    driven: list[str] = []
    updates = []

    def progress(stage: str, done: int, total: int, values: dict[str, float]) -> None:
        updates.append(stage)
        if stop_after and updates.count("ppo") == stop_after:
            raise Stopped

    watch = Watch(lambda line: None, progress)
    return train_policy(config, ToyWorlds(driven), folder, {"command": "a test"}, watch), driven


def rows(folder: Path, tag: str) -> list[tuple[int, float]]:
    with open(folder / "curves.csv", newline="") as stream:
        return [(int(row["step"]), float(row["value"])) for row in csv.DictReader(stream) if row["tag"] == tag]


def test_imitation_alone_needs_no_engine_and_gives_a_policy_that_drives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("stable_baselines3"):
            raise ImportError("No module named 'stable_baselines3'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match="requirements/train.txt"):
        train(toy_config(frames=10), tmp_path / "no")
    path, driven = train(toy_config(), tmp_path / "run")
    assert sorted(driven) == ["2.0_0.npz", "2.0_1.npz", "2.4_0.npz", "2.4_1.npz"]
    facts = load_policy(path)[1]
    assert facts["policy"] == "gainful_curiosity" and facts["homes"] == ["2.0", "2.4"] and facts["seed"] == 0
    assert [step for step, _ in rows(tmp_path / "run", "imitation/goal_loss")] == [1, 2]
    assert [step for step, _ in rows(tmp_path / "run", "imitation/held_out_near_share")] == [0, 1, 2]
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000
    assert train(toy_config(), tmp_path / "run")[1] == [], "what is done is not done again"
    goals = []
    for _ in range(2):
        policy = make_policy("gainful_curiosity", weights=path)
        done = explore(Room()(), None, VoxelMap(), Explorer(policy), 30)
        goals.append(done.goals)
    assert goals[0] == goals[1] and len(goals[0]) >= 1


@pytest.mark.parametrize("head", ["cells", "point"])
def test_an_interrupted_training_resumes_to_the_same_numbers(tmp_path: Path, head: str) -> None:
    """The checkpoint lies in the middle of episodes: their actions are driven again."""
    pytest.importorskip("stable_baselines3", reason="the engine is not installed: requirements/train.txt")
    config = toy_config(frames=300, episodes=2 if head == "cells" else 0, head=head)
    whole, _ = train(config, tmp_path / "whole")
    with pytest.raises(Stopped):
        train(config, tmp_path / "cut", stop_after=2)
    assert (tmp_path / "cut" / POLICY).is_file() and (tmp_path / "cut" / CHECKPOINT).is_file()
    resumed, driven = train(config, tmp_path / "cut")
    assert driven == []
    assert resumed.read_bytes() == whole.read_bytes()
    for tag in ("ppo/reward", "ppo/value_loss", "ppo/confident_voxels"):
        assert rows(tmp_path / "cut", tag) == rows(tmp_path / "whole", tag) and rows(tmp_path / "whole", tag)
    frames = [step for step, _ in rows(tmp_path / "whole", "ppo/value_loss")]
    assert frames == sorted(set(frames)) and frames[-1] >= 300 and len(frames) >= 3
    before, after = (
        (load_policy(path)[0].state_dict() for path in (tmp_path / "whole" / IMITATED, whole))
        if (head == "cells")
        else ({}, {})
    )
    assert head == "point" or any(not torch.equal(before[name], after[name]) for name in before), "nothing was learned"
    # With more frames the same folder goes on.
    more = replace(config, ppo=replace(config.ppo, frames=frames[-1] + 30))
    train(more, tmp_path / "whole")
    assert rows(tmp_path / "whole", "ppo/value_loss")[: len(frames)] == [
        (step, value) for step, value in rows(tmp_path / "cut", "ppo/value_loss")
    ]


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    """The network at the end is that of a training in which no worker died."""
    pytest.importorskip("stable_baselines3", reason="the engine is not installed: requirements/train.txt")
    config = toy_config(frames=100, episodes=0)
    whole, _ = train(config, tmp_path / "whole")
    worlds, said = ToyWorlds([]), []

    def progress(stage: str, done: int, total: int, values: dict[str, float]) -> None:
        if len(worlds.made) == 1:
            os.kill(worlds.made[0].processes[1].pid, signal.SIGKILL)

    facts = {"command": "a test"}
    path = train_policy(config, worlds, tmp_path / "killed", facts, Watch(said.append, progress))
    assert len(worlds.made) == 2 and "worker 1 of 2 died (killed by SIGKILL)" in said[0], said
    assert path.read_bytes() == whole.read_bytes()
    assert not any(process.is_alive() for envs in worlds.made for process in envs.processes)


def test_a_folder_of_another_training_and_damaged_files_are_refused(tmp_path: Path) -> None:
    train(toy_config(), tmp_path)
    with pytest.raises(InputError, match=r"holds a training with other numbers \(seed\)"):
        train(replace(toy_config(), seed=1), tmp_path)
    (tmp_path / IMITATED).unlink()
    path = tmp_path / "demonstrations" / "2.0_0.npz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"2\.0_0\.npz is damaged.*remove it"):
        train(toy_config(), tmp_path)
    path.unlink()
    assert train(toy_config(), tmp_path)[1] == ["2.0_0.npz"]


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3", reason="the engine is not installed: requirements/train.txt")
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="is not a safetensors file"):
        train(toy_config(frames=40, episodes=0), tmp_path)


def test_the_environments_pass_the_checkers() -> None:
    """gymnasium's own, and the engine's where it is there."""
    from gymnasium.utils.env_checker import check_env

    config = toy_config()
    check_env(toy_env(config, 2.0), skip_render_check=True)
    env = toy_envs(config, 0)
    check_env(env, skip_render_check=True)
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason="requirements/train.txt")
    checker.check_env(env, warn=False)
    env.close()


def test_presets_are_what_they_say() -> None:
    paper = preset("paper", "gainful_curiosity", ("train_01",))
    assert (paper.ppo.environments, paper.ppo.horizon, paper.ppo.frames) == (25, 20, 10_000_000)
    assert paper.ppo.rate == 2.5e-5 and paper.network.head == "point" and paper.imitation.episodes == 0
    assert paper.environment.max_steps == 500 and not paper.environment.explorer.goals.renew_on_arrival
    laptop = preset("laptop", "ans", ("train_01",))
    assert laptop.network.inputs == ("floor", "memory") and not laptop.environment.volume
    with pytest.raises(InputError, match="unknown preset 'big'; expected one of: laptop, paper"):
        preset("big", "ans", ("train_01",))
    with pytest.raises(InputError, match="unknown learned policy 'frontier'"):
        preset("laptop", "frontier", ("train_01",))
    json.dumps(laptop.as_dict())
