# SPDX-License-Identifier: Apache-2.0
"""3DLabelProp as a labeller: the detections of all frames make a map, and its objects label every frame.

Between the two the frames' own detections confirm the objects (`confirm`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_mapping.annotation.annotations import FrameAnnotations
from seal_mapping.datasets.confirm import SecondLook, drawn_ids, look_again, rendered
from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.labeller import Labeller
from seal_mapping.datasets.map_builder import MapBuilder
from seal_mapping.datasets.no_labels import Drawn, NoLabels, no_map_labels, none_confirmed, none_covers_enough
from seal_mapping.datasets.resumable import WorkFolder
from seal_mapping.datasets.summary import OWN_SCORE, own_score
from seal_mapping.labels.instance_ids import load_objects, save_objects
from seal_mapping.labels.objects.choose import Judged, judge_candidates
from seal_mapping.labels.objects.explain import Considered, explain
from seal_mapping.labels.objects.model import model_digest, shipped_model
from seal_mapping.labels.propagate import LabelConfig, propagate
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.source import BagFrame
from seal_mapping.voxels.io import load_map, save_map
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.categories import CategorySet
from seal_perception.dataset import Annotation
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.files import sha256
from seal_perception.frame import Frame
from seal_perception.reading.text import read_json

MAP, OBJECTS, LABELS = "map.npz", "objects.npz", "labels.json"
_NOTHING = LabelVolume(np.zeros((0, 3), np.int32), np.zeros(0, np.int32), np.zeros(3), 1.0, ())
"""No objects: before the first pass."""


class VolumeLabels(Labeller):
    """The objects of a labelled volume, ray-traced into every frame.

    Args:
        volume: of `propagate`.
        config: how pixels take their labels.
    """

    name = "3DLabelProp"

    def __init__(self, volume: LabelVolume, config: LabelConfig) -> None:
        self.volume, self.config, self.names = volume, config, volume.names

    def annotations(self, item: BagFrame) -> list[Annotation]:
        """The objects that the frame sees (`frame_annotations`)."""
        return frame_annotations(item.frame, self.volume, self.config, item.detections)

    def info(self) -> dict[str, Any]:
        """Method and rule of fusion."""
        return {"labels": self.name, "rule": self.config.rule}


class LabelProp(VolumeLabels):
    """3DLabelProp: a first pass builds the map, a second lets frames confirm its objects, the third labels the frames.

    Besides the labels it leaves `map.npz` and `objects.npz` (the labelled voxels) in the dataset's folder.

    Args:
        config: rule of fusion and its numbers.
        map_config: numbers of the map; with `previous` they are those of the map there.
        annotations: frames that a human annotated, at score 1 in place of the detector's (SEAL, section 5.2).
        previous: folder of a dataset that this labeller made, of the same place in the same map frame: its map is
            continued and its objects keep their ids.
    """

    def __init__(
        self,
        config: LabelConfig | None = None,
        map_config: MapConfig | None = None,
        annotations: FrameAnnotations | None = None,
        previous: Path | str | None = None,
    ) -> None:
        super().__init__(_NOTHING, config or LabelConfig())
        self.passes = 3 if self._confirms() else 2
        self._map_config, self._annotations = map_config, annotations
        self._previous = None if previous is None else Path(previous)
        self._map = VoxelMap(map_config)
        self._human_map: VoxelMap | None = None
        self._left_out = 0
        self._look: SecondLook | None = None
        self._considered: list[Considered] = []
        self._without_objects: Judged | None = None

    def prepare(self, frames: DetectedFrames, folder: WorkFolder, progress: Callable[[int], None]) -> None:
        """Build the map, find its objects, save both.

        Raises:
            InputError: if no frame has detections and there is neither detector nor annotation, or the map of
                `previous` cannot be read or has another configuration, or detections, drawings and map differ in their
                list of categories.
        """
        start_map, before = self._start(frames)
        builder = MapBuilder(frames, start_map, self._annotations, folder.checkpoints)
        self._map = builder.run(lambda done, _: progress(done))
        self._human_map = builder.human_map
        grid = self._map.config
        judged = judge_candidates(self._map.voxels(), self.config, grid.names, grid.voxel_m)
        volume = propagate(self._map, self.config, before, builder.human_map, judged)
        self.volume = self._confirmed(volume, frames, before, progress)
        unconfirmed = {item.id for item in self.volume.ignored} - {item.id for item in volume.ignored}
        self._considered = explain(judged, self.volume, self.config, frozenset(unconfirmed))
        self._without_objects = None if self.volume.instances else judged  # for `why_no_labels`
        self.names = self.volume.names
        save_map(self._map, folder.path / MAP)
        save_objects(self.volume, folder.path / OBJECTS)
        if frames.detector is None and frames.with_recorded:
            self._left_out = len(frames) - frames.with_recorded

    def _confirmed(
        self,
        volume: LabelVolume,
        frames: DetectedFrames,
        before: LabelVolume | None,
        progress: Callable[[int], None],
    ) -> LabelVolume:
        """The volume without the objects that no frame shows; those of before stay if they had to be confirmed then."""
        if not self._confirms():
            return volume
        spared = drawn_ids(volume, self._human_map)
        spared |= {item.id for item in before.instances} if before is not None and self._confirmed_before() else set()
        look, total = SecondLook(volume, self.config, spared), len(frames)
        look_again(look, frames.frames(), frames.detections_for, lambda done: progress(total + done))
        progress(2 * total)
        if not look.frames:
            return volume
        self._look = look
        return look.result()

    def _confirmed_before(self) -> bool:
        """Whether `previous` is of a labelling that looked again; an older one has no such number."""
        if self._previous is None or not (self._previous / LABELS).is_file():
            return False
        used = read_json(self._previous / LABELS).get("label_config", {})
        return used.get("rule") == "objects" and float(used.get("confirm_score", 0.0)) > 0

    def _confirms(self) -> bool:
        return self.config.rule == "objects" and self.config.confirm_score > 0

    def _start(self, frames: DetectedFrames) -> tuple[VoxelMap, LabelVolume | None]:
        """The map to put frames in, and the objects found before."""
        before = None if self._previous is None else load_map(self._previous / MAP)
        config = self._map_config or (MapConfig() if before is None else before.config)
        config = config.for_names(self._names(frames))
        if self._previous is None or before is None:
            return VoxelMap(config), None
        voxel_map = before
        if config.names != voxel_map.config.names:
            there = f"{self._previous} has a map of the categories {voxel_map.config.names}"
            raise InputError(f"{there}; it cannot be continued with {config.names}")
        if config != voxel_map.config:
            there = f"{self._previous} has a map of {voxel_map.config}"
            raise InputError(f"{there}; it cannot be continued with {config}")
        return voxel_map, load_objects(self._previous / OBJECTS)

    def _names(self, frames: DetectedFrames) -> CategorySet | None:
        """The list of detections and drawings; None where there is neither."""
        drawn = None if self._annotations is None else self._annotations.names
        if frames.names is not None and drawn is not None and drawn != frames.names:
            raise InputError(f"the drawings are read for {drawn}, the detections are of {frames.names}")
        return frames.names or drawn

    def why_no_labels(self, frames: DetectedFrames) -> NoLabels:
        """What the map, the detections and the drawings lack."""
        if self._without_objects is None:
            return none_covers_enough(len(self.volume.instances), self.config)
        if self._look is not None:
            return none_confirmed(self._look.best, self.config)
        drawn = None
        if self._annotations is not None and self._human_map is not None:
            objects = sum(len(picture.objects) for picture in self._annotations.pictures)
            drawn = Drawn(len(self._annotations), objects, self._human_map)
        return no_map_labels(self._without_objects, self._map.config, self.config, frames.best_scores, drawn)

    def annotations(self, item: BagFrame) -> list[Annotation]:
        """The objects that the frame sees; in a frame that a human annotated, what nobody drew is background."""
        human = self._annotations is not None and self._annotations.for_frame(item) is not None
        config = replace(self.config, ignore_missing=False) if human else self.config
        return frame_annotations(item.frame, self.volume, config, item.detections)

    def facts(self) -> dict[str, Any]:
        """Configurations, the model of objects, the map that is continued, what was drawn."""
        before = None if self._previous is None else self._previous / MAP
        return {
            "label": self.config.as_dict(),
            "object_model": model_digest(shipped_model()),
            "map": (self._map_config or MapConfig()).as_dict(),
            "previous": None if before is None or not before.is_file() else sha256(before),
            "annotations": None if self._annotations is None else self._annotations.digest(),
        }

    def summary(self, counts: dict[str, Any]) -> dict[str, Any]:
        """Configurations, figures of the map, counts, the table of objects, and what was considered for one."""
        if self._left_out and "unused" in counts:
            counts["unused"]["without detections, not in the map"] = self._left_out
        return {
            "rule": self.config.rule,
            "label_config": self.config.as_dict(),
            "object_model": model_digest(shipped_model()),
            "map_config": self._map.config.as_dict(),
            "confident_voxels": self._map.confident_count,
            "explored_area_m2": round(self._map.explored_area_m2, 4),
            "annotated_frames": 0 if self._annotations is None else len(self._annotations),
            **self._not_drawn(),
            **counts,
            "instances": self.volume.table(),
            "considered": [asdict(one) for one in self._considered],
        }

    def _not_drawn(self) -> dict[str, Any]:
        """What the file of drawings holds and is not used, by reason; only where there is something."""
        left_out = {} if self._annotations is None else self._annotations.left_out
        return {"annotations_left_out": left_out} if left_out else {}


def frame_annotations(
    frame: Frame, volume: LabelVolume, config: LabelConfig, own: Detections | None = None
) -> list[Annotation]:
    """Annotations of one frame: every instance that covers enough of it, then the regions to ignore.

    An object's annotation carries instance, score, views, support and seen (`Instance`). Where the frame's own
    detections are given, it carries own_score too: the best score of those of its category with mask IoU >= 0.5,
    0 = none. A region's carries ignore. With `LabelConfig.ignore_missing` the frame's own detections of categories
    without any object are regions, too.
    """
    ids = rendered(frame, volume, config)
    table = volume.by_id()
    low = int(ids.min())
    counts = np.bincount((ids - low).reshape(-1))
    found = [(int(index) + low, int(counts[index])) for index in np.flatnonzero(counts)]
    enough = config.min_area_share * ids.size
    out = []
    for number, count in sorted(found, key=lambda pair: -pair[0]):
        if number == 0 or (number > 0 and count < enough):
            continue
        item = table[number]
        mask = ids == number
        extra: dict[str, Any] = {"ignore": True, "score": item.score}
        if number > 0:
            extra = {"instance": number, "score": item.score, "views": item.views}
            extra.update({"support": item.support, "seen": item.seen})
            if own is not None:
                extra[OWN_SCORE] = own_score(item.category, mask, own)
        out.append(Annotation(item.category, mask, extra))
    return out + _missing(volume, own) if config.ignore_missing and own is not None else out


def _missing(volume: LabelVolume, own: Detections) -> list[Annotation]:
    """Regions to ignore: the frame's own detections of categories of which the volume has no object."""
    known = {item.category for item in volume.instances}
    return [
        Annotation(int(category), mask, {"ignore": True, "score": round(float(score), 4)})
        for category, score, mask in zip(own.categories, own.scores, own.masks, strict=True)
        if int(category) not in known and mask.any()
    ]
