# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.policy.toy import CELL, FlatWorld, room, whole

from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose, pose_from_xyz_quat, pose_to_xyz_quat
from seal_perception.simulator import Action
from seal_policy.driving.step_driver import StepDriver
from seal_policy.explorer import Explorer, ExplorerConfig
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.goals.manager import GoalManager
from seal_policy.goals.policy import PolicyInput
from seal_policy.goals.random import RandomPolicy
from seal_policy.goals.rule import GoalConfig, goal_due
from seal_policy.planning.motion import Point, action_target, target_action
from seal_policy.planning.planner import PlannerConfig
from seal_policy.registry import make_policy
from seal_policy.rewards import GainfulCuriosity

T0 = planar_pose(0.0, 0.0, 0.0)


def cluttered(seed: int) -> FlatWorld:
    """A small room with random boxes and the robot somewhere free."""
    rng = np.random.default_rng(seed)
    blocked = room(5.0, 4.0)
    for _ in range(7):
        i, j = rng.integers(5, 85), rng.integers(5, 65)
        blocked[i : i + rng.integers(2, 10), j : j + rng.integers(2, 10)] = True
    blocked[30:50, 30:50] = False
    return FlatWorld(blocked, 2.0, 2.0, yaw=rng.uniform(-3, 3))


def run(world: FlatWorld, explorer: Explorer, steps: int) -> tuple[list[Action], list[np.ndarray], int]:
    actions, poses, collisions = [], [], 0
    for step in range(steps):
        world.look()
        poses.append(world.T.copy())
        action = explorer.act(*world.grids(), world.T, step)
        world.step(action)
        collisions += world.collided
        actions.append(action)
    return actions, poses, collisions


# ---- goals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "goal", "goal_step", "still", "seen", "due"),
    [
        (0, None, 0, 0, False, False),  # looks around first
        (11, None, 0, 0, False, False),
        (12, None, 0, 0, False, True),
        (13, (5.0, 0.0), 12, 13, False, False),
        (36, (5.0, 0.0), 12, 36, False, False),
        (37, (5.0, 0.0), 12, 37, False, True),  # every 25 steps
        (20, (0.2, 0.1), 12, 20, False, True),  # arrived
        (12, (0.2, 0.1), 12, 12, False, False),  # not twice in one step
        (22, (5.0, 0.0), 12, 0, False, True),  # stands still for 10 steps since the goal was given
        (21, (5.0, 0.0), 12, 0, False, False),
        (14, (5.0, 0.0), 12, 14, True, False),  # seen, but the goal is fresh
        (15, (5.0, 0.0), 12, 15, True, True),
    ],
)
def test_goal_due_known_answers(
    step: int, goal: Point | None, goal_step: int, still: int, seen: bool, due: bool
) -> None:
    assert goal_due(step, T0, goal, goal_step, GoalConfig(), still, seen) is due


