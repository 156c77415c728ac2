# SPDX-License-Identifier: Apache-2.0
"""What a bag's own pictures say about its geometry: frame of the camera, unit of depth, up, floor, heights.

Some frames are read before the walk. Every choice is a function of `seal_mapping.geometry`; the user's word counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seal_mapping.bags.frames import Candidate
from seal_mapping.bags.options import BagOptions
from seal_mapping.geometry.agreement import choose_pairs
from seal_mapping.geometry.conventions import AXES, UNITS_PER_M, Verdict, choose_axes, choose_unit, median_depth
from seal_mapping.geometry.floor import FloorChoice, choose_floor
from seal_mapping.geometry.surfaces import View, level_points, surface_normals, thinned
from seal_mapping.geometry.up_axis import choose_up, given_up
from seal_mapping.voxels.config import MapConfig
from seal_perception.types import Float32Array, FloatArray

_OUTSIDE = 0.25
_INSIDE_SHARE = 0.2


@dataclass(frozen=True)
class Geometry:
    """How poses and depth of a bag are mended.

    Attributes:
        lines: what was changed, or is in doubt.
        notes: what was confirmed.
        depth_factor: depth in metres is what was read times this.
        R_camera_optical: (3, 3) optical axes in the frame that the pictures name; None: it is optical.
        T_map_fixed: (4, 4) from the poses' fixed frame to the map; None: it is the map.
    """

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    depth_factor: float = 1.0
    R_camera_optical: FloatArray | None = None
    T_map_fixed: FloatArray | None = None

    def camera_pose(self, T_fixed_camera: FloatArray) -> FloatArray:
        """(4, 4) T_map_optical of a frame."""
        return self.body_pose(self.mounting(T_fixed_camera))

    def body_pose(self, T_fixed_base: FloatArray) -> FloatArray:
        """(4, 4) T_map_base of a frame."""
        return T_fixed_base if self.T_map_fixed is None else self.T_map_fixed @ T_fixed_base

    def mounting(self, T_base_camera: FloatArray) -> FloatArray:
        """(4, 4) T_base_optical."""
        if self.R_camera_optical is None:
            return T_base_camera
        T = T_base_camera.copy()
        T[:3, :3] = T[:3, :3] @ self.R_camera_optical
        return T


@dataclass(frozen=True)
class Facts:
    """What the bag says beside its pictures.

    Attributes:
        encoding: of depth: 16UC1 or 32FC1.
        frame: name of the pictures' frame.
        cameras: (N, 4, 4) poses of that frame at the pictures.
        bodies: (M, 4, 4) poses of the robot's base at some of them; None if the base is the camera, or unknown.
    """

    encoding: str
    frame: str
    cameras: FloatArray
    bodies: FloatArray | None


def sample(
    candidates: Sequence[Candidate], depth_of: Callable[[Candidate], Float32Array | None]
) -> tuple[list[View], list[tuple[View, View]]]:
    """Some frames, spread evenly, as single views and as pairs that see the same.

    Args:
        candidates: the frames of the bag.
        depth_of: reads the depth of one, in the usual unit; None if it cannot be read.
    """
    if not candidates:
        return [], []
    numbers = choose_pairs(np.stack([c.T_map_camera for c in candidates])) or [(0, 0)]
    views: dict[int, View] = {}
    for i in sorted({i for pair in numbers for i in pair}):
        depth = depth_of(candidates[i])
        if depth is not None:
            views[i] = View(*thinned(depth, candidates[i].camera), candidates[i].T_map_camera)
    pairs = [(views[i], views[j]) for i, j in numbers if i in views and j in views and i != j]
    return list(views.values()), pairs


def examine(views: list[View], pairs: list[tuple[View, View]], facts: Facts, options: BagOptions) -> Geometry:
    """Decide frame, unit, up and floor, one after the other, each with what was decided before.

    Args:
        views: some frames, poses and depth as the bag has them.
        pairs: pairs of them.
        facts: what else the bag says.
        options: the user's word.
    """
    lines: list[str] = []
    notes: list[str] = []
    cameras = facts.cameras
    axes = _axes(views, pairs, facts, options)
    R = AXES[axes.name] if axes.name != "optical" else None
    if R is not None:
        views, pairs, cameras = _turned(views, pairs, cameras, R)
    R_up, line = _up(views, cameras, facts, options)
    lines += [text for text in (axes.line, line) if text]
    axis = np.array([0.0, 0.0, 1.0]) if R_up is None else R_up[2]
    usual = UNITS_PER_M[facts.encoding][0]
    if options.depth_scale is not None:
        factor = usual / options.depth_scale
        lines.append(f"depth: {options.depth_scale:g} units per metre (as given)")
    else:
        unit = choose_unit(views, pairs, UNITS_PER_M[facts.encoding], axis)
        factor = unit.factor
        lines += [unit.line] if unit.line else []
    T = np.eye(4)
    if R_up is not None:
        T[:3, :3] = R_up
    views = [view.scaled(factor).moved(T) for view in views]
    floor = _floor(views, T, cameras, facts, options)
    (lines if floor.said else notes).append(floor.line)
    T[2, 3] = -floor.height_m
    moved = R_up is not None or floor.height_m != 0.0
    lines += _heights([view.moved(_down(floor.height_m)) for view in views])
    return Geometry(tuple(lines), tuple(notes), factor, R, T if moved else None)


def _axes(views: list[View], pairs: list[tuple[View, View]], facts: Facts, options: BagOptions) -> Verdict:
    if options.optical is not None:
        name = "optical" if options.optical else "body"
        return Verdict(
            name, f"axes: frame {facts.frame!r} is {'an optical' if options.optical else 'a body'} frame (as given)"
        )
    # A mounting that was given is the optical frame's by its definition.
    if options.T_base_camera is not None or not views:
        return Verdict("optical")
    return choose_axes(views, pairs, facts.frame)


def _turned(
    views: list[View], pairs: list[tuple[View, View]], cameras: FloatArray, R: FloatArray
) -> tuple[list[View], list[tuple[View, View]], FloatArray]:
    turned = cameras.copy()
    turned[:, :3, :3] = cameras[:, :3, :3] @ R
    return [v.turned(R) for v in views], [(a.turned(R), b.turned(R)) for a, b in pairs], turned


def _up(views: list[View], cameras: FloatArray, facts: Facts, options: BagOptions) -> tuple[FloatArray | None, str]:
    """(3, 3) rotation of the fixed frame to one with z up, None if it is so; and the line."""
    if options.up is not None:
        up = given_up(options.up)
        line = f"up: {up.line()}"
    else:
        far = 2.0 * max(2.5, median_depth(views))
        normals = [surface_normals(view, far_m=far) for view in views]
        up, line = choose_up(cameras, np.concatenate([np.zeros((0, 3)), *normals]), facts.bodies)
    return (None if up.axis == "z" and up.tilt_deg == 0.0 else up.rotation), line


def _floor(
    views: list[View], T_map_fixed: FloatArray, cameras: FloatArray, facts: Facts, options: BagOptions
) -> FloorChoice:
    """The floor's height in a map that is upright."""
    if options.floor is not None:
        return FloorChoice(options.floor, f"floor: at z = {options.floor:+.3f} m (as given)", True)
    z = T_map_fixed[2]
    level = [level_points(view, np.array([0.0, 0.0, 1.0])) for view in views]
    bodies = None if facts.bodies is None else facts.bodies[:, :3, 3] @ z[:3]
    return choose_floor(np.concatenate([np.zeros((0, 3)), *level]), cameras[:, :3, 3] @ z[:3], bodies)


