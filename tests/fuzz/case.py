# SPDX-License-Identifier: Apache-2.0
"""One damaged input in a process of its own, forked from one that has all imports done, under limits."""

from __future__ import annotations

import fnmatch
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fuzz.mutate import mutated
from tests.fuzz.readers import Reader, Run

from seal_perception.running.patience import crowd

CPU_S, WALL_S = 20, 90
MEMORY_MB, SPACE_MB, FILE_MB = 1000, 3000, 500
"""Memory that is a failure, address space that allocations may add to what the imports take, largest file written."""
GOOD = ("read", "refused")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass
class Result:
    """What came of a case.

    Attributes:
        kind: "read" or "refused" (in one line); else "traceback", "hang", "memory", "signal" (it was killed), "silent"
            (exit code without a line), "lines" (more than one), "control" (characters that a terminal obeys) or
            "unread" (a valid input was refused).
    """

    reader: str
    seed: int
    file: str
    run: str
    kind: str
    code: int
    cpu_s: float
    peak_mb: int
    last: str

    def row(self) -> dict[str, object]:
        """For a report."""
        return asdict(self)


@dataclass
class Started:
    """A case that runs."""

    reader: str
    seed: int
    file: str
    run: str
    folder: Path
    pid: int
    since: float


_READ = (0, 3)
"""Exit codes of what was read to its end; 3: it gave no label."""


def run_alone(command: str, folder: Path) -> None:
    """Run a command in a process of its own, for making inputs.

    Raises:
        RuntimeError: if it fails.
    """
    pid = _fork((command,), folder, folder / "made.txt", limits=False)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code not in _READ:
        raise RuntimeError(f"{command} failed:\n{(folder / 'made.txt').read_text(errors='replace')[-2000:]}")
    (folder / "made.txt").unlink()


def start(name: str, reader: Reader, seed: int, good: Path, work: Path) -> Started:
    """Damage a copy of the valid input and start what reads it; with seed 0 nothing is damaged.

    Args:
        name: of the reader.
        reader: what is done.
        seed: with the name, decides the damage.
        good: folder with the valid input.
        work: where the case's folder is made.
    """
    rng = random.Random(f"{name}/{seed}")
    folder = work / f"{name.replace(' ', '_')}_{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder)
    file = "nothing"
    if reader.whole is not None:
        file = "bag"
        reader.whole(folder, rng if seed else None)
    elif seed:
        pattern = rng.choice(reader.files)
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        file = rng.choice(fnmatch.filter(names, pattern))
        path = folder / file
        data = path.read_bytes()
        path.write_bytes(reader.way(data, rng) if reader.way else mutated(file, data, rng))
    if reader.after is not None:
        reader.after(folder)
    # The valid input goes through all runs, and may take its time: functions are compiled where they never ran before.
    runs = (rng.choice(reader.runs),) if seed else reader.runs
    pid = _fork(runs, folder, folder.with_suffix(".out"), limits=seed > 0)
    return Started(name, seed, file, ", ".join(map(_title, runs)), folder, pid, time.monotonic())


def idle_mb() -> int:
    """Peak memory of a child that does nothing: that of the imports, which no case is to blame for."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return int(os.wait4(pid, 0)[2].ru_maxrss) // 1024


def _title(run: str | Run) -> str:
    return run if isinstance(run, str) else run.__name__.strip("_")


def _fork(runs: tuple[str | Run, ...], folder: Path, out: Path, limits: bool) -> int:
    """Start runs in a child, up to the first that fails; their output goes to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        os.setsid()
        stream = os.open(out, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        if limits:
            _limit()
        os.chdir(folder)
        code = next((code for run in runs if (code := _result_of(run, folder))), 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 255)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    space = pages * resource.getpagesize() + (SPACE_MB << 20)
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MB << 20, FILE_MB << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _result_of(run: str | Run, folder: Path) -> int:
    """Exit code of a command line, or of a function as the command line would print its errors."""
    from seal_bringup.cli import app

    try:
        if isinstance(run, str):
            sys.argv = ["seal", *(word.replace("@", str(folder)) for word in run.split())]
            app.main()
        else:
            app.app = lambda standalone_mode: run(folder)
            app.main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def finished(case: Started, idle: int) -> Result | None:
    """What came of a case, None while it runs; one that runs too long is ended.

    Args:
        case: that was started.
        idle: memory in MB that does not count.
    """
    pid, status, used = os.wait4(case.pid, os.WNOHANG)
    limit_s = (WALL_S if case.seed else 10 * WALL_S) * crowd()
    late = not pid and time.monotonic() - case.since > limit_s
    if not pid and not late:
        return None
    if late:
        os.killpg(case.pid, signal.SIGKILL)
        _, status, used = os.wait4(case.pid, 0)
    out = case.folder.with_suffix(".out")
    text = out.read_text(errors="replace") if out.is_file() else ""
    code = os.waitstatus_to_exitcode(status)
    peak, cpu = max(0, used.ru_maxrss // 1024 - idle), used.ru_utime + used.ru_stime
    kind = "hang" if late or (case.seed and cpu > CPU_S - 1) else _kind(code, text, peak)
    kind = "unread" if kind == "refused" and case.seed == 0 else kind
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else ""
    return Result(case.reader, case.seed, case.file, case.run, kind, code, round(cpu, 2), peak, last)


def _kind(code: int, text: str, peak_mb: int) -> str:
    if "Traceback (most recent" in text:
        return "traceback"
    if code < 0:
        return "signal"
    if peak_mb > MEMORY_MB or "not enough memory" in text:
        return "memory"
    if _CONTROL.search(text):
        return "control"
    if code in _READ:
        return "read"
    if not text.strip():
        return "silent"
    errors = [k for k, line in enumerate(text.splitlines()) if line.startswith("error:")]
    last = len(text.rstrip("\n").splitlines()) - 1
    return "refused" if code != 1 or errors in ([], [last]) else "lines"
