# SPDX-License-Identifier: Apache-2.0
"""Which speed to drive at now: the arc that leaves the least time to the goal and touches nothing.

Source: dynamic window (Fox, Burgard, Thrun, 1997), with the fast marching field in place of its heading and speed
terms: an arc costs its time plus the time that the way left takes from there, as `local_policy` counts steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from seal_perception.grid import Grid2D
from seal_perception.parameters import parameter
from seal_policy.planning.motion import Pose
from seal_policy.planning.planner import Field
from seal_policy.planning.sampling import Cells, cells_of, sample_grid, way_left
from seal_policy.planning.terrain import Terrain


@dataclass(frozen=True)
class Velocity:
    """Speed ahead in m/s (negative = backwards) and rate of turn in rad/s (left positive)."""

    forward_mps: float = 0.0
    turn_radps: float = 0.0


@dataclass(frozen=True)
class VelocityConfig:
    """How fast the robot drives; the defaults are within the LoCoBot's limits (Create 3: 0.306 m/s)."""

    max_forward_mps: float = parameter(0.3, "maximum speed ahead, in m/s", minimum=0.0)
    max_turn_radps: float = parameter(1.0, "maximum rate of turn, in rad/s", minimum=0.0)
    forward_mps2: float = parameter(
        0.6, "maximum acceleration ahead, in m/s2; it does not limit a stop for an obstacle", minimum=0.0
    )
    turn_radps2: float = parameter(4.0, "maximum angular acceleration, in rad/s2", minimum=0.0)
    forward_levels: int = parameter(3, "number of sampled speeds, besides standing", minimum=1)
    turn_levels: int = parameter(7, "number of sampled rates of turn, to either side", minimum=1)
    horizon_s: float = parameter(1.8, "horizon of the sampled arcs, in seconds", minimum=0.0)
    sample_s: float = parameter(0.15, "time between samples of an arc, in seconds", minimum=0.0)
    stop_s: float = parameter(0.6, "minimum time for which an arc must be free, in seconds", minimum=0.0)
    touch_margin_m: float = parameter(
        0.03, "clearance beyond the radius from obstacles in the rolling grid, in metres", minimum=0.0
    )
    keep_turn_s: float = parameter(
        0.15, "bonus for an arc that turns to the same side as the last command, in seconds", minimum=0.0
    )

    def __post_init__(self) -> None:
        positive = ("max_forward_mps", "max_turn_radps", "forward_mps2", "turn_radps2", "sample_s")
        for name in positive:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.forward_levels < 1 or self.turn_levels < 1:
            raise ValueError(
                f"forward_levels and turn_levels must be >= 1, got {self.forward_levels}, {self.turn_levels}"
            )
        if not self.sample_s <= self.stop_s <= self.horizon_s or self.touch_margin_m < 0 or self.keep_turn_s < 0:
            raise ValueError(f"need sample_s <= stop_s <= horizon_s, and margins >= 0, got {self}")


@dataclass(frozen=True)
class Clearance:
    """Metres to the nearest obstacle on a grid, and how much of it the robot keeps.

    Attributes:
        grid: float32 metres from a cell's centre to the centre of the nearest obstacle cell.
        keep_m: clearance to keep in metres; where the robot has less already, it must not become less.
        outside_m: clearance beyond the grid in metres.
        slack_m: loss of clearance that is allowed all the same, in metres.
    """

    grid: Grid2D
    keep_m: float
    outside_m: float = 0.0
    slack_m: float = 1e-3

    @classmethod
    def of_terrain(cls, terrain: Terrain, keep_m: float) -> Clearance:
        """That of a planner's crop of the map."""
        return cls(terrain.clearance, keep_m)

    def needed(self, x: float, y: float) -> float:
        """Clearance that the robot must keep on its way from (x, y)."""
        here = sample_grid(cells_of(self.grid), x, y, self.outside_m)
        return min(self.keep_m, float(here) - self.slack_m)


