# SPDX-License-Identifier: Apache-2.0
"""What a goal policy is paid (docs/method.md, Algorithm 1)."""

from __future__ import annotations

from typing import Protocol


class MapFigures(Protocol):
    """What a reward may look at: the robot's own map, never the simulator's truth."""

    @property
    def confident_count(self) -> int:
        """Voxels whose best score is confident."""
        ...

    @property
    def explored_area_m2(self) -> float:
        """Floor seen so far."""
        ...

    def category_cells(self, least: float = 0.5) -> int:
        """Pairs of a floor cell and a category found over it."""
        ...


class MapReward(Protocol):
    """A reward of the training environment; a fresh one per episode."""

    def update(self, voxel_map: MapFigures) -> float:
        """The pay since the last call; called after every frame, and once after reset (that pay is dropped)."""
        ...


class GainfulCuriosity:
    """Increase of the number of voxels whose best category score is confident.

    Source: SEAL, Gainful Curiosity. Departs from Algorithm 1, which counts the occupancy channel too and pays the
    count itself: the text pays the increase.

    Attributes:
        history: reward of each update so far.
    """

    def __init__(self) -> None:
        self.history: list[int] = []
        self._count = 0

    @property
    def total(self) -> int:
        """Sum of all rewards: the confident voxels of the map."""
        return self._count

    def update(self, confident_count: int) -> int:
        """The reward for the map as it is now.

        Raises:
            ValueError: if the count is negative. (It may fall: not in this map, but in one that forgets.)
        """
        if confident_count < 0:
            raise ValueError(f"confident_count must be >= 0, got {confident_count}")
        reward = int(confident_count) - self._count
        self._count = int(confident_count)
        self.history.append(reward)
        return reward


class CuriosityReward:
    """`GainfulCuriosity` as a `MapReward`: confident voxels gained, times `scale`."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._curiosity = GainfulCuriosity()

    def update(self, voxel_map: MapFigures) -> float:
        """See `MapReward.update`."""
        return self._scale * self._curiosity.update(voxel_map.confident_count)


class AreaReward:
    """Floor newly seen in m2, times `scale`: what a policy can be paid where there is no detector."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._area_m2 = 0.0

    def update(self, voxel_map: MapFigures) -> float:
        """See `MapReward.update`."""
        gained, self._area_m2 = voxel_map.explored_area_m2 - self._area_m2, voxel_map.explored_area_m2
        return self._scale * gained


class SemanticCuriosityReward:
    """Growth of the number of pairs of floor cell and category found over it, times `scale`.

    Source: Chaplot et al., Semantic Curiosity for Active Visual Learning, 2020: the increase of the sum over the
    semantic top-down map. A cell that two pictures take for two things counts twice, so the reward seeks detections
    that disagree over time. Departs from it: a detection counts from a score of 0.5 on, and cells are the map's 5 cm.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._cells = 0

    def update(self, voxel_map: MapFigures) -> float:
        """See `MapReward.update`."""
        cells = voxel_map.category_cells()
        gained, self._cells = cells - self._cells, cells
        return self._scale * gained
