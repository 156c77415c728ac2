# SPDX-License-Identifier: Apache-2.0
"""In which order presses of the page's buttons count: a start that comes late, or after a stop, is none."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

ENABLE, STOP = "enable", "stop"
MOST_AGE_S = 3.0
"""Whoever pressed Start knew the run's state of so long ago at most."""


@dataclass(frozen=True)
class Answer:
    """What became of a request to start or stop the robot."""

    done: bool
    text: str


Ask = Callable[[str], Callable[[], Answer]]
"""Begins to start (`ENABLE`) or stop (`STOP`) the robot, at once; what it returns waits for the answer, maybe for
seconds. Called by threads of the server, by one at a time; they wait together."""

Find = Callable[[str], Answer]
"""Sends the robot to look for a category (empty = to explore); called by threads of the server. It starts no robot."""


def nobody_searches(_: str) -> Answer:
    """The answer where there is nobody to send."""
    return Answer(False, "nobody hears object_goal: start the run with object_goals:=true")


class Presses:
    """Passes presses on in the order in which they count.

    A browser, or the network, may keep a request for long: whoever pressed Start has given up then, or pressed Stop.
    So a start names the time of the state that the page showed, and is refused if that is old, or if a stop came since.

    Args:
        ask: what starts and stops the robot.
        clock: seconds; that of the states (`now`).
    """

    def __init__(self, ask: Ask, clock: Callable[[], float]) -> None:
        self._ask, self._clock = ask, clock
        self._lock = threading.Lock()
        self._stop_s = -math.inf

    def press(self, what: str, at: str) -> Answer:
        """Start or stop the robot and wait for the answer.

        Args:
            what: `ENABLE` or `STOP`.
            at: of a start, the `now` of the state that the page showed, in seconds.
        """
        with self._lock:  # a stop that comes later is asked for later
            if what == STOP:
                self._stop_s = self._clock()
            elif why := self._refusal(at):
                return Answer(False, why)
            wait = self._ask(what)
        return wait()

    def _refusal(self, at: str) -> str:
        try:
            at_s = float(at)
        except ValueError:
            at_s = math.nan
        age_s = self._clock() - at_s
        if not math.isfinite(at_s) or age_s < 0:
            return f"a start must name the time of the page's state (at=SECONDS), got {at[:40]!r}: reload the page"
        if at_s <= self._stop_s:
            return "a stop came after this start: press Start again if the robot shall drive"
        if age_s > MOST_AGE_S:
            return f"this start came {age_s:.1f} s late, so nothing was started: press Start again"
        return ""
