# SPDX-License-Identifier: Apache-2.0
"""Means, intervals, paired changes and shares of the gap, on data that can be reckoned by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seal_bringup.experiments.tables.statistics import Grid, Resamples, Score, change, gap_share, interval, summarise

HOMES, SEEDS = ("a", "b"), (0, 1)


def fixed(values: dict[tuple[str, int], float], draws: int = 4) -> Grid:
    """Figures that do not depend on the frames drawn."""
    scores = {place: Score(value, np.full(draws, value)) for place, value in values.items()}
    return Grid.of(scores, HOMES, SEEDS)


def every(a0: float, a1: float, b0: float, b1: float) -> Grid:
    return fixed({("a", 0): a0, ("a", 1): a1, ("b", 0): b0, ("b", 1): b1})


def test_the_mean_is_over_homes_of_the_mean_over_seeds() -> None:
    resamples = Resamples(2, 2)
    assert summarise(every(10, 20, 30, 40), resamples)["mean"] == 25
    # Home a without seed 1: its mean is 10, not weighed less than that of b.
    assert summarise(fixed({("a", 0): 10, ("b", 0): 30, ("b", 1): 40}), resamples)["mean"] == 22.5
    assert summarise(fixed({}), resamples) == {"mean": None, "interval": None}


def test_draws_over_homes_and_seeds_have_the_values_and_frequencies_they_must() -> None:
    """Two homes, of 10 and 30, drawn with replacement: 10, 20, 20 or 30, each as likely."""
    means = Resamples(2, 1, count=8000).means(Grid(np.array([[10.0], [30.0]]), np.array([[[10.0]], [[30.0]]])))
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [10, 20, 30]
    np.testing.assert_allclose(counts / 8000, [0.25, 0.5, 0.25], atol=0.02)


def test_seeds_are_drawn_once_for_all_homes() -> None:
    """Seed 0 is 0 and seed 1 is 100 in both homes: with seeds of its own for each home a mean of 25 could come."""
    means = Resamples(2, 2, count=500).means(every(0, 100, 0, 100))
    assert set(means.tolist()) == {0.0, 50.0, 100.0}


def test_draws_over_frames_are_taken_evenly() -> None:
    draws = np.array([[[0.0, 10.0, 20.0, 30.0]]])
    means = Resamples(1, 1, count=8000).means(Grid(np.array([[15.0]]), draws))
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [0, 10, 20, 30]
    np.testing.assert_allclose(counts / 8000, 0.25, atol=0.02)


def test_an_interval_contains_the_mean_and_holds_95_percent() -> None:
    rng = np.random.default_rng(0)
    scores = {(h, s): Score(50.0, 50.0 + rng.normal(0, 3, 500)) for h in HOMES for s in SEEDS}
    figures = summarise(Grid.of(scores, HOMES, SEEDS), Resamples(2, 2))
    low, high = figures["interval"]
    assert low < figures["mean"] < high and 2.0 < high - low < 12.0
    assert interval(np.arange(1001.0)) == [25.0, 975.0]
    assert interval(np.full(3, np.nan)) is None


def test_the_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(0)
    grid = Grid(rng.random((3, 2)), rng.random((3, 2, 50)))
    assert summarise(grid, Resamples(3, 2)) == summarise(grid, Resamples(3, 2))
    assert summarise(grid, Resamples(3, 2)) != summarise(grid, Resamples(3, 2, seed=1))


def test_a_change_is_paired() -> None:
    """Homes and frames differ by tens, the row is 2 above the start in each of them: the change has no width."""
    rng = np.random.default_rng(1)
    start = Grid(rng.uniform(0, 60, (2, 2)), rng.uniform(0, 60, (2, 2, 40)))
    row = Grid(start.values + 2, start.draws + 2)
    resamples = Resamples(2, 2)
    low, high = summarise(row, resamples)["interval"]
    assert high - low > 10
    assert change(row, start, resamples) == {"mean": 2.0, "interval": [2.0, 2.0]}


def test_a_change_is_of_the_homes_and_seeds_that_both_have() -> None:
    row = fixed({("a", 0): 30.0, ("b", 0): 50.0})
    start = fixed({("a", 0): 20.0, ("a", 1): 90.0})
    assert change(row, start, Resamples(2, 2))["mean"] == 10.0


def test_share_of_the_gap() -> None:
    resamples = Resamples(2, 2)
    start, ceiling = every(20, 20, 40, 40), every(40, 40, 60, 60)
    assert gap_share(every(25, 25, 45, 45), start, ceiling, resamples) == {"mean": 0.25, "interval": [0.25, 0.25]}
    assert gap_share(start, start, ceiling, resamples)["mean"] == 0.0
    assert gap_share(ceiling, start, ceiling, resamples)["mean"] == 1.0
    assert gap_share(every(10, 10, 30, 30), start, ceiling, resamples)["mean"] == -0.5
    # The ceiling of b is missing: only a counts, (25 - 20) / (40 - 20).
    part = fixed({("a", 0): 40.0, ("a", 1): 40.0})
    assert gap_share(every(25, 25, 70, 70), start, part, resamples)["mean"] == 0.25


def test_without_a_gap_there_is_no_share_of_it() -> None:
    resamples, start = Resamples(2, 2), every(20, 20, 40, 40)
    assert gap_share(every(25, 25, 45, 45), start, every(20, 20, 40, 40), resamples) == {"mean": None, "interval": None}
    assert gap_share(every(25, 25, 45, 45), start, fixed({}), resamples) == {"mean": None, "interval": None}
    # The ceiling is above the start in the mean, but below it in home a, which a quarter of the draws is made of.
    figures = gap_share(every(25, 25, 45, 45), start, every(10, 10, 70, 70), resamples)
    assert figures == {"mean": 0.5, "interval": None}


def test_scores_of_different_draws_are_refused() -> None:
    scores = {("a", 0): Score(1.0, np.ones(3)), ("b", 0): Score(1.0, np.ones(4))}
    with pytest.raises(ValueError, match=r"same number of draws, got \[3, 4\]"):
        Grid.of(scores, HOMES, SEEDS)


def test_a_frame_draw_with_nothing_to_find_is_left_out() -> None:
    means = Resamples(1, 1, count=400).means(Grid(np.array([[5.0]]), np.array([[[5.0, np.nan]]])))
    assert 0.3 < np.isnan(means).mean() < 0.7 and set(means[~np.isnan(means)]) == {5.0}
