# SPDX-License-Identifier: Apache-2.0
"""How long to wait for other processes: a limit that is longer where the machine is busy with other things."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def crowd() -> float:
    """Processes that want to run per core, over the last minute; at least 1.

    So many times as long as alone takes what several processes compute together.
    """
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Patience:
    """Seconds since the last news, counted as they would have passed on an idle machine.

    A process that hangs does nothing, and leaves the machine to others: on an idle one the seconds are the clock's.

    Args:
        clock: seconds.
        busy: by what a second counts less.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, busy: Callable[[], float] = crowd) -> None:
        self._clock, self._busy = clock, busy
        self._used_s, self._last_s = 0.0, clock()

    def used_s(self) -> float:
        """Seconds so far; call it now and then, as the load is read at each call."""
        now = self._clock()
        self._used_s += (now - self._last_s) / self._busy()
        self._last_s = now
        return self._used_s

    def renew(self) -> None:
        """There was news: count from zero."""
        self._used_s, self._last_s = 0.0, self._clock()
