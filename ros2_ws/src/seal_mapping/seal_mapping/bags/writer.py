# SPDX-License-Identifier: Apache-2.0
"""Writing a rosbag2 bag (mcap): a killed writer loses little, a failed one leaves nothing that looks whole."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter

from seal_mapping.bags import messages as bm
from seal_mapping.bags.formats.mcap_records import CRC_AT
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.errors import InputError, SealError
from seal_perception.types import Float32Array, FloatArray, UInt8Array


class BagWriteError(SealError):
    """The bag cannot be written any further (full disk, folder gone); what was flushed before can be recovered."""


class _CheckedMcapWriter(McapWriter):
    """rosbags' writer with the checksum of each chunk, which it leaves at 0: none.

    The checksum of the whole data section, of which 0 means none too, is left out: it would cover no message that the
    chunks' do not, and a reader would have to read the whole file for it.
    """

    def close_chunk(self) -> None:
        """Write the chunk, then its checksum into it: a kill between the two leaves a chunk without one."""
        start, crc = self.bio.tell(), zlib.crc32(self.chunk.bio.getbuffer())
        super().close_chunk()
        end = self.bio.tell()
        self.bio.seek(start + CRC_AT)
        self.bio.write(struct.pack("<I", crc))
        self.bio.seek(end)


class _CheckedWriter(Writer):
    STORAGE_PLUGINS = {StoragePlugin.MCAP: _CheckedMcapWriter}  # noqa: RUF012 - the name and form are rosbags'


class BagWriter:
    """A rosbag2 bag of version 8 (read by Humble and Jazzy) in zstd-compressed mcap chunks with checksums.

    `metadata.yaml`, without which no tool takes the folder for a bag, appears last and only if all else was written.

    Args:
        path: folder to make; it must not exist.
        topics: topic -> message type; all are registered at once, so that the first message costs nothing extra.
        namespace: put before topics without a leading slash, as ROS does.

    Raises:
        BagWriteError: if the folder cannot be made.
    """

    def __init__(self, path: Path | str, topics: Mapping[str, str] | None = None, namespace: str = "/") -> None:
        self.path = Path(path)
        self.written: dict[str, int] = {}
        if self.path.exists():
            raise BagWriteError(f"cannot write the bag {self.path}: it exists already; choose another folder")
        self._writer = _CheckedWriter(self.path, version=8, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._connections: dict[str, Connection] = {}
        self._closed = False
        try:
            self._writer.open()
            for topic, msgtype in (topics or bm.TOPIC_TYPES).items():
                name = topic if topic.startswith("/") else f"{namespace.rstrip('/')}/{topic}"
                self._connections[topic] = self._writer.add_connection(
                    name, msgtype, typestore=bm.typestore(), offered_qos_profiles=[bm.offered_qos(topic)]
                )
                self.written[topic] = 0
        except OSError as error:
            self._closed = True
            raise BagWriteError(f"cannot write the bag {self.path}: {error.strerror or error}") from error

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._closed

    @property
    def _storage(self) -> McapWriter:
        storage = self._writer.storage
        if not isinstance(storage, McapWriter):
            raise BagWriteError(f"the bag {self.path} is closed")
        return storage

    def write(self, topic: str, stamp_ns: int, data: bytes) -> None:
        """Add one serialized message; it is safe from a kill after `flush`.

        Raises:
            BagWriteError: on a full disk; the bag is closed without metadata then.
            InputError: for a topic that was not registered.
        """
        if topic not in self._connections:
            raise InputError(f"topic {topic!r} is not one of the bag's: {', '.join(self._connections)}")
        with self._guard():
            self._writer.write(self._connections[topic], stamp_ns, data)
        self.written[topic] += 1

    def flush(self) -> None:
        """End the chunk and hand it to the operating system: a SIGKILL now loses nothing."""
        with self._guard():
            storage = self._storage
            if storage.chunk.msgs:
                storage.close_chunk()
            storage.bio.flush()

    def close(self) -> None:
        """Write index and metadata; closing twice does nothing.

        Raises:
            BagWriteError: if they cannot be written.
        """
        if self._closed:
            return
        final = self._writer.metapath
        self._writer.metapath = final.with_name(".metadata.yaml.part")
        with self._guard():
            self._writer.close()
            os.replace(self._writer.metapath, final)
        self._closed = True

    def abandon(self) -> None:
        """Close the file without index and metadata, as after a kill; never raises."""
        self._closed = True
        storage, self._writer.storage = self._writer.storage, None
        if isinstance(storage, McapWriter):
            with contextlib.suppress(OSError):
                storage.bio.close()
        with contextlib.suppress(OSError):
            self.path.joinpath(".metadata.yaml.part").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        if self._closed:
            raise BagWriteError(f"the bag {self.path} is closed")
        try:
            yield
        except OSError as error:
            self.abandon()
            raise BagWriteError(
                f"cannot write the bag {self.path}: {error.strerror or error}; free some space, then "
                f"`seal bag recover {self.path}` brings back what was written"
            ) from error

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


FRAMES = (m.ODOM_FRAME, m.BASE_FRAME, m.CAMERA_FRAME)
"""Of odometry, the base and the camera, as the simulator calls them."""


def static_transforms(T_base_camera: FloatArray, frames: tuple[str, str, str] = FRAMES) -> bytes:
    """Serialized /tf_static: map -> odom (identity: the map starts where odometry does) and base -> camera.

    Args:
        T_base_camera: (4, 4) mounting.
        frames: of odometry, the base and the camera.
    """
    odom, base, camera = frames
    rows = [(m.MAP_FRAME, odom, np.eye(4)), (base, camera, np.asarray(T_base_camera, np.float64))]
    return bm.encode(m.TF_STATIC, bm.tf_message(rows, 0))


def odometry_transform(odometry: bytes) -> bytes:
    """Serialized /tf message with the odom -> base_link of a serialized Odometry."""
    msg = bm.decode(odometry, bm.TOPIC_TYPES[m.ODOM])
    row = (msg.header.frame_id, msg.child_frame_id, m.odometry_to_pose(msg))
    return bm.encode(m.TF, bm.tf_message([row], m.header_stamp_ns(msg)))


def write_frame(
    writer: BagWriter,
    stamp_ns: int,
    rgb: UInt8Array,
    depth: Float32Array,
    camera: Camera,
    T_odom_base: FloatArray,
    T_base_camera: FloatArray,
    detections: Detections | None = None,
) -> None:
    """Write one step's messages as the recorder would, and flush; used where a run has no ROS.

    The first frame also writes /tf_static.
    """
    if not writer.written[m.TF_STATIC]:
        writer.write(m.TF_STATIC, stamp_ns, static_transforms(T_base_camera))
    odometry = bm.encode(m.ODOM, bm.odometry_message(T_odom_base, stamp_ns))
    messages = {
        m.CAMERA_INFO: bm.encode(m.CAMERA_INFO, bm.camera_info_message(camera, stamp_ns)),
        m.COLOUR: bm.encode(m.COLOUR, bm.image_message(rgb, "rgb8", stamp_ns)),
        m.DEPTH: bm.encode(m.DEPTH, bm.image_message(depth.astype("<f4"), "32FC1", stamp_ns)),
        m.ODOM: odometry,
        m.TF: odometry_transform(odometry),
    }
    if detections is not None:
        messages[m.DETECTIONS] = bm.encode(m.DETECTIONS, bm.text_message(m.detections_to_text(detections, stamp_ns)))
    for topic, data in messages.items():
        writer.write(topic, stamp_ns, data)
    writer.flush()
