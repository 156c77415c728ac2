# SPDX-License-Identifier: Apache-2.0
"""Things of a category that a map believes in: the candidates of the rule "objects", judged by expected overlap.

One view is no belief: a candidate is connected voxels whose views mean the category, and what is expected of it grows
with the share of the views that voted for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.objects.candidates import Candidate, find_candidates
from seal_mapping.labels.objects.choose import pick
from seal_mapping.labels.objects.features import describe
from seal_mapping.labels.objects.model import ObjectModel, shipped_model
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.voxels.voxel_set import voxel_keys
from seal_perception.types import BoolArray, FloatArray, Int32Array, IntArray
from seal_policy.planning.motion import Point

VOTES_SHARE = 75
"""Percentile of the votes over a thing's voxels: its blurred rim has few."""


@dataclass(frozen=True)
class Belief:
    """A thing that the map takes for one of the category.

    Attributes:
        overlap: expected with a thing of the category, 0..1.
        votes: frames that voted for it (`VOTES_SHARE` of its voxels).
        ijk: (M, 3) int32 its voxels.
        xyz: (M, 3) float64 their centres in metres, map frame.
    """

    overlap: float
    votes: float
    ijk: Int32Array
    xyz: FloatArray

    @cached_property
    def centre(self) -> Point:
        """Mean of its voxels from above."""
        x, y = self.xyz[:, :2].mean(axis=0).tolist()
        return x, y

    @cached_property
    def keys(self) -> IntArray:
        """(M,) keys of its voxels."""
        return voxel_keys(self.ijk)

    def distance_m(self, xy: Point) -> float:
        """Horizontal distance from a point to the nearest voxel's centre."""
        return float(np.hypot(*(self.xyz[:, :2] - np.array(xy)).T).min())

    def is_same(self, other: Belief, same_m: float) -> bool:
        """Whether another belief is of the same thing: common voxels, or centres no farther apart than `same_m`."""
        return math.dist(self.centre, other.centre) <= same_m or bool(np.isin(self.keys, other.keys).any())


def believe(
    voxel_map: VoxelMap, category: int, config: LabelConfig, least: float, model: ObjectModel | None = None
) -> list[Belief]:
    """What the map holds for things of a category, best first.

    Args:
        voxel_map: the map.
        category: index of the category in the map's list.
        config: which candidates there are.
        least: smallest expected overlap.
        model: gives the expected overlaps; None = the shipped one.
    """
    cloud, voxel_m, names = voxel_map.voxels(), voxel_map.config.voxel_m, voxel_map.config.names
    candidates = _rivals(find_candidates(cloud, config, voxel_m), category, len(cloud))
    if not candidates:
        return []
    features = describe(cloud, candidates, voxel_m)
    overlaps = (model or shipped_model()).overlap(features, [names.name(one.category) for one in candidates])
    picked = pick(candidates, overlaps, least, len(cloud))
    return [
        _belief(cloud, candidates[index], float(overlaps[index]), rows)
        for index, rows in picked
        if candidates[index].category == category
    ]


def _rivals(candidates: list[Candidate], category: int, count: int) -> list[Candidate]:
    """The candidates of a category, and those of others that share a voxel with one of them, in their order."""
    ours: BoolArray = np.zeros(count, np.bool_)
    for one in candidates:
        if one.category == category:
            ours[one.rows] = True
    return [one for one in candidates if one.category == category or ours[one.rows].any()] if ours.any() else []


def _belief(cloud: VoxelCloud, one: Candidate, overlap: float, rows: IntArray) -> Belief:
    votes = float(np.percentile(cloud.votes[rows, one.category], VOTES_SHARE))
    return Belief(overlap, votes, cloud.ijk[rows], cloud.xyz[rows].astype(np.float64))
