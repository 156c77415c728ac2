# SPDX-License-Identifier: Apache-2.0
"""Random parameters of furniture, kept apart between the splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sim_bridge.geometry.mesh import Material
from sim_bridge.modelling.textures import SPLITS, make_material, split_rng

T = TypeVar("T")
_BANDS = 10


class Draw:
    """Draws the parameters of one piece.

    Every interval is cut into 30 bands, of which each split owns every third: a catalogue chair and a
    test chair never share a measure, though both cover the whole range.
    """

    def __init__(self, rng: np.random.Generator, split: str) -> None:
        """Take one draw of `rng` and mix it with the split's name."""
        self.rng = split_rng(rng, split)
        self.split = split
        self._band = SPLITS.index(split)

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high) from the split's own bands."""
        at = len(SPLITS) * int(self.rng.integers(_BANDS)) + self._band + self.rng.random()
        return low + (high - low) * at / (len(SPLITS) * _BANDS)

    def integer(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < probability)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def material(self, kind: str, colour: npt.ArrayLike | None = None) -> Material:
        """A material of the split."""
        return make_material(kind, self.rng, self.split, colour)

    def cover(self) -> Material:
        """Upholstery: mostly fabric, else leather."""
        return self.material("fabric" if self.chance(0.72) else "leather")

    def frame(self) -> Material:
        """What legs are made of: wood, metal or now and then plastic."""
        return self.material(self.pick(("wood", "wood", "wood", "metal", "metal", "plastic")))
