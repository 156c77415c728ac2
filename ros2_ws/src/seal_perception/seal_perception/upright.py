# SPDX-License-Identifier: Apache-2.0
"""Pictures of a camera on its side or upside down: turned upright for a detector, its answers turned back.

A detector learnt from upright pictures. Where the camera's pose is known, so is where "down" lies in its picture, and
the nearest quarter turn brings it below. The frame itself stays as it was recorded: map, depth and intrinsics belong to
it, and detections come back in its orientation. Turns are counted counter-clockwise, as `np.rot90` does.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.types import FloatArray, UInt8Array

STEEP_RAD = math.radians(15.0)
"""An optical axis this near to straight up or down shows no "down" in the picture: it is left as it is."""
LEVEL_FRAMES = ("base_link", "base_footprint", "body", "odom", "map", "world")
"""Frames of /tf whose z axis points up, with or without a namespace before them."""
TURNED = "turned_deg"
"""Key of a dataset's picture that was turned: 90, 180 or 270 degrees counter-clockwise from the recorded one."""

Array = TypeVar("Array", bound=npt.NDArray[Any])


class FrameDetector(Protocol):
    """Anything that finds objects in a picture; of the six unless it has `names` (`categories.names_of`)."""

    def detect(self, rgb: UInt8Array) -> Detections:
        """Detections of an (H, W, 3) uint8 picture."""
        ...


def quarter_turns(T_world_camera: FloatArray) -> int:
    """Quarter turns counter-clockwise, 0 to 3, that bring a picture upright.

    Args:
        T_world_camera: (4, 4) or (3, 3) pose of the optical frame (x right, y down, z forward) in a frame whose z axis
            points up.

    Returns:
        0 too where the camera looks up or down (`STEEP_RAD`). Each pose is judged by itself.
    """
    right, below = -float(T_world_camera[2, 0]), -float(T_world_camera[2, 1])  # "down" as the picture shows it
    if math.hypot(right, below) < math.sin(STEEP_RAD):
        return 0
    return -round(math.atan2(right, below) / (math.pi / 2)) % 4


def pose_by_transforms(links: Mapping[str, tuple[str, FloatArray]], camera_frame: str) -> FloatArray | None:
    """(4, 4) pose of a camera in the nearest of `LEVEL_FRAMES` above it, None if it has none there.

    Args:
        links: child frame -> its parent and T_parent_child.
        camera_frame: the optical frame.
    """
    T, frame = np.eye(4), camera_frame
    for _ in range(len(links) + 1):  # no more steps than links, in case they lead round
        if frame.rsplit("/", 1)[-1] in LEVEL_FRAMES:
            return T
        if frame not in links:
            return None
        frame, T_parent_child = links[frame]
        T = T_parent_child @ T
    return None


def turn_picture(picture: Array, turns: int) -> Array:
    """A picture (H, W, ...) turned by quarter turns counter-clockwise; the same object where there is none."""
    return picture if turns % 4 == 0 else np.ascontiguousarray(np.rot90(picture, turns))  # type: ignore[return-value]


def turn_detections(found: Detections, turns: int) -> Detections:
    """Detections of a picture after quarter turns counter-clockwise; the same object where there is none."""
    if turns % 4 == 0:
        return found
    boxes, masks = found.boxes, found.masks
    for _ in range(turns % 4):
        width = np.float32(masks.shape[2])
        x0, y0, x1, y1 = boxes.T
        boxes = np.stack([y0, width - x1, y1, width - x0], axis=1)
        masks = np.rot90(masks, 1, axes=(1, 2))
    return replace(found, boxes=boxes, masks=np.ascontiguousarray(masks))


def detect_upright(detector: FrameDetector, rgb: UInt8Array, turns: int) -> Detections:
    """What a detector finds in a picture that it sees turned.

    Args:
        detector: sees the picture upright.
        rgb: (H, W, 3) uint8 as recorded.
        turns: of `quarter_turns`.

    Returns:
        Detections in the orientation of `rgb`.
    """
    return turn_detections(detector.detect(turn_picture(rgb, turns)), -turns)


def detect_frame(detector: FrameDetector, frame: Frame) -> Detections:
    """What a detector finds in a frame, in the frame's orientation; it sees the picture upright."""
    return detect_upright(detector, frame.rgb, quarter_turns(frame.T_map_camera))


def upright_lines(topic: str, poses: Sequence[FloatArray]) -> list[str]:
    """A line that says how the pictures of a topic lie, none if all are upright.

    Args:
        topic: of the pictures.
        poses: T_map_camera (4, 4) of each.
    """
    turned = Counter(map(quarter_turns, poses))
    upright = turned.pop(0, 0)
    if not turned:
        return []
    if len(turned) == 1 and upright <= 0.1 * len(poses):
        return [f"{topic}: the camera is mounted {in_words(*turned)}: the detector sees the pictures upright"]
    count = len(poses) - upright
    return [
        f"{topic}: {count} of {len(poses)} pictures lie on their side or upside down: the detector sees them upright"
    ]


def in_words(turns: int) -> str:
    """How a camera is mounted whose pictures need these quarter turns, 1 to 3."""
    if turns == 2:
        return "upside down"
    way = "clockwise" if turns == 1 else "counter-clockwise"
    return f"on its side (its pictures are turned by 90 degrees {way})"
