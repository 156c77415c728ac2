# SPDX-License-Identifier: Apache-2.0
"""Recorder: the run's messages, as bytes, into a rosbag2 bag (mcap)."""

from __future__ import annotations

import sys

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from seal_mapping.bags import messages as bm
from seal_mapping.bags.recorder import APART, PACED, WHOLE, FrameRecorder
from seal_mapping.bags.writer import BagWriteError, BagWriter
from seal_mapping.nodes.mounting import declare_mounting
from seal_perception import messages as m
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.params import declare
from seal_perception.nodes.tf_message import tf_message

TOPICS: dict[str, type] = {
    m.CAMERA_INFO: CameraInfo,
    m.COLOUR: Image,
    m.DEPTH: Image,
    m.ODOM: Odometry,
    m.DETECTIONS: String,
    m.GOAL: PoseStamped,
    m.STEP: PoseStamped,
}
"""What is recorded; /tf and /tf_static are made from odometry and mounting, or heard. Never anything under truth/."""


class RecorderNode(SealNode):
    """Writes colour, depth, camera info, odom, /tf, /tf_static, detections, goal and step.

    Parameters: `path` (folder to make), `expected_frames` (the node exits by itself when so many whole frames are
    written, and fails if it is ended before; 0 = neither), `last_stamp_ns` (in paced mode, where frames may be left
    out, it exits when the frame of this stamp is whole; 0 = never), `flush_s`, `mounting.*`, and the frames' names.
    With `record_tf` /tf and /tf_static are recorded as they come: a robot's own, with a head that moves.
    """

    def __init__(self) -> None:
        super().__init__("recorder")
        path = declare(self, "path", "bag", "folder of the bag")
        self._expected = declare(self, "expected_frames", 0, "lockstep: frames in the run; 0 = unknown", minimum=0)
        self._last_ns = declare(self, "last_stamp_ns", 0, "paced: stamp of the last frame in nanoseconds; 0 = unknown")
        flush_s = declare(
            self, "flush_s", 0.25, "longest time before a whole frame is written, in seconds", minimum=0.0
        )
        mounting = declare_mounting(self)
        record_tf = declare(self, "record_tf", False, "record /tf and /tf_static as they come; needs tf2_msgs")
        frames = (
            declare(self, "odom_frame", "odom", "frame of odometry, for a /tf_static made from the mounting"),
            declare(self, "base_frame", "base_link", "frame of the base, for the same"),
            declare(self, "camera_frame", "camera_color_optical_frame", "frame of the pictures, for the same"),
        )
        self._apart = apart = declare(
            self, "odom_apart", False, "odometry has stamps of its own, as on a robot: no frame waits for it"
        )
        if record_tf:
            self._hear_transforms()
        self._writer = BagWriter(path, namespace=self.get_namespace())
        whole = WHOLE if self.lockstep else APART if apart else PACED
        self._frames = FrameRecorder(self._writer, None if record_tf else mounting, whole, frames)
        for topic, kind in TOPICS.items():
            self.subscribe(kind, topic, lambda data, t=topic: self._on_message(t, data), raw=True)
        self.create_timer(flush_s, self._frames.flush, clock=self.steady)

    def _hear_transforms(self) -> None:
        kind = tf_message("record_tf records /tf", "leave it out")
        for topic, latched in ((m.TF, False), (m.TF_STATIC, True)):
            self.subscribe(kind, topic, lambda data, t=topic: self._on_transforms(t, data), latched, raw=True)

    def _on_transforms(self, topic: str, data: bytes) -> None:
        self._writer.write(topic, self.get_clock().now().nanoseconds, bytes(data))

    def _on_message(self, topic: str, data: bytes) -> None:
        self._frames.add(topic, bytes(data))
        if self._expected and self._frames.whole_frames() >= self._expected or self._frames.is_whole(self._last_ns):
            self.finish(0)

    def close(self) -> None:
        """Write what is there, the index and the metadata; fails if frames of a known run are missing."""
        if self._writer.closed:
            return
        self._frames.flush(everything=True)
        self._writer.close()
        rows = ", ".join(f"{self._writer.written[t]} {t}" for t in bm.TOPIC_TYPES if self._writer.written[t])
        what = "pictures with depth and detections" if self._apart else "whole frames"
        self.get_logger().info(f"bag {self._writer.path}: {self._frames.frames} {what} ({rows})")
        if self._expected and self._frames.frames < self._expected:
            raise BagWriteError(f"the bag has {self._frames.frames} whole frames of {self._expected}: the run was cut")


def main() -> None:
    """Run the node."""
    sys.exit(run_node(RecorderNode, "recorder"))


if __name__ == "__main__":
    main()
