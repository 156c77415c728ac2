# SPDX-License-Identifier: Apache-2.0
"""The numbers of the voxel map and the cloud of voxels that it hands out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_mapping.voxels.blocks import Voxels
from seal_perception.categories import CATEGORIES, MOST_CATEGORIES, NUM_CATEGORIES, SIX, CategorySet
from seal_perception.errors import InputError
from seal_perception.parameters import parameter
from seal_perception.types import (
    BoolArray,
    Float32Array,
    FloatArray,
    Int8Array,
    Int32Array,
    UInt8Array,
    UInt16Array,
    UInt32Array,
)

WEIGHT_ONE = 16
"""Weight of a view at short range, where views are weighted by range."""


@dataclass(frozen=True)
class MapConfig:
    """Parameters of `VoxelMap`."""

    voxel_m: float = parameter(0.05, "edge of a voxel, and of a cell of the 2D grids, in metres", minimum=0.0)
    num_categories: int = parameter(
        NUM_CATEGORIES, "channels of a score image: the number of `categories`", minimum=1, maximum=MOST_CATEGORIES
    )
    categories: tuple[str, ...] = parameter(
        CATEGORIES, "names of the channels: the detector's list; further channels are called category_6 and so on"
    )
    min_depth_m: float = parameter(0.5, "minimum depth that is mapped, in metres", minimum=0.0)
    max_depth_m: float = parameter(5.0, "maximum depth that is mapped, in metres", minimum=0.0)
    min_height_m: float = parameter(-0.1, "lowest kept height above the floor, in metres; a little below 0 for noise")
    max_height_m: float = parameter(2.0, "greatest kept height above the floor, in metres; leaves out the ceiling")
    obstacle_min_m: float = parameter(0.1, "lowest height of an obstacle's voxel centre above the floor, in metres")
    obstacle_max_m: float = parameter(1.1, "greatest height of an obstacle's voxel centre above the floor, in metres")
    obstacle_min_views: int = parameter(
        1, "frames that must have seen a voxel before it is an obstacle; more than 1 is for noisy sensors", minimum=1
    )
    confident: int = parameter(
        230, 'score of 255 from which a voxel counts as confident ("> 0.9" is >= 230)', minimum=1, maximum=255
    )
    footprint_m: float = parameter(
        0.2, "radius of the disc around the camera that counts as explored, in metres", minimum=0.0
    )
    edge_filter: float = parameter(
        0.0,
        "leave out flying pixels: those with a 4-neighbour whose depth differs by more than this share; 0 = off",
        minimum=0.0,
    )
    vote_score: int = parameter(128, "score of 255 from which a view votes for a category", minimum=1, maximum=255)
    range_weight_m: float = parameter(
        0.0,
        "views up to this depth count 1, farther ones less by the square of the depth (in sixteenths, at "
        "least 1); 0 = every view counts 1",
        minimum=0.0,
    )
    clear_views: int = parameter(
        0,
        "clear a voxel that this many views in a row looked through (things that moved); 0 = off",
        minimum=0,
        maximum=255,
    )
    clear_margin_m: float = parameter(
        0.15, "minimum distance from the centre of such a voxel to the surface behind it, in metres", minimum=0.0
    )

    def __post_init__(self) -> None:
        if not isinstance(self.categories, str):
            object.__setattr__(self, "categories", tuple(self.categories))
        for item in fields(self):
            if item.name != "categories" and not math.isfinite(getattr(self, item.name)):
                raise ValueError(f"{item.name} must be finite, got {getattr(self, item.name)}")
        if not self.voxel_m > 0:
            raise ValueError(f"voxel_m must be positive, got {self.voxel_m}")
        if self.num_categories < 1:
            raise ValueError(f"num_categories must be at least 1, got {self.num_categories}")
        self._match_categories()
        if not 0 <= self.min_depth_m < self.max_depth_m:
            raise ValueError(f"need 0 <= min_depth_m < max_depth_m, got {self.min_depth_m} and {self.max_depth_m}")
        if not self.min_height_m < self.max_height_m:
            raise ValueError(f"need min_height_m < max_height_m, got {self.min_height_m} and {self.max_height_m}")
        if not self.obstacle_min_m <= self.obstacle_max_m:
            raise ValueError(f"need obstacle_min_m <= obstacle_max_m, got {self.obstacle_min_m}, {self.obstacle_max_m}")
        if self.obstacle_min_views < 1:
            raise ValueError(f"obstacle_min_views must be at least 1, got {self.obstacle_min_views}")
        if not 1 <= self.confident <= 255:
            raise ValueError(f"confident must be in 1..255, got {self.confident}")
        if not 1 <= self.vote_score <= 255:
            raise ValueError(f"vote_score must be in 1..255, got {self.vote_score}")
        if not 0 <= self.clear_views <= 255:
            raise ValueError(f"clear_views must be in 0..255, got {self.clear_views}")
        for name in ("footprint_m", "edge_filter", "range_weight_m"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")
        if not self.clear_margin_m > 0:
            raise ValueError(f"clear_margin_m must be positive, got {self.clear_margin_m}")

    def _match_categories(self) -> None:
        """Names for another number of channels, or the number of other names."""
        if self.categories == CATEGORIES:
            if self.num_categories != NUM_CATEGORIES:
                object.__setattr__(self, "categories", CategorySet.numbered(self.num_categories).names)
            return
        count = len(CategorySet(self.categories))
        if self.num_categories not in (NUM_CATEGORIES, count):
            raise ValueError(f"num_categories must be the number of categories, {count}, got {self.num_categories}")
        object.__setattr__(self, "num_categories", count)

    @property
    def names(self) -> CategorySet:
        """The list of categories."""
        return CategorySet(self.categories)

    def for_names(self, names: CategorySet | None) -> MapConfig:
        """The same for detections of another list, where this one was left at the six.

        Args:
            names: the detections' list; None = not known, whatever this configuration has.

        Raises:
            InputError: if this configuration has another list of its own.
        """
        if names is None or names == self.names:
            return self
        if self.names == SIX:
            return replace(self, categories=names.names, num_categories=len(names))
        if names.names == self.categories[: len(names)]:
            return self  # a map may have more categories than a detector knows, after those
        raise InputError(f"the detections are of {names}, the map is for {self.names}: give it their categories")

    def as_dict(self) -> dict[str, Any]:
        """All values as JSON gives them back; a list of categories only where it is not the six, as before lists."""
        values = {key: value for key, value in asdict(self).items() if key != "categories"}
        return values if self.categories == CATEGORIES else {**values, "categories": list(self.categories)}

    @property
    def origin(self) -> FloatArray:
        """(3,) lower corner of voxel (0, 0, 0): half a voxel below the map's zero on every axis.

        So neither a flat floor nor a wall at a multiple of the voxel's edge lies on a boundary.
        """
        return np.full(3, -0.5 * self.voxel_m)

    @property
    def obstacle_layers(self) -> tuple[int, int]:
        """First and last voxel index k in z whose centre is at an obstacle's height."""
        slack = 1e-9
        first = int(np.ceil(self.obstacle_min_m / self.voxel_m - slack))
        return first, int(np.floor(self.obstacle_max_m / self.voxel_m + slack))


