# SPDX-License-Identifier: Apache-2.0
"""The conventions of a recording, made plausible from its data: which axes a camera frame has, the unit of depth.

Two witnesses are heard: depth that agrees between frames whose poses are known (`agreement`), and a floor below the
cameras (`find_floor`). What is plausible as it was read is never changed; what is not is changed only if a witness
names a known convention and the other does not contradict; otherwise a line says what was assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seal_mapping.geometry.agreement import agreement
from seal_mapping.geometry.floor import Floor, find_floor
from seal_mapping.geometry.surfaces import View, level_points
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.pose import R_BODY_OPTICAL, invert
from seal_perception.types import FloatArray, IntArray

Pairs = Sequence[tuple[View, View]]

Z_UP: FloatArray = np.array([0.0, 0.0, 1.0])
AXES: dict[str, FloatArray] = {
    "optical": np.eye(3),
    "body": R_BODY_OPTICAL,
    "opengl": np.diag([1.0, -1.0, -1.0]),
    "frd": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
}
"""Frames a picture may be stamped with, as (3, 3) rotations of optical axes to theirs: optical (x right, y down, z
ahead), body (x ahead, y left, z up), opengl (x right, y up, z back), frd (x ahead, y right, z down)."""
AXES_IN_WORDS = {
    "optical": "x right, y down, z ahead",
    "body": "x ahead, y left, z up",
    "opengl": "x right, y up, z back",
    "frd": "x ahead, y right, z down",
}

UNITS_PER_M = {"16UC1": (1000.0, 4000.0, 5000.0, 10000.0, 256.0, 100.0), "32FC1": (1.0, 1000.0, 100.0)}
"""Units of depth per metre in use by encoding, the usual one first: millimetres; quarters of them (L515); TUM's fifths;
tenths (D405); KITTI's 1/256 m; centimetres. Floats are metres, millimetres or centimetres."""

MIN_CAMERA_M, MAX_CAMERA_M = 0.05, 2.5
"""Heights of a robot's or a person's camera above the floor."""
_USUAL_DEPTH_M = (0.35, 6.0)
_POSSIBLE_DEPTH_M = (0.2, 8.0)
_SURELY_NO_METRES = 100.0
_SKY = 0.7
_CLEARLY = 0.6
_FLOOR_NEAR_M = 0.08
_MIN_SHARE = 0.1
_DOUBTFUL, _NOTICEABLE = 0.02, 0.003
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


CAMERA_TO_WORLD = "camera-to-world"
POSES: dict[str, Callable[[FloatArray], FloatArray]] = {
    CAMERA_TO_WORLD: lambda T: T,
    "world-to-camera": invert,
    "opengl": lambda T: T @ _FLIP,
    "opengl-world-to-camera": lambda T: invert(T) @ _FLIP,
}
"""What a 4 x 4 matrix of a folder may be, each as the way to camera-to-world with optical axes. An opengl camera
(ARKit, NeRF, Blender) has x right, y up, z back."""


@dataclass(frozen=True)
class Verdict:
    """What was decided about a convention.

    Attributes:
        name: the convention.
        line: what to say; empty where it is as it should be.
        changed: whether it is another than the usual one.
    """

    name: str
    line: str = ""
    changed: bool = False


@dataclass(frozen=True)
class Unit:
    """What was decided about depth: metres = what was read as the usual unit times `factor`."""

    factor: float
    line: str = ""


def floor_below(views: Sequence[View], axis: FloatArray = Z_UP) -> Floor | None:
    """The floor that views with metric depth show; None if they show none that could be one.

    Depth is looked at up to twice its median, so that a wrong unit does not hide the floor.

    Args:
        views: pictures with poses.
        axis: (3,) the world's up, of unit length.
    """
    far = 2.0 * max(2.5, median_depth(views))
    heights = [level_points(view, axis, far_m=far) @ axis for view in views]
    try:
        found = find_floor(heights, np.array([view.T_world_camera[:3, 3] @ axis for view in views]))
    except InputError:
        return None
    return found if found.share >= _MIN_SHARE else None


def median_depth(views: Sequence[View]) -> float:
    """Median of the readings of some views; 0 if there is none."""
    parts = [view.readings()[::7] for view in views]
    readings = np.concatenate(parts) if parts else np.zeros(0)
    return float(np.median(readings)) if readings.size else 0.0


def _plausible(floor: Floor | None) -> bool:
    return floor is not None and MIN_CAMERA_M <= floor.camera_m <= MAX_CAMERA_M


