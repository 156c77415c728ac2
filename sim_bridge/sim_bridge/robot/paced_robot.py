# SPDX-License-Identifier: Apache-2.0
"""A robot in running time: a command holds until the next one or until it is too old, pictures come at their rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seal_perception.parameters import parameter
from seal_perception.simulator import FIRST_STAMP_NS, Drivable

NS = 1_000_000_000


@dataclass(frozen=True)
class PacedConfig:
    """The rates of a robot in paced mode."""

    physics_hz: int = parameter(
        50,
        "ticks per second; the robot moves, and odometry and contacts are published, once per tick",
        minimum=10,
        maximum=1000,
    )
    camera_hz: int = parameter(5, "pictures (and laser sweeps) per second; divides `physics_hz`", minimum=1)
    command_timeout_s: float = parameter(
        0.5, "stop the robot if no command has come for this long, in seconds", minimum=0.0
    )
    max_forward_mps: float = parameter(
        0.306, "maximum speed, ahead and back, in m/s; commands are clipped to it", minimum=0.0
    )
    max_turn_radps: float = parameter(1.5, "maximum rate of turn, in rad/s; commands are clipped to it", minimum=0.0)

    def __post_init__(self) -> None:
        if not 10 <= self.physics_hz <= 1000 or self.camera_hz < 1 or self.physics_hz % self.camera_hz:
            raise ValueError(
                "physics_hz must be 10..1000 and a multiple of camera_hz, which must be >= 1; "
                f"got {self.physics_hz}, {self.camera_hz}"
            )
        if min(self.command_timeout_s, self.max_forward_mps, self.max_turn_radps) <= 0:
            raise ValueError(f"command_timeout_s, max_forward_mps and max_turn_radps must be positive, got {self}")
        if not math.isfinite(self.command_timeout_s) or self.timeout_ticks < 1:
            raise ValueError(
                "command_timeout_s must be a number of a tick or more, or the robot never moves; "
                f"got {self.command_timeout_s} s at {self.physics_hz} Hz"
            )

    @property
    def timeout_ticks(self) -> int:
        """Ticks for which a command holds."""
        return round(self.command_timeout_s * self.physics_hz)

    @property
    def ticks_per_picture(self) -> int:
        """Physics ticks from one picture to the next."""
        return self.physics_hz // self.camera_hz


class PacedRobot:
    """Time, command and contacts of a world with a robot that can be driven.

    Attributes:
        ticks: physics ticks so far.
        contacts: times that something was touched; touching on tick after tick is one contact.
        touching: whether the last tick ended at an obstacle.
    """

    def __init__(self, world: Drivable, config: PacedConfig | None = None) -> None:
        self.config = config or PacedConfig()
        self.ticks = self.contacts = 0
        self.touching = False
        self._world = world
        self._speeds = (0.0, 0.0)
        self._command_tick: int | None = None

    @property
    def time_s(self) -> float:
        """Seconds since the start."""
        return self.ticks / self.config.physics_hz

    @property
    def stamp_ns(self) -> int:
        """Stamp of the present tick."""
        return FIRST_STAMP_NS + self.ticks * NS // self.config.physics_hz

    @property
    def picture_due(self) -> bool:
        """Whether a picture is due at the present tick."""
        return self.ticks % self.config.ticks_per_picture == 0

    @property
    def idle(self) -> bool:
        """Whether there is no command, or the last one is too old: the robot stands."""
        if self._command_tick is None:
            return True
        return self.ticks - self._command_tick >= self.config.timeout_ticks

    def command(self, forward_mps: float, turn_radps: float) -> tuple[float, float]:
        """Drive at these speeds from now on; returns them as clipped.

        Raises:
            ValueError: if one is not a number.
        """
        if forward_mps != forward_mps or turn_radps != turn_radps:
            raise ValueError(f"speeds must be numbers, got {forward_mps} m/s and {turn_radps} rad/s")
        c = self.config
        self._speeds = (
            max(-c.max_forward_mps, min(c.max_forward_mps, forward_mps)),
            max(-c.max_turn_radps, min(c.max_turn_radps, turn_radps)),
        )
        self._command_tick = self.ticks
        return self._speeds

    def tick(self) -> bool:
        """Let one tick pass; returns whether a contact began in it."""
        forward, turn = (0.0, 0.0) if self.idle else self._speeds
        touching = self._world.drive(forward, turn, 1.0 / self.config.physics_hz)
        began = touching and not self.touching
        self.touching = touching
        self.contacts += began
        self.ticks += 1
        return began
