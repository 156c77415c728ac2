# SPDX-License-Identifier: Apache-2.0
"""A training small enough for a test: rooms with a red box, a detector of what is red, episodes of 32 steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gymnasium.vector import AutoresetMode
from tests.policy.env_worlds import QUICK, MakeEnv

from seal_policy.environment.environment import SealEnv
from seal_policy.environment.homes import ManyHomesEnv
from seal_policy.environment.vector import VectorSealEnv
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.learned.config import NetworkConfig
from seal_policy.rewards import CuriosityReward
from seal_policy.training.config import ImitationConfig, PpoConfig, TrainConfig
from seal_policy.training.demonstrations import demonstrate

NETWORK = NetworkConfig(
    size_m=(4.8, 4.8), pool=2, grid=12, volume_channels=(2, 4), flat_channels=(8, 8, 8), hidden=(16, 16), heading_size=4
)
ROOMS = (2.0, 2.4)


def toy_config(frames: int = 0, episodes: int = 4, **network: Any) -> TrainConfig:
    """A training of a small network in two rooms."""
    shape = replace(NETWORK, **network)
    environment = replace(
        QUICK, max_steps=32, window=shape.window, volume="volume" in shape.inputs, memory=shape.sees_memory
    )
    return TrainConfig(
        "gainful_curiosity",
        tuple(map(str, ROOMS)),
        network=shape,
        environment=environment,
        imitation=ImitationConfig(episodes=episodes, epochs=2, batch=8, held_out=0.5),
        ppo=PpoConfig(frames=frames, environments=2, horizon=3, minibatches=2, epochs=2, rate=1e-3),
    )


def toy_env(config: TrainConfig, half: float) -> SealEnv:
    return MakeEnv(half, config.environment, partial(CuriosityReward, 0.01))()  # type: ignore[arg-type]


def toy_envs(config: TrainConfig, index: int) -> ManyHomesEnv:
    return ManyHomesEnv([partial(toy_env, config, half) for half in ROOMS], keep=1, index=index)


@dataclass
class ToyWorlds:
    """`training.run.Worlds` over the rooms; notes which episodes the teacher drove."""

    driven: list[str]
    made: list[VectorSealEnv] = field(default_factory=list)

    def demonstrate(self, config: TrainConfig, folder: Path) -> Sequence[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for n in range(config.imitation.episodes):
            half = ROOMS[n % 2]
            files.append(folder / f"{half}_{n // 2}.npz")
            if not files[-1].is_file():
                self.driven.append(files[-1].name)
                demonstrate(toy_env(config, half), FrontierPolicy(), n // 2, files[-1])
        return files

    def make(self, config: TrainConfig) -> VectorSealEnv:
        makers = [partial(toy_envs, config, n) for n in range(config.ppo.environments)]
        self.made.append(VectorSealEnv(makers, autoreset_mode=AutoresetMode.DISABLED))  # type: ignore[arg-type]
        return self.made[-1]
