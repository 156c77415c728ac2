# SPDX-License-Identifier: Apache-2.0
"""Which step to take now: the best of all "turn, drive, turn, drive" sequences, scored by the planner's field.

A sequence costs its number of steps plus what is still to do at its end: the steps that the field asks for, and the
turns until the robot faces down the field (without them, driving on and turning later always looks cheaper than
turning now). While turning on the spot the direction is kept, so the robot does not swing left and right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from seal_perception.parameters import parameter
from seal_perception.simulator import Action
from seal_perception.types import FloatArray
from seal_policy.planning.motion import FORWARD_M, TURN_RAD, Pose, wrap
from seal_policy.planning.planner import Field
from seal_policy.planning.sampling import cells_of, clear_ahead, sample_grid, way_left
from seal_policy.planning.terrain import Terrain


@dataclass(frozen=True)
class LocalConfig:
    """How far the local policy looks."""

    max_forward: int = parameter(8, "longest straight piece of a sequence, in forward steps", minimum=1)
    samples: int = parameter(4, "points checked per forward step", minimum=1)

    def __post_init__(self) -> None:
        if self.max_forward < 1 or self.samples < 1:
            raise ValueError(f"max_forward and samples must be >= 1, got {self.max_forward}, {self.samples}")


@dataclass(frozen=True)
class LocalChoice:
    """The chosen sequence: turns (left > 0) first, then forward steps, and its cost in steps."""

    turns: int
    forwards: int
    cost: float

    @property
    def action(self) -> Action:
        """Its first step."""
        if self.turns > 0:
            return Action.LEFT
        if self.turns < 0:
            return Action.RIGHT
        return Action.FORWARD


class LocalPolicy:
    """Chooses discrete steps down a field, clear of grown obstacles along each whole forward step."""

    def __init__(self, config: LocalConfig | None = None) -> None:
        self.config = config or LocalConfig()

    def choose(
        self, terrain: Terrain, field: Field, pose: Pose, grow_m: float, last_turn: int = 0
    ) -> LocalChoice | None:
        """The cheapest sequence from a pose, or None if the robot cannot drive anywhere.

        Args:
            terrain: clearance on the map's own cells.
            field: travel cost to the goal.
            pose: x, y (metres) and yaw (rad) in the map frame.
            grow_m: clearance to keep; less is enough where the robot already stands with less.
            last_turn: +1 or -1 if the robot is turning left or right on the spot: it goes on that way.
        """
        low = -5 if last_turn == 0 else min(0, last_turn * 11)
        high = 6 if last_turn == 0 else max(0, last_turn * 11)
        turns, forwards, cost = _search(
            cells_of(terrain.clearance),
            cells_of(field.grid),
            np.array(pose, np.float64),
            self.needed(terrain, pose, grow_m),
            (low, high),
            self.config.max_forward,
            self.config.samples,
        )
        return LocalChoice(int(turns), int(forwards), float(cost)) if math.isfinite(cost) else None

    def needed(self, terrain: Terrain, pose: Pose, grow_m: float) -> float:
        """Clearance to keep from a pose on: `grow_m`, or less where the robot already stands with less."""
        here = sample_grid(cells_of(terrain.clearance), pose[0], pose[1], 0.0)
        return min(grow_m, float(here) - 1e-4)

    def is_clear(self, terrain: Terrain, pose: Pose, grow_m: float) -> bool:
        """Whether a forward step from a pose keeps the clearance needed."""
        x, y, yaw = pose
        needed = self.needed(terrain, pose, grow_m)
        return bool(clear_ahead(cells_of(terrain.clearance), x, y, yaw, needed, self.config.samples))

    def steps_left(self, field: Field, pose: Pose) -> float:
        """Steps and turns that the field asks for from a pose, if nothing hindered them; inf if no way leads on."""
        return float(_rest(cells_of(field.grid), *pose))


@njit(cache=True)
def _rest(field, x, y, yaw):  # type: ignore[no-untyped-def]  # numba infers
    """Steps still to take at a pose: the field's way, and the turns until the robot faces down the field."""
    here, angle = way_left(field, x, y, yaw)
    return here / FORWARD_M + angle / TURN_RAD


@njit(cache=True)
def _search(  # type: ignore[no-untyped-def]  # numba infers
    clearance, field, pose, needed, turns, max_forward, samples
):
    """First turns, first forward steps and cost of the cheapest sequence; inf if none.

    Args:
        clearance: `Cells`, metres to the nearest obstacle.
        field: `Cells`, travel cost to the goal.
        pose: (3,) x, y in metres and yaw in rad.
        needed: clearance to keep in metres.
        turns: first and last number of turns to begin with, left > 0.
        max_forward: longest straight piece in steps.
        samples: points checked per forward step.
    """
    best_turns, best_forwards, best = 0, 0, np.inf
    for k in range(turns[0], turns[1] + 1):
        yaw = pose[2] + k * TURN_RAD
        x, y = pose[0], pose[1]
        for n in range(1, max_forward + 1):
            if not clear_ahead(clearance, x, y, yaw, needed, samples):
                break
            x += FORWARD_M * math.cos(yaw)
            y += FORWARD_M * math.sin(yaw)
            steps = abs(k) + n
            cost = steps + _rest(field, x, y, yaw)
            for k2 in range(-4, 5):
                if k2 == 0:
                    continue
                yaw2 = yaw + k2 * TURN_RAD
                x2, y2 = x, y
                for m in range(1, max_forward + 1):
                    if not clear_ahead(clearance, x2, y2, yaw2, needed, samples):
                        break
                    x2 += FORWARD_M * math.cos(yaw2)
                    y2 += FORWARD_M * math.sin(yaw2)
                    cost = min(cost, steps + abs(k2) + m + _rest(field, x2, y2, yaw2))
            if cost < best - 1e-6 or (cost < best + 1e-6 and abs(k) < abs(best_turns)):
                best_turns, best_forwards, best = k, n, cost
    return best_turns, best_forwards, best


def heading_to(pose: Pose, xy: FloatArray | tuple[float, float]) -> float:
    """Angle in (-pi, pi] by which the robot must turn to face a point."""
    return wrap(math.atan2(xy[1] - pose[1], xy[0] - pose[0]) - pose[2])
