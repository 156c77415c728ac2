# SPDX-License-Identifier: Apache-2.0
"""The objects of a labelled volume with the boxes around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seal_mapping.labels.volume import Instance, LabelVolume
from seal_perception.types import FloatArray, Int32Array


@dataclass(frozen=True)
class ObjectBox:
    """An object and the box around its voxels along the map's axes.

    Attributes:
        item: its row in the table of objects.
        low_xyz: (3,) float64 lowest corner in metres, map frame.
        high_xyz: (3,) float64 highest corner.
        ijk: (N, 3) int32 its voxels.
    """

    item: Instance
    low_xyz: FloatArray
    high_xyz: FloatArray
    ijk: Int32Array


def object_boxes(volume: LabelVolume) -> list[ObjectBox]:
    """The objects of a labelled volume with their boxes, by id."""
    rows = np.flatnonzero(volume.instance > 0)
    rows = rows[np.argsort(volume.instance[rows], kind="stable")]
    starts = np.searchsorted(volume.instance[rows], [item.id for item in volume.instances])
    ends = np.searchsorted(volume.instance[rows], [item.id for item in volume.instances], side="right")
    out = []
    for item, start, end in zip(volume.instances, starts, ends, strict=True):
        ijk = volume.ijk[rows[start:end]]
        low, high = ijk.min(axis=0).astype(np.float64), ijk.max(axis=0) + 1.0
        out.append(ObjectBox(item, volume.origin + low * volume.voxel_m, volume.origin + high * volume.voxel_m, ijk))
    return out
