# SPDX-License-Identifier: Apache-2.0
"""Furniture stands on the floor: a part found in the air takes what is between it and the floor.

Detectors find seats, backs and mattresses; the masks of legs, pots and frames are thin and missed, and what the
views agree on ends above them. Labels of such parts taught boxes that end too early. What legs gain: docs/labels.md.
"""

from __future__ import annotations

import cv2
import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.parts import Parts
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_set import lookup, voxel_keys
from seal_perception.categories import CategorySet
from seal_perception.types import BoolArray, IntArray, UInt8Array

STANDS_M: dict[str, float] = {"chair": 0.6, "couch": 0.6, "bed": 0.6, "toilet": 0.6, "potted plant": 0.3}
"""Categories that stand on the floor, and how far above it, in metres, the part that views agree on may end at most: a
plant that ends higher stands on furniture. Common knowledge; chosen on training homes among 0.3 and 0.6."""
_LOW_SHARE = 0.3
"""Where a part has no voxel in a column, its lowest voxels up to this quantile say how high "below it" is."""
_NO_VOXEL = np.iinfo(np.int64).max
_AROUND = 1
"""Cells by which legs may stand outside the hull of the footprint."""


def stand_on_floor(
    parts: Parts,
    cloud: VoxelCloud,
    config: LabelConfig,
    names: CategorySet,
    voxel_m: float,
    decided: BoolArray | None = None,
) -> Parts:
    """Give the parts of standing categories (`STANDS_M`) the occupied voxels between them and the floor.

    Those are voxels within the convex hull of the part's footprint and one cell around it, below the part, from
    `LabelConfig.stand_from_m` on, that are nobody's yet. Where the hulls of two parts overlap the first one takes them.

    Args:
        parts: of the cloud.
        cloud: the map's voxels.
        config: `stand_from_m`, `min_views`.
        names: the map's categories.
        voxel_m: edge of a voxel.
        decided: (N,) voxels that stay as they are: a human drew there, or drew nothing.
    """
    free = cloud.occupied(config.min_views) & (cloud.xyz[:, 2] >= config.stand_from_m - 1e-6)
    if decided is not None:
        free &= ~decided
    rows = np.flatnonzero(free)
    rows = rows[lookup(np.sort(voxel_keys(parts.ijk)), voxel_keys(cloud.ijk[rows])) < 0]
    ijk, row, number = [parts.ijk], [parts.row], [parts.number]
    for part, inside in enumerate(parts.each(), start=1):
        gap_m = STANDS_M.get(names.name(int(parts.category[part]) - 1))
        body = parts.ijk[inside]
        if gap_m is None or body[:, 2].min() * voxel_m > gap_m + 1e-6:
            continue
        below = _below(body, cloud.ijk[rows].astype(np.int64))
        ijk.append(cloud.ijk[rows[below]].astype(np.int64))
        row.append(rows[below])
        number.append(np.full(int(below.sum()), part, np.int64))
        rows = rows[~below]
    return Parts(np.concatenate(ijk), np.concatenate(row), np.concatenate(number), parts.category)


def _below(body: IntArray, others: IntArray) -> BoolArray:
    """(M,) which of the voxels `others` (M, 3) lie under the hull of `body` (K, 3) and lower than it."""
    low = body[:, :2].min(axis=0) - _AROUND
    size = body[:, :2].max(axis=0) - low + _AROUND + 1
    cells = body[:, :2] - low
    inside: UInt8Array = np.zeros(size, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(cells[:, ::-1].astype(np.int32)), 1)
    inside = cv2.dilate(inside, np.ones((2 * _AROUND + 1,) * 2, np.uint8))
    lowest: IntArray = np.full(size, int(np.quantile(body[:, 2], _LOW_SHARE, method="lower")), np.int64)
    own: IntArray = np.full(size, _NO_VOXEL, np.int64)
    np.minimum.at(own, tuple(cells.T), body[:, 2])
    lowest = np.where(own < _NO_VOXEL, own, lowest)
    place = others[:, :2] - low
    out: BoolArray = ((place >= 0) & (place < size)).all(axis=1)
    at = tuple(place[out].T)
    out[out] = (inside[at] > 0) & (others[out, 2] < lowest[at])
    return out
