# SPDX-License-Identifier: Apache-2.0
"""`seal explore --paced`: a short run in one process, what it leaves, what it says was seen, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from seal_bringup import bars
from seal_bringup.cli import app as cli
from seal_bringup.evaluation.true_map import PLAIN, TrueMap
from seal_bringup.experiments import paced
from seal_bringup.paced import explore as paced_explore
from seal_bringup.paced.run import PacedRates, drive_paced, paced_stack
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.presets import NOISY_MAP
from seal_perception.errors import InputError
from seal_perception.files import write_json
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.robot.paced_robot import PacedConfig
from sim_bridge.worlds import World, open_simulator

ASKED = "explore --scene train_02 --paced --rtf 0 --noise --minutes 0.1 --weights none --width 64 --height 48 --seed 3"


def unlit(scene: str, config: EmbeddedConfig) -> World:
    """The same world without its light, which takes long."""
    return open_simulator(scene, dataclasses.replace(config, light=PLAIN, cache_light=False, threads=1))


def test_a_run_in_one_process_leaves_its_own_files_and_says_what_was_seen_as_the_table_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paced_explore, "open_simulator", unlit)
    monkeypatch.setattr(bars, "EVERY_S", 0.0)
    (tmp_path / "bag").mkdir()
    for name in ("bag/metadata.yaml", "status.json", "coverage.json"):
        (tmp_path / name).write_text("of another run")
    monkeypatch.setattr(sys, "argv", ["seal", *ASKED.split(), "--out", str(tmp_path), "--overwrite"])
    cli.main()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"stack.json", "map.npz", "trajectory.json", "truth.json", "coverage.json", "topdown.png"}
    shown, progress = capsys.readouterr()
    assert re.search(r"explore: 20/31 pictures, [0-9.]+ pictures/s, \d+:\d\d left\n", progress)
    assert "measure: 31/31 pictures" in progress
    assert re.search(r"^  pose_error: mean_m [0-9.]+, [^{}]*$", shown, flags=re.MULTILINE)
    assert "6 simulated seconds" in shown and "no bag" in shown and "seen_share" in shown
    told = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("stack", "truth", "coverage")}
    assert told["stack"]["mode"] == "paced" and told["stack"]["wall_heading"] and not told["stack"]["record"]
    assert len(told["truth"]["poses"]) == 31 and told["coverage"]["contacts"] == told["truth"]["contacts"]

    world = unlit("train_02", EmbeddedConfig(64, 48, depth_noise="d435", motion_noise="locobot"))
    world.reset(3)
    true = TrueMap(world, NOISY_MAP)  # as experiments.paced does: the very pictures that the stack maps
    drive_paced(
        world, paced_stack(NOISY_MAP, seed=3, wall_heading=True), 6.0, PacedRates(PacedConfig()), 3,
        lambda robot, seen, T: true.add(robot.stamp_ns, seen.rgb, seen.depth, world.T_world_base),
    )  # fmt: skip
    np.testing.assert_allclose(
        [[T[0, 3], T[1, 3]] for T in (world.T_world_odom @ pose for pose in true.poses)],
        np.array(told["truth"]["poses"])[:, :2],
        atol=1e-9,
    )
    assert 0.05 < true.seen_share < 0.9
    assert told["coverage"]["seen_share"] == pytest.approx(true.seen_share, abs=5e-4)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--noise", "--noise is for paced runs: add --paced"),
        ("--minutes 3", "--minutes is for paced runs"),
        ("--rtf 0", "--rtf is for paced runs"),
        ("--object-goals", "--object-goals is for paced runs"),
        ("--paced --rtf 0 --object-goals", "--object-goals needs ROS"),
        ("--no-wall-heading", "--wall-heading or --no-wall-heading is for paced runs"),
        ("--paced --steps 20", "--steps counts the actions of a run without --paced: give --minutes"),
        ("--paced --no-wall-heading", "are for runs with --noise"),
        ("--paced --rtf 0 --record", "--record needs ROS, and --rtf 0 runs in one process"),
        ("--paced --rtf 0 --domain-id 7", "--domain-id needs ROS"),
        ("--paced --rtf -1", "--rtf must be positive, or 0 for a run in one process, got -1"),
    ],
)
def test_options_that_a_run_would_not_hear_are_refused(
    arguments: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["seal", "explore", *arguments.split(), "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = " ".join(capsys.readouterr().err.split())
    assert stop.value.code == 1 and text in said
    assert not (tmp_path / "run").exists()


def test_a_bag_is_refused_where_none_can_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a run in one process records no bag"):
        paced_explore.run_in_process(StackConfig(run_dir=tmp_path, mode="paced"))
    assert not list(tmp_path.iterdir())


def test_a_kept_run_of_other_code_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Driven(Exception):
        """It begins to drive."""

    def begin(*_: object) -> None:
        raise Driven

    monkeypatch.setattr(paced, "open_embedded", begin)
    monkeypatch.setattr(paced, "code_hash", lambda *names: "now")
    asked = {"minutes": 1.0, "seed": 0}
    (tmp_path / "test_01_noise.png").touch()
    write_json(tmp_path / "test_01_noise.json", {"key": {**asked, "code": "now"}, "figures": {"seen_share": 0.5}})
    assert paced.run("test_01", "noise", 1.0, tmp_path) == {"seen_share": 0.5}
    for minutes, code in ((1.0, "before"), (2.0, "now")):
        monkeypatch.setattr(paced, "code_hash", lambda *names, code=code: code)
        with pytest.raises(Driven):
            paced.run("test_01", "noise", minutes, tmp_path)
    write_json(tmp_path / "test_01_noise.json", {"asked": asked, "seen_share": 0.5})  # as it was kept before
    with pytest.raises(Driven):
        paced.run("test_01", "noise", 1.0, tmp_path)
