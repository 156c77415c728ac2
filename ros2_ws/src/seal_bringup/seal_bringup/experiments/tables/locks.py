# SPDX-License-Identifier: Apache-2.0
"""Lock files: of the processes that work in one folder, one at a time computes a thing.

A lock is a file that is made with O_EXCL and names its process. One whose process has ended is stale and is taken over.
A lock of another machine, where no process can be looked at, is stale when nobody touched it for `SILENT_S`: its
holder does so every `TOUCH_S`.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seal_perception.reading.text import read_json

TOUCH_S = 30.0
SILENT_S = 900.0
UNWRITTEN_S = 60.0
"""A lock that does not name its holder after so long is of a process that was killed while it wrote it."""


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock file `path` for a block; gives False, at once, if a living process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (_create(path) or _take_over(path)):
        yield False
        return
    done = threading.Event()
    toucher = threading.Thread(target=_touch, args=(path, done), daemon=True)
    toucher.start()
    try:
        yield True
    finally:
        done.set()
        toucher.join()
        if _is_ours(path):
            path.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Whether a process that still lives holds the lock file."""
    return path.exists() and not _is_stale(path)


def _create(path: Path) -> bool:
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    with os.fdopen(number, "w", encoding="utf-8") as file:
        json.dump(_self(), file)
    return True


def _self() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())}


def _is_ours(path: Path) -> bool:
    """Not so if we were silent for so long that another machine took it over, or the folder was removed."""
    try:
        return bool(read_json(path) == _self())
    except (OSError, ValueError):
        return False


def _take_over(path: Path) -> bool:
    """Make a stale lock ours. One process at a time may remove one: else it could remove the lock of the one before."""
    with open(path.with_name(".taking_over"), "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if path.exists():
            if not _is_stale(path):
                return False
            path.unlink(missing_ok=True)
        return _create(path)


def _is_stale(path: Path) -> bool:
    try:
        silent_s = time.time() - path.stat().st_mtime
        holder: Any = read_json(path)
        host, pid, began = holder["host"], int(holder["pid"]), holder["began"]
    except FileNotFoundError:
        return True
    except (ValueError, KeyError, TypeError):
        return silent_s > UNWRITTEN_S
    if host != socket.gethostname():
        return silent_s > SILENT_S
    return not _lives(pid) or _began(pid) != began


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did: tells it from a later one of the same number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _touch(path: Path, done: threading.Event) -> None:
    while not done.wait(TOUCH_S):
        try:
            os.utime(path)
        except OSError:  # the folder was removed
            return
