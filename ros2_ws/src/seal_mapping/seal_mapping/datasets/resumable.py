# SPDX-License-Identifier: Apache-2.0
"""A folder that is written beside its place, so that an interrupted call can be resumed by the next one."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_perception.dataset import ANNOTATIONS
from seal_perception.errors import InputError
from seal_perception.files import put_back, take_place, write_json
from seal_perception.reading.text import read_json

MARK = "work.json"


@dataclass(frozen=True)
class WorkFolder:
    """A dataset's folder while it is written.

    Attributes:
        path: what is written here becomes part of the dataset.
        checkpoints: where work is kept that a later call can resume, the same folder; None if none will.
    """

    path: Path
    checkpoints: Path | None


def fingerprint(facts: dict[str, Any]) -> str:
    """SHA-256 of what decides the outcome of a piece of work."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def resumable(out: Path, facts: dict[str, Any] | None, whole: str = ANNOTATIONS) -> Iterator[WorkFolder]:
    """Give a folder beside `out`; it takes the place of `out` when the block ends without an error.

    With `facts`, the folder stays when the block is interrupted or fails, and the next call with the same facts gets it
    again, with all that was done. A block that fails before it has done anything leaves nothing.

    Args:
        out: the folder.
        facts: what decides the outcome; None = nothing is kept for a later call.
        whole: the file by which an earlier outcome, which may be replaced, is known.

    Raises:
        InputError: if `out` is a file, holds something else, or another process works on it.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / whole).is_file():
        raise InputError(f"{out} holds something that is no dataset (no {whole}); choose another folder")
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
            yield WorkFolder(beside, None if mark is None else beside)
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
                raise BlockingIOError  # its owner has just removed it, and another process may hold a new one
        except BlockingIOError as error:
            raise InputError(f"another process is writing {out}; wait for it or choose another folder") from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
