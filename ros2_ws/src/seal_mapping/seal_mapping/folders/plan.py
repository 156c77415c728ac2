# SPDX-License-Identifier: Apache-2.0
"""The plan of an import: the user's options, and what is found where they are `auto`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seal_mapping.folders.layouts import read_recording
from seal_mapping.folders.pictures import orientation, read_colour, read_depth
from seal_mapping.folders.recording import PictureFile, Recording
from seal_mapping.folders.tables import Intrinsics
from seal_mapping.geometry.agreement import choose_pairs
from seal_mapping.geometry.conventions import (
    CAMERA_TO_WORLD,
    POSES,
    UNITS_PER_M,
    Verdict,
    choose_poses,
    choose_unit,
    median_depth,
    resized_camera,
    same_view,
)
from seal_mapping.geometry.floor import Floor, find_floor
from seal_mapping.geometry.surfaces import FAR_M, View, level_points, surface_normals, thinned
from seal_mapping.geometry.up_axis import Up, find_up, given_up
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.types import FloatArray, UInt16Array

_FLOOR_FRAMES = 40


@dataclass(frozen=True)
class ImportOptions:
    """What the user sets for a folder.

    Attributes:
        layout: auto, numbered, tum, scannet or 7scenes.
        up: what points up in the folder's world: auto, an axis (x, -x, y, -y, z, -z), or a direction as three numbers
            with commas.
        floor_m: height of the floor along that axis in metres; None: it is found.
        poses: what the poses are: auto, or one of `conventions.POSES`.
        rate_hz: frames per second where files have numbers and no stamps.
        depth_units_per_m: units of the depth pictures in a metre; None: the layout's (1000, tum 5000), unless the
            pictures speak for another.
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
    poses: str = "auto"

    def __post_init__(self) -> None:
        if self.up != "auto":
            given_up(self.up)
        if self.poses not in ("auto", *POSES):
            raise InputError(f"--poses must be auto, {', '.join(POSES)}; got {self.poses!r}")
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
        upright: which way is up in the folder's world.
        floor_m: height of the floor along it.
        floor: how the floor was found; None if the user set it.
        camera_frame: name of the optical frame.
        notes: what else was found.
    """

    folder: Path
    recording: Recording
    camera: Camera
    intrinsics_from: str
    depth_units_per_m: float
    upright: Up
    floor_m: float
    floor: Floor | None
    camera_frame: str
    notes: tuple[str, ...] = ()

    @property
    def up(self) -> str:
        """The axis of the folder's world nearest to up."""
        return self.upright.axis

    @property
    def T_map_world(self) -> FloatArray:
        """(4, 4) from the folder's world to the map: z up, floor at 0, the world's origin at x = y = 0."""
        T = np.eye(4)
        T[:3, :3] = self.upright.rotation
        T[2, 3] = -self.floor_m
        return T

    def lines(self) -> list[str]:
        """What was chosen, as lines to print."""
        found, camera = self.recording, self.camera
        span = (found.colour[-1].stamp_ns - found.colour[0].stamp_ns) / m.NS
        along = self.up if self.upright.tilt_deg == 0.0 else "up"
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
            *(f"note        {note}" for note in (*found.notes, *self.notes)),
            f"camera      {camera.width} x {camera.height}, fx {camera.fx:.1f} fy {camera.fy:.1f} cx {camera.cx:.1f} "
            f"cy {camera.cy:.1f} ({self.intrinsics_from})",
            f"depth       {self.depth_units_per_m:g} units per metre, written as {encoding}",
            f"up          {self.upright.line()}",
            f"floor       {self.floor_m:+.3f} m along {along} ({floor})",
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
    raw = recording.nearest_poses()
    spread = np.unique(np.linspace(0, len(raw) - 1, min(len(raw), _FLOOR_FRAMES)).round().astype(int)).tolist()
    links = choose_pairs(raw)
    looked = _views(recording, camera, raw, units, {*spread, *(i for link in links for i in link)})
    notes = _notes(recording, camera)
    kind = Verdict(options.poses)
    if options.poses == "auto":
        kind = choose_poses([(looked[i], looked[j]) for i, j in links])
        notes += (f"poses are taken as {kind.line}; --poses overrides",) if kind.changed else ()
    if kind.name != CAMERA_TO_WORLD:
        as_camera = POSES[kind.name]
        recording = replace(recording, T_world_camera=np.stack([as_camera(T) for T in recording.T_world_camera]))
        looked = {i: replace(view, T_world_camera=as_camera(view.T_world_camera)) for i, view in looked.items()}
    poses, views = recording.nearest_poses(), [looked[i] for i in spread]
    if options.up == "auto":
        far = 2.0 * max(FAR_M / 2.0, median_depth(views))
        up = find_up(poses, np.concatenate([surface_normals(view, far_m=far) for view in views]))
    else:
        up = given_up(options.up)
    axis = up.direction
    if options.depth_units_per_m is None:
        known = tuple(dict.fromkeys((units, *UNITS_PER_M["16UC1"])))
        unit = choose_unit(views, [(looked[i], looked[j]) for i, j in links], known, axis, "--depth-scale ")
        units, views = units / unit.factor, [view.scaled(unit.factor) for view in views]
        notes += (unit.line,) if unit.line else ()
    height, floor = options.floor_m, None
    if height is None:
        floor = find_floor((level_points(view, axis) @ axis for view in views), poses[:, :3, 3] @ axis)
        height = floor.height_m
    return ImportPlan(Path(folder), recording, camera, source, units, up, height, floor, options.camera_frame, notes)


