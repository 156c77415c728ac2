# SPDX-License-Identifier: Apache-2.0
"""The progress of a run and its line on the terminal."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.status import Status

from seal_bringup.console import make_console


@dataclass(frozen=True)
class Progress:
    """The progress of a run.

    Attributes:
        frames: answered, or in paced mode mapped.
        total_frames: of the run.
        elapsed_s: since the first of them.
        explored_m2: explored area.
        confident_voxels: in the map.
        left_out: frames before the last of `frames` that are not among them, as in paced mode some are.
    """

    frames: int
    total_frames: int
    elapsed_s: float
    explored_m2: float
    confident_voxels: int
    left_out: int = 0

    @property
    def steps_per_s(self) -> float:
        """Frames after the first per second."""
        return (self.frames - 1) / self.elapsed_s if self.frames > 1 and self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float:
        """Estimated time left, at this pace."""
        if not self.steps_per_s:
            return float("nan")
        passed = self.frames + self.left_out
        return (self.total_frames - passed) * self.elapsed_s / (passed - 1)


def describe(progress: Progress) -> str:
    """One line: frames, steps/s, area, confident voxels, time left."""
    left = "" if math.isnan(progress.left_s) else f", {clock(progress.left_s)} left"
    return (
        f"frame {progress.frames}/{progress.total_frames}, {progress.steps_per_s:.1f} steps/s, "
        f"{progress.explored_m2:.1f} m2 explored, {progress.confident_voxels} confident voxels{left}"
    )


def clock(seconds: float) -> str:
    """Minutes and seconds, as 2:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class ProgressLine:
    """Progress on the terminal: one line that is updated; elsewhere a line every ten seconds."""

    def __init__(self, console: Console | None = None, every_s: float = 10.0) -> None:
        self._console = console or make_console(stderr=True)
        self._every_s = every_s
        self._last_s = time.monotonic()
        self._status: Status | None = None

    def __enter__(self) -> ProgressLine:
        if self._console.is_terminal:
            self._status = self._console.status("starting the nodes")
            self._status.start()
        return self

    def show(self, progress: Progress) -> None:
        """Show the progress."""
        if self._status is not None:
            self._status.update(describe(progress))
        elif time.monotonic() - self._last_s >= self._every_s:
            self._last_s = time.monotonic()
            self._console.print(describe(progress), highlight=False)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, style="yellow", markup=False, highlight=False)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