def _down(height_m: float) -> FloatArray:
    T = np.eye(4)
    T[2, 3] = -height_m
    return T


def _heights(views: list[View]) -> list[str]:
    """A line if many frames show next to nothing at the heights that a map keeps."""
    config = MapConfig()
    low, high = config.min_height_m, config.max_height_m
    inside = [share_between(view, low, high, config.max_depth_m) for view in views]
    known = [share for share in inside if share is not None]
    outside = sum(share < _INSIDE_SHARE for share in known)
    if not known or outside < _OUTSIDE * len(known):
        return []
    return [
        f"warning: {outside} of {len(known)} frames that were looked at show next to nothing between {low:g} and "
        f"{high:g} m of height, which a map keeps: another storey, or another floor than z = 0? see --min-height, "
        "--max-height, start_s, end_s and floor"
    ]


@np.errstate(over="ignore", invalid="ignore")
def share_between(view: View, low_m: float, high_m: float, far_m: float) -> float | None:
    """Share of a view's readings up to a depth that lie between two heights; None if it has no such reading."""
    near = (view.depth > 0) & (view.depth <= far_m)
    T = view.T_world_camera
    height = (view.camera.rays() @ T[2, :3]) * view.depth + T[2, 3]
    inside = near & (height >= low_m) & (height <= high_m)
    return float(inside.sum() / near.sum()) if near.any() else None


def body_heights_known(T_base_camera: FloatArray | None) -> bool:
    """Whether a base is another place than the camera: its mounting is unknown, moves, or is at least 5 cm long."""
    return T_base_camera is None or float(np.linalg.norm(T_base_camera[:3, 3])) >= 0.05
