# SPDX-License-Identifier: Apache-2.0
"""The loop in one home: explore, label, fine-tune, evaluate; each stage done once."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from seal_bringup.demo.config import DemoConfig
from seal_bringup.demo.oracle import Truth
from seal_bringup.demo.samples import write_samples
from seal_bringup.demo.stages import StageLog
from seal_bringup.evaluation.coverage import evaluate_run
from seal_bringup.report.label_report import write_label_report
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.runner import run_stack
from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.optical_flow import OpticalFlow
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.config import PAPER, SIZES_M, LabelConfig
from seal_mapping.labels.objects.model import model_digest, shipped_model
from seal_mapping.voxels.voxel_map import MapConfig
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import CocoDataset, own_dataset
from seal_perception.detector.detector import load_detector
from seal_perception.detector.facts import resolve_weights
from seal_perception.evaluation.evaluate import evaluate_detector
from seal_perception.evaluation.label_quality import label_quality
from seal_perception.files import replacing, sha256, write_json
from seal_perception.reading.text import read_json
from seal_perception.training.finetune import FinetuneConfig, finetune
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.evaluation.frames import write_evaluation_frames
from sim_bridge.worlds import World, open_simulator

_log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
LABELLED_ROWS = ("self_training", "optical_flow", "label_prop_paper", "label_prop", "oracle")


def label_configs() -> dict[str, LabelConfig]:
    """Label propagation of the two rows that use it: the paper's rule and the one chosen on training homes."""
    return {"label_prop_paper": PAPER, "label_prop": LabelConfig()}


