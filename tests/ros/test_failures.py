# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a run is named in one line, ends it, and leaves no process and nothing that looks whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import rclpy

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.runner import run_stack
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.recover import bag_info, recover
from seal_perception.errors import SealError
from seal_perception.nodes import base
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.running.patience import Patience

pytestmark = pytest.mark.ros

Start = Callable[..., AbstractContextManager[Any]]
NODES = ("sim_bridge", "perception", "mapping", "policy", "planner", "monitor")


@pytest.mark.parametrize("name", NODES)
def test_a_killed_node_is_named_and_ends_the_run(start_run: Start, tmp_path: Path, name: str) -> None:
    with start_run(tmp_path / "run") as run:
        run.wait_for_frames(3)
        os.kill(run.nodes()[name], signal.SIGKILL)
        status, error = run.end()
        assert status != 0
        assert f"error: node {name} was killed by SIGKILL" in error
        assert run.nodes() == {}
    assert len(open_bag(tmp_path / "run" / "bag")) >= 3, "the recorder was not killed, so its bag is whole"


def test_a_killed_recorder_loses_at_most_a_second_and_the_bag_is_recovered(start_run: Start, tmp_path: Path) -> None:
    with start_run(tmp_path / "run") as run:
        run.wait_for_frames(10)
        rate = _rate(run)
        before = run.frames()
        os.kill(run.nodes()["recorder"], signal.SIGKILL)
        status, error = run.end()
        assert status != 0 and "error: node recorder was killed by SIGKILL" in error
        assert run.nodes() == {}
    bag = tmp_path / "run" / "bag"
    assert not bag_info(bag).whole and not (bag / "metadata.yaml").exists()
    recover(bag)
    frames = open_bag(bag)
    assert bag_info(bag).whole
    assert len(frames) >= before - max(2.0, rate), f"{before} frames answered at {rate:.1f}/s, {len(frames)} kept"
    assert [f.index for f in frames] == list(range(len(frames)))


def _rate(run: Any) -> float:
    """Frames per second of a run."""
    start, first = time.monotonic(), run.frames()
    time.sleep(1.0)
    return (run.frames() - first) / (time.monotonic() - start)


def test_when_the_runner_is_killed_no_node_is_left_after_5_s(start_run: Start, tmp_path: Path) -> None:
    with start_run(tmp_path / "run") as run:
        run.wait_for_frames(3)
        assert len(run.nodes()) == 7
        run.process.kill()
        patience = Patience()
        while run.nodes() and patience.used_s() < 5.0:
            time.sleep(0.05)
        assert run.nodes() == {}
    assert len(open_bag(tmp_path / "run" / "bag")) >= 3, "the recorder ended well"


def test_interrupting_is_clean(start_run: Start, tmp_path: Path) -> None:
    with start_run(tmp_path / "run") as run:
        run.wait_for_frames(3)
        run.process.send_signal(signal.SIGINT)
        status, _ = run.end()
        assert status != 0
        assert run.nodes() == {}
    assert len(open_bag(tmp_path / "run" / "bag")) >= 3
    assert (tmp_path / "run" / "map.npz").is_file()


_MUTED = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
"""


def test_a_run_ends_well_where_a_shell_has_muted_interrupts(start_run: Start, tmp_path: Path) -> None:
    """`seal ... &` in a script ignores SIGINT, and what it starts inherits that: nodes were told to end by it."""
    with start_run(tmp_path / "run", prelude=_MUTED, steps=40) as run:
        run.wait_for_frames(3)
        muted = [name for name, pid in run.nodes().items() if _ignores(pid, signal.SIGINT)]
        status, error = run.end(120)
        assert (status, muted) == (0, []), error
        assert run.nodes() == {}
    assert len(open_bag(tmp_path / "run" / "bag")) == 41


def _ignores(pid: int, number: int) -> bool:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("SigIgn"))
    return bool(int(line.split()[1], 16) >> (number - 1) & 1)


_FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
"""


def test_a_full_disk_is_one_clear_line(start_run: Start, tmp_path: Path) -> None:
    # Every file that a process of this run writes may grow to 300 kB: the bag is the one that wants more.
    with start_run(tmp_path / "run", prelude=_FULL_DISK) as run:
        status, error = run.end(300)
        assert status != 0
        assert "node recorder ended with 1" in error and "cannot write the bag" in error and "recover" in error
        assert run.nodes() == {}
    bag = tmp_path / "run" / "bag"
    assert not (bag / "metadata.yaml").exists(), "a cut bag must not look whole"
    recover(bag)
    assert len(open_bag(bag)) >= 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scene": "nowhere"}, "no home and no folder is called 'nowhere'"),
        ({"weights": "missing.safetensors"}, "no weights at missing.safetensors"),
    ],
)
def test_bad_input_is_one_clear_line(
    run_config: Callable[..., StackConfig], tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(SealError, match=message) as caught:
        run_stack(run_config(tmp_path / "run", width=64, height=48, **changes))
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_one_clear_line(
    run_config: Callable[..., StackConfig], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SealError, match="cannot write into .*Not a directory"):
        run_stack(run_config(tmp_path / "file" / "run"))


@pytest.fixture
def own_domain(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(run_config(tmp_path).domain_id))
    yield
    rclpy.try_shutdown()


# An impatient Ctrl-C, or one that arrives twice, costs nothing that was recorded.


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


def test_a_ctrl_c_that_comes_twice_is_one(own_domain: None) -> None:
    """A terminal and launch may each tell the node: the second one ended it while it wrote, its bag had no index."""
    assert end(at_work=3, at_the_end=2) == (0, ["worked", "written", "destroyed"])


def test_files_are_written_however_often_it_is_interrupted(
    own_domain: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(base, "_AGAIN_S", 0.0)  # each SIGINT is a new one
    assert end(at_work=1, at_the_end=3) == (0, ["worked", "written", "destroyed"])
    assert capfd.readouterr().err.count("writing: still writing its files; Ctrl-\\ ends it now and loses them") == 1


def test_a_later_ctrl_c_ends_work_that_takes_too_long(own_domain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_AGAIN_S", 0.0)
    assert end(at_work=2, at_the_end=0) == (0, ["written", "destroyed"])
