# SPDX-License-Identifier: Apache-2.0
"""Monitor: keeps the run's trajectory and figures, and reports progress to the runner, one JSON line per frame."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from std_msgs.msg import Bool, String

from seal_bringup.stack.run_log import PacedLog, RunLog
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.params import declare


class MonitorNode(SealNode):
    """`odom`, `semantic/detections`, `map/status`, `goal` and `step` to trajectory.json and status.json.

    In paced mode `contact` instead of `step`.
    """

    def __init__(self) -> None:
        super().__init__("monitor")
        self._run_dir = Path(declare(self, "run_dir", ".", "folder for trajectory.json and status.json"))
        self._expected = declare(self, "expected_frames", 0, "lockstep: frames in the run; 0 = unknown", minimum=0)
        self._last_ns = declare(self, "last_stamp_ns", 0, "paced: stamp of the last frame in nanoseconds; 0 = unknown")
        self._steps, self._paced = RunLog(), PacedLog()
        self._log: RunLog | PacedLog = self._steps if self.lockstep else self._paced
        self.subscribe(Odometry, m.ODOM, self._on_odometry)
        self.subscribe(String, m.DETECTIONS, self._on_detections)
        self.subscribe(DiagnosticArray, m.STATUS, self._on_status)
        self.subscribe(PoseStamped, m.GOAL, self._on_goal)
        if self.lockstep:
            self.subscribe(PoseStamped, m.STEP, self._on_step)
        else:
            self.subscribe(Bool, m.CONTACT, self._on_contact)

    def _on_odometry(self, msg: Odometry) -> None:
        self._log.pose(m.header_stamp_ns(msg), m.odometry_to_pose(msg), time.monotonic())

    def _on_detections(self, msg: String) -> None:
        self._log.detected(m.detections_stamp_ns(msg.data), time.monotonic())

    def _on_status(self, msg: DiagnosticArray) -> None:
        if not msg.status:
            raise InputError("it holds no status")
        values = {pair.key: pair.value for pair in msg.status[0].values}
        self._log.mapped(m.header_stamp_ns(msg), values, time.monotonic())
        if not self.lockstep:
            print(json.dumps(self._log.progress()), flush=True)
        self._end_if_whole()

    def _on_goal(self, msg: PoseStamped) -> None:
        place, turned = msg.pose.position, msg.pose.orientation
        self._log.goal(m.header_stamp_ns(msg), (place.x, place.y), 2.0 * math.atan2(turned.z, turned.w))

    def _on_step(self, msg: PoseStamped) -> None:
        self._steps.step(m.header_stamp_ns(msg), m.pose_message_to_matrix(msg.pose), time.monotonic())
        print(json.dumps(self._log.progress()), flush=True)
        self._end_if_whole()

    def _on_contact(self, msg: Bool) -> None:
        if msg.data:
            self._paced.contact()

    def _end_if_whole(self) -> None:
        if self._expected and self._log.whole_frames() >= self._expected or self._log.is_whole(self._last_ns):
            self.finish(0)

    def close(self) -> None:
        """Write both files."""
        self._log.write(self._run_dir)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(MonitorNode, "monitor"))


if __name__ == "__main__":
    main()
