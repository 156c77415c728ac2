# SPDX-License-Identifier: Apache-2.0
"""What was nearly an object, and why it got no label: for people, by any rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.objects.candidates import Candidate
from seal_mapping.labels.objects.choose import Judged, pick
from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_set import lookup, voxel_keys
from seal_perception.types import FloatArray, IntArray

WORTH_TELLING = 0.1
"""Expected overlap below which a candidate is not listed, unless it is among the `FIRST` best."""
FIRST, MOST = 10, 100


@dataclass(frozen=True)
class Considered:
    """A candidate that overlaps no better one.

    Attributes:
        category: name.
        overlap: expected with a thing of the category, by the shipped model, 0..1.
        score: mean score over its voxels' views, 0..1.
        found: share of its voxels' views that voted for the category (`MapConfig.vote_score`).
        views: median over its voxels of the frames that saw them.
        voxels: how many.
        centre_xyz: mean of the voxels' centres in metres, map frame.
        size_xyz: extent along the map's axes in metres.
        label: id of the object that labels it, 0 = none.
        why: why not, in words; empty where it is labelled.
    """

    category: str
    overlap: float
    score: float
    found: float
    views: float
    voxels: int
    centre_xyz: tuple[float, float, float]
    size_xyz: tuple[float, float, float]
    label: int
    why: str


def explain(
    judged: Judged, volume: LabelVolume, config: LabelConfig, unconfirmed: frozenset[int] = frozenset()
) -> list[Considered]:
    """What was considered in a map, best first, at most `MOST`.

    Args:
        judged: the map's candidates.
        volume: what `propagate` made of it.
        config: of that `propagate`.
        unconfirmed: ids (< 0) of the regions that are objects which no frame confirmed.
    """
    cloud, candidates, overlaps = judged.cloud, judged.candidates, judged.overlaps
    picked = pick(candidates, overlaps, 0.0, len(cloud))
    picked = [pair for n, pair in enumerate(picked[:MOST]) if n < FIRST or overlaps[pair[0]] >= WORTH_TELLING]
    owner = _owners(cloud, volume)
    found = []
    for index, _ in picked:
        one, there = candidates[index], _there(candidates[index], volume, owner)
        shown = there is None or there.id not in unconfirmed or there.category != one.category
        found.append(
            _row(
                cloud,
                one,
                float(overlaps[index]),
                volume,
                there,
                _why(one, overlaps[index], there, shown, volume, config),
            )
        )
    return found


def _owners(cloud: VoxelCloud, volume: LabelVolume) -> IntArray:
    """(N,) id of the object (> 0) or region to ignore (< 0) that each voxel of the map belongs to, 0 = none."""
    place = lookup(voxel_keys(volume.ijk), voxel_keys(cloud.ijk))
    return np.where(place >= 0, volume.instance[np.maximum(place, 0)], 0).astype(np.int64)


def _there(one: Candidate, volume: LabelVolume, owner: IntArray) -> Instance | None:
    """The object or region that has half of a candidate's voxels or more."""
    ids, counts = np.unique(owner[one.rows], return_counts=True)
    most = int(ids[counts.argmax()])
    return volume.by_id().get(most) if 2 * int(counts.max()) >= len(one.rows) and most else None


def _labels(there: Instance | None, one: Candidate) -> bool:
    return there is not None and there.id > 0 and there.category == one.category


def _why(
    one: Candidate, overlap: float, there: Instance | None, shown: bool, volume: LabelVolume, config: LabelConfig
) -> str:
    """Why a candidate has no label; empty where it has one."""
    if _labels(there, one):
        return ""
    if not shown:
        return f"no frame's own detection shows it as a whole with a score of {config.confirm_score:g}"
    if there is not None and there.id > 0:
        return f"it is part of object {there.id}, a {volume.names.name(there.category)}"
    return _not_labelled(overlap, config)


def _row(
    cloud: VoxelCloud, one: Candidate, overlap: float, volume: LabelVolume, there: Instance | None, why: str
) -> Considered:
    rows, c, ijk = one.rows, one.category, cloud.ijk[one.rows]
    weight, views = float(cloud.weight[rows].sum()), float(cloud.views[rows].sum())
    return Considered(
        category=volume.names.name(c),
        overlap=round(overlap, 4),
        score=round(float(cloud.score_sum[rows, c].sum()) / max(255.0 * weight, 1.0), 4),
        found=round(float(cloud.votes[rows, c].sum()) / max(views, 1.0), 4),
        views=float(np.median(cloud.views[rows])),
        voxels=len(rows),
        centre_xyz=_metres(ijk.mean(axis=0), volume.voxel_m),
        size_xyz=_metres(ijk.max(axis=0) - ijk.min(axis=0) + 1.0, volume.voxel_m),
        label=there.id if there is not None and _labels(there, one) else 0,
        why=why,
    )


def _not_labelled(overlap: float, config: LabelConfig) -> str:
    """Why a candidate that no object took has no label."""
    if config.rule != "objects":
        return f"the rule {config.rule} keeps nothing here"
    if overlap < config.least_overlap:
        return f"expected overlap {overlap:.3f}, a label needs {config.least_overlap:g}"
    return "better ones of other categories left too little of it, or a human drew otherwise there"


def _metres(values: Sequence[float] | FloatArray, voxel_m: float) -> tuple[float, float, float]:
    x, y, z = (round(float(value) * voxel_m, 3) for value in values)
    return x, y, z
