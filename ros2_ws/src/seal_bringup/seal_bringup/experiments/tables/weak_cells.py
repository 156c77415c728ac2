# SPDX-License-Identifier: Apache-2.0
"""Cells of weak supervision: which frames a human is asked about, what he draws, and what comes of it in the others.

The choice knows the recording alone. In place of the human stands the simulator's truth, of the chosen frames and of
no other: `AnnotatedFrames` is the one cell that may see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seal_bringup.demo.oracle import Truth
from seal_bringup.experiments.recordings import world_of
from seal_bringup.experiments.tables.cells import Recording
from seal_bringup.experiments.tables.labellers import LABEL_PROP, ORACLE, label_prop, labeller_facts, labeller_module
from seal_bringup.experiments.tables.store import Cell, Progress
from seal_mapping.annotation.annotations import read_annotations
from seal_mapping.annotation.different_views import MAX_OVERLAP_PERCENT, uncertain_frames
from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.source import Recording as FramesInMemory
from seal_mapping.voxels.config import MapConfig
from seal_perception.files import write_json
from seal_perception.reading.text import read_json


@dataclass(frozen=True, eq=False)
class Choice(Cell):
    """The k frames of a recording that its map is least certain about, of different views; no truth is asked.

    Attributes:
        recording: the frames, with a detector's detections.
        k: how many.
    """

    recording: Recording
    k: int
    kind, output = "choice", "choice.json"

    @property
    def label(self) -> str:
        """Recording and k."""
        return f"{self.recording.label}_k{self.k}"

    def inputs(self) -> tuple[Cell, ...]:
        """The recording."""
        return (self.recording,)

    def facts(self) -> dict[str, Any]:
        """How many, how different, in which map."""
        return {"k": self.k, "max_overlap_percent": MAX_OVERLAP_PERCENT, "map": MapConfig().as_dict()}

    def modules(self) -> tuple[str, ...]:
        """The choice."""
        return ("seal_mapping.annotation.different_views", "seal_mapping.bags.reader")

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Map the recording and choose."""
        chosen = uncertain_frames(open_bag(inputs[0]), self.k, MapConfig(), progress)
        write_json(folder / self.output, asdict(chosen))


@dataclass(frozen=True, eq=False)
class AnnotatedFrames(Cell):
    """True masks of chosen frames, as a human would draw them: the weak supervision of the paper's section 5.2.

    Attributes:
        choice: of frames.
    """

    choice: Choice
    kind, output = "annotated_frames", "annotated_frames"

    @property
    def label(self) -> str:
        """That of the choice."""
        return self.choice.label

    def inputs(self) -> tuple[Cell, ...]:
        """The choice, and the recording."""
        return (self.choice, self.choice.recording)

    def facts(self) -> dict[str, Any]:
        """Whose masks they are."""
        return labeller_facts(ORACLE)

    def modules(self) -> tuple[str, ...]:
        """The truth and what writes it."""
        return (labeller_module(ORACLE), "seal_mapping.datasets.labelling", "seal_mapping.bags.reader")

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Render the truth of the chosen frames."""
        stamps, frames = set(read_json(inputs[0])["stamps_ns"]), FramesInMemory()
        for item in open_bag(inputs[1]):
            if item.frame.stamp_ns in stamps:
                frames.add(item.index, item.frame)
        home, seed = self.choice.recording.home, self.choice.recording.seed
        world = world_of(home, seed)
        write_dataset(frames, Truth(world, {"home": home}), DatasetWork(folder / self.output, workers=1))
        world.close()


@dataclass(frozen=True, eq=False)
class Propagated(Cell):
    """Labels of all frames of a recording by 3DLabelProp, with annotated frames in place of their detections.

    Attributes:
        annotated: frames of the recording.
    """

    annotated: AnnotatedFrames
    kind, output = "labels", "labels"

    @property
    def label(self) -> str:
        """Recording, k and row."""
        return f"{self.annotated.label}_{LABEL_PROP}"

    def inputs(self) -> tuple[Cell, ...]:
        """The annotated frames, and the recording."""
        return (self.annotated, self.annotated.choice.recording)

    def facts(self) -> dict[str, Any]:
        """The labeller's parameters."""
        return {**labeller_facts(LABEL_PROP), "annotations": "input"}

    def modules(self) -> tuple[str, ...]:
        """The labeller, what reads annotations and what writes labels."""
        own = ("seal_mapping.annotation.annotations", "seal_mapping.datasets.labelling", "seal_mapping.bags.reader")
        return (labeller_module(LABEL_PROP), *own)

    def make(self, folder: Path, inputs: Sequence[Path], progress: Progress) -> None:
        """Label every frame."""
        labeller = label_prop(read_annotations(inputs[0]))
        write_dataset(open_bag(inputs[1]), labeller, DatasetWork(folder / self.output, progress))
