# SPDX-License-Identifier: Apache-2.0
"""Progress of long commands: done, rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def rate_bar(name: str, unit: str = "frames") -> Iterator[Callable[[int, int], None]]:
    """Give a function to call with (done, total); the rate is that of this call, not of work that was resumed."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task(name, total=None, rate="")
        first: list[int] = []

        def report(done: int, total: int) -> None:
            first.append(done) if not first else None
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = f"{(done - first[0]) / elapsed:.1f} {unit}/s" if elapsed > 1.0 else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield report
