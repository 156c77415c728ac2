# SPDX-License-Identifier: Apache-2.0
"""The training environment over scenes by name."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from tests.sim.rooms import PLAIN

from seal_bringup import worlds_env
from seal_bringup.worlds_env import ENV_ID, NamedDetector, make_env, make_vector_env
from seal_perception.errors import InputError
from seal_policy.environment.config import EnvironmentConfig
from seal_policy.environment.environment import SealEnv
from seal_policy.rewards import AreaReward
from sim_bridge.embedded import EmbeddedConfig

CAMERA = EmbeddedConfig(width=64, height=48, light=PLAIN, cache_light=False, threads=1)
SHORT = EnvironmentConfig(max_steps=30)


def test_gymnasium_finds_a_home_and_its_checker_finds_nothing() -> None:
    name = f"seal_bringup.worlds_env:{ENV_ID}"
    env = gymnasium.make(name, scene="train_01", config=SHORT, simulator=CAMERA, make_reward=AreaReward)
    assert isinstance(env.unwrapped, SealEnv)
    check_env(env.unwrapped)
    obs, info = env.reset(seed=0, options={"start": 0})
    assert info["start"] == 0 and obs["map"].shape == (8, 120, 120)
    _, reward, _, truncated, info = env.step(env.action_space.sample())
    assert info["steps"] == 25 and reward > 0 and not truncated
    env.close()


def test_the_detector_is_the_one_of_the_nodes() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    detector = NamedDetector("seal-small")()
    assert detector.detect(picture).masks.shape[1:] == (48, 64)


def test_an_unknown_scene_is_refused_before_any_process_starts() -> None:
    with pytest.raises(InputError, match="no home and no folder is called 'nowhere'"):
        make_env("nowhere")
    with pytest.raises(InputError, match="no home and no folder is called 'nowhere'"):
        make_vector_env(["train_01", "nowhere"])


@pytest.mark.parametrize(
    ("arguments", "warnings"),
    [({}, 1), ({"weights": "seal-small"}, 0), ({"make_reward": AreaReward}, 0)],
)
def test_a_reward_that_stays_0_is_told_once(
    arguments: dict[str, Any], warnings: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worlds_env, "VectorSealEnv", lambda makers, *_: [make() for make in makers])
    monkeypatch.setattr(worlds_env, "SealEnv", lambda *_: None)
    make_env("train_01", **arguments)
    assert [record.message[:24] for record in caplog.records] == ["every reward will be 0: "] * warnings
    caplog.clear()
    make_vector_env(["train_01", "train_02"], **arguments)
    assert len(caplog.records) == warnings
