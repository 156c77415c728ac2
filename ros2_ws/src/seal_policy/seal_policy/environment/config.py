# SPDX-License-Identifier: Apache-2.0
"""The numbers of the training environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.local_map import LocalMapConfig
from seal_policy.explorer import ExplorerConfig
from seal_policy.goals.rule import GoalConfig

PAPER_GOALS = GoalConfig(spin_steps=0, renew_on_arrival=False)
"""A goal every 25 steps from the first on, as in the paper."""


@dataclass(frozen=True)
class EnvironmentConfig:
    """Parameters of `SealEnv`.

    Attributes:
        max_steps: the episode is truncated after this many steps of the robot (the paper: 20 goals x 25).
        window: size of the local map that is observed; an action names a point of it.
        volume: observe the window in three dimensions too.
        memory: observe what the map does not say too (`memory_of`).
        heading_bins: number of sectors that headings are sorted into.
        explorer: when a goal is due, and how the robot drives.
        map: the voxel map's own numbers.
        picture_px: edge of the picture that `render` gives, in pixels.
    """

    max_steps: int = 500
    window: LocalMapConfig = field(default_factory=LocalMapConfig)
    volume: bool = False
    memory: bool = False
    heading_bins: int = 72
    explorer: ExplorerConfig = field(default_factory=lambda: ExplorerConfig(goals=PAPER_GOALS))
    map: MapConfig = field(default_factory=MapConfig)
    picture_px: int = 480

    def __post_init__(self) -> None:
        if self.max_steps < 1 or self.heading_bins < 1 or self.picture_px < 16:
            raise ValueError(
                "need max_steps >= 1, heading_bins >= 1 and picture_px >= 16; "
                f"got {self.max_steps}, {self.heading_bins}, {self.picture_px}"
            )
        if self.explorer.goals.spin_steps >= self.max_steps:
            raise ValueError(
                f"the first look around takes {self.explorer.goals.spin_steps} steps, the whole episode only "
                f"{self.max_steps}: lower goals.spin_steps or raise max_steps"
            )
