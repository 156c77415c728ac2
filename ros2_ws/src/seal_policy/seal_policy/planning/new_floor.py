# SPDX-License-Identifier: Apache-2.0
"""How long no floor has been new: what both the goal policy and the driver go by before they squeeze."""

from __future__ import annotations

import numpy as np

from seal_perception.grid import Grid2D

LEAST_M2 = 1.0
"""Less than this is nothing new: a crack that opens while the robot turns, a stray cell."""


class NewFloor:
    """Since when the explored floor has not grown by `LEAST_M2`.

    The goal manager and the driver each keep one. Both note every step's map, so that they agree without a message.
    """

    def __init__(self) -> None:
        self._mark_m2 = -LEAST_M2
        self._since = 0

    def note(self, step: int, explored: Grid2D) -> None:
        """Take the map of a step."""
        area = float(np.count_nonzero(explored.cells)) * explored.cell_m**2
        if area >= self._mark_m2 + LEAST_M2:
            self._mark_m2, self._since = area, step

    def quiet_steps(self, step: int) -> int:
        """Steps without new floor before a step."""
        return step - self._since
