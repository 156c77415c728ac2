# SPDX-License-Identifier: Apache-2.0
"""Small worlds for the training environment, made by functions that a worker process can import."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from tests.sim.rooms import FAST, box_part, room

from seal_mapping.voxels.local_map import LocalMapConfig
from seal_perception.detections import Detections
from seal_perception.errors import InputError, TruthForbiddenError
from seal_perception.simulator import ReachableFloor, TruthImages
from seal_policy.environment.config import PAPER_GOALS, EnvironmentConfig
from seal_policy.environment.environment import SealEnv
from seal_policy.explorer import ExplorerConfig
from seal_policy.rewards import CuriosityReward
from sim_bridge.embedded import EmbeddedSimulator

SMALL = replace(FAST, width=64, height=48, threads=1)
QUICK = EnvironmentConfig(
    max_steps=20,
    window=LocalMapConfig(size_m=(4.8, 4.8)),
    explorer=ExplorerConfig(goals=replace(PAPER_GOALS, period_steps=8)),
)


class SensesOnly(EmbeddedSimulator):
    """A room that tells no truth."""

    def truth_images(self) -> TruthImages:
        raise TruthForbiddenError("truth_images was called")

    def render_at(self, T_world_base: np.ndarray) -> tuple:  # type: ignore[type-arg]
        raise TruthForbiddenError("render_at was called")

    def reachable_floor(self) -> ReachableFloor:
        raise TruthForbiddenError("reachable_floor was called")


class RedIsChair:
    """Says "chair" of what is red in the picture: the boxes of `tests.sim.rooms`."""

    def detect(self, rgb: np.ndarray) -> Detections:
        mask = rgb[..., 0].astype(int) > 2 * rgb[..., 1].astype(int) + 20
        if not mask.any():
            return Detections.empty(*mask.shape)
        box = np.zeros((1, 4), np.float32)
        return Detections(box, np.zeros(1, np.int64), np.ones(1, np.float32), mask[None])


@dataclass(frozen=True)
class Room:
    """A room with a red box 1.2 m ahead of the start; `half` differs between homes."""

    half: float = 2.0

    def __call__(self) -> EmbeddedSimulator:
        return SensesOnly(room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 0.8)), half=self.half), SMALL)


@dataclass(frozen=True)
class MakeEnv:
    """An environment over a room."""

    half: float = 2.0
    config: EnvironmentConfig = QUICK
    make_reward: type = CuriosityReward

    def __call__(self) -> SealEnv:
        return SealEnv(Room(self.half), self.config, self.make_reward, RedIsChair, render_mode="rgb_array")


class Threads(SealEnv):
    """An environment that says to how many threads the process that made it was told to keep."""

    made: ClassVar[list[str | None]] = []

    def __init__(self) -> None:
        super().__init__(Room(), QUICK)
        self.threads = os.environ.get("OMP_NUM_THREADS")
        self.made.append(self.threads)


class BrokenWorld:
    """A world that cannot be opened."""

    def __call__(self) -> EmbeddedSimulator:
        raise InputError("no home is called 'nowhere'")


def broken_env() -> SealEnv:
    return SealEnv(BrokenWorld(), QUICK)
