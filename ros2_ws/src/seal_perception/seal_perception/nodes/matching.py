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
    """

    def __init__(self, parts: Sequence[str], on_match: Callable[[int, dict[str, Any]], None], keep: int = 100) -> None:
        self.parts = tuple(parts)
        self.dropped = 0
        self.matched = 0
        self._on_match = on_match
        self._keep = keep
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
                self.dropped += stamp < stamp_ns
                del self._waiting[stamp]
            self.matched += 1
            self._on_match(stamp_ns, found)
        elif len(self._waiting) > self._keep:
            del self._waiting[min(self._waiting)]
            self.dropped += 1

    def missing(self) -> tuple[str, ...]:
        """Parts that the oldest incomplete stamp waits for; empty if nothing waits."""
        if not self._waiting:
            return ()
        found = self._waiting[min(self._waiting)]
        return tuple(p for p in self.parts if p not in found)
