# SPDX-License-Identifier: Apache-2.0
"""What a human drew on a few frames, carried into the map (SEAL, section 5.2).

SEAL fuses annotated frames at score 1 in place of the detector's. Three departures: where an annotated frame saw a
voxel, the human decides against the other views too; depth that the sensor lacks inside an outline is filled in; a
human's label grows a little into what no annotated frame saw. Measured on `hololens_room`: docs/weak_supervision.md.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import ndimage

from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.fusion import NO_LABEL
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.voxels.voxel_set import VoxelSet
from seal_perception.types import BoolArray, Float32Array, UInt8Array

_LEAST_READINGS = 15
"""Fewer readings inside an outline tell nothing about the object's distance."""
_DEEP_M = 0.6
"""Readings farther than this from the object's near side belong to what is behind it."""
_ABOVE_FLOOR_M = 0.1


def complete_depth(depth: Float32Array, masks: BoolArray) -> Float32Array:
    """Depth in which every pixel of an outline has a reading, as far as the outline has any of the object.

    Black seats and shiny tubes return nothing, and between them the sensor sees what is behind. Inside each connected
    part of an outline, readings within 0.6 m of its near side (the 20 % figure) are taken for the object's; every other
    pixel takes the nearest of those. A part with fewer than 15 readings goes by those of the whole outline, or stays.

    Args:
        depth: (H, W) metres; 0, NaN or infinite = no reading.
        masks: (N, H, W) outlines.

    Returns:
        (H, W) float32.
    """
    out = depth.copy()
    read = np.isfinite(depth) & (depth > 0)
    for mask in masks:
        parts, count = ndimage.label(mask)
        for number in range(1, count + 1):
            part = parts == number
            some = read & part
            if np.count_nonzero(some) < _LEAST_READINGS:
                some = read & mask
            if np.count_nonzero(some) < _LEAST_READINGS:
                continue
            own = np.zeros(depth.shape, np.bool_)
            own[some] = np.abs(depth[some] - np.percentile(depth[some], 20)) < _DEEP_M
            nearest = ndimage.distance_transform_edt(~own, return_distances=False, return_indices=True)
            fill = part & ~own
            out[fill] = depth[tuple(nearest[:, fill])]
    return out


def apply_annotations(
    human_map: VoxelMap | None, cloud: VoxelCloud, labels: UInt8Array, score: Float32Array, config: LabelConfig
) -> BoolArray:
    """Give the voxels that an annotated frame saw the label most of those frames gave, or none; in place.

    Args:
        human_map: map of the annotated frames alone; None = there are none, and nothing changes.
        cloud: the map's voxels.
        labels: (N,) category + 1 of the rule; changed.
        score: (N, C) of the rule; changed to 1 where a human labelled.
        config: `grow_annotated` and `min_views`.

    Returns:
        (N,) voxels that a human labelled, and what grew from them.
    """
    if human_map is None:
        return np.zeros(len(cloud), np.bool_)
    known, annotated = human_map.at(cloud.ijk)
    mean = annotated.mean_score()
    found = np.where(mean.max(axis=1) >= 0.5, mean.argmax(axis=1) + 1, NO_LABEL).astype(np.uint8)
    labels[known] = found
    human_labels: UInt8Array = np.zeros(len(cloud), np.uint8)
    human_labels[known] = found
    grown = _grow(human_labels, cloud, ~known & cloud.occupied(config.min_views), config.grow_annotated)
    marked = grown > 0
    labels[marked] = grown[marked]
    score[marked, grown[marked] - 1] = 1.0
    return np.asarray(marked)


def _grow(labels: UInt8Array, cloud: VoxelCloud, free: BoolArray, steps: int) -> UInt8Array:
    """`labels` (N,) spread over this many steps to 26-neighbours that are `free` (N,) and above the floor."""
    voxels, free = VoxelSet(cloud.ijk), free & (cloud.xyz[:, 2] > _ABOVE_FLOOR_M)
    for _ in range(steps):
        before = labels.copy()
        for offset in itertools.product((-1, 0, 1), repeat=3):
            other = voxels.neighbours(offset)
            source = np.where(other >= 0, before[np.maximum(other, 0)], NO_LABEL)
            labels = np.where(free & (labels == NO_LABEL), source, labels).astype(np.uint8)
    return labels
