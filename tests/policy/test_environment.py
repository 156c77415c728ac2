# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from tests.policy.env_worlds import QUICK, MakeEnv, RedIsChair, Room, broken_env

from seal_mapping.voxels.local_map import LocalMapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_policy.environment.config import PAPER_GOALS, EnvironmentConfig
from seal_policy.environment.environment import SealEnv
from seal_policy.explorer import Explorer, ExplorerConfig
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.goals.gainful_views import GainfulViewsPolicy
from seal_policy.goals.policy import PolicyInput
from seal_policy.goals.rule import GoalConfig
from seal_policy.loop import explore
from seal_policy.observation.view import LocalFrame, heading_index, local_view
from seal_policy.planning.motion import Point
from seal_policy.rewards import AreaReward, CuriosityReward


def rollout(env: SealEnv, seed: int, **options: Any) -> list[tuple[Any, ...]]:
    """An episode of random actions."""
    obs, info = env.reset(seed=seed, options=options or None)
    env.action_space.seed(seed)
    out: list[tuple[Any, ...]] = [(obs, 0.0, False, info)]
    while not out[-1][2]:
        obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert not terminated
        out.append((obs, reward, truncated, info))
    return out


def test_gymnasiums_own_checker_finds_nothing(recwarn: pytest.WarningsRecorder) -> None:
    check_env(MakeEnv(config=replace(QUICK, volume=True))())
    expected = "Not able to test alternative render modes"  # it has no spec: that is tested over gymnasium.make
    assert [str(w.message) for w in recwarn if expected not in str(w.message) and w.category is UserWarning] == []


def test_an_episode_has_its_steps_and_figures() -> None:
    env = MakeEnv()()
    steps = rollout(env, 1, start=0)
    assert [info["steps"] for _, _, _, info in steps] == [0, 8, 16, 20]
    assert [truncated for _, _, truncated, _ in steps] == [False, False, False, True]
    first, last = steps[0][3], steps[-1][3]
    assert first["start"] == 0 and first["path_m"] == 0.0 and np.isnan(first["goal"]).all()
    assert 0 < first["explored_m2"] < last["explored_m2"] <= 4.1**2
    assert last["path_m"] / 0.25 == pytest.approx(round(last["path_m"] / 0.25), abs=1e-4)
    assert last["replans"] >= 3 and last["collisions"] >= 0
    with pytest.raises(InputError, match=r"the episode has ended: call reset\(\)"):
        env.step(np.full(2, 0.5, np.float32))
    assert env.reset(options={"start": 0})[1]["steps"] == 0


def test_the_map_is_seen_from_where_the_robot_stands() -> None:
    """Start in the middle of a room of 4 x 4 m, a window of 4.8 m with cells of 10 cm: wall and box by hand."""
    env = MakeEnv()()
    obs, _ = env.reset(options={"start": 0})
    flat = obs["map"]
    assert flat.shape == (8, 48, 48) and obs["heading"] == 0
    front = [np.flatnonzero(flat[0][:, j]) for j in range(22, 27)]
    # The box spans y = -0.3 .. 0.4 m and begins at x = 1.2 m, where two voxels meet.
    assert all(len(i) and i[0] in (24 + 11, 24 + 12) for i in front)
    assert flat[1][24, 24] == 255 and flat[1][:12].max() == 0  # itself explored, nothing behind its back
    assert flat[2].max() == 255 and flat[3:].max() == 0  # a chair, and no other category
    assert set(np.unique(flat[:2])) == {0, 255}
    assert (flat[2] > 0).sum() < (flat[0] > 0).sum()


def test_the_flat_map_is_the_map_cell_by_cell() -> None:
    env = MakeEnv()()
    rollout(env, 2)
    voxel_map, window = env._map, env.config.window
    x, y = 0.37, -0.61
    view = local_view(voxel_map, (x, y), window)
    cloud = voxel_map.voxels()
    best = {tuple(ijk): scores for ijk, scores in zip(cloud.ijk.tolist(), cloud.best_score, strict=True)}
    obstacles, explored = voxel_map.obstacles(), voxel_map.explored()
    corner = np.floor((np.array([x, y]) + 0.025) / 0.05).astype(int) - 48
    np.testing.assert_allclose(view.frame.low_xy, corner * 0.05 - 0.025)
    for i in range(0, 48, 3):
        for j in range(0, 48, 3):
            cells = [(corner[0] + 2 * i + a, corner[1] + 2 * j + b) for a in range(2) for b in range(2)]
            centres = np.array(cells) * 0.05
            assert view.flat[0, i, j] == 255 * obstacles.value_at(centres, False).any()
            assert view.flat[1, i, j] == 255 * explored.value_at(centres, False).any()
            scores = [best[(*cell, k)] for cell in cells for k in range(40) if (*cell, k) in best]
            expected = np.max(scores, axis=0) if scores else np.zeros(6)
            np.testing.assert_array_equal(view.flat[2:, i, j], expected)


