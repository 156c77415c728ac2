# SPDX-License-Identifier: Apache-2.0
"""3DLabelProp: from a voxel map to labelled instances.

Source: SEAL, its 3DLabelProp and Algorithm 4. Where text and pseudo-code differ we follow the text: a voxel takes its
best category above 0.9, 26-connected voxels of a category are an instance, enclosed holes are filled, then small
instances are dropped, and nothing is dilated. (The pseudo-code thresholds each category, drops, fills, then dilates.)
The steps of `propagate` that are not the paper's: what a human drew, and instances of an implausible size.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from seal_mapping.labels.config import SIZES_M, LabelConfig
from seal_mapping.labels.fusion import NO_LABEL, fuse_labels, voxel_evidence
from seal_mapping.labels.human_labels import apply_annotations
from seal_mapping.labels.instance_ids import keep_ids
from seal_mapping.labels.objects.choose import Judged, choose_objects, judge_candidates
from seal_mapping.labels.parts import Parts
from seal_mapping.labels.standing import stand_on_floor
from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.voxels.voxel_set import VoxelSet, lookup, voxel_keys
from seal_perception.categories import CategorySet
from seal_perception.types import BoolArray, Float32Array, FloatArray, IntArray, UInt8Array

__all__ = ["Instance", "LabelConfig", "LabelVolume", "propagate"]

_LOG = logging.getLogger(__name__)
_LEAST_SHELL = 6
"""Fewer voxels enclose nothing."""
_HUMAN = 0.5
"""A part of which a human labelled this share is the human's."""


def propagate(
    voxel_map: VoxelMap,
    config: LabelConfig | None = None,
    previous: LabelVolume | None = None,
    human_map: VoxelMap | None = None,
    judged: Judged | None = None,
) -> LabelVolume:
    """Label a map's voxels and group them into instances.

    Args:
        voxel_map: the map, with scores.
        config: the rule of fusion and its numbers.
        previous: what an earlier state of the same map gave: objects that lie on its objects keep their ids.
        human_map: map, in the same frame, of the frames alone that a human annotated. Where one of them saw a voxel,
            the human decides. What the human labels is never too low nor of an implausible size, and is dropped below
            `LabelConfig.min_annotated_m3` only.
        judged: the map's voxels and their candidates for the rule "objects"; None = judged by the shipped model.

    Returns:
        The labelled volume; ids are 1, 2, ... by category, then by first voxel in the order x, y, z. With `previous`
        new objects go on after its greatest id.
    """
    config = config or LabelConfig()
    cloud = voxel_map.voxels() if judged is None else judged.cloud
    voxel_m = voxel_map.config.voxel_m
    labels, score = _fused(cloud, config, voxel_map.config, judged)
    human_labels = apply_annotations(human_map, cloud, labels, score, config)
    parts = Parts.connected(cloud, labels)
    parts = fill_holes(parts, cloud, config.max_hole_m3 / voxel_m**3)
    if config.rule == "objects" and config.stand_from_m > 0:
        decided = None if human_map is None else human_map.at(cloud.ijk)[0]
        body = len(parts.row)
        parts = stand_on_floor(parts, cloud, config, voxel_map.config.names, voxel_m, decided)
        _score_alike(parts, body, score)
    parts = drop_small(parts, human_labels, config, voxel_m)
    if config.plausible_size and config.rule != "objects":
        parts = drop_implausible(parts, human_labels, voxel_map.config.names, voxel_m)
    ids = keep_ids(parts.ijk, parts.number, parts.category, previous)
    regions = _uncertain(cloud, parts, score, config)
    volume = _pack(voxel_map.config, cloud, parts, regions, score, ids, config)
    volume = replace(volume, next_id=max(volume.first_free_id(), 1 if previous is None else previous.first_free_id()))
    _LOG.info("rule %s: %d instances, %d regions to ignore", config.rule, len(volume.instances), len(volume.ignored))
    return volume


