# SPDX-License-Identifier: Apache-2.0
"""The numbers of 3DLabelProp."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from seal_perception.parameters import parameter

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

RULES = ("paper", "agreement", "instance_vote", "objects")
EVIDENCE = ("score", "share", "log_odds")
PIXELS = ("ray", "depth")
BY_RULE = -1.0
"""Instead of a smallest instance: the rule's own."""


@dataclass(frozen=True)
class LabelConfig:
    """Parameters of `propagate` and of the pictures made from its volume."""

    rule: str = parameter(
        "objects",
        '"paper": a voxel takes its best category if that score was ever confident; "agreement": if its '
        'evidence reaches `agreement`; "instance_vote": voxels above `vote_low` connect, and the component '
        "takes one category if its evidence reaches `agreement`; "
        '"objects": connected voxels at every level of evidence are candidates, and those are objects whose '
        "expected overlap with a thing, learnt on training homes, reaches `least_overlap`",
    )
    evidence: str = parameter(
        "share",
        'evidence of a voxel for a category, 0..1: "score": mean of the best scores of the frames that saw '
        'it; "share": share of those frames that voted for it; "log_odds": probability from `log_prior`, '
        "plus `log_hit` per frame that voted for it, plus `log_miss` per frame that did not",
    )
    confident: int = parameter(
        230, 'score of 255 from which "paper" trusts a voxel ("> 0.9" is >= 230)', minimum=1, maximum=255
    )
    agreement: float = parameter(
        0.3, 'minimum evidence of a voxel ("agreement") or of a component ("instance_vote")', minimum=0.0, maximum=1.0
    )
    agreement_min_views: int = parameter(
        3,
        'frames that must have seen a voxel ("agreement"), or the mean voxel of a component ("instance_vote"), '
        "before its evidence counts",
        minimum=1,
    )
    log_prior: float = parameter(
        -0.011,
        "log-odds of a category before any view; this and the next two come from logistic regression on "
        "training homes (results/view_calibration.json)",
    )
    log_hit: float = parameter(0.201, "log-odds added by a view that votes for the category", minimum=0.0)
    log_miss: float = parameter(-0.117, "log-odds added by a view that does not vote for it (negative)", maximum=0.0)
    least_overlap: float = parameter(
        0.35, 'smallest expected overlap of an object with a thing ("objects")', minimum=0.0, maximum=1.0
    )
    confirm_score: float = parameter(
        0.3,
        "least score of the frame's own detection (mask IoU >= 0.5) that must show an object as a whole, in one frame "
        'at least: else it is a region to ignore ("objects", where frames have detections; never what a human drew); '
        "0 = off",
        minimum=0.0,
        maximum=1.0,
    )
    smooth_voxels: int = parameter(
        0, 'pool evidence over a cube of this many voxels to each side; 0 = off (not in "paper")', minimum=0
    )
    vote_low: float = parameter(0.1, "minimum evidence of a voxel that joins a component", minimum=0.0, maximum=1.0)
    vote_min_views: int = parameter(1, "frames that must have seen a voxel that joins a component", minimum=1)
    vote_merge: bool = parameter(
        True, "true: any category joins a component; false: only voxels of the same best category connect"
    )
    vote_confident_share: float = parameter(
        0.0, "minimum share of a component's voxels whose best score was ever confident", minimum=0.0, maximum=1.0
    )
    min_height_m: float = parameter(
        0.1,
        "voxels whose centre lies lower above the floor get no label, in metres: rugs and floor are no "
        "category; 0 = off",
        minimum=0.0,
    )
    stand_from_m: float = parameter(
        0.05,
        "chairs, couches, beds, toilets and plants take the voxels between them and the floor, from this height of a"
        ' voxel\'s centre on, in metres: masks of legs are missed ("objects"); 0 = off',
        minimum=0.0,
    )
    min_instance_m3: float = parameter(
        BY_RULE,
        "drop smaller instances, in cubic metres (0.025 = 200 voxels of 5 cm); -1 = the rule's own: 0.0025 for "
        '"objects", 0.025 for the others',
        minimum=BY_RULE,
    )
    min_instance_by_category_m3: tuple[float, ...] = parameter(
        (), "the same for the first categories, one number each, in their order; empty = one limit for all"
    )
    min_annotated_m3: float = parameter(
        0.0025,
        "drop smaller instances that a human labelled, in cubic metres (0.0025 = 20 voxels of 5 cm)",
        minimum=0.0,
    )
    grow_annotated: int = parameter(
        2, "voxels by which a human label spreads into what is occupied and no annotated frame saw", minimum=0
    )
    plausible_size: bool = parameter(
        True,
        "drop instances whose footprint or height no object of their category has (`SIZES_M`): a table that"
        ' views agree to be a chair, a wall taken for a bed, two chairs in one; not for "objects", which'
        " weighs sizes itself",
    )
    max_hole_m3: float = parameter(
        0.25, "fill enclosed holes below this volume, in cubic metres, never over another category", minimum=0.0
    )
    min_views: int = parameter(
        1,
        "frames that must have seen a voxel before a ray stops at it: 1 for clean depth, 3 for real sensors",
        minimum=1,
    )
    ignore_uncertain: bool = parameter(
        False, "turn voxels with evidence from `uncertain` on that got no label into regions to ignore"
    )
    ignore_missing: bool = parameter(
        True,
        "where no object of a category got a label, make the frame's own detections of it regions to ignore: else a"
        " thing that the map does not know would be taught as background; not in the paper's preset",
    )
    uncertain: float = parameter(
        0.15,
        'minimum evidence of such a voxel; "objects": expected overlap of the best candidate that holds it',
        minimum=0.0,
        maximum=1.0,
    )
    pixels: str = parameter(
        "depth",
        '"ray": a pixel\'s label is that of the first occupied or labelled voxel on its ray (the paper); '
        '"depth": that of the voxel its own depth falls in, by ray only where it has no depth',
    )
    depth_check_m: float = parameter(
        0.0,
        '"ray" only: a pixel whose ray stops farther than this from its own depth is unlabelled, in metres; 0 = off',
        minimum=0.0,
    )
    max_range_m: float = parameter(
        10.0,
        "pixels farther than this, or whose ray meets nothing up to it, are unlabelled, in metres; an object that the"
        " map knows from near is labelled from afar; 5.1 in the paper's preset",
        minimum=0.0,
    )
    min_area_share: float = parameter(
        0.001, "minimum share of the picture that an annotation covers", minimum=0.0, maximum=1.0
    )

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, got {self.rule!r}")
        if self.evidence not in EVIDENCE:
            raise ValueError(f"evidence must be one of {', '.join(EVIDENCE)}, got {self.evidence!r}")
        if not (self.log_hit > 0 > self.log_miss):
            raise ValueError(f"need log_hit > 0 > log_miss, got {self.log_hit} and {self.log_miss}")
        if self.pixels not in PIXELS:
            raise ValueError(f"pixels must be one of {', '.join(PIXELS)}, got {self.pixels!r}")
        if not 1 <= self.confident <= 255:
            raise ValueError(f"confident must be in 1..255, got {self.confident}")
        for name in ("agreement", "vote_low", "uncertain", "least_overlap"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in (0, 1], got {getattr(self, name)}")
        for name in ("vote_confident_share", "min_area_share", "confirm_score"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("agreement_min_views", "vote_min_views", "min_views"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in (
            "min_height_m",
            "stand_from_m",
            "min_annotated_m3",
            "grow_annotated",
            "max_hole_m3",
            "depth_check_m",
            "smooth_voxels",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")
        if not (self.min_instance_m3 == BY_RULE or self.min_instance_m3 >= 0):
            raise ValueError(f"min_instance_m3 must be >= 0, or -1 for the rule's own, got {self.min_instance_m3}")
        if any(not value >= 0 for value in self.min_instance_by_category_m3):
            raise ValueError(f"min_instance_by_category_m3 must be >= 0, got {self.min_instance_by_category_m3}")
        if not self.max_range_m > 0:
            raise ValueError(f"max_range_m must be positive, got {self.max_range_m}")

    @property
    def least_instance_m3(self) -> float:
        """`min_instance_m3` in cubic metres; where that is -1, the rule's own."""
        if self.min_instance_m3 != BY_RULE:
            return self.min_instance_m3
        return 0.0025 if self.rule == "objects" else 0.025

    def as_dict(self) -> dict[str, Any]:
        """All values, JSON-ready, with `least_instance_m3` as `min_instance_m3`: the number that counted."""
        return {**asdict(self), "min_instance_m3": self.least_instance_m3}

    def min_instance(self, category: int) -> float:
        """Cubic metres below which an instance of a category is dropped."""
        by_category = self.min_instance_by_category_m3
        return by_category[category] if category < len(by_category) else self.least_instance_m3


PAPER = LabelConfig(
    rule="paper", pixels="ray", min_height_m=0.0, plausible_size=False, max_range_m=5.1, ignore_missing=False
)
"""The paper's 3DLabelProp."""
VOTE = LabelConfig(rule="instance_vote")
"""Views of a whole component vote; its numbers were chosen on train_01..train_06 (results/fusion_rules.json)."""


def label_preset(rule: str, **changes: Any) -> LabelConfig:
    """A rule with its own numbers, some of them changed.

    Raises:
        ValueError: if there is no such rule or a value is out of range.
    """
    return replace(PAPER, **changes) if rule == "paper" else LabelConfig(rule=rule, **changes)
