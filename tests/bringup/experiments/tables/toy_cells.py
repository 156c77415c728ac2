# SPDX-License-Identifier: Apache-2.0
"""Cells that count: quick to compute, with a log of each time one is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_bringup.experiments.tables.store import Cell, Progress
from seal_perception.errors import InputError

LOG = "log.txt"


@dataclass(frozen=True, eq=False)
class Number(Cell):
    """A number, less than 0 of which cannot be computed."""

    value: int
    log: Path
    kind, output = "number", "number.txt"

    @property
    def label(self) -> str:
        return f"n{self.value}"

    def inputs(self) -> tuple[Cell, ...]:
        return ()

    def facts(self) -> dict[str, Any]:
        return {"value": self.value}

    def modules(self) -> tuple[str, ...]:
        return ("seal_perception.errors",)

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        noted(self.log, self.label)
        if self.value < 0:
            (folder / self.output).write_text("half")
            raise InputError(f"{self.value} is below 0")
        progress(1, 1)
        (folder / self.output).write_text(str(self.value))


@dataclass(frozen=True, eq=False)
class Sum(Cell):
    """The sum of other cells."""

    of: tuple[Cell, ...]
    log: Path
    kind, output = "sum", "sum.txt"

    @property
    def label(self) -> str:
        return "sum"

    def inputs(self) -> tuple[Cell, ...]:
        return self.of

    def facts(self) -> dict[str, Any]:
        return {}

    def modules(self) -> tuple[str, ...]:
        return ("seal_perception.files",)

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        noted(self.log, self.label)
        (folder / self.output).write_text(str(sum(int(path.read_text()) for path in inputs)))


def noted(log: Path, text: str) -> None:
    """One write, so that lines of several processes do not mix."""
    number = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(number, f"{text}\n".encode())
    os.close(number)


def made(log: Path) -> list[str]:
    return log.read_text().split() if log.is_file() else []
