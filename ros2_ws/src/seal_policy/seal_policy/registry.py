# SPDX-License-Identifier: Apache-2.0
"""The goal policies by name."""

from __future__ import annotations

from pathlib import Path

from seal_perception.errors import InputError
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.goals.gainful_views import GainfulViewsPolicy
from seal_policy.goals.policy import GlobalPolicy
from seal_policy.goals.random import RandomPolicy
from seal_policy.learned.config import LEARNED, SEES
from seal_policy.planning.planner import PlannerConfig

POLICIES = ("frontier", "random", "gainful_views", *LEARNED)
NEED_UNCERTAINTY = ("gainful_views", *(name for name, seen in SEES.items() if "uncertainty" in seen))
"""Policies that look at `PolicyInput.uncertainty`: mapping must publish it for them."""
NEED_VOLUME = tuple(name for name, seen in SEES.items() if "scores" in seen)
"""Policies that look at `PolicyInput.volume`."""


def policy_of(text: str) -> tuple[str, str]:
    """Name and file of NAME or NAME=FILE; "" where there is no file.

    Raises:
        InputError: as `require_policy`, or nothing stands behind the =.
    """
    name, given, file = text.partition("=")
    if given and not file:
        raise InputError(f"{text!r} names no file; expected NAME=FILE, such as {LEARNED[0]}=policy.safetensors")
    require_policy(name, file)
    return name, file


def require_policy(name: str, weights: str | Path = "") -> None:
    """Refuse an unknown policy, and a file where none belongs or none where one does; the file is not read.

    Raises:
        InputError: the text says which.
    """
    if name not in POLICIES:
        raise InputError(f"unknown policy {name!r}; expected one of: {', '.join(POLICIES)}")
    if str(weights) and name not in LEARNED:
        raise InputError(f"policy weights are for {', '.join(LEARNED)}; {name} is not learned: leave them out")
    if name in LEARNED:
        from seal_policy.learned.weights import policy_file

        policy_file(name, weights)


def make_policy(
    name: str, seed: int = 0, planner: PlannerConfig | None = None, weights: str | Path = ""
) -> GlobalPolicy:
    """The goal policy of that name.

    Args:
        name: of `POLICIES`.
        seed: of the policy's random numbers.
        planner: says where the robot fits.
        weights: file of a learned policy, which needs one.

    Raises:
        InputError: if there is no such policy (the text lists those that exist), weights are named for one that learns
            nothing, or a learned policy's file cannot be used.
    """
    if name in LEARNED:
        from seal_policy.learned.policy import LearnedPolicy  # torch is imported where a network is needed

        return LearnedPolicy.from_file(name, weights)
    require_policy(name, weights)
    if name == "random":
        return RandomPolicy(seed)
    return FrontierPolicy(planner=planner) if name == "frontier" else GainfulViewsPolicy(planner=planner)
