# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a run is named in one line, ends it, and leaves no process and nothing that looks whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.runner import run_stack
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.recover import bag_info, recover
from seal_perception.errors import SealError
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
