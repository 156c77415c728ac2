# SPDX-License-Identifier: Apache-2.0
"""Where the floor lies: the lowest strong peak among the heights of level surfaces."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seal_perception.errors import InputError
from seal_perception.types import FloatArray

NEAR_PEAK_M = 0.05
MIN_POINTS = 200

TOLERANCE_M = 0.06
"""A floor this near to z = 0 is left there: half a voxel of the default 5 cm, and some centimetres of noise."""

_BIN_M = 0.025
_STRONG = 0.05
_FARTHEST_M = 100.0
_MIN_SHARE, _NOISE_SHARE = 0.1, 0.03
_MIN_CLEAR_M, _MAX_CLEAR_M = 0.05, 2.5
_BODY_M = 0.1
_STOREY_M = 1.2
_CELL_M, _WIDE_M2 = 0.25, 4.0


@dataclass(frozen=True)
class Floor:
    """A floor that was found.

    Attributes:
        height_m: its height along the world's up axis.
        share: share of the points on level surfaces that lie within 5 cm of it, in [0, 1].
        camera_m: median height of the cameras above it.
    """

    height_m: float
    share: float
    camera_m: float


def find_floor(heights: Iterable[FloatArray], camera_heights: FloatArray) -> Floor:
    """The lowest strong peak among the heights of level surfaces.

    Strong is a twentieth of the highest peak: a table may cover more of the pictures than the floor does, while wrong
    readings below the floor are few and scattered.

    Args:
        heights: arrays of heights of points on level surfaces (`level_points` along the up axis).
        camera_heights: (N,) heights of the cameras along the same axis.

    Raises:
        InputError: if too little level surface was seen, or the lowest is above the cameras.
    """
    found = [part for part in heights if part.size]
    values = np.concatenate(found) if found else np.zeros(0)
    # A pose that is far off must not make a histogram of a million kilometres.
    values = values[np.abs(values - np.median(camera_heights)) <= _FARTHEST_M]
    if values.size < MIN_POINTS:
        raise InputError(
            f"cannot find the floor: {values.size} points on level surfaces were seen, {MIN_POINTS} are needed; "
            "give its height along the up axis: --floor METRES"
        )
    first = math.floor(float(values.min()) / _BIN_M) - 2
    counts = np.bincount((np.floor(values / _BIN_M) - first).astype(np.int64))
    smooth = np.convolve(counts, [1.0, 1.0, 1.0])  # a peak on the edge of two bins counts as one
    inner, before, after = smooth[1:-1], smooth[:-2], smooth[2:]
    peaks = np.flatnonzero((inner >= before) & (inner >= after) & (inner >= _STRONG * inner.max()))
    centre = (first + int(peaks[0]) + 0.5) * _BIN_M
    near = values[np.abs(values - centre) <= NEAR_PEAK_M]
    height = float(np.median(near))
    camera_m = float(np.median(camera_heights)) - height
    if camera_m <= 0:
        raise InputError(
            f"cannot find the floor: the lowest level surface is {-camera_m:.2f} m above the cameras; check --up, or "
            "give the floor's height along the up axis: --floor METRES"
        )
    return Floor(height, share_near(values, height), camera_m)


def share_near(heights: FloatArray, height_m: float) -> float:
    """Share of some heights that lie within 5 cm of one."""
    return float((np.abs(heights - height_m) <= NEAR_PEAK_M).mean()) if heights.size else 0.0


@dataclass(frozen=True)
class FloorChoice:
    """What is done about a floor that should lie at z = 0.

    Attributes:
        height_m: height that is taken for the floor's; the map is moved down by it.
        line: what to say, with its reason.
        said: whether the line is for everyone: something was changed, or is in doubt.
    """

    height_m: float
    line: str
    said: bool


def choose_floor(level: FloatArray, cameras_m: FloatArray, bodies_m: FloatArray | None = None) -> FloorChoice:
    """Whether a map whose floor should be at z = 0 is to be moved, and why.

    It is left where the floor found lies within 6 cm of 0. It is moved down to a floor below 0, as that of odometry
    that begins at the camera. It is moved to one above 0 only if the robot's base drives on it, or, where that is not
    known, if it is wide: otherwise the lowest that was seen may be a table. It is left, with a line, where a level at 0
    is as strong as the lower one, where the cameras' heights are those of several storeys, and where they are too high
    above the floor.

    Args:
        level: (N, 3) points on level surfaces, z up.
        cameras_m: (M,) heights of the cameras.
        bodies_m: (M,) heights of the robot's base, where it is known and is not the camera itself.
    """
    heights = np.asarray(level[:, 2], np.float64) if level.size else np.zeros(0)
    try:
        found = find_floor([heights], cameras_m)
    except InputError as error:
        return FloorChoice(0.0, f"floor: z = 0, assumed: {str(error).split(': ')[1].split(';')[0]}", False)
    at = f"{found.share:.0%} of the level surfaces lie within 5 cm of it, the cameras {found.camera_m:.2f} m above"
    if abs(found.height_m) <= TOLERANCE_M:
        return FloorChoice(0.0, f"floor: z = 0 (found at {found.height_m:+.3f} m: {at})", False)
    if found.share < _NOISE_SHARE:
        return FloorChoice(0.0, "floor: z = 0, assumed: no level surface stands out", False)
    height = round(found.height_m, 2)
    where = f"the lowest level surface lies at z = {height:+.2f} m ({at})"
    take = f"floor={height:.2f} takes it, floor=0 ends this line"

    def left(why: str) -> FloorChoice:
        return FloorChoice(0.0, f"warning: floor: z = 0 is assumed, but {where}; {why}; {take}", True)

    low, high = np.percentile(cameras_m, [5.0, 95.0])
    if high - low > _STOREY_M:
        return left(f"the cameras' heights differ by {high - low:.1f} m, as on several storeys")
    if not _MIN_CLEAR_M <= found.camera_m <= _MAX_CLEAR_M:
        return left("the cameras are too high or too low for a floor")
    if found.share < _MIN_SHARE:
        return left("that is too little to take it for the floor")
    driven = bodies_m is not None and abs(float(np.median(bodies_m)) - height) <= _BODY_M
    if height < 0:
        at_zero = share_near(heights, 0.0)
        if at_zero >= 0.5 * found.share and float(np.median(cameras_m)) > 0.15 and not driven:
            return left(f"{at_zero:.0%} lie at 0")
    elif bodies_m is not None and not driven:
        return left(f"the robot's base is at z = {float(np.median(bodies_m)) + 0.0:.2f} m")
    elif not driven and _area_m2(level, found.height_m) < _WIDE_M2:
        return left("it may be a table")
    return FloorChoice(
        height, f"floor: at z = {height:+.2f} m, the map is moved to have it at 0 ({at}); floor=0 overrides", True
    )


def _area_m2(level: FloatArray, height_m: float) -> float:
    """Area of the cells of 25 cm that hold a level point near a height."""
    near = level[np.abs(level[:, 2] - height_m) <= NEAR_PEAK_M]
    cells = np.unique(np.floor(near[:, :2] / _CELL_M).astype(np.int64), axis=0)
    return len(cells) * _CELL_M**2