def test_headings_are_sectors_around_plus_x() -> None:
    degrees = [0, 2.4, -2.4, 2.6, 30, 180, -180, -30, 357.4]
    assert [heading_index(math.radians(d), 72) for d in degrees] == [0, 0, 0, 1, 6, 36, 36, 66, 71]


def test_an_action_is_a_point_of_the_window() -> None:
    frame = LocalFrame(np.array([-1.0, 2.0]), np.array([4.0, 4.0]))
    assert frame.point([0.0, 0.0]) == (-1.0, 2.0)
    assert frame.point([0.5, 1.0]) == (1.0, 6.0)
    np.testing.assert_allclose(frame.action((0.2, 3.6)), [0.3, 0.4], atol=1e-6)
    np.testing.assert_allclose(frame.action((1.0, 44.0)), [0.5, 1.0])  # far ahead: the edge, in the same direction
    np.testing.assert_allclose(frame.action((-7.0, 0.0)), [0.0, 0.25])


def test_the_goal_in_force_is_the_one_named() -> None:
    env = MakeEnv()()
    env.reset(options={"start": 0})
    expected = env._view.frame.point([0.25, 0.75])
    _, _, _, _, info = env.step(np.array([0.25, 0.75], np.float32))
    assert tuple(info["goal"]) == expected == pytest.approx((-1.2, 1.2), abs=0.05)


def test_same_seed_same_episode_other_seed_other_start() -> None:
    first, again, other = rollout(MakeEnv()(), 5), rollout(MakeEnv()(), 5), rollout(MakeEnv()(), 6)
    assert len(first) == len(again)
    for a, b in zip(first, again, strict=True):
        assert a[1:3] == b[1:3] and str(a[3]) == str(b[3])
        assert all(np.array_equal(a[0][key], b[0][key]) for key in a[0])
    assert first[0][3]["start"] != other[0][3]["start"]


def test_episodes_of_one_environment_start_at_different_places() -> None:
    env = MakeEnv()()
    starts = [env.reset(seed=3)[1]["start"], env.reset()[1]["start"], env.reset()[1]["start"]]
    assert len(set(starts)) == 3
    assert [env.reset(seed=3)[1]["start"], env.reset()[1]["start"], env.reset()[1]["start"]] == starts


@pytest.mark.parametrize("goals", [QUICK.explorer.goals, GoalConfig(spin_steps=5, period_steps=7)])
def test_the_environment_takes_the_steps_that_explore_takes(goals: GoalConfig) -> None:
    """Same goals, same world, same objects: poses, area and collisions are equal."""
    config = replace(QUICK, explorer=ExplorerConfig(goals=goals), max_steps=30)
    env = MakeEnv(config=config)()
    steps = rollout(env, 4, start=7)

    class Script:
        def __init__(self) -> None:
            self.goals = [tuple(info["goal"]) for _, _, _, info in steps[1:]]

        def goal(self, inp: PolicyInput) -> Point:
            return self.goals.pop(0)

    voxel_map = VoxelMap()
    done = explore(Room()(), RedIsChair(), voxel_map, Explorer(Script(), config.explorer), 30, seed=7)
    np.testing.assert_allclose(np.array(env._path)[:, :2], done.poses[:, :2, 3], atol=1e-6)
    assert steps[-1][3]["explored_m2"] == done.explored_m2[-1]
    assert steps[-1][3]["confident_voxels"] == done.confident[-1]
    assert steps[-1][3]["collisions"] == done.collisions and steps[-1][3]["replans"] == done.replans
    assert sum(reward for _, reward, _, _ in steps) == done.confident[-1] - done.confident[steps[0][3]["steps"]]


def test_reward_is_the_gain_and_can_be_another() -> None:
    for reward, key in ((CuriosityReward, "confident_voxels"), (AreaReward, "explored_m2")):
        steps = rollout(MakeEnv(make_reward=reward)(), 8)
        for before, after in zip(steps[:-1], steps[1:], strict=True):
            assert after[1] == pytest.approx(after[3][key] - before[3][key])
    assert steps[-1][3]["explored_m2"] > steps[0][3]["explored_m2"]
    assert CuriosityReward(0.5).update(MakeVoxels(10, 0.0)) == 5.0
    assert AreaReward(2.0).update(MakeVoxels(0, 1.5)) == 3.0


class MakeVoxels:
    def __init__(self, confident: int, area: float) -> None:
        self.confident_count, self.explored_area_m2 = confident, area


def test_without_a_detector_there_are_no_categories_and_no_curiosity() -> None:
    env = SealEnv(Room(), QUICK)
    steps = rollout(env, 1)
    assert all(obs["map"][2:].max() == 0 and reward == 0.0 for obs, reward, _, _ in steps)
    assert env.render() is None


def test_an_ordinary_goal_policy_can_be_asked() -> None:
    env = MakeEnv()()
    env.reset(seed=1)
    action = env.ask(FrontierPolicy())
    assert action in env.action_space
    assert env.step(action)[4]["steps"] == 8


