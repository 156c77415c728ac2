# SPDX-License-Identifier: Apache-2.0
"""What do goal policies see and map from the same starts? Runs of `explore_homes` with a detector, beside the first.

python -m seal_bringup.experiments.explore_homes --homes test --seeds 0,1,2 --weights seal-small --width 320 \
    --height 240 --policy frontier --work runs/frontier --out runs/frontier.json      # and so with the others
python -m seal_bringup.experiments.tables.policies --runs frontier=runs/frontier.json \
    --runs gainful_views=runs/gainful_views.json --out results/policies.json
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.experiments.tables.shown.text import figure_text
from seal_bringup.experiments.tables.statistics import Grid, Resamples, Score, interval, summarise
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json

FIGURES = ("right", "confident", "right_share", "near_views", "sides", "views")
"""Of `TrueViews`; `right` is how many confident voxels are of the category that the simulator says."""
Runs = Mapping[str, dict[str, Any]]
"""By name of the policy what `explore_homes` wrote."""


def read_runs(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Files of `explore_homes` by the names that they are given (NAME=FILE).

    Raises:
        InputError: if one has no detector, two have one name, or they differ in homes, starts, steps or detector.
    """
    runs: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, given, file = text.partition("=")
        if not given or not name or name in runs:
            raise InputError(f"--runs takes NAME=FILE, each name once, got {text!r}")
        found = dict(read_json(Path(file)))
        if any("views" not in row for of_home in found["homes"].values() for row in of_home.values()):
            raise InputError(f"{file} says nothing of voxels: run explore_homes with --weights")
        first = next(iter(runs.values()), found)
        for what, own in _facts(found).items():
            if own != _facts(first)[what]:
                raise InputError(f"{file} has other {what} than the first: {own} instead of {_facts(first)[what]}")
        runs[name] = found
    return runs


def _facts(found: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same for all policies."""
    kept = {key: value for key, value in found["settings"].items() if not key.startswith("policy")}
    return {"homes": list(found["homes"]), "starts": kept.pop("seed"), "settings": kept}


def summary(runs: Runs) -> dict[str, Any]:
    """By policy the means over homes of the means over starts, JSON-ready, with 95 % bootstrap intervals over both.

    `over_first` is the ratio of the means of `right` to that of the first policy, paired: every draw takes the same
    homes and starts of both.
    """
    homes = list(next(iter(runs.values()))["homes"])
    starts = [int(seed) for seed in next(iter(runs.values()))["homes"][homes[0]]]
    resamples, first = Resamples(len(homes), len(starts)), next(iter(runs))
    out: dict[str, Any] = {}
    for name, found in runs.items():
        grids = {figure: _grid(found, homes, starts, figure) for figure in FIGURES}
        row: dict[str, Any] = {figure: summarise(grid, resamples) for figure, grid in grids.items()}
        row["seen_share"] = summarise(_grid(found, homes, starts, "seen_share"), resamples)
        row["by_home"] = {home: grids["right"].values[h].tolist() for h, home in enumerate(homes)}
        if name != first:
            row["over_first"] = _ratio(grids["right"], _grid(runs[first], homes, starts, "right"), resamples)
        out[name] = row
    return {"homes": homes, "starts": starts, "first": first, "policies": out}


def _grid(found: Mapping[str, Any], homes: list[str], starts: list[int], figure: str) -> Grid:
    scores = {}
    for home in homes:
        for start in starts:
            row = found["homes"][home][str(start)]
            value = float(row[figure] if figure == "seen_share" else row["views"][figure])
            scores[home, start] = Score(value, np.array([value]))
    return Grid.of(scores, homes, starts)


def _ratio(row: Grid, start: Grid, resamples: Resamples) -> dict[str, Any]:
    """Ratio of two means with its interval; None where the start has nothing."""
    above, below = row.mean(), start.mean()
    if above is None or not below:
        return {"mean": None, "interval": None}
    parts, wholes = resamples.means(row), resamples.means(start)
    kept = wholes > 0
    return {"mean": round(above / below, 4), "interval": interval(parts[kept] / wholes[kept])}


def main() -> None:
    """Print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", action="append", required=True, help="NAME=FILE; the first is what others are beside")
    parser.add_argument("--out", type=Path, default=Path("results/policies.json"))
    options = parser.parse_args()
    runs = read_runs(options.runs)
    found = summary(runs)
    made = {name: run["provenance"] for name, run in runs.items()}
    settings = {name: run["settings"] for name, run in runs.items()}
    write_json(options.out, {"provenance": made, "settings": settings, **found})
    for name, row in found["policies"].items():
        over = row.get("over_first")
        text = f", {figure_text(over, '.2f')} of {found['first']}" if over is not None else ""
        floor = f"floor seen {100 * row['seen_share']['mean']:.1f} %"
        print(f"{name}: {floor}, right voxels {figure_text(row['right'], '.0f')}{text}")


if __name__ == "__main__":
    main()
