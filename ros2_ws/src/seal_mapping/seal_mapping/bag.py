# SPDX-License-Identifier: Apache-2.0
"""Reading a recorded run frame by frame, with rosbags alone: no ROS is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.errors import ReaderError

from seal_mapping import bag_messages as bm
from seal_mapping.source import BagFrame
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.frame import Frame

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BagTopics:
    """Names of the topics in a bag, without a leading slash; a namespace before them is found by itself."""

    colour: str = m.COLOUR
    depth: str = m.DEPTH
    camera_info: str = m.CAMERA_INFO
    odom: str = m.ODOM
    detections: str = m.DETECTIONS
    tf_static: str = m.TF_STATIC
    camera_frame: str = m.CAMERA_FRAME


@dataclass
class _Index:
    """What a first pass over a bag finds, by stamp in nanoseconds."""

    colour: dict[int, int] = field(default_factory=dict)
    depth: dict[int, int] = field(default_factory=dict)
    cameras: dict[int, Camera] = field(default_factory=dict)
    poses: dict[int, FloatArray] = field(default_factory=dict)
    detections: dict[int, str] = field(default_factory=dict)
    T_base_camera: FloatArray | None = None


def require_bag(path: Path | str) -> Path:
    """The folder of a whole bag.

    Raises:
        InputError: if there is none, or if it was cut off and wants recovering.
    """
    path = Path(path)
    if path.suffix == ".mcap" or path.name == "metadata.yaml":
        path = path.parent
    if (path / "metadata.yaml").is_file():
        return path
    if path.is_dir() and any(path.glob("*.mcap")):
        raise InputError(f"the bag {path} was cut off while it was written; run: seal bag recover {path}")
    raise InputError(f"{path} is no bag: expected a folder with metadata.yaml and an .mcap file")


class BagReader:
    """The frames of a bag that have colour, depth, camera info and odometry of one stamp, in the order of their stamps.

    May be walked through many times; memory holds one frame's pictures at a time.

    Args:
        path: folder of the bag.
        topics: names of the topics.
        T_base_camera: the camera's mounting where /tf_static has none.

    Raises:
        InputError: if the folder is no whole bag or has no whole frame; the text says what is missing.
    """

    def __init__(
        self, path: Path | str, topics: BagTopics | None = None, T_base_camera: FloatArray | None = None
    ) -> None:
        self.path = require_bag(path)
        self.topics = topics or BagTopics()
        self._index = _Index(T_base_camera=T_base_camera)
        try:
            self._scan()
        except (ReaderError, OSError) as error:
            raise InputError(f"cannot read the bag {self.path}: {error}") from error
        found = self._index
        whole = found.colour.keys() & found.depth.keys() & found.cameras.keys() & found.poses.keys()
        self.stamps_ns: tuple[int, ...] = tuple(sorted(whole))
        self.dropped = len(found.colour) - len(whole)
        if not whole:
            raise InputError(
                f"the bag {self.path} has no frame with colour, depth, camera info and odometry of one stamp: it has "
                f"{len(found.colour)} colour, {len(found.depth)} depth, {len(found.cameras)} camera info and "
                f"{len(found.poses)} odometry messages"
            )
        if found.T_base_camera is None:
            raise InputError(
                f"the bag {self.path} has no {m.BASE_FRAME} -> {self.topics.camera_frame} on /tf_static: "
                "give the camera's mounting"
            )

    def __len__(self) -> int:
        return len(self.stamps_ns)

    @property
    def T_base_camera(self) -> FloatArray:
        """(4, 4) mounting of the camera."""
        assert self._index.T_base_camera is not None
        return self._index.T_base_camera

    def odometry(self) -> FloatArray:
        """(N, 4, 4) T_odom_base of the frames."""
        return np.stack([self._index.poses[s] for s in self.stamps_ns])

    def __iter__(self) -> Iterator[BagFrame]:
        """All frames from the first on.

        Raises:
            InputError: if a picture has another encoding or size than its camera info.
        """
        position = {stamp: i for i, stamp in enumerate(self.stamps_ns)}
        pictures: dict[int, dict[str, Any]] = {}
        with Reader(self.path) as reader:
            chosen = self._connections(reader)
            wanted = {chosen[self.topics.colour].id: "rgb", chosen[self.topics.depth].id: "depth"}
            connections = [c for c in reader.connections if c.id in wanted]
            waiting = 0
            for connection, _, data in reader.messages(connections):
                stamp = bm.raw_stamp_ns(data, connection.msgtype)
                if stamp not in position:
                    continue
                pictures.setdefault(stamp, {})[wanted[connection.id]] = bm.decode(data, connection.msgtype)
                while waiting < len(self.stamps_ns) and len(pictures.get(self.stamps_ns[waiting], ())) == 2:
                    stamp = self.stamps_ns[waiting]
                    yield self._frame(waiting, stamp, pictures.pop(stamp))
                    waiting += 1

    def _frame(self, index: int, stamp: int, pair: dict[str, Any]) -> BagFrame:
        m.check_registered(pair["depth"], pair["rgb"])
        found = self._index
        text = found.detections.get(stamp)
        frame = Frame(
            stamp,
            m.image_to_rgb(pair["rgb"]),
            m.image_to_depth(pair["depth"]),
            found.cameras[stamp],
            found.poses[stamp] @ self.T_base_camera,
        )
        return BagFrame(index, frame, None if text is None else m.detections_from_text(text).detections)

    def _connections(self, reader: Reader) -> dict[str, Connection]:
        """Connection of each of our topics that the bag has, by exact name or after a namespace."""
        chosen = {}
        for name in (v for k, v in vars(self.topics).items() if k != "camera_frame"):
            tail = "/" + name.lstrip("/")
            matching = [c for c in reader.connections if ("/" + c.topic.lstrip("/")).endswith(tail)]
            if matching:
                chosen[name] = min(matching, key=lambda c: len(c.topic))
        return chosen

    def _scan(self) -> None:
        found, topics = self._index, self.topics
        with Reader(self.path) as reader:
            chosen = self._connections(reader)
            names = {connection.id: name for name, connection in chosen.items()}
            for connection, _, data in reader.messages([c for c in reader.connections if c.id in names]):
                name = names[connection.id]
                if name == topics.tf_static:
                    self._scan_static(bm.decode(data, connection.msgtype))
                    continue
                stamp = bm.raw_stamp_ns(data, connection.msgtype)
                assert stamp is not None
                if name == topics.colour:
                    found.colour[stamp] = 1
                elif name == topics.depth:
                    found.depth[stamp] = 1
                elif name == topics.camera_info:
                    found.cameras[stamp] = m.camera_info_to_camera(bm.decode(data, connection.msgtype))
                elif name == topics.odom:
                    found.poses[stamp] = m.odometry_to_pose(bm.decode(data, connection.msgtype))
                else:
                    found.detections[stamp] = bm.decode(data, connection.msgtype).data

    def _scan_static(self, message: Any) -> None:
        for transform in message.transforms:
            pair = (transform.header.frame_id, transform.child_frame_id)
            if pair == (m.BASE_FRAME, self.topics.camera_frame):
                self._index.T_base_camera = m.transform_to_matrix(transform.transform)


def open_bag(path: Path | str, topics: BagTopics | None = None) -> BagReader:
    """A bag's frames.

    Raises:
        InputError: if the folder is no whole bag or has no whole frame.
    """
    return BagReader(path, topics)
