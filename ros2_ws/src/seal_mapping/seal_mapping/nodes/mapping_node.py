# SPDX-License-Identifier: Apache-2.0
"""Mapping: frames and scores of one stamp in, grids, voxels and figures out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import OccupancyGrid, Odometry
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_srvs.srv import Trigger

from seal_mapping.map_config import MapConfig
from seal_mapping.nodes import convert
from seal_mapping.nodes.mounting import declare_mounting
from seal_mapping.voxel_map import VoxelMap
from seal_perception import messages as m
from seal_perception.errors import InputError, SealError
from seal_perception.frame import Frame
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.convert import make_header, status_message
from seal_perception.nodes.params import declare, declare_config


class MappingNode(SealNode):
    """Puts each frame into the voxel map and publishes `map/obstacles`, `map/explored`, `map/status`, `map/voxels`.

    Parameters: `map.*` (MapConfig), `mounting.*`, `use_scores` (wait for `semantic/scores`), `voxels_every` frames,
    `save_path` (written at the end, and by the service `map/save`), `expected_frames` (0 = no end known),
    `lockstep` (a bad frame ends the run; otherwise it is dropped with a line).
    """

    def __init__(self) -> None:
        super().__init__("mapping")
        self._map = VoxelMap(declare_config(self, MapConfig, "map"))
        self._T_base_camera = declare_mounting(self)
        self._save_path = declare(self, "save_path", "", "file for the map, .npz; empty = none")
        self._voxels_every = declare(self, "voxels_every", 10, "frames per map/voxels message")
        self._expected = declare(self, "expected_frames", 0, "frames in the run; 0 = unknown")
        self._lockstep = declare(self, "lockstep", True, "a bad frame ends the run")
        self._saved_at = -1
        self._obstacles = self.advertise(OccupancyGrid, m.OBSTACLES, latched=True)
        self._explored = self.advertise(OccupancyGrid, m.EXPLORED, latched=True)
        self._voxels = self.advertise(PointCloud2, m.VOXELS, latched=True, depth=1)
        self._status = self.advertise(DiagnosticArray, m.STATUS)
        topics: dict[str, tuple[type, bool]] = {
            m.COLOUR: (Image, False),
            m.DEPTH: (Image, False),
            m.CAMERA_INFO: (CameraInfo, False),
            m.ODOM: (Odometry, False),
        }
        if declare(self, "use_scores", True, "wait for semantic/scores"):
            topics[m.SCORES] = (Image, False)
        self._frames = self.match(topics, self._on_frame)
        self.create_service(Trigger, "map/save", self._on_save)

    def _on_frame(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        start = time.perf_counter()
        try:
            m.check_registered(parts[m.DEPTH], parts[m.COLOUR])
            frame = Frame(
                stamp_ns,
                m.image_to_rgb(parts[m.COLOUR]),
                m.image_to_depth(parts[m.DEPTH]),
                m.camera_info_to_camera(parts[m.CAMERA_INFO]),
                m.odometry_to_pose(parts[m.ODOM]) @ self._T_base_camera,
            )
            scores = m.image_to_scores(parts[m.SCORES]) if m.SCORES in parts else None
            self._map.integrate(frame, scores)
        except (SealError, ValueError) as error:
            if self._lockstep:
                raise InputError(f"frame of {stamp_ns} ns: {error}") from error
            self.get_logger().warning(f"frame of {stamp_ns} ns dropped: {error}", throttle_duration_sec=5.0)
            return
        self._publish(stamp_ns, start)

    def _publish(self, stamp_ns: int, start: float) -> None:
        header = make_header(stamp_ns, m.MAP_FRAME)
        obstacles, explored = self._map.obstacles(), self._map.explored()
        self._explored.publish(convert.explored_to_occupancy(explored, header))
        self._obstacles.publish(convert.obstacles_to_occupancy(obstacles, explored, header))
        last = self._map.frames == self._expected
        if last or self._map.frames % max(1, self._voxels_every) == 1:
            self._voxels.publish(convert.cloud_to_message(self._map.voxels(), header))
        total = 1e3 * (time.perf_counter() - start)
        values = {
            "frames": str(self._map.frames),
            "frames_dropped": str(self._frames.dropped),
            "confident_voxels": str(self._map.confident_count),
            "explored_area_m2": f"{self._map.explored_area_m2:.4f}",
            **{f"ms.{name}": f"{ms:.3f}" for name, ms in self._map.timings.items()},
            "ms.node": f"{total:.3f}",
        }
        self._status.publish(status_message("seal_mapping: map", stamp_ns, list(values.items())))
        if last:
            self._save()

    def _save(self) -> Path | None:
        """Write the map if there is a path and something new."""
        if self._save_path and self._map.frames and self._saved_at != self._map.frames:
            self._map.save(self._save_path)
            self._saved_at = self._map.frames
        return Path(self._save_path) if self._save_path else None

    def _on_save(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            path = self._save()
            response.success = path is not None and self._saved_at == self._map.frames
            response.message = str(path) if response.success else "nothing to save: set save_path, and map a frame"
        except (SealError, OSError) as error:
            response.success, response.message = False, str(error)
        return response

    def close(self) -> None:
        """Write the map."""
        self._save()


def main() -> None:
    """Run the node."""
    sys.exit(run_node(MappingNode, "mapping"))


if __name__ == "__main__":
    main()
