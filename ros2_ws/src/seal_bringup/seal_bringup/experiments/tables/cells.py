# SPDX-License-Identifier: Apache-2.0
"""The kinds of cells that tables are made of: recording, labels, detector, evaluation, and what these need."""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_bringup.demo.oracle import Truth
from seal_bringup.experiments.recordings import record_world, world_of
from seal_bringup.experiments.tables.labellers import ORACLE, labeller_facts, labeller_module, labeller_of
from seal_bringup.experiments.tables.store import Cell, Progress, digest_of
from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import CocoDataset, own_dataset
from seal_perception.detector.detector import load_detector
from seal_perception.evaluation.evaluate import detect_all, evaluate_detections
from seal_perception.evaluation.label_quality import label_quality
from seal_perception.files import replacing, sha256, write_json
from seal_perception.reading.text import read_json
from seal_perception.training.finetune import FinetuneConfig, finetune
from seal_perception.training.join import join_datasets, link_or_copy
from sim_bridge.catalogue.pictures import CATALOGUE_VERSION, write_catalogue
from sim_bridge.evaluation.frames import write_evaluation_frames

DRAWS = 500
"""Bootstrap draws over its frames that an evaluation keeps."""
WIDTH, HEIGHT = 320, 240
"""Of all pictures, in pixels."""
FRONTIER = "frontier"
"""The goal policy of the tables."""


@dataclass(frozen=True, eq=False)
class Recording(Cell):
    """An episode of a goal policy in a home, with a detector's detections: a bag.

    Attributes:
        home: its name.
        seed: of the start pose.
        steps: actions of the robot.
        weights: the detector.
        policy: where the robot goes.
        policy_weights: a learned policy's file.
    """

    home: str
    seed: int
    steps: int
    weights: Cell
    policy: str = FRONTIER
    policy_weights: Cell | None = None
    kind, output = "recording", "bag"

    @property
    def label(self) -> str:
        """Home and seed, and the policy where it is another than the tables'."""
        return f"{self.home}_seed{self.seed}" + ("" if self.policy == FRONTIER else f"_{self.policy}")

    def inputs(self) -> tuple[Cell, ...]:
        """The detector, and a learned policy's file."""
        return (self.weights, *(() if self.policy_weights is None else (self.policy_weights,)))

    def facts(self) -> dict[str, Any]:
        """The episode, and the two functions that choose its world, policy and map."""
        own = digest_of([inspect.getsource(world_of), inspect.getsource(record_world)])
        facts = {"home": self.home, "seed": self.seed, "steps": self.steps, "size": [WIDTH, HEIGHT], "made_by": own}
        return facts if self.policy == FRONTIER else {**facts, "policy": self.policy}

    def modules(self) -> tuple[str, ...]:
        """Simulator, policy, map and detector; how labels are made of it does not matter here."""
        policy = ("seal_policy.loop", "seal_policy.explorer", "seal_policy.registry")
        own = ("seal_mapping.voxels.voxel_map", "seal_mapping.bags.writer", "seal_perception.detector.detector")
        return (*policy, *own, "sim_bridge.worlds")

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Explore."""
        world, weights = world_of(self.home, self.seed), str(weights_in(inputs[0]))
        report: Callable[[int], None] = lambda step: progress(step, self.steps)  # noqa: E731
        learnt = "" if self.policy_weights is None else inputs[1]
        record_world(world, folder, weights, self.steps, self.seed, report, self.policy, learnt)


@dataclass(frozen=True, eq=False)
class Labels(Cell):
    """Labels of a recording's frames: a dataset.

    Attributes:
        recording: the frames.
        row: whose labeller (`labellers.LABELLERS`), or `oracle`, the simulator's truth.
    """

    recording: Recording
    row: str
    kind, output = "labels", "labels"

    @property
    def label(self) -> str:
        """Recording and row."""
        return f"{self.recording.label}_{self.row}"

    def inputs(self) -> tuple[Cell, ...]:
        """The recording."""
        return (self.recording,)

    def facts(self) -> dict[str, Any]:
        """The labeller's parameters."""
        return labeller_facts(self.row)

    def modules(self) -> tuple[str, ...]:
        """The labeller and what writes its labels."""
        return (labeller_module(self.row), "seal_mapping.datasets.labelling", "seal_mapping.bags.reader")

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Label every frame."""
        source, work = open_bag(inputs[0]), DatasetWork(folder / self.output, progress)
        if self.row != ORACLE:
            write_dataset(source, labeller_of(self.row), work)
            return
        world = world_of(self.recording.home, self.recording.seed)
        write_dataset(source, Truth(world, {"home": self.recording.home}), DatasetWork(work.out, progress, workers=1))
        world.close()


@dataclass(frozen=True, eq=False)
class Quality(Cell):
    """Labels beside the truth of the same recording: precision and recall.

    Attributes:
        labels: a dataset of all frames of the recording.
        truth: the true labels.
    """

    labels: Cell
    truth: Labels
    kind, output = "quality", "quality.json"

    @property
    def label(self) -> str:
        """That of the labels."""
        return self.labels.label

    def inputs(self) -> tuple[Cell, ...]:
        """Both datasets."""
        return (self.labels, self.truth)

    def facts(self) -> dict[str, Any]:
        """Nothing else decides."""
        return {}

    def modules(self) -> tuple[str, ...]:
        """The comparison."""
        return ("seal_perception.evaluation.label_quality",)

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Compare; pictures that both datasets have are kept once on the disk."""
        labels = own_dataset(inputs[0])
        truth = CocoDataset(inputs[1], CategoryNames(known=labels.names))
        write_json(folder / self.output, label_quality(labels, truth))
        share_pictures(labels, truth)


