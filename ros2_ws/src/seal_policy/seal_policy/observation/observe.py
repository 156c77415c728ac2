# SPDX-License-Identifier: Apache-2.0
"""The observation of a learned goal policy: the same in the training environment, in one process and over ROS."""

from __future__ import annotations

from typing import Any

import numpy as np

from seal_mapping.voxels.local_map import LocalMapConfig
from seal_perception.errors import InputError
from seal_perception.types import UInt8Array
from seal_policy.goals.policy import PolicyInput
from seal_policy.observation.view import LocalFrame, LocalView, heading_index, view_of, window_cells
from seal_policy.planning.motion import Point, planar
from seal_policy.planning.terrain import coarsen
from seal_policy.planning.terrain import window as crop

MEMORY = ("uncertainty", "trail", "failed")
"""Channels of the observation "memory"."""
_PER_PICTURE = 32
_FAILED_M = 0.6


def observe(
    inp: PolicyInput, config: LocalMapConfig, heading_bins: int, volume: bool = True, memory: bool = True
) -> tuple[LocalView, dict[str, Any]]:
    """What a policy observes at a step at which a goal is due.

    Args:
        inp: what any goal policy sees. Its volume may be of the window `LocalMapConfig()` too.
        config: the window.
        heading_bins: number of sectors that headings are sorted into.
        volume: whether the map's volume is looked at; without, no category is seen.
        memory: whether `memory_of` is observed.

    Returns:
        The window, and "map" (2 + C, X, Y) uint8 (`LocalView.flat`; 2 channels without volume), "heading" (int64),
        with volume "volume" (1 + C, X, Y, Z) uint8, with memory "memory" (3, X, Y) uint8.

    Raises:
        InputError: if a volume is wanted and the input has none, or one of another window.
    """
    x, y, yaw = planar(inp.T_map_base)
    (nx, ny, nz), _ = config.lattice(inp.obstacles.cell_m)
    seen: UInt8Array = np.zeros((1, nx, ny, nz), np.uint8)
    if volume:
        if inp.volume is None:
            raise InputError("this policy looks at the map's volume: over ROS, mapping must publish map/volume")
        seen = fitted(inp.volume(), config, inp.obstacles.cell_m)
    view = view_of(inp.obstacles, inp.explored, seen, (x, y), config)
    out: dict[str, Any] = {"map": view.flat, "heading": np.int64(heading_index(yaw, heading_bins))}
    if volume:
        out["volume"] = seen
    if memory:
        out["memory"] = memory_of(inp, (x, y), config)
    return view, out


def fitted(volume: UInt8Array, config: LocalMapConfig, voxel_m: float) -> UInt8Array:
    """A volume (1 + C, X, Y, Z) of the window `LocalMapConfig()` pooled by maximum and cut to another window.

    A volume that is of that window already is handed back.

    Raises:
        InputError: if the window cannot be made of it.
    """
    (nx, ny, nz), _ = config.lattice(voxel_m)
    if volume.shape[1:] == (nx, ny, nz):
        return volume
    base = LocalMapConfig()
    (bx, by, bz), _ = base.lattice(voxel_m)
    k = config.pool // base.pool
    fits = config.pool % base.pool == 0 and config.height_m == base.height_m and bz == k * nz
    if not fits or volume.shape[1:] != (bx, by, bz) or k * nx > bx or k * ny > by or (bx - k * nx) % 2 or bx != by:
        raise InputError(
            f"the map's volume {volume.shape[1:]} does not give the window {(nx, ny, nz)} that this policy looks at"
        )
    x, y = (bx - k * nx) // 2, (by - k * ny) // 2
    part = volume[:, x : x + k * nx, y : y + k * ny]
    return np.ascontiguousarray(part.reshape(len(volume), nx, k, ny, k, nz, k).max(axis=(2, 4, 6)))


def memory_of(inp: PolicyInput, xy: Point, config: LocalMapConfig) -> UInt8Array:
    """What the two grids do not say: (3, X, Y) uint8 over the window around a point.

    Departs from the paper, whose policy sees the map alone: where the map is uncertain (`PolicyInput.uncertainty`, 255
    at its most), how many pictures were taken from a cell (32 each), and where goals could not be reached lately (255
    within 0.6 m).
    """
    low, high = window_cells(inp.obstacles, xy, config)
    nx, ny = (int(n) for n in (high - low) // config.pool)
    out = np.zeros((len(MEMORY), nx, ny), np.uint8)
    if inp.uncertainty is not None:
        most = np.asarray(coarsen(crop(inp.uncertainty.cells, low, high), config.pool).max(axis=2))
        out[0] = np.minimum(most.astype(np.uint16) * 255 // 100, 255)
    edge = inp.obstacles.cell_m * config.pool
    corner = inp.obstacles.corner(low)
    frames = np.floor((inp.poses[:, :2] - corner) / edge).astype(np.int64)
    inside = ((frames >= 0) & (frames < (nx, ny))).all(axis=1)
    count = np.zeros((nx, ny), np.int64)
    np.add.at(count, tuple(frames[inside].T), 1)
    out[1] = np.minimum(count * _PER_PICTURE, 255)
    if len(inp.failed):
        centres = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), indexing="ij"), axis=-1) * edge + corner + edge / 2
        distance = np.linalg.norm(centres[:, :, None] - inp.failed[None, None], axis=-1).min(axis=2)
        out[2] = np.where(distance <= _FAILED_M, 255, 0)
    return out


def cell_centre(frame: LocalFrame, cell: int, grid: int) -> Point:
    """Centre in metres of a cell of `grid` x `grid` cells over the window, counted row by row (x first)."""
    return frame.point(((cell // grid + 0.5) / grid, (cell % grid + 0.5) / grid))
