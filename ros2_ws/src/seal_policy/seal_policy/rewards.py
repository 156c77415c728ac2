# SPDX-License-Identifier: Apache-2.0
"""What a goal policy is paid (design.md, the method's numbers)."""

from __future__ import annotations


class GainfulCuriosity:
    """Increase of the number of voxels whose best category score is confident.

    Source: SEAL, Gainful Curiosity. Departs from Algorithm 1, which counts the occupancy channel too and pays the
    count itself: the text, and design.md, pay the increase.

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
