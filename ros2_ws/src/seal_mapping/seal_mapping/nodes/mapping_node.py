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
from std_msgs.msg import UInt32

from seal_mapping.labels.propagate import LabelConfig
from seal_mapping.nodes import map_messages as convert
from seal_mapping.nodes.layers import declare_layers
from seal_mapping.nodes.map_services import MapServices
from seal_mapping.nodes.mounting import declare_mounting
from seal_mapping.nodes.objects_topic import ObjectsTopic
from seal_mapping.nodes.same_list import SameList
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.io import save_map
from seal_mapping.voxels.resume import resume_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception import messages as m
from seal_perception.frame import Frame
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.convert import make_header, status_message
from seal_perception.nodes.live_frames import MOUNTING, LiveFrames
from seal_perception.nodes.params import declare, declare_config
from seal_perception.odometry.live import PoseConfig
from seal_perception.pose import planar_pose
from seal_perception.safety.watch import JUMPED, Fault
from seal_perception.types import FloatArray


class MappingNode(SealNode):
    """Puts each frame into the voxel map; publishes `map/obstacles`, `explored`, `status`, `voxels` and `objects`.

    With `uncertainty`, `map/uncertainty` too; with `volume`, `map/volume`.

    Services: `map/save` (to `save_path`), `map/load` (resume a saved map), `map/get` (the obstacle grid), `map/reset`.

    Parameters: `map.*` (MapConfig), `label.*` (LabelConfig, for the objects), `mounting.*`,
    `odometry.*` (PoseConfig), and those that the node declares with a description below. With `lockstep` a frame that
    cannot be used ends the run; else it is dropped. So with scores of another list of categories than the map's.
    """

    def __init__(self) -> None:
        super().__init__("mapping")
        self._config = declare_config(self, MapConfig, "map")
        self._map = VoxelMap(self._config)
        self._found = ObjectsTopic(self, declare_config(self, LabelConfig, "label"))
        self._T_map_base = planar_pose(0.0, 0.0, 0.0)
        self._T_base_camera = declare_mounting(self)
        load_path = declare(self, "load_path", "", "saved map to resume, .npz; empty = a new one")
        declare(self, "save_path", "", "file for the map, .npz; empty = none", changeable=True)
        declare(self, "voxels_every", 10, "frames per map/voxels message", minimum=0, changeable=True)
        declare(
            self,
            "objects_every",
            50,
            "frames per map/objects message, more where that would take too much time; 0 = never",
            minimum=0,
            changeable=True,
        )
        self._expected = declare(self, "expected_frames", 0, "frames in the run; 0 = unknown", minimum=0)
        self._saved, self._taken, self._stamp_ns = ("", -1), 0, 0
        self.void = ""  # why nothing more is mapped
        self._obstacles = self.advertise(OccupancyGrid, m.OBSTACLES, latched=True)
        self._explored = self.advertise(OccupancyGrid, m.EXPLORED, latched=True)
        self._layers = declare_layers(self)
        self._voxels = self.advertise(PointCloud2, m.VOXELS, latched=True, depth=1)
        self._status = self.advertise(DiagnosticArray, m.STATUS)
        self._confident = self.advertise(UInt32, m.CONFIDENT, depth=10)
        topics: dict[str, tuple[type, bool]] = {
            m.COLOUR: (Image, False),
            m.DEPTH: (Image, False),
            m.CAMERA_INFO: (CameraInfo, False),
            m.ODOM: (Odometry, False),
        }
        if declare(self, "use_scores", True, "wait for semantic/scores"):
            topics[m.SCORES] = (Image, False)
            self._list = SameList(self, self._config.names)
        poses = declare_config(self, PoseConfig, "odometry")
        late_s = declare(self, "max_late_s", 10.0, "paced: wait of pictures for their scores, in seconds", minimum=0.1)
        self._frames = self.match(topics, self._on_frame, poses, late_s)
        if isinstance(self._frames, LiveFrames):
            self._frames.on_fault = self._on_fault
        MapServices(self)
        if load_path:
            self.take_over(Path(load_path))

    def _on_frame(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        start = time.perf_counter()
        if self.void:
            self.dropped["frames after the map became void"] += 1
            return
        m.check_registered(parts[m.DEPTH], parts[m.COLOUR])
        frame = Frame(
            stamp_ns,
            m.image_to_rgb(parts[m.COLOUR]),
            m.image_to_depth(parts[m.DEPTH]),
            m.camera_info_to_camera(parts[m.CAMERA_INFO]),
            parts[m.ODOM] @ parts.get(MOUNTING, self._T_base_camera),
        )
        scores = None
        if m.SCORES in parts:
            self._list.require()
            scores = m.image_to_scores(parts[m.SCORES])
        self._map.integrate_scores(frame, scores)
        self._stamp_ns, self._T_map_base = stamp_ns, parts[m.ODOM]
        self._taken += 1
        last = self._taken == self._expected
        voxels_every, objects_every = self._every("voxels"), self._every("objects")
        objects = objects_every > 0 and (last or self._found.due(self._taken - 1, objects_every))
        self._publish(voxels=last or (self._taken - 1) % max(1, voxels_every) == 0, objects=objects)
        self._say_status(stamp_ns, start, parts[m.ODOM])
        if last:
            self.save()

    def _every(self, what: str) -> int:
        return int(self.get_parameter(f"{what}_every").value)

    def _publish(self, voxels: bool, objects: bool) -> None:
        header = make_header(self._stamp_ns, self.frame(m.MAP_FRAME))
        explored = self._map.explored()
        self._explored.publish(convert.explored_to_occupancy(explored, header))
        self._obstacles.publish(convert.obstacles_to_occupancy(self._map.obstacles(), explored, header))
        self._layers.publish(self._map, self._T_map_base, header)
        if voxels:
            self._voxels.publish(convert.cloud_to_message(self._map.voxels(), header))
        if objects:
            self._found.publish(self._map, header)

    def _say_status(self, stamp_ns: int, start: float, T_map_base: FloatArray) -> None:
        values = {
            "frames": str(self._map.frames),
            "frames_dropped": str(self._frames.dropped),
            "frames_waiting": str(self._frames.waiting),
            "scores_late_s": f"{self._frames.late_s:.3f}",
            **convert.map_figures(self._map, T_map_base),
            "ms.node": f"{1e3 * (time.perf_counter() - start):.3f}",
        }
        self._status.publish(status_message("seal_mapping: map", stamp_ns, list(values.items())))
        self._confident.publish(UInt32(data=int(self._map.confident_count)))

    def save(self) -> Path | None:
        """Write the map if there is a path and something new; returns the path if its file holds this map."""
        path = self.get_parameter("save_path").value
        if path and self._map.frames and self._saved != (path, self._map.frames):
            save_map(self._map, path)
            self._saved = (path, self._map.frames)
        return Path(path) if path and self._saved == (path, self._map.frames) else None

    def grid(self) -> OccupancyGrid:
        """The obstacles as they are now."""
        header = make_header(self._stamp_ns, self.frame(m.MAP_FRAME))
        return convert.obstacles_to_occupancy(self._map.obstacles(), self._map.explored(), header)

    def begin_anew(self) -> str:
        """Forget the map; returns what that was, in words."""
        gone = f"{self._map.frames} frames, {self._map.confident_count} confident voxels"
        self._map, self._saved, self.void = VoxelMap(self._config), ("", -1), ""
        self._found.forget()
        return gone

    def _on_fault(self, fault: Fault) -> None:
        """After a jump of odometry the map and what comes next are in different frames: nothing more is mapped."""
        if fault.kind == JUMPED and not self.void:
            self.void = fault.text
            self.get_logger().error(f"{fault.text}: the map is void, no more frames are mapped; call map/reset")

    def take_over(self, path: Path) -> None:
        """Go on with a saved map and show it; nothing changes if it cannot be read."""
        loaded, other = resume_map(path, self._config)
        if other:
            self.get_logger().warning(f"{path} goes on with its own {', '.join(other)}, not with the parameters'")
        self._map, self._saved, self.void = loaded, ("", -1), ""
        self._found.forget()
        self._publish(voxels=True, objects=self._every("objects") > 0)
        self.get_logger().info(
            f"went on with {path}: {loaded.frames} frames, {loaded.confident_count} confident voxels"
        )

    def close(self) -> None:
        """Write the map."""
        self.save()


def main() -> None:
    """Run the node."""
    sys.exit(run_node(MappingNode, "mapping"))


if __name__ == "__main__":
    main()
