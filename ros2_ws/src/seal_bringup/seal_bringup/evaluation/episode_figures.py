# SPDX-License-Identifier: Apache-2.0
"""What a set of episodes holds: figures and a picture. Episodes are truth, for evaluation only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seal_mapping.palette import category_colour
from seal_perception.categories import CATEGORIES
from seal_perception.files import replacing
from sim_bridge.evaluation.episode_files import EpisodeSet
from sim_bridge.evaluation.episodes import Episode


@dataclass(frozen=True)
class CategoryFigures:
    """Of the episodes of one category: how many, in how many homes, and their shortest paths in metres."""

    category: str
    episodes: int
    homes: int
    objects: int
    shortest_m: float
    median_m: float
    longest_m: float
    detour: float
    """Median of driving distance / straight distance."""


def figures(episodes: EpisodeSet) -> list[CategoryFigures]:
    """One row per category that occurs, in the categories' order, and "all" last."""
    every = [(home.home, e) for home in episodes.homes for e in home.episodes]
    objects = [goal.category for home in episodes.homes for goal in home.goals]
    out = []
    for index, name in enumerate((*CATEGORIES, "all")):
        rows = [(home, e) for home, e in every if name == "all" or e.category == index]
        if rows:
            things = len(objects) if name == "all" else objects.count(index)
            out.append(_row(name, [e for _, e in rows], len({home for home, _ in rows}), things))
    return out


def _row(name: str, episodes: list[Episode], homes: int, objects: int) -> CategoryFigures:
    paths = np.array([e.shortest_path_m for e in episodes])
    straight = np.array([max(e.straight_m, 1e-3) for e in episodes])
    low, middle, high = (float(v) for v in np.percentile(paths, [0, 50, 100]))
    return CategoryFigures(name, len(episodes), homes, objects, low, middle, high, float(np.median(paths / straight)))


def draw_distribution(path: Path, episodes: EpisodeSet) -> None:
    """Write a PNG: shortest paths by category, and how much longer they are than the straight line."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    every = [e for home in episodes.homes for e in home.episodes]
    found = sorted({e.category for e in every})
    paths = [[e.shortest_path_m for e in every if e.category == c] for c in found]
    colours = [tuple(v / 255 for v in category_colour(c)) for c in found]
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    top = max(max(row) for row in paths)
    bins = np.arange(0.0, np.ceil(top) + 1.0, 1.0)
    left.hist(paths, bins=bins, stacked=True, color=colours, label=[CATEGORIES[c] for c in found])
    left.set(xlabel="shortest path, m", ylabel="episodes", title=f"{episodes.split}: {len(every)} episodes")
    left.yaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(fontsize=8)
    for c, colour in zip(found, colours, strict=True):
        rows = [e for e in every if e.category == c]
        right.scatter([e.straight_m for e in rows], [e.shortest_path_m for e in rows], s=9, color=colour)
    right.plot([0, top], [0, top], color="0.5", linewidth=1)
    right.set(xlabel="straight line, m", ylabel="shortest path, m", title="grey: as long as the straight line")
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100, format="png")
