# SPDX-License-Identifier: Apache-2.0
"""The gate in front of the wheels: a command passes with permission, on live sensors and a healthy base; else zero.

No base stops by itself in time: a Kobuki under Interbotix drives on for 2 s without a command, and at its bumper and
cliff sensors for ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from seal_perception.parameters import parameter
from seal_perception.safety.watch import Freshness, OdometryWatch
from seal_perception.types import FloatArray
from sim_bridge.robot_base.limits import STOP, LimitsConfig, Speeds, clipped, slewed

COMMAND, ODOMETRY, PICTURE = "command", "odometry", "picture"
CONTACT, CLIFF, WHEEL_DROP, KIDNAPPED, DOCKED, BATTERY, OFFLINE = (
    "contact", "cliff", "wheel drop", "kidnapped", "docked", "battery", "offline",
)  # fmt: skip
SIGNALS = (CONTACT, CLIFF, WHEEL_DROP, KIDNAPPED, DOCKED, BATTERY, OFFLINE)
"""What a base may tell about itself; each stops it while it holds."""
LATCHING = {
    CLIFF: "it stands at a cliff",
    WHEEL_DROP: "a wheel has dropped",
    KIDNAPPED: "it was lifted: the map is void",
    BATTERY: "the battery is nearly empty",
    DOCKED: "it is docked",
    OFFLINE: "the base is offline",
}
"""Signals that stop it until it is enabled anew, in words: letting go of an emergency stop moves nothing."""
NOT_ENABLED = "not enabled"
AWAY_S = 2.0
"""Odometry and pictures that come again after so long do not start the wheels by themselves: that needs a person."""


@dataclass(frozen=True)
class GateConfig:
    """When the gate closes."""

    command_s: float = parameter(0.5, "stop if no command has come for this long, in seconds", minimum=0.0)
    odometry_s: float = parameter(0.3, "stop if no odometry has come for this long, in seconds", minimum=0.0)
    picture_s: float = parameter(1.0, "stop if no picture has come for this long, in seconds; 0 = never", minimum=0.0)
    contact_s: float = parameter(0.5, "stand for this long when a contact begins, in seconds", minimum=0.0)
    jump_m: float = parameter(0.3, "a longer way between two odometry messages is a jump, in metres", minimum=0.0)
    jump_rad: float = parameter(0.5, "a larger turn between two odometry messages is a jump, in rad", minimum=0.0)

    def __post_init__(self) -> None:
        for name in ("command_s", "odometry_s", "jump_m", "jump_rad"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)}")
        if not (math.isfinite(self.picture_s) and math.isfinite(self.contact_s)):
            raise ValueError(f"picture_s and contact_s must be numbers, got {self.picture_s}, {self.contact_s}")


@dataclass(frozen=True)
class Reason:
    """Why the gate is closed.

    Attributes:
        name: of the condition, a word or two.
        text: the same for people, with figures and what to do.
        latched: it stays until the robot is enabled anew.
    """

    name: str
    text: str
    latched: bool = False


class Gate:
    """Turns commands into what the base is told. All times are seconds of a clock that does not go back.

    Args:
        config: time limits.
        limits: speeds.
        sensor_s: signal -> longest time without a message about it, in seconds; 0 or absent = it comes on change only.

    Attributes:
        enabled: whether there is permission.
        touching: whether a bumper is pressed.
    """

    def __init__(
        self,
        config: GateConfig | None = None,
        limits: LimitsConfig | None = None,
        sensor_s: Mapping[str, float] | None = None,
    ) -> None:
        self.config, self.limits = config or GateConfig(), limits or LimitsConfig()
        c = self.config
        self._inputs = Freshness({ODOMETRY: c.odometry_s, PICTURE: c.picture_s, COMMAND: c.command_s})
        self._sensors = Freshness(sensor_s or {})
        self._watch = OdometryWatch(c.jump_m, c.jump_rad)
        self._latched: dict[str, Reason] = {}
        self._on: set[str] = set()
        self._wanted: Speeds = STOP
        self._sent: Speeds = STOP
        self._sent_s: float | None = None
        self._contact_s = -math.inf
        self._outside: tuple[str, ...] = ()
        self.enabled = False

    @property
    def touching(self) -> bool:
        """Whether a bumper is pressed."""
        return CONTACT in self._on

    @property
    def latched(self) -> bool:
        """Whether something stops it until it is enabled anew."""
        return bool(self._latched)

    def enable(self, on: bool) -> str:
        """Give or take permission; returns why it cannot be given, or nothing.

        Giving it forgives what was latched, but not what still holds.
        """
        if not on:
            self.enabled = False
            return ""
        still = [words for name, words in LATCHING.items() if name in self._on]
        if still:
            return f"not enabled: {'; '.join(still)}"
        self._latched.clear()
        self.enabled = True
        return ""

    def see_command(self, speeds: Speeds, now_s: float) -> None:
        """Take a command; one that is no number is as none."""
        if not all(map(math.isfinite, speeds)):
            self._wanted = STOP
            self._inputs.forget([COMMAND])
            return
        self._wanted = speeds
        self._inputs.seen(COMMAND, now_s)

    def see_odometry(self, stamp_ns: int, T_odom_base: FloatArray, now_s: float) -> None:
        """Take odometry; a jump, or stamps that go back, are latched."""
        self._seen(ODOMETRY, now_s)
        fault = self._watch.see(stamp_ns, T_odom_base)
        if fault is not None:
            self._latch(fault.kind, f"{fault.text}: the map is void")

    def see_picture(self, now_s: float) -> None:
        """A picture came."""
        self._seen(PICTURE, now_s)

    def _seen(self, name: str, now_s: float) -> None:
        age_s = self._inputs.age_s(name, now_s)
        if AWAY_S < age_s < math.inf:
            self._latch(f"{name} was away", f"{name} was away for {age_s:.1f} s")
        self._inputs.seen(name, now_s)

    def see_signal(self, name: str, on: bool, now_s: float) -> None:
        """The base tells of itself.

        Raises:
            ValueError: for a signal that is not one of `SIGNALS`.
        """
        if name not in SIGNALS:
            raise ValueError(f"a signal must be one of {', '.join(SIGNALS)}, got {name!r}")
        self._sensors.seen(name, now_s)
        if not on:
            self._on.discard(name)
            return
        if name == CONTACT and not self.touching:
            self._contact_s = now_s
        self._on.add(name)
        if name in LATCHING:
            self._latch(name, LATCHING[name])

    def see_graph(self, texts: tuple[str, ...]) -> None:
        """What is wrong with the topics around the gate, such as a sensor's that nobody publishes; empty = nothing."""
        self._outside = texts

    def refuse(self, what: str, text: str) -> None:
        """A message of the base cannot be used: it is not known how the base is, so this is latched."""
        self._latch(what, text)

    def _latch(self, name: str, text: str) -> None:
        self._latched.setdefault(name, Reason(name, f"{text}; explore/enable lets it move again", latched=True))

    def reasons(self, now_s: float) -> list[Reason]:
        """Why nothing passes now; empty = commands pass."""
        rows = [] if self.enabled else [Reason(NOT_ENABLED, "not enabled: call explore/enable")]
        rows += self._latched.values()
        rows += [Reason("topics", text) for text in self._outside]
        if now_s - self._contact_s < self.config.contact_s:
            rows.append(Reason(CONTACT, "a bumper is pressed: it stands for a moment"))
        rows += [Reason(name, text) for name, text in self._inputs.missing_by_name(now_s)]
        rows += [
            Reason(name, f"{text}: the base does not tell whether it is safe")
            for name, text in self._sensors.missing_by_name(now_s)
        ]
        return rows

    def to_send(self, now_s: float) -> Speeds:
        """What to tell the base now; to be called 10 times a second or more, and sent each time.

        While a bumper is pressed it may go back and turn, not ahead.
        """
        # After a stall it does not make up for the time.
        passed_s = 0.0 if self._sent_s is None else min(max(0.0, now_s - self._sent_s), 0.2)
        self._sent_s = now_s
        if self.reasons(now_s):
            self._sent = STOP
            return STOP
        forward, turn = clipped(self._wanted, self.limits)
        if self.touching:
            forward = min(forward, 0.0)
        self._sent = slewed(self._sent, (forward, turn), passed_s, self.limits)
        return self._sent
