# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys

import pytest
from tests.policy.env_worlds import MakeEnv

from seal_bringup.experiments import goals_in_gymnasium
from seal_policy.rewards import AreaReward


def test_the_example_prints_an_episode_of_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(goals_in_gymnasium, "make_env", lambda scene, make_reward: MakeEnv(make_reward=make_reward)())
    monkeypatch.setattr(sys, "argv", ["goals_in_gymnasium", "--episodes", "1"])
    goals_in_gymnasium.main()
    random, frontier = capsys.readouterr().out.splitlines()
    assert random.startswith("random   seed 0: 20 steps, ") and frontier.startswith("frontier seed 0: 20 steps, ")
    reward, info = goals_in_gymnasium.episode(
        env := MakeEnv(make_reward=AreaReward)(), goals_in_gymnasium.chooser("random", env, 0), 0
    )
    assert f"{info['explored_m2']:.1f} m2 explored (reward {reward:.1f})" in random
