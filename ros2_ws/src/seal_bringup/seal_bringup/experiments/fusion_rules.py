# SPDX-License-Identifier: Apache-2.0
"""Which rule of fusing views makes the best labels? Compared on recordings of training homes.

python -m seal_bringup.experiments.fusion_rules --homes train_01,train_02 --out results/fusion_rules.json
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from seal_bringup.demo.config import parse_homes
from seal_bringup.experiments.recordings import record, require_training_home, true_labels
from seal_bringup.provenance import provenance
from seal_mapping.datasets.label_prop import VolumeLabels
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.map_builder import build_map
from seal_mapping.labels.config import PAPER, VOTE, LabelConfig
from seal_mapping.labels.propagate import propagate
from seal_mapping.source import BagFrame, FrameSource
from seal_perception.categories import CATEGORIES
from seal_perception.dataset import CocoDataset, DatasetWriter
from seal_perception.evaluation.label_quality import label_quality
from seal_perception.files import write_json

EVERY = 6
"""Every n-th frame is ray-traced and compared: neighbouring frames show the same."""


class Thinned:
    """Every `EVERY`-th frame of a recording."""

    def __init__(self, source: FrameSource) -> None:
        self._items = [item for item in source if item.index % EVERY == 0]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[BagFrame]:
        return iter(self._items)


def candidates() -> dict[str, LabelConfig]:
    """The rules compared; all but the paper's by depth, with plausible sizes."""
    out = {"paper": PAPER, "paper by depth": replace(PAPER, pixels="depth")}
    agree = replace(VOTE, rule="agreement", evidence="score")
    for bar in (0.2, 0.3, 0.4):
        out[f"agreement score {bar}"] = replace(agree, agreement=bar)
    for bar in (0.2, 0.3, 0.4, 0.5):
        out[f"agreement share {bar}"] = replace(agree, evidence="share", agreement=bar)
    for bar in (0.3, 0.5, 0.7, 0.9):
        out[f"agreement log_odds {bar}"] = replace(agree, evidence="log_odds", agreement=bar)
    vote = replace(VOTE, evidence="score")
    for low in (0.1, 0.15, 0.2):
        for bar in (0.25, 0.3, 0.35, 0.4):
            out[f"vote score {low} {bar}"] = replace(vote, vote_low=low, agreement=bar)
    for low in (0.1, 0.15, 0.2):
        for bar in (0.25, 0.3, 0.35, 0.4):
            out[f"vote share {low} {bar}"] = replace(vote, evidence="share", vote_low=low, agreement=bar)
    for low, bar in ((0.1, 0.3), (0.1, 0.5), (0.3, 0.5), (0.3, 0.7)):
        out[f"vote log_odds {low} {bar}"] = replace(vote, evidence="log_odds", vote_low=low, agreement=bar)
    base = replace(vote, evidence="score", vote_low=0.1, agreement=0.3)
    name = "vote score 0.1 0.3"
    out[f"{name}, any size"] = replace(base, plausible_size=False)
    out[f"{name}, by ray"] = replace(base, pixels="ray")
    for check in (0.15, 0.3):
        out[f"{name}, by ray, depth check {check}"] = replace(base, pixels="ray", depth_check_m=check)
    for voxels in (80, 40):  # 200 is the default
        out[f"paper {voxels} voxels"] = replace(PAPER, min_instance_m3=voxels * 1.25e-4)
        out[f"{name}, {voxels} voxels"] = replace(base, min_instance_m3=voxels * 1.25e-4)
    return out


def compare(home: str, folder: Path, weights: str, rules: dict[str, LabelConfig], seed: int = 0) -> dict[str, Any]:
    """Label quality of each rule on one home's recording, over all categories."""
    recording = record(home, folder, weights, seed=seed)
    truth_all = CocoDataset(true_labels(home, folder, recording, seed))
    thinned = Thinned(recording)
    truth = thin_truth(folder, truth_all, thinned)
    voxel_map = build_map(recording)
    out = {}
    for name, config in rules.items():
        volume = propagate(voxel_map, config)
        with tempfile.TemporaryDirectory() as labels:
            write_dataset(thinned, VolumeLabels(volume, config), DatasetWork(labels))
            found = label_quality(CocoDataset(labels), truth)
            out[name] = {"overall": found["overall"], "per_category": _short(found["per_category"])}
    print(f"{home}: {len(out)} rules", flush=True)
    return out


def _short(rows: dict[str, Any]) -> dict[str, Any]:
    return {name: {key: row[key] for key in ("predicted", "true", "right")} for name, row in rows.items()}


def pooled(homes: dict[str, Any]) -> dict[str, Any]:
    """Precision and recall by instance over all homes, per rule; and per category right / predicted / true."""
    out: dict[str, Any] = {}
    for name in next(iter(homes.values())):
        rows = [home[name] for home in homes.values()]
        right, predicted, true = (sum(row["overall"][key] for row in rows) for key in ("right", "predicted", "true"))
        row = {"precision": round(right / max(predicted, 1), 4), "recall": round(right / max(true, 1), 4)}
        out[name] = {**row, "right": right, "predicted": predicted, "true": true, "per_category": {}}
        for category in CATEGORIES:
            counts = [row["per_category"][category] for row in rows]
            out[name]["per_category"][category] = {
                key: sum(count[key] for count in counts) for key in ("right", "predicted", "true")
            }
    return out


def thin_truth(folder: Path, truth: CocoDataset, thinned: Thinned) -> CocoDataset:
    """True labels of the thinned frames, kept in `folder`."""
    out = folder / "labels_oracle_thinned"
    if not (out / "annotations.json").is_file():
        with DatasetWriter(out) as writer:
            for item in thinned:
                writer.add(item.frame.rgb, truth.annotations(item.index))
    return CocoDataset(out)


def main() -> None:
    """Compare the rules over homes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", default="train_01,train_02,train_03,train_04,train_05,train_06")
    parser.add_argument("--work", type=Path, default=Path("runs/fusion_rules"))
    parser.add_argument("--weights", default="seal-small")
    parser.add_argument("--out", type=Path, default=Path("results/fusion_rules.json"))
    options = parser.parse_args()
    homes: dict[str, Any] = {}
    table: dict[str, Any] = {}
    rules = candidates()
    for home in parse_homes(options.homes):
        require_training_home(home)
        homes[home] = compare(home, options.work / home, options.weights, rules)
        configs = {name: config.as_dict() for name, config in rules.items()}
        table = pooled(homes)
        result = {"provenance": provenance(), "every": EVERY, "rules": configs, "pooled": table, "homes": homes}
        write_json(options.out, result)
    for name, row in table.items():
        print(f"{name:36s} precision {row['precision']:.3f}  recall {row['recall']:.3f}")


if __name__ == "__main__":
    main()
