# SPDX-License-Identifier: Apache-2.0
"""3DLabelProp: from a voxel map to labelled instances.

Source: SEAL (its 3DLabelProp) and Algorithm 4. Where the two differ we follow the text: a voxel takes its best category
above 0.9, 26-connected voxels of a category are an instance, enclosed holes are filled, then small instances are
dropped; nothing is dilated (the pseudo-code thresholds each category, drops, fills, then dilates).
"""

from __future__ import annotations

import logging
import math

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seal_mapping.fusion import NO_LABEL, DenseMap, components, fuse_labels, voxel_evidence
from seal_mapping.label_config import SIZES_M, Instance, LabelConfig, LabelVolume
from seal_mapping.voxel_map import VoxelMap
from seal_perception.categories import CATEGORIES

__all__ = ["Instance", "LabelConfig", "LabelVolume", "propagate"]

_LOG = logging.getLogger(__name__)


def propagate(voxel_map: VoxelMap, config: LabelConfig | None = None) -> LabelVolume:
    """Label a map's voxels and group them into instances.

    Args:
        voxel_map: the map, with scores.
        config: the rule of fusion and its numbers.

    Returns:
        The labelled volume; ids are 1, 2, ... by category, then by first voxel in the order x, y, z.
    """
    config = config or LabelConfig()
    dense = DenseMap.of(voxel_map.voxels())
    evidence = voxel_evidence(dense, config)
    labels, score = fuse_labels(dense, evidence, config)
    part, count = components(labels)
    category: npt.NDArray[np.int64] = np.zeros(count + 1, np.int64)
    category[part] = labels
    voxel_m3 = voxel_map.config.voxel_m**3
    fill_holes(part, count, config.max_hole_m3 / voxel_m3)
    part, category = drop_small(part, category, config.min_instance_m3 / voxel_m3)
    if config.plausible_size:
        part, category = drop_implausible(part, category, voxel_map.config.voxel_m, float(dense.low[2]))
    ignored, ignored_category = _uncertain(dense, part, evidence, config)
    instance = part - ignored
    views = dense.spread(dense.cloud.views, 0)
    stops = (views >= config.min_views) | (part > 0)
    volume = LabelVolume(
        instance=instance,
        clearance=_clearance(stops),
        low=dense.low,
        origin=voxel_map.config.origin,
        voxel_m=voxel_map.config.voxel_m,
        instances=_describe(dense, part, category, score, voxel_map.config.voxel_m, 1),
        ignored=_describe(dense, ignored, ignored_category, evidence, voxel_map.config.voxel_m, -1),
    )
    _LOG.info("rule %s: %d instances, %d regions to ignore", config.rule, len(volume.instances), len(volume.ignored))
    return volume


def fill_holes(part: npt.NDArray[np.int32], count: int, max_voxels: float) -> None:
    """Fill, in place, the holes that an instance encloses and that have fewer than `max_voxels` voxels.

    A hole is a 6-connected part of what is not the instance that does not reach its bounding box's outside. Only voxels
    without a label are filled: another category, and another instance, keeps its own.

    Args:
        part: (X, Y, Z) int32 instance numbers 1..count, 0 = none.
        count: number of instances.
        max_voxels: volume below which a hole is filled.
    """
    for number, box in enumerate(ndimage.find_objects(part, count), start=1):
        if box is None:
            continue
        crop = part[box]
        hole, found = ndimage.label(np.pad(crop != number, 1, constant_values=True))
        outside = hole[0, 0, 0]
        size = np.bincount(hole.reshape(-1), minlength=found + 1)
        fill = size < max_voxels
        fill[[0, outside]] = False
        crop[fill[hole[1:-1, 1:-1, 1:-1]] & (crop == 0)] = number


