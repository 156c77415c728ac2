# SPDX-License-Identifier: Apache-2.0
"""Recording a run's messages: in lockstep frame by frame in one fixed order, whatever their order of arrival."""

from __future__ import annotations

from seal_mapping.bags import messages as bm
from seal_mapping.bags.writer import FRAMES, BagWriter, odometry_transform, static_transforms
from seal_perception import messages as m
from seal_perception.types import FloatArray

PACED = (m.CAMERA_INFO, m.COLOUR, m.DEPTH, m.ODOM, m.DETECTIONS)
"""In paced mode no step answers a frame, odometry comes in between, and the detector skips frames that it is too slow
for."""
APART = (m.CAMERA_INFO, m.COLOUR, m.DEPTH, m.DETECTIONS)
"""The same where odometry has stamps of its own, as on a robot."""
WHOLE = (*PACED, m.GOAL, m.STEP)
"""What each frame of a lockstep run has."""
_MOST_WAITING = 100
"""Stamps with a picture, or a part of one, that wait in paced mode for what they lack."""
_ODOM_WAITS_NS = 5_000_000_000
"""For so long odometry alone waits for a picture of its stamp, where it may have one."""


class FrameRecorder:
    """Holds serialized messages back until their frame is whole, then writes it as one chunk, flushed.

    A whole frame is written when the next one is whole (in paced mode its goal has arrived by then) or by `flush`. A
    kill therefore loses the current frame and at most the one before it. In paced mode the next whole frame also
    flushes incomplete ones before it: topics arrive in order, so what those lack was skipped. Where no frame becomes
    whole, as without depth, the oldest are written as they are, so that memory stays bounded.

    Args:
        writer: the open bag.
        T_base_camera: mounting of the camera for /tf_static; None = /tf and /tf_static are written from outside.
        whole: topics that make a frame whole.
        frames: of odometry, the base and the camera, for /tf_static.
    """

    def __init__(
        self,
        writer: BagWriter,
        T_base_camera: FloatArray | None,
        whole: tuple[str, ...] = WHOLE,
        frames: tuple[str, str, str] = FRAMES,
    ) -> None:
        self.frames = 0
        self._writer = writer
        self._whole = frozenset(whole)
        self._paced = m.STEP not in self._whole
        self._static = None if T_base_camera is None else static_transforms(T_base_camera, frames)
        self._waiting: dict[int, dict[str, bytes]] = {}
        self._last_ns = -1
        self._begun = False
        self._idle: set[int] = set()

    def add(self, topic: str, data: bytes) -> None:
        """Take one serialized message of a topic with stamps.

        Raises:
            BagWriteError: if the bag cannot be written any further.
        """
        stamp = bm.raw_stamp_ns(data, bm.TOPIC_TYPES[topic])
        if stamp is None:
            return
        data = bm.canonical(topic, data)
        if stamp <= self._last_ns:
            self._writer.write(topic, stamp, data)
            if topic == m.ODOM and self._static is not None:
                self._writer.write(m.TF, stamp, odometry_transform(data))
            return
        self._waiting.setdefault(stamp, {})[topic] = data
        if self._paced and m.ODOM not in self._whole and topic == m.ODOM and len(self._waiting[stamp]) == 1:
            self._write(stamp)
        elif self.is_whole(stamp):
            for earlier in sorted(s for s in self._waiting if s < stamp and (self._paced or self.is_whole(s))):
                self._write(earlier)
        elif self._paced:
            self._bound(topic)

    def whole_frames(self) -> int:
        """Frames written plus whole ones that wait to be."""
        return self.frames + sum(self.is_whole(s) for s in self._waiting)

    def is_whole(self, stamp: int) -> bool:
        """Whether all of the frame of this stamp waits to be written."""
        return stamp in self._waiting and self._whole <= self._waiting[stamp].keys()

    def flush(self, everything: bool = False) -> None:
        """Write whole frames that have waited since the last call; with `everything` also those that are not whole."""
        for stamp in sorted(self._waiting):
            if everything or (stamp in self._idle and self.is_whole(stamp)):
                self._write(stamp)
        self._idle = {s for s in self._waiting if self.is_whole(s)}

    def _bound(self, topic: str) -> None:
        """Write the oldest that wait, if a message of this topic made them too many."""
        if topic == m.ODOM:
            latest = max(self._waiting) - _ODOM_WAITS_NS
            for stamp in sorted(s for s, found in self._waiting.items() if s < latest and found.keys() <= {m.ODOM}):
                self._write(stamp)
            return
        pictures = sum(not found.keys() <= {m.ODOM} for found in self._waiting.values())
        while pictures > _MOST_WAITING:
            oldest = min(self._waiting)
            pictures -= not self._waiting[oldest].keys() <= {m.ODOM}
            self._write(oldest)

    def _write(self, stamp: int) -> None:
        between = self._paced and self._waiting[stamp].keys() <= {m.ODOM}
        found = self._waiting.pop(stamp)
        if not self._begun and self._static is not None:
            self._writer.write(m.TF_STATIC, stamp, self._static)
        self._begun = True
        if m.ODOM in found and self._static is not None:
            found[m.TF] = odometry_transform(found[m.ODOM])
        self.frames += self._whole <= found.keys()
        for topic in bm.TOPIC_TYPES:
            if topic in found:
                self._writer.write(topic, stamp, found[topic])
        if not between:  # odometry runs ahead of pictures: one of these is not late because odometry was written
            self._last_ns = max(self._last_ns, stamp)
            self._writer.flush()
