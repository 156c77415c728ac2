# SPDX-License-Identifier: Apache-2.0
"""A second look at the map's objects: what no frame's own detection shows as a whole is no object.

Many views that each mean a part a little add up to evidence in the map. Seen again from the frames, such a smear has a
shape that no detection has; of a thing there is nearly always one good view. The frames' own detections alone are
asked, no true label (docs/labels.md has the figures).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from seal_mapping.datasets.summary import own_score
from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.raytrace import render_labels
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.source import BagFrame
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.voxels.voxel_set import lookup, voxel_keys
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.types import BoolArray, Int32Array

_LOG = logging.getLogger(__name__)


@dataclass
class SecondLook:
    """How well the frames' own detections show each object of a volume.

    Attributes:
        volume: of `propagate`.
        config: `confirm_score`, and how objects are seen from a frame.
        spared: ids of objects that need no frame to confirm them.
        best: by id the best score so far of a detection that shows the object (`summary.own_score`); objects that are
            confirmed are not looked at again.
        frames: frames with detections that were looked at.
    """

    volume: LabelVolume
    config: LabelConfig
    spared: set[int] = field(default_factory=set)
    best: dict[int, float] = field(init=False)
    frames: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.best = {item.id: 0.0 for item in self.volume.instances if item.id not in self.spared}

    @property
    def open_ids(self) -> set[int]:
        """Objects that no frame has confirmed yet."""
        return {number for number, score in self.best.items() if score < self.config.confirm_score}

    def take(self, frame: Frame, own: Detections) -> None:
        """Look at the open objects in a frame with its own detections."""
        self.frames += 1
        table, top = self.volume.by_id(), dict[int, float]()
        for category, score in zip(own.categories.tolist(), own.scores.tolist(), strict=True):
            top[category] = max(top.get(category, 0.0), score)
        wanted = {n for n in self.open_ids if top.get(table[n].category, 0.0) > self.best[n]}
        if not wanted:
            return
        ids = rendered(frame, self.volume, self.config)
        enough = self.config.min_area_share * ids.size
        for number in wanted:
            mask = ids == number
            if np.count_nonzero(mask) >= enough:
                self.best[number] = max(self.best[number], own_score(table[number].category, mask, own))

    def result(self) -> LabelVolume:
        """The volume in which the objects that no frame confirmed are regions to ignore."""
        lost = self.open_ids
        if lost:
            _LOG.info("%d objects that no frame's own detection shows: regions to ignore", len(lost))
        return demote(self.volume, lost)


def look_again(
    look: SecondLook,
    frames: Iterable[BagFrame],
    detections_for: Callable[[BagFrame], Detections | None],
    progress: Callable[[int], None],
) -> SecondLook:
    """Show a second look the frames of a recording, until every object is confirmed.

    Args:
        look: a fresh one.
        frames: the recording's.
        detections_for: a frame's own detections; None = no detector looked at it.
        progress: called with the frames done.
    """
    for item in frames:
        if not look.open_ids:
            break
        own = detections_for(item)
        if own is not None:
            look.take(item.frame, own)
        progress(item.index + 1)
    return look


def rendered(frame: Frame, volume: LabelVolume, config: LabelConfig) -> Int32Array:
    """(H, W) id at each pixel of a frame: > 0 an object, < 0 a region to ignore, 0 = none."""
    ids, _ = render_labels(
        volume,
        frame.camera,
        frame.T_map_camera,
        config.max_range_m,
        pixels=config.pixels,
        depth=frame.depth,
        depth_check_m=config.depth_check_m,
    )
    return ids


def demote(volume: LabelVolume, lost: set[int]) -> LabelVolume:
    """The volume with some of its objects as regions to ignore, after those that it has."""
    if not lost:
        return volume
    gone = sorted(lost)
    number_of = {old: -(len(volume.ignored) + n) for n, old in enumerate(gone, start=1)}
    instance = volume.instance.copy()
    for old, new in number_of.items():
        instance[volume.instance == old] = new
    regions = tuple(replace(item, id=number_of[item.id]) for item in volume.instances if item.id in number_of)
    regions = tuple(sorted(regions, key=lambda item: -item.id))
    return LabelVolume(
        ijk=volume.ijk,
        instance=instance,
        origin=volume.origin,
        voxel_m=volume.voxel_m,
        instances=tuple(item for item in volume.instances if item.id not in number_of),
        ignored=(*volume.ignored, *regions),
        next_id=volume.first_free_id(),
        names=volume.names,
    )


def drawn_ids(volume: LabelVolume, human_map: VoxelMap | None) -> set[int]:
    """Ids of the objects of which a human drew a voxel or more: these need nobody else's word."""
    if human_map is None or not volume.instances:
        return set()
    cloud = human_map.voxels()
    score = cloud.mean_score()
    place = lookup(voxel_keys(cloud.ijk), voxel_keys(volume.ijk))
    out = set()
    for item in volume.instances:
        rows = place[(volume.instance == item.id) & (place >= 0)]
        drawn: BoolArray = score[rows, item.category] >= 0.5
        if drawn.any():
            out.add(item.id)
    return out