@dataclass(frozen=True)
class VoxelCloud:
    """All voxels that were seen at least once, in the order x, y, z of their indices.

    Attributes:
        ijk: (N, 3) int32 voxel index; the centre of voxel (i, j, k) is (i, j, k) * voxel_m.
        xyz: (N, 3) float32 centres in metres, map frame.
        rgb: (N, 3) uint8 colour.
        label: (N,) int8 category with the best score, -1 where no score is above 0; ties: lower index.
        score: (N,) uint8 that category's best score.
        views: (N,) uint16 frames that saw the voxel.
        last_frame: (N,) uint32 number of the last of them, from 0.
        score_sum: (N, C) uint32, sum over those frames of the frame's best score (of 255) times its weight.
        weight: (N,) uint32 sum of the frames' weights; a weight of 1 per view is `weight_one`.
        votes: (N, C) uint16 frames that voted for the category (`MapConfig.vote_score`).
        best_score: (N, C) uint8 best score per category.
        weight_one: weight of one view at short range: 1, or 16 where views are weighted by range.
    """

    ijk: Int32Array
    xyz: Float32Array
    rgb: UInt8Array
    label: Int8Array
    score: UInt8Array
    views: UInt16Array
    last_frame: UInt32Array
    score_sum: UInt32Array
    weight: UInt32Array
    votes: UInt16Array
    best_score: UInt8Array
    weight_one: int = 1

    @classmethod
    def from_voxels(cls, ijk: Int32Array, config: MapConfig, voxels: Voxels) -> VoxelCloud:
        """Cloud of these voxels (N, 3) of a map with this configuration; what follows from the rows is worked out."""
        score = voxels.best_score.max(axis=1)
        label = np.where(score > 0, voxels.best_score.argmax(axis=1), -1).astype(np.int8)
        weighted = config.range_weight_m > 0
        return cls(
            ijk=ijk,
            xyz=(ijk * config.voxel_m).astype(np.float32),
            rgb=voxels.rgb,
            label=label,
            score=score,
            views=voxels.views,
            last_frame=voxels.last_frame,
            score_sum=voxels.score_sum,
            weight=voxels.weight if weighted else voxels.views.astype(np.uint32),
            votes=voxels.votes,
            best_score=voxels.best_score,
            weight_one=WEIGHT_ONE if weighted else 1,
        )

    def __len__(self) -> int:
        return len(self.views)

    def take(self, rows: npt.NDArray[Any]) -> VoxelCloud:
        """The voxels at these rows, or where this mask (N,) is set."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "weight_one"}
        return VoxelCloud(**arrays, weight_one=self.weight_one)

    def mean_score(self) -> FloatArray:
        """(N, C) mean over a voxel's views of the frame's best score, 0..1."""
        out: FloatArray = self.score_sum / (255.0 * np.maximum(self.weight, 1))[:, None]
        return out

    def occupied(self, min_views: float) -> BoolArray:
        """(N,) seen by at least so many views, each counted with its weight."""
        return np.asarray(self.weight >= min_views * self.weight_one)
