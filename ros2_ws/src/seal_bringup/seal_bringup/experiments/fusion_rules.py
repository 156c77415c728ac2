# SPDX-License-Identifier: Apache-2.0
"""Which rule of fusing views makes the best labels? Compared on recordings of training homes.

python -m seal_bringup.experiments.fusion_rules --homes train_01,train_02 --out results/fusion_rules.json
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from seal_bringup.demo_config import parse_homes
from seal_bringup.experiments.recordings import record, require_training_home, true_labels
from seal_bringup.provenance import provenance
from seal_mapping.label_config import PAPER, LabelConfig
from seal_mapping.label_prop import propagate
from seal_mapping.labelling import build_map, frame_annotations
from seal_mapping.source import BagFrame, FrameSource
from seal_perception.dataset import CocoDataset, DatasetWriter
from seal_perception.files import write_json
from seal_perception.label_quality import label_quality

EVERY = 6
"""Every so many-th frame is ray-traced and compared: neighbours tell the same."""


class Thinned:
    """Every `EVERY`-th frame of a recording."""

    def __init__(self, source: FrameSource) -> None:
        self._items = [item for item in source if item.index % EVERY == 0]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[BagFrame]:
        return iter(self._items)


def candidates() -> dict[str, LabelConfig]:
    """The rules compared."""
    out = {"paper": PAPER, "paper by depth": replace(PAPER, pixels="depth")}
    agree = LabelConfig(rule="agreement", pixels="depth")
    for bar in (0.2, 0.3, 0.4):
        out[f"agreement {bar}"] = replace(agree, agreement=bar)
        out[f"agreement {bar} any size"] = replace(agree, agreement=bar, plausible_size=False)
    vote = LabelConfig(rule="instance_vote", pixels="depth")
    for low in (0.1, 0.15, 0.2):
        for bar in (0.25, 0.3, 0.35, 0.4, 0.5):
            out[f"vote {low} {bar}"] = replace(vote, vote_low=low, agreement=bar)
            out[f"vote {low} {bar} any size"] = replace(vote, vote_low=low, agreement=bar, plausible_size=False)
    return out


def compare(home: str, folder: Path, weights: str, rules: dict[str, LabelConfig], seed: int = 0) -> dict[str, Any]:
    """Label quality of each rule on one home's recording, over all categories."""
    recording = record(home, folder, weights, seed=seed)
    truth_all = CocoDataset(true_labels(home, folder, recording, seed))
    thinned = Thinned(recording)
    truth = _thin_truth(folder, truth_all, thinned)
    voxel_map = build_map(recording)
    out = {}
    for name, config in rules.items():
        volume = propagate(voxel_map, config)
        with tempfile.TemporaryDirectory() as labels:
            with DatasetWriter(labels) as writer:
                for item in thinned:
                    writer.add(item.frame.rgb, frame_annotations(item.frame, volume, config))
            out[name] = label_quality(CocoDataset(labels), truth)["overall"]
        print(f"{home} {name:28s} {_line(out[name])}", flush=True)
    return out


def _line(figures: dict[str, Any]) -> str:
    shares = {k: v for k, v in figures.items() if k.endswith(("precision", "recall")) and v is not None}
    return "  ".join(f"{name} {value:.3f}" for name, value in shares.items())


def _thin_truth(folder: Path, truth: CocoDataset, thinned: Thinned) -> CocoDataset:
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
    rules = candidates()
    for home in parse_homes(options.homes):
        require_training_home(home)
        homes[home] = compare(home, options.work / home, options.weights, rules)
        configs = {name: asdict(config) for name, config in rules.items()}
        write_json(options.out, {"provenance": provenance(), "every": EVERY, "rules": configs, "homes": homes})


if __name__ == "__main__":
    main()
