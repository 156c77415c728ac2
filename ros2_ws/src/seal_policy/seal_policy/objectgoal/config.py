# SPDX-License-Identifier: Apache-2.0
"""The numbers of Object Goal Navigation."""

from __future__ import annotations

from dataclasses import dataclass

from seal_mapping.labels.config import LabelConfig
from seal_perception.parameters import parameter
from seal_policy.explorer import ExplorerConfig


@dataclass(frozen=True)
class ObjectGoalConfig:
    """When the robot goes to a thing, when it stops in front of it, and when it gives it up."""

    look_overlap: float = parameter(
        0.2, "expected overlap of a thing from which it is worth a closer look", minimum=0.0, maximum=1.0
    )
    stop_overlap: float = parameter(
        0.4, "expected overlap from which the robot stops in front of it", minimum=0.0, maximum=1.0
    )
    look_votes: int = parameter(
        2, "views that must have voted for a thing to look (75th percentile over its voxels)", minimum=1
    )
    stop_votes: int = parameter(3, "the same to stop in front of it", minimum=1)
    judge_steps: int = parameter(4, "steps between judgements of the map, if the category was detected", minimum=1)
    near_m: float = parameter(2.5, "distance within which a look is a closer look, in metres", minimum=0.0)
    settle_overlap: float = parameter(
        0.3,
        "expected overlap from which it stops in front of a thing that it has looked at from all sides, and from "
        "which a thing that it goes to stop at is kept",
        minimum=0.0,
        maximum=1.0,
    )
    look_near_m: float = parameter(
        1.0, "least distance of a place to look at a doubtful thing from, in metres: nearer, it fills the picture"
    )
    look_far_m: float = parameter(2.0, "greatest such distance, in metres")
    stop_m: float = parameter(
        0.75, "distance on the floor to a thing's nearest voxel to stop at, in metres", minimum=0.0
    )
    prefer_m: float = parameter(0.5, "distance beyond which a place to stop at is worth less, in metres", minimum=0.0)
    reach_m: float = parameter(0.9, "greatest such distance of a place to stop at, in metres", minimum=0.0)
    arrive_m: float = parameter(0.3, "distance to that place that counts as arrived, in metres", minimum=0.0)
    face_deg: float = parameter(20.0, "greatest angle between heading and thing, in degrees", minimum=15.0)
    seen_voxels: int = parameter(10, "voxels of the thing that must be in the picture at their depth", minimum=1)
    deny_looks: int = parameter(5, "closer looks after which the detector's answers to them count", minimum=1)
    deny_share: float = parameter(
        0.25, "a thing that it finds in a smaller share of its closer looks is given up", minimum=0.0, maximum=1.0
    )
    sides: int = parameter(2, "sides that a doubtful thing is looked at from before it is given up", minimum=1)
    side_deg: float = parameter(60.0, "least angle between such sides, seen from the thing, in degrees", minimum=0.0)
    same_m: float = parameter(0.5, "distance within which two things are the same one, in metres", minimum=0.0)
    again: float = parameter(
        0.15, "a thing given up is gone to again if its expected overlap grew by this much", minimum=0.0
    )
    switch: float = parameter(1.5, "another thing must be worth this many times the one under way", minimum=1.0)
    patience: float = parameter(3.0, "a place not reached after so many times the steps it needs is left", minimum=1.0)
    explorer: ExplorerConfig = parameter(ExplorerConfig(), "how the robot explores and drives")
    labels: LabelConfig = parameter(LabelConfig(), "which candidates the map has")

    def __post_init__(self) -> None:
        if not 0 < self.look_overlap <= self.settle_overlap <= self.stop_overlap <= 1:
            raise ValueError(
                "need 0 < look_overlap <= settle_overlap <= stop_overlap <= 1, got "
                f"{self.look_overlap}, {self.settle_overlap} and {self.stop_overlap}"
            )
        if not 1 <= self.look_votes <= self.stop_votes:
            raise ValueError(f"need 1 <= look_votes <= stop_votes, got {self.look_votes} and {self.stop_votes}")
        if not 0 < self.prefer_m <= self.stop_m <= self.reach_m <= self.near_m:
            raise ValueError(
                "need 0 < prefer_m <= stop_m <= reach_m <= near_m; got "
                f"{self.prefer_m}, {self.stop_m}, {self.reach_m}, {self.near_m}"
            )
        if not 0 < self.look_near_m < self.look_far_m <= self.near_m:
            raise ValueError(
                f"need 0 < look_near_m < look_far_m <= near_m; got {self.look_near_m}, {self.look_far_m}, {self.near_m}"
            )
        if not 15 <= self.face_deg < 90:
            raise ValueError(f"face_deg must lie in [15, 90), as turns are of 30 degrees; got {self.face_deg}")
        if self.deny_looks < 1 or not 0 <= self.deny_share <= 1:
            raise ValueError(
                f"need deny_looks >= 1 and deny_share in [0, 1], got {self.deny_looks} and {self.deny_share}"
            )
        if min(self.judge_steps, self.seen_voxels, self.sides) < 1 or min(self.arrive_m, self.same_m) <= 0:
            raise ValueError(
                "need judge_steps, seen_voxels, sides >= 1 and arrive_m, same_m > 0; got "
                f"{self.judge_steps}, {self.seen_voxels}, {self.sides}, {self.arrive_m}, {self.same_m}"
            )
        if self.again < 0 or self.switch < 1 or self.patience < 1:
            raise ValueError(
                f"need again >= 0, switch >= 1, patience >= 1; got {self.again}, {self.switch}, {self.patience}"
            )
