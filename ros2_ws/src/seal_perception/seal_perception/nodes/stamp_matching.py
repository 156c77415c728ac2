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
    """

    def __init__(
        self,
        parts: Sequence[str],
        on_match: Callable[[int, dict[str, Any]], None],
        keep: int = 100,
        between: str = "",
        keep_between: int = 3000,
    ) -> None:
        self.parts = tuple(parts)
        self.dropped = 0
        self.matched = 0
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
        found = self._waiting.setdefault(stamp_ns, {})
        found[part] = message
        if stamp_ns in self._alone:
            found[self._between] = self._alone.pop(stamp_ns)
        if len(found) == len(self.parts):
            self._forget_until(stamp_ns)
            self.matched += 1
            self._on_match(stamp_ns, found)
        elif len(self._waiting) > self._keep:
            del self._waiting[min(self._waiting)]
            self.dropped += 1

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
