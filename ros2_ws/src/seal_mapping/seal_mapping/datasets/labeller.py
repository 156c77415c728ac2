# SPDX-License-Identifier: Apache-2.0
"""What gives frames their labels, as `write_dataset` asks for them.

There are `label_prop.LabelProp` (3DLabelProp: the map's objects, seen from each frame), `self_training.SelfTraining`
(each frame's own detections) and `optical_flow.OpticalFlow` (those of its neighbours too); the simulator's truth is one
in `seal_bringup.demo.oracle`, where truth may be known. To add another (a human, a second network): one class in a file
of its own with a name and `annotations`.

    class HumanLabels(Labeller):
        name = "human"

        def __init__(self, drawn: FrameAnnotations) -> None:
            self._drawn = drawn

        def annotations(self, item: BagFrame) -> list[Annotation]:
            found = self._drawn.for_frame(item) or Detections.empty(*item.frame.depth.shape)
            return [Annotation(int(c), mask) for c, mask in zip(found.categories, found.masks, strict=True)]

    write_dataset(open_bag("bag"), HumanLabels(read_annotations("drawn.json")), DatasetWork("labels"))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.no_labels import NoLabels
from seal_mapping.datasets.resumable import WorkFolder
from seal_mapping.source import BagFrame
from seal_perception.categories import SIX, CategorySet
from seal_perception.dataset import Annotation


class Labeller(ABC):
    """Labels of the frames of one recording.

    Attributes:
        name: what `labels.json` calls the rule.
        passes: times that the recording is walked through, the one that writes included; for the progress alone.
        frame_key: key under which a picture of the dataset has its frame's index.
        names: the list that the labels' categories are of; known after `prepare`.
    """

    name: ClassVar[str]
    passes: int = 1
    frame_key: ClassVar[str] = "frame"
    names: CategorySet = SIX

    @abstractmethod
    def annotations(self, item: BagFrame) -> list[Annotation]:
        """Labels of one frame; several threads call this at a time.

        Args:
            item: the frame with its detections: recorded, or of the detector that is run; None if it has none.
        """

    def prepare(self, frames: DetectedFrames, folder: WorkFolder, progress: Callable[[int], None]) -> None:
        """Learn what must be known before the first frame is labelled, such as a map of all frames; nothing here.

        Args:
            frames: the recording.
            folder: the dataset's folder, for files that belong to it and for checkpoints.
            progress: called with the frames done in the passes before the last.
        """
        progress(0)

    def why_no_labels(self, frames: DetectedFrames) -> NoLabels | None:
        """The likely cause, after all frames were labelled and none got a label; None if it is not known."""
        return None

    def facts(self) -> dict[str, Any]:
        """JSON-ready values that decide the labels: work that was interrupted is resumed only where they are equal."""
        return {"labeller": self.name}

    def info(self) -> dict[str, Any]:
        """JSON-ready facts that `annotations.json` keeps about how it was made."""
        return {"labels": self.name}

    def summary(self, counts: dict[str, Any]) -> dict[str, Any]:
        """What `labels.json` holds.

        Args:
            counts: of `summary.summary_of`, and `unused` pictures by reason where the source counts them.
        """
        return {"rule": self.name, **counts}
