# SPDX-License-Identifier: Apache-2.0
"""Furniture as parametric meshes: the six categories in several shape families each, and distractors.

A piece's own frame has the centre of its footprint as origin, its front towards +x and z up; life size, metres.
"""

from __future__ import annotations

from sim_bridge.furniture.draw import Draw
from sim_bridge.furniture.families import (
    DISTRACTORS,
    FAMILIES,
    Item,
    distractor_mounting,
    families,
    make_distractor,
    make_furniture,
    make_item,
    mounting,
)

__all__ = [
    "DISTRACTORS",
    "FAMILIES",
    "Draw",
    "Item",
    "distractor_mounting",
    "families",
    "make_distractor",
    "make_furniture",
    "make_item",
    "mounting",
]
