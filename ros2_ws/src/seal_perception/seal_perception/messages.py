# SPDX-License-Identifier: Apache-2.0
"""ROS messages to arrays by their fields alone: rclpy's and rosbags' objects both fit, no ROS is imported."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.camera import Camera
from seal_perception.categories import SIX, CategorySet
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.pose import pose_from_xyz_quat, pose_to_xyz_quat
from seal_perception.reading.pictures import require_picture
from seal_perception.reading.text import load_json
from seal_perception.simulator import LaserScan
from seal_perception.types import Float32Array, FloatArray, UInt8Array

_COLOUR_CHANNELS = {"rgb8": (0, 1, 2), "bgr8": (2, 1, 0), "rgba8": (0, 1, 2), "bgra8": (2, 1, 0)}
_SCORES_PREFIX = "8UC"
# Encodings that take a conversion: channels per pixel and the name of OpenCV's code. OpenCV names a Bayer pattern by
# its second row, ROS by its first.
_CONVERTED = {
    "bayer_rggb8": (1, "COLOR_BayerBG2RGB"), "bayer_bggr8": (1, "COLOR_BayerRG2RGB"),
    "bayer_gbrg8": (1, "COLOR_BayerGR2RGB"), "bayer_grbg8": (1, "COLOR_BayerGB2RGB"),
    "yuv422_yuy2": (2, "COLOR_YUV2RGB_YUY2"), "yuyv": (2, "COLOR_YUV2RGB_YUY2"), "uyvy": (2, "COLOR_YUV2RGB_UYVY"),
}  # fmt: skip
COLOUR_ENCODINGS = frozenset({*_COLOUR_CHANNELS, *_CONVERTED, "mono8", "8UC3"})
"""Encodings of a colour Image that `image_to_rgb` takes."""
DEPTH_ENCODINGS = frozenset({"32FC1", "16UC1", "mono16"})
"""Encodings of a depth Image that `image_to_depth` takes."""
_DEPTH_HEADER = struct.Struct("<iff")
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_MAX_SIDE = 1 << 16
NS = 1_000_000_000
MAX_STAMP_NS = (1 << 31) * NS - 1
"""The last stamp that a message can carry."""

COLOUR, CAMERA_INFO, DEPTH = "camera/color/image_raw", "camera/color/camera_info", "camera/depth/image_raw"
ODOM, SCORES, DETECTIONS, OVERLAY = "odom", "semantic/scores", "semantic/detections", "semantic/overlay"
VOXELS, OBSTACLES, EXPLORED, STATUS = "map/voxels", "map/obstacles", "map/explored", "map/status"
UNCERTAINTY, VOLUME = "map/uncertainty", "map/volume"
CONFIDENT = "map/confident_voxels"
DETECTIONS_2D, LABEL_INFO = "semantic/detections_2d", "semantic/label_info"
GOAL, PLAN, STEP, READY = "goal", "plan", "step", "ready"
TF, TF_STATIC = "/tf", "/tf_static"
SCAN = "scan"
CMD_VEL, CONTACT, WHEELS = "cmd_vel", "contact", "odom_wheels"
ENABLE, STOP_EXPLORING = "explore/enable", "explore/stop"
ENABLED, EXPLORE_STATUS = "explore/enabled", "explore/status"
OBJECT_GOAL, OBJECT_STATUS, OBJECT_RESULT = "object_goal", "object_goal/status", "object_goal/result"

MAP_FRAME, ODOM_FRAME, BASE_FRAME = "map", "odom", "base_link"
CAMERA_FRAME = "camera_color_optical_frame"
LASER_FRAME = "laser"


@dataclass(frozen=True)
class FrameDetections:
    """The detections of one frame, as `semantic/detections` carries them."""

    stamp_ns: int
    width: int
    height: int
    detections: Detections


def header_stamp_ns(msg: Any) -> int:
    """Stamp of a message's header in nanoseconds.

    Raises:
        InputError: if it is negative, or its nanoseconds are a second or more.
    """
    stamp = msg.header.stamp
    return checked_stamp_ns(int(stamp.sec), int(stamp.nanosec))


def checked_stamp_ns(sec: int, nanosec: int) -> int:
    """Nanoseconds of a stamp's two numbers.

    Raises:
        InputError: if one is negative, or the nanoseconds are a second or more.
    """
    if sec < 0 or not 0 <= nanosec < NS:
        raise InputError(f"a stamp needs seconds >= 0 and nanoseconds in 0..{NS - 1}, got {sec} and {nanosec}")
    return sec * NS + nanosec


def _rows(msg: Any, itemsize: int, channels: int) -> UInt8Array:
    """(H, W * itemsize * channels) uint8 view of an Image's data without the padding at the end of its rows."""
    if msg.width < 1 or msg.height < 1:
        raise InputError(f"an Image must have pixels, got {msg.width} x {msg.height}")
    width_bytes = int(msg.width) * itemsize * channels
    data = np.frombuffer(msg.data, np.uint8)
    if msg.step < width_bytes or data.size != int(msg.height) * int(msg.step):
        raise InputError(
            f"an Image of {msg.width} x {msg.height} {msg.encoding} needs rows of >= {width_bytes} bytes "
            f"and height x step bytes, got step {msg.step} and {data.size} bytes"
        )
    return data.reshape(int(msg.height), int(msg.step))[:, :width_bytes]


