# SPDX-License-Identifier: Apache-2.0
"""Compute a table: its cells one after the other or on a cluster, and after each the table of those that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from seal_bringup.experiments.tables.schedule import Here, RayPool, Work, run_cells
from seal_bringup.experiments.tables.store import Cell, CellStore
from seal_bringup.provenance import provenance
from seal_bringup.stack.progress import clock
from seal_perception.errors import InputError
from seal_perception.files import write_json, write_text


class Table(Protocol):
    """A table that is made of cells."""

    @property
    def name(self) -> str:
        """Of its files."""
        ...

    def targets(self) -> list[Cell]:
        """The cells that it shows, the most wanted first."""
        ...

    def table(self, store: CellStore) -> dict[str, Any]:
        """What the finished ones say, JSON-ready."""
        ...

    def shows(self, cell: Cell) -> bool:
        """Whether the picture of the table changes with this cell."""
        ...

    def markdown(self, table: dict[str, Any]) -> str:
        """The table for a document."""
        ...

    def draw(self, path: Path, table: dict[str, Any]) -> None:
        """Write the picture of the table as a PNG."""
        ...


@dataclass(frozen=True)
class RunOptions:
    """Where a table is computed.

    Attributes:
        work: folder of the cells.
        out: JSON to write; Markdown and plot stand beside it.
        ray: address of a Ray cluster, "auto" or "local"; None = this process.
        any_code: also take cells that other code has made.
    """

    work: Path
    out: Path
    ray: str | None = None
    any_code: bool = False


class _Writer:
    """Writes the table and tells how far the work is.

    Args:
        table: what is computed.
        options: where to.
        announce: called with a line per cell.
        progress: called with (stage, done, total) inside a cell.
    """

    def __init__(
        self,
        table: Table,
        options: RunOptions,
        announce: Callable[[str], None],
        progress: Callable[[str, int, int], None],
    ) -> None:
        self._table, self._options, self._announce, self._progress = table, options, announce, progress
        self._made_by = provenance()

    def started(self, cell: Cell, work: Work) -> None:
        """See `Watcher`."""
        left = work.seconds_left()
        text = "" if left is None else f", about {clock(left)} left in one process"
        self._announce(f"[{work.total - len(work.missing())}/{work.total}{text}] {cell.title} ...")

    def progress(self, cell: Cell, done: int, total: int) -> None:
        """See `Watcher`."""
        self._progress(cell.title, done, total)

    def finished(self, cell: Cell, error: str, work: Work) -> None:
        """See `Watcher`."""
        if error:
            self._announce(f"failed: {cell.title}: {error}")
        else:
            self._announce(f"{cell.title}: {work.store.mark(cell)['seconds']:.0f} s")
        self.write(work, self._table.shows(cell))

    def write(self, work: Work, draw: bool = True) -> dict[str, Any]:
        """Write the table, as Markdown too, and the plot."""
        failed = {cell.title: error for cell, error in work.failed.items()}
        cells = {"finished": work.total - len(work.missing()), "of": work.total, "failed": failed}
        table = {"provenance": self._made_by, **self._table.table(work.store), "cells": cells}
        write_json(self._options.out, table)
        write_text(self._options.out.with_suffix(".md"), self._table.markdown(table))
        if draw:
            self._table.draw(self._options.out.with_suffix(".png"), table)
        return table


def run_table(
    table: Table,
    options: RunOptions,
    announce: Callable[[str], None] = lambda line: None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Compute what a table still lacks and write it; what was computed before is taken from the work folder.

    Args:
        table: what to compute.
        options: where.
        announce: called with a line per cell.
        progress: called with (stage, done, total) inside a cell.

    Returns:
        The table.

    Raises:
        InputError: if cells failed; the others, and the table of them, are there.
    """
    store = CellStore(options.work, options.any_code)
    work = Work(table.targets(), store)
    writer = _Writer(table, options, announce, progress)
    writer.write(work)
    if options.ray is None:
        run_cells(work, Here(store, writer), writer)
    else:
        pool = RayPool(store, options.ray)
        try:
            run_cells(work, pool, writer)
        finally:
            pool.close()
    result = writer.write(work)
    if work.failed:
        cell, error = next(iter(work.failed.items()))
        raise InputError(f"{len(work.failed)} cells failed, such as {cell.title}: {error}; see {options.out}")
    return result
