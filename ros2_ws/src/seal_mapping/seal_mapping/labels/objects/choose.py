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
"""Share of its voxels that a candidate may have lost to better ones of other categories and still be an object."""


@dataclass(frozen=True)
class Judged:
    """What may be an object in a map.

    Attributes:
        cloud: the map's voxels.
        candidates: M of them.
        overlaps: (M,) expected overlap of each with a thing of its category, 0..1.
    """

    cloud: VoxelCloud
    candidates: list[Candidate]
    overlaps: FloatArray


def judge_candidates(
    cloud: VoxelCloud, config: LabelConfig, names: CategorySet, voxel_m: float, model: ObjectModel | None = None
) -> Judged:
    """Find and judge the candidates of a map.

    Args:
        cloud: the map's voxels.
        config: `min_height_m`, `min_instance`.
        names: the map's categories.
        voxel_m: edge of a voxel.
        model: gives the expected overlaps; None = the shipped one.
    """
    candidates = find_candidates(cloud, config, voxel_m)
    features = describe(cloud, candidates, voxel_m)
    overlaps = (model or shipped_model()).overlap(features, [names.name(one.category) for one in candidates])
    return Judged(cloud, candidates, overlaps)


@dataclass(frozen=True)
class Chosen:
    """What the rule "objects" gives.

    Attributes:
        labels: (N,) uint8 category + 1 of each voxel, 0 = none.
        overlap: (N, C) float32 expected overlap of the best candidate of each category that holds the voxel, chosen or
            not.
    """

    labels: UInt8Array
    overlap: Float32Array


def choose_objects(judged: Judged, least: float) -> Chosen:
    """The objects of a map by the rule "objects".

    Args:
        judged: the map's candidates.
        least: smallest expected overlap of an object.
    """
    cloud = judged.cloud
    overlap = np.zeros((len(cloud), cloud.score_sum.shape[1]), np.float32)
    for one, expected in zip(judged.candidates, judged.overlaps, strict=True):
        column = overlap[:, one.category]
        column[one.rows] = np.maximum(column[one.rows], np.float32(expected))
    labels: UInt8Array = np.zeros(len(cloud), np.uint8)
    for index, rows in pick(judged.candidates, judged.overlaps, least, len(cloud)):
        labels[rows] = judged.candidates[index].category + 1
    return Chosen(labels, overlap)


def pick(candidates: Sequence[Candidate], overlaps: FloatArray, least: float, count: int) -> list[tuple[int, IntArray]]:
    """Indices of the chosen candidates and the rows that are theirs, best first.

    A candidate gives up the voxels of better ones. If that is more than `MOST_LOST` of it, or any of them is of its own
    category, it is no object: it would be another cut of the same thing.

    Args:
        candidates: of one map.
        overlaps: (M,) expected of each.
        least: smallest of an object.
        count: rows of the map.
    """
    owner = np.full(count, -1, np.int16)
    out = []
    for index in np.argsort(-overlaps, kind="stable"):
        if overlaps[index] < least:
            break
        rows, category = candidates[index].rows, candidates[index].category
        before = owner[rows]
        own = rows[before < 0]
        if len(own) >= (1.0 - MOST_LOST) * len(rows) and not (before == category).any():
            owner[own] = category
            out.append((int(index), own))
    return out
