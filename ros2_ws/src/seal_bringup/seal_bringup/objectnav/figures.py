# SPDX-License-Identifier: Apache-2.0
"""Figures of searches: success and SPL with 95 % intervals by bootstrap over episodes, and failures by cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_bringup.evaluation.object_search_truth import CAUSES, SUCCESS

DRAWS = 2000
METRICS = ("success", "spl")


def interval(values: npt.ArrayLike, draws: int = DRAWS, seed: int = 0) -> list[float] | None:
    """95 % interval of the mean of values (N,): that of `draws` samples of N of them with replacement.

    Returns:
        None where there is no value. Values of equal number and seed are drawn alike.
    """
    known = np.asarray(values, np.float64)
    if not len(known):
        return None
    rows = np.random.default_rng(seed).integers(len(known), size=(draws, len(known)))
    low, high = np.percentile(known[rows].mean(axis=1), [2.5, 97.5])
    return [round(float(low), 4), round(float(high), 4)]


def mean_of(values: npt.ArrayLike) -> dict[str, Any]:
    """Mean of values (N,) with its interval, JSON-ready."""
    known = np.asarray(values, np.float64)
    return {"mean": round(float(known.mean()), 4) if len(known) else None, "interval": interval(known)}


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures of the results of episodes (`home_run`), JSON-ready.

    Returns:
        `episodes`; `success` and `spl` with intervals; `causes`, how many failed by each; `steps`, `path_m` and
        `seconds`, sums over the episodes.
    """
    return {
        "episodes": len(rows),
        **{name: mean_of([float(row[name]) for row in rows]) for name in METRICS},
        "causes": {name: sum(row["cause"] == name for row in rows) for name in CAUSES},
        **{name: round(sum(float(row[name]) for row in rows), 1) for name in ("steps", "path_m", "seconds")},
    }


def grouped(rows: Sequence[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """`figures` by the value of a key, in order of the first that has it."""
    values = dict.fromkeys(row[key] for row in rows)
    return {value: figures([row for row in rows if row[key] == value]) for value in values}


def text_of(figure: dict[str, Any], form: str = ".2f") -> str:
    """A mean with its interval as text."""
    if figure["mean"] is None:
        return "-"
    span = figure["interval"]
    return f"{figure['mean']:{form}}" + (f" [{span[0]:{form}}, {span[1]:{form}}]" if span else "")


def causes_text(causes: dict[str, int]) -> str:
    """The causes that occur, most frequent first: "3 stuck, 1 time"."""
    found = sorted(((n, name) for name, n in causes.items() if n), key=lambda pair: -pair[0])
    return ", ".join(f"{n} {name.replace('_', ' ')}" for n, name in found)


def failures(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results that are no success."""
    return [row for row in rows if row["cause"] != SUCCESS]
