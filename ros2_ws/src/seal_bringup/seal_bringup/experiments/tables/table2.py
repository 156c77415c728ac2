# SPDX-License-Identifier: Apache-2.0
"""Table 2 of the paper: Object Goal Navigation by the same agent with different detectors.

Rows: the detector to start from, one that learnt in other homes (`generalization`), one per home that learnt in that
home (`specialization`), and the simulator's true labels (`oracle`). The learnt ones are given as files; a name may
hold {home} and {seed}. A seed is another set of episodes; every row runs the same ones, so differences are paired.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seal_bringup.demo.config import TEST_HOMES
from seal_bringup.experiments.tables.searches import Searches, search_rows
from seal_bringup.experiments.tables.store import Cell, CellStore, Given
from seal_bringup.objectnav.figures import METRICS, causes_text, figures, mean_of, text_of
from seal_bringup.objectnav.settings import ORACLE, SearchSettings
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.files import replacing
from seal_policy.registry import policy_of

FORMAT = 1
PRETRAINED, GENERALIZATION, SPECIALIZATION = "pretrained", "generalization", "specialization"
ROWS = (PRETRAINED, GENERALIZATION, SPECIALIZATION, ORACLE)
PAPER = {PRETRAINED: (0.544, 0.199), SPECIALIZATION: (0.627, 0.331)}
"""The paper's success and SPL, in other homes: for orientation only."""
_COLOURS = {"success": "#3584e4", "spl": "#e66100"}


