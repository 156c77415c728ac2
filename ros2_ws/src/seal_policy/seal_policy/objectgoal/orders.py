# SPDX-License-Identifier: Apache-2.0
"""What the agent of a search is told at a step, and what it wants of whoever drives."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.types import BoolArray, FloatArray
from seal_policy.planning.motion import Point


@dataclass(frozen=True)
class Sight:
    """What the agent knows at a step.

    Attributes:
        step: number of actions taken.
        frame: the last picture, which the map holds.
        T_map_base: (4, 4) pose of the robot.
        voxel_map: the map.
        found: (H, W) pixels of the picture in which the detector found the category.
    """

    step: int
    frame: Frame
    T_map_base: FloatArray
    voxel_map: VoxelMap
    found: BoolArray


def found_pixels(detections: Detections | None, category: int, shape: tuple[int, ...]) -> BoolArray:
    """(H, W) where the detections of a category lie; nowhere without a detector."""
    if detections is None:
        return np.zeros(shape, bool)
    return np.asarray(detections.masks[detections.categories == category].any(axis=0), bool)


class Kind(enum.Enum):
    """What a robot in a search does next."""

    EXPLORE = "explore"
    GO = "go"
    FACE = "face"
    STOP = "stop"


@dataclass(frozen=True)
class Order:
    """What the agent wants of whoever drives.

    Attributes:
        kind: `EXPLORE` by the goal policy, `GO` to a place, turn on the spot to `FACE` the thing, or `STOP`: the robot
            takes itself to be there.
        place: where to, map frame; None unless it is to go.
        turn: angle to the left in rad by which it must turn to face the thing, when it is to face it or stops.
    """

    kind: Kind
    place: Point | None = None
    turn: float = 0.0


EXPLORE = Order(Kind.EXPLORE)
