# SPDX-License-Identifier: Apache-2.0
"""Watches over inputs: since when something has not come, and whether odometry jumps or its stamps go back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seal_perception.pose import invert, pose_yaw
from seal_perception.types import FloatArray

JUMPED, WENT_BACK = "odometry jumped", "stamps went back"
_SLACK_S, _MOST_SPARE_S = 0.2, 0.5
"""Messages that lie farther apart than this may differ by what a robot drives in the rest of the time, but not in more
than so much: without odometry it soon stands, and a base that starts anew counts from zero."""
_BACK_S = 0.1
"""Stamps that go back by less come from messages that overtook each other, or a clock that was corrected."""
_FAST_MPS, _FAST_RADPS = 1.0, 2.0
_NS = 1_000_000_000


@dataclass(frozen=True)
class Fault:
    """What is wrong with odometry.

    Attributes:
        kind: `JUMPED` or `WENT_BACK`.
        text: the same with figures.
    """

    kind: str
    text: str


class OdometryWatch:
    """Compares each odometry message with the one before it.

    Args:
        jump_m: a longer way between two messages is a jump; 0 = any is believed.
        jump_rad: so is a larger turn; 0 = any is believed.
    """

    def __init__(self, jump_m: float = 0.3, jump_rad: float = 0.5) -> None:
        self._jump_m, self._jump_rad = jump_m, jump_rad
        self._last: tuple[int, FloatArray] | None = None

    def see(self, stamp_ns: int, T_odom_base: FloatArray) -> Fault | None:
        """What is wrong with this message after the one before it; None = nothing.

        A jump counts for more than stamps that go back: it makes the map void.
        """
        last, self._last = self._last, (stamp_ns, T_odom_base)
        if last is None:
            return None
        passed_s = (stamp_ns - last[0]) / _NS
        if passed_s < 0:
            self._last = max(last, self._last, key=lambda seen: seen[0]) if passed_s > -_BACK_S else self._last
        T = invert(last[1]) @ T_odom_base
        way, turn = math.hypot(float(T[0, 3]), float(T[1, 3])), abs(pose_yaw(T))
        spare_s = min(max(0.0, passed_s - _SLACK_S), _MOST_SPARE_S)
        if 0 < self._jump_m < way - _FAST_MPS * spare_s or 0 < self._jump_rad < turn - _FAST_RADPS * spare_s:
            return Fault(JUMPED, f"{JUMPED} by {way:.2f} m and {turn:.2f} rad in {passed_s:.2f} s")
        if passed_s <= -_BACK_S:
            return Fault(WENT_BACK, f"{WENT_BACK} by {-passed_s:.2f} s")
        return None


class Freshness:
    """When inputs came last.

    Args:
        limits_s: name -> age from which an input is too old, in seconds; 0 = it is not watched.
    """

    def __init__(self, limits_s: Mapping[str, float]) -> None:
        self._limits_s = {name: limit for name, limit in limits_s.items() if limit > 0}
        self._seen_s: dict[str, float] = {}

    def seen(self, name: str, now_s: float) -> None:
        """An input came."""
        self._seen_s[name] = now_s

    def forget(self, names: Iterable[str]) -> None:
        """These inputs must come anew."""
        for name in names:
            self._seen_s.pop(name, None)

    def age_s(self, name: str, now_s: float) -> float:
        """Since when an input has not come, in seconds; infinite if it never came."""
        return now_s - self._seen_s[name] if name in self._seen_s else math.inf

    def missing(self, now_s: float) -> list[str]:
        """A line per watched input that is too old or never came."""
        return [text for _, text in self.missing_by_name(now_s)]

    def missing_by_name(self, now_s: float) -> list[tuple[str, str]]:
        """The same, with the input's name before each line."""
        rows = []
        for name, limit in self._limits_s.items():
            age = self.age_s(name, now_s)
            if age > limit + 1e-9:
                rows.append((name, f"no {name} yet" if math.isinf(age) else f"no {name} for {age:.1f} s"))
        return rows
