# SPDX-License-Identifier: Apache-2.0
"""Arrays to rclpy messages; the way back is `seal_perception.messages`."""

from __future__ import annotations

import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Pose, PoseStamped
from nav_msgs.msg import Odometry, Path
from sensor_msgs.msg import CameraInfo, Image
from sensor_msgs.msg import LaserScan as LaserScanMessage
from std_msgs.msg import Header

from seal_perception.camera import Camera
from seal_perception.messages import NS
from seal_perception.pose import pose_to_xyz_quat
from seal_perception.simulator import LaserScan
from seal_perception.types import Float32Array, FloatArray, Int32Array, UInt8Array


def byte_array(values: npt.NDArray, typecode: str = "B") -> array.array:
    """`values` as the array.array that a message field takes without looking at each element (0.04 ms per MB)."""
    out = array.array(typecode)
    out.frombytes(memoryview(np.ascontiguousarray(values)).cast("B"))
    return out


def make_time(stamp_ns: int) -> Time:
    """builtin_interfaces Time of nanoseconds."""
    return Time(sec=stamp_ns // NS, nanosec=stamp_ns % NS)


def make_header(stamp_ns: int, frame_id: str) -> Header:
    """Header with a stamp in nanoseconds."""
    return Header(stamp=make_time(stamp_ns), frame_id=frame_id)


def _image(pixels: npt.NDArray, encoding: str, header: Header) -> Image:
    height, width = pixels.shape[:2]
    msg = Image(header=header, height=height, width=width, encoding=encoding, is_bigendian=0)
    msg.step = pixels.nbytes // height
    msg.data = byte_array(pixels)
    return msg


def rgb_to_image(rgb: UInt8Array, header: Header) -> Image:
    """(H, W, 3) uint8 to an rgb8 Image."""
    return _image(rgb, "rgb8", header)


def depth_to_image(depth: Float32Array, header: Header) -> Image:
    """(H, W) float32 metres to a 32FC1 Image."""
    return _image(depth.astype("<f4", copy=False), "32FC1", header)


def millimetres_to_image(depth: npt.NDArray[np.uint16], header: Header) -> Image:
    """16UC1 Image of (H, W) uint16 millimetres, 0 = none."""
    return _image(depth, "16UC1", header)


def scores_to_image(scores: UInt8Array, header: Header) -> Image:
    """(H, W, C) uint8 to an 8UC<C> Image."""
    return _image(scores, f"8UC{scores.shape[2]}", header)


def labels_to_image(labels: Int32Array, header: Header) -> Image:
    """(H, W) int32 to a 32SC1 Image."""
    return _image(labels.astype("<i4", copy=False), "32SC1", header)


def camera_to_info(camera: Camera, header: Header) -> CameraInfo:
    """CameraInfo of a rectified camera."""
    msg = CameraInfo(header=header, width=camera.width, height=camera.height, distortion_model="plumb_bob")
    msg.d = [0.0] * 5
    msg.k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
    msg.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    msg.p = [camera.fx, 0.0, camera.cx, 0.0, 0.0, camera.fy, camera.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return msg


def scan_to_message(scan: LaserScan, header: Header, scan_time_s: float = 0.0) -> LaserScanMessage:
    """A sweep to a sensor_msgs LaserScan; all beams are taken at the header's stamp."""
    angles = scan.angles_rad
    msg = LaserScanMessage(header=header, angle_min=float(angles[0]), angle_max=float(angles[-1]))
    msg.angle_increment, msg.scan_time = float(scan.angle_increment_rad), scan_time_s
    msg.range_min, msg.range_max = float(scan.range_min_m), float(scan.range_max_m)
    msg.ranges = byte_array(scan.ranges.astype("<f4", copy=False), "f")
    return msg


def matrix_to_pose(T: FloatArray) -> Pose:
    """(4, 4) pose to a geometry_msgs Pose."""
    xyz, quat = pose_to_xyz_quat(T)
    msg = Pose()
    msg.position.x, msg.position.y, msg.position.z = (float(v) for v in xyz)
    msg.orientation.x, msg.orientation.y, msg.orientation.z, msg.orientation.w = (float(v) for v in quat)
    return msg


def matrix_to_pose_stamped(T: FloatArray, header: Header) -> PoseStamped:
    """(4, 4) pose to a PoseStamped."""
    return PoseStamped(header=header, pose=matrix_to_pose(T))


def pose_to_odometry(T_odom_base: FloatArray, header: Header, child_frame_id: str) -> Odometry:
    """(4, 4) pose to an Odometry message (no covariance, no twist)."""
    msg = Odometry(header=header, child_frame_id=child_frame_id)
    msg.pose.pose = matrix_to_pose(T_odom_base)
    return msg


def points_to_path(xy: FloatArray, header: Header) -> Path:
    """(N, 2) metres in the map frame to a Path on the floor."""
    msg = Path(header=header)
    for x, y in xy:
        pose = PoseStamped(header=header)
        pose.pose.position.x, pose.pose.position.y = float(x), float(y)
        pose.pose.orientation.w = 1.0
        msg.poses.append(pose)
    return msg


def status_message(
    name: str,
    stamp_ns: int,
    values: Sequence[tuple[str, str]],
    text: str = "ok",
    level: bytes = DiagnosticStatus.OK,
) -> DiagnosticArray:
    """One DiagnosticStatus with these key-value pairs, OK if no other level is given."""
    status = DiagnosticStatus(level=level, name=name, message=text)
    status.values = [KeyValue(key=key, value=value) for key, value in values]
    return DiagnosticArray(header=make_header(stamp_ns, ""), status=[status])
