# SPDX-License-Identifier: Apache-2.0
"""Labelled voxels, grouped into parts: each becomes an instance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seal_mapping.labels.fusion import NO_LABEL
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_set import connected_components
from seal_perception.types import BoolArray, FloatArray, IntArray, UInt8Array


@dataclass(frozen=True)
class Parts:
    """Labelled voxels, grouped.

    Attributes:
        ijk: (M, 3) int64 voxel indices, none twice.
        row: (M,) int64 row in the map's cloud, -1 for a filled voxel that no camera saw.
        number: (M,) int64 part, from 1.
        category: (parts + 1,) int64 category + 1 of each; entry 0 is 0.
    """

    ijk: IntArray
    row: IntArray
    number: IntArray
    category: IntArray

    @classmethod
    def connected(cls, cloud: VoxelCloud, labels: UInt8Array) -> Parts:
        """The 26-connected parts of equal labels (N,)."""
        part, count = connected_components(cloud.ijk, labels)
        rows = np.flatnonzero(part).astype(np.int64)
        category = np.zeros(count + 1, np.int64)
        category[part] = labels
        category[0] = NO_LABEL
        return cls(cloud.ijk[rows].astype(np.int64), rows, part[rows].astype(np.int64), category)

    def each(self) -> list[IntArray]:
        """Per part from 1 on: its rows in these arrays."""
        order = np.argsort(self.number, kind="stable")
        ends = np.cumsum(np.bincount(self.number, minlength=len(self.category)))
        return [np.asarray(chunk, np.int64) for chunk in np.split(order, ends[:-1])[1:]]

    def share(self, marked: BoolArray) -> FloatArray:
        """(parts + 1,) share of each part's voxels whose row of the cloud is `marked` (N,)."""
        hit = np.zeros(len(self.row), np.float64)
        hit[self.row >= 0] = marked[self.row[self.row >= 0]]
        size = np.bincount(self.number, minlength=len(self.category))
        share: FloatArray = np.bincount(self.number, hit, len(self.category)) / np.maximum(size, 1)
        return share

    def keep(self, kept: BoolArray) -> Parts:
        """Only the parts marked in `kept` (entry 0 is ignored), numbered 1, 2, ... in their old order."""
        kept = kept.copy()
        kept[0] = False
        number = np.zeros(len(kept), np.int64)
        number[kept] = np.arange(1, kept.sum() + 1)
        inside = kept[self.number]
        category = np.concatenate([[0], self.category[kept]])
        return Parts(self.ijk[inside], self.row[inside], number[self.number[inside]], category)