def choose_axes(views: Sequence[View], pairs: Pairs, frame: str) -> Verdict:
    """Which axes the frame has that the pictures name, z of the world being up.

    An optical frame is assumed. It is in doubt if the cameras look at the sky or straight down, or stand on their
    heads. Then the other axes are tried: taken are those for which depth agrees clearly better between frames; where
    the frames say nothing, those of a body for which there is a floor below the cameras while there is none for optical
    axes. A frame whose name says optical is only doubted by the frames: its camera may look at the ceiling.

    Args:
        views: pictures with poses of `frame` in the world.
        pairs: pairs of such views that see the same.
        frame: its name, for the line.
    """
    T = np.stack([view.T_world_camera for view in views])
    ahead, upper = float(T[:, 2, 2].mean()), float(-T[:, 2, 1].mean())
    if abs(ahead) <= _SKY and upper > -_SKY:
        return Verdict("optical")
    where = "at the sky" if ahead > _SKY else "straight down" if ahead < -_SKY else "upside down"
    trust = {name: _agreement_of(pairs, R) for name, R in AXES.items()}
    floors = {name: floor_below([view.turned(R) for view in views]) for name, R in AXES.items()}
    usual = trust["optical"]
    said = f"frame {frame!r} as an optical frame looks {where}"
    best = min(AXES, key=lambda name: (trust[name], not _plausible(floors[name])))
    others = min(trust[name] for name in AXES if name != "optical")
    stands = _plausible(floors["optical"])
    if best != "optical" and _better(trust[best], usual) and (_plausible(floors[best]) or not stands):
        fits = f"depth of neighbouring frames agrees within {trust[best]:.1%} for it, {_percent(usual)} otherwise"
        return _taken(best, said, fits)
    if _better(usual, others) or (stands and not _better(others, usual)):
        return Verdict("optical")
    body = "body" if ahead > _SKY else "frd"  # whose z is the axis that was taken for the one ahead
    floor = floors[body]
    named = "optical" in frame or abs(ahead) <= _SKY
    if floor is not None and _plausible(floor) and not (named or stands or _better(usual, trust[body])):
        return _taken(body, said, f"its floor lies {floor.camera_m:.2f} m below the cameras")
    doubt = "if it is a body frame (x ahead), say optical=false; optical=true ends this line"
    return Verdict("optical", f"warning: {said}, and depth does not say whether it is one: taken as optical; {doubt}")


def _better(one: float, other: float) -> bool:
    """Whether an agreement is clearly better than another: by two fifths and by a third of a per cent."""
    return one <= _CLEARLY * other and other - one >= _NOTICEABLE if math.isfinite(one) else False


def _agreement_of(pairs: Pairs, R: FloatArray) -> float:
    return agreement([(first.turned(R), second.turned(R)) for first, second in pairs]).median


def _percent(value: float) -> str:
    return "not at all" if math.isinf(value) else f"within {value:.1%}"


def _taken(name: str, said: str, why: str) -> Verdict:
    return Verdict(
        name, f"axes: {said}; taken as a {name} frame ({AXES_IN_WORDS[name]}): {why}; optical=true overrides", True
    )


def choose_poses(pairs: Pairs) -> Verdict:
    """What the poses of a folder are: camera-to-world with optical axes, unless depth says otherwise.

    They are in doubt if depth of neighbouring frames differs by more than 2 %. Taken is then the convention for which
    it agrees clearly better than for the usual one.

    Args:
        pairs: pairs of views that see the same, with poses as they were read.
    """
    fits = {
        name: agreement([(_posed(a, pose), _posed(b, pose)) for a, b in pairs]).median for name, pose in POSES.items()
    }
    usual, best = fits[CAMERA_TO_WORLD], min(fits, key=lambda name: fits[name])
    if usual <= _DOUBTFUL or best == CAMERA_TO_WORLD or fits[best] > _CLEARLY * usual:
        return Verdict(CAMERA_TO_WORLD)
    line = (
        f"{best}: depth of neighbouring frames agrees within {fits[best]:.1%}, {_percent(usual)} as {CAMERA_TO_WORLD}"
    )
    return Verdict(best, line, True)


def _posed(view: View, pose: Callable[[FloatArray], FloatArray]) -> View:
    return replace(view, T_world_camera=pose(view.T_world_camera))


