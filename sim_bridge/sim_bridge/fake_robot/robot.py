# SPDX-License-Identifier: Apache-2.0
"""A robot whose sensors have clocks, delays and gaps of their own: what it sends, with the time when it arrives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seal_perception.parameters import parameter
from seal_perception.simulator import Drivable, Observation
from seal_perception.types import FloatArray
from sim_bridge.fake_robot.base import BaseState, FakeBase, base_kind
from sim_bridge.robot.paced_robot import PacedConfig, PacedRobot

NS = 1_000_000_000
PHYSICS_HZ = 200
"""Ticks per second. A picture is taken at a tick at which no odometry is sent: its pose is true, and its stamp is 5 ms
off odometry's or more."""
_BEHIND_S = 1.0
"""A machine that is farther behind than this leaves the time out: the robot stands still in it."""


@dataclass(frozen=True)
class FakeRobotConfig:
    """A LoCoBot's base and camera."""

    base: str = parameter("kobuki", "base of the LoCoBot: kobuki or create3")
    camera_hz: float = parameter(30.0, "pictures per second", minimum=0.5, maximum=90.0)
    camera_delay_s: tuple[float, ...] = parameter((0.02, 0.06), "least and greatest age of a picture on arrival, in s")
    odometry_delay_s: float = parameter(0.004, "age of odometry on arrival, in seconds", minimum=0.0)
    no_picture: float = parameter(0.01, "share of the pictures that are lost", minimum=0.0, maximum=1.0)
    no_depth: float = parameter(0.02, "share of the other pictures whose depth is lost", minimum=0.0, maximum=1.0)
    seed: int = parameter(0, "seed of delays and losses", minimum=0)

    def __post_init__(self) -> None:
        base_kind(self.base)
        delays = self.camera_delay_s
        if len(delays) != 2 or not 0 <= delays[0] <= delays[1] < math.inf:
            raise ValueError(f"camera_delay_s must be two rising numbers >= 0, got {delays}")
        if not 0 < self.camera_hz <= PHYSICS_HZ / 2:
            raise ValueError(f"camera_hz must lie above 0 and be at most {PHYSICS_HZ // 2}, got {self.camera_hz}")


@dataclass(frozen=True)
class Sent:
    """What a sensor sends.

    Attributes:
        due_ns: when it arrives.
        stamp_ns: when it was sensed.
        T_odom_base: (4, 4) odometry's claim; None = this is a picture.
        state: the base's, with odometry.
        picture: the camera's; None = this is odometry.
        depth: whether the picture has its depth.
    """

    due_ns: int
    stamp_ns: int
    T_odom_base: FloatArray | None = None
    state: BaseState | None = None
    picture: Observation | None = None
    depth: bool = True


class FakeRobot:
    """Lets time run in a world, in ticks of 5 ms.

    Args:
        world: reset.
        config: the robot.
        begin_ns: stamp of the first tick.

    Attributes:
        base: what the world's robot is mounted on.
        left_out_s: time that passed without the robot, on a machine that was too slow.
    """

    def __init__(self, world: Drivable, config: FakeRobotConfig, begin_ns: int) -> None:
        self.config, self.kind = config, base_kind(config.base)
        self.base = FakeBase(world, self.kind)
        limits = PacedConfig(
            physics_hz=PHYSICS_HZ, command_timeout_s=self.kind.watchdog_s, max_forward_mps=self.kind.max_forward_mps
        )
        self._robot = PacedRobot(self.base, limits)
        self._begin_ns = begin_ns
        self._rng = np.random.default_rng(config.seed)
        self._every = PHYSICS_HZ // self.kind.odometry_hz
        self._pictures = 0
        self.left_out_s = 0.0

    @property
    def stamp_ns(self) -> int:
        """Time of the next tick."""
        return self._begin_ns + self._robot.ticks * NS // PHYSICS_HZ

    @property
    def contacts(self) -> int:
        """Times that something was touched: that the bumper was pressed."""
        return self.base.presses

    @property
    def standing(self) -> bool:
        """Whether it has no command, or stopped by itself because the last one is too old."""
        return self._robot.idle

    def command(self, forward_mps: float, turn_radps: float) -> None:
        """Drive at these speeds until the watchdog bites.

        Raises:
            ValueError: if one is not a number.
        """
        self._robot.command(forward_mps, turn_radps)

    def advance(self, until_ns: int) -> Iterator[Sent]:
        """Let time run to a stamp; what is sensed on the way, in the order in which it is sensed."""
        behind_s = (until_ns - self.stamp_ns) / NS
        if behind_s > _BEHIND_S:
            self._begin_ns += until_ns - self.stamp_ns
            self.left_out_s += behind_s
        while self.stamp_ns <= until_ns:
            yield from self._sense()
            self._robot.tick()

    def _sense(self) -> Iterator[Sent]:
        stamp, tick = self.stamp_ns, self._robot.ticks
        if tick % self._every == 0:
            delay = round(self.config.odometry_delay_s * NS)
            yield Sent(stamp + delay, stamp, self.base.T_odom_base.copy(), self.base.state)
        elif tick * self.config.camera_hz >= self._pictures * PHYSICS_HZ:
            self._pictures = math.floor(tick * self.config.camera_hz / PHYSICS_HZ) + 1
            youngest_s, oldest_s = self.config.camera_delay_s
            delay_s, (lost, bare) = self._rng.uniform(youngest_s, oldest_s), self._rng.uniform(size=2)
            if lost >= self.config.no_picture:
                seen = self.base.observe()
                depth = bool(bare >= self.config.no_depth)
                yield Sent(stamp + round(delay_s * NS), stamp, picture=seen, depth=depth)
