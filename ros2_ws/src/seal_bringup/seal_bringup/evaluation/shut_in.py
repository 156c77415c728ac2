# SPDX-License-Identifier: Apache-2.0
"""Why a run did not get on: read off the floor plan and the way that it left.

The simulator's truth enters in one place, the share of the reachable floor that was seen (`remarks`), after the run.

A run is no failure because floor is left at its end. It did not get on when no floor was new for many steps while the
map shows floor behind a place where the robot does not fit, or that it has aimed at in vain.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_mapping.voxels.io import load_map
from seal_perception.files import write_json
from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose
from seal_perception.reading.text import read_json
from seal_perception.types import BoolArray, FloatArray
from seal_policy.goals.frontier import FrontierPolicy, Left
from seal_policy.goals.policy import PolicyInput
from seal_policy.planning.motion import Point
from seal_policy.planning.new_floor import LEAST_M2
from seal_policy.planning.planner import PlannerConfig
from seal_policy.planning.terrain import Terrain

FEW = 0.6
"""A run that has seen less of the reachable floor must say why."""
THINNER_M = (0.15, 0.12)
"""Radii of thinner robots: what they would get to lies behind a passage that is too narrow for this one."""
BEYOND_M2 = 2.0
"""Less floor than this behind a narrow place is a gap under a table, not a room."""
IDLE_SHARE = 1.0 / 3.0
"""A run that got on sees new floor in its last third, or the map shows no more of it."""
_ACROSS_M = 1.5
"""A passage is no wider than this."""
_SLACK_M = 0.1
"""A passage is up to two cells wider than twice the clearance that does not fit it: one on each side."""
_LINES = 16
"""Directions in which a passage is measured across."""


@dataclass(frozen=True)
class RunEnd:
    """What a run of N steps left.

    Attributes:
        obstacles: bool cells, map frame.
        explored: bool cells, aligned with `obstacles`.
        poses: (N + 1, 3) x, y in metres and yaw in rad, map frame.
        explored_m2: (N + 1,) explored floor at each.
        goals: (step, (x, y)) of each goal given.
        unit: what N counts: steps, or pictures in paced mode.
    """

    obstacles: Grid2D
    explored: Grid2D
    poses: FloatArray
    explored_m2: FloatArray
    goals: tuple[tuple[int, Point], ...] = ()
    unit: str = "steps"


@dataclass(frozen=True)
class Passage:
    """The narrowest place of a way: where, in metres in the map frame, and its width in metres by the map's cells."""

    xy: Point
    width_m: float


@dataclass(frozen=True)
class ShutIn:
    """A run that did not get on.

    Attributes:
        since_step: step at which floor was last new.
        steps: steps after it.
        unit: what they count.
        xy: where the robot stood at the end, map frame.
        beyond_m2: floor that the map shows there, out of reach.
        why: the reason as words.
        passage: the narrowest place of the way there; None where the way is wide.
    """

    since_step: int
    steps: int
    unit: str
    xy: Point
    beyond_m2: float
    why: str
    passage: Passage | None = None

    @property
    def line(self) -> str:
        """The one line to show."""
        return f"no new floor in the last {self.steps} {self.unit}; the robot is at {_place(self.xy)}: {self.why}"

    def as_dict(self) -> dict[str, Any]:
        """For a run's JSON."""
        return {**asdict(self), "line": self.line}


def judge(end: RunEnd, planner: PlannerConfig | None = None) -> ShutIn | None:
    """Why the run did not get on, or None if it did, or if the map shows nothing more to get to.

    Args:
        end: what the run left.
        planner: the robot's radius and margins.
    """
    planner = planner or PlannerConfig()
    last = len(end.explored_m2) - 1
    since = last_new(end.explored_m2)
    if last - since < max(planner.patience_steps, IDLE_SHARE * last):
        return None
    pose = end.poses[-1]
    xy = (float(pose[0]), float(pose[1]))
    inp = PolicyInput(end.obstacles, end.explored, planar_pose(*pose), last, end.poses)
    usual = FrontierPolicy(planner=planner).left(inp)
    for radius in (planner.robot_radius_m, *(r for r in THINNER_M if r < planner.robot_radius_m)):
        left = FrontierPolicy(planner=replace(planner, robot_radius_m=radius)).left(inp, narrow=True)
        beyond = [gain * (usual.cost.at(place) == math.inf) for place, gain in zip(left.xy, left.gain_m2, strict=True)]
        k = int(np.argmax(beyond)) if beyond else -1
        passage = narrowest(left, k, planner.grow_m) if k >= 0 and beyond[k] >= BEYOND_M2 else None
        if passage is not None:
            why = _not_through(passage, planner, radius == planner.robot_radius_m)
            return ShutIn(since, last - since, end.unit, xy, round(float(beyond[k]), 2), why, passage)
    most = float(usual.gain_m2.max(initial=0.0))
    return (
        ShutIn(since, last - since, end.unit, xy, round(most, 2), _in_vain(end, since)) if most >= BEYOND_M2 else None
    )


