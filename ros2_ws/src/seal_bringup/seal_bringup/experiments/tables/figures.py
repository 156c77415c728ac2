# SPDX-License-Identifier: Apache-2.0
"""What finished cells say about the rows of a table, JSON-ready: the part that all tables share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seal_bringup.experiments.tables.cells import Evaluation, Quality, learnt_pictures
from seal_bringup.experiments.tables.labellers import ORACLE, PRETRAINED
from seal_bringup.experiments.tables.statistics import Grid, Resamples, Score, change, gap_share, summarise
from seal_bringup.experiments.tables.store import Cell, CellStore, Given
from seal_perception.reading.text import read_json
from seal_perception.types import FloatArray

FORMAT = 1
METRICS = ("box_ap50", "mask_ap50")

Judged = Mapping[str, Grid]
"""By metric, the figures of one row in all homes and with all seeds."""
Rows = dict[str, dict[str, Any]]


class Figures:
    """Figures of rows that are judged in the same homes, with the same seeds and the same bootstrap draws.

    Args:
        homes: where the rows are judged.
        seeds: with which.
        store: the finished cells.
    """

    def __init__(self, homes: Sequence[str], seeds: Sequence[int], store: CellStore) -> None:
        self._homes, self._seeds, self._store = homes, seeds, store
        self._resamples = Resamples(len(homes), len(seeds))

    def judged(self, evaluation: Callable[[int, str], Evaluation]) -> Judged:
        """A row's figures so far.

        Args:
            evaluation: of a seed in a home.
        """
        found = {}
        for home in self._homes:
            for seed in self._seeds:
                path = self._store.find(evaluation(seed, home))
                if path is not None:
                    found[home, seed] = dict(read_json(path))
        return {metric: Grid.of(_scores(found, metric), self._homes, self._seeds) for metric in METRICS}

    def change(self, row: Judged, start: Judged) -> dict[str, Any]:
        """By metric, the paired difference between two rows."""
        return {metric: change(row[metric], start[metric], self._resamples) for metric in METRICS}

    def rows(self, judged: Mapping[str, Judged]) -> Rows:
        """By row its means, intervals, figures of each home, changes from `PRETRAINED`, and what is missing.

        Args:
            judged: of each row; `PRETRAINED` is one. With `ORACLE` there are shares of the supervised gap too.
        """
        start, ceiling = judged[PRETRAINED], judged.get(ORACLE)
        out: Rows = {}
        for row, own in judged.items():
            figures: dict[str, Any] = {metric: summarise(own[metric], self._resamples) for metric in METRICS}
            figures["homes"] = {
                home: {metric: _rounded(own[metric].values[h]) for metric in METRICS}
                for h, home in enumerate(self._homes)
            }
            if row != PRETRAINED:
                figures["change"] = self.change(own, start)
            if row not in (PRETRAINED, ORACLE) and ceiling is not None:
                figures["gap_share"] = {m: gap_share(own[m], start[m], ceiling[m], self._resamples) for m in METRICS}
            out[row] = {**figures, "missing": self._missing(own)}
        return out

    def _missing(self, row: Judged) -> list[str]:
        """Homes and seeds without any figure."""
        return [
            f"{home} seed {seed}"
            for h, home in enumerate(self._homes) for s, seed in enumerate(self._seeds)
            if not any(np.isfinite(row[metric].values[h, s]) for metric in METRICS)
        ]  # fmt: skip


def learnt_from(detectors: Iterable[Cell], qualities: Sequence[Quality], store: CellStore) -> dict[str, Any]:
    """What a row's fine-tunings learnt from: labelled pictures, and how good their labels are where that is judged.

    Args:
        detectors: of the row.
        qualities: of its labels; none where they are the truth.
        store: the finished cells.
    """
    pictures = [learnt_pictures(path) for path in map(store.find, detectors) if path is not None]
    out: dict[str, Any] = {"labelled_pictures": {"fine_tunings": len(pictures), "sum": sum(pictures)}}
    if qualities:
        paths = [path for path in map(store.find, qualities) if path is not None]
        counted = pooled([read_json(path) for path in paths])
        out["labels"] = {"recordings": len(paths), "of": len(qualities), **counted}
    return out


def document(
    name: str, config: dict[str, Any], start: Given, settings: dict[str, Rows], evaluations: Iterable[Evaluation],
    store: CellStore,
) -> dict[str, Any]:  # fmt: skip
    """A table of the finished cells; what is missing is named.

    Args:
        name: of the table.
        config: what it is made of.
        start: the detector that all rows begin from.
        settings: rows of each.
        evaluations: all that it shows, for the commits of the code that made them.
        store: the finished cells.
    """
    missing = [f"{setting}: {row}: {one}" for setting, rows in settings.items()
               for row, figures in rows.items() for one in figures["missing"]]  # fmt: skip
    done = (cell for cell in evaluations if store.find(cell) is not None)
    return {
        "format": FORMAT,
        "table": name,
        "config": config,
        "weights_sha256": start.sha256,
        "complete": not missing,
        "missing": missing,
        "commits": sorted({str(store.mark(cell)["commit"]) for cell in done}),
        "settings": settings,
    }


def pooled(qualities: list[dict[str, Any]]) -> dict[str, Any]:
    """Precision and recall by instance over recordings, counted together; None where nothing was to be counted."""
    right, predicted, true = (sum(q["overall"][key] for q in qualities) for key in ("right", "predicted", "true"))
    return {
        "precision": round(right / predicted, 4) if predicted else None,
        "recall": round(right / true, 4) if true else None,
        "right": right,
        "predicted": predicted,
        "true": true,
    }


def _scores(evaluations: dict[tuple[str, int], dict[str, Any]], metric: str) -> dict[tuple[str, int], Score]:
    """Those that have a figure: in a home without any object of the categories there is none."""
    return {
        place: Score(float(found[metric]), np.array(found[f"{metric}_draws"], np.float64))
        for place, found in evaluations.items()
        if found[metric] is not None
    }


def _rounded(values: FloatArray) -> list[float | None]:
    return [None if not np.isfinite(value) else round(float(value), 4) for value in values]
