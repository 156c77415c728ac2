# SPDX-License-Identifier: Apache-2.0
"""Which labels and which rate teach a home best? Box AP50 after fine-tuning, on training homes.

python -m seal_bringup.experiments.finetune_rules --homes train_01,train_02,train_03 --rules oracle,default
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from seal_bringup.demo.config import REPLAY_PICTURES, REPLAY_SHARE, parse_homes
from seal_bringup.experiments.fusion_rules import candidates
from seal_bringup.experiments.recordings import record, require_training_home, true_labels
from seal_bringup.provenance import commit, provenance
from seal_mapping.bags.reader import BagReader
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.config import SIZES_M, LabelConfig
from seal_mapping.labels.objects.model import model_digest, shipped_model
from seal_perception.dataset import CocoDataset
from seal_perception.detector.detector import load_detector
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.evaluation.evaluate import evaluate_detector
from seal_perception.evaluation.label_quality import label_quality
from seal_perception.files import sha256, write_json
from seal_perception.reading.text import read_json
from seal_perception.training.finetune import FinetuneConfig, finetune
from sim_bridge.catalogue.pictures import catalogue_at
from sim_bridge.evaluation.frames import write_evaluation_frames

FRAMES = 200
"""Evaluation frames per home; the demo takes 500."""


def label_rules() -> dict[str, LabelConfig]:
    """The label propagations by name: those of `fusion_rules`, the default, and variants with regions to ignore."""
    out = {"default": LabelConfig(), **{name.replace(" ", "_"): rule for name, rule in candidates().items()}}
    return {**out, **{f"{name}_ignore": replace(rule, ignore_uncertain=True) for name, rule in out.items()}}


class HomeTrials:
    """One training home: recorded once, labelled once per rule, trained and measured once per rule and rate."""

    def __init__(self, home: str, folder: Path, weights: str, replay: Path, seed: int = 0) -> None:
        """Record the home (or take the recording that is there) and measure the detector to start from."""
        self.home, self.folder, self._replay, self._seed = home, folder, replay, seed
        self._weights = resolve_weights(weights)
        self._recording: BagReader = record(home, folder, weights, seed=seed)
        self._truth = true_labels(home, folder, self._recording, seed)
        self._frames = folder / f"evaluation_frames_{FRAMES}"
        if not self._frames.is_dir():
            write_evaluation_frames(home, self._frames, FRAMES, width=320, height=240)

    def pretrained(self) -> dict[str, Any]:
        """Box and mask AP50 before any fine-tuning."""
        return self._once("pretrained", lambda: self._evaluate(self._weights))

    def trial(self, rule: str, config: FinetuneConfig, name: str) -> dict[str, Any]:
        """Label quality of `rule`, and AP50 after fine-tuning on its labels with `config`."""

        def work() -> dict[str, Any]:
            labels = self._labels(rule)
            quality = label_quality(CocoDataset(labels), CocoDataset(self._truth))["overall"]
            if not CocoDataset(labels).labelled():
                return {"rule": rule, "labels": quality, **self._evaluate(self._weights)}
            tuned = self.folder / f"detector_{rule}_{name}.safetensors"
            finetune(self._weights, labels, tuned, config, replay_dataset=self._replay)
            return {"rule": rule, "finetune": config.as_dict(), "labels": quality, **self._evaluate(tuned)}

        decisive = [config.as_dict(), repr(label_rules().get(rule)), SIZES_M, CocoDataset(self._replay).hash()]
        decisive.append(model_digest(shipped_model()))
        return self._once(f"{rule}_{name}_{_short(decisive)}", work)

    def _labels(self, rule: str) -> Path:
        if rule == "oracle":
            return self._truth
        out = self.folder / f"labels_{rule}"
        if rule == "self_training":
            write_dataset(self._recording, SelfTraining(), DatasetWork(out))
        else:
            write_dataset(self._recording, LabelProp(label_rules()[rule]), DatasetWork(out))
        return out

    def _evaluate(self, weights: Path) -> dict[str, Any]:
        result = evaluate_detector(load_detector(weights), self._frames)
        per_category = {name: row["box_ap50"] for name, row in result["per_category"].items()}
        return {"box_ap50": result["box_ap50"], "mask_ap50": result["mask_ap50"], "per_category": per_category}

    def _once(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        weights = sha256(self._weights)
        path = self.folder / f"trial_{name}_{FRAMES}_{weights[:8]}.json"
        if not path.is_file():
            write_json(path, {**work(), "weights": weights, "commit": commit()})
        found: dict[str, Any] = read_json(path)
        return found


def _short(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


def main() -> None:
    """Run the trials, printing each and writing all to one table; those done before are not run again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", default="train_01,train_02")
    parser.add_argument("--rules", default="self_training,default,oracle", help="names with commas")
    parser.add_argument("--rates", default="", help="learning rates with commas; empty = the preset's")
    parser.add_argument("--constant", action="store_true", help="a constant rate instead of the cosine down to 0")
    parser.add_argument(
        "--replay-share", type=float, default=REPLAY_SHARE, help="share of catalogue pictures in each batch"
    )
    parser.add_argument("--keep-share", type=float, default=0.0, help="share of the start's weights that stays")
    parser.add_argument("--distil", type=float, default=0.0, help="share of the start's belief where no label lies")
    parser.add_argument("--seed", type=int, default=0, help="of fine-tuning")
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--work", type=Path, default=Path("runs/fusion_rules"))
    parser.add_argument("--weights", default="seal-small")
    parser.add_argument("--out", type=Path, default=Path("results/finetune_rules.json"))
    options = parser.parse_args()
    preset = FinetuneConfig(
        iterations=options.iterations,
        decay=not options.constant,
        replay_share=options.replay_share,
        keep_share=options.keep_share,
        distil=options.distil,
        seed=options.seed,
    )
    homes, rules = parse_homes(options.homes), options.rules.split(",")
    for home in homes:
        require_training_home(home)
    if unknown := [rule for rule in rules if rule not in ("oracle", "self_training", *label_rules())]:
        known = ", ".join(["oracle", "self_training", *label_rules()])
        raise InputError(f"unknown rules {', '.join(unknown)}; expected some of {known}")
    replay = options.work / f"catalogue_{REPLAY_PICTURES}"
    catalogue_at(replay, REPLAY_PICTURES)
    rates = [float(rate) for rate in options.rates.split(",") if rate] or [preset.learning_rate]
    table: dict[str, Any] = read_json(options.out)["homes"] if options.out.is_file() else {}
    for home in homes:
        trials = HomeTrials(home, options.work / home, options.weights, replay)
        rows = table.setdefault(home, {})
        rows["pretrained"] = trials.pretrained()
        _show(home, "pretrained", rows["pretrained"])
        for rule in rules:
            for rate in rates:
                shape = "_constant" if options.constant else ""
                name = (
                    f"lr{rate:g}{shape}_replay{options.replay_share:g}_keep{options.keep_share:g}"
                    f"_distil{options.distil:g}_seed{options.seed}_{options.iterations}"
                )
                rows[f"{rule} {name}"] = trials.trial(rule, replace(preset, learning_rate=rate), name)
                _show(home, f"{rule} {name}", rows[f"{rule} {name}"])
                write_json(options.out, {"provenance": provenance(), "frames": FRAMES, "homes": table})


def _show(home: str, name: str, row: dict[str, Any]) -> None:
    each = "  ".join(f"{k} {v:.1f}" for k, v in row["per_category"].items() if v is not None)
    print(f"{home} {name:40s} box {row['box_ap50']:.1f} mask {row['mask_ap50']:.1f}   {each}", flush=True)


if __name__ == "__main__":
    main()