def _fused(
    cloud: VoxelCloud, config: LabelConfig, grid: MapConfig, judged: Judged | None
) -> tuple[UInt8Array, Float32Array]:
    """(N,) category + 1 of every voxel under the rule, 0 = none; (N, C) score by which it went."""
    if config.rule != "objects":
        return fuse_labels(cloud, config)
    judged = judged or judge_candidates(cloud, config, grid.names, grid.voxel_m)
    chosen = choose_objects(judged, config.least_overlap)
    return chosen.labels, chosen.overlap


def _score_alike(parts: Parts, body: int, score: Float32Array) -> None:
    """Give the voxels from row `body` of the parts on their part's mean score (N, C), in place: it is one thing."""
    column = parts.category[parts.number] - 1
    seen = np.flatnonzero(parts.row[:body] >= 0)
    total = np.bincount(parts.number[seen], score[parts.row[seen], column[seen]], len(parts.category))
    mean = total / np.maximum(np.bincount(parts.number[seen], minlength=len(parts.category)), 1)
    score[parts.row[body:], column[body:]] = mean[parts.number[body:]]


def fill_holes(parts: Parts, cloud: VoxelCloud, max_voxels: float) -> Parts:
    """Fill the holes that a part encloses and that have fewer than `max_voxels` voxels.

    A hole is a 6-connected region of what is not the part that does not reach its bounding box's outside. Only voxels
    without a label are filled: another category, and another part, keeps its own.
    """
    taken, seen = np.sort(voxel_keys(parts.ijk)), VoxelSet(cloud.ijk)
    new_ijk, new_number = [parts.ijk], [parts.number]
    for number, rows in enumerate(parts.each(), start=1):
        if len(rows) < _LEAST_SHELL:
            continue
        ijk = parts.ijk[rows]
        low = ijk.min(axis=0) - 1
        body = np.zeros(ijk.max(axis=0) - low + 2, np.bool_)
        body[tuple((ijk - low).T)] = True
        hole, found = ndimage.label(~body)
        size = np.bincount(hole.reshape(-1), minlength=found + 1)
        fill = size < max_voxels
        fill[[0, hole[0, 0, 0]]] = False
        if not fill.any():
            continue
        cells = np.argwhere(fill[hole]) + low
        cells = cells[lookup(taken, voxel_keys(cells)) < 0]
        taken = np.union1d(taken, voxel_keys(cells))
        new_ijk.append(cells)
        new_number.append(np.full(len(cells), number, np.int64))
    ijk, number_of = np.concatenate(new_ijk), np.concatenate(new_number)
    return Parts(ijk, seen.rows(ijk), number_of, parts.category)


def drop_small(parts: Parts, human_labels: BoolArray, config: LabelConfig, voxel_m: float) -> Parts:
    """Drop the parts below `LabelConfig.min_instance` of their category; a human's below `min_annotated_m3`."""
    size = np.bincount(parts.number, minlength=len(parts.category))
    least = np.array([0.0, *(config.min_instance(int(label) - 1) for label in parts.category[1:])])
    least[parts.share(human_labels) >= _HUMAN] = config.min_annotated_m3
    return parts.keep((size >= np.ceil(least / voxel_m**3 - 1e-6)) & (size > 0))


def drop_implausible(parts: Parts, human_labels: BoolArray, names: CategorySet, voxel_m: float) -> Parts:
    """Drop the parts of a size that their category does not come in (`plausible_sizes`), but none of a human's."""
    return parts.keep(plausible_sizes(parts, names, voxel_m) | (parts.share(human_labels) >= _HUMAN))


def plausible_sizes(parts: Parts, names: CategorySet, voxel_m: float) -> BoolArray:
    """(parts + 1,) whether a part is of a size that its category comes in (`SIZES_M`).

    The footprint is the smallest rectangle, turned at will, around the part seen from above. Layer 0 lies half below
    the floor. Categories of unknown size are plausible.
    """
    kept = np.ones(len(parts.category), bool)
    for number, rows in enumerate(parts.each(), start=1):
        index = int(parts.category[number]) - 1
        if names.name(index) not in SIZES_M:
            continue
        shorter_min, longer_min, longer_max, top_max = SIZES_M[names.name(index)]
        ijk = parts.ijk[rows]
        corners = np.unique(ijk[:, :2], axis=0)[:, None, :] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
        _, sides, _ = cv2.minAreaRect(corners.reshape(-1, 2).astype(np.float32))
        shorter, longer = sorted(voxel_m * float(side) for side in sides)
        top = voxel_m * (float(ijk[:, 2].max()) + 0.5)
        slack = 1e-3
        kept[number] = (
            shorter >= shorter_min - slack
            and longer_min - slack <= longer <= longer_max + slack
            and top <= top_max + slack
        )
    return kept


