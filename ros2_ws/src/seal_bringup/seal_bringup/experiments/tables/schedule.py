# SPDX-License-Identifier: Apache-2.0
"""Compute cells in the order of their inputs: here, or on a Ray cluster, beside other processes on the same folder."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from seal_bringup.experiments.tables.store import BUSY, Cell, CellStore, Progress
from seal_bringup.provenance import commit
from seal_perception.errors import InputError

POLL_S = 5.0
"""Seconds between looks at cells that other processes compute."""
MOST_AT_ONCE = 1000
"""Cells that wait on a cluster."""


class Watcher(Protocol):
    """Who is told how the work goes on."""

    def started(self, cell: Cell, work: Work) -> None:
        """A cell begins."""

    def progress(self, cell: Cell, done: int, total: int) -> None:
        """Inside a cell."""

    def finished(self, cell: Cell, error: str, work: Work) -> None:
        """A cell is there, or has failed with an error."""


class Pool(Protocol):
    """Where cells are computed."""

    most: int

    def start(self, cell: Cell) -> None:
        """Begin a cell whose inputs are finished."""

    def wait(self) -> tuple[Cell, str, str]:
        """A started cell that is over, with what `CellStore.attempt` said."""


class Work:
    """The cells that targets need, and which of them are finished.

    Args:
        targets: cells to have in the end, the most wanted first.
        store: where they are kept.
    """

    def __init__(self, targets: Sequence[Cell], store: CellStore) -> None:
        self.store, self.failed = store, dict[Cell, str]()
        self._targets = list(dict.fromkeys(targets))
        self._seconds: dict[str, list[float]] = {}
        self._all = self._needed(lambda cell: cell.kind == "given")
        for cell in self._all:
            if store.find(cell) is not None:
                self.took(cell)

    @property
    def total(self) -> int:
        """How many cells there are, finished or not."""
        return len(self._all)

    def missing(self) -> list[Cell]:
        """Cells to compute, each after its inputs. What only finished cells need is not computed again."""
        return self._needed(lambda cell: self.store.find(cell) is not None)

    def possible(self) -> list[Cell]:
        """`missing` without what has failed and what needs that."""
        lost = set(self.failed)
        out = []
        for cell in self.missing():  # inputs come first
            if cell in lost or any(one in lost for one in cell.inputs()):
                lost.add(cell)
            else:
                out.append(cell)
        return out

    def ready(self) -> list[Cell]:
        """Those that can begin at once."""
        return [c for c in self.possible() if all(self.store.find(one) is not None for one in c.inputs())]

    def took(self, cell: Cell) -> None:
        """Remember how long a finished cell took."""
        if cell.kind != "given":
            self._seconds.setdefault(cell.kind, []).append(float(self.store.mark(cell)["seconds"]))

    def seconds_left(self) -> float | None:
        """Seconds that what is missing takes in one process; None while a kind of cell was never computed."""
        total = 0.0
        for cell in self.possible():
            if cell.kind not in self._seconds:
                return None
            total += sum(self._seconds[cell.kind]) / len(self._seconds[cell.kind])
        return total

    def _needed(self, is_there: Callable[[Cell], bool]) -> list[Cell]:
        """What the targets need, each after its inputs; nothing is asked of a cell that is there."""
        out: dict[Cell, None] = {}

        def visit(cell: Cell) -> None:
            if cell not in out and not is_there(cell):
                for one in cell.inputs():
                    visit(one)
                out[cell] = None

        for target in self._targets:
            visit(target)
        return list(out)


def run_cells(work: Work, pool: Pool, watcher: Watcher) -> dict[Cell, str]:
    """Compute all that is missing; a cell that fails does not stop those that do not need it.

    Args:
        work: what to compute.
        pool: where.
        watcher: told of each cell.

    Returns:
        The cells that failed, with their errors.
    """
    running: set[Cell] = set()
    elsewhere: set[Cell] = set()
    while True:
        waiting = [cell for cell in work.ready() if cell not in running and cell not in elsewhere]
        if waiting and len(running) < pool.most:
            cell = waiting[0]
            running.add(cell)
            watcher.started(cell, work)
            pool.start(cell)
        elif running:
            cell, said, error = pool.wait()
            running.discard(cell)
            if said == BUSY:
                elsewhere.add(cell)
                continue
            if error:
                work.failed[cell] = error
            else:
                work.took(cell)
            watcher.finished(cell, error, work)
        elif elsewhere:
            time.sleep(POLL_S)
            elsewhere = {cell for cell in elsewhere if work.store.is_busy(cell)}
        else:
            return work.failed


class Here:
    """Cells computed in this process, one after the other.

    Args:
        store: where they are kept.
        watcher: told of the progress inside a cell.
    """

    most = 1

    def __init__(self, store: CellStore, watcher: Watcher) -> None:
        self._store, self._watcher = store, watcher
        self._cell: Cell | None = None

    def start(self, cell: Cell) -> None:
        """Remember the cell; `wait` computes it."""
        self._cell = cell

    def wait(self) -> tuple[Cell, str, str]:
        """Compute the cell."""
        cell, self._cell = self._cell, None
        assert cell is not None
        return (cell, *self._store.attempt(cell, lambda done, total: self._watcher.progress(cell, done, total)))


class RayPool:
    """Cells as tasks of a Ray cluster of machines with one and the same code.

    They must reach the work folder under the same path.

    Args:
        store: where they are kept.
        address: of the cluster, "auto" or "local".

    Raises:
        InputError: if the package ray is not installed.
    """

    most = MOST_AT_ONCE

    def __init__(self, store: CellStore, address: str) -> None:
        try:
            import ray
        except ImportError as error:
            raise InputError("--ray needs the package ray: pip install 'ray==2.*'") from error
        self._ray, self._store = ray, store
        ray.init(address=None if address == "local" else address, log_to_driver=False)
        self._task, self._commit = ray.remote(_remote_cell), commit()
        self._waiting: dict[Any, Cell] = {}

    def start(self, cell: Cell) -> None:
        """Hand the cell over."""
        made_by = cell.code, self._commit
        self._waiting[self._task.remote(self._store.root, self._store.any_code, made_by, cell)] = cell

    def wait(self) -> tuple[Cell, str, str]:
        """The next cell that is over; a machine that was lost is its error."""
        (done,), _ = self._ray.wait(list(self._waiting), num_returns=1)
        cell = self._waiting.pop(done)
        try:
            said, error = self._ray.get(done)
        except self._ray.exceptions.RayError as lost:
            said, error = "", str(lost).splitlines()[0]
        return cell, said, error

    def close(self) -> None:
        """Leave the cluster; cells that run there are given up."""
        self._ray.shutdown()


def _remote_cell(root: Path, any_code: bool, made_by: tuple[str, str], cell: Cell) -> tuple[str, str]:
    """`CellStore.attempt` on another machine, if the cell's code there is the driver's (`made_by`: hash, commit)."""
    code, wanted = made_by
    if cell.code != code:
        told = f"expected the code of {wanted}, {platform.node()} runs {commit()}: check out the same there"
        return "", f"{told} and start its Ray worker anew"
    silent: Progress = lambda done, total: None  # noqa: E731
    return CellStore(root, any_code).attempt(cell, silent)
