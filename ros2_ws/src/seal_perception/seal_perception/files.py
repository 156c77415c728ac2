# SPDX-License-Identifier: Apache-2.0
"""Writing files so that nothing half-written looks whole: write beside, then rename."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Let an OSError of the block that names no file name `path`: a full disk says only "No space left on device"."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror or os.strerror(error.errno), str(path)) from error


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it over `path` when the block ends without an error.

    An OSError of the block names `path`, unless it names another file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        with naming(path):
            yield beside
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a file of a folder that as a whole appears later; an OSError names it."""
    with naming(path):
        Path(path).write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def keep_original(path: Path) -> Path:
    """Give a file that is about to be replaced a second name, `<name>.orig` or with the next free number.

    Returns:
        That name. What is there under an earlier one is never touched.

    Raises:
        OSError: if the folder cannot be written.
    """
    for number in itertools.count():
        kept = path.with_name(f"{path.name}.orig{number or ''}")
        try:
            os.link(path, kept)
        except FileExistsError:
            continue
        except OSError:  # a file system without links: a copy, under the name only when it is whole
            if kept.exists():
                continue
            with replacing(kept) as beside:
                shutil.copy2(path, beside)
        return kept
    raise AssertionError("numbers end")


def take_place(beside: Path, out: Path) -> None:
    """Let the whole folder `beside` become `out`; what was at `out` goes, but comes back if that fails.

    Raises:
        OSError: if a folder cannot be renamed.
    """
    old = _put_aside(out)
    if out.exists():
        shutil.rmtree(old, ignore_errors=True)
        out.rename(old)
    try:
        beside.rename(out)
    except OSError:
        if old.is_dir() and not out.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def put_back(out: Path) -> None:
    """Bring back the folder that a `take_place` had put aside when it was killed between its two renames."""
    old = _put_aside(out)
    if old.is_dir() and not out.exists():
        old.rename(out)


def _put_aside(out: Path) -> Path:
    return out.with_name(f".{out.name}.old")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def write_json(path: Path | str, value: Any, indent: int | None = 1) -> None:
    """Write JSON whole or not at all; keys keep their order."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(value, indent=indent, default=_plain) + "\n", encoding="utf-8")


def sha256(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as stream:
        digest = hashlib.sha256()
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
