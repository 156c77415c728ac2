# SPDX-License-Identifier: Apache-2.0
"""Steps per second of many worlds at once: a pool of processes, each with a home of its own, timed alone and together.

Every worker has one thread. What a worker does alone and what it does beside the others is measured in turn in the same
run, and of several rounds the best counts, so that other load on the machine disturbs both equally and little.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np

from seal_perception.errors import SealError
from seal_perception.running.processes import context
from seal_perception.simulator import Action
from sim_bridge.homes.build import TRAIN_HOMES

SIZES = ((640, 480), (320, 240), (160, 120))

HABITAT_STEPS_PER_S = {(640, 480): (32.0, 42.0), (320, 240): (85.0, 85.0)}
"""The baseline: habitat-sim 0.3.3 with colour, depth and semantics in a house of 146 000 triangles, lowest and highest.

Measured elsewhere, on two such cores with OpenGL in software, not in this run.
"""

Step = Callable[[], int]
"""Works for a moment and returns how many steps that were."""


class WorkersError(SealError):
    """A worker of the benchmark failed or died; the message has the reason."""


@dataclass(frozen=True)
class EmbeddedTask:
    """Steps of a robot in a home, each with colour, depth and truth."""

    home: str
    width: int
    height: int

    def __call__(self) -> Step:
        """Open the home."""
        from sim_bridge.embedded import EmbeddedConfig
        from sim_bridge.worlds import open_simulator

        world = open_simulator(self.home, EmbeddedConfig(width=self.width, height=self.height, threads=1))
        world.reset(0)
        rng = np.random.default_rng(0)
        seen = [0]

        def step() -> int:
            if seen[0] % 100 == 0:
                world.reset(1 + seen[0] // 100)
            for _ in range(5):
                world.step(_ACTIONS[int(rng.integers(len(_ACTIONS)))])
                world.truth_images()
            seen[0] += 5
            return 5

        return step


_ACTIONS = (Action.FORWARD, Action.FORWARD, Action.LEFT, Action.RIGHT)


@dataclass(frozen=True)
class Window:
    """What one worker did in one stretch of time.

    Attributes:
        steps_per_s: its rate.
        steps_per_cpu_s: steps per second of processor time; on a busy machine nearer to what a quiet one would show.
        pss_mb: memory, pages shared between processes counted in parts; its whole memory where that is not known.
        rss_mb: memory, shared pages counted whole.
    """

    steps_per_s: float
    steps_per_cpu_s: float
    pss_mb: float
    rss_mb: float


@dataclass(frozen=True)
class WorldsRow:
    """One line: so many workers at once.

    Attributes:
        what: what a step is.
        width, height: of the pictures in pixels.
        workers: processes, one thread and one home each.
        steps_per_s: of all together.
        alone_steps_per_s: sum of what each of them does alone.
        efficiency: share of that which is left when they work at once.
        steps_per_cpu_s: of a worker on the average, per second of processor time.
        pss_mb, rss_mb: per worker, see `Window`.
    """

    what: str
    width: int
    height: int
    workers: int
    steps_per_s: float
    alone_steps_per_s: float
    efficiency: float
    steps_per_cpu_s: float
    pss_mb: float
    rss_mb: float


class Pool:
    """Workers that wait, and work for a while on request.

    Args:
        tasks: one per worker; must be picklable.

    Raises:
        WorkersError: also from `run`: if a worker fails or dies.
    """

    def __init__(self, tasks: Sequence[Callable[[], Step]]) -> None:
        workers = context("forkserver")
        workers.set_forkserver_preload(["sim_bridge.worlds"])
        self._workers: list[tuple[BaseProcess, Connection]] = []
        with _one_thread():
            for task in tasks:
                ours, theirs = workers.Pipe()
                process = workers.Process(target=_work, args=(task, theirs), daemon=True)
                process.start()
                theirs.close()
                self._workers.append((process, ours))
        try:
            self.load_s: list[float] = [self._receive(k) for k in range(len(tasks))]
        except BaseException:
            self.close()
            raise

    def run(self, workers: Sequence[int], seconds: float) -> list[Window]:
        """Let some of the workers work at the same time."""
        for k in workers:
            with contextlib.suppress(BrokenPipeError):  # `_receive` reports it
                self._workers[k][1].send(seconds)
        return [Window(*self._receive(k)) for k in workers]

    def _receive(self, k: int):  # type: ignore[no-untyped-def]  # whatever the worker sends
        process, pipe = self._workers[k]
        try:
            answer = pipe.recv()
        except (EOFError, ConnectionError) as error:
            process.join(2.0)
            raise WorkersError(f"worker {k} of the benchmark died (exit code {process.exitcode})") from error
        if isinstance(answer, str):
            raise WorkersError(f"worker {k} of the benchmark: {answer}")
        return answer

    def close(self) -> None:
        """End the workers."""
        for process, pipe in self._workers:
            pipe.close()
            process.terminate()
        for process, _ in self._workers:
            process.join()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Libraries of processes that start now keep to one thread."""
    before = dict(os.environ)
    os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _work(task: Callable[[], Step], pipe: Connection) -> None:
    """A worker: opens its world, then works whenever it is sent a number of seconds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        start = time.perf_counter()
        step = task()
        loaded = time.perf_counter() - start
        for _ in range(3):
            step()
        pipe.send(loaded)
        while True:
            seconds = pipe.recv()
            steps, start, cpu = 0, time.perf_counter(), time.process_time()
            while time.perf_counter() - start < seconds:
                steps += step()
            rate, worked = steps / (time.perf_counter() - start), time.process_time() - cpu
            pipe.send((rate, steps / max(worked, 1e-9), *_memory_mb()))
    except SealError as error:
        pipe.send(str(error))
    except (EOFError, BrokenPipeError):
        return


def _memory_mb() -> tuple[float, float]:
    """PSS and RSS of this process in MB."""
    import psutil

    info = psutil.Process().memory_full_info()
    return getattr(info, "pss", info.rss) / 1e6, info.rss / 1e6


def counts_to(workers: int) -> list[int]:
    """Numbers of workers to measure: all up to four, then doubling, the last one always."""
    return sorted({k for k in (1, 2, 3, 4, *(2**p for p in range(3, 12))) if k <= workers} | {workers})


def measure(
    what: str,
    size: tuple[int, int],
    tasks: Sequence[Callable[[], Step]],
    rounds: int = 3,
    seconds: float = 2.0,
    progress: Callable[[str], object] = lambda text: None,
) -> list[WorldsRow]:
    """Rates of 1 .. n workers at once against what each does alone.

    Args:
        what: name of the rows.
        size: of the pictures.
        tasks: one per worker.
        rounds: how often everything is measured; the best counts.
        seconds: of each measurement.
        progress: called with what is done next.
    """
    label = f"{what}, {size[0]} x {size[1]}"
    progress(f"{label}: opening {len(tasks)} worlds")
    pool = Pool(tasks)
    counts = counts_to(len(tasks))
    alone: list[list[Window]] = [[] for _ in tasks]
    together: dict[int, list[list[Window]]] = {k: [] for k in counts}
    try:
        for number in range(rounds):
            turn = f"{label}: round {number + 1} of {rounds}"
            for k in range(len(tasks)):
                progress(f"{turn}, world {k + 1} alone")
                alone[k] += pool.run([k], seconds)
            for k in counts:
                if k > 1:
                    progress(f"{turn}, {k} worlds at once")
                    together[k].append(pool.run(range(k), seconds))
    finally:
        pool.close()
    together[1] = [[window] for window in alone[0]]
    best = [max(window.steps_per_s for window in windows) for windows in alone]
    return [_row(what, size, together[k], sum(best[:k])) for k in counts]


def _row(what: str, size: tuple[int, int], rounds: list[list[Window]], alone: float) -> WorldsRow:
    """The best of the rounds of so many workers; memory is that of the last."""
    rate = max(sum(window.steps_per_s for window in windows) for windows in rounds)
    per_cpu = max(float(np.mean([window.steps_per_cpu_s for window in windows])) for windows in rounds)
    pss, rss = (float(np.median([getattr(window, key) for window in rounds[-1]])) for key in ("pss_mb", "rss_mb"))
    return WorldsRow(what, *size, len(rounds[0]), rate, alone, rate / alone, per_cpu, pss, rss)


def embedded_rows(
    workers: int,
    rounds: int = 3,
    seconds: float = 2.0,
    sizes: Sequence[tuple[int, int]] = SIZES,
    homes: Sequence[str] = TRAIN_HOMES,
    progress: Callable[[str], object] = lambda text: None,
) -> list[WorldsRow]:
    """Colour, depth and truth of the embedded simulator, for each size of picture; arguments as of `measure`."""
    rows = []
    for width, height in sizes:
        tasks = [EmbeddedTask(homes[k % len(homes)], width, height) for k in range(workers)]
        rows += measure("colour, depth, truth", (width, height), tasks, rounds, seconds, progress)
    return rows


@dataclass(frozen=True)
class LoadTimes:
    """Seconds until a home whose light is cached gives its first picture (320 x 240).

    Attributes:
        import_s: importing the simulator, once per process.
        first_s: the first home of a process, its compiled code read from numba's cache included.
        next_s: another home in the same process.
        next_cpu_s: processor time of that.
    """

    import_s: float
    first_s: float
    next_s: float
    next_cpu_s: float


def load_times(homes: Sequence[str], progress: Callable[[str], object] = lambda text: None) -> LoadTimes:
    """Measure in a fresh process, after the light of both homes has been baked where it was not.

    Raises:
        WorkersError: if that process fails.
    """
    fresh = context("spawn")
    found: list[tuple[float, float, float, float]] = []
    for text in ("baking the light of homes that have none yet", "loading cached homes"):
        progress(text)
        ours, theirs = fresh.Pipe(duplex=False)
        process = fresh.Process(target=_load, args=(tuple(homes[:2]), theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            found.append(ours.recv())
        except EOFError as error:
            process.join()
            raise WorkersError(f"loading {', '.join(homes[:2])} failed (exit code {process.exitcode})") from error
        finally:
            process.terminate()
            process.join()
    return LoadTimes(*found[-1])


def _load(homes: tuple[str, str], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start = time.perf_counter()
    from sim_bridge.embedded import EmbeddedConfig
    from sim_bridge.worlds import open_simulator

    times = [time.perf_counter() - start]
    for home in homes:
        start, cpu = time.perf_counter(), time.process_time()
        open_simulator(home, EmbeddedConfig(width=320, height=240, threads=1)).reset(0)
        times.append(time.perf_counter() - start)
    pipe.send((*times, time.process_time() - cpu))
