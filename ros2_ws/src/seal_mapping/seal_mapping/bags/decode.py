# SPDX-License-Identifier: Apache-2.0
"""Messages of any bag, from their bytes: whole ones by rosbags, the first fields of pictures by hand."""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from typing import Any

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from seal_mapping.bags.entry import Topic
from seal_mapping.bags.messages import typestore
from seal_perception import messages as m
from seal_perception.errors import InputError

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CAMERA_INFO, ODOMETRY = "sensor_msgs/msg/CameraInfo", "nav_msgs/msg/Odometry"
POSE_STAMPED, STRING = "geometry_msgs/msg/PoseStamped", "std_msgs/msg/String"
TF_MESSAGES = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")

_BROKEN = (
    struct.error, ValueError, AssertionError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError,
    MemoryError, RecursionError, SerdeError, TypesysError,
)  # fmt: skip
"""What rosbags' generated decoders raise on bytes that are not such a message."""


class BrokenMessageError(ValueError):
    """The bytes are no message of their topic's type."""


@dataclass(frozen=True)
class PictureKind:
    """What all pictures of a camera share.

    Attributes:
        frame_id: optical frame, without a leading slash.
        encoding: of an Image; the format of a CompressedImage.
        width: pixels; 0 where the first bytes of a compressed picture do not tell.
        height: pixels, likewise.
        compressed: whether it comes from a CompressedImage.
    """

    frame_id: str
    encoding: str
    width: int
    height: int
    compressed: bool


@functools.lru_cache(maxsize=1)
def _ros1_typestore() -> Typestore:
    store = get_typestore(Stores.ROS1_NOETIC)
    for name in TF_MESSAGES:
        store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", name))
    return store


def decode(topic: Topic, data: bytes) -> Any:
    """The message of some bytes; the standard types have one layout in all ROS 2 releases, and one in ROS 1.

    Raises:
        BrokenMessageError: if they are no such message.
    """
    try:
        if topic.encoding == "ros1":
            return _ros1_typestore().deserialize_ros1(data, topic.msgtype)
        return typestore().deserialize_cdr(data, topic.msgtype)
    except _BROKEN as error:
        raise BrokenMessageError(f"a message on {topic.name} is damaged: {error}") from error


def plain_frame(frame_id: str) -> str:
    """Name of a frame as tf2 takes it: ROS 1 put a slash before it at times."""
    return str(frame_id).strip("\0").lstrip("/")


class _Fields:
    """Reads header fields one after the other, in CDR or as ROS 1 lays them out."""

    def __init__(self, topic: Topic, data: bytes) -> None:
        self._data = data
        self._ros1 = topic.encoding == "ros1"
        self._order = "<" if self._ros1 or data[1] & 1 else ">"
        self._at = 0 if self._ros1 else 4

    def number(self, form: str = "I") -> int:
        if not self._ros1:
            self._at += -(self._at - 4) % 4
        value = struct.unpack_from(self._order + form, self._data, self._at)[0]
        self._at += 4
        return int(value)

    def text(self) -> str:
        length = self.number()
        end = self._at + length
        if end > len(self._data):
            raise BrokenMessageError("a text is longer than its message")
        value = self._data[self._at : end].decode(errors="replace")
        self._at = end
        return value.rstrip("\0")

    def stamp_ns(self) -> int:
        if self._ros1:
            self.number()  # seq
        try:
            return m.checked_stamp_ns(self.number("I" if self._ros1 else "i"), self.number())
        except InputError as error:
            raise BrokenMessageError(str(error)) from error

    def rest(self) -> bytes:
        """What follows the length of a byte sequence."""
        self.number()
        return self._data[self._at :]


def picture_head(topic: Topic, data: bytes) -> tuple[int, PictureKind]:
    """Stamp in nanoseconds and kind of a picture, from the first bytes of its message.

    Raises:
        BrokenMessageError: if they are not those of an Image or CompressedImage.
    """
    try:
        fields = _Fields(topic, data)
        stamp = fields.stamp_ns()
        frame = plain_frame(fields.text())
        if topic.msgtype == IMAGE:
            height, width = fields.number(), fields.number()
            return stamp, PictureKind(frame, fields.text(), width, height, False)
        form = fields.text()
        size = m.compressed_size(fields.rest()) or (0, 0)
        return stamp, PictureKind(frame, form, *size, True)
    except (struct.error, IndexError) as error:
        raise BrokenMessageError(f"a picture on {topic.name} is damaged: {error}") from error
