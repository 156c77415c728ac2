# SPDX-License-Identifier: Apache-2.0
"""What a user may set for reading a bag; the reader finds the rest in the bag."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from seal_mapping.geometry.up_axis import given_up
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import check_pose
from seal_perception.types import FloatArray

POSE_SOURCES = ("auto", "odom", "tf", "pose_stamped")


@dataclass(frozen=True)
class BagOptions:
    """How a bag is read. Topics are given in full or by their last parts; None: the reader finds and names one.

    Attributes:
        colour: Image or CompressedImage with the colour pictures.
        depth: Image or CompressedImage with depth registered to them.
        camera_info: CameraInfo of the colour camera.
        odom: Odometry.
        pose_topic: PoseStamped.
        detections: String with the robot's own detections.
        pose: auto, odom (odometry and the camera's mounting), tf (recorded transforms alone) or pose_stamped.
        fixed_frame: frame that the map is made in, for `pose="tf"`.
        base_frame: body whose pose Odometry or PoseStamped gives; for PoseStamped it may be the camera's own frame.
        camera_frame: optical frame, in place of the one that the pictures name.
        T_base_camera: (4, 4) mounting of the camera, in place of what /tf and /tf_static say.
        camera: intrinsics, in place of a CameraInfo.
        tolerance_s: seconds that colour and depth may lie apart.
        max_gap_s: seconds between two poses beyond which none is interpolated.
        every: use every n-th frame.
        start_s: seconds after the first colour picture at which to begin.
        end_s: seconds after the first colour picture at which to end.
        assume_registered: take depth of another frame, but of colour's view, for registered to colour.
        optical: whether the pictures' frame is optical (x right, y down, z ahead), or a body's (x ahead, y left, z up).
        depth_scale: units of depth per metre: 1000 for millimetres, 1 for metres.
        up: what points up in the poses' fixed frame: an axis (x, -x, y, -y, z, -z) or three numbers with commas.
        floor: height of the floor along it in metres.

    Of the last four, None: the bag's own pictures say it, or the usual is assumed (`seal_mapping.bags.geometry`).

    Raises:
        InputError: if a value makes no sense.
    """

    colour: str | None = None
    depth: str | None = None
    camera_info: str | None = None
    odom: str | None = None
    pose_topic: str | None = None
    detections: str | None = None
    pose: str = "auto"
    fixed_frame: str | None = None
    base_frame: str | None = None
    camera_frame: str | None = None
    T_base_camera: FloatArray | None = field(default=None, compare=False)
    camera: Camera | None = None
    tolerance_s: float = 0.02
    max_gap_s: float = 0.5
    every: int = 1
    start_s: float | None = None
    end_s: float | None = None
    assume_registered: bool = False
    optical: bool | None = None
    depth_scale: float | None = None
    up: str | None = None
    floor: float | None = None

    def __post_init__(self) -> None:
        if self.pose not in POSE_SOURCES:
            raise InputError(f"pose must be one of {', '.join(POSE_SOURCES)}; got {self.pose!r}")
        for name in ("tolerance_s", "max_gap_s"):
            value = getattr(self, name)
            if not 0.0 <= value < 1e6:
                raise InputError(f"{name} must be seconds >= 0, got {value}")
        if self.depth_scale is not None and not 1e-3 <= self.depth_scale <= 1e6:
            raise InputError(f"depth_scale must be units per metre, 0.001 to 1000000, got {self.depth_scale}")
        if self.floor is not None and not abs(self.floor) < 1e5:
            raise InputError(f"floor must be auto or metres along the up axis, got {self.floor}")
        if self.up is not None:
            given_up(self.up)
        if self.every < 1:
            raise InputError(f"every must be 1 (all frames) or more, got {self.every}")
        for name in ("start_s", "end_s"):
            value = getattr(self, name)
            if value is not None and not abs(value) < 1e9:
                raise InputError(f"{name} must be seconds after the first colour picture, got {value}")
        if self.start_s is not None and self.end_s is not None and self.start_s >= self.end_s:
            raise InputError(f"start_s must lie before end_s, got {self.start_s} and {self.end_s}")
        for name in ("fixed_frame", "base_frame", "camera_frame"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, value.lstrip("/"))
        if self.T_base_camera is not None:
            try:
                object.__setattr__(self, "T_base_camera", check_pose(self.T_base_camera, "T_base_camera"))
            except ValueError as error:
                raise InputError(" ".join(str(error).split())) from error

    def given(self) -> tuple[str, ...]:
        """Names of the options that differ from their defaults, as `--read` calls them."""
        changed = [f.name for f in fields(self) if f.compare and getattr(self, f.name) != f.default]
        return (*changed, *(["mounting"] if self.T_base_camera is not None else []))
