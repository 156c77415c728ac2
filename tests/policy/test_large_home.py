# SPDX-License-Identifier: Apache-2.0
"""A flat of ten rooms, 160 m2: most of it is seen, without contacts, and the robot never gets stuck."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.policy.toy import FlatWorld, room, whole

from seal_bringup.evaluation.standstill import stuck_steps
from seal_perception.pose import planar_pose
from seal_perception.simulator import Action
from seal_policy.explorer import Explorer
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.goals.manager import GoalManager
from seal_policy.goals.policy import PolicyInput
from seal_policy.goals.rule import GoalConfig
from seal_policy.planning.motion import Point


def large_home() -> np.ndarray:
    """16 x 10.6 m: four rooms on either side of a corridor 1.2 m wide, furniture at the walls, one room in another."""
    blocked = room(16.0, 10.6)
    for wall in (92, 118):  # the corridor's walls, 4.6 and 5.9 m from the lower edge
        blocked[:, wall : wall + 2] = True
    for wall in (80, 160, 240):
        blocked[wall : wall + 2, :92] = True
        blocked[wall : wall + 2, 120:] = True
    for k, door in enumerate((30, 110, 200, 270)):
        blocked[door : door + 18, 92:94] = False
        blocked[door + 6 * k - 6 : door + 6 * k + 12, 118:120] = False
    blocked[162:240, 40:42] = True  # a bathroom behind the third bedroom
    blocked[180:196, 40:42] = False
    for i, j, wide, deep in ((4, 4, 40, 32), (90, 50, 14, 40), (250, 4, 40, 36), (10, 180, 20, 28), (110, 160, 24, 16)):
        blocked[i : i + wide, j : j + deep] = True
    blocked[256:290, 150:176] = True
    return blocked


def explore(blocked: np.ndarray, x: float, y: float, steps: int) -> tuple[FlatWorld, np.ndarray, np.ndarray, int]:
    """World, (N, 2) positions, (N,) known areas, contacts."""
    world, explorer = FlatWorld(blocked, x, y), Explorer(FrontierPolicy())
    xy, area, contacts = [], [], 0
    for step in range(steps):
        world.look()
        xy.append(world.T[:2, 3].copy())
        area.append(world.known.sum() * 0.0025)
        world.step(explorer.act(*world.grids(), world.T, step))
        contacts += world.collided
    return world, np.array(xy), np.array(area), contacts


def test_explores_a_large_home_and_never_gets_stuck() -> None:
    blocked = large_home()
    world, xy, area, contacts = explore(blocked, 8.0, 5.3, 500)
    assert (~blocked).sum() * 0.0025 > 120.0
    assert world.known[~blocked].mean() > 0.95
    assert contacts == 0
    assert stuck_steps(xy, area) == 0


def test_with_everything_seen_it_goes_on_moving() -> None:
    """A single room is seen in no time; then it looks at things from other sides, and at last walks its rounds."""
    world, xy, area, _ = explore(room(4.0, 3.5), 2.0, 1.7, 150)
    assert world.known[~world.blocked].mean() > 0.99
    assert stuck_steps(xy, area) == 0
    assert np.hypot(*np.diff(xy[60:], axis=0).T).sum() > 5.0


def test_patrol_goes_where_it_has_not_been_for_longest() -> None:
    obstacles, explored = whole(room(8.0, 2.0))
    turns = np.arange(48) * math.pi / 6
    poses = np.array(
        [[x, y, yaw] for x in np.arange(7.5, 0.4, -0.5) for y in (0.5, 1.0, 1.5) for yaw in turns] + [[0.5, 1.0, 0.0]]
    )
    goal = FrontierPolicy().goal(PolicyInput(obstacles, explored, planar_pose(0.5, 1.0, 0.0), 300, poses))
    assert goal[0] > 4.0


@pytest.mark.parametrize(("swing_m", "due"), [(0.25, True), (0.4, False)])
def test_going_to_and_fro_in_one_place_ends_a_goal(swing_m: float, due: bool) -> None:
    """Within 0.3 m for 13 steps: the goal is given up and remembered as failed; a wider swing is driving."""
    seen: list[np.ndarray] = []

    class Stubborn:
        def goal(self, inp: PolicyInput) -> Point:
            seen.append(inp.failed)
            return (4.0, 4.0)

    manager = GoalManager(Stubborn(), GoalConfig(spin_steps=0))
    obstacles, explored = whole(room(5.0, 5.0))
    renewed = []
    for step in range(24):
        T = planar_pose(1.0 + (swing_m if step % 2 else 0.0), 1.0, 0.0)
        if manager.update(step, obstacles, explored, T):
            renewed.append(step)
    assert renewed == ([0, 13] if due else [0])
    assert [len(failed) for failed in seen] == ([0, 1] if due else [0])


def test_without_renewal_loitering_ends_no_goal() -> None:
    class Fixed:
        def goal(self, inp: PolicyInput) -> Point:
            return (4.0, 4.0)

    manager = GoalManager(Fixed(), GoalConfig(spin_steps=0, renew_on_arrival=False))
    grids, T = whole(room(5.0, 5.0)), planar_pose(1.0, 1.0, 0.0)
    assert manager.update(0, *grids, T)
    assert [step for step in range(1, 40) if manager.is_due(step, *grids, T)] == list(range(25, 40))


@pytest.mark.parametrize("bad", [{"loiter_steps": 5}, {"loiter_m": 0.0}])
def test_impossible_loitering_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="loiter_steps >= still_steps and loiter_m > 0"):
        GoalConfig(**bad)  # type: ignore[arg-type]


def test_actions_are_what_the_simulator_knows() -> None:
    world, explorer = FlatWorld(room(4.0, 3.5), 2.0, 1.7), Explorer(FrontierPolicy())
    for step in range(14):
        world.look()
        action = explorer.act(*world.grids(), world.T, step)
        assert isinstance(action, Action) and action is not Action.STOP
        world.step(action)