@dataclass(frozen=True)
class Table2Config:
    """What Table 2 is made of.

    Attributes:
        homes: to search in.
        seeds: of the episodes.
        episodes: per home and seed.
        policy: where the robot goes while nothing is believed; a learned one with its file, as NAME=FILE.
        max_steps: most actions of a search.
        pretrained: weights of that row.
        generalization: the same, empty = no such row.
        specialization: the same.
        oracle: whether that row is there.
        width: of the pictures in pixels.
        height: of the pictures in pixels.
    """

    homes: tuple[str, ...] = TEST_HOMES
    seeds: tuple[int, ...] = (0, 1, 2)
    episodes: int = 40
    policy: str = "gainful_views"
    max_steps: int = 500
    pretrained: str = "seal-small"
    generalization: str = ""
    specialization: str = ""
    oracle: bool = True
    width: int = 320
    height: int = 240

    def __post_init__(self) -> None:
        if not self.homes or not self.seeds:
            raise InputError(f"the table needs homes and seeds, got {self.homes} and {self.seeds}")
        for seed in self.seeds:
            self.settings(seed)

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows that are there."""
        return tuple(row for row in ROWS if getattr(self, row))

    def settings(self, seed: int) -> SearchSettings:
        """Of the searches of a seed."""
        policy, file = policy_of(self.policy)
        return SearchSettings(
            policy=policy, weights=ORACLE, seed=seed, episodes=self.episodes, max_steps=self.max_steps,
            width=self.width, height=self.height, policy_weights=file,
        )  # fmt: skip

    def quick(self) -> Table2Config:
        """The same made small: whether it runs at all."""
        return replace(
            self, homes=self.homes[:1], seeds=self.seeds[:1], episodes=2, max_steps=20, width=160, height=120
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


class Table2:
    """The cells of Table 2, and the table of those that are finished.

    Args:
        config: what to compute.

    Raises:
        InputError: if weights are not there.
    """

    def __init__(self, config: Table2Config) -> None:
        self.config = config
        self._given: dict[str, Given] = {}
        self._cells = {
            (row, home, seed): Searches(home, self._weights(row, home, seed), config.settings(seed))
            for seed in config.seeds for row in config.rows for home in config.homes
        }  # fmt: skip

    def _weights(self, row: str, home: str, seed: int) -> Cell | None:
        if row == ORACLE:
            return None
        text = str(getattr(self.config, row)).replace("{home}", home).replace("{seed}", str(seed))
        if text not in self._given:
            self._given[text] = Given(resolve_weights(text))
        return self._given[text]

    name = "table2"

    def targets(self) -> list[Cell]:
        """All searches, a seed after the other, so that one seed is whole early."""
        return list(dict.fromkeys(self._cells.values()))

    def shows(self, cell: Cell) -> bool:
        """Every cell is one of searches."""
        return isinstance(cell, Searches)

    def table(self, store: CellStore) -> dict[str, Any]:
        """The table of the finished cells, JSON-ready; what is missing is named."""
        found = {row: self._results(row, store) for row in self.config.rows}
        missing = [
            f"{row}: {home} seed {seed}" for (row, home, seed), cell in self._cells.items() if store.find(cell) is None
        ]
        rows: dict[str, Any] = {}
        for row, results in found.items():
            rows[row] = {**figures(list(results.values())), "homes": self._homes(results)}
            if row != PRETRAINED:
                rows[row]["change"] = _change(results, found.get(PRETRAINED, {}))
            if row in PAPER:
                rows[row]["paper"] = dict(zip(METRICS, PAPER[row], strict=True))
        return {
            "format": FORMAT,
            "table": self.name,
            "config": self.config.as_dict(),
            "weights_sha256": {text: cell.sha256 for text, cell in self._given.items()},
            "policy_sha256": self.config.settings(self.config.seeds[0]).facts().get("policy_weights"),
            "complete": not missing,
            "missing": missing,
            "rows": rows,
        }

    def markdown(self, table: dict[str, Any]) -> str:
        """The table for a document."""
        return markdown_table(table)

    def draw(self, path: Path, table: dict[str, Any]) -> None:
        """Write a PNG, a line per row with success and SPL and their intervals."""
        from matplotlib.figure import Figure

        names = list(table["rows"])
        figure = Figure(figsize=(7.0, 1.4 + 0.5 * len(names)), layout="constrained")
        axes = figure.subplots()
        for shift, metric in zip((-0.12, 0.12), METRICS, strict=True):
            for place, name in enumerate(names):
                one = table["rows"][name][metric]
                if one["mean"] is not None:
                    axes.plot(one["interval"], [place + shift] * 2, color=_COLOURS[metric], linewidth=2, alpha=0.6)
                    axes.plot(one["mean"], place + shift, "o", color=_COLOURS[metric])
            axes.plot([], [], "o", color=_COLOURS[metric], label=metric.replace("spl", "SPL"))
        axes.set_yticks(range(len(names)), names)
        axes.set(xlim=(0.0, 1.0), ylim=(len(names) - 0.5, -0.5), xlabel="mean over the episodes, 95 % interval")
        axes.legend(fontsize=8)
        if not table["complete"]:
            figure.suptitle(f"partial: {len(table['missing'])} of the searches are missing", fontsize=9)
        with replacing(path) as beside:
            figure.savefig(beside, dpi=110, format="png")

    def _results(self, row: str, store: CellStore) -> dict[tuple[str, int, str], dict[str, Any]]:
        """Results of a row by home, seed and episode."""
        out = {}
        for home in self.config.homes:
            for seed in self.config.seeds:
                path = store.find(self._cells[row, home, seed])
                for one in [] if path is None else search_rows(path):
                    out[home, seed, str(one["id"])] = {**one, "home": home}
        return out

    def _homes(self, results: dict[tuple[str, int, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Success and SPL by home."""
        out = {}
        for home in self.config.homes:
            own = [one for (where, _, _), one in results.items() if where == home]
            out[home] = {metric: mean_of([float(one[metric]) for one in own]) for metric in METRICS}
        return out


def _change(row: dict[Any, dict[str, Any]], start: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """Mean differences from the start over the episodes that both have, with intervals."""
    both = [key for key in row if key in start]
    return {
        metric: mean_of([float(row[key][metric]) - float(start[key][metric]) for key in both]) for metric in METRICS
    }


def markdown_table(table: dict[str, Any]) -> str:
    """The table for a document."""
    lines = ["| detector | episodes | success | SPL | change of success | failures |", "|---|---|---|---|---|---|"]
    for name, row in table["rows"].items():
        change = text_of(row["change"]["success"], "+.2f") if "change" in row else ""
        cells = (
            name,
            row["episodes"],
            text_of(row["success"]),
            text_of(row["spl"]),
            change,
            causes_text(row["causes"]),
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"
