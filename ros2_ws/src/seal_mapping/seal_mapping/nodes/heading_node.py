# SPDX-License-Identifier: Apache-2.0
"""Heading by walls, position by scan matching: odometry and the depth camera to a pose that drifts less."""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import replace
from typing import Any

from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image

from seal_mapping.nodes.mounting import declare_mounting
from seal_mapping.scan_matching import ScanMatchConfig
from seal_mapping.wall_heading import WallHeading, WallHeadingConfig, warm_up
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.convert import make_header, pose_to_odometry
from seal_perception.nodes.live_frames import MOUNTING, LiveFrames
from seal_perception.nodes.params import declare, declare_config
from seal_perception.nodes.transforms import Transforms
from seal_perception.odometry.live import TF, PoseConfig
from seal_perception.safety.watch import Fault

MAP, ODOMETRY = "map", "odom"
_LISTEN_S = 2.0
"""How long it listens for others on /tf before it publishes there."""
_OWN = 1000
"""Own stamps remembered, to tell own transforms from those of others."""


class HeadingNode(SealNode):
    """Corrects the pose of odometry; a picture, at its interpolated pose, corrects what comes after it.

    `correct: odom` takes `odom_wheels` and publishes `odom` (and /tf) with the same stamps: for simulated runs, where
    it works without tf2_msgs; `odom` then turns by little jumps. `correct: map` takes `odom`, which stays as smooth as
    it is, and publishes the correction as map -> odom on /tf (REP 105), unless another node gives odom a parent there.
    """

    def __init__(self) -> None:
        super().__init__("heading")
        self.lockstep = False
        match = declare_config(self, ScanMatchConfig, "heading.match")
        self._config = replace(declare_config(self, WallHeadingConfig, "heading"), match=match)
        self._heading = WallHeading(self._config)
        self._T_base_camera = declare_mounting(self)
        correct = declare(
            self, "correct", "odom", "odom: odom_wheels to odom; map: odom to map -> odom on /tf (REP 105)"
        )
        if correct not in (MAP, ODOMETRY):
            raise InputError(f"correct of {self.get_name()} must be {ODOMETRY} or {MAP}, got {correct!r}")
        poses = replace(declare_config(self, PoseConfig, "odometry"), tf_map_frame="")
        self._odom_frame = poses.tf_odom_frame
        self._on_map = correct == MAP
        if poses.pose_source == TF and not self._on_map:
            raise InputError("correct: odom publishes what pose_source tf would read: take correct: map")
        self.odom_topic = m.ODOM if self._on_map else m.WHEELS
        warm_up()  # before the node says that it is ready: compiling takes seconds, and odometry would stand still
        self._sent: deque[int] = deque(maxlen=_OWN)
        self._begun_ns, self.others = (
            -1,
            "",
        )  # it listens from the first odometry on: a bag may begin later than this node
        if self._on_map:
            self.transforms.add(lambda _: self._look_for_others())
        else:
            self._odom = self.advertise(Odometry, m.ODOM)
        self._tf = Transforms(self)
        self._pictures = self.match(
            {m.DEPTH: (Image, False), m.CAMERA_INFO: (CameraInfo, False), m.ODOM: (Odometry, False)},
            self._on_picture,
            poses,
        )
        assert isinstance(self._pictures, LiveFrames)
        self._pictures.on_fault = self._on_fault
        # Behind the pictures: one that waited for this message corrects what is published for it.
        self.odometry.add(self._on_wheels)

    def _on_wheels(self, stamp_ns: int, msg: Odometry) -> None:
        if self._begun_ns < 0:
            self._begun_ns = self.steady.now().nanoseconds
        T_map_base = self._heading.follow(m.odometry_to_pose(msg))
        if not self._on_map:
            odom, base = msg.header.frame_id, msg.child_frame_id  # a robot has names of its own
            self._odom.publish(pose_to_odometry(T_map_base, make_header(stamp_ns, odom), base))
            self._tf.send(odom, base, T_map_base, stamp_ns)
        elif not self.others and self.steady.now().nanoseconds - self._begun_ns > _LISTEN_S * m.NS:
            self._sent.append(stamp_ns)
            self._tf.send(self.frame(m.MAP_FRAME), self._odom_frame, self._heading.T_map_odom, stamp_ns)

    def _on_picture(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        depth, camera = m.image_to_depth(parts[m.DEPTH]), m.camera_info_to_camera(parts[m.CAMERA_INFO])
        mounting = parts.get(MOUNTING, self._T_base_camera)
        self._heading.see_depth(depth, camera, mounting, parts[m.ODOM])

    def _on_fault(self, fault: Fault) -> None:
        """Odometry is in another frame now: where the walls are in it must be learnt anew."""
        self._heading = WallHeading(self._config)

    def _look_for_others(self) -> None:
        """Say nothing more on /tf once somebody else gives odometry's frame a parent there."""
        if self.others:
            return
        own = self.frame(m.MAP_FRAME), self._odom_frame
        parent = self.transforms.transforms.parent_of(self._odom_frame, own, self._sent)
        if parent:
            self.others = f"another node gives {self._odom_frame} the parent {parent} on /tf: the heading is left to it"
            self.get_logger().warning(self.others)

    def close(self) -> None:
        """Say what the pictures were good for."""
        lost = f", {self._pictures.dropped} had no pose" if self._pictures.dropped else ""
        found = f"{self._heading.matcher.matched} were found in what was seen before"
        said = f"{self._heading.corrected} of {self._pictures.matched} pictures corrected the heading, {found}{lost}"
        self.get_logger().info(said)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(HeadingNode, "heading"))


if __name__ == "__main__":
    main()
