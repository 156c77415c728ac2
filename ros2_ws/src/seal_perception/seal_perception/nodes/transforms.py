# SPDX-License-Identifier: Apache-2.0
"""/tf and /tf_static, where tf2_msgs is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geometry_msgs.msg import TransformStamped

from seal_perception import messages as m
from seal_perception.errors import MissingDependencyError
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.convert import make_header
from seal_perception.nodes.tf_message import tf_message
from seal_perception.pose import pose_to_xyz_quat
from seal_perception.types import FloatArray

Row = tuple[str, str, FloatArray]
"""Parent, child, T_parent_child."""


class Transforms:
    """Publishes transforms of a node; without tf2_msgs it logs one line and does nothing.

    Args:
        node: publishes.
        fixed: those that never change.
        moving: whether `send` will be called.
    """

    def __init__(self, node: SealNode, fixed: Sequence[Row] = (), moving: bool = True) -> None:
        self._publisher: Any = None
        try:
            self._message = tf_message("transforms go to /tf", "use odom; the bag has /tf anyway")
        except MissingDependencyError as missing:
            node.get_logger().info(str(missing))
            return
        if fixed:
            self._static = node.advertise(self._message, m.TF_STATIC, latched=True)
            self._static.publish(self._message(transforms=[transform_message(*row, 0) for row in fixed]))
        if moving:
            self._publisher = node.advertise(self._message, m.TF)

    def send(self, parent: str, child: str, T: FloatArray, stamp_ns: int) -> None:
        """Publish where `child` is in `parent` now."""
        if self._publisher is not None:
            self._publisher.publish(self._message(transforms=[transform_message(parent, child, T, stamp_ns)]))


def transform_message(parent: str, child: str, T: FloatArray, stamp_ns: int) -> TransformStamped:
    """TransformStamped of T_parent_child (4, 4)."""
    msg = TransformStamped(header=make_header(stamp_ns, parent), child_frame_id=child)
    (x, y, z), (qx, qy, qz, qw) = pose_to_xyz_quat(T)
    t, q = msg.transform.translation, msg.transform.rotation
    t.x, t.y, t.z = float(x), float(y), float(z)
    q.x, q.y, q.z, q.w = float(qx), float(qy), float(qz), float(qw)
    return msg
