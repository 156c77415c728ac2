# SPDX-License-Identifier: Apache-2.0
"""What may be an object: connected voxels whose views mean a category, at many levels of evidence.

No one threshold cuts every object out of its surroundings, as the detector is surer of some things than of others. So
connected parts are taken at every level, as maximally stable regions
are in pictures (Matas et al. 2002, "Robust wide-baseline stereo from maximally stable extremal regions"), and
`features` and `model` say later which of them are things.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seal_mapping.labels.config import LabelConfig
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_set import connected_components
from seal_perception.types import BoolArray, IntArray

LEVELS = (0.05, 0.08, 0.12, 0.18, 0.26, 0.36, 0.5)
"""Mean scores over a voxel's views from which it belongs to a candidate."""
MOST_M3 = 7.5
"""Largest candidate in cubic metres of voxels: 60,000 of 5 cm."""


@dataclass(frozen=True)
class Candidate:
    """Voxels that may be one object.

    Attributes:
        category: category index.
        level: of `LEVELS`, the lowest at which the part has just these voxels' first and as many.
        rows: (M,) their rows in the cloud, ascending.
    """

    category: int
    level: float
    rows: IntArray


def find_candidates(cloud: VoxelCloud, config: LabelConfig, voxel_m: float) -> list[Candidate]:
    """The 26-connected parts of each category at each of `LEVELS`, by category, level and first voxel.

    A part that a level cuts out just as the level below is listed once.

    Args:
        cloud: the map's voxels.
        config: `min_height_m`: lower voxels belong to nothing; `min_instance`: smaller parts are none.
        voxel_m: edge of a voxel.
    """
    mean = cloud.mean_score()
    high = cloud.xyz[:, 2] >= config.min_height_m if config.min_height_m > 0 else np.ones(len(cloud), bool)
    most = MOST_M3 / voxel_m**3
    out: list[Candidate] = []
    for category in range(mean.shape[1]):
        seen: set[tuple[int, int]] = set()
        least = config.min_instance(category) / voxel_m**3 - 1e-6
        for level in LEVELS:
            for rows in _parts(cloud, high & (mean[:, category] >= level)):
                mark = int(rows[0]), len(rows)
                if least <= len(rows) <= most and mark not in seen:
                    seen.add(mark)
                    out.append(Candidate(category, level, rows))
    return out


def _parts(cloud: VoxelCloud, inside: BoolArray) -> list[IntArray]:
    """Rows of each 26-connected part of the voxels that are `inside` (N,)."""
    number, count = connected_components(cloud.ijk, inside.astype(np.uint8))
    rows = np.flatnonzero(number)
    order = np.argsort(number[rows], kind="stable")
    ends = np.cumsum(np.bincount(number[rows], minlength=count + 1)[1:])
    return [np.asarray(part, np.int64) for part in np.split(rows[order], ends[:-1])] if count else []
