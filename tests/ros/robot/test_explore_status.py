# SPDX-License-Identifier: Apache-2.0
"""`explore/status`: every change is published, while the log does not repeat itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from seal_perception import messages as m
from seal_perception.nodes.explore_topics import ExploreStatus


class _Node:
    """Time that the test sets; what is logged and published."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.lines: list[str] = []
        self.sent: list[Any] = []
        self.steady = SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=round(self.now_s * m.NS)))
        self.get_clock = lambda: self.steady

    def advertise(self, kind: type, topic: str, depth: int) -> Any:
        return SimpleNamespace(publish=self.sent.append)

    def get_logger(self) -> Any:
        return SimpleNamespace(error=self.lines.append, warning=self.lines.append, info=self.lines.append)


def test_a_reason_that_comes_and_goes_is_logged_once_in_ten_seconds() -> None:
    """Odometry is read as late as just bearable: twice a second the robot stands for a moment."""
    node = _Node()
    status = ExploreStatus(node, "planner")
    for k in range(80):
        node.now_s += 0.25
        late = [f"odometry is {0.5 + 0.01 * k:.1f} s old: this computer is too slow"] if k % 2 == 0 else []
        status.say(late, False, [], due=False)
    assert len(node.sent) == 80, "who listens hears every change"
    assert sum("too slow" in line for line in node.lines) == sum("may drive" in line for line in node.lines) == 2


def test_the_log_ends_with_what_holds() -> None:
    """It comes, goes and comes within the quiet time, and stays."""
    node = _Node()
    status = ExploreStatus(node, "planner")
    for k, late in enumerate([True, False, True, *[False] * 30]):
        node.now_s = 100.0 + k
        status.say(["no picture for 1.0 s"] if late else [], False, [])
    assert node.lines == ["planner: no picture for 1.0 s", "planner: may drive"], "the second time is not said again"
    for k, late in enumerate([True, False, True, *[True] * 15]):
        node.now_s = 140.0 + k
        status.say(["no picture for 1.0 s"] if late else [], False, [])
    assert node.lines[-1] == "planner: no picture for 1.0 s", "said late, as it had been said lately"


def test_what_is_latched_is_logged_each_time() -> None:
    node = _Node()
    status = ExploreStatus(node, "gate")
    for reasons in (["it stands at a cliff"], [], ["it stands at a cliff"]):
        status.say(reasons, bool(reasons), [])
        node.now_s += 1.0
    assert [line for line in node.lines if "cliff" in line] == ["gate: it stands at a cliff"] * 2


def test_another_reason_is_logged_at_once() -> None:
    node = _Node()
    status = ExploreStatus(node, "gate")
    for reasons in (["no picture for 1.0 s"], ["no odometry for 0.3 s"], ["no picture for 1.2 s"], ["not enabled"]):
        status.say(reasons, False, [], due=False)
    assert node.lines == [
        "gate: no picture for 1.0 s",
        "gate: no odometry for 0.3 s",
        "gate: not enabled",
    ]
