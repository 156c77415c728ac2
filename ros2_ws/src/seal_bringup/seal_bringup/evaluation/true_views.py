# SPDX-License-Identifier: Apache-2.0
"""Whether a map's confident voxels are right, and how often a run saw each object: evaluation, with the truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.frame import Frame
from seal_perception.simulator import TruthImages
from seal_perception.types import BoolArray, FloatArray

LEAST_SHARE = 0.001
"""An object is in view in a picture that shows at least this share of its pixels as it."""
NEAR_M = 3.0
_SIDES = 8


class TrueViews:
    """The truth about what a run's pictures showed, collected picture by picture.

    Args:
        config: of the run's map.
    """

    def __init__(self, config: MapConfig) -> None:
        self._truth = VoxelMap(config)
        self._views: dict[int, list[FloatArray]] = {}
        self._centres: dict[int, list[FloatArray]] = {}

    def add(self, frame: Frame, truth: TruthImages) -> None:
        """Take a picture with the simulator's labels of it."""
        categories = np.arange(self._truth.config.num_categories)
        image = np.where(truth.category[..., None] == categories, 255, 0).astype(np.uint8)
        self._truth.integrate_scores(frame, image)
        points = frame.camera.rays() * frame.depth[..., None]
        valid = np.isfinite(frame.depth) & (frame.depth > 0)
        camera = frame.T_map_camera[:2, 3].copy()
        for number in np.unique(truth.instance[truth.category >= 0]):
            mask: BoolArray = (truth.instance == number) & valid
            if np.count_nonzero(mask) < LEAST_SHARE * mask.size:
                continue
            middle = frame.T_map_camera[:3, :3] @ points[mask].mean(axis=0) + frame.T_map_camera[:3, 3]
            self._views.setdefault(int(number), []).append(camera)
            self._centres.setdefault(int(number), []).append(middle[:2])

    def figures(self, voxel_map: VoxelMap) -> dict[str, Any]:
        """What the run's map got right, and means over the objects that were in view.

        Args:
            voxel_map: of the same frames.

        Returns:
            `confident` voxels, `right` ones among them (of that category in most pictures, by the simulator) and their
            share; `object_voxels`, voxels that are of an object; `objects`; per object `views`, `near_views` (within
            3 m) and `sides` (eighths of a circle, of the near ones).
        """
        cloud, numbers = voxel_map.voxels(), voxel_map.config
        known, truth = self._truth.at(cloud.ijk)
        true = np.full(len(cloud), -1)
        mean = truth.mean_score()
        true[known] = np.where(mean.max(axis=1, initial=0.0) > 0.5, mean.argmax(axis=1), -1)
        confident = cloud.score >= numbers.confident
        right = int((confident & (cloud.label == true)).sum())
        rows = [_object(np.array(self._views[k]), np.array(self._centres[k])) for k in self._views]
        means = np.mean(rows, axis=0) if rows else np.zeros(3)
        return {
            "confident": int(confident.sum()),
            "right": right,
            "right_share": round(right / max(1, int(confident.sum())), 4),
            "object_voxels": int((true >= 0).sum()),
            "objects": len(rows),
            **{name: round(float(v), 2) for name, v in zip(("views", "near_views", "sides"), means, strict=True)},
        }


def _object(cameras: FloatArray, centres: FloatArray) -> tuple[int, int, int]:
    """Views, near views and their sides, of an object seen from cameras (N, 2) about centres (N, 2)."""
    from_it = cameras - centres.mean(axis=0)
    near = from_it[np.hypot(*from_it.T) <= NEAR_M]
    side = np.floor((np.arctan2(near[:, 1], near[:, 0]) + math.pi) / (2.0 * math.pi / _SIDES)).astype(int) % _SIDES
    return len(cameras), len(near), len(np.unique(side))