def image_to_rgb(msg: Any) -> UInt8Array:
    """(H, W, 3) uint8 RGB of an Image in rgb8, bgr8, rgba8, bgra8, mono8, 8UC3 (blue first), Bayer or YUV 4:2:2.

    Raises:
        InputError: for another encoding, or data that do not fit the size.
    """
    encoding = str(msg.encoding)
    if encoding == "mono8":
        grey = _rows(msg, 1, 1)
        return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    if encoding in _CONVERTED:
        import cv2

        size, code = _CONVERTED[encoding]
        raw = np.ascontiguousarray(_rows(msg, 1, size)).reshape(int(msg.height), int(msg.width), size)
        try:
            return np.ascontiguousarray(cv2.cvtColor(raw, getattr(cv2, code)))
        except cv2.error as error:
            raise InputError(f"a picture of {msg.width} x {msg.height} in {encoding} cannot be converted") from error
    # OpenCV's own name for three bytes is blue first.
    encoding = "bgr8" if encoding == "8UC3" else encoding
    if encoding not in _COLOUR_CHANNELS:
        raise InputError(
            f"colour Image must be {', '.join(_COLOUR_CHANNELS)}, mono8, 8UC3, {' or '.join(_CONVERTED)}; "
            f"got {encoding!r}"
        )
    channels = 4 if "a" in encoding else 3
    pixels = _rows(msg, 1, channels).reshape(int(msg.height), int(msg.width), channels)
    return np.ascontiguousarray(pixels[..., _COLOUR_CHANNELS[encoding]])


def image_to_depth(msg: Any) -> Float32Array:
    """(H, W) float32 metres of a depth Image: 32FC1 is metres, 16UC1 (or mono16) millimetres; 0 or NaN = no reading.

    Raises:
        InputError: for another encoding, or data that do not fit the size.
    """
    order = ">" if msg.is_bigendian else "<"
    encoding = str(msg.encoding)
    if encoding == "32FC1":
        return np.ascontiguousarray(_rows(msg, 4, 1)).view(order + "f4").astype(np.float32)
    if encoding in ("16UC1", "mono16"):
        return np.ascontiguousarray(_rows(msg, 2, 1)).view(order + "u2").astype(np.float32) * np.float32(1e-3)
    raise InputError(f"depth Image must be 32FC1 (metres) or 16UC1 (millimetres), got {encoding!r}")


