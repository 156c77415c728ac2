# SPDX-License-Identifier: Apache-2.0
"""The numbers of 3DLabelProp and the labelled volume that it makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

SIZES_M: dict[str, tuple[float, float, float, float]] = {
    "chair": (0.2, 0.2, 1.3, 1.6),
    "couch": (0.4, 1.0, 4.0, 1.4),
    "potted plant": (0.1, 0.1, 1.8, 2.8),
    "bed": (0.6, 1.2, 3.4, 1.8),
    "toilet": (0.2, 0.3, 1.2, 1.4),
    "tv": (0.0, 0.3, 2.4, 2.4),
}
"""Sizes that furniture comes in, by category, in metres: least shorter side, least and greatest longer side of the
footprint, greatest height of the top above the floor. Common knowledge with room for a mask's blur. After a
look at training homes the bed's 3.0 became 3.4 m (a blurred end adds up to 1 m) and the least longer sides came in
(chairs had been labelled couches). Tops above the map's own `max_height_m` never bind."""

RULES = ("paper", "agreement", "instance_vote")
PIXELS = ("ray", "depth")


@dataclass(frozen=True)
class LabelConfig:
    """Parameters of `propagate` and of the pictures made from its volume.

    Evidence of a voxel for a category: mean over the frames that saw the voxel of the frame's best score there, 0..1.

    Attributes:
        rule: "paper": a voxel takes its best category if that score was ever confident;
            "agreement": if its evidence reaches `agreement`;
            "instance_vote": voxels above `vote_low` connect, then the whole component takes one category and is kept
            if its evidence reaches `agreement`.
        confident: score of 255 from which "paper" trusts a voxel ("> 0.9" is >= 230).
        agreement: least evidence of a voxel ("agreement") or of a component ("instance_vote").
        agreement_min_views: frames that must have seen a voxel ("agreement"), or the mean voxel of a component
            ("instance_vote"), before its evidence counts.
        smooth_voxels: evidence is pooled over a cube of this many voxels to each side; 0 = off (not in "paper").
        vote_low: least evidence of a voxel that joins a component.
        vote_min_views: frames that must have seen such a voxel.
        vote_merge: True: any category joins a component; False: only voxels of the same best category connect.
        vote_confident_share: least share of a component's voxels whose best score was ever confident.
        min_height_m: voxels whose centre lies lower above the floor get no label: a rug or the floor is none of the
            categories, however many views say so; 0 = off.
        min_instance_m3: smaller instances are dropped (0.025 m3 = 200 voxels of 5 cm).
        plausible_size: drop instances whose footprint or height no object of their category has (`SIZES_M`): a table
            that views agree to be a chair, a wall taken for a bed, two chairs in one.
        max_hole_m3: enclosed holes below this volume are filled, never over another category.
        min_views: frames that must have seen a voxel before a ray stops at it: 1 for clean depth, 3 for real sensors.
        ignore_uncertain: voxels with evidence from `uncertain` on that got no label become regions to ignore.
        uncertain: least evidence of such a voxel.
        pixels: "ray": a pixel's label is that of the first occupied or labelled voxel on its ray (the paper);
            "depth": that of the voxel its own depth falls in, by ray only where it has no depth.
        depth_check_m: "ray" only: a pixel whose ray stops farther than this from its own depth is unlabelled; 0 = off.
        max_range_m: pixels whose ray meets nothing up to this depth are unlabelled.
        min_area_share: an annotation must cover this share of the picture.
    """

    rule: str = "instance_vote"
    confident: int = 230
    agreement: float = 0.3
    agreement_min_views: int = 3
    smooth_voxels: int = 0
    vote_low: float = 0.1
    vote_min_views: int = 1
    vote_merge: bool = True
    vote_confident_share: float = 0.0
    min_height_m: float = 0.1
    min_instance_m3: float = 0.025
    plausible_size: bool = True
    max_hole_m3: float = 0.25
    min_views: int = 1
    ignore_uncertain: bool = False
    uncertain: float = 0.15
    pixels: str = "depth"
    depth_check_m: float = 0.0
    max_range_m: float = 5.1
    min_area_share: float = 0.001

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, got {self.rule!r}")
        if self.pixels not in PIXELS:
            raise ValueError(f"pixels must be one of {', '.join(PIXELS)}, got {self.pixels!r}")
        if not 1 <= self.confident <= 255:
            raise ValueError(f"confident must be in 1..255, got {self.confident}")
        for name in ("agreement", "vote_low", "uncertain"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in (0, 1], got {getattr(self, name)}")
        for name in ("vote_confident_share", "min_area_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("agreement_min_views", "vote_min_views", "min_views"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("min_height_m", "min_instance_m3", "max_hole_m3", "depth_check_m", "smooth_voxels"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")
        if not self.max_range_m > 0:
            raise ValueError(f"max_range_m must be positive, got {self.max_range_m}")


PAPER = LabelConfig(rule="paper", pixels="ray", min_height_m=0.0, plausible_size=False)
"""The paper's 3DLabelProp; `LabelConfig`'s defaults were chosen on train_01..train_06 (results/fusion_rules.json)."""


def label_preset(rule: str, **changes: Any) -> LabelConfig:
    """A rule with its own numbers, some of them changed.

    Raises:
        ValueError: if there is no such rule or a value is out of range.
    """
    return replace(PAPER, **changes) if rule == "paper" else LabelConfig(rule=rule, **changes)


@dataclass(frozen=True)
class Instance:
    """One object found in the map, or one region to ignore.

    Attributes:
        id: > 0 for an object, < 0 for a region to ignore.
        category: category index.
        voxels: number of voxels, filled holes included.
        score: mean over the seen voxels of what the rule went by: best score ("paper") or evidence, 0..1.
        views: median over the seen voxels of the frames that saw them.
        seen: share of the voxels that a camera saw (the rest are filled holes).
        centre_xyz: mean of the voxels' centres in metres, map frame.
        size_xyz: extent along the map's axes in metres.
    """

    id: int
    category: int
    voxels: int
    score: float
    views: float
    seen: float
    centre_xyz: tuple[float, float, float]
    size_xyz: tuple[float, float, float]


@dataclass(frozen=True)
class LabelVolume:
    """Labels of a map as a dense box of voxels, ready for ray-tracing.

    Attributes:
        instance: (X, Y, Z) int32; 0 = none, > 0 an object, < 0 a region to ignore.
        clearance: (X, Y, Z) uint8 chessboard distance in voxels to the nearest voxel at which a ray stops; 0 = stops.
        low: (3,) int64 voxel index of [0, 0, 0].
        origin: (3,) float64 lower corner of the map's voxel (0, 0, 0) in metres.
        voxel_m: edge of a voxel.
        instances: the objects, ids 1, 2, ...
        ignored: the regions to ignore, ids -1, -2, ...
    """

    instance: npt.NDArray[np.int32]
    clearance: npt.NDArray[np.uint8]
    low: npt.NDArray[np.int64]
    origin: npt.NDArray[np.float64]
    voxel_m: float
    instances: tuple[Instance, ...]
    ignored: tuple[Instance, ...] = ()

    def by_id(self) -> dict[int, Instance]:
        """Objects and regions to ignore by their id."""
        return {item.id: item for item in (*self.instances, *self.ignored)}

    def category_table(self) -> npt.NDArray[np.int8]:
        """(objects + regions + 1,) int8: entry [id] is the category; a negative id counts from the end; [0] is -1."""
        table = np.full(1 + len(self.instances) + len(self.ignored), -1, np.int8)
        for item in (*self.instances, *self.ignored):
            table[item.id] = item.category
        return table
