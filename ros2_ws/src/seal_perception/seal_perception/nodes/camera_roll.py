# SPDX-License-Identifier: Apache-2.0
"""How a camera is turned about its axis, for a node that gets pictures without poses: by /tf, or by parameter."""

from __future__ import annotations

import math
from typing import Any

from rclpy.node import Node

from seal_perception import messages as m
from seal_perception.errors import MissingDependencyError
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.params import declare
from seal_perception.nodes.tf_message import tf_message
from seal_perception.pose import camera_mounting
from seal_perception.types import FloatArray
from seal_perception.upright import LEVEL_FRAMES, in_words, pose_by_transforms, quarter_turns

_WAIT_S = 5.0
"""Transforms may come after the first pictures."""


def declare_camera_roll(node: Node) -> tuple[float, bool]:
    """Parameters `mounting.roll_deg` and `roll_from_tf`."""
    roll = declare(node, "mounting.roll_deg", 0.0, "camera turned clockwise, seen from behind, in degrees")
    by_tf = declare(node, "roll_from_tf", True, "take the camera's roll from /tf and /tf_static where they lead to it")
    return roll, by_tf


class CameraRoll:
    """Quarter turns that bring a camera's pictures upright.

    Without a transform from one of `LEVEL_FRAMES` to the camera the parameter counts, and a line says so once.

    Args:
        node: subscribes.
        roll_deg: the camera's roll where /tf does not say.
        by_tf: whether to listen to /tf.
    """

    def __init__(self, node: SealNode, roll_deg: float, by_tf: bool) -> None:
        self._node, self._roll_deg, self._by_tf = node, roll_deg, by_tf
        self._given = quarter_turns(camera_mounting(0.0, roll_rad=math.radians(roll_deg)))
        self._links: dict[str, tuple[str, FloatArray]] = {}
        self._said: dict[str, int | None] = {}
        self._first_ns = 0
        if not by_tf:
            return
        try:
            kind = tf_message("roll_from_tf hears /tf")
        except MissingDependencyError:
            return  # mounting.roll_deg counts then, and a line says so
        node.subscribe(kind, m.TF_STATIC, self._on_transforms, latched=True)
        node.subscribe(kind, m.TF, self._on_transforms, depth=100)

    def _on_transforms(self, msg: Any) -> None:
        for row in msg.transforms:
            try:
                link = row.header.frame_id.lstrip("/"), m.transform_to_matrix(row.transform)
            except ValueError as error:
                text = f"the transform to {row.child_frame_id!r} is left out: {error}"
                self._node.get_logger().warning(text, throttle_duration_sec=5.0)
                continue
            self._links[row.child_frame_id.lstrip("/")] = link

    def turns(self, frame_id: str) -> int:
        """Quarter turns counter-clockwise of the pictures with this frame."""
        T = pose_by_transforms(self._links, frame_id.lstrip("/"))
        turns = self._given if T is None else quarter_turns(T)
        self._say(frame_id, turns, known=T is not None or not self._by_tf)
        return turns

    def _say(self, frame_id: str, turns: int, known: bool) -> None:
        now = self._node.steady.now().nanoseconds
        self._first_ns = self._first_ns or now
        logger = self._node.get_logger()
        if not known:
            if frame_id not in self._said and now - self._first_ns > _WAIT_S * m.NS:
                self._said[frame_id] = None
                taken = f"as turned by mounting.roll_deg {self._roll_deg:g}" if self._roll_deg else "as upright"
                logger.info(
                    f"no transform leads from {' or '.join(LEVEL_FRAMES)} to {frame_id!r}: its pictures are taken "
                    f"{taken}; mounting.roll_deg sets another roll"
                )
        elif turns and self._said.get(frame_id) != turns:
            self._said[frame_id] = turns
            logger.info(f"{frame_id}: the camera is mounted {in_words(turns)}: the detector sees the pictures upright")
