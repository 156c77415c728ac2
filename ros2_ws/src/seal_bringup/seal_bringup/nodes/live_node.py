# SPDX-License-Identifier: Apache-2.0
"""Live: a page in the browser that shows the run, and starts and stops the robot."""

from __future__ import annotations

import math
import sys

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid, Odometry, Path
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Bool, String

from seal_bringup.live.config import LiveConfig
from seal_bringup.live.server import LiveServer
from seal_bringup.live.view import LiveView
from seal_bringup.nodes.explore_client import ExploreClient
from seal_bringup.nodes.object_client import ObjectClient
from seal_mapping.nodes.map_messages import message_to_cloud, occupancy_to_explored, occupancy_to_obstacles
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.params import declare_config
from seal_perception.nodes.transform_feed import Corrected
from seal_perception.odometry.live import PoseConfig

_LOOK_S = 1.0
_UNTOLD = 3
"""A publisher may be heard a little before the graph shows it."""


class LiveNode(SealNode):
    """Serves the live page of the run in its namespace. It hears everything; its buttons publish `object_goal`.

    Parameters: `live.*` (LiveConfig), `odometry.*` (PoseConfig; with `pose_source: tf` and `tf_map_frame` the robot is
    shown where /tf corrects odometry). Queues are one message long: the newest is what there is to see.
    """

    def __init__(self) -> None:
        super().__init__("live")
        self.lockstep = False  # whoever only looks ends no run
        config = declare_config(self, LiveConfig, "live")
        poses = declare_config(self, PoseConfig, "odometry")
        self._view = LiveView(self.get_namespace(), config.buttons)
        self.server = LiveServer(config, self._view.hub, ExploreClient(self).ask, ObjectClient(self).find)
        self.get_logger().info(f"live page: {self.server.url}")
        self._corrected = Corrected(self, poses)
        self._untold = 0  # looks in a row that found nobody who tells whether the robot may drive
        self._hear()
        self.create_timer(_LOOK_S, self._look, clock=self.steady)

    def _hear(self) -> None:
        view = self._view
        self.subscribe(Image, m.COLOUR, lambda msg: self._on_picture(msg, False), depth=1)
        self.subscribe(Image, m.OVERLAY, lambda msg: self._on_picture(msg, True), depth=1)
        self.subscribe(String, m.DETECTIONS, lambda msg: view.see_detections(msg.data), depth=1)
        self.subscribe(Odometry, m.ODOM, self._on_odometry, depth=1)
        self.subscribe(PoseStamped, m.GOAL, self._on_goal, depth=1)
        self.subscribe(Path, m.PLAN, self._on_plan, depth=1)
        self.subscribe(OccupancyGrid, m.OBSTACLES, self._on_grid, latched=True, depth=1)
        self.subscribe(PointCloud2, m.VOXELS, self._on_voxels, latched=True, depth=1)
        self.subscribe(DiagnosticArray, m.STATUS, self._on_status, depth=1)
        self.subscribe(DiagnosticArray, m.EXPLORE_STATUS, self._on_gate, depth=10)
        self.subscribe(DiagnosticArray, m.OBJECT_STATUS, self._on_search, latched=True, depth=1)
        self.subscribe(Bool, m.ENABLED, lambda msg: view.see_enabled(bool(msg.data)), latched=True, depth=1)

    def _on_picture(self, msg: Image, overlay: bool) -> None:
        self._view.see_picture(m.header_stamp_ns(msg), m.image_to_rgb(msg), overlay)

    def _on_odometry(self, msg: Odometry) -> None:
        T_map_base = self._corrected.pose(m.odometry_to_pose(msg))
        if T_map_base is not None:
            self._view.see_pose(T_map_base)

    def _on_goal(self, msg: PoseStamped) -> None:
        place = msg.pose.position.x, msg.pose.position.y
        self._view.see_goal(None if any(map(math.isnan, place)) else place)

    def _on_plan(self, msg: Path) -> None:
        rows = [(row.pose.position.x, row.pose.position.y) for row in msg.poses]
        self._view.see_plan(np.array(rows, np.float64).reshape(-1, 2))

    def _on_grid(self, msg: OccupancyGrid) -> None:
        self._view.see_grid(occupancy_to_obstacles(msg), occupancy_to_explored(msg))

    def _on_voxels(self, msg: PointCloud2) -> None:
        points = message_to_cloud(msg)
        xyz = np.stack([points["x"], points["y"], points["z"]], axis=1).astype(np.float64)
        rgb = np.stack([points["rgb"] >> shift & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)
        self._view.see_voxels(xyz, rgb, points["label"].copy(), points["score"].copy())

    def _on_status(self, msg: DiagnosticArray) -> None:
        if not msg.status:
            raise InputError("it holds no status")
        self._view.see_status(m.header_stamp_ns(msg), {pair.key: pair.value for pair in msg.status[0].values})

    def _on_gate(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            self._view.see_gate(status.name, status.level[0], status.message)

    def _on_search(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            values = {pair.key: pair.value for pair in status.values}
            self._view.see_search(values, status.level[0], status.message)

    def _look(self) -> None:
        """Forget gates that are gone; say where a run is, if there is none in this namespace."""
        self._view.forget_silent_gates()
        self._untold = 0 if self.count_publishers(m.ENABLED) else self._untold + 1
        if self._untold >= _UNTOLD:
            self._view.forget_enabled()
        if not self.count_publishers(m.OBJECT_STATUS):
            self._view.forget_search()
        self._view.see_steps(bool(self.count_publishers(m.STEP)))
        self._view.see_hint(self._hint())

    def _hint(self) -> str:
        if self.count_publishers(m.STATUS) or self.count_publishers(m.DETECTIONS):
            return ""
        names = [name for name, _ in self.get_topic_names_and_types()]
        others = sorted({name.removesuffix(f"/{topic}") or "/" for topic in (m.STATUS, m.DETECTIONS)
                         for name in names if name.endswith(f"/{topic}") and self.count_publishers(name)})  # fmt: skip
        there = f"; there is one in {', '.join(others)}: start this page with --namespace" if others else ""
        return f"no run publishes in the namespace {self.get_namespace()}{there}"

    def close(self) -> None:
        """Let the browsers go."""
        self.server.close()


def main() -> None:
    """Run the node."""
    sys.exit(run_node(LiveNode, "live"))


if __name__ == "__main__":
    main()
