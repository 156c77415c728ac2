# SPDX-License-Identifier: Apache-2.0
"""What a run that did not get on says of itself, on floor plans made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.policy.toy import CELL, room

from seal_bringup.cli import explore as explore_command
from seal_bringup.console import make_console
from seal_bringup.evaluation.shut_in import RunEnd, judge, last_new, note_remarks, read_end, remarks
from seal_mapping.voxels.io import save_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.grid import Grid2D
from seal_policy.planning.planner import TIGHT, PlannerConfig

STEPS = 90


def end_of(free_cells: int, goals: tuple[tuple[int, tuple[float, float]], ...] = (), quiet: int = 80) -> RunEnd:
    """A run that stayed left of a wall with a gap of so many cells, through which it saw some of the other room."""
    blocked = room(6.0, 3.0)
    blocked[50:52] = True
    if free_cells:
        blocked[50:52, 26 : 26 + free_cells] = False
    known = np.zeros_like(blocked)
    known[:52] = True
    if free_cells:
        known[52:70, 20:40] = True
    areas = np.full(STEPS + 1, 7.0)
    areas[: STEPS + 1 - quiet] = np.linspace(0.0, 7.0, STEPS + 1 - quiet)
    poses = np.tile([1.0, 1.5, 0.0], (STEPS + 1, 1))
    origin = np.zeros(2)
    return RunEnd(Grid2D(blocked & known, origin, CELL), Grid2D(known, origin, CELL), poses, areas, goals)


@pytest.mark.parametrize(
    ("cells", "width", "why"),
    [
        (9, 0.45, None),  # wide enough for the usual margin
        (8, 0.40, "the only passage is 0.40 m wide at (2.5, 1.5) in the map; the robot needs 0.36 m and did not"),
        (7, 0.35, "the only passage is 0.35 m wide at (2.5, 1.5) in the map; the robot needs 0.36 m"),
        (6, 0.30, "the only passage is 0.30 m wide at (2.5, 1.4) in the map; the robot needs 0.36 m"),
    ],
)
def test_a_narrow_passage_is_named_with_its_place_and_width(cells: int, width: float, why: str | None) -> None:
    found = judge(end_of(cells))
    assert found is not None and found.beyond_m2 >= 2.0 and found.steps == 80 and found.since_step == 10
    if why is None:
        assert found.passage is None
        return
    assert found.passage is not None and found.passage.width_m == pytest.approx(width)
    assert found.line.startswith(f"no new floor in the last 80 steps; the robot is at (1.0, 1.5): {why}")
    assert found.as_dict()["passage"] == {"xy": found.passage.xy, "width_m": found.passage.width_m}


def test_the_margin_that_the_robot_keeps_is_said() -> None:
    assert "needs 0.36 m + 0.06 m of margin" in remarks(end_of(6), planner=TIGHT)["line"]
    assert "needs 0.40 m + 0.02 m" in remarks(end_of(7), planner=PlannerConfig(0.2, narrow_margin_m=0.01))["line"]


def test_goals_given_in_turn_are_named() -> None:
    goals = tuple((step, (2.0, 1.0) if step % 10 else (0.5, 2.5)) for step in range(5, STEPS, 5))
    found = judge(end_of(12, goals))
    assert found is not None and found.passage is None
    assert found.why == "15 goals in vain, most often (2.0, 1.0) and (0.5, 2.5)"
    assert "no goal was given" in judge(end_of(12)).line  # type: ignore[union-attr]


@pytest.mark.parametrize("quiet", [20, 30])
def test_a_run_that_saw_new_floor_lately_got_on(quiet: int) -> None:
    assert judge(end_of(7, quiet=quiet)) is None and remarks(end_of(7, quiet=quiet), 0.7) == {}


def test_a_closed_room_that_is_all_seen_is_no_failure_unless_there_was_more_to_reach() -> None:
    assert remarks(end_of(0)) == {} == remarks(end_of(0), 0.61)
    few = remarks(end_of(0), 0.48)
    assert few == {"line": few["line"]} and few["line"].startswith("only 48 % of the reachable floor was seen in 90 st")
    assert "none was new after 10, and the map shows no more of it" in few["line"]
    assert "still new floor after 70: let the run be longer" in remarks(end_of(0, quiet=20), 0.48)["line"]


def test_less_than_a_square_metre_is_no_new_floor() -> None:
    assert last_new(np.array([3.0, 3.5, 4.0, 4.9, 4.99])) == 2
    assert last_new(np.array([0.0])) == 0


def folder_of(path: Path, end: RunEnd) -> Path:
    """The folder of a run over ROS in steps; its map is empty, so that nothing can be behind anything."""
    save_map(VoxelMap(), path / "map.npz")
    way = {"poses": end.poses.tolist(), "goals": [[12, 1.0, 2.0]], "actions": ["left"], "stamps_ns": []}
    (path / "trajectory.json").write_text(json.dumps(way))
    (path / "status.json").write_text(json.dumps({"explored_m2": end.explored_m2.tolist(), "ms": {}}))
    return path


def test_the_folder_of_a_run_is_read_and_says_it_in_its_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_end(tmp_path) is None
    folder = folder_of(tmp_path, end_of(7))
    end = read_end(folder)
    assert end is not None and end.goals == ((12, (1.0, 2.0)),) and end.unit == "steps" and len(end.poses) == STEPS + 1
    assert note_remarks(folder) == {} and "line" not in json.loads((folder / "status.json").read_text())
    monkeypatch.setattr("seal_bringup.evaluation.shut_in.read_end", lambda folder: end_of(7))
    said = note_remarks(folder)
    status = json.loads((folder / "status.json").read_text())
    assert status["line"] == said["line"] and status["shut_in"]["passage"]["width_m"] == 0.35 and status["ms"] == {}
    explore_command._warn(make_console(), said)
    assert capsys.readouterr().out == f"warning: {said['line']}\n"
