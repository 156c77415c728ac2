# SPDX-License-Identifier: Apache-2.0
"""The kind of cell that Table 2 is made of: the searches of a home with a detector."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seal_bringup.experiments.tables.cells import weights_in
from seal_bringup.experiments.tables.store import Cell, Progress
from seal_bringup.objectnav.home_run import Place, run_home
from seal_bringup.objectnav.run import episodes_of
from seal_bringup.objectnav.settings import ORACLE, SearchSettings
from seal_perception.reading.text import read_json

CACHE = f"detections_{platform.node() or 'here'}.sqlite"
"""Of the work folder: cells of one detector share what it found, whatever the policy. One a machine, as SQLite's
journal is not for file systems that several share."""


@dataclass(frozen=True, eq=False)
class Searches(Cell):
    """Episodes of Object Goal Navigation in a home.

    Attributes:
        home: its name.
        weights: the detector; None = the simulator's true labels.
        settings: of the searches; its `weights` do not count.
    """

    home: str
    weights: Cell | None
    settings: SearchSettings
    kind, output, resumable = "searches", "searches", True

    @property
    def label(self) -> str:
        """Home, seed, policy and detector."""
        detector = ORACLE if self.weights is None else self.weights.label
        return f"{self.home}_seed{self.settings.seed}_{self.settings.policy}_{detector}"

    def inputs(self) -> tuple[Cell, ...]:
        """The detector, where there is one."""
        return () if self.weights is None else (self.weights,)

    def facts(self) -> dict[str, Any]:
        """Home and settings; the detector is an input."""
        facts = replace(self.settings, weights=ORACLE).facts()
        return {"home": self.home, **facts, "weights": ORACLE if self.weights is None else "given"}

    def modules(self) -> tuple[str, ...]:
        """Simulator, agent, map, detector and evaluation."""
        return ("seal_bringup.objectnav.home_run", "sim_bridge.evaluation.episode_files")

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Run the episodes; those that an interrupted run has left are kept."""
        weights = str(weights_in(inputs[0])) if inputs else ORACLE
        settings, out = replace(self.settings, weights=weights), folder / self.output
        (home,) = episodes_of([self.home], settings, out / "episodes").homes
        place = Place(out / "results", folder.parent.parent / CACHE)
        run_home(self.home, home, settings, place, lambda number, _: progress(number + 1, len(home.episodes)))


def search_rows(output: Path) -> list[dict[str, Any]]:
    """The results behind the output of a finished `Searches`, in order."""
    return [dict(read_json(path)) for path in sorted((output / "results").glob("*.json"))]
