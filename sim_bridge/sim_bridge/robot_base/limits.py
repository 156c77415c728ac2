# SPDX-License-Identifier: Apache-2.0
"""How fast a base may be told to drive: clipped, slewed, and no wheel faster than it can turn."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seal_perception.parameters import parameter

Speeds = tuple[float, float]
"""m/s ahead (negative = back) and rad/s to the left."""
STOP: Speeds = (0.0, 0.0)


@dataclass(frozen=True)
class LimitsConfig:
    """What a base is told at most."""

    max_forward_mps: float = parameter(0.25, "maximum speed ahead, in m/s", minimum=0.0)
    max_back_mps: float = parameter(0.12, "maximum speed backwards, in m/s; 0 = the base refuses it", minimum=0.0)
    max_turn_radps: float = parameter(0.8, "maximum rate of turn, in rad/s", minimum=0.0)
    forward_mps2: float = parameter(0.5, "maximum acceleration; stopping is not limited, in m/s2", minimum=0.0)
    turn_radps2: float = parameter(2.0, "maximum angular acceleration; stopping is not limited, in rad/s2", minimum=0.0)
    max_wheel_mps: float = parameter(0.306, "maximum speed of a wheel, in m/s; 0 = not limited", minimum=0.0)
    wheel_distance_m: float = parameter(0.233, "distance between the two wheels, in metres", minimum=0.0)

    def __post_init__(self) -> None:
        for name in ("max_forward_mps", "max_turn_radps", "forward_mps2", "turn_radps2"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be a positive number, got {value}")
        for name in ("max_back_mps", "max_wheel_mps", "wheel_distance_m"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be a number, got {getattr(self, name)}")
        if self.max_wheel_mps > 0 and not self.wheel_distance_m > 0:
            raise ValueError(f"max_wheel_mps needs the wheel_distance_m, got {self.wheel_distance_m}")


def clipped(speeds: Speeds, limits: LimitsConfig) -> Speeds:
    """Speeds within the limits; both are scaled, so that the arc stays the one that the planner found free.

    A base that refuses to go back (`max_back_mps` 0) still turns.
    """
    forward, turn = speeds
    most = limits.max_forward_mps if forward > 0 else limits.max_back_mps
    if most == 0:
        forward = 0.0
    share = 1.0
    for value, limit in ((abs(forward), most), (abs(turn), limits.max_turn_radps)):
        share = min(share, limit / value) if value > limit else share
    wheel = share * (abs(forward) + abs(turn) * limits.wheel_distance_m / 2)
    if 0 < limits.max_wheel_mps < wheel:
        share *= limits.max_wheel_mps / wheel
    return forward * share, turn * share


def slewed(last: Speeds, wanted: Speeds, passed_s: float, limits: LimitsConfig) -> Speeds:
    """`wanted`, as far as the base may come nearer to it in the time that has passed; slower is always allowed."""
    return (
        _slew(last[0], wanted[0], limits.forward_mps2 * passed_s),
        _slew(last[1], wanted[1], limits.turn_radps2 * passed_s),
    )


def _slew(last: float, wanted: float, most: float) -> float:
    if last * wanted < 0:  # through standing
        last = 0.0
    if abs(wanted) <= abs(last):
        return wanted
    return max(last - most, min(last + most, wanted))
