# SPDX-License-Identifier: Apache-2.0
"""The numbers of training a goal policy, and its two presets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from seal_perception.errors import InputError
from seal_policy.environment.config import PAPER_GOALS, EnvironmentConfig
from seal_policy.explorer import ExplorerConfig
from seal_policy.goals.rule import GoalConfig
from seal_policy.learned.config import LEARNED, SEES, NetworkConfig

TEACHERS = {"gainful_curiosity": "gainful_views", "ans": "frontier", "semantic_curiosity": "gainful_views"}
"""Whose goals a policy imitates first."""
PAPER_INPUTS_OF = {
    "gainful_curiosity": ("volume", "floor"),
    "ans": ("floor",),
    "semantic_curiosity": ("floor", "scores"),
}
"""What networks look at in the preset "paper", which has no memory."""
PRESETS = ("laptop", "paper")


@dataclass(frozen=True)
class ImitationConfig:
    """Imitation of the teacher.

    Attributes:
        episodes: of the teacher, over the homes in turn; 0 = PPO begins with random weights.
        epochs: passes over their goals.
        batch: goals per step of the optimiser.
        rate: of Adam, falling to zero along a cosine.
        blur_m: a goal counts for the cells around it too, as a Gaussian of this width.
        held_out: share of the homes, from the last one, that imitation does not learn from and is measured on.
    """

    episodes: int = 100
    epochs: int = 12
    batch: int = 32
    rate: float = 1e-3
    blur_m: float = 0.4
    held_out: float = 0.12


@dataclass(frozen=True)
class PpoConfig:
    """PPO. The defaults are the paper's numbers; what it does not name (lambda, clip, norm) is usual.

    Attributes:
        frames: of the robot in all, over all environments.
        environments: at the same time, each in a process.
        horizon: goals of each environment between two updates.
        minibatches, epochs: of an update.
        rate: of Adam.
        gamma, gae_lambda: discount per goal, and of the advantage.
        clip: of the ratio of probabilities.
        entropy, value: weights of these losses.
        max_norm: of the gradient.
        target_kl: an update ends when the policy has moved this far; 0 = never.
    """

    frames: int = 10_000_000
    environments: int = 25
    horizon: int = 20
    minibatches: int = 12
    epochs: int = 4
    rate: float = 2.5e-5
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    entropy: float = 0.001
    value: float = 0.5
    max_norm: float = 0.5
    target_kl: float = 0.0

    @property
    def batch(self) -> int:
        """Goals per step of the optimiser."""
        return -(-self.environments * self.horizon // self.minibatches)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what is learned, but the worlds.

    Attributes:
        policy: name, of `LEARNED`.
        homes: training homes by name.
        weights: of the detector.
        width, height: of the pictures.
        seed: of all random numbers.
        network, environment, imitation, ppo: the numbers.
    """

    policy: str
    homes: tuple[str, ...]
    weights: str = "seal-small"
    width: int = 160
    height: int = 120
    seed: int = 0
    network: NetworkConfig = field(default_factory=NetworkConfig)
    environment: EnvironmentConfig = field(default_factory=EnvironmentConfig)
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    ppo: PpoConfig = field(default_factory=PpoConfig)

    def __post_init__(self) -> None:
        if self.policy not in LEARNED:
            raise InputError(f"unknown learned policy {self.policy!r}; expected one of: {', '.join(LEARNED)}")
        p, i = self.ppo, self.imitation
        if not self.homes or min(p.environments, p.horizon, p.minibatches, p.epochs, i.batch) < 1:
            raise InputError("training needs a home, an environment, a horizon, mini-batches and epochs of 1 or more")
        if min(i.episodes, i.epochs, p.frames, self.seed) < 0:
            raise InputError("episodes, epochs, frames and seed must be 0 or more")
        if i.episodes == 0 and p.frames == 0:
            raise InputError("nothing to do: give imitation episodes, or PPO frames")
        if p.frames and p.batch < 2:
            raise InputError(
                f"{p.environments} environments x {p.horizon} goals in {p.minibatches} mini-batches leave fewer than 2 "
                "goals each: give more --environments or --horizon"
            )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dataclasses.asdict(self)


def preset(name: str, policy: str, homes: tuple[str, ...], **changes: Any) -> TrainConfig:
    """The numbers of a preset.

    "paper": SEAL's numbers (25 environments, 10 M frames, episodes of 20 goals x 25 steps, no teacher, a Gaussian over
    the window, 10 cm cells). "laptop": two cores: imitation first, cells of 20 cm, goals by the nodes' rule and
    episodes of 300 steps, as in a run.

    Args:
        name: of `PRESETS`.
        policy: of `LEARNED`.
        homes: training homes.
        changes: fields of `TrainConfig`.

    Raises:
        InputError: if there is no such preset or policy.
    """
    if policy not in LEARNED:
        raise InputError(f"unknown learned policy {policy!r}; expected one of: {', '.join(LEARNED)}")
    if name == "paper":
        network = NetworkConfig(PAPER_INPUTS_OF[policy], pool=2, head="point")
        rules, steps, imitation, ppo = PAPER_GOALS, 500, ImitationConfig(episodes=0), PpoConfig()
    elif name == "laptop":
        network = NetworkConfig(SEES[policy])
        rules, steps, imitation = GoalConfig(), 300, ImitationConfig()
        ppo = PpoConfig(
            frames=200_000, environments=4, horizon=32, minibatches=4, rate=1e-4, entropy=0.003, target_kl=0.02
        )
    else:
        raise InputError(f"unknown preset {name!r}; expected one of: {', '.join(PRESETS)}")
    environment = EnvironmentConfig(
        max_steps=steps,
        window=network.window,
        volume="volume" in network.inputs,
        memory=network.sees_memory,
        heading_bins=network.heading_bins,
        explorer=ExplorerConfig(goals=rules),
    )
    values: dict[str, Any] = {"network": network, "environment": environment, "imitation": imitation, "ppo": ppo}
    return TrainConfig(policy, homes, **{**values, **changes})
