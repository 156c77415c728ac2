# SPDX-License-Identifier: Apache-2.0
"""Means over homes and seeds with intervals by a hierarchical bootstrap over homes, seeds and frames.

A draw takes as many homes as there are, with replacement, in each of them one of the bootstrap draws over its frames
that the evaluations kept, and as many seeds, with replacement. Seeds are drawn once for all homes: a detector that was
trained once per seed is judged in every home, so its luck is shared by them. Every row is given the same draws, and
draw i of a home's frames takes the same frames for every detector: differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_perception.types import FloatArray, IntArray

RESAMPLES = 2000
UNBOUNDED_SHARE = 0.025
"""Where the ceiling is not above the start in more draws than this, a share of the gap has no interval."""


@dataclass(frozen=True)
class Score:
    """A figure of one detector in one home.

    Attributes:
        value: the figure.
        draws: (R,) the same in each bootstrap draw over the home's frames; nan where there is nothing to find.
    """

    value: float
    draws: FloatArray


Scores = Mapping[tuple[str, int], Score]
"""By home and seed."""


class Grid:
    """Figures of one row: a value for each home and seed, nan where there is none.

    Attributes:
        values: (H, S).
        draws: (H, S, R).
    """

    def __init__(self, values: FloatArray, draws: FloatArray) -> None:
        self.values, self.draws = values, draws

    @classmethod
    def of(cls, scores: Scores, homes: Sequence[str], seeds: Sequence[int]) -> Grid:
        """The figures of the given homes and seeds.

        Raises:
            ValueError: if the scores have different numbers of draws.
        """
        lengths = {len(score.draws) for score in scores.values()}
        if len(lengths) > 1:
            raise ValueError(f"every score must have the same number of draws, got {sorted(lengths)}")
        values = np.full((len(homes), len(seeds)), np.nan)
        draws = np.full((len(homes), len(seeds), lengths.pop() if lengths else 1), np.nan)
        for h, home in enumerate(homes):
            for s, seed in enumerate(seeds):
                if (score := scores.get((home, seed))) is not None:
                    values[h, s], draws[h, s] = score.value, score.draws
        return cls(values, draws)

    def __sub__(self, other: Grid) -> Grid:
        """Differences, where both have a value."""
        return Grid(self.values - other.values, self.draws - other.draws)

    def where(self, *others: Grid) -> Grid:
        """Only homes and seeds in which all others have a value too."""
        kept = np.logical_and.reduce([np.isfinite(other.values) for other in (self, *others)])
        return Grid(np.where(kept, self.values, np.nan), np.where(kept[..., None], self.draws, np.nan))

    def mean(self) -> float | None:
        """Mean over homes of the mean over seeds; None if there is no value."""
        mean = float(_mean(_mean(self.values, 1), 0))
        return None if np.isnan(mean) else mean


class Resamples:
    """The draws that all rows of a table share.

    Args:
        homes: how many homes.
        seeds: how many seeds.
        count: how many draws B.
        seed: of the draws.
    """

    def __init__(self, homes: int, seeds: int, count: int = RESAMPLES, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._homes: IntArray = rng.integers(homes, size=(count, homes))
        self._frames = rng.random((count, homes))
        self._seeds: IntArray = rng.integers(seeds, size=(count, seeds))

    def means(self, grid: Grid) -> FloatArray:
        """(B,) `Grid.mean` of each draw; nan where a draw has no value."""
        pick = (self._frames * grid.draws.shape[2]).astype(np.int64)
        drawn = grid.draws[self._homes[:, :, None], self._seeds[:, None, :], pick[:, :, None]]
        return np.asarray(_mean(_mean(drawn, 2), 1))


def _mean(values: FloatArray, axis: int) -> FloatArray:
    """Mean of the values that are there, nan where there are none."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def interval(draws: FloatArray) -> list[float] | None:
    """95 % of the draws that have a value; None if none has."""
    kept = draws[np.isfinite(draws)]
    return [round(float(v), 4) for v in np.percentile(kept, [2.5, 97.5])] if len(kept) else None


def summarise(grid: Grid, resamples: Resamples) -> dict[str, Any]:
    """Mean with its interval, JSON-ready."""
    mean = grid.mean()
    return {"mean": _rounded(mean), "interval": None if mean is None else interval(resamples.means(grid))}


def change(row: Grid, start: Grid, resamples: Resamples) -> dict[str, Any]:
    """Mean difference from the start, paired: the same homes, seeds and frames."""
    return summarise(row - start, resamples)


def gap_share(row: Grid, start: Grid, ceiling: Grid, resamples: Resamples) -> dict[str, Any]:
    """Share of the gap between start and ceiling that a row closes: (row - start) / (ceiling - start).

    Of homes and seeds that all three have. None where the ceiling is not above the start; no interval where it is not
    in more than `UNBOUNDED_SHARE` of the draws.
    """
    gained, gap = (row - start).where(ceiling), (ceiling - start).where(row)
    above, below = gained.mean(), gap.mean()
    if above is None or below is None or below <= 0:
        return {"mean": None, "interval": None}
    parts, wholes = resamples.means(gained), resamples.means(gap)
    kept = np.isfinite(parts) & np.isfinite(wholes)
    bounded = kept & (wholes > 0)
    if bounded.sum() < (1.0 - UNBOUNDED_SHARE) * kept.sum():
        return {"mean": _rounded(above / below), "interval": None}
    return {"mean": _rounded(above / below), "interval": interval(parts[bounded] / wholes[bounded])}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
