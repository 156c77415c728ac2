# SPDX-License-Identifier: Apache-2.0
"""Runs of real ROS 2 processes, each in a ROS domain of its own on this machine only."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from seal_bringup.stack.config import StackConfig
from seal_perception.running.patience import Patience

SCENE, WIDTH, HEIGHT = "test_01", 160, 120
START_TIMEOUT_S = 120.0
"""Of an idle machine, as all limits here: beside other work they are longer (`Patience`)."""
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_domains = itertools.count(os.getppid() if _WORKERS > 1 else os.getpid())


def _next_domain() -> int:
    """A ROS_DOMAIN_ID in 101..200 that no other run of this session has, in this process or in one beside it."""
    return 101 + (_WORKERS * next(_domains) + _WORKER) % (100 // _WORKERS * _WORKERS)


@dataclass
class Started:
    """A run in a process of its own, as `seal run` starts it."""

    process: subprocess.Popen[str]
    folder: Path

    def frames(self) -> int:
        """Frames answered so far."""
        log = self.folder / "log" / "monitor.log"
        return log.read_text().count('{"frames"') if log.is_file() else 0

    def wait_for_frames(self, count: int) -> None:
        """Return when so many frames are answered."""
        patience = Patience()
        while self.frames() < count:
            if self.process.poll() is not None or patience.used_s() > START_TIMEOUT_S:
                pytest.fail(f"the run did not come to frame {count}: {self.process.communicate()[1]}")
            time.sleep(0.05)

    def nodes(self) -> dict[str, int]:
        """Name -> process id of the nodes that live and belong to this run."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            mine = [w for w in words if w.startswith(str(self.folder / "log")) and w.endswith(".yaml")]
            if mine and not dead:
                found[Path(mine[0]).stem] = int(entry.name)
        return found

    def end(self, timeout_s: float = 90.0) -> tuple[int, str]:
        """Exit status and standard error."""
        patience = Patience()
        while True:
            try:
                _, error = self.process.communicate(timeout=1.0)
                return self.process.returncode, error
            except subprocess.TimeoutExpired:
                if patience.used_s() > timeout_s:
                    raise


_RUN = """
import sys
from seal_bringup.stack.runner import run_stack
from seal_bringup.stack.config import StackConfig
from seal_perception.errors import SealError
try:
    run_stack(StackConfig(**{arguments!r}))
except SealError as error:
    sys.exit(f"error: {{error}}")
"""


def _hear_interrupts() -> None:
    """In the child: a suite that runs in a script's background inherits a muted SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def _started(folder: Path, prelude: str = "", **changes: object) -> Iterator[Started]:
    """A long run in its own process, after the lines of `prelude`; what is left of it is killed in the end."""
    arguments = {
        "scene": SCENE, "steps": 2000, "run_dir": str(folder), "weights": "none", "width": WIDTH, "height": HEIGHT,
        "domain_id": _next_domain(), **changes,
    }  # fmt: skip
    code = prelude + _RUN.format(arguments=arguments)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    )
    run = Started(process, folder)
    try:
        yield run
    finally:
        if process.poll() is None:
            process.kill()
        for pid in run.nodes().values():
            os.kill(pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="session")
def start_run() -> Callable[..., AbstractContextManager[Started]]:
    """Starts a run that goes on until something ends it."""
    return _started


@pytest.fixture(scope="session")
def run_config() -> Callable[..., StackConfig]:
    """Configuration of a short run in a domain of its own."""

    def make(folder: Path, **changes: object) -> StackConfig:
        values: dict[str, object] = {"scene": SCENE, "steps": 30, "weights": "none", "width": WIDTH, "height": HEIGHT}
        return StackConfig(run_dir=folder, **{**values, "domain_id": _next_domain(), **changes})  # type: ignore[arg-type]

    return make
