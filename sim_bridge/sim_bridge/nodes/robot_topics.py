# SPDX-License-Identifier: Apache-2.0
"""The topics of a simulated robot: what it senses, as messages; the same in both modes."""

from __future__ import annotations

import numpy as np
from nav_msgs.msg import Odometry
from rclpy.duration import Duration
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, Image, LaserScan

from seal_perception import messages as m
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.transforms import Transforms
from seal_perception.running.patience import Patience
from seal_perception.simulator import Observation
from seal_perception.types import FloatArray
from sim_bridge.worlds import World

_DELIVERED_S = 10.0
"""Longest wait at the end for readers that do not read."""


class RobotTopics:
    """Publishers of a node for one world.

    Args:
        node: publishes.
        world: its camera and mounting; its truth only with `truth`.
        first: the first observation; it shows whether there is a laser, and where.
        truth: publish labels under truth/, for evaluation alone.
        odom_topic: where odometry goes: `odom`, or `odom_wheels` for the heading node to correct, which then
            sends /tf from odom to base_link, too.
    """

    def __init__(self, node: SealNode, world: World, first: Observation, truth: bool, odom_topic: str = m.ODOM) -> None:
        self._node = node
        self._world = world
        self._colour = node.advertise(Image, m.COLOUR)
        self._info = node.advertise(CameraInfo, m.CAMERA_INFO)
        self._depth = node.advertise(Image, m.DEPTH)
        self._odom = node.advertise(Odometry, odom_topic)
        self._time = node.advertise(ClockMessage, "/clock")
        self._scan = node.advertise(LaserScan, m.SCAN) if first.scan is not None else None
        self._truth = [node.advertise(Image, f"truth/{n}") for n in ("instance", "category")] if truth else []
        self._odom_frame, self._base_frame = node.frame(m.ODOM_FRAME), node.frame(m.BASE_FRAME)
        self._camera_frame, self._laser_frame = node.frame(m.CAMERA_FRAME), node.frame(m.LASER_FRAME)
        fixed = [
            (node.frame(m.MAP_FRAME), self._odom_frame, np.eye(4)),
            (self._base_frame, self._camera_frame, world.T_base_camera),
        ]
        if first.scan is not None:
            fixed.append((self._base_frame, self._laser_frame, first.scan.T_base_laser))
        self._tf = Transforms(node, fixed, moving=odom_topic == m.ODOM)

    def publish_pose(self, stamp_ns: int, T_odom_base: FloatArray) -> None:
        """The time, and the pose from the odometry."""
        self._time.publish(ClockMessage(clock=convert.make_time(stamp_ns)))
        header = convert.make_header(stamp_ns, self._odom_frame)
        self._odom.publish(convert.pose_to_odometry(T_odom_base, header, self._base_frame))
        self._tf.send(self._odom_frame, self._base_frame, T_odom_base, stamp_ns)

    def publish_picture(self, stamp_ns: int, seen: Observation) -> None:
        """Colour, depth, camera info, the laser's sweep if there is one."""
        optical = convert.make_header(stamp_ns, self._camera_frame)
        self._info.publish(convert.camera_to_info(self._world.camera, optical))
        self._colour.publish(convert.rgb_to_image(seen.rgb, optical))
        self._depth.publish(convert.depth_to_image(seen.depth, optical))
        if self._scan is not None and seen.scan is not None:
            self._scan.publish(convert.scan_to_message(seen.scan, convert.make_header(stamp_ns, self._laser_frame)))
        if self._truth:
            truth = self._world.truth_images()
            self._truth[0].publish(convert.labels_to_image(truth.instance, optical))
            self._truth[1].publish(convert.labels_to_image(truth.category.astype("int32"), optical))

    def deliver(self) -> None:
        """Wait until each reader has everything, so that ending the process loses nothing."""
        patience = Patience()
        for publisher in (self._colour, self._depth, self._info, self._odom):
            while not publisher.wait_for_all_acked(Duration(seconds=1)) and patience.used_s() < _DELIVERED_S:
                pass
