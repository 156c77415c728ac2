# SPDX-License-Identifier: Apache-2.0
"""What is drawn over time: the robot's way and figures of the map, of any length in bounded memory."""

from __future__ import annotations

import math


class Series:
    """Rows of numbers in the order of their time; when there are too many, every second one goes.

    Args:
        most: rows kept at most.
        spacing: least distance of a new row from the last one kept, by `distance`; doubles with each thinning.
    """

    def __init__(self, most: int = 1500, spacing: float = 0.0) -> None:
        if most < 4:
            raise ValueError(f"most must be 4 or more, got {most}")
        self._most, self._spacing, self._first_spacing = most, spacing, spacing
        self._rows: list[tuple[float, ...]] = []
        self._last: tuple[float, ...] | None = None

    def add(self, row: tuple[float, ...]) -> bool:
        """Add a row; returns whether it is kept for good (the newest one is always shown).

        Raises:
            ValueError: if one of its numbers is not finite.
        """
        if not all(math.isfinite(value) for value in row):
            raise ValueError(f"a row must be finite numbers, got {row}")
        self._last = row
        if self._rows and self.distance(self._rows[-1], row) < self._spacing:
            return False
        self._rows.append(row)
        if len(self._rows) > self._most:
            self._rows = self._rows[::2]
            self._spacing = max(2.0 * self._spacing, self._spread())
        return True

    def _spread(self) -> float:
        """Half the mean distance of neighbours."""
        pairs = zip(self._rows, self._rows[1:], strict=False)
        return 0.5 * sum(self.distance(a, b) for a, b in pairs) / max(1, len(self._rows) - 1)

    @staticmethod
    def distance(a: tuple[float, ...], b: tuple[float, ...]) -> float:
        """Between two rows: of their first number, the time."""
        return abs(b[0] - a[0])

    def rows(self) -> list[tuple[float, ...]]:
        """Those kept, and the newest."""
        newest = [self._last] if self._last is not None and self._last != self._rows[-1] else []
        return [*self._rows, *newest]

    def clear(self) -> None:
        """Forget all."""
        self._rows, self._last, self._spacing = [], None, self._first_spacing


class Way(Series):
    """Places x, y in metres."""

    @staticmethod
    def distance(a: tuple[float, ...], b: tuple[float, ...]) -> float:
        """Between two places."""
        return math.hypot(b[0] - a[0], b[1] - a[1])
