# SPDX-License-Identifier: Apache-2.0
"""A robot's speeds, which drive it and blur what its camera sees."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Twist:
    """How the robot moves just now, in its own frame: metres and radians per second."""

    forward_mps: float = 0.0
    turn_radps: float = 0.0


STILL = Twist()