def drop_small(
    part: npt.NDArray[np.int32], category: npt.NDArray[np.int64], min_voxels: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Drop instances with fewer than `min_voxels` voxels and number the others 1, 2, ... in their old order.

    Returns:
        (X, Y, Z) int32 new numbers; per new number its category + 1 (entry 0 is 0).
    """
    size = np.bincount(part.reshape(-1), minlength=len(category))
    kept = size >= math.ceil(min_voxels - 1e-6)
    kept[0] = False
    kept &= size > 0
    return _renumbered(part, category, kept)


def drop_implausible(
    part: npt.NDArray[np.int32], category: npt.NDArray[np.int64], voxel_m: float, low_z: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Drop instances of a size that their category does not come in (`SIZES_M`) and number the others 1, 2, ...

    The footprint is the smallest rectangle, turned at will, around the instance seen from above.

    Args:
        part: (X, Y, Z) int32 instance numbers from 1, 0 = none.
        category: per number its category + 1 (entry 0 is 0).
        voxel_m: edge of a voxel.
        low_z: index of the array's lowest layer in the map; layer 0 lies half below the floor.

    Returns:
        As `drop_small`.
    """
    kept = np.ones(len(category), bool)
    kept[0] = False
    for number, box in enumerate(ndimage.find_objects(part, len(category) - 1), start=1):
        index = int(category[number]) - 1
        if box is None or index >= len(
            CATEGORIES
        ):  # a map of more categories than ours: nothing is known of their size
            continue
        shorter, longer, longest, top = SIZES_M[CATEGORIES[index]]
        inside = part[box] == number
        cells = np.argwhere(inside.any(axis=2)).astype(np.float32)
        sides = sorted((side + 1) * voxel_m for side in cv2.minAreaRect(cells)[1])
        height = (low_z + box[2].stop - 0.5) * voxel_m  # the map's origin lies half a voxel below the floor
        slack = 0.01 * voxel_m
        kept[number] = (
            sides[0] >= shorter - slack and longer - slack <= sides[1] <= longest + slack and height <= top + slack
        )
    return _renumbered(part, category, kept)


def _renumbered(
    part: npt.NDArray[np.int32], category: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    renumber = np.zeros(len(category), np.int32)
    renumber[kept] = np.arange(1, int(kept.sum()) + 1)
    return renumber[part], np.concatenate([[NO_LABEL], category[kept]]).astype(np.int64)


def _uncertain(
    dense: DenseMap, part: npt.NDArray[np.int32], evidence: npt.NDArray[np.float32], config: LabelConfig
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Regions with some evidence and no label: numbers 1.. and per number the category + 1."""
    if not config.ignore_uncertain or len(dense.cloud) == 0:
        return np.zeros_like(part), np.zeros(1, np.int64)
    label = np.where(evidence.max(axis=1) >= config.uncertain, evidence.argmax(axis=1) + 1, NO_LABEL).astype(np.uint8)
    volume = np.where(part == 0, dense.spread(label, NO_LABEL), NO_LABEL).astype(np.uint8)
    region, count = components(volume)
    category = np.zeros(count + 1, np.int64)
    category[region] = volume
    return region, category


def _clearance(stops: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """(X, Y, Z) uint8 chessboard distance to the nearest voxel that stops a ray; 255 stands for 255 or more."""
    if not stops.any():
        return np.full(stops.shape, 255, np.uint8)
    distance = ndimage.distance_transform_cdt(~stops, metric="chessboard")
    return np.minimum(distance, 255).astype(np.uint8)


def _describe(
    dense: DenseMap,
    part: npt.NDArray[np.int32],
    category: npt.NDArray[np.int64],
    score: npt.NDArray[np.float32],
    voxel_m: float,
    sign: int,
) -> tuple[Instance, ...]:
    """The table of instances behind the numbers in `part`; ids get `sign`."""
    out = []
    for number, box in enumerate(ndimage.find_objects(part, len(category) - 1), start=1):
        if box is None:
            continue
        inside = part[box] == number
        rows = dense.index[box][inside]
        rows = rows[rows >= 0]
        corner = dense.low + [axis.start for axis in box]
        ijk = np.argwhere(inside) + corner
        index = int(category[number]) - 1
        out.append(
            Instance(
                id=sign * number,
                category=index,
                voxels=len(ijk),
                score=round(float(score[rows, index].mean()), 4) if len(rows) else 0.0,
                views=float(np.median(dense.cloud.views[rows])) if len(rows) else 0.0,
                seen=round(len(rows) / len(ijk), 4),
                centre_xyz=_xyz(ijk.mean(axis=0) * voxel_m),
                size_xyz=_xyz((ijk.max(axis=0) - ijk.min(axis=0) + 1) * voxel_m),
            )
        )
    return tuple(out)


def _xyz(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 4) for v in values)
    return x, y, z