def test_without_renewal_on_arrival_goals_come_every_25_steps_only() -> None:
    config = GoalConfig(renew_on_arrival=False, spin_steps=0)
    due = [s for s in range(1, 60) if goal_due(s, T0, (0.0, 0.0), 25 * ((s - 1) // 25), config, 0, True)]
    assert due == [25, 50]


def test_policy_and_planner_in_two_processes_take_the_steps_of_one() -> None:
    """Both see the pose after a trip through a quaternion; the planner gets the goal in force with every frame."""
    world, explorer = cluttered(1), Explorer(FrontierPolicy())
    manager, driver = GoalManager(FrontierPolicy()), StepDriver()
    for step in range(80):
        world.look()
        obstacles, explored = world.grids()
        sent = pose_from_xyz_quat(*pose_to_xyz_quat(world.T))
        given = manager.update(step, obstacles, explored, sent)
        action = explorer.act(obstacles, explored, world.T, step)
        assert given == explorer.goal_given and manager.goal == explorer.goal
        assert (manager.goal is None) == (step < 12)
        assert driver.act(obstacles, explored, sent, manager.goal) is action
        world.step(action)


def test_a_step_is_looked_at_once() -> None:
    """Asked again, or for an earlier step, the manager gives no second goal and counts no second pose."""
    policy = _Stubborn()
    manager, grids = GoalManager(policy, GoalConfig(spin_steps=2)), whole(room(5.0, 5.0))
    T = planar_pose(1.0, 1.0, 0.0)
    assert [manager.update(step, *grids, T) for step in (0, 1, 1, 2, 2, 1, 3)] == [False] * 3 + [True] + [False] * 3
    assert len(policy.asked) == 1 and len(policy.asked[0].poses) == 3
    assert manager.is_due(30, *grids, T) and manager.is_due(30, *grids, T)
    assert manager.update(30, *grids, T) and not manager.is_due(30, *grids, T)


def test_the_heading_of_a_goal_is_where_it_lay_when_it_was_given() -> None:
    manager, grids = GoalManager(_Stubborn(), GoalConfig(spin_steps=0)), whole(room(5.0, 5.0))
    manager.update(0, *grids, planar_pose(3.0, 1.0, 0.4))
    manager.update(1, *grids, planar_pose(2.0, 1.0, 0.4))
    assert manager.heading == pytest.approx(math.pi / 2)


class _Stubborn:
    """A policy with one goal."""

    def __init__(self) -> None:
        self.asked: list[PolicyInput] = []

    def goal(self, inp: PolicyInput) -> Point:
        self.asked.append(inp)
        return (3.0, 3.0)


def test_the_policy_is_told_which_goals_failed() -> None:
    policy = _Stubborn()
    manager, grids = GoalManager(policy, GoalConfig(spin_steps=0)), whole(room(5.0, 5.0))
    for step in range(25):
        manager.update(step, *grids, planar_pose(1.0, 1.0, 0.0))
    assert len(policy.asked) == 3 and len(policy.asked[0].failed) == 0
    assert policy.asked[1].failed.tolist() == [[3.0, 3.0]]


@pytest.mark.parametrize(("away_m", "renew", "failed"), [(0.2, False, 0), (0.5, False, 1), (0.2, True, 1)])
def test_waiting_at_a_goal_for_the_next_one_is_no_failure(away_m: float, renew: bool, failed: int) -> None:
    """The third case is the nodes' rule: there a robot at its goal gets another one at once."""
    goals = iter([(3.0, 3.0), (1.0, 1.0)])

    class Given:
        def goal(self, inp: PolicyInput) -> Point:
            return next(goals)

    manager = GoalManager(Given(), GoalConfig(spin_steps=0, renew_on_arrival=renew))
    grids, T = whole(room(5.0, 5.0)), planar_pose(3.0 - away_m, 3.0, 0.0)
    manager.update(0, *grids, planar_pose(0.5, 0.5, 0.0))
    for step in range(1, 26):
        manager.is_due(step, *grids, T)
    assert manager.is_stuck(25) == bool(failed)
    assert manager.update(25, *grids, T) and manager.goal == (1.0, 1.0)
    for step in range(26, 51):
        manager.is_due(step, *grids, T)
    assert manager.is_stuck(50), "another goal has to be reached anew"


# ---- global policies ------------------------------------------------------------------------------------------------


def ten_by_ten() -> tuple[Grid2D, Grid2D]:
    """10 x 10 cells of 0.5 m: a wall all around, the upper right corner not yet seen."""
    blocked = np.ones((10, 10), bool)
    blocked[1:9, 1:9] = False
    known = np.ones((10, 10), bool)
    known[6:10, 6:10] = False
    fine = np.ones((10, 10), bool)  # the same world on cells of 5 cm
    return (
        Grid2D(np.kron(blocked & known, fine), np.zeros(2), CELL),
        Grid2D(np.kron(known, fine), np.zeros(2), CELL),
    )


def test_frontier_goes_to_the_unseen_corner_of_a_10_by_10_map() -> None:
    obstacles, explored = ten_by_ten()
    x, y = FrontierPolicy().goal(PolicyInput(obstacles, explored, planar_pose(1.0, 1.0, 0.0), 12))
    assert 2.4 < x < 4.5 and 2.4 < y < 4.5 and max(x, y) > 2.9
    assert explored.value_at((x, y), False)


def test_frontier_ignores_what_it_cannot_reach_and_what_is_tiny() -> None:
    blocked = room(8.0, 4.0)
    blocked[80:82, :] = True
    known = np.ones_like(blocked)
    known[120:158, 20:60] = False  # large, but behind a wall
    known[10:13, 70:72] = False  # a speck
    policy_input = PolicyInput(
        Grid2D(blocked & known, np.zeros(2), CELL), Grid2D(known, np.zeros(2), CELL), planar_pose(2.0, 2.0, 0.0), 12
    )
    x, y = FrontierPolicy().goal(policy_input)
    assert x < 4.0


def test_with_all_seen_it_looks_at_things_from_the_other_side() -> None:
    blocked = room(6.0, 4.0)
    blocked[55:65, 35:45] = True
    obstacles, explored = whole(blocked)
    turns = np.arange(12) * math.pi / 6
    poses = np.array([[x, y, yaw] for x in (0.5, 1.5, 2.4) for y in (0.5, 1.5, 2.5, 3.5) for yaw in turns])
    x, _ = FrontierPolicy().goal(PolicyInput(obstacles, explored, planar_pose(1.0, 2.0, 0.0), 200, poses))
    assert x > 2.7


def test_failed_goals_are_left_out() -> None:
    obstacles, explored = ten_by_ten()
    T = planar_pose(1.0, 1.0, 0.0)
    first = FrontierPolicy().goal(PolicyInput(obstacles, explored, T, 12))
    again = FrontierPolicy().goal(PolicyInput(obstacles, explored, T, 40, failed=np.array([first])))
    assert math.dist(first, again) > 0.4


def test_random_goals_lie_on_free_explored_floor_and_repeat_with_the_seed() -> None:
    world = cluttered(2)
    world.look()
    obstacles, explored = world.grids()
    inp = PolicyInput(obstacles, explored, world.T, 0)
    goals = [RandomPolicy(5).goal(inp) for _ in range(2)]
    assert goals[0] == goals[1] != RandomPolicy(6).goal(inp)
    assert explored.value_at(goals[0], False) and not obstacles.value_at(goals[0], True)


def test_unknown_policy_is_named_with_those_that_exist() -> None:
    assert isinstance(make_policy("frontier"), FrontierPolicy) and isinstance(make_policy("random", 1), RandomPolicy)
    with pytest.raises(InputError, match=r"'frontiers'.*frontier, random"):
        make_policy("frontiers")


# ---- steps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_never_runs_into_what_it_has_seen(seed: int) -> None:
    """With the map known there is no excuse: not one blocked step."""
    world = cluttered(seed)
    world.known[:] = True
    driver, rng = StepDriver(), np.random.default_rng(seed)
    free = np.argwhere(~world.blocked)
    for k in range(6):
        goal = tuple(float(v) for v in (free[rng.integers(len(free))] + 0.5) * CELL)
        for _ in range(25):
            world.step(driver.act(*world.grids(), world.T, goal))
            assert not world.collided, f"goal {k}"


def test_reaches_a_goal_in_few_steps_without_swinging() -> None:
    world = FlatWorld(room(8.0, 8.0), 1.0, 1.0)
    world.known[:] = True
    driver, actions = StepDriver(), []
    while math.dist(world.T[:2, 3], (6.0, 5.5)) > 0.3:
        actions.append(driver.act(*world.grids(), world.T, (6.0, 5.5)))
        world.step(actions[-1])
        assert len(actions) < 40
    assert actions.count(Action.FORWARD) <= 28 and len(actions) <= 32  # straight: 6.7 m = 27 steps
    turns = "".join(a.name[0] for a in actions)
    assert "LR" not in turns and "RL" not in turns


@pytest.mark.parametrize("seed", range(4))
def test_no_left_right_swing_while_exploring(seed: int) -> None:
    config = ExplorerConfig(goals=GoalConfig(renew_on_arrival=False))
    actions, _, _ = run(cluttered(seed), Explorer(FrontierPolicy(), config), 100)
    text = "".join(a.name[0] for a in actions)
    assert "LRLR" not in text and "RLRL" not in text


def test_explores_a_small_home() -> None:
    blocked = room(8.0, 6.0)
    blocked[80:82, :] = True
    blocked[80:82, 50:70] = False
    world = FlatWorld(blocked, 1.0, 1.0)
    _, poses, collisions = run(world, Explorer(FrontierPolicy()), 120)
    assert world.known[~blocked].mean() > 0.97
    assert collisions == 0
    assert all(world.free(T[0, 3], T[1, 3]) for T in poses)


def test_same_run_twice_takes_the_same_steps() -> None:
    runs = [run(cluttered(4), Explorer(make_policy(name, 3)), 60) for name in ("random", "random")]
    assert runs[0][0] == runs[1][0]
    assert np.array_equal(np.stack(runs[0][1]), np.stack(runs[1][1]))


def test_something_unseen_in_the_way_is_passed_round() -> None:
    """A glass pillar: it stops the robot and never shows in the map."""
    blocked = room(6.0, 4.0)
    blocked[56:62, 36:44] = True
    world = FlatWorld(blocked, 1.0, 2.0)
    world.known[:] = True
    glass = world.blocked.copy()
    glass[56:62, 36:44] = False
    obstacles, explored = whole(glass)
    driver, collisions = StepDriver(), 0
    for _ in range(70):
        world.step(driver.act(obstacles, explored, world.T, (5.0, 2.0)))
        collisions += world.collided
        if math.dist(world.T[:2, 3], (5.0, 2.0)) < 0.3:
            break
    assert math.dist(world.T[:2, 3], (5.0, 2.0)) < 0.3
    assert 1 <= collisions <= 8


def test_walled_in_it_turns_round_and_goes_back() -> None:
    driver = StepDriver()
    free = room(6.0, 4.0)
    T = planar_pose(2.0, 2.0, 0.0)
    for _ in range(2):
        assert driver.act(*whole(free), T, (5.0, 2.0)) is Action.FORWARD
        T = T @ action_target(Action.FORWARD)
    closed = np.ones_like(free)
    closed[48:52, 38:42] = False  # the map changes: nothing but the robot's own place is free
    actions = []
    for _ in range(8):
        actions.append(driver.act(*whole(closed), T, (5.0, 2.0)))
        T = T @ action_target(actions[-1])
    assert actions[:6] == [Action.LEFT] * 6
    assert actions[6] is Action.FORWARD
    assert T[0, 3] < 2.5


def test_replans_only_for_a_new_goal_or_a_changed_path() -> None:
    world = FlatWorld(room(8.0, 4.0), 1.0, 2.0)
    world.known[:] = True
    driver = StepDriver()
    for _ in range(8):
        world.step(driver.act(*world.grids(), world.T, (7.0, 2.0)))
    assert driver.replans == 1
    world.blocked[10:20, 60:70] = True  # behind the robot: the path is untouched
    driver.act(*world.grids(), world.T, (7.0, 2.0))
    assert driver.replans == 1
    world.blocked[110:112, 20:60] = True  # across the path
    driver.act(*world.grids(), world.T, (7.0, 2.0))
    assert driver.replans == 2
    driver.act(*world.grids(), world.T, (7.0, 1.0))
    assert driver.replans == 3


@pytest.mark.parametrize("action", list(Action))
def test_step_message_round_trip(action: Action) -> None:
    assert target_action(action_target(action)) is action


def test_odd_step_messages_are_refused() -> None:
    with pytest.raises(InputError, match=r"0.25 m ahead.*got x 0.500 m"):
        target_action(planar_pose(0.5, 0.0, 0.0))


def test_gainful_curiosity_pays_the_increase() -> None:
    reward = GainfulCuriosity()
    assert [reward.update(c) for c in (3, 3, 10)] == [3, 0, 7]
    assert reward.total == 10 and reward.history == [3, 0, 7]
    with pytest.raises(ValueError, match="got -1"):
        reward.update(-1)


def test_the_frontier_policy_takes_all_of_the_planners_numbers_but_goes_over_known_floor() -> None:
    planner = PlannerConfig(0.2, 0.04, border_m=0.5, factor=3, near_speed=0.4, comfort_m=0.3, escape_m=0.6)
    policy = FrontierPolicy(planner=planner)
    assert policy._planner.config == replace(planner, unknown_speed=0.0)
    assert FrontierPolicy()._planner.config == PlannerConfig(unknown_speed=0.0)


@pytest.mark.parametrize("bad", [{"period_steps": 0}, {"still_steps": 3}, {"arrive_m": 0.0}, {"seen_share": 1.0}])
def test_impossible_goal_configurations_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need"):
        GoalConfig(**bad)  # type: ignore[arg-type]
