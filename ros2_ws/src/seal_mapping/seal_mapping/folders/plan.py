# SPDX-License-Identifier: Apache-2.0
"""The plan of an import: the user's options, and what is found where they are `auto`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seal_mapping.folders.layouts import PictureFile, Recording, read_recording
from seal_mapping.folders.pictures import read_colour, read_depth
from seal_mapping.folders.tables import Intrinsics
from seal_mapping.folders.up_axis import Floor, find_floor, find_up, level_heights, upright_rotation
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.types import FloatArray, UInt16Array

_FLOOR_FRAMES = 40


@dataclass(frozen=True)
class ImportOptions:
    """What the user sets for a folder.

    Attributes:
        layout: auto, numbered or tum.
        up: axis of the folder's world that points up: auto, x, -x, y, -y, z or -z.
        floor_m: height of the floor along that axis in metres; None: it is found.
        rate_hz: frames per second where files have numbers and no stamps.
        depth_units_per_m: units of the depth pictures in a metre; None: 1000, or 5000 for tum.
        every: take each n-th colour picture.
        camera_frame: name of the camera's optical frame.
        intrinsics: fx, fy, cx, cy in pixels in place of the folder's own.
    """

    layout: str = "auto"
    up: str = "auto"
    floor_m: float | None = None
    rate_hz: float = 30.0
    depth_units_per_m: float | None = None
    every: int = 1
    camera_frame: str = m.CAMERA_FRAME
    intrinsics: Intrinsics | None = None

    def __post_init__(self) -> None:
        if self.up != "auto":
            upright_rotation(self.up)
        if self.floor_m is not None and not math.isfinite(self.floor_m):
            raise InputError(f"--floor must be auto or metres, got {self.floor_m}")
        for name, value in (("--rate", self.rate_hz), ("--depth-scale", self.depth_units_per_m)):
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise InputError(f"{name} must be above 0, got {value}")
        if self.every < 1:
            raise InputError(f"--every must be at least 1, got {self.every}")
        if not self.camera_frame or self.camera_frame in (m.MAP_FRAME, m.ODOM_FRAME, m.BASE_FRAME):
            raise InputError(f"--frame must be a name other than map, odom and base_link, got {self.camera_frame!r}")
        if self.intrinsics is not None:
            fx, fy, cx, cy = self.intrinsics
            if not (fx > 0 and fy > 0 and all(math.isfinite(v) for v in self.intrinsics)):
                raise InputError(f"--fx and --fy must be above 0, --cx and --cy finite, got {fx}, {fy}, {cx}, {cy}")


@dataclass(frozen=True)
class ImportPlan:
    """What an import will write.

    Attributes:
        folder: where the frames are.
        recording: the frames that are taken.
        camera: intrinsics of colour and depth.
        intrinsics_from: where they were found.
        depth_units_per_m: units of the depth pictures in a metre.
        up: axis of the folder's world that points up.
        up_angle_deg: its angle to the cameras' mean up; None if the user set the axis.
        floor_m: height of the floor along it.
        floor: how the floor was found; None if the user set it.
        camera_frame: name of the optical frame.
    """

    folder: Path
    recording: Recording
    camera: Camera
    intrinsics_from: str
    depth_units_per_m: float
    up: str
    up_angle_deg: float | None
    floor_m: float
    floor: Floor | None
    camera_frame: str

    @property
    def T_map_world(self) -> FloatArray:
        """(4, 4) from the folder's world to the map: z up, floor at 0, the world's origin at x = y = 0."""
        T = np.eye(4)
        T[:3, :3] = upright_rotation(self.up)
        T[2, 3] = -self.floor_m
        return T

    def lines(self) -> list[str]:
        """What was chosen, as lines to print."""
        found, camera = self.recording, self.camera
        span = (found.colour[-1].stamp_ns - found.colour[0].stamp_ns) / m.NS
        up = "as given" if self.up_angle_deg is None else f"{self.up_angle_deg:.0f} degrees from the cameras' mean up"
        floor = "as given"
        if self.floor is not None:
            floor = (
                f"{self.floor.share:.0%} of the level surfaces lie within 5 cm of it, the cameras "
                f"{self.floor.camera_m:.2f} m above"
            )
        encoding = "16UC1 as it is" if self.depth_units_per_m == 1000.0 else "32FC1"
        return [
            f"layout      {found.layout}, {len(found.colour)} frames over {span:.1f} s",
            *(f"left out    {count} {reason}" for reason, count in found.skipped.items()),
            f"camera      {camera.width} x {camera.height}, fx {camera.fx:.1f} fy {camera.fy:.1f} cx {camera.cx:.1f} "
            f"cy {camera.cy:.1f} ({self.intrinsics_from})",
            f"depth       {self.depth_units_per_m:g} units per metre, written as {encoding}",
            f"up          {self.up} ({up})",
            f"floor       {self.floor_m:+.3f} m along {self.up} ({floor})",
        ]


def plan_import(folder: Path | str, options: ImportOptions | None = None) -> ImportPlan:
    """Read a folder's lists and choose what is left to `auto`; nothing is written.

    Raises:
        InputError: if the folder's files do not fit each other, or something cannot be found; the text has advice.
    """
    options = options or ImportOptions()
    recording = read_recording(folder, options.layout, options.rate_hz, options.every)
    units = options.depth_units_per_m or recording.depth_units_per_m
    camera, source = _camera(Path(folder), recording, options.intrinsics)
    poses = recording.nearest_poses()
    up, angle = (options.up, None) if options.up != "auto" else find_up(poses)
    height, floor = options.floor_m, None
    if height is None:
        cameras = poses[:, :3, 3] @ upright_rotation(up)[2]
        floor = find_floor(_level_heights(recording, camera, poses, up, units), cameras)
        height = floor.height_m
    frame = options.camera_frame
    return ImportPlan(Path(folder), recording, camera, source, units, up, angle, height, floor, frame)


def _camera(folder: Path, recording: Recording, given: Intrinsics | None) -> tuple[Camera, str]:
    width, height = read_colour(recording.colour[0].path)[2]
    found = (given, "as given") if given is not None else recording.intrinsics
    if found is None:
        raise InputError(
            f"{folder} does not say the camera's intrinsics: put a K.txt there (its 3 x 3 matrix), "
            "or give --fx --fy --cx --cy"
        )
    (fx, fy, cx, cy), source = found
    if not (0 < cx < width - 1 and 0 < cy < height - 1) or (source.startswith("TUM") and (width, height) != (640, 480)):
        raise InputError(
            f"intrinsics ({source}) do not fit the pictures: centre ({cx:g}, {cy:g}) in {width} x {height} pixels; "
            "give those of pictures of this size: K.txt or --fx --fy --cx --cy"
        )
    return Camera(width, height, fx, fy, cx, cy), source


def _level_heights(
    recording: Recording, camera: Camera, poses: FloatArray, up: str, units_per_m: float
) -> Iterator[FloatArray]:
    count = len(recording.depth)
    for i in np.unique(np.linspace(0, count - 1, min(count, _FLOOR_FRAMES)).round().astype(int)):
        raw = checked_depth(recording.depth[i], camera)
        yield level_heights((raw / units_per_m).astype(np.float32), camera, poses[i], up)


def checked_depth(picture: PictureFile, camera: Camera) -> UInt16Array:
    """(H, W) uint16 of a depth picture that has the camera's size.

    Raises:
        InputError: if it is missing, broken or of another size.
    """
    raw = read_depth(picture.path)
    if raw.shape != (camera.height, camera.width):
        raise InputError(
            f"{picture.path} is {raw.shape[1]} x {raw.shape[0]}, colour {camera.width} x {camera.height}: "
            "depth must be registered to colour, and all pictures of one size"
        )
    return raw