def choose_unit(
    views: Sequence[View],
    pairs: Pairs,
    units: Sequence[float],
    axis: FloatArray = Z_UP,
    option: str = "depth_scale=",
) -> Unit:
    """The unit of depth.

    The usual unit is in doubt if the median depth is below 0.35 m or above 6 m, or the floor lies deeper below the
    cameras than 2.5 m. Then the units in use are tried: taken is the one that puts the floor to z = 0 (the pose's and
    the mounting's heights say how high the camera is), or for which depth agrees clearly best between frames that
    moved. Floats above 100 m are taken for millimetres if nothing speaks for centimetres.

    Args:
        views: pictures with poses, depth read in the usual unit.
        pairs: pairs of such views that see the same.
        units: per metre, that are in use; the first is the usual one, in which the views were read.
        axis: (3,) the world's up, of unit length.
        option: how the user sets the unit, for the line.
    """
    median = median_depth(views)
    if not median:
        return Unit(1.0)
    usual = floor_below(views, axis)
    deep = usual is not None and usual.camera_m > MAX_CAMERA_M
    if _USUAL_DEPTH_M[0] <= median <= _USUAL_DEPTH_M[1] and not deep:
        return Unit(1.0)
    at_zero = usual is not None and abs(usual.height_m) <= _FLOOR_NEAR_M
    if _plausible(usual) and at_zero:
        return Unit(1.0)
    factors = [units[0] / unit for unit in units]
    possible = [f for f in factors[1:] if _POSSIBLE_DEPTH_M[0] <= f * median <= _POSSIBLE_DEPTH_M[1]]
    floors = {f: floor_below([view.scaled(f) for view in views], axis) for f in possible}
    fits = {f: _motion(pairs, f) for f in [1.0, *possible]}
    by_floor = _by_floor(floors)
    by_motion = _by_motion(fits)
    said = f"depth: read as {_unit_name(units[0])} its median is {median:.3g} m"
    if usual is not None:
        said += f" and the floor {usual.camera_m:.2f} m below the cameras"
    factor, why = None, ""
    if by_floor is not None and not _better(fits[1.0], fits[by_floor]):
        floor = floors[by_floor]
        assert floor is not None
        factor, why = by_floor, f"the floor then lies at z = {floor.height_m:+.2f} m, {floor.camera_m:.2f} m below"
    elif by_floor is None and by_motion not in (None, 1.0):
        factor = by_motion
        why = f"neighbouring frames agree within {fits[by_motion or 1.0]:.1%} for it, {_percent(fits[1.0])} otherwise"
    elif median > _SURELY_NO_METRES and units[0] / 1000.0 in possible:
        factor, why = units[0] / 1000.0, "the usual one of floats so large"
    if factor is None:
        return Unit(1.0, f"warning: {said}: is the unit right? it is left; {option}UNITS_PER_METRE sets it")
    unit = units[0] / factor
    return Unit(factor, f"{said}; taken as {_unit_name(unit)}: {why}; {option}{unit:g} is this, another overrides")


def _unit_name(units_per_m: float) -> str:
    return {1.0: "metres", 1000.0: "millimetres", 100.0: "centimetres"}.get(units_per_m, f"1/{units_per_m:g} m")


def _motion(pairs: Pairs, factor: float) -> float:
    return agreement([(first.scaled(factor), second.scaled(factor)) for first, second in pairs]).median


def _by_floor(floors: dict[float, Floor | None]) -> float | None:
    """The factor that alone puts a plausible floor to z = 0; of several, one that does so at least twice as well."""
    near = [
        (abs(floor.height_m), factor)
        for factor, floor in floors.items()
        if floor is not None and _plausible(floor) and abs(floor.height_m) <= _FLOOR_NEAR_M
    ]
    near.sort()
    return near[0][1] if near and (len(near) == 1 or 2.0 * near[0][0] < near[1][0]) else None


def _by_motion(fits: dict[float, float]) -> float | None:
    """The factor for which frames agree clearly better than for every other."""
    order = sorted(fits, key=lambda factor: fits[factor])
    clear = len(order) > 1 and math.isfinite(fits[order[0]]) and fits[order[0]] <= _CLEARLY * fits[order[1]]
    return order[0] if clear else None


def same_view(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes (width, height) can be one view at two resolutions, one up to 8 times the other.

    Their shapes must be equal within 1 %, or within one pixel of rounding.
    """
    if min(*size, *other) < 1:
        return False
    across, down = size[0] / other[0], size[1] / other[1]
    rounding = abs(size[0] * other[1] - size[1] * other[0]) <= min(max(size), max(other))
    return 0.125 <= across <= 8.0 and (rounding or abs(across / down - 1.0) < 0.01)


def resized_camera(camera: Camera, width: int, height: int) -> Camera:
    """The camera of the same view in pictures of another size; pixel centres are at integers."""
    x, y = width / camera.width, height / camera.height
    centre = ((camera.cx + 0.5) * x - 0.5, (camera.cy + 0.5) * y - 0.5)
    return Camera(width, height, camera.fx * x, camera.fy * y, *centre)


def nearest_pixels(width: int, height: int, to_width: int, to_height: int) -> tuple[IntArray, IntArray]:
    """Rows (to_height,) and columns (to_width,) of the pixels whose centre is nearest, at the same view."""
    return _nearest(height, to_height), _nearest(width, to_width)


def _nearest(count: int, wanted: int) -> IntArray:
    """(wanted,) the pixel of `count` nearest to each of `wanted`."""
    step = max(1, round(wanted / count))
    if -(-wanted // step) == count:  # every step-th was kept, the last one for less than a step
        return np.asarray(np.arange(wanted) // step, np.int64)
    return np.minimum((np.arange(wanted) + 0.5) * count / wanted, count - 1).astype(np.int64)
