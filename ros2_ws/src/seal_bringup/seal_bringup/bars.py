# SPDX-License-Identifier: Apache-2.0
"""Progress bars of long commands: done, rate and time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from seal_bringup.console import make_console
from seal_bringup.stack.progress import clock

if TYPE_CHECKING:
    from rich.console import Console

Report = Callable[[int, int], None]
EVERY_S = 10.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def rate_bar(
    name: str, unit: str = "frames", console: Console | None = None, every_s: float = 10.0
) -> Iterator[Report]:
    """Give a function to call with (done, total); the rate is that of this call, not of work that was resumed.

    On a terminal a bar, elsewhere a line on standard error every `every_s` seconds.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = console or make_console()
    if not console.is_terminal:
        yield rate_lines(name, unit)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(name, total=None, rate="")
        first: list[int] = []

        def report(done: int, total: int) -> None:
            first.append(done) if not first else None
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = f"{(done - first[0]) / elapsed:.1f} {unit}/s" if elapsed > 1.0 else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield report


def rate_lines(name: str, unit: str = "") -> Report:
    """`rate_bar` where there is no terminal."""
    console, unit = make_console(stderr=True), unit and f" {unit}"
    start = last = time.monotonic()
    first: list[int] = []

    def report(done: int, total: int) -> None:
        nonlocal last
        first.append(done) if not first else None
        now = time.monotonic()
        if now - last < EVERY_S:
            return
        last = now
        rate = (done - first[0]) / (now - start)
        left = f", {rate:.1f}{unit}/s, {clock((total - done) / rate)} left" if rate > 0 else ""
        console.print(f"{name}: {done}/{total}{unit}{left}", highlight=False, markup=False)

    return report


class StageBar:
    """Progress bar of the running stage: rate and time left."""

    def __init__(self, console: Any) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(), console=console, transient=True,
        )  # fmt: skip
        self._console = console
        self._task: Any = None
        self._stage = ""
        self._lines = rate_lines("")

    def __enter__(self) -> StageBar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:  # elsewhere it would print an empty line
            self._bar.stop()

    def announce(self, line: str) -> None:
        """Print a line for a stage; the bar of the previous stage is removed."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._bar.stop()
            self._task, self._stage = None, ""
        self._console.print(line, highlight=False, markup=False)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Move the bar of `stage`; without a terminal, print a line now and then."""
        if not self._console.is_terminal:
            if stage != self._stage:
                self._stage, self._lines = stage, rate_lines(stage)
            self._lines(done, total)
            return
        if stage != self._stage:
            self._bar.start()
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task, self._stage = self._bar.add_task(stage, total=total, rate=""), stage
        task = self._bar.tasks[self._bar.task_ids.index(self._task)]
        rate = f"{task.speed:.1f}/s" if task.speed else ""
        self._bar.update(self._task, completed=done, total=total, rate=rate)
