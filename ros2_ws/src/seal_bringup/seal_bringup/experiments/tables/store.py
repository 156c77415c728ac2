# SPDX-License-Identifier: Apache-2.0
"""Cells: results that are computed once, kept in one folder, and found again by all that decides them.

A cell's key is a hash of its own facts and of the keys of its inputs; the hash of the code that makes it, and made its
inputs, stands beside. `cell.json` is written last and the folder takes its place by a rename, so nothing that was
interrupted looks whole. It also holds the digests of what the inputs were: a cell whose input was made anew with other
bytes is made anew too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock, Timeout

from seal_bringup.provenance import commit, imported_code
from seal_perception.errors import SealError
from seal_perception.files import put_back, sha256, take_place, write_json
from seal_perception.reading.text import read_json

_LOG = logging.getLogger(__name__)
Progress = Callable[[int, int], None]
MARK = "cell.json"
MADE, FOUND, BUSY = "made", "found", "busy"
"""What `CellStore.make` says: computed now, there already, being computed by another process."""


def digest_of(value: Any) -> str:
    """SHA-256 of JSON-ready values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class Cell(ABC):
    """Something to compute once. Subclasses are frozen dataclasses with eq=False: equal keys, equal cells.

    Attributes:
        kind: folder of the work folder.
        output: what `make` writes in the cell's folder: a file or a folder.
        version: raised when `make` itself changes what it writes.
        resumable: whether an interrupted `make` resumes from what it left.
    """

    kind: ClassVar[str]
    output: ClassVar[str]
    version: ClassVar[int] = 1
    resumable: ClassVar[bool] = False

    @property
    @abstractmethod
    def label(self) -> str:
        """Name for people, of letters, digits and `_`; more than one cell may have it."""

    @abstractmethod
    def inputs(self) -> tuple[Cell, ...]:
        """Cells that must be there before."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """JSON-ready values that decide it, beside its inputs."""

    @abstractmethod
    def modules(self) -> tuple[str, ...]:
        """Modules whose code, with all that they import, decides it."""

    @abstractmethod
    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Compute it.

        Args:
            folder: to write `output` in.
            inputs: the outputs of `inputs()`, in order.
            progress: called with (done, total).
        """

    @cached_property
    def key(self) -> str:
        """SHA-256 of all that decides it, code apart."""
        return digest_of([self.kind, self.version, self.facts(), [one.key for one in self.inputs()]])

    @cached_property
    def code(self) -> str:
        """SHA-256 of the code that decides it and its inputs."""
        return digest_of([imported_code(*self.modules()), [one.code for one in self.inputs()]])

    def __getstate__(self) -> dict[str, Any]:
        """Without `code`: where the cell is unpickled, another may run."""
        return {name: value for name, value in self.__dict__.items() if name != "code"}

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.label}_{self.key[:12]}_{self.code[:8]}"

    @property
    def title(self) -> str:
        """What it is called in lines of progress."""
        return f"{self.kind} {self.label}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Given(Cell):
    """A file that is there already, such as the weights to start from.

    Args:
        path: the file.
    """

    kind, output = "given", ""

    def __init__(self, path: Path) -> None:
        self.path, self.sha256 = path.absolute(), sha256(path)

    @property
    def label(self) -> str:
        """The file's name."""
        return self.path.stem

    def inputs(self) -> tuple[Cell, ...]:
        """None."""
        return ()

    def facts(self) -> dict[str, Any]:
        """The file's bytes decide, not its name."""
        return {"sha256": self.sha256}

    def modules(self) -> tuple[str, ...]:
        """No code made it."""
        return ()

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Never called: it is there."""
        raise AssertionError(f"{self.path} is given")


class CellStore:
    """The cells in one work folder; any number of processes may use it at a time.

    Args:
        root: the folder.
        any_code: also take cells that other code has made, the newest of them.
    """

    def __init__(self, root: Path, any_code: bool = False) -> None:
        self.root, self.any_code = root.absolute(), any_code
        self._commit = commit()  # of the code that runs: the checkout may move on meanwhile
        self._marks: dict[Cell, tuple[Path, dict[str, Any]]] = {}

    def find(self, cell: Cell) -> Path | None:
        """The output of a finished cell, None if it must be computed."""
        if isinstance(cell, Given):
            return cell.path
        found = self._find(cell)
        return None if found is None else found[0] / cell.output

    def mark(self, cell: Cell) -> dict[str, Any]:
        """What is known of a finished cell: facts, code, commit, seconds, digests.

        Raises:
            KeyError: if it is not finished.
        """
        found = self._find(cell)
        if found is None:
            raise KeyError(cell.title)
        return found[1]

    def is_busy(self, cell: Cell) -> bool:
        """Whether a living process computes it."""
        try:
            with self._lock(cell):
                return False
        except Timeout:
            return True

    def make(self, cell: Cell, progress: Progress = lambda done, total: None) -> str:
        """Compute a cell whose inputs are finished, unless it is there or another process computes it.

        Returns:
            `MADE`, `FOUND` or `BUSY`.

        Raises:
            KeyError: if an input is not finished.
        """
        if self.find(cell) is not None:
            return FOUND
        lock = self._lock(cell)
        try:
            lock.acquire()
        except Timeout:
            return BUSY
        try:
            put_back(self.root / cell.kind / cell.name)  # only here: another process may be between two renames
            if self.find(cell) is not None:  # another process has finished it meanwhile
                return FOUND
            self._compute(cell, progress)
        finally:
            lock.release()
        return MADE

    def attempt(self, cell: Cell, progress: Progress = lambda done, total: None) -> tuple[str, str]:
        """`make`: what it says, and the error of this cell as one line where there was one; others go on."""
        try:
            return self.make(cell, progress), ""
        except Exception as error:  # whatever it is (CUDA out of memory is a RuntimeError), it is this cell's
            if not isinstance(error, (SealError, OSError, MemoryError)):
                _LOG.exception("%s", cell.title)
            return "", (f"{error}" or type(error).__name__).splitlines()[0]

    def _compute(self, cell: Cell, progress: Progress) -> None:
        paths = []
        for one in cell.inputs():
            path = self.find(one)
            if path is None:
                raise KeyError(f"{cell.title} needs {one.title}")
            paths.append(path)
        out = self.root / cell.kind / cell.name
        part = out.with_name(f".{out.name}.part")
        if not cell.resumable:
            shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        try:
            cell.make(part, paths, progress)
            mark = {
                "kind": cell.kind, "label": cell.label, "key": cell.key, "code": cell.code, "facts": cell.facts(),
                "inputs": [self._digest(one) for one in cell.inputs()], "digest": content_digest(part / cell.output),
                "seconds": round(time.monotonic() - began, 2), "commit": self._commit,
            }  # fmt: skip
            write_json(part / MARK, mark)
            take_place(part, out)
        finally:
            if not cell.resumable:
                shutil.rmtree(part, ignore_errors=True)

    def _find(self, cell: Cell) -> tuple[Path, dict[str, Any]] | None:
        if cell in self._marks:
            return self._marks[cell]
        for folder in self._folders(cell):
            if not (folder / MARK).is_file():
                continue
            mark = read_json(folder / MARK)
            if mark["key"] == cell.key and self._fits(cell, mark["inputs"]):
                self._marks[cell] = folder, mark
                return self._marks[cell]
        return None

    def _folders(self, cell: Cell) -> list[Path]:
        """Where a finished cell may lie, the likeliest first."""
        own = self.root / cell.kind / cell.name
        if not self.any_code:
            return [own]
        others = [path for path in own.parent.glob(f"{cell.label}_{cell.key[:12]}_*") if path != own]
        return [own, *sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)]

    def _fits(self, cell: Cell, digests: list[str]) -> bool:
        """Whether the inputs that are still there are those it was made from; recordings may have been removed."""
        for one, digest in zip(cell.inputs(), digests, strict=True):
            if self.find(one) is not None and self._digest(one) != digest:
                return False
        return True

    def _digest(self, cell: Cell) -> str:
        return cell.sha256 if isinstance(cell, Given) else str(self.mark(cell)["digest"])

    def _lock(self, cell: Cell) -> FileLock:
        """The system frees it when its process ends, however that ends."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{cell.kind}_{cell.name}.lock", timeout=0)


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files with their names."""
    if path.is_file():
        return sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return digest_of([[file.relative_to(path).as_posix(), sha256(file)] for file in files])
