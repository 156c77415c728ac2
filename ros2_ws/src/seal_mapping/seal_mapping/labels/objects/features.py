# SPDX-License-Identifier: Apache-2.0
"""What tells a thing from a mistake that many views share: evidence, its contrast with what lies around, shape.

All of it is worked out from the map alone; nothing here knows a true label.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np

from seal_mapping.labels.objects.candidates import Candidate
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_set import VoxelSet
from seal_perception.types import BoolArray, FloatArray, Int32Array, IntArray

EVIDENCE = (
    "logit of the mean score",
    "logit of the mean score, up to 0.3",
    "share of votes",
    "mean best score",
    "contrast with the ring",
    "lead over other categories",
)
"""Features that grow with what the views say: none of them makes a candidate worse (`model`)."""
FEATURES = (
    *EVIDENCE,
    "log of the views",
    "log of the volume",
    "square of the log of the volume",
    "longer side",
    "square of the longer side",
    "shorter side",
    "square of the shorter side",
    "top",
    "square of the top",
    "bottom",
    "square of the bottom",
    "fill",
)
"""Of a candidate, in the order of `describe`'s columns; lengths in metres, the volume in cubic metres."""
_EDGE = 1e-3
_WEAK = 0.3
_RING = 2
"""Voxels of the ring around a candidate, in steps of 26-neighbours."""
_AROUND = [offset for offset in itertools.product((-1, 0, 1), repeat=3) if any(offset)]


def describe(cloud: VoxelCloud, candidates: Sequence[Candidate], voxel_m: float) -> FloatArray:
    """(M, len(FEATURES)) features of candidates of a map.

    Args:
        cloud: the map's voxels.
        candidates: of `find_candidates` of this cloud.
        voxel_m: edge of a voxel.
    """
    rings, weight = _Rings(cloud, candidates), 255.0 * cloud.weight.astype(np.float64)
    rows = [_describe(cloud, rings, weight, one, voxel_m) for one in candidates]
    return np.array(rows, np.float64).reshape(-1, len(FEATURES))


def _describe(
    cloud: VoxelCloud, rings: _Rings, weight: FloatArray, one: Candidate, voxel_m: float
) -> tuple[float, ...]:
    rows, c = one.rows, one.category
    means = cloud.score_sum[rows].sum(axis=0) / max(float(weight[rows].sum()), 1.0)
    own, ring = _logit(means[c]), rings.of(rows)
    around = float(cloud.score_sum[ring, c].sum()) / max(float(weight[ring].sum()), 1.0)
    others = float(np.delete(means, c).max(initial=0.0))
    votes = float(cloud.votes[rows, c].sum()) / max(float(cloud.views[rows].sum()), 1.0)
    best = float(cloud.best_score[rows, c].mean()) / 255.0
    evidence = (own, min(own, _logit(_WEAK)), votes, best, own - _logit(around), own - _logit(others))
    views = float(np.log(max(float(np.median(cloud.views[rows])), 1.0)))
    volume = float(np.log(len(rows) * voxel_m**3))
    longer, shorter, top, bottom, fill = _shape(cloud.ijk[rows], voxel_m)
    squares = (longer, longer**2, shorter, shorter**2, top, top**2, bottom, bottom**2)
    return (*evidence, views, volume, volume**2, *squares, fill)


def _shape(ijk: Int32Array, voxel_m: float) -> tuple[float, float, float, float, float]:
    """Sides of the smallest rectangle around the footprint, top and bottom above the floor, share of its box filled."""
    corners = np.unique(ijk[:, :2], axis=0)[:, None, :] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    _, sides, _ = cv2.minAreaRect(corners.reshape(-1, 2).astype(np.float32))
    shorter, longer = sorted(float(side) for side in sides)
    low, high = float(ijk[:, 2].min()), float(ijk[:, 2].max())
    fill = len(ijk) / max(shorter * longer * (high - low + 1.0), 1.0)
    return voxel_m * longer, voxel_m * shorter, voxel_m * (high + 0.5), voxel_m * (low - 0.5), min(fill, 1.0)


class _Rings:
    """The seen voxels around candidates; neighbours are looked up once, for the voxels that any candidate needs."""

    def __init__(self, cloud: VoxelCloud, candidates: Sequence[Candidate]) -> None:
        voxels = VoxelSet(cloud.ijk)
        self._place = np.full(len(cloud), -1, np.int64)
        self._marked: BoolArray = np.zeros(len(cloud), np.bool_)
        tables: list[Int32Array] = []
        needed = np.unique(np.concatenate([np.zeros(0, np.int64), *(one.rows for one in candidates)]))
        for _ in range(_RING):
            self._place[needed] = sum(map(len, tables)) + np.arange(len(needed))
            near = [voxels.rows(cloud.ijk[needed] + np.array(offset)) for offset in _AROUND]
            tables.append(np.stack(near, axis=1).astype(np.int32))
            found = np.unique(tables[-1])
            needed = found[(found >= 0) & (self._place[found] < 0)].astype(np.int64)
        self._table = np.concatenate(tables)

    def of(self, rows: IntArray) -> IntArray:
        """Rows of the seen voxels within `_RING` steps of a candidate, without itself, in no order to rely on."""
        self._marked[rows] = True
        edge, ring = rows, [rows[:0]]
        for _ in range(_RING):
            near = self._table[self._place[edge]].ravel()
            edge = np.unique(near[(near >= 0) & ~self._marked[near]]).astype(np.int64)
            self._marked[edge] = True
            ring.append(edge)
        out: IntArray = np.concatenate(ring)
        self._marked[rows] = self._marked[out] = False
        return out


def _logit(share: float) -> float:
    p = min(max(float(share), _EDGE), 1.0 - _EDGE)
    return float(np.log(p / (1.0 - p)))
