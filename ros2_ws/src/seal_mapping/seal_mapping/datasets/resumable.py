# SPDX-License-Identifier: Apache-2.0
"""The work behind a labelled dataset: a folder that can be gone on with, frames read ahead, workers in order."""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import importlib.util
import json
import os
import queue
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba

from seal_perception.dataset import ANNOTATIONS
from seal_perception.errors import InputError
from seal_perception.files import put_back, read_json, take_place, write_json

MARK = "work.json"
_AHEAD = 4
_POOLS = ("omppool", "tbbpool")

Item = TypeVar("Item")
Result = TypeVar("Result")


def default_workers() -> int:
    """One worker per core that this process may use; one where compiled loops do not bear several threads."""
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


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`function` of each item, in their order, on so many threads; only a few items are in memory at a time.

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


def read_ahead(items: Iterable[Item], ahead: int = _AHEAD) -> Iterator[Item]:
    """The same items, taken in a second thread up to `ahead` before they are asked for."""
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


def fingerprint(facts: dict[str, Any]) -> str:
    """SHA-256 of what decides the outcome of a piece of work."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def work_folder(out: Path, facts: dict[str, Any] | None) -> Iterator[Path]:
    """Give a folder beside `out`; it takes the place of `out` when the block ends without an error.

    With `facts`, the folder stays when the block is interrupted or fails, and the next call with the same facts gets it
    again, with all that was done. What failed before anything was done leaves nothing.

    Raises:
        InputError: if `out` is a file, holds something that is no dataset, or another process works on it.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose a folder for the labels")
    if out.is_dir() and any(out.iterdir()) and not (out / ANNOTATIONS).is_file():
        raise InputError(f"{out} holds something that is no dataset; choose another folder")
    beside = out.with_name(f".{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        mark = fingerprint(facts) if facts is not None else None
        if not _same_work(beside, mark):
            shutil.rmtree(beside, ignore_errors=True)
        put_back(out)
        beside.mkdir(exist_ok=True)
        if mark is not None:
            write_json(beside / MARK, {"fingerprint": mark})
        try:
            yield beside
            take_place(beside, out)
            (out / MARK).unlink(missing_ok=True)
        finally:
            if mark is None or _nothing_done(beside):
                shutil.rmtree(beside, ignore_errors=True)


def _nothing_done(folder: Path) -> bool:
    return not any(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != MARK)


def _same_work(folder: Path, mark: str | None) -> bool:
    if mark is None or not (folder / MARK).is_file():
        return False
    try:
        found = read_json(folder / MARK)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("fingerprint") == mark


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep other processes from working on the same folder; the lock ends with the process, however that ends."""
    path = out.with_name(f".{out.name}.lock")
    with open(path, "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or os.fstat(stream.fileno()).st_ino != path.stat().st_ino:
                raise BlockingIOError  # its owner has just taken it away, and another may hold a new one
        except BlockingIOError as error:
            raise InputError(f"another process is writing {out}; wait for it or choose another folder") from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
