# SPDX-License-Identifier: Apache-2.0
"""Progress bars of long commands: done, rate and time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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