def remarks(end: RunEnd, seen_share: float | None = None, planner: PlannerConfig | None = None) -> dict[str, Any]:
    """What a run's JSON says of a run that did not get on, or saw little; {} of any other.

    Args:
        end: what the run left.
        seen_share: of the reachable floor in [0, 1], where it is known.
        planner: the robot's radius and margins.

    Returns:
        {} or `line`, and `shut_in` where the map shows the reason.
    """
    if (found := judge(end, planner)) is not None:
        return {"line": found.line, "shut_in": found.as_dict()}
    if seen_share is None or seen_share >= FEW:
        return {}
    last, since = len(end.explored_m2) - 1, last_new(end.explored_m2)
    line = f"only {100 * seen_share:.0f} % of the reachable floor was seen in {last} {end.unit}; "
    if last - since < IDLE_SHARE * last:
        return {"line": f"{line}there was still new floor after {since}: let the run be longer"}
    return {
        "line": f"{line}none was new after {since}, and the map shows no more of it behind a place to drive through"
    }


def last_new(explored_m2: FloatArray) -> int:
    """The step at which floor was last new, as `NewFloor` counts it."""
    since, mark = 0, float(explored_m2[0])
    for step, area in enumerate(explored_m2):
        if area >= mark + LEAST_M2:
            since, mark = step, float(area)
    return since


def narrowest(left: Left, place: int, wide_m: float) -> Passage | None:
    """The narrowest place of the way to a place; None if all of it keeps `wide_m` clear, or is open on one side."""
    terrain, half = left.terrain, 0.5 * left.cost.grid.cell_m
    way = left.cost.descend(left.xy[place])
    if not len(way):
        return None
    best: list[tuple[float, tuple[int, int]]] = []
    for x, y in way.tolist():  # a coarse cell is as wide as the widest of its fine ones
        i, j = terrain.clearance.clipped_cell((x - half + 1e-6, y - half + 1e-6))
        n = round(2 * half / terrain.clearance.cell_m)
        patch = terrain.clearance.cells[i : i + n, j : j + n]
        a, b = np.unravel_index(int(np.argmax(patch)), patch.shape)
        best.append((float(patch[a, b]), (i + int(a), j + int(b))))
    clear, cell = min(best)
    if clear >= wide_m:
        return None
    x, y = terrain.clearance.cell_to_world(np.array(cell)).tolist()
    width_m = _width_m(terrain, cell)
    return Passage((round(x, 2), round(y, 2)), width_m) if width_m <= 2.0 * wide_m + _SLACK_M else None


def _width_m(terrain: Terrain, cell: tuple[int, int]) -> float:
    """Free width at a cell in metres: the shortest line through it from obstacle to obstacle."""
    edge, blocked = terrain.clearance.cell_m, terrain.obstacles
    if blocked[cell]:
        return 0.0
    shortest, most = _ACROSS_M / edge, round(_ACROSS_M / edge)
    for k in range(_LINES):
        angle = k * math.pi / _LINES
        ends = [_until_blocked(blocked, cell, turned, most) for turned in (angle, angle + math.pi)]
        shortest = min(shortest, sum(ends) - 1.0)
    return round(shortest * edge, 3)


def _until_blocked(blocked: BoolArray, cell: tuple[int, int], angle: float, most: int) -> float:
    """Cells from the centre of a cell to that of the first blocked one in a direction; inf if there is none near."""
    for d in np.arange(0.5, most, 0.25):
        i, j = math.floor(cell[0] + 0.5 + d * math.cos(angle)), math.floor(cell[1] + 0.5 + d * math.sin(angle))
        if not (0 <= i < blocked.shape[0] and 0 <= j < blocked.shape[1]):
            break
        if blocked[i, j]:
            return math.dist((i, j), cell)
    return math.inf


def _place(xy: Point) -> str:
    return f"({xy[0]:.1f}, {xy[1]:.1f})"


def _not_through(passage: Passage, planner: PlannerConfig, fits: bool) -> str:
    body, margin = 2.0 * planner.robot_radius_m, 2.0 * min(planner.narrow_margin_m, planner.margin_m)
    needs = f"{body:.2f} m" + (f" + {margin:.2f} m of margin" if margin else "")
    why = f"the robot needs {needs} and did not get through" if fits else f"the robot needs {needs}"
    return f"the only passage is {passage.width_m:.2f} m wide at {_place(passage.xy)} in the map; {why}"


def _in_vain(end: RunEnd, since: int) -> str:
    """The goals that were given in turn."""
    given = Counter((round(x, 1), round(y, 1)) for step, (x, y) in end.goals if step > since)
    if not given:
        return "no goal was given"
    most = [place for place, _ in given.most_common(2)]
    return f"{sum(given.values())} goals in vain, most often {' and '.join(_place(xy) for xy in most)}"


def read_end(folder: Path) -> RunEnd | None:
    """What a run over ROS left in its folder; None where a file is missing, or there is no frame."""
    paths = [folder / name for name in ("map.npz", "trajectory.json", "status.json")]
    if not all(path.is_file() for path in paths):
        return None
    voxel_map, trajectory, status = load_map(paths[0]), read_json(paths[1]), read_json(paths[2])
    poses, areas = np.array(trajectory["poses"]).reshape(-1, 3), np.array(status["explored_m2"], np.float64)
    if not len(poses) or len(poses) != len(areas):
        return None
    goals = tuple((int(step), (float(x), float(y))) for step, x, y in trajectory["goals"])
    unit = "steps" if trajectory["actions"] else "pictures"
    return RunEnd(voxel_map.obstacles(), voxel_map.explored(), poses, areas, goals, unit)


def note_remarks(folder: Path) -> dict[str, Any]:
    """The remarks on a run over ROS of which no truth is known; status.json holds them, too."""
    end = read_end(folder)
    said = remarks(end) if end is not None else {}
    if said:
        write_json(folder / "status.json", {**read_json(folder / "status.json"), **said}, indent=None)
    return said
