# SPDX-License-Identifier: Apache-2.0
"""From a voxel's scores over many views to a category: the rules of fusion.

Source: SEAL's 3DLabelProp ("paper"). The other rules are this project's. A detector that says 0.9 is not right nine
times in ten, and the maximum over many views keeps the worst mistake of each; the other views can correct it.
Everything here works on the list of seen voxels, so memory follows what was seen and not the box around it.
"""

from __future__ import annotations

import itertools

import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_set import VoxelSet, connected_components
from seal_perception.types import Float32Array, FloatArray, UInt8Array

NO_LABEL = 0
"""In an array of labels: no category; category c is c + 1."""


def voxel_evidence(cloud: VoxelCloud, config: LabelConfig) -> Float32Array:
    """(N, C) evidence 0..1 of each voxel for each category, as `LabelConfig.evidence` says.

    With `smooth_voxels`, sums, counts and views are pooled over the cube around a voxel before they are divided, so
    that a voxel seen often weighs more.
    """
    return _ratio(*_sums(cloud, config), config).astype(np.float32)


def _sums(cloud: VoxelCloud, config: LabelConfig) -> tuple[FloatArray, FloatArray]:
    """What evidence is made of: (N, C) support of each category, and (N,) the total that it is out of."""
    if config.evidence == "score":
        support, total = cloud.score_sum / 255.0, cloud.weight.astype(np.float64)
    else:
        support, total = cloud.votes.astype(np.float64), cloud.views.astype(np.float64)
    if config.smooth_voxels and len(cloud):
        both = _pool(cloud, np.concatenate([support, total[:, None]], axis=1), config.smooth_voxels)
        support, total = both[:, :-1], both[:, -1]
    return support, total


def _ratio(support: FloatArray, total: FloatArray, config: LabelConfig) -> FloatArray:
    if config.evidence != "log_odds":
        return np.asarray(support / np.maximum(total, 1e-9)[:, None])
    odds = config.log_prior + support * config.log_hit + (total[:, None] - support) * config.log_miss
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0))))


def _pool(cloud: VoxelCloud, values: FloatArray, radius: int) -> FloatArray:
    """(N, ...) sums of `values` over the seen voxels of the cube of `radius` around each."""
    voxels, out = VoxelSet(cloud.ijk), np.zeros_like(values)
    for offset in itertools.product(range(-radius, radius + 1), repeat=3):
        other = voxels.neighbours(offset)
        there = other >= 0
        out[there] += values[other[there]]
    return out


def fuse_labels(cloud: VoxelCloud, config: LabelConfig) -> tuple[UInt8Array, Float32Array]:
    """Category of every voxel under the configured rule, before instances are filled and dropped.

    Args:
        cloud: the map's voxels.
        config: the rule and its thresholds.

    Returns:
        (N,) uint8 category + 1, 0 = none; (N, C) score by which the rule went, 0..1.
    """
    high = cloud.xyz[:, 2] >= config.min_height_m if config.min_height_m > 0 else np.ones(len(cloud), bool)
    if config.rule == "paper":
        score = cloud.best_score.astype(np.float32) / 255.0
        label = np.where(high & (cloud.score >= config.confident), cloud.label + 1, NO_LABEL)
        return label.astype(np.uint8), score
    evidence = voxel_evidence(cloud, config)
    vote = config.rule == "instance_vote"
    bar, views = (config.vote_low, config.vote_min_views) if vote else (config.agreement, config.agreement_min_views)
    above = high & (evidence.max(axis=1) >= bar) & (cloud.views >= views)
    label = np.where(above, evidence.argmax(axis=1) + 1, NO_LABEL).astype(np.uint8)
    return (_vote(cloud, label, config) if vote else label), evidence


def _vote(cloud: VoxelCloud, candidates: UInt8Array, config: LabelConfig) -> UInt8Array:
    """Give each component of candidate voxels the category with the most evidence, or none if views disagree."""
    joined = (candidates > 0).astype(np.uint8) if config.vote_merge else candidates
    part, count = connected_components(cloud.ijk, joined)
    inside = np.flatnonzero(part)
    of_row = part[inside]
    size = np.bincount(of_row, minlength=count + 1)
    of_voxel, total_of_voxel = _sums(cloud, config)
    support = np.stack([np.bincount(of_row, column[inside], count + 1) for column in of_voxel.T], axis=1)
    total = np.bincount(of_row, total_of_voxel[inside], count + 1)
    if config.evidence == "log_odds":  # per voxel on the average: a component's voxels share their views
        support, total = support / np.maximum(size, 1)[:, None], total / np.maximum(size, 1)
    evidence = _ratio(support.astype(np.float64), total.astype(np.float64), config)
    views = np.bincount(of_row, cloud.views[inside], count + 1)
    confident = np.bincount(of_row, cloud.score[inside] >= config.confident, count + 1)
    kept = (evidence.max(axis=1) >= config.agreement) & (views >= config.agreement_min_views * size) & (size > 0)
    kept &= confident >= config.vote_confident_share * size
    category = np.where(kept, evidence.argmax(axis=1) + 1, NO_LABEL).astype(np.uint8)
    category[0] = NO_LABEL
    return category[part]
