# SPDX-License-Identifier: Apache-2.0
"""Whether the planner may drive: with permission, on inputs that are there and can be believed, and not otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from seal_perception.parameters import parameter
from seal_perception.safety.watch import Fault, Freshness, OdometryWatch
from seal_perception.types import FloatArray

Speeds = tuple[float, float]
"""m/s ahead and rad/s to the left."""
STOP: Speeds = (0.0, 0.0)
ODOMETRY, PICTURE, MAP, GOAL, SCORES = "odometry", "picture", "map", "goal", "detections"
ZEROS = 3
"""How often a stop is sent: one message may be lost."""
NOT_ENABLED = "not enabled: call explore/enable"
_NS = 1_000_000_000
_DRIFT = 1e-3
"""Seconds per second by which two computers' clocks may part; a queue that grows is far faster."""


@dataclass(frozen=True)
class GuardConfig:
    """From when on the planner takes an input for gone, and stops."""

    odometry_s: float = parameter(0.3, "stop without odometry for this long, in seconds; 0 = never", minimum=0.0)
    picture_s: float = parameter(1.0, "stop without a depth picture for this long, in seconds; 0 = never", minimum=0.0)
    map_s: float = parameter(5.0, "stop without a map for this long, in seconds; 0 = never", minimum=0.0)
    goal_s: float = parameter(5.0, "stop without a goal message for this long, in seconds; 0 = never", minimum=0.0)
    scores_s: float = parameter(5.0, "stop without detections for this long, in seconds; 0 = never", minimum=0.0)
    late_s: float = parameter(
        0.5,
        "stop where odometry is this much older when it is read than at its best, in seconds; 0 = never",
        minimum=0.0,
    )
    odd_s: float = parameter(0.5, "stand for this long after a message that cannot be used, in seconds", minimum=0.0)


@dataclass
class DriveGuard:
    """Decides what is sent to the base in place of what the driver wants.

    Time is that of odometry's stamps, so that it runs as the robot's does; only odometry itself is missed by a clock.

    Args:
        config: time limits.
        enabled: whether there is permission from the start.
        watch: compares odometry messages.

    Attributes:
        latched: why the robot stands until it is enabled anew; empty = nothing.
        stops: how often it has been stopped.
    """

    config: GuardConfig = field(default_factory=GuardConfig)
    enabled: bool = False
    watch: OdometryWatch = field(default_factory=OdometryWatch)

    def __post_init__(self) -> None:
        c = self.config
        limits = {PICTURE: c.picture_s, MAP: c.map_s, GOAL: c.goal_s, SCORES: c.scores_s}
        self._inputs = Freshness(limits)
        self._odometry = Freshness({ODOMETRY: c.odometry_s})
        self.latched = ""
        self.stops = 0
        self._now_s = self._behind_s = 0.0
        self._least_s = math.inf
        self._odd: tuple[str, float] | None = None
        self._owed = 0
        self._moving = False

    def enable(self, on: bool) -> None:
        """Give permission, which forgives what was latched, or take it."""
        self.enabled = on
        if on:
            self.latched = ""
            self._odd = None

    def see_odometry(self, stamp_ns: int, T_odom_base: FloatArray, clock_s: float, late_s: float = 0.0) -> Fault | None:
        """Take odometry; returns what is wrong with it, which is latched.

        Args:
            stamp_ns: of the message.
            T_odom_base: (4, 4) pose.
            clock_s: a clock of this machine that does not go back.
            late_s: the clock of the run minus the stamp, in seconds; clocks of two machines may differ by a constant.
        """
        fault = self.watch.see(stamp_ns, T_odom_base)
        self._odometry.seen(ODOMETRY, clock_s)
        passed_s, self._now_s = stamp_ns / _NS - self._now_s, stamp_ns / _NS
        self._least_s = late_s if fault is not None else min(late_s, self._least_s + _DRIFT * max(0.0, passed_s))
        self._behind_s = late_s - self._least_s
        if fault is not None:
            self.latched = fault.text
            self._inputs.forget((PICTURE, MAP, GOAL, SCORES))
        return fault

    def seen(self, what: str) -> None:
        """One of the other inputs came."""
        self._inputs.seen(what, self._now_s)

    def odd(self, text: str, clock_s: float) -> None:
        """A message came that cannot be used: stand for a moment."""
        self._odd = (text, clock_s)

    def reasons(self, clock_s: float) -> list[str]:
        """Why the robot must not move; empty = it may."""
        rows = [] if self.enabled else [NOT_ENABLED]
        if self.latched:
            rows.append(f"{self.latched}: call explore/enable")
        if self._odd is not None and clock_s - self._odd[1] < self.config.odd_s:
            rows.append(self._odd[0])
        if 0 < self.config.late_s < self._behind_s:
            rows.append(f"odometry is {self._behind_s:.1f} s old when it is read: this computer is too slow")
        # A goal that says "none yet" is a goal: the robot looks around first.
        return [*rows, *self._odometry.missing(clock_s), *self._inputs.missing(self._now_s)]

    def to_send(self, wanted: Speeds | None, clock_s: float) -> Speeds | None:
        """What to send now: what is wanted, a stop (three times), or nothing.

        Args:
            wanted: by the driver; None = it wants nothing now.
            clock_s: as of `see_odometry`.
        """
        if not self.reasons(clock_s):
            if wanted is not None and not all(map(math.isfinite, wanted)):
                wanted = STOP
            if wanted is not None:
                self._moving, self._owed = True, ZEROS
            return wanted
        if self._moving:
            self._moving = False
            self.stops += 1
        if self._owed:
            self._owed -= 1
            return STOP
        return None
