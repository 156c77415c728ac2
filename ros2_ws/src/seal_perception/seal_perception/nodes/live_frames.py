# SPDX-License-Identifier: Apache-2.0
"""Frames outside lockstep: parts of one stamp, and the pose that odometry or /tf gives at that stamp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from nav_msgs.msg import Odometry

from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.stamp_matching import StampMatcher
from seal_perception.odometry.live import ODOMETRY, TF, PoseConfig, PosedPictures
from seal_perception.odometry.transforms import ChainPoses
from seal_perception.safety.watch import WENT_BACK, Fault, OdometryWatch
from seal_perception.types import FloatArray

ODOMETRY_DEPTH = 1000
"""Odometry messages that wait while a node is busy: 20 s at 50 Hz, 0.7 kB each."""
PICTURE_DEPTH, COMPUTED_DEPTH = 30, 5
"""Messages that wait on a topic of pictures (a second), and on one that is computed from them: of more, the newest."""
_LOOK_S = 0.1
_SAY_S = 5.0
MOUNTING = "mounting"
"""A frame's part T_base_sensor (4, 4), where it comes from /tf."""
LATE_S = 1.0
"""Scores that are later than this are told of."""


class OdometryFeed:
    """One subscription to odometry for all in a node that want it; a message that is no pose is refused before them.

    Args:
        node: a SealNode; its `odom_topic` is heard.
    """

    def __init__(self, node: Any) -> None:
        self._heard: list[Callable[[int, Odometry], None]] = []
        node.subscribe(Odometry, node.odom_topic, self._on_odometry, depth=ODOMETRY_DEPTH)

    def add(self, callback: Callable[[int, Odometry], None]) -> None:
        """Call this with the stamp in nanoseconds and each message from now on."""
        self._heard.append(callback)

    def _on_odometry(self, msg: Odometry) -> None:
        stamp_ns = m.header_stamp_ns(msg)
        m.odometry_to_pose(msg)
        for callback in self._heard:
            callback(stamp_ns, msg)


