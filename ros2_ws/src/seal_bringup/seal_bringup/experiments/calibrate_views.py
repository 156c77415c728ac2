# SPDX-License-Identifier: Apache-2.0
"""How often a view votes for the true category of a voxel: the source of the log-odds in `LabelConfig`.

python -m seal_bringup.experiments.calibrate_views --homes train_01,train_02 --out results/view_calibration.json

A voxel's true category is that of most frames labelled by the simulator (training homes only: this chooses a
parameter and makes no label). Per category: `says_if_true` and `says_if_not`, shares of views with a score >=
`MapConfig.vote_score` among views of voxels that are and are not of it. `log_hit` and `log_miss` are what one view adds
if views are independent. They are not: `fitted` is the logistic regression of the truth on the two counts, over all
voxels and categories with a vote.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize

from seal_bringup.demo.config import parse_homes
from seal_bringup.experiments.recordings import record, require_training_home, true_labels
from seal_bringup.provenance import provenance
from seal_mapping.datasets.map_builder import build_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import CATEGORIES, NUM_CATEGORIES
from seal_perception.dataset import CocoDataset
from seal_perception.files import write_json
from seal_perception.types import FloatArray, IntArray


def count_views(home: str, work: Path, weights: str) -> tuple[IntArray, FloatArray]:
    """Counts of a home.

    Returns:
        (C, 4): views that voted for it and all views, of voxels that are of a category, and of those that are not;
        (N, 3): votes, views without a vote, truth (0 or 1) of every voxel and category with a vote.
    """
    folder = work / home
    recording = record(home, folder, weights)
    truth = CocoDataset(true_labels(home, folder, recording))
    oracle = VoxelMap()
    for item in recording:
        image = np.zeros((*item.frame.depth.shape, NUM_CATEGORIES), np.uint8)
        for annotation in truth.annotations(item.index):
            image[annotation.mask, annotation.category] = 255
        oracle.integrate_scores(item.frame, image)
    known, cloud = build_map(recording).at(oracle.voxels().ijk)
    real = oracle.voxels().take(known).mean_score() > 0.5
    out = np.zeros((NUM_CATEGORIES, 4), np.int64)
    for c in range(NUM_CATEGORIES):
        for place, mask in ((0, real[:, c]), (2, ~real[:, c])):
            out[c, place] = cloud.votes[mask, c].sum()
            out[c, place + 1] = cloud.views[mask].sum()
    row, category = np.nonzero(cloud.votes)
    votes = cloud.votes[row, category].astype(np.float64)
    return out, np.stack([votes, cloud.views[row] - votes, real[row, category].astype(np.float64)], axis=1)


def fit(samples: FloatArray) -> dict[str, float]:
    """Prior, hit and miss that make the truth of samples (N, 3) of `count_views` likeliest; above 100 views, scaled."""
    x, truth = samples[:, :2], samples[:, 2]
    x = x * np.minimum(1.0, 100.0 / x.sum(axis=1))[:, None]

    def loss(w: FloatArray) -> float:
        odds = w[0] + x @ w[1:]
        return float(np.mean(np.logaddexp(0.0, odds) - truth * odds))

    found = optimize.minimize(loss, np.array([-1.0, 0.1, -0.1]), method="Nelder-Mead").x
    return {name: round(float(v), 4) for name, v in zip(("log_prior", "log_hit", "log_miss"), found, strict=True)}


def table(counts: IntArray) -> dict[str, Any]:
    """Shares and log-odds per category, and over all."""
    rows = {}
    names = ["all", *CATEGORIES]
    for name, (hit, of_hit, false, of_false) in zip(names, [counts.sum(axis=0), *counts], strict=True):
        a, b = hit / max(of_hit, 1), false / max(of_false, 1)
        row = {"says_if_true": round(float(a), 5), "says_if_not": round(float(b), 6)}
        if 0 < a < 1 and 0 < b < 1:
            row.update(log_hit=round(math.log(a / b), 3), log_miss=round(math.log((1 - a) / (1 - b)), 3))
        row["prior"] = round(float(of_hit / max(of_hit + of_false, 1)), 5)
        rows[name] = row
    return rows


def main() -> None:
    """Count over homes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", default="train_01,train_02,train_03,train_04,train_05,train_06")
    parser.add_argument("--work", type=Path, default=Path("runs/fusion_rules"))
    parser.add_argument("--weights", default="seal-small")
    parser.add_argument("--out", type=Path, default=Path("results/view_calibration.json"))
    options = parser.parse_args()
    counts = np.zeros((NUM_CATEGORIES, 4), np.int64)
    homes, samples = parse_homes(options.homes), []
    for home in homes:
        require_training_home(home)
        found, some = count_views(home, options.work, options.weights)
        counts += found
        samples.append(some)
        print(home, flush=True)
    rows = {**table(counts), "fitted": fit(np.concatenate(samples))}
    for name, row in rows.items():
        print(name, row)
    write_json(options.out, {"provenance": provenance(), "homes": list(homes), "rows": rows})


if __name__ == "__main__":
    main()
