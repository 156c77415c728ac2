# SPDX-License-Identifier: Apache-2.0
"""The index of a bag: stamps, locations and poses of everything that may be needed, no picture."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seal_mapping.bags import decode as bd
from seal_mapping.bags.entry import ALL, HEAD, Entry, Location, Topic
from seal_mapping.bags.store import BagStore
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.categories import CategorySet
from seal_perception.errors import InputError
from seal_perception.odometry.track import Samples, Track
from seal_perception.odometry.tree import TransformTree
from seal_perception.pose import pose_from_xyz_quat
from seal_perception.types import FloatArray


class PictureIndex:
    """The pictures of one topic: stamp, kind and location of each."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.stamps: array[int] = array("q")
        self.numbers: array[int] = array("i")
        self.kinds: list[bd.PictureKind] = []
        self._locations: array[int] = array("q")
        self._known: dict[bd.PictureKind, int] = {}

    def __len__(self) -> int:
        return len(self.stamps)

    def add(self, stamp_ns: int, kind: bd.PictureKind, where: Location) -> None:
        """Append a picture."""
        number = self._known.setdefault(kind, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        self.stamps.append(stamp_ns)
        self.numbers.append(number)
        self._locations.extend(where)

    def where(self, position: int) -> Location:
        """Location of a picture's message."""
        return Location(*self._locations[4 * position : 4 * position + 4])

    def kind(self, position: int) -> bd.PictureKind:
        """Kind of a picture."""
        return self.kinds[self.numbers[position]]

    @property
    def usual(self) -> bd.PictureKind:
        """The kind of most pictures."""
        return self.kinds[Counter(self.numbers).most_common(1)[0][0]]


NO_POSE_TOPIC = re.compile(r"(^|/|_)(goal|step|target|waypoint|setpoint|initialpose)")
"""Names of topics whose PoseStamped is where something should be, not where it is."""


@dataclass
class CameraInfos:
    """CameraInfo messages of one topic: the camera of each by K, and by P for pictures that are rectified."""

    topic: Topic
    frame_id: str = ""
    stamps: array[int] = field(default_factory=lambda: array("q"))
    cameras: list[Camera] = field(default_factory=list)
    rectified: list[Camera] = field(default_factory=list)
    distorted: bool = False
    unsized: bool = False
    problem: str = ""

    def add(self, message: Any) -> None:
        """Append a message; one with K and without a size is taken as it is, its pictures have the size.

        Raises:
            InputError: if the camera is not calibrated, binned or cropped.
            ValueError: if its numbers make no sense.
        """
        stamp = m.header_stamp_ns(message)
        if not (message.width and message.height):
            self.unsized = True
            message.width = message.height = 1
        camera = m.camera_info_to_camera(message)
        p = [float(v) for v in (message.p if hasattr(message, "p") else message.P)]
        if not np.isfinite(p).all():
            raise ValueError(f"camera_info's P must be finite numbers, got {p}")
        d = message.d if hasattr(message, "d") else message.D
        by_p = Camera(camera.width, camera.height, p[0], p[5], p[2], p[6]) if p[0] > 0.0 and p[5] > 0.0 else camera
        # The camera hardly ever changes: all its messages share one object.
        last = (self.cameras[-1], self.rectified[-1]) if self.cameras else (camera, by_p)
        self.cameras.append(last[0] if last[0] == camera else camera)
        self.rectified.append(last[1] if last[1] == by_p else by_p)
        self.stamps.append(stamp)
        self.frame_id = self.frame_id or bd.plain_frame(message.header.frame_id)
        self.distorted = self.distorted or bool(np.any(np.asarray(d, np.float64) != 0.0))

    def sized(self, size: Callable[[Camera], Camera]) -> CameraInfos:
        """The same messages with other cameras: `size` makes one of another."""
        known: dict[Camera, Camera] = {}
        lists = [[known.setdefault(c, size(c)) for c in cameras] for cameras in (self.cameras, self.rectified)]
        return replace(self, cameras=lists[0], rectified=lists[1], unsized=False)


@dataclass
class PoseMessages:
    """Odometry or PoseStamped messages of one topic, with the frames that the first of them names."""

    topic: Topic
    frame_id: str
    child_frame_id: str
    samples: Samples = field(default_factory=Samples)


def _numbers(*parts: Any) -> Any:
    return tuple(float(v) for v in parts)


class BagIndex:
    """What a bag holds.

    Memory grows by some 50 bytes per picture and 64 per pose or transform, not with the size of pictures.

    Args:
        store: the bag.
        detections: name, or last parts of the name, of the topic with the robot's own detections.

    Attributes:
        pictures: by topic name.
        infos: CameraInfo by topic name.
        odometry: by topic name.
        poses: PoseStamped by topic name.
        moving: recorded transforms of /tf by (parent, child).
        tree: these and those of /tf_static.
        detections: location of the detections by the stamp of their frame.
        names: their list of categories; None without detections.
        broken: what could not be read, by reason.

    Raises:
        InputError: if the bag is damaged as a whole.
    """

    def __init__(self, store: BagStore, detections: str | None = None) -> None:
        self.store = store
        self.pictures: dict[str, PictureIndex] = {}
        self.infos: dict[str, CameraInfos] = {}
        self.odometry: dict[str, PoseMessages] = {}
        self.poses: dict[str, PoseMessages] = {}
        self.detections: dict[int, Location] = {}
        self.detections_topic: Topic | None = None
        self.names: CategorySet | None = None
        self.broken: Counter[str] = Counter()
        self._detections_tail = "/" + (detections or m.DETECTIONS).strip("/")
        self._moving: dict[tuple[str, str], Samples] = {}
        self._static: dict[tuple[str, str], FloatArray] = {}
        self._static_ns: dict[tuple[str, str], int] = {}
        self._restated: dict[tuple[str, str], FloatArray] = {}
        for entry in store.scan(self._wants):
            try:
                self._take(entry)
            except bd.BrokenMessageError:
                self.broken["broken message"] += 1
        tally = store.tally
        self.topics: tuple[Topic, ...] = tuple(sorted(tally.topics.values(), key=lambda t: t.name))
        self.broken.update({"broken message": tally.broken_messages, "broken chunk": tally.broken_chunks})
        self.broken = +self.broken
        self.moving = {k: Track(v) for k, v in self._moving.items() if k not in self._static and len(v.stamps)}
        self.tree = TransformTree(self._static, self.moving, self._restated)
        self._moving = {}

    def _wants(self, topic: Topic) -> int:
        if not topic.readable:
            return 0
        if topic.msgtype in (bd.IMAGE, bd.COMPRESSED):
            return HEAD
        if topic.msgtype in (bd.CAMERA_INFO, bd.ODOMETRY, bd.POSE_STAMPED, *bd.TF_MESSAGES):
            return ALL
        named = topic.msgtype == bd.STRING and ("/" + topic.name.lstrip("/")).endswith(self._detections_tail)
        return ALL if named else 0

    def _take(self, entry: Entry) -> None:
        topic = entry.topic
        if topic.msgtype in (bd.IMAGE, bd.COMPRESSED):
            stamp, kind = bd.picture_head(topic, entry.data)
            self.pictures.setdefault(topic.name, PictureIndex(topic)).add(stamp, kind, entry.where)
            return
        message = bd.decode(topic, entry.data)
        if topic.msgtype == bd.STRING:
            self._take_detections(topic, message, entry.where)
        elif topic.msgtype == bd.CAMERA_INFO:
            self._take_info(topic, message)
        elif topic.msgtype in bd.TF_MESSAGES:
            for transform in message.transforms:
                self._take_transform(topic, transform, entry.log_ns)
        else:
            self._take_pose(topic, message)

    def _take_detections(self, topic: Topic, message: Any, where: Location) -> None:
        try:
            stamp, names = m.detections_head(message.data)
        except InputError:
            self.broken["broken detections"] += 1
            return
        if self.names is not None and names != self.names:
            self.broken["detections of another list of categories than the first"] += 1
            return
        self.names = names
        self.detections_topic = topic
        self.detections[stamp] = where

    def _take_info(self, topic: Topic, message: Any) -> None:
        infos = self.infos.setdefault(topic.name, CameraInfos(topic))
        try:
            infos.add(message)
        except ValueError as error:
            infos.problem = infos.problem or str(error)
            self.broken["unusable camera info"] += 1

    def _take_transform(self, topic: Topic, message: Any, log_ns: int) -> None:
        edge = (bd.plain_frame(message.header.frame_id), bd.plain_frame(message.child_frame_id))
        t, q = message.transform.translation, message.transform.rotation
        xyz, quat = _numbers(t.x, t.y, t.z), _numbers(q.x, q.y, q.z, q.w)
        try:
            if topic.name.rsplit("/", 1)[-1] == "tf_static":
                self._take_static(edge, pose_from_xyz_quat(xyz, quat), log_ns)
            else:
                self._moving.setdefault(edge, Samples()).add(m.header_stamp_ns(message), xyz, quat)
        except ValueError:
            self.broken["broken pose"] += 1

    def _take_static(self, edge: tuple[str, str], T: FloatArray, log_ns: int) -> None:
        """The last recorded counts, as in tf2; another before it is kept to be said."""
        old = self._static.get(edge)
        late = old is None or log_ns >= self._static_ns[edge]
        if old is not None and not np.allclose(old, T, rtol=0.0, atol=1e-3):
            self._restated[edge] = old if late else T
        if late:
            self._static[edge], self._static_ns[edge] = T, log_ns

    def _take_pose(self, topic: Topic, message: Any) -> None:
        odometry = topic.msgtype == bd.ODOMETRY
        pose = message.pose.pose if odometry else message.pose
        child = bd.plain_frame(message.child_frame_id) if odometry else ""
        group = self.odometry if odometry else self.poses
        poses = group.setdefault(topic.name, PoseMessages(topic, bd.plain_frame(message.header.frame_id), child))
        p, q = pose.position, pose.orientation
        try:
            poses.samples.add(m.header_stamp_ns(message), _numbers(p.x, p.y, p.z), _numbers(q.x, q.y, q.z, q.w))
        except ValueError:
            if odometry or not NO_POSE_TOPIC.search(topic.name):  # a goal that is NaN says that there is none yet
                self.broken["broken pose"] += 1

    def listing(self, limit: int = 12) -> str:
        """The topics in one line, for errors: name (type, number of messages)."""
        topics = [t for t in self.topics if t.count] or self.topics
        rows = [f"{t.name} ({t.msgtype.replace('/msg/', '/')}, {t.count})" for t in topics]
        more = f" and {len(rows) - limit} more" if len(rows) > limit else ""
        return ", ".join(rows[:limit]) + more if rows else "no topics at all"
