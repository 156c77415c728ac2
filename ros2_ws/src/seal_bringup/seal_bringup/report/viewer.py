# SPDX-License-Identifier: Apache-2.0
"""The voxel map as a compact text that the report's own viewer (assets/viewer.js) unpacks in the browser."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_bringup.report.voxels import PAD, Voxels, limited, openness
from seal_perception.categories import SIX

VIEWER_LIMIT = 150_000
NO_LABEL = 255


def pack_voxels(
    voxels: Voxels,
    limit: int = VIEWER_LIMIT,
    poses: npt.ArrayLike | None = None,
    confident: int = 230,
    level: int = 9,
) -> dict[str, Any]:
    """JSON-ready description of at most `limit` voxels and the path.

    `data` is base64 of zlib of byte planes of `count` each: the steps of the linear index
    (x * Y + y) * Z + z as four planes from the lowest byte, r, g, b, label (255 none), score, shade
    (255 = open surroundings).

    Args:
        voxels: the map, labels of any score.
        limit: most voxels kept.
        poses: (P, >= 2) x, y in metres.
        confident: the score of 255 from which the viewer first shows a label.
        level: of zlib; 9 is smallest and slowest.
    """
    total = len(voxels)
    kept = limited(voxels, limit)
    shape = [int(n) for n in kept.cell.max(axis=0) + 1] if len(kept) else [1, 1, 1]
    linear = (kept.cell[:, 0] * shape[1] + kept.cell[:, 1]) * shape[2] + kept.cell[:, 2]
    steps = np.diff(linear, prepend=0).astype("<u4")
    grid = openness(kept.occupancy()) if len(kept) else np.ones((1, 1, 1), dtype=np.float32)
    above = kept.cell + PAD
    if len(kept):
        above[:, 2] = np.minimum(above[:, 2] + 3, grid.shape[2] - 1)
    shade = np.clip((grid[tuple(above.T)] - 0.62) / 0.34, 0.0, 1.0)
    planes = [
        steps.view(np.uint8).reshape(-1, 4).T.ravel(),
        (kept.rgb & 0xFC).T.ravel(),
        np.where(kept.label >= 0, kept.label, NO_LABEL).astype(np.uint8),
        kept.score,
        (np.round(shade * 15) * 17).astype(np.uint8),
    ]
    blob = zlib.compress(b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes), level)
    path = np.round(np.asarray(poses, dtype=np.float64)[:, :2], 3).tolist() if poses is not None else []
    return {
        "count": len(kept),
        "total": total,
        "shape": shape,
        "origin": np.round(kept.origin_m, 4).tolist(),
        "voxel": kept.voxel_m,
        "confident": confident,
        "path": path,
        **({} if kept.names == SIX else {"categories": list(kept.names.names)}),
        "data": base64.b64encode(blob).decode("ascii"),
    }