def test_a_policy_that_is_asked_sees_what_the_map_is_uncertain_of() -> None:
    env, seen = MakeEnv()(), []

    class Keeps(GainfulViewsPolicy):
        def goal(self, inp: PolicyInput) -> Point:
            seen.append(inp)
            return super().goal(inp)

    env.reset(options={"start": 0})
    policy = Keeps()
    for _ in range(2):
        env.step(env.ask(policy))
    first = seen[0].uncertainty
    assert len(seen) == 2 and first is not None and first.cells.any(), "the red box, seen in a few pictures"
    assert first.shape == seen[0].obstacles.shape and np.array_equal(first.origin_xy, seen[0].obstacles.origin_xy)


class Names:
    """Names these goals in turn, and keeps what it was shown."""

    def __init__(self, *goals: Point) -> None:
        self.goals, self.shown = list(goals), [np.zeros((0, 2))]

    def goal(self, inp: PolicyInput) -> Point:
        self.shown.append(inp.failed)
        return self.goals.pop(0)


def test_a_policy_that_is_asked_learns_which_of_its_goals_failed() -> None:
    """The second goal lies beyond the wall and the window: it is told as it was named. At the first the robot waits."""
    env = MakeEnv(config=replace(QUICK, max_steps=90, explorer=ExplorerConfig(goals=PAPER_GOALS)))()
    env.reset(options={"start": 0})
    policy = Names((0.0, -1.0), (0.0, -30.0), (0.0, 0.0), (0.0, 0.0))
    at = []
    for k in range(3):
        action = env.ask(policy)
        if k == 2:
            assert env.ask(policy).shape == action.shape  # asked twice, it has failed once
        info = env.step(action)[4]
        at.append((env._path[-1][:2], tuple(info["goal"])))
    assert math.dist(at[0][0], (0.0, -1.0)) < 0.3 and -4.0 < at[1][1][1] < -2.0 and at[1][0][1] < -1.4
    assert [shown.tolist() for shown in policy.shown] == [[], [], [], [[0.0, -30.0]], [[0.0, -30.0]]]
    np.testing.assert_array_equal(env._run.explorer.goals._poses, env._path)
    env.step(env.ask(Names((0.0, 0.0))))
    with pytest.raises(InputError, match="the episode has ended"):
        env.ask(policy)


def test_the_picture_shows_robot_way_and_chair() -> None:
    env = MakeEnv()()
    rollout(env, 1, start=0)
    picture = env.render()
    assert picture.shape == (480, 480, 3) and picture.dtype == np.uint8
    x, y = env._path[-1][:2]
    share = (np.array([x, y]) - env._view.frame.low_xy) / env._view.frame.size_m
    red = picture[round((1 - share[1]) * 480), round(share[0] * 480)]
    assert red.tolist() == [200, 30, 40]
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 5


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ([0.5], r"two numbers in \[0, 1\], got \[0.5\]"),
        ([0.5, 1.2], "two numbers in"),
        ("x", r"two numbers in \[0, 1\], got 'x'"),
        ([0.5, None], "two numbers in"),
        ([[0.5], [0.5, 0.5]], "two numbers in"),
        ([0.5, math.nan], "two numbers in"),
        ([[0.5, 0.5]], "two numbers in"),
    ],
)
def test_bad_actions_are_refused(action: Any, text: str) -> None:
    env = MakeEnv()()
    with pytest.raises(InputError, match=r"no episode has begun: call reset\(\)"):
        env.step(np.zeros(2, np.float32))
    env.reset(seed=0)
    with pytest.raises(InputError, match=text):
        env.step(action)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"home": 1}, r"unknown option of reset: \['home'\]; expected start"),
        ({"start": -1}, "whole number >= 0, got -1"),
        ({"start": 1.5}, "whole number >= 0, got 1.5"),
        ({"start": True}, "whole number >= 0, got True"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        MakeEnv()().reset(options=options)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="max_steps >= 1"):
        EnvironmentConfig(max_steps=0)
    with pytest.raises(ValueError, match="the first look around takes 12 steps, the whole episode only 10"):
        EnvironmentConfig(max_steps=10, explorer=ExplorerConfig(goals=GoalConfig()))
    with pytest.raises(InputError, match="render_mode must be rgb_array or None, got 'human'"):
        SealEnv(Room(), QUICK, render_mode="human")
    with pytest.raises(InputError, match="no home is called 'nowhere'"):
        broken_env().reset()


def test_windows_of_other_sizes_and_the_volume() -> None:
    window = LocalMapConfig(size_m=(3.2, 4.8), height_m=(0.0, 1.0), pool=4)
    env = MakeEnv(config=replace(QUICK, window=window, volume=True))()
    obs, _ = env.reset(seed=1)
    assert obs in env.observation_space
    assert obs["map"].shape == (8, 16, 24) and obs["volume"].shape == (7, 16, 24, 5)
    np.testing.assert_array_equal(obs["map"][2:], obs["volume"][1:].max(axis=3))
