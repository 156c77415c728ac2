# SPDX-License-Identifier: Apache-2.0
"""/tf and /tf_static heard by a node: one subscription each, for all in it that look poses up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seal_perception import messages as m
from seal_perception.nodes.tf_message import tf_message
from seal_perception.odometry.live import TF, PoseConfig
from seal_perception.odometry.transforms import ChainPoses, LiveTransforms
from seal_perception.types import FloatArray

TF_DEPTH = 1000
"""Messages on /tf that wait while a node is busy: 6 s of a head at 100 Hz and odometry at 50 Hz."""


class TransformFeed:
    """Keeps the transforms of the last while.

    Args:
        node: a SealNode.

    Attributes:
        transforms: what was heard.

    Raises:
        MissingDependencyError: without tf2_msgs.
    """

    def __init__(self, node: Any) -> None:
        kind = tf_message("odometry.pose_source takes poses from /tf", "set odometry.pose_source to odometry")
        self._node = node
        self._heard: list[Callable[[int], None]] = []
        self.transforms = LiveTransforms()
        node.subscribe(kind, m.TF_STATIC, lambda msg: self._on_transforms(msg, static=True), latched=True)
        node.subscribe(kind, m.TF, lambda msg: self._on_transforms(msg, static=False), depth=TF_DEPTH)

    def add(self, callback: Callable[[int], None]) -> None:
        """Call this after each message from now on, with the nanoseconds by which stamps went back, mostly 0."""
        self._heard.append(callback)

    def _on_transforms(self, msg: Any, static: bool) -> None:
        back_ns = 0
        for row in msg.transforms:
            try:
                back_ns = max(back_ns, self._take(row, static))
            except ValueError as error:
                text = f"the transform to {row.child_frame_id!r} is left out: {error}"
                self._node.get_logger().warning(text, throttle_duration_sec=5.0)
        for callback in self._heard:
            callback(back_ns)

    def _take(self, row: Any, static: bool) -> int:
        edge = row.header.frame_id.lstrip("/"), row.child_frame_id.lstrip("/")
        t, q = row.transform.translation, row.transform.rotation
        xyz, quat = (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)
        if static:
            self.transforms.add_static(*edge, xyz, quat)
            return 0
        return self.transforms.add(edge, m.header_stamp_ns(row), xyz, quat)


class Corrected:
    """Odometry in the frame that the map is made in: itself, or by /tf where somebody corrects it there.

    Args:
        node: a SealNode.
        config: names the frames.
    """

    def __init__(self, node: Any, config: PoseConfig) -> None:
        self._poses: ChainPoses | None = None
        if config.pose_source == TF and config.tf_map_frame:
            self._poses = ChainPoses(node.transforms.transforms, config.tf_map_frame, config.tf_odom_frame)

    def pose(self, T_odom_base: FloatArray) -> FloatArray | None:
        """(4, 4) T_map_base by the newest correction; None while there is none."""
        if self._poses is None:
            return T_odom_base
        T_map_odom = self._poses.newest()
        return None if T_map_odom is None else T_map_odom @ T_odom_base