def _notes(recording: Recording, camera: Camera) -> tuple[str, ...]:
    """What else a user should know: pictures that viewers turn, depth of another size."""
    notes = []
    tag = orientation(recording.colour[0].path)
    if tag != 1:
        notes.append(
            f"colour has the EXIF orientation {tag}: the stored pixels are taken, to which depth and K belong; "
            "viewers show the pictures turned"
        )
    height, width = read_depth(recording.depth[0].path).shape
    if (width, height) != (camera.width, camera.height):
        notes.append(f"depth is {width} x {height}: each colour pixel will have that of the nearest depth pixel")
    return tuple(notes)


def _camera(folder: Path, recording: Recording, given: Intrinsics | None) -> tuple[Camera, str]:
    width, height = read_colour(recording.colour[0].path)[2]
    found = (given, "as given") if given is not None else recording.intrinsics
    if found is None:
        raise InputError(
            f"{folder} does not say the camera's intrinsics: put a K.txt there (its 3 x 3 matrix), "
            "or give --fx --fy --cx --cy"
        )
    (fx, fy, cx, cy), source = found
    published = source.startswith(("TUM", "7-Scenes"))
    if not (0 < cx < width - 1 and 0 < cy < height - 1) or (published and (width, height) != (640, 480)):
        raise InputError(
            f"intrinsics ({source}) do not fit the pictures: centre ({cx:g}, {cy:g}) in {width} x {height} pixels; "
            "give those of pictures of this size: K.txt or --fx --fy --cx --cy"
        )
    try:
        return Camera(width, height, fx, fy, cx, cy), source
    except InputError as error:
        raise InputError(
            f"intrinsics ({source}) are those of no camera: {error}; give K.txt or --fx --fy --cx --cy"
        ) from error


def _views(
    recording: Recording, camera: Camera, poses: FloatArray, units_per_m: float, numbers: set[int]
) -> dict[int, View]:
    """Some frames, by their number."""
    views = {}
    for i in sorted(numbers):
        raw = checked_depth(recording.depth[i], camera, recording)
        depth = (raw / units_per_m).astype(np.float32)
        own = camera if raw.shape == (camera.height, camera.width) else resized_camera(camera, *raw.shape[::-1])
        views[i] = View(*thinned(depth, own, 480), poses[i])
    return views


def checked_depth(picture: PictureFile, camera: Camera, recording: Recording) -> UInt16Array:
    """(H, W) uint16 of a depth picture of the camera's view; 0 = no reading.

    Raises:
        InputError: if it is missing, broken or of another view.
    """
    raw = read_depth(picture.path)
    size, wanted = (raw.shape[1], raw.shape[0]), (camera.width, camera.height)
    if size != wanted:
        fits = same_view(size, wanted)
        if fits and recording.depth_intrinsics is not None:
            fits = _same_lens(recording.depth_intrinsics, resized_camera(camera, *size))
        if not fits:
            raise InputError(
                f"{picture.path} is {size[0]} x {size[1]}, colour {camera.width} x {camera.height}: "
                "depth must be registered to colour, and be of its shape"
            )
    return raw if recording.no_reading is None else np.where(raw == recording.no_reading, np.uint16(0), raw)


def _same_lens(intrinsics: Intrinsics, camera: Camera) -> bool:
    """Whether intrinsics are a camera's within what is visible: 2 % of focal length, 1 % of the width of the centre."""
    fx, fy, cx, cy = intrinsics
    off = max(abs(cx - camera.cx), abs(cy - camera.cy))
    return abs(fx / camera.fx - 1) < 0.02 and abs(fy / camera.fy - 1) < 0.02 and off < 0.01 * camera.width
