# SPDX-License-Identifier: Apache-2.0
"""Putting the messages of one stamp together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class StampMatcher:
    """Calls back once per stamp, in rising order, when each part of it has arrived.

    Args:
        parts: names of the parts that a whole set has.
        on_match: called with the stamp in nanoseconds and part -> message.
        keep: incomplete stamps kept; older ones are dropped and counted.
        between: a part (odometry) that comes between whole sets too; alone it neither counts nor makes others drop.
        keep_between: messages of it that are kept alone, for sets whose other parts are late: 60 s at 50 Hz.
        computed: a part that somebody computes from the others: it comes late, and too late where they are gone.
        max_late_ns: sets whose stamp lies so far behind the newest one are dropped, whole or not; 0 = never.

    Attributes:
        dropped: incomplete sets that were given up.
        matched: whole sets.
        late: computed parts that came after the rest of their set was given up.
        late_ns: by how much the last computed part was behind the newest of the others.
    """

    def __init__(
        self,
        parts: Sequence[str],
        on_match: Callable[[int, dict[str, Any]], None],
        keep: int = 100,
        between: str = "",
        keep_between: int = 3000,
        computed: str = "",
        max_late_ns: int = 0,
    ) -> None:
        self.parts = tuple(parts)
        self.dropped = self.matched = self.late = self.late_ns = 0
        self._computed, self._max_late_ns = computed, max_late_ns
        self._newest_ns = self._given_up_ns = -1
        self._on_match = on_match
        self._keep, self._keep_between = keep, keep_between
        self._between = between
        self._waiting: dict[int, dict[str, Any]] = {}
        self._alone: dict[int, Any] = {}

    def add(self, part: str, stamp_ns: int, message: Any) -> None:
        """Take a message; may call back before it returns.

        Raises:
            ValueError: for a part that is not one of `parts`.
        """
        if part not in self.parts:
            raise ValueError(f"part must be one of {self.parts}, got {part!r}")
        if part == self._between and stamp_ns not in self._waiting:
            self._alone[stamp_ns] = message
            if len(self._alone) > self._keep_between:
                del self._alone[min(self._alone)]
            return
        if self._is_late(part, stamp_ns):
            return
        found = self._waiting.setdefault(stamp_ns, {})
        found[part] = message
        if stamp_ns in self._alone:
            found[self._between] = self._alone.pop(stamp_ns)
        if len(found) == len(self.parts):
            self._forget_until(stamp_ns)
            self.matched += 1
            self._on_match(stamp_ns, found)
            return
        oldest = min(self._waiting)
        while len(self._waiting) > self._keep or self._max_late_ns and oldest < self._newest_ns - self._max_late_ns:
            del self._waiting[oldest]
            self._given_up_ns = oldest
            self.dropped += 1
            oldest = min(self._waiting, default=self._newest_ns)

    def _is_late(self, part: str, stamp_ns: int) -> bool:
        """Note how late a computed part is; whether it is too late to be of use."""
        if part != self._computed:
            # One picture stamped in the future must not make all others too old.
            far_off = self._max_late_ns and stamp_ns < self._newest_ns - self._max_late_ns
            self._newest_ns = stamp_ns if far_off else max(self._newest_ns, stamp_ns)
            return False
        self.late_ns = max(0, self._newest_ns - stamp_ns)
        too_late = stamp_ns <= self._given_up_ns
        self.late += too_late
        return too_late

    @property
    def waiting(self) -> int:
        """Stamps of which parts are missing."""
        return len(self._waiting)

    @property
    def late_s(self) -> float:
        """`late_ns` in seconds."""
        return self.late_ns / 1e9

    def clear(self) -> None:
        """Forget what waits: its time is over."""
        self.dropped += len(self._waiting)
        self._waiting, self._alone = {}, {}
        self._newest_ns = self._given_up_ns = -1

    def _forget_until(self, stamp_ns: int) -> None:
        """Drop this stamp, which is whole, and all before it, which are not."""
        self._alone = {stamp: message for stamp, message in self._alone.items() if stamp > stamp_ns}
        left = {stamp: parts for stamp, parts in self._waiting.items() if stamp > stamp_ns}
        self.dropped += len(self._waiting) - len(left) - 1
        self._waiting = left

    def missing(self) -> tuple[str, ...]:
        """Parts that the oldest incomplete stamp waits for; empty if nothing waits."""
        if not self._waiting and not self._alone:
            return ()
        found = self._waiting[min(self._waiting)] if self._waiting else {self._between: None}
        return tuple(p for p in self.parts if p not in found)
