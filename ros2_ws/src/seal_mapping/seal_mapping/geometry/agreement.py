# SPDX-License-Identifier: Apache-2.0
"""Whether depth and poses belong together: a frame's points, seen from another frame, have the depth measured there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seal_mapping.geometry.surfaces import View
from seal_perception.pose import invert
from seal_perception.types import FloatArray

MAX_TURN_DEG, MIN_MOVE_M, MAX_MOVE_M = 25.0, 0.02, 0.7
"""Between the two frames of a pair: more turn leaves little overlap, a smaller move says nothing about scale."""

MIN_POINTS = 300
_AHEAD = 60
_COLUMNS = 60


@dataclass(frozen=True)
class Agreement:
    """How far depth and poses of pairs of frames agree.

    Attributes:
        median: median of |log(expected depth / measured depth)|: 0.01 is one per cent; inf if too few points overlap.
        points: points that were compared.
    """

    median: float
    points: int


def choose_pairs(T_world_camera: FloatArray, count: int = 12) -> list[tuple[int, int]]:
    """Numbers of pairs of frames that see the same: little turn, as much move as overlap allows, spread evenly.

    Args:
        T_world_camera: (N, 4, 4) poses; any frame fixed to the camera will do.
        count: pairs at most.
    """
    number = len(T_world_camera)
    starts = np.unique(np.linspace(0, max(0, number - 2), min(count, max(0, number - 1))).round().astype(int))
    pairs = []
    for i in starts.tolist():
        ahead = T_world_camera[i + 1 : i + 1 + _AHEAD]
        R = T_world_camera[i, :3, :3].T @ ahead[:, :3, :3]
        cos = np.clip((np.trace(R, axis1=1, axis2=2) - 1.0) / 2.0, -1.0, 1.0)
        move = np.linalg.norm(ahead[:, :3, 3] - T_world_camera[i, :3, 3], axis=1)
        fit = (cos >= math.cos(math.radians(MAX_TURN_DEG))) & (move <= MAX_MOVE_M)
        best = int(np.argmax(np.where(fit, move, -1.0)))
        pairs.append((i, i + 1 + best))
    return pairs


def agreement(pairs: Sequence[tuple[View, View]]) -> Agreement:
    """How well the depth of each pair's first view predicts that of its second."""
    parts = [_ratios(first, second) for first, second in pairs]
    ratios = np.concatenate(parts) if parts else np.zeros(0)
    # In most pairs most points must be seen again: an assumption that lets views miss each other is none that fits.
    seen = [part.size for part in parts]
    if ratios.size < MIN_POINTS or np.median(seen) == 0:
        return Agreement(math.inf, int(ratios.size))
    return Agreement(float(np.median(np.abs(ratios))), int(ratios.size))


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # absurd poses and cameras give no warnings
def _ratios(first: View, second: View) -> FloatArray:
    """(N,) log of expected over measured depth at the pixels of `second` where points of `first` should be seen."""
    step = max(1, first.camera.width // _COLUMNS)
    z = first.depth[::step, ::step].astype(np.float64)
    good = np.isfinite(z) & (z > 0)
    points = first.camera.rays()[::step, ::step][good] * z[good][:, None]
    T = invert(second.T_world_camera) @ first.T_world_camera
    camera = second.camera
    there = points @ T[:3, :3].T + T[:3, 3]
    there = there[there[:, 2] > 0]
    u = np.rint(there[:, 0] / there[:, 2] * camera.fx + camera.cx)
    v = np.rint(there[:, 1] / there[:, 2] * camera.fy + camera.cy)
    inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    measured = second.depth[v[inside].astype(np.int64), u[inside].astype(np.int64)].astype(np.float64)
    expected = there[inside, 2]
    known = np.isfinite(measured) & (measured > 0)
    return np.asarray(np.log(expected[known] / measured[known]), np.float64)
