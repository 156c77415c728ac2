# SPDX-License-Identifier: Apache-2.0
"""How tables of detectors show themselves: per setting the rows' box and mask AP50 with their intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seal_bringup.experiments.tables.cells import Evaluation
from seal_bringup.experiments.tables.labellers import ORACLE, PRETRAINED
from seal_bringup.experiments.tables.shown.text import markdown
from seal_bringup.experiments.tables.store import Cell
from seal_perception.files import replacing

_COLOURS = {"box_ap50": "#3584e4", "mask_ap50": "#e66100"}
_NAMES = {"box_ap50": "box", "mask_ap50": "mask"}


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


def draw_table(path: Path, table: dict[str, Any]) -> None:
    """Write a PNG: a panel per setting, a line per row; dashed where `pretrained` stands, dotted the oracle.

    Args:
        path: the file.
        table: as `figures.document` makes it. A row that a setting lacks leaves its line empty there.
    """
    from matplotlib.figure import Figure

    settings: dict[str, dict[str, Any]] = table["settings"]
    longest = max(settings.values(), key=len)
    names = list(longest)
    figure = Figure(figsize=(5.5 * len(settings), 1.2 + 0.5 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(settings), sharey=True, squeeze=False)[0]
    for axes, (setting, rows) in zip(panels, settings.items(), strict=True):
        for shift, (metric, colour) in zip((-0.12, 0.12), _COLOURS.items(), strict=True):
            for place, name in enumerate(names):
                figures = rows.get(name, {}).get(metric)
                if figures is None or figures["mean"] is None:
                    continue
                if figures["interval"] is not None:
                    axes.plot(figures["interval"], [place + shift] * 2, color=colour, linewidth=2, alpha=0.6)
                label = _NAMES[metric] if name == PRETRAINED else None
                axes.plot(figures["mean"], place + shift, "o", color=colour, label=label)
            for name, style in ((PRETRAINED, "--"), (ORACLE, ":")):
                mean = rows.get(name, {}).get(metric, {}).get("mean")
                if mean is not None:
                    axes.axvline(mean, color=colour, linestyle=style, linewidth=0.8, alpha=0.6)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set(title=setting, xlabel="AP50, mean over homes and seeds, 95 % interval")
    if any(panel.get_legend_handles_labels()[0] for panel in panels):
        panels[0].legend(fontsize=8)
    if not table["complete"]:
        figure.suptitle(f"partial: {len(table['missing'])} evaluations are missing", fontsize=9)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=110, format="png")
