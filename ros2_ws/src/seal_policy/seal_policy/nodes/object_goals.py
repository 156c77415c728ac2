# SPDX-License-Identifier: Apache-2.0
"""`object_goal` on the graph: a category to look for; how the search goes and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from seal_mapping.nodes.same_list import SameList
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.convert import status_message
from seal_perception.nodes.live_frames import MOUNTING, LiveFrames
from seal_perception.odometry.live import PoseConfig
from seal_perception.types import FloatArray
from seal_policy.objectgoal.live import OVER, REFUSED, Course, LiveSearch, SearchState

_NAME = "seal_policy: object goal"
_REFUSAL_NS = 5 * m.NS
"""The status says for so long that a request was refused."""
_PICTURES: dict[str, tuple[type, bool]] = {
    m.COLOUR: (Image, False),
    m.DEPTH: (Image, False),
    m.CAMERA_INFO: (CameraInfo, False),
    m.ODOM: (Odometry, False),
    m.SCORES: (Image, False),
}


@dataclass(frozen=True)
class ObjectGoalSettings:
    """How pictures reach a search.

    Attributes:
        map_config: of the search's map.
        T_base_camera: (4, 4) mounting of the camera, where /tf does not give it.
        poses: how pictures get their poses.
        late_s: how long they wait for their scores.
    """

    map_config: MapConfig
    T_base_camera: FloatArray
    poses: PoseConfig
    late_s: float


class ObjectGoals:
    """Feeds a `LiveSearch` with pictures and with what is asked for; publishes `object_goal/status` and `/result`.

    It keeps a map of its own, from the first picture on: what an agent needs of each voxel is in no message.

    Args:
        node: a SealNode in paced mode.
        search: fresh.
        settings: how pictures reach it.
        driven_s: time of a stamp in seconds, without that in which the robot might not drive.
        send: publishes a course as the answer to the frame of a stamp.
    """

    def __init__(
        self,
        node: SealNode,
        search: LiveSearch,
        settings: ObjectGoalSettings,
        driven_s: Callable[[float], float],
        send: Callable[[Course, int], None],
    ) -> None:
        self._node, self._search, self._settings = node, search, settings
        self._driven_s, self._send = driven_s, send
        self._list = SameList(node, settings.map_config.names)
        self._map = VoxelMap(settings.map_config)
        self._stamp_ns, self._refused_ns, self._refusal, self._told = 0, 0, "", ""
        self._status = node.advertise(DiagnosticArray, m.OBJECT_STATUS, latched=True, depth=1)
        self._result = node.advertise(DiagnosticArray, m.OBJECT_RESULT, latched=True, depth=1)
        frames = node.match(_PICTURES, self._on_frame, settings.poses, settings.late_s)
        assert isinstance(frames, LiveFrames), "there are no searches in lockstep"
        frames.on_fault = lambda _: self._begin_anew()
        node.subscribe(String, m.OBJECT_GOAL, self._on_wish, depth=10)
        self._tell()

    def _begin_anew(self) -> None:
        """What was seen lies in another frame."""
        self._map = VoxelMap(self._settings.map_config)
        self._search.begin_anew()
        self._tell()

    @property
    def active(self) -> bool:
        """Whether a search says where the robot goes."""
        return self._search.active

    def _on_wish(self, msg: String) -> None:
        self._refusal = ""
        try:
            self._search.ask(msg.data)
        except InputError as error:
            self._refusal, self._refused_ns = str(error), self._stamp_ns
            self._node.get_logger().warning(self._refusal)
            self._result.publish(_message(SearchState(state=REFUSED), self._stamp_ns, self._refusal))
        self._tell()

    def _on_frame(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        m.check_registered(parts[m.DEPTH], parts[m.COLOUR])
        self._list.require()
        T_map_base = parts[m.ODOM]
        frame = Frame(
            stamp_ns,
            m.image_to_rgb(parts[m.COLOUR]),
            m.image_to_depth(parts[m.DEPTH]),
            m.camera_info_to_camera(parts[m.CAMERA_INFO]),
            T_map_base @ parts.get(MOUNTING, self._settings.T_base_camera),
        )
        self._stamp_ns = stamp_ns
        scores = m.image_to_scores(parts[m.SCORES])
        self._map.integrate_scores(frame, scores)
        course = self._search.see(self._driven_s(stamp_ns / m.NS), frame, scores, T_map_base, self._map)
        if course is not None:
            self._send(course, stamp_ns)
        old = bool(self._refusal) and stamp_ns - self._refused_ns > _REFUSAL_NS
        self._refusal = "" if old else self._refusal
        if course is not None or self._search.ended or old:
            self._tell()

    def _tell(self) -> None:
        """Publish how it goes, and what has ended since; each new state is a line of the log."""
        for state in self._search.ended:
            self._result.publish(_message(state, self._stamp_ns))
            self._say(state)
        self._search.ended.clear()
        state = self._search.state
        self._status.publish(_message(state, self._stamp_ns, self._refusal))
        self._say(state)

    def _say(self, state: SearchState) -> None:
        told = f"{state.category} {state.state} {state.thing is not None}"
        if told != self._told and state.category:
            self._node.get_logger().info(state.text)
        self._told = told


def _message(state: SearchState, stamp_ns: int, refusal: str = "") -> DiagnosticArray:
    """A state as diagnostics; a request that was refused is told as a warning."""
    values = [("category", state.category), ("state", state.state), ("active", str(state.active).lower())]
    values += [("seconds", f"{state.seconds:.1f}"), ("way_m", f"{state.way_m:.2f}")]
    if state.thing is not None:
        x, y = state.thing
        values += [("x_m", f"{x:.3f}"), ("y_m", f"{y:.3f}"), ("away_m", f"{state.away_m:.3f}")]
        values += [("overlap", f"{state.overlap:.3f}"), ("votes", f"{state.votes:.1f}")]
    level = DiagnosticStatus.WARN if refusal or state.state == OVER else DiagnosticStatus.OK
    return status_message(_NAME, stamp_ns, values, refusal or state.text, level)
