# SPDX-License-Identifier: Apache-2.0
"""Heading by walls: the wheels' odometry and the depth camera to odometry whose heading does not drift."""

from __future__ import annotations

import sys
from typing import Any

from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image

from seal_mapping.nodes.mounting import declare_mounting
from seal_mapping.wall_heading import WallHeading, WallHeadingConfig, warm_up
from seal_perception import messages as m
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.convert import make_header, pose_to_odometry
from seal_perception.nodes.params import declare_config
from seal_perception.nodes.stamp_matching import StampMatcher
from seal_perception.nodes.transforms import Transforms


class HeadingNode(SealNode):
    """`odom_wheels` to `odom` (and /tf) with the same stamps; a picture corrects what comes after it."""

    def __init__(self) -> None:
        super().__init__("heading")
        self._heading = WallHeading(declare_config(self, WallHeadingConfig, "heading"))
        self._T_base_camera = declare_mounting(self)
        warm_up()  # before the node says that it is ready: compiling takes seconds, and odometry would stand still
        self._odom = self.advertise(Odometry, m.ODOM)
        self._tf = Transforms(self)
        # A picture may be read before the odometry of its stamp: it waits for that to have been followed.
        self._pictures = StampMatcher((m.DEPTH, m.CAMERA_INFO, m.WHEELS), self._on_picture, between=m.WHEELS)
        self.subscribe(Odometry, m.WHEELS, self._on_wheels)
        self.subscribe(Image, m.DEPTH, lambda msg: self._pictures.add(m.DEPTH, m.header_stamp_ns(msg), msg))
        self.subscribe(CameraInfo, m.CAMERA_INFO, self._on_info)

    def _on_info(self, msg: CameraInfo) -> None:
        self._pictures.add(m.CAMERA_INFO, m.header_stamp_ns(msg), msg)

    def _on_wheels(self, msg: Odometry) -> None:
        stamp_ns = m.header_stamp_ns(msg)
        T = self._heading.follow(m.odometry_to_pose(msg), stamp_ns)
        self._odom.publish(pose_to_odometry(T, make_header(stamp_ns, m.ODOM_FRAME), m.BASE_FRAME))
        self._tf.send(m.ODOM_FRAME, m.BASE_FRAME, T, stamp_ns)
        self._pictures.add(m.WHEELS, stamp_ns, msg)

    def _on_picture(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        depth, camera = m.image_to_depth(parts[m.DEPTH]), m.camera_info_to_camera(parts[m.CAMERA_INFO])
        self._heading.see_depth(depth, camera, self._T_base_camera, stamp_ns)

    def close(self) -> None:
        """Say what the pictures were good for."""
        said = f"{self._heading.corrected} of {self._pictures.matched} pictures corrected the heading"
        late = f", {self._heading.late} came too late" if self._heading.late else ""
        self.get_logger().info(said + late)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(HeadingNode, "heading"))


if __name__ == "__main__":
    main()
