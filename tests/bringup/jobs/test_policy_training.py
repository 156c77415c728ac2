# SPDX-License-Identifier: Apache-2.0
"""`seal train-policy`: what it refuses, what its options change, and a training in a room on disk."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from tests.sim.rooms import box_part, room

from seal_bringup.cli import app as cli
from seal_bringup.cli.navigation.train_policy import AmountOptions, PlaceOptions, _config, _TimeLeft
from seal_bringup.jobs.policy_training import REWARDS, make_homes_env, require_training_homes
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_policy.learned.config import LEARNED
from seal_policy.learned.weights import read_facts
from seal_policy.training.config import TEACHERS
from sim_bridge.scenes.write import write_scene_folder


def seal(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of a command in this process."""
    monkeypatch.setattr(sys, "argv", ["seal", *arguments])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("frontier",), "unknown learned policy 'frontier'; expected one of: gainful_curiosity, ans"),
        (("ans", "--homes", "train_01,test_02"), "test_02: a policy is tested there and must not learn there"),
        (("ans", "--homes", "test_02@objects=5"), "test_02@objects=5: a policy is tested there and must not learn"),
        (("ans", "--environments", "1", "--horizon", "4"), "leave fewer than 2 goals each: give more --environments"),
        (("ans", "--homes", "train_99"), "train_99"),
        (("ans", "--preset", "huge"), "unknown preset 'huge'; expected one of: laptop, paper"),
        (("ans", "--frames", "0", "--episodes", "0"), "nothing to do"),
    ],
)
def test_mistakes_are_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: tuple[str],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert seal(monkeypatch, "train-policy", *arguments) == 1
    error = capsys.readouterr().err
    assert text in " ".join(error.split()) and "Traceback" not in error
    assert not list(tmp_path.iterdir()), "a mistake leaves no folder behind"


def test_options_change_the_preset_and_nothing_else() -> None:
    usual = _config("gainful_curiosity", "laptop", AmountOptions(), PlaceOptions())
    assert len(usual.homes) == 25 and usual.weights == "seal-small"
    chosen = _config(
        "gainful_curiosity",
        "laptop",
        AmountOptions(frames=7, episodes=3, rate=0.5),
        PlaceOptions(homes="train_02", seed=9),
    )
    assert (chosen.ppo.frames, chosen.ppo.rate, chosen.imitation.episodes) == (7, 0.5, 3)
    assert (chosen.homes, chosen.seed) == (("train_02",), 9)
    assert chosen.ppo.horizon == usual.ppo.horizon and chosen.imitation.epochs == usual.imitation.epochs
    assert chosen.network == usual.network and chosen.environment == usual.environment


def test_every_policy_has_a_reward_and_a_teacher() -> None:
    assert set(REWARDS) == set(TEACHERS) == set(LEARNED)
    for make in REWARDS.values():
        assert make().update(VoxelMap()) == 0.0
    require_training_homes(("train_01", "train_25"))


def test_the_time_left_follows_from_what_was_done() -> None:
    left = _TimeLeft()
    assert left("ppo", 100, 1000) == ""
    assert left("ppo", 200, 1000).startswith(", ") and left("ppo", 200, 1000).endswith(" left")


def test_a_policy_is_trained_in_a_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Imitation in worker processes, by the command; the same command has nothing more to do."""
    write_scene_folder(room(box_part((0.9, -0.3, 0.0), (1.4, 0.3, 0.8))), tmp_path / "room")
    out = tmp_path / "run"
    command = ["train-policy", "ans", "--homes", str(tmp_path / "room"), "--out", str(out)]
    command += ["--episodes", "1", "--epochs", "2", "--frames", "0", "--workers", "1"]
    assert seal(monkeypatch, *command) == 0
    shown = capsys.readouterr().out
    assert "imitation 2/2" in shown and f"--policy-weights {out / 'policy.safetensors'}".split("/")[-1] in shown
    assert [path.name for path in (out / "demonstrations").iterdir()] == ["room_0.npz"]
    facts = read_facts(out / "policy.safetensors")
    assert facts["command"].startswith("seal train-policy ans") and facts["policy"] == "ans" and facts["commit"]
    with open(out / "curves.csv", newline="") as stream:
        losses = [float(row["value"]) for row in csv.DictReader(stream) if row["tag"] == "imitation/goal_loss"]
    assert len(losses) == 2
    first = (out / "policy.safetensors").read_bytes()
    assert seal(monkeypatch, *command) == 0
    assert (out / "policy.safetensors").read_bytes() == first


def test_an_environment_of_homes_opens_the_one_that_its_seed_names(tmp_path: Path) -> None:
    for name, half in (("a", 2.0), ("b", 2.6)):
        write_scene_folder(room(box_part((0.9, -0.3, 0.0), (1.4, 0.3, 0.8)), half=half), tmp_path / name)
    homes = f"{tmp_path / 'a'},{tmp_path / 'b'}"
    config = _config("ans", "laptop", AmountOptions(), PlaceOptions(homes=homes))
    env = make_homes_env(config, 0)
    first, _ = env.reset(seed=4)
    assert len(env._open) == 1
    other, _ = env.reset(seed=5)
    assert len(env._open) == 2 and (first["map"] != other["map"]).any()
    again, _ = env.reset(seed=4)
    assert all((first[name] == again[name]).all() for name in first)
    with pytest.raises(InputError, match="need a world and room for one"):
        type(env)([], 1)
    env.close()
    assert not env._open
