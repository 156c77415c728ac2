# SPDX-License-Identifier: Apache-2.0
"""Curves of a training: rows in a CSV file, TensorBoard's event file, a picture.

`tensorboard --logdir FOLDER` shows the event file, which tensorboardX (requirements/train.txt) writes; without it there
is none.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from seal_perception.files import replacing

CSV, EVENTS, PICTURE = "curves.csv", "events.out.tfevents.seal", "curves.png"


class Row(NamedTuple):
    """One figure of a curve.

    Attributes:
        time_s: when, in seconds since 1970.
        step: frames of the robot so far, or passes over the demonstrations.
        tag: name of the curve.
        value: the figure.
    """

    time_s: float
    step: int
    tag: str
    value: float


class Curves:
    """The curves of a training in a folder.

    Args:
        folder: where the three files lie.

    Attributes:
        rows: all figures so far.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rows: list[Row] = []
        if (folder / CSV).is_file():
            with open(folder / CSV, newline="", encoding="utf-8") as stream:
                self.rows = [Row(float(t), int(s), tag, float(v)) for t, s, tag, v in list(csv.reader(stream))[1:]]

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Take figures of a step."""
        now = time.time()
        self.rows += [Row(now, step, tag, float(value)) for tag, value in values.items()]

    def forget(self, prefix: str, after: int = -1) -> None:
        """Drop the figures after a step of the curves with this prefix: what is done again is not drawn twice."""
        self.rows = [row for row in self.rows if not (row.tag.startswith(prefix) and row.step > after)]

    def write(self) -> None:
        """Write rows and events, each file whole or not at all."""
        with replacing(self._folder / CSV) as beside, open(beside, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(Row._fields)
            writer.writerows((f"{r.time_s:.3f}", r.step, r.tag, repr(r.value)) for r in self.rows)
        self._write_events()

    def _write_events(self) -> None:
        """All rows anew: what was forgotten must not be drawn."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            return
        with tempfile.TemporaryDirectory(dir=self._folder) as beside:
            with SummaryWriter(beside) as writer:
                for row in self.rows:
                    writer.add_scalar(row.tag, row.value, row.step, walltime=row.time_s)
            (written,) = Path(beside).iterdir()
            written.replace(self._folder / EVENTS)

    def draw(self, title: str) -> None:
        """Draw each curve into the picture."""
        from matplotlib.figure import Figure

        tags = sorted({row.tag for row in self.rows})
        if not tags:
            return
        columns = min(3, len(tags))
        lines = -(-len(tags) // columns)
        figure = Figure(figsize=(4.2 * columns, 2.6 * lines), layout="constrained")
        figure.suptitle(title)
        for n, tag in enumerate(tags):
            axes = figure.add_subplot(lines, columns, n + 1)
            points = [(row.step, row.value) for row in self.rows if row.tag == tag]
            axes.plot(*zip(*points, strict=True), color="#045c58", lw=1.4, marker="." if len(points) < 40 else "")
            axes.set_title(tag, fontsize=9)
            axes.grid(alpha=0.3)
        with replacing(self._folder / PICTURE) as beside:
            figure.savefig(beside, format="png", dpi=90)
