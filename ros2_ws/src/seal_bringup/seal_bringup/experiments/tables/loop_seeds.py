# SPDX-License-Identifier: Apache-2.0
"""What do several runs of `seal demo`, one a seed, say together? Gain in the mean of homes and seeds, with an interval.

python -m seal_bringup.experiments.tables.loop_seeds runs/loop_0 runs/loop_1 runs/loop_2 --out results/loop_seeds.json
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.experiments.tables.statistics import Grid, Resamples, Score, change, summarise
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json

START = "pretrained"
METRICS = ("box_ap50", "mask_ap50")


def read_runs(folders: list[Path]) -> dict[int, dict[str, Any]]:
    """`metrics.json` of each run, by its seed.

    Raises:
        InputError: if a run has none, two have one seed, or they differ in anything but the seed and the commit.
    """
    runs: dict[int, dict[str, Any]] = {}
    first: dict[str, Any] | None = None
    for folder in folders:
        if not (folder / "metrics.json").is_file():
            raise InputError(f"{folder} has no metrics.json: name folders of runs of `seal demo` that have ended")
        found = read_json(folder / "metrics.json")
        facts = {**found["config"], "seed": None, "homes": sorted(found["homes"]), "preset": found["preset"]}
        first = first or facts
        if facts != first:
            differ = ", ".join(key for key in facts if facts[key] != first.get(key))
            raise InputError(f"{folder} was made with another {differ} than {folders[0]}; only seeds may differ")
        if found["seed"] in runs:
            raise InputError(f"{folder} has seed {found['seed']}, as another run has: name runs of different seeds")
        runs[int(found["seed"])] = found
    return runs


def summary(runs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Rows over homes and seeds, JSON-ready.

    Every row has for box and mask AP50 the mean over homes of the mean over seeds, its change from `START`, both with
    95 % intervals by a bootstrap over homes and seeds, and the values by home and seed. Rows that teach have the means
    of their labels' precision and recall.
    """
    seeds, some = sorted(runs), next(iter(runs.values()))
    homes = list(some["homes"])
    resamples = Resamples(len(homes), len(seeds))
    out: dict[str, Any] = {}
    for row in some["homes"][homes[0]]["rows"]:
        out[row] = {}
        for metric in METRICS:
            own, start = _grid(runs, homes, row, metric), _grid(runs, homes, START, metric)
            out[row][metric] = {
                **summarise(own, resamples),
                "change": change(own, start, resamples),
                "by_home": {home: own.values[h].round(4).tolist() for h, home in enumerate(homes)},
            }
        labels = [run["homes"][home]["labels"].get(row) for run in runs.values() for home in homes]
        for name in ("instance_precision", "instance_recall"):
            known = [one[name] for one in labels if one is not None and one.get(name) is not None]
            if known:
                out[row][name] = round(float(np.mean(known)), 4)
    return {"seeds": seeds, "homes": homes, "rows": out}


def _grid(runs: dict[int, dict[str, Any]], homes: list[str], row: str, metric: str) -> Grid:
    scores = {}
    for seed, run in runs.items():
        for home in homes:
            value = float(run["homes"][home]["rows"][row][metric])
            scores[home, seed] = Score(value, np.array([value]))
    return Grid.of(scores, homes, sorted(runs))


def main() -> None:
    """Print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of `seal demo` runs, the same but for the seed")
    parser.add_argument("--out", type=Path, default=Path("results/loop_seeds.json"))
    options = parser.parse_args()
    runs = read_runs(options.runs)
    found = summary(runs)
    made = {str(seed): run["provenance"] for seed, run in sorted(runs.items())}
    config = {key: value for key, value in next(iter(runs.values()))["config"].items() if key != "seed"}
    write_json(options.out, {"provenance": made, "config": config, **found})
    for row, figures in found["rows"].items():
        for metric in METRICS:
            one, gain = figures[metric], figures[metric]["change"]
            print(f"{row:16s} {metric} {one['mean']:.1f}  change {gain['mean']:+.1f} {gain['interval']}")


if __name__ == "__main__":
    main()
