# SPDX-License-Identifier: Apache-2.0
"""The training environment over scenes by name."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from tests.sim.rooms import PLAIN

from seal_bringup.worlds_env import ENV_ID, NamedDetector, make_env, make_vector_env
from seal_perception.errors import InputError
from seal_policy.environment import SealEnv
from seal_policy.environment_config import EnvironmentConfig
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
