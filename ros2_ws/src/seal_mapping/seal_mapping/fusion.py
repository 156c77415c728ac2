# SPDX-License-Identifier: Apache-2.0
"""From a voxel's scores over many views to a category: the rules of fusion.

Source: SEAL's 3DLabelProp ("paper"). The other two rules are this project's: a score of 0.9 that is not right nine
times in ten, fused by maximum over many views, keeps every view's worst mistake; the map has the views to tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seal_mapping.label_config import LabelConfig
from seal_mapping.map_config import VoxelCloud

NO_LABEL = 0
"""In a dense label array: no category; category c is c + 1."""


@dataclass(frozen=True)
class DenseMap:
    """The map's voxels as dense arrays over their bounding box.

    Attributes:
        low: (3,) int64 voxel index of [0, 0, 0].
        index: (X, Y, Z) int32 row of the cloud, -1 where nothing was seen.
        cloud: the voxels.
    """

    low: npt.NDArray[np.int64]
    index: npt.NDArray[np.int32]
    cloud: VoxelCloud

    @classmethod
    def of(cls, cloud: VoxelCloud) -> DenseMap:
        """Lay a cloud out; an empty cloud gives one unseen voxel."""
        if len(cloud) == 0:
            return cls(np.zeros(3, np.int64), np.full((1, 1, 1), -1, np.int32), cloud)
        low = cloud.ijk.min(axis=0).astype(np.int64)
        shape = tuple(cloud.ijk.max(axis=0) - low + 1)
        index = np.full(shape, -1, np.int32)
        index[tuple((cloud.ijk - low).T)] = np.arange(len(cloud), dtype=np.int32)
        return cls(low, index, cloud)

    def spread(self, values: npt.NDArray[Any], empty: int | float) -> npt.NDArray[Any]:
        """(X, Y, Z) array of the per-voxel `values` (N,), `empty` where nothing was seen."""
        out: npt.NDArray[Any] = np.full(self.index.shape, empty, values.dtype)
        out[tuple((self.cloud.ijk - self.low).T)] = values
        return out


def voxel_evidence(dense: DenseMap, config: LabelConfig) -> npt.NDArray[np.float32]:
    """(N, C) mean score 0..1 over the frames that saw each voxel.

    With `smooth_voxels`, sums and views are pooled over the cube around a voxel before they are divided, so that a
    voxel seen often weighs more.
    """
    cloud = dense.cloud
    total, views = cloud.evidence.astype(np.float64), cloud.views.astype(np.float64)
    if config.smooth_voxels and len(cloud):
        views = _pool(dense, views, config.smooth_voxels)
        total = np.stack([_pool(dense, column, config.smooth_voxels) for column in total.T], axis=1)
    mean = total / (255.0 * np.maximum(views, 1e-9))[:, None]
    return mean.astype(np.float32)


def _pool(dense: DenseMap, values: npt.NDArray[np.float64], radius: int) -> npt.NDArray[np.float64]:
    volume = dense.spread(values, 0.0)
    pooled = ndimage.uniform_filter(volume, 2 * radius + 1, mode="constant", output=np.float64)
    out: npt.NDArray[np.float64] = pooled[tuple((dense.cloud.ijk - dense.low).T)]
    return np.maximum(out, 0.0)


def components(labels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int32], int]:
    """26-connected components of equal non-zero labels, numbered by label, then by first voxel in C order.

    Returns:
        (X, Y, Z) int32 numbers from 1, 0 = none; how many there are.
    """
    parts = cc3d.connected_components(np.ascontiguousarray(labels), connectivity=26).astype(np.int64)
    numbers, first = np.unique(parts, return_index=True)
    first = first[numbers > 0]
    order = np.lexsort((first, labels.reshape(-1)[first]))
    renumber = np.zeros(int(parts.max()) + 1, np.int32)
    renumber[parts.reshape(-1)[first[order]]] = np.arange(1, len(first) + 1)
    return renumber[parts], len(first)


def fuse_labels(
    dense: DenseMap, evidence: npt.NDArray[np.float32], config: LabelConfig
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Category of every voxel under the configured rule, before instances are filled and dropped.

    Args:
        dense: the map.
        evidence: (N, C) of `voxel_evidence`.
        config: the rule and its thresholds.

    Returns:
        (X, Y, Z) uint8 category + 1, 0 = none; (N, C) score by which the rule went, 0..1.
    """
    cloud = dense.cloud
    high = cloud.xyz[:, 2] >= config.min_height_m if config.min_height_m > 0 else np.ones(len(cloud), bool)
    if config.rule == "paper":
        score = cloud.best.astype(np.float32) / 255.0
        label = np.where(high & (cloud.score >= config.confident), cloud.label + 1, NO_LABEL)
        return dense.spread(label.astype(np.uint8), NO_LABEL), score
    vote = config.rule == "instance_vote"
    bar, views = (config.vote_low, config.vote_min_views) if vote else (config.agreement, config.agreement_min_views)
    above = high & (evidence.max(axis=1) >= bar) & (cloud.views >= views)
    label = np.where(above, evidence.argmax(axis=1) + 1, NO_LABEL).astype(np.uint8)
    volume = dense.spread(label, NO_LABEL)
    if vote:
        volume = _vote(dense, volume, config)
    return volume, evidence


def _vote(dense: DenseMap, candidates: npt.NDArray[np.uint8], config: LabelConfig) -> npt.NDArray[np.uint8]:
    """Give each component of candidate voxels the category with the most evidence, or none if views disagree."""
    joined = (candidates > 0).astype(np.uint8) if config.vote_merge else candidates.astype(np.uint8)
    part, count = components(joined)
    rows = dense.index[part > 0]
    of_row = part[part > 0]
    num_categories = dense.cloud.evidence.shape[1]
    total = np.stack(
        [np.bincount(of_row, dense.cloud.evidence[rows, c], count + 1) for c in range(num_categories)], axis=1
    )
    views = np.bincount(of_row, dense.cloud.views[rows], count + 1)
    size = np.bincount(of_row, minlength=count + 1)
    confident = np.bincount(of_row, dense.cloud.score[rows] >= config.confident, count + 1)
    agreement = total.max(axis=1) / (255.0 * np.maximum(views, 1))
    kept = (agreement >= config.agreement) & (views >= config.agreement_min_views * size) & (size > 0)
    kept &= confident >= config.vote_confident_share * size
    category = np.where(kept, total.argmax(axis=1) + 1, NO_LABEL).astype(np.uint8)
    category[0] = NO_LABEL
    return category[part]
