# SPDX-License-Identifier: Apache-2.0
"""Locks: one holder at a time, stale ones are taken over, living ones never."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from seal_bringup.experiments.tables import locks
from seal_bringup.experiments.tables.locks import is_held, locked

HOLD = """
import sys, time
from pathlib import Path
from seal_bringup.experiments.tables.locks import locked
with locked(Path(sys.argv[1])) as held:
    print(held, flush=True)
    time.sleep(60)
"""

COUNT = """
import sys, time
from pathlib import Path
from seal_bringup.experiments.tables.locks import locked
path, counter = Path(sys.argv[1]), Path(sys.argv[2])
done = 0
while done < 20:
    with locked(path) as held:
        if held:
            value = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(value + 1))
            done += 1
    time.sleep(0.0005)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_one_holder_at_a_time_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "locks/a.lock"
    with locked(path) as held:
        assert held and is_held(path)
        assert json.loads(path.read_text())["pid"] == os.getpid()
        with locked(path) as again:
            assert not again
        assert path.exists()  # who did not get it removes nothing
    assert not is_held(path) and not path.exists()


def test_a_killed_process_leaves_a_lock_that_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    process = start(HOLD, path)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    with locked(path) as held:
        assert not held
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert path.exists() and not is_held(path)
    with locked(path) as held:
        assert held
    assert not path.exists()


def test_a_later_process_of_the_same_number_is_not_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "began": "1"}))
    assert not is_held(path)
    with locked(path) as held:
        assert held


def test_another_machines_lock_is_stale_only_after_long_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text(json.dumps({"host": "another", "pid": 1, "began": "1"}))
    with locked(path) as held:
        assert not held
    old = time.time() - locks.SILENT_S - 1
    os.utime(path, (old, old))
    with locked(path) as held:
        assert held


def test_a_lock_without_a_name_is_left_alone_while_it_may_be_being_written(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text("")
    assert is_held(path)
    old = time.time() - locks.UNWRITTEN_S - 1
    os.utime(path, (old, old))
    with locked(path) as held:
        assert held


def test_two_processes_never_hold_it_together(tmp_path: Path) -> None:
    """Each reads a counter, waits and writes it one higher: any overlap would lose a count."""
    path, counter = tmp_path / "a.lock", tmp_path / "counter"
    counter.write_text("0")
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "began": "1"}))  # stale, to begin
    processes = [start(COUNT, path, counter) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert counter.read_text() == "40"