class VelocityPolicy:
    """Chooses arcs; holds no state but its configuration."""

    def __init__(self, config: VelocityConfig | None = None) -> None:
        self.config = config or VelocityConfig()
        c = self.config
        speeds = np.arange(c.forward_levels, -1, -1) / c.forward_levels * c.max_forward_mps
        turns = np.arange(-c.turn_levels, c.turn_levels + 1) / c.turn_levels * c.max_turn_radps
        self._arcs = np.array([(v, w) for v in speeds for w in turns if v > 0 or w != 0])

    def choose(
        self, field: Field, pose: Pose, mapped: Clearance, nearby: Clearance, last_turn_radps: float = 0.0
    ) -> Velocity | None:
        """The arc with the least time left, or None if none can be driven that leads to the goal.

        Args:
            field: way to the goal.
            pose: x, y (metres) and yaw (rad), map frame.
            mapped: clearance by the map.
            nearby: clearance by what was seen lately.
            last_turn_radps: the rate of turn in force.
        """
        c = self.config
        k, cost = _search(
            self._arcs,
            cells_of(field.grid),
            _kept(mapped, pose),
            _kept(nearby, pose),
            np.array(pose, np.float64),
            _Times(*map(float, (c.horizon_s, c.sample_s, c.stop_s, c.max_forward_mps, c.max_turn_radps))),
            c.keep_turn_s * (0.0 if abs(last_turn_radps) < 0.05 else math.copysign(1.0, last_turn_radps)),
        )
        if k < 0 or not math.isfinite(cost):
            return None
        return Velocity(float(self._arcs[k, 0]), float(self._arcs[k, 1]))

    def free_s(self, pose: Pose, velocity: Velocity, nearby: Clearance) -> float:
        """For how many seconds an arc is free of what was seen lately, at most `horizon_s`."""
        c = self.config
        arc = np.array([velocity.forward_mps, velocity.turn_radps])
        return float(_free_s(arc, _kept(nearby, pose), np.array(pose, np.float64), c.horizon_s, c.sample_s))

    def slewed(self, last: Velocity, wanted: Velocity, seconds: float) -> Velocity:
        """The wanted speeds as far as they can be reached in the time since the last ones; slowing down is instant.

        Where the speed ahead is not reached yet, the turn is slower in proportion: the robot stays on the same arc.
        """
        c = self.config
        forward = _towards(last.forward_mps, wanted.forward_mps, c.forward_mps2 * seconds)
        share = forward / wanted.forward_mps if wanted.forward_mps * forward > 0 else 1.0
        turn = _towards(last.turn_radps, share * wanted.turn_radps, c.turn_radps2 * seconds)
        return Velocity(forward, turn)


def _towards(last: float, wanted: float, most: float) -> float:
    if abs(wanted) <= abs(last) and wanted * last >= 0:
        return wanted
    start = last if wanted * last > 0 else 0.0
    return start + max(-most, min(most, wanted - start))


class _Kept(NamedTuple):
    """A clearance as a kernel takes it: its grid, and the metres to keep and to assume beyond it."""

    grid: Cells
    needed: float
    outside: float


class _Times(NamedTuple):
    """Seconds that arcs are followed, sampled and must be free; greatest speeds in m/s and rad/s."""

    horizon: float
    sample: float
    stop: float
    max_forward: float
    max_turn: float


def _kept(clearance: Clearance, pose: Pose) -> _Kept:
    return _Kept(cells_of(clearance.grid), clearance.needed(pose[0], pose[1]), float(clearance.outside_m))


@njit(cache=True)
def _along(pose, v, w, t):  # type: ignore[no-untyped-def]  # numba infers
    """Pose after `t` seconds on an arc."""
    half = 0.5 * w * t
    chord = v * t * (math.sin(half) / half if abs(half) > 1e-9 else 1.0)
    return pose[0] + chord * math.cos(pose[2] + half), pose[1] + chord * math.sin(pose[2] + half), pose[2] + w * t


@njit(cache=True)
def _free_s(arc, kept, pose, horizon, step):  # type: ignore[no-untyped-def]  # numba infers
    """Seconds until an arc comes too near to something."""
    grid, needed, outside = kept
    if arc[0] == 0.0:
        return horizon
    for k in range(1, int(math.ceil(horizon / step - 1e-9)) + 1):
        x, y, _ = _along(pose, arc[0], arc[1], k * step)
        if sample_grid(grid, x, y, outside) < needed:
            return (k - 1) * step
    return horizon


@njit(cache=True)
def _search(arcs, field, mapped, nearby, pose, times, keep):  # type: ignore[no-untyped-def]  # numba infers
    """Index and cost in seconds of the best arc; -1 and inf if there is none.

    Args:
        arcs: (N, 2) speed ahead in m/s, rate of turn in rad/s.
        field: `Cells`, travel cost to the goal.
        mapped: `_Kept` by the map.
        nearby: `_Kept` by what was seen lately.
        pose: (3,) x, y in metres and yaw in rad.
        times: `_Times`.
        keep: bonus in seconds for turning on, signed like the turn in force.
    """
    horizon, step, stop, v_max, w_max = times
    best, best_cost = -1, np.inf
    for k in range(len(arcs)):
        v, w = arcs[k, 0], arcs[k, 1]
        free = min(
            _free_s(arcs[k], mapped, pose, horizon, step),
            _free_s(arcs[k], nearby, pose, horizon, step),
        )
        if free < stop - 1e-9:
            continue
        cost = np.inf
        for n in range(1, int(math.floor(free / step + 1e-9)) + 1):
            x, y, yaw = _along(pose, v, w, n * step)
            metres, angle = way_left(field, x, y, yaw)
            cost = min(cost, n * step + metres / v_max + angle / w_max)
        if keep * w > 0.0:
            cost -= abs(keep)
        if cost < best_cost - 1e-9:
            best, best_cost = k, cost
    return best, best_cost
