# SPDX-License-Identifier: Apache-2.0
"""What belongs to a node's own run: messages wait until that has begun, and publishers of others are noticed."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

RUN_VARIABLE = "SEAL_RUN_ID"
"""Environment variable with a text that tells the runner's run from all others; unset = messages do not wait."""
STRANGER = "publishes in this ROS domain too"
"""Part of each line about a publisher that is none of the run's; the runner looks for it in the logs."""
BEGIN = "begin"
MOST_HELD = 1000
"""Messages that wait for the begin; of more, the oldest go."""


def parse_known(entries: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Topic -> names of the nodes that publish it, from "topic=node,node"."""
    parts = (entry.partition("=") for entry in entries if entry)
    return {topic: tuple(name for name in names.split(",") if name) for topic, _, names in parts}


def stranger_line(found: Mapping[str, Sequence[str]], known: Mapping[str, Sequence[str]]) -> str:
    """One line about publishers that are none of the run's; empty if there are none.

    What counts is their number: a second run has nodes of the same names.

    Args:
        found: topic -> full names of the nodes that publish it now.
        known: topic -> full names of those that the run has.
    """
    rows = []
    for topic, names in found.items():
        if len(names) <= len(known[topic]):
            continue
        others = sorted((Counter(names) - Counter(known[topic])).elements())
        again = [f"a second {name}" if name in known[topic] else name for name in others]
        rows.append(f"{' and '.join(again)} on {topic}")
    if not rows:
        return ""
    more = f" (and {len(rows) - 3} topics more)" if len(rows) > 3 else ""
    return (
        f"{', '.join(rows[:3])}{more} {STRANGER}, and is not of this run: end it, or give one of the two another "
        "domain (ROS_DOMAIN_ID=1 ... 232 before the command, or --domain-id)"
    )


class OwnRun:
    """A node's view of its run.

    Args:
        name: of the node.
        entries: "topic=node,node": who publishes in this run.
        publishers_of: full names of the nodes that publish a topic now.
        full_name: full name of a topic or node of the run.

    Attributes:
        begun: whether messages pass.
    """

    def __init__(
        self,
        name: str,
        entries: Iterable[str],
        publishers_of: Callable[[str], Sequence[str]],
        full_name: Callable[[str], str],
    ) -> None:
        self.name = name
        self.run_id = os.environ.get(RUN_VARIABLE, "")
        self.begun = not self.run_id
        self._known = {topic: tuple(map(full_name, nodes)) for topic, nodes in parse_known(entries).items()}
        self._publishers_of = publishers_of
        self._held: deque[tuple[Callable[[Any], None], Any]] = deque(maxlen=MOST_HELD)
        self._before = ""

    @property
    def watches(self) -> bool:
        """Whether there is a topic whose publishers are known."""
        return bool(self._known)

    def take(self, callback: Callable[[Any], None], message: Any) -> None:
        """Hand a message on, or keep it until the run begins: what comes before is of another run."""
        if self.begun:
            callback(message)
        else:
            self._held.append((callback, message))

    def text(self, word: str) -> str:
        """What the node says on `ready`: its name or `BEGIN`, and the run's id."""
        return f"{word} {self.run_id}".strip()

    def note(self, text: str) -> str:
        """Take a text of `ready`; returns the name of the node of this run that is ready, or nothing."""
        word, _, run_id = text.partition(" ")
        if run_id != self.run_id:
            return ""
        if word == BEGIN:
            self.begin()
            return ""
        return word

    def begin(self) -> None:
        """Let messages pass; those that waited come first."""
        self.begun = True
        while self._held:
            callback, message = self._held.popleft()
            callback(message)

    def strangers(self) -> str:
        """One line about publishers that are none of the run's; empty if there are none."""
        return stranger_line({topic: self._publishers_of(topic) for topic in self._known}, self._known)

    def look(self) -> str:
        """As `strangers`, of what was there at the last look too: a run that is refused here is soon gone."""
        line, before = self.strangers(), self._before
        self._before = line
        return line if line and before else ""
