# SPDX-License-Identifier: Apache-2.0
"""A base in a simulated world: what stops it, what its sensors tell, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass

from seal_perception.errors import InputError
from seal_perception.simulator import Drivable, Observation
from seal_perception.types import FloatArray

BACKUP_LIMIT, BUMP, CLIFF, WHEEL_DROP = 0, 1, 2, 4
"""Types of irobot_create_msgs/HazardDetection."""
_BUMPER_CENTRE = 2
"""Bit of kobuki_ros_interfaces/SensorState."""
_RELEASED_M, _RELEASED_RAD = 0.02, 0.3
"""A bumper stays pressed until the robot has moved away so far from what it touches."""


@dataclass(frozen=True)
class BaseKind:
    """A base's habits.

    Attributes:
        odometry_hz: messages per second.
        watchdog_s: it stops by itself after so long without a command.
        max_forward_mps: no faster, whatever it is told.
        backup_limit: it drives back no farther than it drove ahead before.
    """

    odometry_hz: int
    watchdog_s: float
    max_forward_mps: float
    backup_limit: bool


BASES = {
    "kobuki": BaseKind(odometry_hz=50, watchdog_s=2.0, max_forward_mps=0.7, backup_limit=False),
    "create3": BaseKind(odometry_hz=20, watchdog_s=0.5, max_forward_mps=0.306, backup_limit=True),
}
"""By the sources of Interbotix's packages, kobuki_ros and create3_sim. Neither stops at its bumper here: a Kobuki's
driver does not, and a Create 3's reflexes may be switched off."""


def base_kind(name: str) -> BaseKind:
    """A base by its name.

    Raises:
        InputError: if there is none.
    """
    if name not in BASES:
        raise InputError(f"base must be {' or '.join(BASES)}, got {name!r}")
    return BASES[name]


@dataclass(frozen=True)
class BaseState:
    """What the base tells of itself, by the names that `faces.Face.channels` use.

    Attributes:
        bumper, cliff, wheel_drop: bits of the sensors that tell of it (Kobuki).
        charger: 0 = it does not charge.
        hazards: types of irobot_create_msgs/HazardDetection (Create 3).
        kidnapped, docked: whether it is.
        state: 1 = online.
        voltage, percentage: of the battery.
    """

    bumper: int = 0
    cliff: int = 0
    wheel_drop: int = 0
    charger: int = 0
    hazards: tuple[int, ...] = ()
    kidnapped: bool = False
    docked: bool = False
    state: int = 1
    voltage: float = 15.8
    percentage: float = 0.7


class FakeBase:
    """A `Drivable` that is a base's body: refuses to drive back too far, holds its bumper pressed, moves nothing else.

    Args:
        world: the robot in its world.
        kind: the base.

    Attributes:
        cliff, wheel_drop: whether these sensors tell of it; set from outside.
        presses: times that the bumper was pressed: scraping along a wall, with ticks between, is one.
        moved_m, moved_rad: way driven and angles turned so far, whatever the direction.
    """

    def __init__(self, world: Drivable, kind: BaseKind) -> None:
        self._world, self._kind = world, kind
        self.cliff = self.wheel_drop = False
        self.moved_m = self.moved_rad = 0.0
        self.presses = 0
        self._pressed = self._refused = False
        self._away_m = self._away_rad = self._ahead_m = 0.0

    @property
    def T_odom_base(self) -> FloatArray:
        """(4, 4) what the odometry claims now."""
        return self._world.T_odom_base

    def observe(self) -> Observation:
        """What is sensed at the present pose."""
        return self._world.observe()

    def drive(self, forward_mps: float, turn_radps: float, seconds: float) -> bool:
        """As `Drivable.drive`, within what the base does."""
        forward = forward_mps
        self._refused = self._kind.backup_limit and forward < 0 and self._ahead_m + forward * seconds < 0
        if self._refused:
            forward = 0.0
        touched = self._world.drive(forward, turn_radps, seconds)
        if touched:
            self.presses += not self._pressed
            self._pressed, self._away_m, self._away_rad = True, 0.0, 0.0
            return True
        self._ahead_m = max(0.0, self._ahead_m + forward * seconds)
        self._away_m += max(0.0, -forward * seconds)
        self._away_rad += abs(turn_radps) * seconds
        self.moved_m += abs(forward) * seconds
        self.moved_rad += abs(turn_radps) * seconds
        if self._away_m >= _RELEASED_M or self._away_rad >= _RELEASED_RAD:
            self._pressed = False
        return False

    @property
    def state(self) -> BaseState:
        """What it tells of itself now."""
        found = (
            (self._refused, BACKUP_LIMIT),
            (self._pressed, BUMP),
            (self.cliff, CLIFF),
            (self.wheel_drop, WHEEL_DROP),
        )
        return BaseState(
            bumper=_BUMPER_CENTRE if self._pressed else 0,
            cliff=2 if self.cliff else 0,
            wheel_drop=3 if self.wheel_drop else 0,
            hazards=tuple(kind for on, kind in found if on),
        )