def compressed_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a PNG, JPEG or compressedDepth picture from its first bytes; None where they do not tell."""
    data = bytes(data[:4096])
    for png in (data, data[_DEPTH_HEADER.size :]):
        if png.startswith(_PNG) and len(png) >= 24:
            width, height = struct.unpack_from(">II", png, 16)
            return int(width), int(height)
    at = 2
    while data.startswith(_JPEG) and at + 9 <= len(data) and data[at] == 0xFF:
        if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return int(width), int(height)
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def _decode_picture(data: bytes, flags: int, what: str) -> npt.NDArray:
    """Pixels of a PNG or JPEG file as OpenCV gives them."""
    import cv2

    if data.startswith(_JPEG) and b"\xff\xd9" not in data[-4096:]:
        raise InputError(f"{what} is a JPEG picture that was cut off")
    known = require_picture(data, what)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if known else None
    except cv2.error as error:
        raise InputError(f"{what} cannot be decoded") from error
    if pixels is None:
        raise InputError(f"{what} cannot be decoded: it is damaged, or neither JPEG nor PNG")
    return np.asarray(pixels)


def compressed_to_rgb(msg: Any) -> UInt8Array:
    """(H, W, 3) uint8 RGB of a CompressedImage (JPEG or PNG).

    Raises:
        InputError: if it is damaged or of another format.
    """
    import cv2

    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = _decode_picture(bytes(msg.data), flags, "a compressed colour picture")
    return np.ascontiguousarray(pixels[..., ::-1])


def compressed_to_depth(msg: Any) -> Float32Array:
    """(H, W) float32 metres of a depth CompressedImage: compressedDepth, or a 16-bit PNG of millimetres.

    image_transport's compressedDepth puts 12 bytes before the PNG: a format number and two quantisation constants a, b.
    A 16UC1 picture is stored as it is; of a 32FC1 picture the PNG holds q = a / depth + b, 0 where there is no reading
    (NaN here).

    Raises:
        InputError: if it is damaged or of another format (RVL among them).
    """
    import cv2

    data, form = bytes(msg.data), str(msg.format)
    what = "a compressed depth picture"
    scale = None
    if "rvl" in form.lower():
        raise InputError("compressedDepth by RVL is not supported: record it as png, or uncompressed")
    if data[_DEPTH_HEADER.size :].startswith(_PNG):
        _, a, b = _DEPTH_HEADER.unpack_from(data)
        data = data[_DEPTH_HEADER.size :]
        scale = (a, b) if form.startswith("32FC1") else None
    pixels = _decode_picture(data, cv2.IMREAD_UNCHANGED, what)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise InputError(f"{what} must hold one channel of 16 bits, got {pixels.shape} {pixels.dtype}")
    if scale is None:
        return pixels.astype(np.float32) * np.float32(1e-3)
    a, b = scale
    if not (np.isfinite(a) and np.isfinite(b) and a > 0):
        raise InputError(f"{what} has the quantisation constants {a}, {b}; expected finite ones, the first positive")
    depth = np.full(pixels.shape, np.nan, np.float32)
    seen = pixels > max(b, 0.0)
    depth[seen] = np.float32(a) / (pixels[seen].astype(np.float32) - np.float32(b))
    return depth


def image_to_scores(msg: Any) -> UInt8Array:
    """(H, W, C) uint8 of a `semantic/scores` Image, encoding 8UC<C>.

    Raises:
        InputError: for another encoding, or data that do not fit the size.
    """
    encoding = str(msg.encoding)
    if not (encoding.startswith(_SCORES_PREFIX) and encoding[len(_SCORES_PREFIX) :].isdigit()):
        raise InputError(f"scores Image must be 8UC<number of categories>, got {encoding!r}")
    channels = int(encoding[len(_SCORES_PREFIX) :])
    return np.ascontiguousarray(_rows(msg, 1, channels)).reshape(int(msg.height), int(msg.width), channels)


def camera_info_to_camera(msg: Any) -> Camera:
    """Intrinsics of a CameraInfo (its K; the pictures are taken as rectified).

    Raises:
        InputError: if the camera is uncalibrated, binned or cropped.
    """
    k = [float(v) for v in (msg.k if hasattr(msg, "k") else msg.K)]
    if k[0] == 0.0:
        raise InputError("camera_info says that the camera is not calibrated (K is zero): calibrate it, or publish K")
    if not (msg.width and msg.height):
        raise InputError(f"camera_info has a size of {msg.width} x {msg.height}: publish the size of the pictures")
    if max(int(msg.binning_x), int(msg.binning_y)) > 1 or int(msg.roi.width) not in (0, int(msg.width)):
        raise InputError("camera_info with binning or a region of interest is not supported: publish the full picture")
    return Camera(int(msg.width), int(msg.height), k[0], k[4], k[2], k[5])


def pose_message_to_matrix(pose: Any) -> FloatArray:
    """(4, 4) pose of a geometry_msgs Pose."""
    p, q = pose.position, pose.orientation
    return pose_from_xyz_quat((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))


def transform_to_matrix(transform: Any) -> FloatArray:
    """(4, 4) pose of a geometry_msgs Transform."""
    t, q = transform.translation, transform.rotation
    return pose_from_xyz_quat((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))


def odometry_to_pose(msg: Any) -> FloatArray:
    """T_odom_base (4, 4) of an Odometry message.

    Raises:
        ValueError: if it is not finite or its quaternion is not of unit length.
    """
    return pose_message_to_matrix(msg.pose.pose)


def frame_mismatch(odometry: Any, odom_frame: str, base_frame: str) -> str:
    """A line if an Odometry message has other frames than these; empty if all is well, and "" fits any."""
    rows = []
    for what, came, wanted in (
        ("frame_id", str(odometry.header.frame_id), odom_frame),
        ("child_frame_id", str(odometry.child_frame_id), base_frame),
    ):
        if wanted and came.lstrip("/") != wanted.lstrip("/"):
            rows.append(f"{what} is {came!r}, expected is {wanted!r}")
    return f"odometry's {' and '.join(rows)}: is this the robot that is meant?" if rows else ""


def scan_from_message(msg: Any, T_base_laser: FloatArray) -> LaserScan:
    """A sensor_msgs LaserScan, with its mounting from elsewhere (tf).

    Raises:
        InputError: if its angles are no numbers, or its ranges do not fit them.
    """
    ranges = np.array(msg.ranges, np.float32)
    angles = [float(value) for value in (msg.angle_min, msg.angle_max, msg.angle_increment)]
    if not np.isfinite(angles).all():
        raise InputError(f"a LaserScan's angle_min, angle_max and angle_increment must be numbers, got {angles}")
    increment = float(msg.angle_increment)
    beams = round((float(msg.angle_max) - float(msg.angle_min)) / increment) + 1 if increment else 0
    if beams != len(ranges):
        raise InputError(f"a LaserScan whose angles hold {beams} beams must have as many ranges, got {len(ranges)}")
    limits = float(msg.range_min), float(msg.range_max)
    return LaserScan(ranges, float(msg.angle_min), increment, *limits, T_base_laser)


def as_message_pose(T: FloatArray) -> FloatArray:
    """`T` as a receiver sees it after a message has carried it as a quaternion.

    An in-process loop passes its poses through this, and gets bit for bit what the nodes get.
    """
    return pose_from_xyz_quat(*pose_to_xyz_quat(T))


def check_fits_camera(depth: Float32Array, camera: Camera) -> None:
    """Refuse a depth picture of another size than its camera_info says.

    Raises:
        InputError: if the sizes differ.
    """
    if depth.shape != (camera.height, camera.width):
        raise InputError(
            f"depth is {depth.shape[1]} x {depth.shape[0]}, its camera_info is for {camera.width} x {camera.height}; "
            "use the camera_info that is published beside this picture"
        )


def check_registered(depth: Any, colour: Any) -> None:
    """Refuse a depth Image that is not registered to colour.

    Raises:
        InputError: if sizes or optical frames differ; the text says what to switch on.
    """
    if (depth.width, depth.height) != (colour.width, colour.height):
        raise InputError(
            f"depth is not registered to colour: depth is {depth.width} x {depth.height}, colour {colour.width} x "
            f"{colour.height}; use the camera's aligned depth (realsense: align_depth.enable:=true)"
        )
    if depth.header.frame_id != colour.header.frame_id:
        raise InputError(
            f"depth is not registered to colour: depth is in frame {depth.header.frame_id!r}, colour in "
            f"{colour.header.frame_id!r}; use the camera's aligned depth (realsense: align_depth.enable:=true)"
        )


def detections_to_text(detections: Detections, stamp_ns: int) -> str:
    """The JSON of `semantic/detections`: stamp_ns, width, height and `results`, rows in COCO results form.

    Detections of another list than the six have `categories` too: its names, in the order of category_id from 1.
    """
    height, width = detections.masks.shape[1:]
    value: dict[str, Any] = {"stamp_ns": stamp_ns, "width": width, "height": height}
    if detections.names != SIX:
        value["categories"] = list(detections.names.names)
    value["results"] = detections.to_coco(stamp_ns)
    return json.dumps(value, separators=(",", ":"))


def detections_stamp_ns(text: str) -> int:
    """Stamp of a `semantic/detections` text, without decoding its masks.

    Raises:
        InputError: if the text is no such JSON.
    """
    return _whole(_detections_object(text), "stamp_ns", MAX_STAMP_NS)


def detections_head(text: str) -> tuple[int, CategorySet]:
    """Stamp and list of categories of a `semantic/detections` text, without decoding its masks.

    Raises:
        InputError: if the text is no such JSON, or its list none.
    """
    value = _detections_object(text)
    try:
        return _whole(value, "stamp_ns", MAX_STAMP_NS), CategorySet.stored(value.get("categories"))
    except ValueError as error:
        raise error if isinstance(error, InputError) else InputError(f"semantic/detections: {error}") from error


def detections_from_text(text: str) -> FrameDetections:
    """Inverse of `detections_to_text`.

    Raises:
        InputError: if the text is no such JSON, or one of its numbers makes no sense.
    """
    value = _detections_object(text)
    width, height = (_whole(value, name, _MAX_SIDE, least=1) for name in ("width", "height"))
    rows = value.get("results")
    if not isinstance(rows, list):
        raise InputError(f"semantic/detections must have a list of results, got {str(rows)[:60]}")
    try:
        names = CategorySet.stored(value.get("categories"))
        found = Detections.from_coco(rows, height, width, names)
    except (ValueError, TypeError, MemoryError) as error:
        raise InputError(f"semantic/detections: {error}") from error
    return FrameDetections(_whole(value, "stamp_ns", MAX_STAMP_NS), width, height, found)


def _whole(value: dict[str, Any], name: str, most: int, least: int = 0) -> int:
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        wanted = f"a whole number {name} in {least}..{most}"
        raise InputError(f"semantic/detections must have {wanted}, got {str(number)[:60]}")
    return number


def _detections_object(text: str) -> dict[str, Any]:
    value = load_json(text, "semantic/detections")
    if not isinstance(value, dict):
        raise InputError(f"semantic/detections must be an object with stamp_ns, got {text[:60]!r}")
    return value
