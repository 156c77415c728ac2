# SPDX-License-Identifier: Apache-2.0
"""What searches are run with, as one configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seal_mapping.labels.objects.model import model_digest, shipped_model
from seal_perception.categories import CATEGORIES, SIX
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.files import sha256
from seal_policy.learned.config import LEARNED
from seal_policy.learned.weights import policy_file
from seal_policy.objectgoal.config import ObjectGoalConfig
from seal_policy.objectgoal.search import MAX_STEPS
from seal_policy.registry import require_policy
from sim_bridge.evaluation.episodes import EpisodeConfig
from sim_bridge.homes.build import is_home
from sim_bridge.worlds import require_scene

ORACLE = "oracle"
"""In place of weights: the simulator's own labels, the ceiling of what a detector can do."""


@dataclass(frozen=True)
class SearchSettings:
    """What decides a search beside its home.

    Attributes:
        policy: where the robot goes while nothing is believed.
        policy_weights: file of a learned one.
        weights: the detector: a shipped name, a file, or `oracle`.
        seed: of the episodes and of the policy.
        episodes: per home.
        category: only episodes of this category; empty = all in turn.
        max_steps: most actions of a search.
        width: of the pictures in pixels.
        height: of the pictures in pixels.
        agent: when it goes to a thing, stops, and gives up.
        paced: the clock runs and speeds drive, as on a robot, instead of steps.
        noise: of a D435 and of a LoCoBot's wheels and odometry; paced alone.
    """

    policy: str = "gainful_views"
    weights: str = "seal-small"
    seed: int = 0
    episodes: int = 40
    category: str = ""
    max_steps: int = MAX_STEPS
    width: int = 320
    height: int = 240
    agent: ObjectGoalConfig = field(default_factory=ObjectGoalConfig)
    policy_weights: str = ""
    paced: bool = False
    noise: bool = False

    def __post_init__(self) -> None:
        require_policy(self.policy, self.policy_weights)
        if self.category and self.category not in CATEGORIES:
            raise InputError(f"unknown category {self.category!r}; expected one of {', '.join(CATEGORIES)}")
        for name in ("episodes", "max_steps", "width", "height"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.seed < 0:
            raise InputError(f"seed must be >= 0, got {self.seed}")
        if self.noise and not self.paced:
            raise InputError("noise is for paced searches; in steps poses are exact and depth is clean: add paced")

    def quick(self) -> SearchSettings:
        """The same made small: whether it runs at all."""
        return replace(self, episodes=min(self.episodes, 2), max_steps=min(self.max_steps, 40), width=160, height=120)

    @property
    def episode_config(self) -> EpisodeConfig:
        """What episodes are made."""
        return EpisodeConfig(only=(SIX.index(self.category),) if self.category else ())

    def weights_path(self) -> Path | None:
        """The weights' file; None for the oracle.

        Raises:
            InputError: if there is no such file.
        """
        if self.weights == ORACLE:
            return None
        if self.weights == "coco":
            raise InputError(
                "searches need weights in a file; expected seal-small, seal-homes, oracle, or a .safetensors file"
            )
        return resolve_weights(self.weights)

    def facts(self) -> dict[str, Any]:
        """JSON-ready values that decide the results; weights by their bytes, not by their name."""
        path = self.weights_path()
        facts = {**asdict(self), "weights": ORACLE if path is None else sha256(path)}
        facts["object_model"] = model_digest(shipped_model())
        file = str(facts.pop("policy_weights"))
        if self.policy in LEARNED:
            facts["policy_weights"] = sha256(policy_file(self.policy, file))
        return facts


def check_homes(homes: Sequence[str]) -> None:
    """Refuse what cannot be opened, or is no home that episodes can be made in.

    Raises:
        InputError: for the first of them.
    """
    for home in homes:
        require_scene(home, "embedded")
        if not is_home(home) and "/" not in home:
            raise InputError(f"{home} is no home; expected names such as test_01, or the path of a scene")
