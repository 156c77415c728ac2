# SPDX-License-Identifier: Apache-2.0
"""The eight symmetries of the square window: a home turned or mirrored is a home."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SYMMETRIES = 8


def turned(seen: dict[str, Any], actions: npt.NDArray[np.float32], which: int, bins: int) -> tuple[dict[str, Any], Any]:
    """Observations and goals of a batch as they are in the turned or mirrored home.

    Args:
        seen: "heading" (N,) sectors, the others (N, C, X, Y, ...) arrays.
        actions: (N, 2) points of the window in [0, 1].
        which: 0 to 7; 0 changes nothing. Its bits: swap x and y, mirror x, mirror y, in this order.
        bins: number of sectors of the heading, a multiple of 4.
    """
    out, points = dict(seen), actions
    swap, mirror_x, mirror_y = bool(which & 1), bool(which & 2), bool(which & 4)
    heading = np.asarray(seen["heading"]).astype(np.int64)
    if swap:
        out = {name: np.swapaxes(v, 2, 3) if name != "heading" else v for name, v in out.items()}
        points, heading = points[:, ::-1], bins // 4 - heading
    for mirrored, axis, half in ((mirror_x, 0, bins // 2), (mirror_y, 1, 0)):
        if mirrored:
            out = {name: np.flip(v, 2 + axis) if name != "heading" else v for name, v in out.items()}
            points = points.copy()
            points[:, axis] = 1.0 - points[:, axis]
            heading = half - heading
    out = {name: np.ascontiguousarray(v) for name, v in out.items()}
    out["heading"] = heading % bins
    return out, np.ascontiguousarray(points)
