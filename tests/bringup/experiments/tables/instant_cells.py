# SPDX-License-Identifier: Apache-2.0
"""The tables' own cells with made-up figures instead of work, and the command as a user types it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from seal_bringup.cli import app
from seal_bringup.experiments.tables import cells
from seal_bringup.experiments.tables.cells import Evaluation
from seal_bringup.experiments.tables.store import Cell, Progress
from seal_perception.files import write_json

QUALITY = {"right": 3, "predicted": 4, "true": 10}


def needed(cell: Cell) -> set[Cell]:
    """A cell and all before it."""
    return {cell}.union(*map(needed, cell.inputs()))


def of_kind(cell: Cell, kind: type[Cell]) -> list[Any]:
    """Those of `needed` of one kind."""
    return [one for one in needed(cell) if isinstance(one, kind)]


def make_instant(
    patch: pytest.MonkeyPatch,
    box_ap50: Callable[[Evaluation], float | None],
    mask_ap50: Callable[[Evaluation], float | None],
    plain: Sequence[type[Cell]] = (),
) -> list[str]:
    """Let cells write made-up figures at once, in the form of the real ones; what was made, in order.

    Args:
        patch: undone after the test.
        box_ap50: of an evaluation, and of each of its draws.
        mask_ap50: the same of masks.
        plain: further kinds of cells whose content does not matter.
    """
    order: list[str] = []

    def stand_in(kind: type[Cell], write: Callable[[Any, Path], None]) -> None:
        def make(self: Cell, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
            order.append(self.kind)
            write(self, folder / self.output)

        patch.setattr(kind, "make", make)

    def detector(cell: Cell, path: Path) -> None:
        path.mkdir()
        (path / cells.WEIGHTS).write_text(cell.label)
        write_json(path / cells.LEARNT, {"pictures": 3, "of": 9})

    def evaluation(cell: Evaluation, path: Path) -> None:
        values = {"box_ap50": box_ap50(cell), "mask_ap50": mask_ap50(cell)}
        write_json(path, {**values, **{f"{name}_draws": [value] * 4 for name, value in values.items()}})

    for kind in (cells.Recording, cells.Labels, cells.Frames, cells.Catalogue, *plain):
        stand_in(kind, lambda cell, path: path.write_text(cell.label))
    stand_in(cells.Detector, detector)
    stand_in(Evaluation, evaluation)
    stand_in(cells.Quality, lambda cell, path: write_json(path, {"overall": QUALITY}))
    return order


def seal(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command; its exit code."""
    patch.setattr(sys, "argv", ["seal", *arguments])
    try:
        app.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
