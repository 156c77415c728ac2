# SPDX-License-Identifier: Apache-2.0
"""An impatient Ctrl-C, or one that arrives twice, costs nothing that was recorded."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy

from seal_perception.nodes import base
from seal_perception.nodes.base import SealNode, run_node


@pytest.fixture(autouse=True)
def own_domain(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(run_config(tmp_path).domain_id))
    yield
    rclpy.try_shutdown()


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)  # the handler runs before the next line


class Writing(SealNode):
    """Interrupted while it works and while it writes.

    Args:
        at_work: SIGINTs during one callback.
        at_the_end: SIGINTs while its files are being written.
    """

    def __init__(self, at_work: int, at_the_end: int) -> None:
        super().__init__("writing")
        self.counts = at_work, at_the_end
        self.steps: list[str] = []
        self.create_timer(0.05, self.work, clock=self.steady)

    def work(self) -> None:
        for _ in range(self.counts[0]):
            interrupt()
        self.steps.append("worked")

    def close(self) -> None:
        for _ in range(self.counts[1]):
            interrupt()
        self.steps.append("written")

    def destroy_node(self) -> None:
        interrupt()
        super().destroy_node()
        self.steps.append("destroyed")


def end(at_work: int, at_the_end: int) -> tuple[int, list[str]]:
    """Exit code of a node, and how far it came."""
    made: list[Writing] = []

    def make() -> Writing:
        made.append(Writing(at_work, at_the_end))
        return made[0]

    code = run_node(make, "writing", [])
    return code, made[0].steps


def test_a_ctrl_c_that_comes_twice_is_one() -> None:
    """A terminal and launch each tell the node: it was stopped in the middle of a message, and its bag was cut off."""
    assert end(at_work=3, at_the_end=2) == (0, ["worked", "written", "destroyed"])


def test_files_are_written_however_often_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(base, "_AGAIN_S", 0.0)  # each SIGINT is a new one
    assert end(at_work=1, at_the_end=3) == (0, ["worked", "written", "destroyed"])
    assert capfd.readouterr().err.count("writing: still writing its files; Ctrl-\\ ends it now and loses them") == 1


def test_a_later_ctrl_c_ends_work_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_AGAIN_S", 0.0)
    assert end(at_work=2, at_the_end=0) == (0, ["written", "destroyed"])
