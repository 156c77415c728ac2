# SPDX-License-Identifier: Apache-2.0
"""Training environments in processes: the same steps as alone, and clear words when a worker dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from tests.policy.env_worlds import MakeEnv, Threads, broken_env

from seal_perception.errors import InputError
from seal_policy.environment.vector import VectorSealEnv, WorkerError, _InWorker

ROOT = Path(__file__).resolve().parents[2]
HALVES = (2.0, 2.4)


def test_two_workers_take_the_steps_that_two_environments_take() -> None:
    actions = np.random.default_rng(0).random((4, 2, 2)).astype(np.float32)
    envs = VectorSealEnv([MakeEnv(half) for half in HALVES], context="spawn")
    try:
        obs, info = envs.reset(seed=[11, 12])
        together = [(obs, np.zeros(2), info)]
        for action in actions:
            obs, reward, _, truncated, info = envs.step(action)
            together.append((obs, reward, info))
        assert truncated.tolist() == [False, False]  # the fourth is gymnasium's own reset, after 20 steps
    finally:
        envs.close()
    for k, half in enumerate(HALVES):
        env = MakeEnv(half)()
        obs, info = env.reset(seed=11 + k)
        alone = [(obs, 0.0, info)]
        for action in actions[:3]:
            obs, reward, _, ended, info = env.step(action[k])
            alone.append((obs, reward, info))
        assert ended
        obs, info = env.reset()
        alone.append((obs, 0.0, info))
        for mine, all_of_them in zip(alone, together, strict=True):
            assert all(np.array_equal(mine[0][key], all_of_them[0][key][k]) for key in mine[0])
            assert mine[1] == all_of_them[1][k]
            for key, value in mine[2].items():
                np.testing.assert_array_equal(value, all_of_them[2][key][k])


def test_a_spawned_worker_keeps_to_one_thread_and_its_owner_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    before = dict(os.environ)
    envs = VectorSealEnv([Threads], context="spawn")
    try:
        assert envs.get_attr("threads") == ("1",) and Threads.made == [None]
    finally:
        envs.close()
    assert dict(os.environ) == before


def test_a_worker_that_dies_is_named_and_no_other_stays() -> None:
    envs = VectorSealEnv([MakeEnv(half) for half in HALVES])
    envs.reset(seed=1)
    pids = [process.pid for process in envs.processes]
    os.kill(pids[1], signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"worker 1 of 2 died \(killed by SIGKILL\).*use fewer workers"):
        for _ in range(3):
            envs.step(np.full((2, 2), 0.5, np.float32))
    assert envs.closed and not any(process.is_alive() for process in envs.processes)
    envs.close()


@pytest.mark.parametrize("pending", [False, True])
def test_closing_after_a_worker_died_leaves_no_other(pending: bool, caplog: pytest.LogCaptureFixture) -> None:
    envs = VectorSealEnv([MakeEnv(half) for half in HALVES])
    envs.reset(seed=1)
    processes = list(envs.processes)
    if pending:
        envs.step_async(np.full((2, 2), 0.5, np.float32))
    processes[0].kill()
    processes[0].join()
    if pending:  # what it had answered before it died would count
        envs.parent_pipes[0].close()
        envs.parent_pipes[0] = _ended_pipe()
    envs.close()
    assert envs.closed and not any(process.is_alive() for process in processes)
    assert "worker 0 of 2 died (killed by SIGKILL)" in caplog.text


def _ended_pipe() -> Connection:
    here, there = multiprocessing.Pipe()
    there.close()
    return here


def test_setting_an_attribute_of_a_dead_worker_names_it() -> None:
    envs = VectorSealEnv([MakeEnv(half) for half in HALVES])
    envs.processes[0].kill()
    envs.processes[0].join()
    with pytest.raises(WorkerError, match="worker 0 of 2 died"):
        envs.set_attr("reward", 1)
    assert envs.closed and not any(process.is_alive() for process in envs.processes)


def test_only_a_worker_is_changed_and_signals_only_in_its_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "somebody's child")
    threads: list[int] = []
    monkeypatch.setattr(cv2, "setNumThreads", threads.append)
    before, made = signal.getsignal(signal.SIGINT), []
    _InWorker(lambda: made.append("owner"))()
    assert threads == []
    worker = _InWorker(lambda: made.append("thread"), owner_pid=-1)
    thread = threading.Thread(target=worker)
    thread.start()
    thread.join()
    assert made == ["owner", "thread"] and threads == [1] and signal.getsignal(signal.SIGINT) is before


def test_a_workers_own_error_comes_back_as_it_was() -> None:
    envs = VectorSealEnv([MakeEnv(), broken_env])
    with pytest.raises(InputError, match="worker 1 of 2: no home is called 'nowhere'"):
        envs.reset(seed=1)
    assert envs.closed and not any(process.is_alive() for process in envs.processes)


def test_what_cannot_work_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="needs at least one, got none"):
        VectorSealEnv([])
    with pytest.raises(InputError, match="forkserver or spawn .*, got 'fork'"):
        VectorSealEnv([MakeEnv()], context="fork")


SCRIPT = """
import signal
import numpy as np
from tests.policy.env_worlds import MakeEnv
from seal_policy.environment.vector import VectorSealEnv
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    envs = VectorSealEnv([MakeEnv(2.0), MakeEnv(2.4)])
    envs.reset(seed=1)
    print(*[p.pid for p in envs.processes], flush=True)
    while True:
        envs.step(np.full((2, 2), 0.5, np.float32))
"""


def test_control_c_ends_all_workers_without_a_word_from_them(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    path = os.pathsep.join([str(ROOT), *sys.path])
    child = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line.strip(), child.communicate()[1]
    pids = [int(pid) for pid in line.split()]
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    try:
        _, errors = child.communicate(timeout=300)
    finally:  # a failure must not leave workers that go on for ever
        for pid in (child.pid, *pids):
            if psutil.pid_exists(pid) and child.returncode is None:
                os.kill(pid, signal.SIGKILL)
    assert errors.count("Traceback") == 1 and "KeyboardInterrupt" in errors, errors
    deadline = time.monotonic() + 120
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(psutil.pid_exists(pid) for pid in pids)
