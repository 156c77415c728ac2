# SPDX-License-Identifier: Apache-2.0
"""Which way is up in a recording's world: level surfaces and walls decide, the cameras are a prior."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from seal_perception.errors import InputError
from seal_perception.types import FloatArray

UP_AXES = ("x", "-x", "y", "-y", "z", "-z")
MAX_TILT_DEG = 35.0
"""If the cameras alone must say it and their mean up is farther than this from every axis, no axis is taken."""
SNAP_DEG = 1.5
"""Surfaces whose up is nearer than this to an axis of the world confirm the axis, which is then taken exactly."""

LEVEL_DEG = 3.0
"""A map whose level surfaces are nearer than this to its z is level."""

_SEARCH_DEG = 60.0
_PRIOR_DEG = 30.0
_NEAR_DEG = 8.0
_REFINE_DEG = (12.0, 10.0, 8.0, 6.0, 6.0, 6.0)
_RIVAL_DEG = 15.0
_RIVAL = 0.6
_MIN_LEVEL = 60
_CEILING = 0.25
_PLANAR_COS = math.cos(math.radians(1.0))
_MIN_SHARE = 0.04
_VOTERS = 8000
_DIRECTIONS = 1500
_MIN_MEAN = 0.5
_MIN_TURN_SHARE, _CLEAR_SHARE, _DOUBT_SHARE = 0.1, 0.8, 0.5

_ROTATIONS: dict[str, list[list[float]]] = {
    "x": [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
    "-x": [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
    "y": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "-y": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "z": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "-z": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
}


@dataclass(frozen=True)
class LevelSurfaces:
    """The direction that the surfaces of a recording agree on as up.

    Attributes:
        up: (3,) unit vector in the world.
        level: share of all surface patches that face along it or, as ceilings, against it, within 8 degrees.
        walls: share of them that stand upright on it, within 8 degrees.
        rival: another direction that is supported nearly as well; None if there is none.
    """

    up: FloatArray
    level: float
    walls: float
    rival: FloatArray | None = None


@dataclass(frozen=True)
class Up:
    """What is taken for up.

    Attributes:
        axis: the axis of the world nearest to it.
        direction: (3,) unit vector in the world; exactly the axis where `tilt_deg` is 0.
        tilt_deg: angle between axis and direction.
        cameras_deg: angle between the direction and the cameras' mean up; None if the user gave the direction.
        surfaces: what the surfaces say; None if they were not asked, or too few were seen.
    """

    axis: str
    direction: FloatArray
    tilt_deg: float
    cameras_deg: float | None = None
    surfaces: LevelSurfaces | None = None

    @property
    def rotation(self) -> FloatArray:
        """(3, 3) from the world to one with z up; the other axes turn as little as possible."""
        R = upright_rotation(self.axis)
        return R if self.tilt_deg == 0.0 else rotation_to_z(R @ self.direction) @ R

    def line(self) -> str:
        """The choice and what speaks for it."""
        name = self.axis
        if self.tilt_deg > 0.0:
            at = ", ".join(f"{round(float(v), 3) + 0.0:.3f}" for v in self.direction)
            name = f"({at}), {self.tilt_deg:.1f} degrees from {self.axis}"
        if self.cameras_deg is None:
            return f"{name} (as given)"
        said = f"{self.cameras_deg:.0f} degrees from the cameras' mean up"
        if self.surfaces is None:
            return f"{name} ({said}; assumed: too few level surfaces were seen to confirm it)"
        return (
            f"{name} ({said}; {self.surfaces.level:.0%} of the surfaces are level, {self.surfaces.walls:.0%} upright)"
        )


def upright_rotation(up: str) -> FloatArray:
    """(3, 3) rotation from a world with this axis up to one with z up; the other axes turn as little as possible.

    Raises:
        InputError: if `up` is no axis.
    """
    if up not in _ROTATIONS:
        raise InputError(f"--up must be auto, {', '.join(UP_AXES)}, or a direction as 0.45,0,0.89; got {up!r}")
    return np.array(_ROTATIONS[up], np.float64)


def rotation_to_z(direction: FloatArray) -> FloatArray:
    """(3, 3) the smallest rotation that takes a unit vector (3,), not -z, to z."""
    x, y, z = (float(v) for v in direction)
    # Rodrigues' formula for the axis (direction x z), written out.
    a = 1.0 / (1.0 + z)
    return np.array([[1 - a * x * x, -a * x * y, -x], [-a * x * y, 1 - a * y * y, -y], [x, y, z]])


def along_axis(direction: FloatArray) -> Up:
    """The choice of a direction (3,), not of unit length, that was given."""
    unit = direction / np.linalg.norm(direction)
    axis, angle = nearest_axis(unit)
    return Up(axis, upright_rotation(axis)[2], 0.0) if angle < 1e-6 else Up(axis, unit, angle)


def given_up(text: str) -> Up:
    """The user's word: an axis, or a direction as three numbers with commas.

    Raises:
        InputError: if it is neither.
    """
    if "," not in text:
        return Up(text, upright_rotation(text)[2], 0.0)
    try:
        direction = np.array([float(part) for part in text.split(",")])
    except ValueError:
        direction = np.zeros(0)
    if direction.shape != (3,) or not np.isfinite(direction).all() or np.linalg.norm(direction) < 1e-6:
        upright_rotation(text)
    return along_axis(direction)


def nearest_axis(direction: FloatArray) -> tuple[str, float]:
    """The axis of the world nearest to a direction (3,), and the angle between them in degrees."""
    along = {axis: float(upright_rotation(axis)[2] @ direction) for axis in UP_AXES}
    axis = max(along, key=lambda name: along[name])
    return axis, angle_deg(upright_rotation(axis)[2], direction)


def angle_deg(a: FloatArray, b: FloatArray) -> float:
    """Degrees between two vectors (3,); 180 if one has no length."""
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm == 0.0:
        return 180.0
    # The arc cosine alone cannot tell angles below a millionth of a degree from nought.
    return math.degrees(math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b)))


def cameras_up(T_world_camera: FloatArray) -> FloatArray:
    """(3,) mean of the directions of the cameras' upper edges; short where they were held in all directions.

    Args:
        T_world_camera: (N, 4, 4) poses of the optical frame.
    """
    return np.asarray(-T_world_camera[:, :3, 1].mean(axis=0), np.float64)


def level_surfaces(normals: FloatArray, prior: FloatArray, within_deg: float = _SEARCH_DEG) -> LevelSurfaces | None:
    """The direction that most level surfaces and walls agree on, within 60 degrees of a prior.

    Directions are tried in steps of some 6 degrees, each rated by the share of patches that face along it (a ceiling's
    counts a quarter), times that of patches along or upright, times a bell over the angle to the prior. The best is
    refined: the direction with the least squares of sines to level patches and of cosines to walls, over shrinking
    limits.

    Args:
        normals: (N, 3) unit normals of surface patches, towards the camera, world axes.
        prior: (3,) where up should be, not of unit length.
        within_deg: how far from it to look; the bell is as much wider.

    Returns:
        None if fewer than 60 patches, or a 25th of them, are level in the best direction.
    """
    some = normals[:: max(1, len(normals) // _VOTERS)]
    tried = _sphere()
    angles = np.degrees(np.arccos(np.clip(tried @ (prior / np.linalg.norm(prior)), -1.0, 1.0)))
    tried, angles = tried[angles <= within_deg], angles[angles <= within_deg]
    bell = np.exp(-0.5 * (angles * _SEARCH_DEG / (within_deg * _PRIOR_DEG)) ** 2)
    if not len(some):
        return None
    along = some.astype(np.float32) @ tried.T.astype(np.float32)
    near, upright = math.cos(math.radians(_NEAR_DEG)), math.sin(math.radians(_NEAR_DEG))
    level = (along > near).mean(axis=0) + _CEILING * (along < -near).mean(axis=0)
    rating = level * (0.2 + (np.abs(along) < upright).mean(axis=0) + level) * bell
    best = int(np.argmax(rating))
    up = _refined(tried[best], some)
    exact = np.abs(normals @ up)
    share, walls = float((exact > near).mean()), float((exact < upright).mean())
    few = share < _MIN_SHARE or share * len(normals) < _MIN_LEVEL
    if few or angle_deg(up, prior) > within_deg:
        return None
    apart = tried @ up < math.cos(math.radians(_RIVAL_DEG))
    rivals = np.flatnonzero(apart & (rating > _RIVAL * rating[best]))
    rival = None if not rivals.size else _refined(tried[rivals[np.argmax(rating[rivals])]], some)
    return LevelSurfaces(up, share, walls, rival)


def _sphere() -> FloatArray:
    """(K, 3) directions spread evenly over the sphere (Fibonacci's spiral)."""
    k = np.arange(_DIRECTIONS) + 0.5
    z = 1.0 - 2.0 * k / _DIRECTIONS
    turn = np.pi * (1.0 + 5.0**0.5) * k
    r = np.sqrt(1.0 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)


def _refined(up: FloatArray, normals: FloatArray) -> FloatArray:
    for limit in _REFINE_DEG:
        along = normals @ up
        level = normals[np.abs(along) > math.cos(math.radians(limit))]
        wall = normals[np.abs(along) < math.sin(math.radians(limit))]
        spread = wall.T @ wall - level.T @ level + len(level) * np.eye(3)
        found = np.linalg.eigh(spread)[1][:, 0]
        up = found if found @ up > 0 else -found
    return np.asarray(up, np.float64)


def choose_up(T_map_camera: FloatArray, normals: FloatArray, T_map_base: FloatArray | None) -> tuple[Up, str]:
    """Whether a map that should have z up has; a line where it has not, or where that is in doubt.

    z is kept where the level surfaces are within 3 degrees of it, and where they do not say anything clear. A robot on
    wheels whose odometry is planar drives on the floor: there a tilt is one of the camera's mounting, and is only said.
    Where the poses are the camera's own and it stands upright in another world than z's (an optical frame as the
    world), the cameras' mean up leads to the level surfaces.

    Args:
        T_map_camera: (N, 4, 4) poses of the optical frame.
        normals: (M, 3) normals of surface patches in map axes, towards the camera.
        T_map_base: (K, 4, 4) poses of the robot's base; None if it is the camera, or unknown.
    """
    planar = T_map_base is not None and bool((T_map_base[:, 2, 2] >= _PLANAR_COS).all())
    z = np.array([0.0, 0.0, 1.0])
    upright, mean = Up("z", z, 0.0), cameras_up(T_map_camera)
    found = level_surfaces(normals, z)
    if found is not None and angle_deg(found.up, z) <= LEVEL_DEG:
        return upright, ""
    if np.linalg.norm(mean) < _MIN_MEAN or angle_deg(mean, z) > _SEARCH_DEG:
        own = T_map_base is None and np.linalg.norm(mean) >= _MIN_MEAN
        found = level_surfaces(normals, mean) if own else None
    if found is None or found.level + found.walls < _DOUBT_SHARE:
        return upright, ""
    tilt = angle_deg(found.up, z)
    seen = f"{found.level:.0%} of the surfaces are level and {found.walls:.0%} upright"
    weak = found.level < _MIN_TURN_SHARE and found.level + found.walls < _CLEAR_SHARE
    if planar or weak or found.rival is not None:
        why = "the odometry is planar: is the camera's mounting tilted?" if planar else "others disagree"
        return upright, f"warning: up: z is assumed, but {seen} for a direction {tilt:.1f} degrees from it; {why}"
    turned = along_axis(found.up)
    cameras = f"the cameras' mean up is {angle_deg(mean, found.up):.0f} degrees from it"
    return turned, f"up: {turned.line().removesuffix(' (as given)')}: {seen} for it, {cameras}; up=z overrides"


def find_up(T_world_camera: FloatArray, normals: FloatArray) -> Up:
    """Which way is up: by the level surfaces, with the cameras' mean up as a prior.

    Where next to no surface was seen, the axis nearest to the cameras' mean up is assumed, and `Up.line` says so.

    Args:
        T_world_camera: (N, 4, 4) poses of the optical frame.
        normals: (M, 3) normals of surface patches in world axes, towards the camera.

    Raises:
        InputError: if cameras and surfaces do not say it; the text has both figures.
    """
    mean = cameras_up(T_world_camera)
    axis, angle = nearest_axis(mean)
    cameras = f"the cameras' mean up is ({', '.join(f'{v:.2f}' for v in mean)}), {angle:.0f} degrees from {axis}"
    # A mean that is short is the mean of cameras held in all directions: its own direction says nothing.
    if np.linalg.norm(mean) < _MIN_MEAN:
        raise _unknown(f"{cameras}; they were held in all directions", axis)
    found = level_surfaces(normals, mean)
    if found is not None:
        surfaces = _in_words(found.up, found.level)
        if found.rival is not None:
            raise _unknown(f"{cameras}; {surfaces}, but others that are {_direction(found.rival)}", axis)
        near, tilt = nearest_axis(found.up)
        direction, tilt = (upright_rotation(near)[2], 0.0) if tilt <= SNAP_DEG else (found.up, tilt)
        return Up(near, direction, tilt, angle_deg(direction, mean), found)
    wide = level_surfaces(normals, mean, 180.0)
    if wide is not None and len(normals) > _MIN_LEVEL / _MIN_SHARE and angle_deg(wide.up, mean) > _SEARCH_DEG:
        raise _unknown(f"{cameras}; {_in_words(wide.up, wide.level)}, too far from that", _as_option(wide.up))
    if angle > MAX_TILT_DEG:
        raise _unknown(f"{cameras}; too few level surfaces were seen", axis)
    upright = np.abs(normals @ upright_rotation(axis)[2]) < math.sin(math.radians(_NEAR_DEG))
    if len(normals) > _MIN_LEVEL / _MIN_SHARE and upright.mean() < 0.5:
        share = f"of the surfaces {upright.mean():.0%} stand upright on {axis} and less than {_MIN_SHARE:.0%} are level"
        raise _unknown(f"{cameras}; {share}", axis)
    return Up(axis, upright_rotation(axis)[2], 0.0, angle)


def _as_option(up: FloatArray) -> str:
    return ",".join(f"{round(float(v), 3) + 0.0:g}" for v in up)


def _direction(up: FloatArray) -> str:
    axis, angle = nearest_axis(up)
    return f"level for ({', '.join(f'{v:.2f}' for v in up)}), {angle:.0f} degrees from {axis}"


def _in_words(up: FloatArray, level: float) -> str:
    return f"{level:.0%} of the surfaces are {_direction(up)}"


def _unknown(what: str, up: str) -> InputError:
    return InputError(
        f"cannot tell which way the world is up: {what}; say it: --up={up}, another of {', '.join(UP_AXES)}, or a "
        "direction as 0.45,0,0.89"
    )