class HomeLoop:
    """One home's folder: bag, labels, detectors, evaluation."""

    def __init__(
        self,
        home: str,
        folder: Path,
        config: DemoConfig,
        progress: Progress,
        log: StageLog,
        replay: Path | None = None,
    ) -> None:
        """Prepare the loop of `home` in `folder`; nothing runs yet.

        Args:
            home: name of the home, or a scene.
            folder: the home's folder in the run.
            config: what to run.
            progress: called with (stage, done, total) inside a stage.
            log: the finished stages.
            replay: dataset to mix into every fine-tuning; needed if `config.replay_share` is above 0.
        """
        self.home, self.folder, self.config = home, folder, config
        self._progress, self._log = progress, log
        self._evaluation = folder / "evaluation_frames"
        self._weights = resolve_weights(config.weights)
        self._replay = replay
        self._replayed = CocoDataset(replay).hash() if replay is not None and config.replay else None
        c = config
        self._explore_key = [home, c.seed, c.steps, c.width, c.height, c.policy, sha256(self._weights)]

    def run(self) -> None:
        """Run all stages that are not done yet."""
        rows = [row for row in LABELLED_ROWS if row in self.config.rows]
        self._log.run("explore", self._explore_key, self._explore)
        self._log.run("evaluation frames", [self._explore_key, self.config.evaluation_frames], self._frames)
        self._log.run("true labels", self._explore_key, self._true_labels)
        for row in rows:
            if row != "oracle":
                self._log.run(f"labels {row}", self._label_key(row), lambda row=row: self._label(row))  # type: ignore[misc]
        self._evaluate("pretrained", self._weights, self._explore_key)
        for row in rows:
            key = [self._label_key(row), *self._finetune_key()]
            self._log.run(f"fine-tune {row}", key, lambda row=row: self._finetune(row))  # type: ignore[misc]
            self._evaluate(row, self._tuned(row), key)
        if self._shown:
            self._log.run("samples", [self._explore_key, rows, *self._finetune_key()], self._samples)

    def metrics(self) -> dict[str, Any]:
        """The part of metrics.json for this home: figures of the finished stages."""
        rows = {}
        for row in ("pretrained", *LABELLED_ROWS):
            path = self.folder / f"evaluation_{row}.json"
            if path.is_file():
                rows[row] = read_json(path)
            path = self.folder / f"learnt_{row}.json"
            if row in rows and path.is_file():
                rows[row].update(read_json(path))
        labels = {}
        for row in LABELLED_ROWS[:-1]:
            path = self.folder / f"label_quality_{row}.json"
            if path.is_file():
                quality = read_json(path)
                labels[row] = {**quality.pop("overall"), **quality}
        out: dict[str, Any] = {"rows": rows, "labels": labels, "stages": self._log.seconds}
        for name in ("coverage", "status"):
            path = self.folder / f"{name}.json"
            if path.is_file():
                out[name] = read_json(path)
        if "status" in out:
            out["timings"] = out.pop("status").get("ms", {})
        return out

    def _label_key(self, row: str) -> list[Any]:
        rule = label_configs().get(row)
        return [self._explore_key, row, repr(rule), repr(MapConfig()), SIZES_M, model_digest(shipped_model())]

    def _tuned(self, row: str) -> Path:
        return self.folder / f"detector_{row}.safetensors"

    def _labels(self, row: str) -> Path:
        return self.folder / f"labels_{row}"

    def _world(self) -> World:
        world = open_simulator(self.home, EmbeddedConfig(width=self.config.width, height=self.config.height))
        world.reset(self.config.seed)
        return world

    def _explore(self) -> None:
        c = self.config
        run_stack(
            StackConfig(
                scene=self.home, steps=c.steps, run_dir=self.folder, seed=c.seed, weights=str(self._weights),
                width=c.width, height=c.height, policy=c.policy,
            )
        )  # fmt: skip
        coverage = evaluate_run(self.folder, self._world())
        write_json(self.folder / "coverage.json", coverage)
        if "line" in coverage:
            self._log.tell(f"warning: {self.home}: {coverage['line']}")

    def _frames(self) -> None:
        c = self.config
        write_evaluation_frames(self.home, self._evaluation, c.evaluation_frames, width=c.width, height=c.height)

    def _true_labels(self) -> None:
        work = replace(self._work("oracle", "true labels"), workers=1)
        write_dataset(open_bag(self.folder / "bag"), Truth(self._world(), {"home": self.home}), work)

    def _work(self, row: str, stage: str) -> DatasetWork:
        return DatasetWork(self._labels(row), progress=lambda i, n: self._progress(stage, i, n))

    def _label(self, row: str) -> None:
        source = open_bag(self.folder / "bag")
        if row == "self_training":
            write_dataset(source, SelfTraining(), DatasetWork(self._labels(row)))
        elif row == "optical_flow":
            write_dataset(source, OpticalFlow(), self._work(row, f"labels {row}"))
        else:
            labeller = LabelProp(label_configs()[row], MapConfig())
            write_dataset(source, labeller, self._work(row, f"labels {row}"))
        labels = own_dataset(self._labels(row))
        truth = CocoDataset(self._labels("oracle"), CategoryNames(known=labels.names))
        quality = label_quality(labels, truth)
        write_label_report(self._labels(row), truth, source.choices)
        write_json(self.folder / f"label_quality_{row}.json", quality)

    def _finetune_config(self) -> FinetuneConfig:
        c = self.config
        return FinetuneConfig(iterations=c.iterations, seed=c.seed, replay_share=c.replay_share)

    def _finetune_key(self) -> list[Any]:
        c = self.config
        return [self._finetune_config().as_dict(), self._replayed or c.replay_pictures]

    def _finetune(self, row: str) -> None:
        """Fine-tune on the labels of a row; without a single label the row keeps the detector."""
        pictures = len(own_dataset(self._labels(row)).labelled())
        if pictures:
            finetune(
                self._weights, self._labels(row), self._tuned(row), self._finetune_config(),
                progress=lambda p: self._progress(f"fine-tune {row}", p.iteration, p.iterations),
                replay_dataset=self._replay,
            )  # fmt: skip
        else:
            _log.warning("%s: no frame got a label; the detector stays as it is", row)
            with replacing(self._tuned(row)) as beside:
                shutil.copyfile(self._weights, beside)
        write_json(self.folder / f"learnt_{row}.json", {"pictures": pictures})

    def _evaluate(self, row: str, weights: Path, key: Any) -> None:
        def work() -> None:
            result = evaluate_detector(
                load_detector(weights), self._evaluation,
                progress=lambda i, n: self._progress(f"evaluate {row}", i, n),
            )  # fmt: skip
            write_json(self.folder / f"evaluation_{row}.json", result)

        self._log.run(f"evaluate {row}", [key, row, self.config.evaluation_frames], work)

    def _samples(self) -> None:
        labels, tuned = self._labels(self._shown), self._tuned(self._shown)
        write_samples(self.folder / "samples", labels, self._labels("oracle"), self._weights, tuned)

    @property
    def _shown(self) -> str:
        """The row whose labels are shown in pictures; empty if none has labels of its own."""
        order = ("label_prop", "label_prop_paper", "optical_flow", "self_training")
        return next((row for row in order if row in self.config.rows), "")
