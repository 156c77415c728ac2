# SPDX-License-Identifier: Apache-2.0
"""The training environment over worlds by name: what `gymnasium.make` finds, one home or many in processes.

`gymnasium.make("seal_bringup.worlds_env:seal/Home-v0", scene="train_01")` gives the same as `make_env("train_01")`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium

from seal_perception.simulator import Simulator
from seal_perception.upright import FrameDetector
from seal_policy.environment.config import EnvironmentConfig
from seal_policy.environment.environment import SealEnv
from seal_policy.environment.vector import VectorSealEnv
from seal_policy.rewards import CuriosityReward, MapReward
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.worlds import open_simulator, require_scene

_log = logging.getLogger(__name__)

ENV_ID = "seal/Home-v0"
"""The number rises when the same actions give other observations or rewards."""

PRELOAD = ("sim_bridge.worlds",)
"""Imported once for all workers, whose memory shares it. Not Open3D: only a laser needs it."""
TRAINING_CAMERA = EmbeddedConfig(width=160, height=120, threads=1)


@dataclass(frozen=True)
class NamedWorld:
    """Opens a world by its name, in whichever process that happens."""

    scene: str
    config: EmbeddedConfig = TRAINING_CAMERA

    def __call__(self) -> Simulator:
        """The simulator."""
        return open_simulator(self.scene, self.config)


@dataclass(frozen=True)
class NamedDetector:
    """Loads a detector by its name or file."""

    weights: str
    threads: int = 2

    def __call__(self) -> FrameDetector:
        """The detector."""
        from seal_perception.detector.detector import DetectorConfig, load_detector

        return load_detector(self.weights, DetectorConfig(threads=self.threads))


def make_env(
    scene: str = "train_01",
    config: EnvironmentConfig | None = None,
    simulator: EmbeddedConfig = TRAINING_CAMERA,
    weights: str = "none",
    make_reward: Callable[[], MapReward] = CuriosityReward,
    render_mode: str | None = None,
) -> SealEnv:
    """One environment.

    Args:
        scene: home or folder, as everywhere.
        config: the environment's numbers.
        simulator: camera and robot; small pictures and one thread by default.
        weights: detector (a shipped name, coco, a file); "none" = no categories, no Gainful Curiosity (warns).
        make_reward: see `SealEnv`.
        render_mode: "rgb_array" or None.

    Raises:
        InputError: if there is no such scene.
    """
    _warn_of_no_reward(weights, make_reward)
    return _make_env(scene, config, simulator, weights, make_reward, render_mode)


def _warn_of_no_reward(weights: str = "none", make_reward: Callable[[], MapReward] = CuriosityReward) -> None:
    if weights == "none" and make_reward is CuriosityReward:
        _log.warning(
            "every reward will be 0: Gainful Curiosity counts voxels that a detector is sure of, and there is none; "
            "give weights='seal-small', or make_reward=AreaReward"
        )


def _make_env(
    scene: str,
    config: EnvironmentConfig | None = None,
    simulator: EmbeddedConfig = TRAINING_CAMERA,
    weights: str = "none",
    make_reward: Callable[[], MapReward] = CuriosityReward,
    render_mode: str | None = None,
) -> SealEnv:
    """`make_env` without its warning, which workers would repeat."""
    require_scene(scene)
    detector = None if weights == "none" else NamedDetector(weights)
    return SealEnv(NamedWorld(scene, simulator), config, make_reward, detector, render_mode)


def make_vector_env(scenes: Sequence[str], context: str = "forkserver", **arguments: Any) -> VectorSealEnv:
    """One environment per scene, each in its own process; a scene may be named more than once.

    Args:
        scenes: homes or folders.
        context: "forkserver" or "spawn".
        arguments: of `make_env`.
    """
    for scene in scenes:
        require_scene(scene)
    _warn_of_no_reward(**{key: value for key, value in arguments.items() if key in ("weights", "make_reward")})
    makers = [partial(_make_env, scene, **arguments) for scene in scenes]
    return VectorSealEnv(makers, context, PRELOAD)


if ENV_ID not in gymnasium.registry:
    gymnasium.register(ENV_ID, entry_point="seal_bringup.worlds_env:make_env")