class LiveFrames:
    """Puts parts together by stamp, then adds T_odom_base, interpolated at it, as the part `odom`.

    By `config.pose_source` it comes from odometry or from /tf, then in the map's frame; the sensor's mounting at that
    stamp, where it comes from /tf, is the part `MOUNTING`.

    Args:
        node: a SealNode; hears odometry, and says every 5 s what is missing or dropped.
        topics: names of the parts, without `odom`; the caller hands their messages to `add`.
        on_frame: called with the stamp and the parts.
        config: how long frames wait for odometry.
        max_late_s: how long pictures wait for the scores that are computed from them.

    Attributes:
        on_fault: called when odometry jumps or its stamps go back; what waited is dropped then.
        matched: frames handed on.
    """

    def __init__(
        self,
        node: Any,
        topics: tuple[str, ...],
        on_frame: Callable[[int, dict[str, Any]], None],
        config: PoseConfig | None = None,
        max_late_s: float = 10.0,
    ) -> None:
        self._node = node
        self._on_frame = on_frame
        config = self._config = config or PoseConfig()
        self.on_fault: Callable[[Fault], None] = lambda fault: None
        self._watch = OdometryWatch(config.jump_m, config.jump_rad)
        self._posed = PosedPictures(self._on_posed, config)
        computed = m.SCORES if m.SCORES in topics else ""
        self._sets = StampMatcher(topics, self._on_set, computed=computed, max_late_ns=round(max_late_s * m.NS))
        self._late_said = 0
        self._said: Counter[str] = Counter()
        self._frames, self._frame_ids = (config.odom_frame, config.base_frame), dict[str, str]()
        self._mismatch = ""
        self.matched = 0
        sensors = [topic for topic in (m.DEPTH, m.SCAN) if topic in topics and config.pose_source != ODOMETRY]
        self._sensor = sensors[0] if sensors else ""
        self._by_odom: ChainPoses | None = None
        if config.pose_source != TF:
            node.odometry.add(self._on_odometry)
        else:
            heard = node.transforms.transforms
            odom, base = config.tf_odom_frame, config.tf_base_frame
            self._by_odom, self._watched_ns = ChainPoses(heard, odom, base), -1
            self._posed.sources = (ChainPoses(heard, config.tf_map_frame or odom, base),)
        if config.pose_source != ODOMETRY:
            node.transforms.add(self._on_transforms)
        node.create_timer(_LOOK_S, lambda: self._posed.look(self._now_s()), clock=node.steady)
        node.create_timer(_SAY_S, self._say, clock=node.steady)

    @property
    def dropped(self) -> int:
        """Frames that came to nothing: a part was missing, or there was no pose."""
        return self._sets.dropped + sum(self._posed.dropped.values())

    @property
    def waiting(self) -> int:
        """Frames that wait for a part or for their pose."""
        return self._sets.waiting + self._posed.waiting

    @property
    def late_s(self) -> float:
        """By how much the last scores were behind the newest picture, in seconds."""
        return self._sets.late_s

    def add(self, topic: str, stamp_ns: int, message: Any) -> None:
        """Take a message of one of the topics.

        Raises:
            InputError: if it is in another frame than the first one of its topic: two cameras make no map, and aligned
                depth may flip to the depth camera's view (realsense-ros #3391).
        """
        frame_id = str(message.header.frame_id)
        before = self._frame_ids.setdefault(topic, frame_id)
        if frame_id != before:
            raise InputError(f"it is in the frame {frame_id!r}, before in {before!r}: do two publishers share it?")
        self._sets.add(topic, stamp_ns, message)

    def missing(self) -> tuple[str, ...]:
        """Topics that the oldest incomplete frame waits for."""
        return self._sets.missing()

    def _now_s(self) -> float:
        return float(self._node.steady.now().nanoseconds) / m.NS

    def _on_odometry(self, stamp_ns: int, msg: Odometry) -> None:
        p, q = msg.pose.pose.position, msg.pose.pose.orientation
        mismatch = m.frame_mismatch(msg, *self._frames)
        if mismatch != self._mismatch:
            self._mismatch = mismatch
            self._node.get_logger().warning(mismatch or "odometry has the expected frames again")
        self._tell(
            self._watch.see(stamp_ns, m.odometry_to_pose(msg)), self._node.resolve_topic_name(self._node.odom_topic)
        )
        self._posed.see_odometry(stamp_ns, (p.x, p.y, p.z), (q.x, q.y, q.z, q.w))

    def _tell(self, fault: Fault | None, where: str, since_ns: int = 0) -> None:
        """After a fault of the poses drop what waits for them, and what is older than `since_ns`, and say so."""
        if fault is None:
            return
        self._sets.clear()
        self._posed.begin_anew(fault.kind, since_ns)
        self._node.get_logger().error(f"{where}: {fault.text}; what waited is dropped")
        self.on_fault(fault)

    def _on_transforms(self, back_ns: int) -> None:
        """Hand on what waited for transforms; the way from odom to the base is watched as odometry is."""
        if self._by_odom is not None:
            stamp_ns = self._by_odom.newest_ns
            if back_ns:
                self._watched_ns = -1
                self._tell(Fault(WENT_BACK, f"stamps went back by {back_ns / m.NS:.2f} s"), m.TF)
            T = self._by_odom.newest() if stamp_ns is not None and stamp_ns > self._watched_ns else None
            if T is not None and stamp_ns is not None:
                self._watched_ns = stamp_ns
                self._tell(self._watch.see(stamp_ns, T), m.TF, stamp_ns)
        self._posed.release()

    def _look_up_mounting(self, parts: dict[str, Any]) -> None:
        """From now on pictures wait for the transforms between the base and the frame that they name, too."""
        named = str(parts[self._sensor].header.frame_id)
        frame = (self._config.tf_camera_frame if self._sensor == m.DEPTH else "") or named
        chain = ChainPoses(self._node.transforms.transforms, self._config.tf_base_frame, frame)
        self._posed.sources = (*self._posed.sources, chain)

    def _on_set(self, stamp_ns: int, parts: dict[str, Any]) -> None:
        if self._sensor and len(self._posed.sources) == 1:
            self._look_up_mounting(parts)
        self._posed.see_picture(stamp_ns, parts, self._now_s())

    def _on_posed(self, stamp_ns: int, parts: dict[str, Any], T_odom_base: FloatArray, *mounting: FloatArray) -> None:
        self.matched += 1
        self._on_frame(stamp_ns, {**parts, m.ODOM: T_odom_base, **({MOUNTING: mounting[0]} if mounting else {})})

    def _say(self) -> None:
        """Warn of frames dropped since the last time, by reason, and of scores that are late."""
        logger = self._node.get_logger()
        late, self._late_said = self._sets.late - self._late_said, self._sets.late
        if late:
            logger.warning(f"scores are {self.late_s:.1f} s late: {late} came when their pictures had been dropped")
        elif self.late_s > LATE_S:
            logger.warning(f"scores are {self.late_s:.1f} s late: the detector is slow, or the machine busy")
        new = self._posed.dropped - self._said
        self._said = Counter(self._posed.dropped)
        if new:
            why = ", ".join(f"{count} with {reason}" for reason, count in sorted(new.items()))
            source = m.TF if self._by_odom is not None else self._node.resolve_topic_name(self._node.odom_topic)
            logger.warning(f"frames without a pose were dropped, by {source}: {why}")
