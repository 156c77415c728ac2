# SPDX-License-Identifier: Apache-2.0
"""One short recording, written as bags of many kinds: formats, codings, names and pose sources."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from seal_mapping.bags import messages as bm
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.pose import camera_mounting, invert, planar_pose

CAMERA = Camera.from_hfov(32, 24, 1.2)
MOUNTING = camera_mounting(0.88, 0.05, 0.1)
PERIOD_NS = 100_000_000
QUANT = (2.0 * 3.0 * 5.0, 1.0)
"""Quantisation constants of compressedDepth of 32FC1: any two that keep q = a / depth + b within 16 bits."""


@dataclass(frozen=True)
class Row:
    """One message: topic, type, log time and its CDR bytes."""

    topic: str
    msgtype: str
    log_ns: int
    data: bytes


@dataclass(frozen=True)
class Names:
    """Topics and frames of a robot."""

    colour: str = "/" + m.COLOUR
    depth: str = "/" + m.DEPTH
    info: str = "/" + m.CAMERA_INFO
    odom: str = "/odom"
    fixed: str = "odom"
    base: str = "base_link"
    optical: str = m.CAMERA_FRAME
    chain: tuple[str, ...] = ()


LOCOBOT = Names(
    "/locobot/camera/color/image_raw", "/locobot/camera/aligned_depth_to_color/image_raw",
    "/locobot/camera/color/camera_info", "/locobot/odom", "locobot/odom", "locobot/base_footprint",
    "camera_color_optical_frame", ("locobot/base_link", "locobot/plate_link", "camera_locobot_link"),
)  # fmt: skip


def stamp(k: float) -> int:
    return 10 * m.NS + round(k * PERIOD_NS)


def pose(k: float) -> np.ndarray:
    """T_odom_base at picture k, or between two: straight on while turning evenly."""
    return planar_pose(0.25 * k, -0.1 * k, 0.15 * k)


def rgb(k: int) -> np.ndarray:
    """Smooth, so that JPEG changes it little."""
    small = np.random.default_rng(k).integers(60, 200, (3, 4, 3), np.uint8)
    return cv2.resize(small, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_CUBIC)


def depth_mm(k: int) -> np.ndarray:
    found = np.random.default_rng(100 + k).integers(500, 5000, (CAMERA.height, CAMERA.width)).astype(np.uint16)
    found[:2, :3] = 0
    return found


def depth_m(k: int) -> np.ndarray:
    return depth_mm(k).astype(np.float32) * np.float32(1e-3)


def detections(k: int) -> Detections:
    mask = np.zeros((1, CAMERA.height, CAMERA.width), bool)
    mask[0, 3:9, 4 + k : 20] = True
    return Detections(np.array([[4 + k, 3, 20, 9]], np.float32), np.array([2]), np.array([0.75], np.float32), mask)


def row(topic: str, msgtype: str, log_ns: int, message: Any) -> Row:
    return Row(topic, msgtype, log_ns, bytes(bm.typestore().serialize_cdr(message, msgtype)))


def image(topic: str, pixels: np.ndarray, encoding: str, at: int, frame: str) -> Row:
    return row(topic, "sensor_msgs/msg/Image", at, bm.image_message(pixels, encoding, at, frame))


def packed(topic: str, data: bytes, form: str, at: int, frame: str) -> Row:
    kind = "sensor_msgs/msg/CompressedImage"
    header = bm._header(at, frame)
    return row(topic, kind, at, bm._types()[kind](header=header, format=form, data=np.frombuffer(data, np.uint8)))


def colour_row(k: int, coding: str, names: Names, at: int | None = None) -> Row:
    at = stamp(k) if at is None else at
    pixels = rgb(k)
    if coding in ("jpeg", "png"):
        options = [cv2.IMWRITE_JPEG_QUALITY, 97] if coding == "jpeg" else []
        data = cv2.imencode("." + coding, pixels[..., ::-1], options)[1].tobytes()
        return packed(names.colour + "/compressed", data, f"rgb8; {coding} compressed bgr8", at, names.optical)
    pixels = pixels[..., ::-1] if coding == "bgr8" else pixels
    return image(names.colour, pixels, coding, at, names.optical)


def depth_row(k: int, coding: str, names: Names, at: int | None = None) -> Row:
    at = stamp(k) if at is None else at
    if coding == "32FC1":
        return image(names.depth, depth_m(k), "32FC1", at, names.optical)
    if coding == "16UC1":
        return image(names.depth, depth_mm(k), "16UC1", at, names.optical)
    if coding == "png":
        return packed(names.depth + "/compressed", _png(depth_mm(k)), "16UC1; png compressed", at, names.optical)
    if coding == "compressedDepth 16UC1":
        data = struct.pack("<iff", 0, 0.0, 0.0) + _png(depth_mm(k))
        return packed(names.depth + "/compressedDepth", data, "16UC1; compressedDepth", at, names.optical)
    a, b = QUANT
    metres = depth_m(k)
    inverse = np.zeros(metres.shape, np.uint16)
    seen = metres > 0
    # The reading rule of image_transport, turned round: depth = a / (q - b).
    inverse[seen] = np.round(1000 * a / metres[seen] + b).astype(np.uint16)
    data = struct.pack("<iff", 1, 1000 * a, b) + _png(inverse)
    return packed(names.depth + "/compressedDepth", data, "32FC1; compressedDepth png", at, names.optical)


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def info_row(k: int, names: Names, /, **changes: Any) -> Row:
    message = bm.camera_info_message(CAMERA, stamp(k), names.optical)
    for name, value in changes.items():
        setattr(message, name, value)
    return row(names.info, "sensor_msgs/msg/CameraInfo", stamp(k), message)


def odom_row(k: float, names: Names) -> Row:
    message = bm.odometry_message(pose(k), stamp(k))
    message.header.frame_id, message.child_frame_id = names.fixed, names.base
    return row(names.odom, "nav_msgs/msg/Odometry", stamp(k), message)


def tf_row(k: float, names: Names) -> Row:
    return row("/tf", "tf2_msgs/msg/TFMessage", stamp(k), bm.tf_message([(names.fixed, names.base, pose(k))], stamp(k)))


def static_row(names: Names) -> Row:
    """/tf_static of the mounting: one link, or a chain of links that comes to the same."""
    if not names.chain:
        links = [(names.base, names.optical, MOUNTING)]
    else:
        steps = [planar_pose(0.1 * i, 0.02, 0.3 * i, 0.1) for i in range(1, len(names.chain) + 1)]
        frames = (names.base, *names.chain)
        links = [(a, b, T) for a, b, T in zip(frames, frames[1:], steps, strict=False)]
        links.append((frames[-1], names.optical, invert(np.linalg.multi_dot([np.eye(4), *steps])) @ MOUNTING))
    return row("/tf_static", "tf2_msgs/msg/TFMessage", stamp(0), bm.tf_message(links, 0))


def recording(
    count: int = 6,
    colour: str = "rgb8",
    depth: str = "32FC1",
    poses: str = "odom",
    names: Names | None = None,
    found: bool = True,
) -> list[Row]:
    """The messages of `count` frames in the order of their log time.

    `poses` is odom (equal stamps), odom_fast or tf (at another rate than the pictures, from before the first to after
    the last).
    """
    names = names or Names()
    rows = [static_row(names)]
    for k in range(count):
        rows += [info_row(k, names), colour_row(k, colour, names), depth_row(k, depth, names)]
        if poses == "odom":
            rows.append(odom_row(k, names))
        if found:
            text = m.detections_to_text(detections(k), stamp(k))
            rows.append(row("/semantic/detections", "std_msgs/msg/String", stamp(k), bm.text_message(text)))
    if poses != "odom":
        make = tf_row if poses == "tf" else odom_row
        rows += [make(k, names) for k in np.arange(-0.55, count + 0.5, 0.37)]
    return sorted(rows, key=lambda r: r.log_ns)


def in_namespace(rows: Iterable[Row], namespace: str) -> list[Row]:
    return [replace(r, topic=namespace + r.topic) for r in rows]


def write2(
    path: Path,
    rows: Iterable[Row],
    plugin: StoragePlugin = StoragePlugin.MCAP,
    mode: CompressionMode = CompressionMode.NONE,
    version: int = 8,
    store: Any = None,
) -> Path:
    """A rosbag2 bag, by rosbags; `store` knows the types."""
    writer = Writer(path, version=version, storage_plugin=plugin)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections: dict[tuple[str, str], Any] = {}
        for r in rows:
            key = (r.topic, r.msgtype)
            if key not in connections:
                connections[key] = writer.add_connection(r.topic, r.msgtype, typestore=store or bm.typestore())
            writer.write(connections[key], r.log_ns, r.data)
    return path


def write1(path: Path, rows: Iterable[Row], compression: str = "") -> Path:
    """A ROS 1 bag, by rosbags."""
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", "tf2_msgs/msg/TFMessage"))
    writer = Writer1(path)
    if compression:
        writer.set_compression(Writer1.CompressionFormat[compression])
    with writer:
        connections: dict[tuple[str, str], Any] = {}
        for r in rows:
            key = (r.topic, r.msgtype)
            if key not in connections:
                connections[key] = writer.add_connection(r.topic, r.msgtype, typestore=store)
            data = bm.typestore().cdr_to_ros1(r.data, r.msgtype)
            writer.write(connections[key], r.log_ns, bytes(data))
    return path
