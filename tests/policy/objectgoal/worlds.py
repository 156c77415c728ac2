# SPDX-License-Identifier: Apache-2.0
"""Rooms with red and blue boxes, and a detector that goes by colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.sim.rooms import FAST, box_part, room

from seal_perception.categories import SIX, CategorySet
from seal_perception.detections import Detections
from seal_perception.types import UInt8Array
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.geometry.mesh import Material, Part, Scene
from sim_bridge.modelling.shapes import box_between

SMALL = replace(FAST, width=160, height=120, threads=1)
CHAIR = 0
BLUE = Material(np.full((1, 1, 3), (40, 60, 220), np.uint8))
WHITE = Material(np.full((1, 1, 3), 170, np.uint8))


def chair_at(x: float, y: float) -> Part:
    """A red box of a chair's size, in the middle of a place."""
    return box_part((x - 0.25, y - 0.25, 0.0), (x + 0.25, y + 0.25, 0.85))


def decoy_at(x: float, y: float) -> Part:
    """A blue box of the same size: no chair."""
    return Part("decoy", box_between((x - 0.25, y - 0.25, 0.0), (x + 0.25, y + 0.25, 0.85), BLUE), -1)


def wall(low: tuple[float, float], high: tuple[float, float], top: float = 2.4) -> Part:
    return Part("wall", box_between((*low, 0.0), (*high, top), WHITE), -1)


def scene(*parts: Part, half: float = 3.0, start: tuple[float, float] = (0.0, 0.0)) -> Scene:
    made = room(*parts, half=half)
    return Scene("room", made.parts, made.lamps, start)


def world(*parts: Part, half: float = 3.0, start: tuple[float, float] = (0.0, 0.0)) -> EmbeddedSimulator:
    return EmbeddedSimulator(scene(*parts, half=half, start=start), SMALL)


class ByColour:
    """Says "chair" of what is red, and of what is blue while that covers less than a share of the picture."""

    def __init__(self, doubt_below: float = 0.0, names: CategorySet = SIX) -> None:
        self.doubt_below, self.names, self.calls = doubt_below, names, 0

    def detect(self, rgb: UInt8Array) -> Detections:
        self.calls += 1
        red, green, blue = (rgb[..., k].astype(int) for k in range(3))
        masks = [red > 2 * green + 20]
        far = blue > 2 * red + 20
        if 0 < far.mean() < self.doubt_below:
            masks.append(far)
        masks = [mask for mask in masks if mask.sum() > 20]
        if not masks:
            return Detections.empty(*rgb.shape[:2], names=self.names)
        n = len(masks)
        boxes, scores = np.zeros((n, 4), np.float32), np.full(n, 0.9, np.float32)
        return Detections(boxes, np.zeros(n, np.int64), scores, np.stack(masks), self.names)
