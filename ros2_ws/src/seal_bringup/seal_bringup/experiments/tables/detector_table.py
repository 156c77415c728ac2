# SPDX-License-Identifier: Apache-2.0
"""How tables of detectors' AP50 show themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seal_bringup.experiments.tables.cells import Evaluation
from seal_bringup.experiments.tables.plot import draw_table
from seal_bringup.experiments.tables.store import Cell
from seal_bringup.experiments.tables.text import markdown


class DetectorTable:
    """What `run_table` asks of a table, where its rows are AP50 by setting (`figures.document`)."""

    def shows(self, cell: Cell) -> bool:
        """Only evaluations change the picture."""
        return isinstance(cell, Evaluation)

    def markdown(self, table: dict[str, Any]) -> str:
        """The table for a document."""
        return markdown(table)

    def draw(self, path: Path, table: dict[str, Any]) -> None:
        """Write the picture of the table as a PNG."""
        draw_table(path, table)