def share_pictures(dataset: CocoDataset, other: CocoDataset) -> int:
    """Let pictures of equal bytes at the same place of two datasets be one file; how many now are."""
    shared = 0
    for index in range(min(len(dataset), len(other))):
        mine, its = dataset.picture_path(index), other.picture_path(index)
        if os.path.samefile(mine, its):
            shared += 1
        elif mine.stat().st_size == its.stat().st_size and mine.read_bytes() == its.read_bytes():
            with replacing(mine) as beside:
                link_or_copy(its, beside)
            shared += os.path.samefile(mine, its)
    return shared


@dataclass(frozen=True, eq=False)
class Catalogue(Cell):
    """Catalogue pictures that every fine-tuning sees too, against forgetting.

    Attributes:
        count: how many.
    """

    count: int
    kind, output = "catalogue", "pictures"

    @property
    def label(self) -> str:
        """How many."""
        return f"{self.count}_pictures"

    def inputs(self) -> tuple[Cell, ...]:
        """None."""
        return ()

    def facts(self) -> dict[str, Any]:
        """Version, count and size; the version is raised when a picture changes."""
        return {"catalogue": CATALOGUE_VERSION, "count": self.count, "size": [WIDTH, HEIGHT]}

    def modules(self) -> tuple[str, ...]:
        """None: its version stands for the code."""
        return ()

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Draw them."""
        write_catalogue(folder / self.output, self.count, progress=progress, size=(WIDTH, HEIGHT))


@dataclass(frozen=True, eq=False)
class Detector(Cell):
    """Weights fine-tuned on one or more datasets together.

    Attributes:
        parent: weights to start from.
        labels: the datasets.
        replay: pictures to mix in; needed if the configuration has a share of them.
        config: how to fine-tune.
        about: for people: row, seed and setting.
    """

    parent: Cell
    labels: tuple[Cell, ...]
    replay: Catalogue | None
    config: FinetuneConfig
    about: str
    kind, output, resumable = "detector", "detector", True

    @property
    def label(self) -> str:
        """What it is for."""
        return self.about

    def inputs(self) -> tuple[Cell, ...]:
        """Weights, datasets, replay."""
        return (self.parent, *self.labels, *(() if self.replay is None else (self.replay,)))

    def facts(self) -> dict[str, Any]:
        """The configuration; the seed is in it."""
        return {"finetune": self.config.as_dict()}

    def modules(self) -> tuple[str, ...]:
        """Training."""
        return ("seal_perception.training.finetune", "seal_perception.training.join")

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Fine-tune; without a single label the weights stay as they are. Resumes from a checkpoint that fits."""
        parent, datasets = weights_in(inputs[0]), inputs[1 : 1 + len(self.labels)]
        out, joined = folder / self.output, folder / "joined"
        shutil.rmtree(joined, ignore_errors=True)
        out.mkdir(exist_ok=True)
        dataset = join_datasets(datasets, joined)
        pictures = len(dataset.labelled())
        if pictures:
            replay = None if self.replay is None else inputs[-1]
            finetune(parent, dataset, out / WEIGHTS, self.config, lambda p: progress(p.iteration, p.iterations), replay)
        else:
            with replacing(out / WEIGHTS) as beside:
                shutil.copyfile(parent, beside)
        write_json(out / LEARNT, {"pictures": pictures, "of": len(dataset)})
        shutil.rmtree(joined)


