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
        between: a part (odometry) that comes between whole sets too; alone it is not counted.
    """

    def __init__(
        self,
        parts: Sequence[str],
        on_match: Callable[[int, dict[str, Any]], None],
        keep: int = 100,
        between: str = "",
    ) -> None:
        self.parts = tuple(parts)
        self.dropped = 0
        self.matched = 0
        self._on_match = on_match
        self._keep = keep
        self._between = between
        self._waiting: dict[int, dict[str, Any]] = {}

    def add(self, part: str, stamp_ns: int, message: Any) -> None:
        """Take a message; may call back before it returns.

        Raises:
            ValueError: for a part that is not one of `parts`.
        """
        if part not in self.parts:
            raise ValueError(f"part must be one of {self.parts}, got {part!r}")
        found = self._waiting.setdefault(stamp_ns, {})
        found[part] = message
        if len(found) == len(self.parts):
            for stamp in [s for s in self._waiting if s <= stamp_ns]:
                self._forget(stamp, counted=stamp < stamp_ns)
            self.matched += 1
            self._on_match(stamp_ns, found)
        elif len(self._waiting) > self._keep:
            self._forget(min(self._waiting))

    def _forget(self, stamp_ns: int, counted: bool = True) -> None:
        self.dropped += counted and self._waiting[stamp_ns].keys() != {self._between}
        del self._waiting[stamp_ns]

    def missing(self) -> tuple[str, ...]:
        """Parts that the oldest incomplete stamp waits for; empty if nothing waits."""
        if not self._waiting:
            return ()
        found = self._waiting[min(self._waiting)]
        return tuple(p for p in self.parts if p not in found)
