# SPDX-License-Identifier: Apache-2.0
"""The best candidates that do not overlap: each chosen one is an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.objects.candidates import Candidate, find_candidates
from seal_mapping.labels.objects.features import describe
from seal_mapping.labels.objects.model import ObjectModel, shipped_model
from seal_mapping.voxels.config import VoxelCloud
from seal_perception.categories import CategorySet
from seal_perception.types import Float32Array, FloatArray, IntArray, UInt8Array

MOST_LOST = 0.2
"""Share of its voxels that a candidate may have lost to better ones and still be an object."""


@dataclass(frozen=True)
class Chosen:
    """What the rule "objects" gives.

    Attributes:
        labels: (N,) uint8 category + 1 of each voxel, 0 = none.
        number: (N,) int64 object of each voxel, from 1, by category and first voxel; 0 = none. Objects of one category
            may touch.
        overlap: (N, C) float32 expected overlap of the best candidate of each category that holds the voxel, chosen or
            not.
    """

    labels: UInt8Array
    number: IntArray
    overlap: Float32Array


def choose_objects(
    cloud: VoxelCloud, config: LabelConfig, names: CategorySet, voxel_m: float, model: ObjectModel | None = None
) -> Chosen:
    """The objects of a map by the rule "objects".

    Args:
        cloud: the map's voxels.
        config: `least_overlap`, `min_height_m`.
        names: the map's categories.
        voxel_m: edge of a voxel.
        model: gives the expected overlaps; None = the shipped one.
    """
    candidates, overlaps = expected(cloud, config, names, voxel_m, model)
    picked = pick(candidates, overlaps, config.least_overlap, len(cloud))
    best = np.zeros((len(cloud), cloud.score_sum.shape[1]), np.float32)
    for one, overlap in zip(candidates, overlaps, strict=True):
        column = best[:, one.category]
        column[one.rows] = np.maximum(column[one.rows], np.float32(overlap))
    labels = np.zeros(len(cloud), np.uint8)
    number = np.zeros(len(cloud), np.int64)
    kept = sorted(picked, key=lambda pair: (candidates[pair[0]].category, int(pair[1][0])))
    for place, (index, rows) in enumerate(kept, start=1):
        labels[rows] = candidates[index].category + 1
        number[rows] = place
    return Chosen(labels, number, best)


def expected(
    cloud: VoxelCloud, config: LabelConfig, names: CategorySet, voxel_m: float, model: ObjectModel | None = None
) -> tuple[list[Candidate], FloatArray]:
    """What may be an object in a map, and (M,) the expected overlap of each; arguments as `choose_objects`."""
    candidates = find_candidates(cloud, config, voxel_m)
    features = describe(cloud, candidates, voxel_m)
    overlaps = (model or shipped_model()).overlap(features, [names.name(one.category) for one in candidates])
    return candidates, overlaps


def pick(candidates: Sequence[Candidate], overlaps: FloatArray, least: float, count: int) -> list[tuple[int, IntArray]]:
    """Indices of the chosen candidates and the rows that are theirs, best first.

    A candidate gives up the voxels of better ones. If that is more than `MOST_LOST` of it, it is no object.

    Args:
        candidates: of one map.
        overlaps: (M,) expected of each.
        least: smallest of an object.
        count: rows of the map.
    """
    free = np.ones(count, np.bool_)
    out = []
    for index in np.argsort(-overlaps, kind="stable"):
        if overlaps[index] < least:
            break
        rows = candidates[index].rows
        own = rows[free[rows]]
        if len(own) >= (1.0 - MOST_LOST) * len(rows):
            free[own] = False
            out.append((int(index), own))
    return out