WEIGHTS, LEARNT = "detector.safetensors", "learnt.json"


def weights_in(path: Path) -> Path:
    """The weights file behind the output of a `Detector` or `Given`."""
    return path / WEIGHTS if path.is_dir() else path


@dataclass(frozen=True, eq=False)
class Frames(Cell):
    """Evaluation frames of a home, which no robot saw, with their truth.

    Attributes:
        home: its name.
        count: how many.
    """

    home: str
    count: int
    kind, output = "frames", "frames"

    @property
    def label(self) -> str:
        """Home and count."""
        return f"{self.home}_{self.count}"

    def inputs(self) -> tuple[Cell, ...]:
        """None."""
        return ()

    def facts(self) -> dict[str, Any]:
        """Home, count, size."""
        return {"home": self.home, "count": self.count, "size": [WIDTH, HEIGHT]}

    def modules(self) -> tuple[str, ...]:
        """The simulator."""
        return ("sim_bridge.evaluation.frames",)

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Render them."""
        write_evaluation_frames(
            self.home, folder / self.output, self.count, width=WIDTH, height=HEIGHT, progress=progress
        )


@dataclass(frozen=True, eq=False)
class Evaluation(Cell):
    """AP50 of a detector in a home, with the AP50 of `DRAWS` bootstrap draws over its frames.

    Attributes:
        weights: the detector.
        frames: what it is judged on.
    """

    weights: Cell
    frames: Frames
    kind, output = "evaluation", "evaluation.json"

    @property
    def label(self) -> str:
        """Home and detector."""
        return f"{self.frames.label}_{self.weights.label}"

    def inputs(self) -> tuple[Cell, ...]:
        """Both."""
        return (self.weights, self.frames)

    def facts(self) -> dict[str, Any]:
        """Draws of the bootstrap."""
        return {"draws": DRAWS}

    def modules(self) -> tuple[str, ...]:
        """Detector and evaluation."""
        return ("seal_perception.evaluation.evaluate", "seal_perception.detector.detector")

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Detect in every frame and measure."""
        dataset, weights = CocoDataset(inputs[1]), weights_in(inputs[0])
        found = detect_all(load_detector(str(weights)), dataset, progress)
        figures = evaluate_detections(found, dataset, DRAWS, keep_draws=True)
        write_json(folder / self.output, {"weights": sha256(weights), **figures}, indent=None)


def learnt_pictures(detector: Path) -> int:
    """Pictures with a label that a `Detector`'s output learnt from."""
    return int(read_json(detector / LEARNT)["pictures"])
