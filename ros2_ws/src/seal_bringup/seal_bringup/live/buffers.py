# SPDX-License-Identifier: Apache-2.0
"""Arrays to the bytes that the page's scripts read: pictures, grids, voxels, curves."""

from __future__ import annotations

import base64
import json
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np

from seal_bringup.report.viewer import pack_voxels
from seal_bringup.report.voxels import Voxels
from seal_perception.categories import CategorySet
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray, Int8Array, UInt8Array

UNKNOWN, FREE, OBSTACLE = 0, 1, 2
"""Values of a grid's cells in the page."""
MOST_CELLS = 1 << 27
"""Cells of the grid around all voxels: 40 x 40 x 10 m of 5 cm."""
_JPEG_QUALITY = 80
_FAST = 1
"""Level of zlib: a browser on this machine waits for the packing, not for the bytes."""


def picture_bytes(rgb: UInt8Array) -> bytes:
    """JPEG of (H, W, 3) uint8 RGB."""
    import cv2

    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise InputError(f"a picture of {rgb.shape} cannot be made a JPEG")
    return bytes(data)


def grid_bytes(obstacles: Grid2D, explored: Grid2D) -> bytes:
    """JSON of the map from above, cut to what is known.

    `data` is base64 of zlib of `width` x `height` bytes (0 unknown, 1 free, 2 obstacle), row by row from the lowest y;
    `origin` is the low corner of the first cell in metres, `cell` the edge of one.

    Args:
        obstacles: bool cells.
        explored: bool cells of the same grid.
    """
    values = np.where(explored.cells, np.uint8(FREE), np.uint8(UNKNOWN))
    values[obstacles.cells] = OBSTACLE
    known = np.argwhere(values)
    low, high = (known.min(axis=0), known.max(axis=0) + 1) if len(known) else (np.zeros(2, int), np.ones(2, int))
    cut = np.ascontiguousarray(values[low[0] : high[0], low[1] : high[1]].T)
    origin = obstacles.origin_xy + low * obstacles.cell_m
    value = {
        "width": int(cut.shape[1]),
        "height": int(cut.shape[0]),
        "origin": np.round(origin, 4).tolist(),
        "cell": obstacles.cell_m,
        "data": base64.b64encode(zlib.compress(cut.tobytes(), _FAST)).decode("ascii"),
    }
    return _json(value)


def check_cloud(xyz: FloatArray, rgb: UInt8Array, label: Int8Array, score: UInt8Array) -> None:
    """Refuse voxels that cannot be shown.

    Raises:
        InputError: if lengths differ or a coordinate is not finite.
    """
    n = len(xyz)
    if xyz.shape != (n, 3) or rgb.shape != (n, 3) or label.shape != (n,) or score.shape != (n,):
        raise InputError(
            f"voxels need xyz (N, 3), rgb (N, 3), label (N,) and score (N,), got {xyz.shape}, {rgb.shape}, "
            f"{label.shape}, {score.shape}"
        )
    if not np.isfinite(xyz).all():
        raise InputError("voxels must lie at finite metres; one has a coordinate that is none")


def check_extent(xyz: FloatArray, voxel_m: float) -> None:
    """Refuse voxels so far apart that the grid around them would not fit into memory.

    Raises:
        InputError: if they are.
    """
    span = np.ptp(xyz, axis=0) / voxel_m + 1.0 if len(xyz) else np.ones(3)
    if np.prod(span) > MOST_CELLS:
        metres = " x ".join(f"{v * voxel_m:.0f}" for v in span)
        raise InputError(f"voxels over {metres} m are too far apart for the 3D map: at most {MOST_CELLS} cells fit")


def voxel_bytes(
    xyz: FloatArray, rgb: UInt8Array, label: Int8Array, score: UInt8Array, voxel_m: float, names: CategorySet
) -> bytes:
    """JSON of a voxel map as `seal_bringup.report.viewer` packs it, without a path.

    Args:
        xyz: (N, 3) centres in metres, map frame.
        rgb: (N, 3) colour seen.
        label: (N,) index of `names`, -1 none.
        score: (N,) of 255.
        voxel_m: edge of a voxel in metres.
        names: the map's list of categories.
    """
    low = xyz.min(axis=0) if len(xyz) else np.zeros(3)
    ijk = np.rint((xyz - low) / voxel_m).astype(np.int64)
    cloud = SimpleNamespace(ijk=ijk, xyz=xyz, rgb=rgb, label=label, score=score)
    return _json(pack_voxels(Voxels.from_cloud(cloud, voxel_m, names), level=_FAST))


def series_bytes(way: list[tuple[float, ...]], figures: list[tuple[float, ...]]) -> bytes:
    """JSON of the robot's way ([x, y] in metres) and of the figures ([seconds, confident voxels, explored m2])."""
    return _json({"way": _rounded(way, 3), "figures": _rounded(figures, 2)})


def _rounded(rows: list[tuple[float, ...]], digits: int) -> list[list[float]]:
    return [[round(value, digits) for value in row] for row in rows]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
