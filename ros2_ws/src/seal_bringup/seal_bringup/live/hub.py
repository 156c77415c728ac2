# SPDX-License-Identifier: Apache-2.0
"""What there is to see, the newest of each kind alone: writers replace, readers wait for something newer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any


class Part:
    """One version of something large; it becomes bytes when the first reader asks, once for all readers.

    Args:
        version: counts from 1.
        kind: MIME type of its bytes.
        make: makes them.
    """

    def __init__(self, version: int, kind: str, make: Callable[[], bytes]) -> None:
        self.version, self.kind = version, kind
        self._lock = threading.Lock()
        self._make: Callable[[], bytes] | None = make
        self._body = b""

    def body(self) -> bytes:
        """The bytes."""
        with self._lock:
            if self._make is not None:
                self._body, self._make = self._make(), None
            return self._body


class Hub:
    """Small values, which every message to a browser holds, and large parts, which it fetches by their versions.

    Nothing is queued: a reader that is slow misses what was replaced meanwhile. So memory is that of one value and one
    part of each name, however many readers there are.

    Args:
        clock: seconds; for the ages of values.

    Attributes:
        closed: whether readers should go.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._values: dict[str, Any] = {}
        self._times: dict[str, float] = {}
        self._parts: dict[str, Part] = {}
        self._revision = 0
        self.closed = False

    def now(self) -> float:
        """Seconds on the clock of the states."""
        return self._clock()

    def say(self, name: str, value: Any, quiet: bool = False) -> None:
        """Replace a value that can be JSON; with `quiet` no reader wakes for it, it goes with the next message."""
        with self._changed:
            self._values[name], self._times[name] = value, self._clock()
            self._step(not quiet)

    def drop(self, name: str) -> None:
        """Forget a value: nobody tells it any more."""
        with self._changed:
            if self._values.pop(name, None) is not None:
                del self._times[name]
                self._step(True)

    def put(self, name: str, kind: str, make: Callable[[], bytes]) -> None:
        """Replace a part; `make` is called when a browser asks for it, by a thread of the server."""
        with self._changed:
            before = self._parts.get(name)
            self._parts[name] = Part(before.version + 1 if before else 1, kind, make)
            self._times[name] = self._clock()
            self._step(True)

    def _step(self, wake: bool) -> None:
        if wake:
            self._revision += 1
            self._changed.notify_all()

    def part(self, name: str) -> Part | None:
        """The newest version of a part; None while there is none."""
        with self._changed:
            return self._parts.get(name)

    def wait(self, after: int, timeout_s: float) -> int:
        """Wait for something newer than revision `after`, or until the time is over; returns the revision now."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._revision > after, timeout_s)
            return self._revision

    def text(self) -> str:
        """JSON of all values, of the parts' versions (`parts`) and of how many seconds ago each came (`ages`).

        `now` is the time of the state, by which a start says what its page knew.
        """
        with self._changed:
            now = self._clock()
            ages = {name: round(now - then, 2) for name, then in self._times.items()}
            parts = {name: part.version for name, part in self._parts.items()}
            return json.dumps(
                {**self._values, "parts": parts, "ages": ages, "now": now}, separators=(",", ":"), allow_nan=False
            )

    def close(self) -> None:
        """Wake all readers, who then go."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
