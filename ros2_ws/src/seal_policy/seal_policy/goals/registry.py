# SPDX-License-Identifier: Apache-2.0
"""The goal policies by name."""

from __future__ import annotations

from seal_perception.errors import InputError
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.goals.gainful_views import GainfulViewsPolicy
from seal_policy.goals.policy import GlobalPolicy
from seal_policy.goals.random import RandomPolicy
from seal_policy.planning.planner import PlannerConfig

POLICIES = ("frontier", "random", "gainful_views")
NEED_UNCERTAINTY = ("gainful_views",)
"""Policies that look at `PolicyInput.uncertainty`: mapping must publish it for them."""


def make_policy(name: str, seed: int = 0, planner: PlannerConfig | None = None) -> GlobalPolicy:
    """The goal policy of that name; `planner` says where the robot fits.

    Raises:
        InputError: if there is none; the text lists those that exist.
    """
    if name == "frontier":
        return FrontierPolicy(planner=planner)
    if name == "random":
        return RandomPolicy(seed)
    if name == "gainful_views":
        return GainfulViewsPolicy(planner=planner)
    raise InputError(f"unknown policy {name!r}; expected one of: {', '.join(POLICIES)}")
