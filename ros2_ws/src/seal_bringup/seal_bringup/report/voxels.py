# SPDX-License-Identifier: Apache-2.0
"""A semantic voxel map made ready to be drawn: cells from zero, one label each, neighbours and shade."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter

from seal_perception.categories import NO_CATEGORY, SIX, CategorySet
from seal_perception.types import BoolArray, Float32Array, FloatArray, Int8Array, IntArray, UInt8Array

PAD = 2
"""Empty cells around the map in `Voxels.occupancy`."""


@dataclass(frozen=True)
class Voxels:
    """Voxels to be drawn.

    Attributes:
        cell: (N, 3) int64, x, y, z from 0.
        rgb: (N, 3) uint8, the colour seen.
        label: (N,) int8 category index, -1 none.
        score: (N,) uint8 of 255.
        origin_m: (3,) metres, the low corner of cell (0, 0, 0) in the map frame.
        voxel_m: edge in metres.
        names: the list that labels are indices of.
    """

    cell: IntArray
    rgb: UInt8Array
    label: Int8Array
    score: UInt8Array
    origin_m: FloatArray
    voxel_m: float
    names: CategorySet = SIX

    @classmethod
    def from_cloud(cls, cloud: Any, voxel_m: float, names: CategorySet = SIX) -> Voxels:
        """Take over a `seal_mapping` VoxelCloud, labels of any score; see `confident`.

        Args:
            cloud: has ijk (N, 3), xyz (N, 3) centres in metres, rgb, label, score.
            voxel_m: edge of a voxel in metres.
            names: the map's list of categories.
        """
        ijk = np.asarray(cloud.ijk, dtype=np.int64).reshape(-1, 3)
        xyz = np.asarray(cloud.xyz, dtype=np.float64).reshape(-1, 3)
        order = np.lexsort((ijk[:, 2], ijk[:, 1], ijk[:, 0]))
        low = ijk.min(axis=0) if len(ijk) else np.zeros(3, dtype=np.int64)
        origin = np.round(xyz[0] - (ijk[0] - low + 0.5) * voxel_m, 6) if len(ijk) else np.zeros(3)
        score = np.asarray(cloud.score, dtype=np.uint8)[order]
        label = np.asarray(cloud.label, dtype=np.int8)[order]
        rgb = np.asarray(cloud.rgb, dtype=np.uint8).reshape(-1, 3)[order]
        return cls((ijk - low)[order], rgb, label, score, origin, float(voxel_m), names)

    def __len__(self) -> int:
        """Number of voxels."""
        return len(self.cell)

    @property
    def centre_z_m(self) -> FloatArray:
        """(N,) heights of the centres in metres."""
        return self.origin_m[2] + (self.cell[:, 2] + 0.5) * self.voxel_m

    def keep(self, mask: BoolArray) -> Voxels:
        """The voxels where `mask` (N,) holds."""
        return replace(self, cell=self.cell[mask], rgb=self.rgb[mask], label=self.label[mask], score=self.score[mask])

    def confident(self, threshold: int) -> Voxels:
        """The same voxels, labels with a score below `threshold` made none."""
        label = np.where(self.score >= threshold, self.label, NO_CATEGORY).astype(np.int8)
        return replace(self, label=label)

    def cut(self, height_m: float) -> Voxels:
        """Without the unlabelled voxels above `height_m`: walls lowered, ceiling off, objects whole."""
        return self.keep((self.centre_z_m <= height_m) | (self.label >= 0))

    def occupancy(self) -> BoolArray:
        """(X, Y, Z) bool with `PAD` empty cells on each side."""
        shape = (self.cell.max(axis=0) + 1 if len(self) else np.ones(3, dtype=np.int64)) + 2 * PAD
        grid = np.zeros(tuple(int(n) for n in shape), dtype=bool)
        grid[tuple((self.cell + PAD).T)] = True
        return grid


def openness(occupancy: BoolArray, radius: int = 4) -> Float32Array:
    """(X, Y, Z) float32 in [0, 1]: how empty the surroundings of each cell are, 1 in the open.

    An occluder under the cell counts as well, so a lone flat floor has about 0.9: callers scale it.
    """
    return 1.0 - uniform_filter(occupancy.astype(np.float32), size=2 * radius + 1, mode="nearest")


def without_enclosed(voxels: Voxels) -> Voxels:
    """Without the voxels whose six neighbours are all occupied: nobody can see them."""
    grid = voxels.occupancy()
    at = voxels.cell + PAD
    inside = np.ones(len(voxels), dtype=bool)
    for axis in range(3):
        for step in (-1, 1):
            beside = at.copy()
            beside[:, axis] += step
            inside &= grid[tuple(beside.T)]
    return voxels.keep(~inside)


def limited(voxels: Voxels, limit: int) -> Voxels:
    """At most `limit` voxels: hidden ones go first, then unlabelled ones from the ceiling down."""
    if len(voxels) <= limit:
        return voxels
    voxels = without_enclosed(voxels)
    excess = len(voxels) - limit
    if excess <= 0:
        return voxels
    rank = np.where(voxels.label >= 0, -1, voxels.cell[:, 2])
    keep = np.ones(len(voxels), dtype=bool)
    keep[np.argsort(-rank, kind="stable")[:excess]] = False
    return voxels.keep(keep)
