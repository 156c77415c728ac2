# SPDX-License-Identifier: Apache-2.0
"""What every backend's robot has in common: steps, driving, the clock of its sensors, and what it touched."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from seal_perception.simulator import Action, Observation
from seal_perception.types import FloatArray
from sim_bridge.robot.body import Body
from sim_bridge.robot.config import EmbeddedConfig, checked_seed
from sim_bridge.robot.senses import STEP_S, Senses


class SimulatedRobot(ABC):
    """Moves a `Body` and takes observations; a backend provides the start, the free space and what is seen.

    The odometry frame is the start pose. A backend calls `_build_body` once its floor is known, then `_place(0)`.

    Args:
        config: the robot, its camera and noise.
    """

    T_world_odom: FloatArray
    _body: Body

    def __init__(self, config: EmbeddedConfig) -> None:
        self.config = config
        self.camera = config.camera
        self.T_base_camera: FloatArray = config.T_base_camera
        self._senses = Senses(config)

    @abstractmethod
    def _place(self, seed: int) -> None:
        """Set the start pose of `seed`, and call `_begin` with it."""

    @abstractmethod
    def _free(self, x: float, y: float) -> bool:
        """Whether the robot's centre may be at this position of the frame of its start."""

    @abstractmethod
    def _sense(self, collided: bool, seconds: float) -> Observation:
        """What the robot sees now, `seconds` after it last looked."""

    @abstractmethod
    def _settle(self) -> None:
        """Take the height of the floor after a move."""

    def _build_body(self, spacing_m: float) -> None:
        """Make the body; it checks its path every `spacing_m`."""
        c = self.config
        self._body = Body(c.forward_m, math.radians(c.turn_deg), self._free, spacing_m, c.motion_noise_config)

    def _begin(self, seed: int, T_world_odom: FloatArray) -> None:
        """Stand at this start pose and forget the run so far."""
        self.T_world_odom = T_world_odom
        self._body.reset(seed, self.config.noise_seed)
        self._senses.reset(seed)
        self._step = 0
        self._time_s = self._seen_s = 0.0
        self._touched = False

    def _observe(self, collided: bool) -> Observation:
        self._touched = False
        seconds = (self._time_s - self._seen_s) or STEP_S
        self._seen_s = self._time_s
        return self._sense(collided, seconds)

    def reset(self, seed: int = 0) -> Observation:
        """Back to a start pose: the scene's own, facing +x, for seed 0; another reachable one for others.

        Raises:
            InputError: for a seed that is no whole number >= 0.
        """
        self._place(checked_seed(seed))
        return self._observe(False)

    def step(self, action: Action) -> Observation:
        """Take one action; a blocked step ahead does not move (no sliding) and sets `collided`."""
        collided = False
        if action is Action.FORWARD:
            collided = self._body.forward()
        elif action in (Action.LEFT, Action.RIGHT):
            self._body.turn(1 if action is Action.LEFT else -1)
        elif action is Action.STOP:
            self._body.stop()
        else:
            raise ValueError(f"action must be one of {[a.name for a in Action]}, got {action!r}")
        self._settle()
        self._step += 1
        return self._observe(collided or self._touched)

    # Below: Drivable.

    @property
    def time_s(self) -> float:
        """Seconds driven since reset; discrete steps take none."""
        return self._time_s

    @property
    def T_odom_base(self) -> FloatArray:
        """(4, 4) what the odometry claims now."""
        return self._body.T_odom_base

    def drive(self, forward_mps: float, turn_radps: float, seconds: float) -> bool:
        """Drive along an arc; at an obstacle the robot stops, turning too, until the next call. See `Drivable`.

        Raises:
            ValueError: for a speed that is not finite, or a time that is negative or not finite.
        """
        if not (math.isfinite(forward_mps) and math.isfinite(turn_radps) and 0.0 <= seconds < math.inf):
            raise ValueError(
                f"drive needs finite speeds and seconds >= 0, got {forward_mps} m/s, {turn_radps} rad/s, {seconds} s"
            )
        touched = self._body.drive(forward_mps * seconds, turn_radps * seconds, seconds)
        self._settle()
        self._time_s += seconds
        self._touched = self._touched or touched
        return touched

    def observe(self) -> Observation:
        """Sense without moving; `collided` says whether a drive since the last observation touched something."""
        self._step += 1
        return self._observe(self._touched)
