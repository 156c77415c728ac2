# SPDX-License-Identifier: Apache-2.0
"""Goals drawn at random: the baseline of exploration."""

from __future__ import annotations

import numpy as np

from seal_policy.goals.policy import PolicyInput
from seal_policy.planning.motion import Point, planar


class RandomPolicy:
    """A goal drawn evenly from the explored free floor; the baseline of exploration."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)

    def goal(self, inp: PolicyInput) -> Point:
        """See `GlobalPolicy.goal`."""
        cells = np.argwhere(inp.explored.cells & ~inp.obstacles.cells)
        if not len(cells):
            return planar(inp.T_map_base)[:2]
        xy = inp.explored.cell_to_world(cells[int(self._rng.integers(len(cells)))])
        return round(float(xy[0]), 6), round(float(xy[1]), 6)