@dataclass(frozen=True)
class Regions:
    """Regions with some evidence and no label, and the (N, C) evidence."""

    parts: Parts
    evidence: Float32Array


def _uncertain(cloud: VoxelCloud, parts: Parts, score: Float32Array, config: LabelConfig) -> Regions:
    """What got no label and may be a thing all the same; `score` (N, C) is that of the rule."""
    evidence = score if config.rule == "objects" else voxel_evidence(cloud, config)
    labels: UInt8Array = np.zeros(len(cloud), np.uint8)
    if config.ignore_uncertain and len(cloud):
        above = evidence.max(axis=1) >= config.uncertain
        labels = np.where(above, evidence.argmax(axis=1) + 1, NO_LABEL).astype(np.uint8)
        labels[parts.row[parts.row >= 0]] = NO_LABEL
    return Regions(Parts.connected(cloud, labels), evidence)


def _pack(
    grid: MapConfig,
    cloud: VoxelCloud,
    parts: Parts,
    uncertain: Regions,
    score: Float32Array,
    ids: IntArray,
    config: LabelConfig,
) -> LabelVolume:
    """The volume of the parts, the regions to ignore and whatever else is occupied; voxels in the order x, y, z."""
    regions = uncertain.parts
    occupied = np.flatnonzero(cloud.occupied(config.min_views))
    labelled = np.concatenate([parts.ijk, regions.ijk])
    rest = cloud.ijk[occupied].astype(np.int64)
    rest = rest[~np.isin(voxel_keys(rest), voxel_keys(labelled))]
    ijk = np.concatenate([labelled, rest])
    instance = np.concatenate([ids[parts.number], -regions.number, np.zeros(len(rest), np.int64)])
    order = np.argsort(voxel_keys(ijk), kind="stable")
    return LabelVolume(
        ijk=ijk[order].astype(np.int32),
        instance=instance[order].astype(np.int32),
        origin=grid.origin,
        voxel_m=grid.voxel_m,
        instances=_describe(cloud, parts, score, grid.voxel_m, ids),
        ignored=_describe(cloud, regions, uncertain.evidence, grid.voxel_m, -np.arange(len(regions.category))),
        names=grid.names,
    )


def _describe(
    cloud: VoxelCloud, parts: Parts, score: Float32Array, voxel_m: float, ids: IntArray
) -> tuple[Instance, ...]:
    """The table of instances behind the parts; `ids` (parts + 1,) are their ids."""
    out = []
    for number, inside in enumerate(parts.each(), start=1):
        ijk, rows = parts.ijk[inside], parts.row[inside]
        rows = rows[rows >= 0]
        index = int(parts.category[number]) - 1
        out.append(
            Instance(
                id=int(ids[number]),
                category=index,
                voxels=len(ijk),
                score=round(float(score[rows, index].mean()), 4) if len(rows) else 0.0,
                views=float(np.median(cloud.views[rows])) if len(rows) else 0.0,
                support=float(np.median(cloud.votes[rows, index])) if len(rows) else 0.0,
                seen=round(len(rows) / len(ijk), 4),
                centre_xyz=_xyz(ijk.mean(axis=0) * voxel_m),
                size_xyz=_xyz((ijk.max(axis=0) - ijk.min(axis=0) + 1) * voxel_m),
            )
        )
    return tuple(sorted(out, key=lambda item: abs(item.id)))


def _xyz(values: FloatArray) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 4) for v in values)
    return x, y, z
