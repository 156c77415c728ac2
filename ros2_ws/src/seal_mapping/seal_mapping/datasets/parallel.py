# SPDX-License-Identifier: Apache-2.0
"""Threads around a stream of frames: read ahead of the loop, map in order on several workers."""

from __future__ import annotations

import importlib
import importlib.util
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numba

_AHEAD = 4
_POOLS = ("omppool", "tbbpool")

Item = TypeVar("Item")
Result = TypeVar("Result")


def default_workers() -> int:
    """One worker per core that this process may use; one where compiled loops cannot run in several threads."""
    return max(1, len(os.sched_getaffinity(0))) if _threads_are_safe() else 1


def _threads_are_safe() -> bool:
    """Whether numba has OpenMP or TBB; its own threads end the process when two of ours use them at a time."""
    return any(importlib.util.find_spec(f"numba.np.ufunc.{name}") is not None and _loads(name) for name in _POOLS)


def _loads(name: str) -> bool:
    try:
        importlib.import_module(f"numba.np.ufunc.{name}")
    except ImportError:
        return False
    return True


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`function` of each item, in the items' order, on several threads; only a few items are in memory at a time.

    With one worker everything happens in the caller's thread. The results do not depend on the number of workers.
    """
    if workers == 1:
        yield from map(function, items)
        return
    # Compiled loops that are parallel themselves would only get in each other's way.
    with ThreadPoolExecutor(workers, "seal_label", numba.set_num_threads, (1,)) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def prefetch(items: Iterable[Item], ahead: int = _AHEAD) -> Iterator[Item]:
    """The same items; a second thread takes up to `ahead` of them before they are asked for."""
    ready: queue.Queue[tuple[str, Any]] = queue.Queue(ahead)
    stop = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put((kind, value), timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # handed to the thread that waits, which raises it
            put("error", error)

    reader = threading.Thread(target=read, name="seal_read", daemon=True)
    reader.start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stop.set()
        reader.join()
