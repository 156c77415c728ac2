# SPDX-License-Identifier: Apache-2.0
"""Pictures of normal noise at the price of a table look-up."""

from __future__ import annotations

import numpy as np

from seal_perception.types import Float32Array

SIDE = 1024
"""Edge of the table, a power of two; larger pictures repeat it."""

MAX_CORRELATION_PX = 64


def noise_table(rng: np.random.Generator, correlation_px: int = 1) -> Float32Array:
    """(SIDE, SIDE) float32 of mean 0 and variance 1, continuous across its edges.

    Each value is the scaled sum of `correlation_px` x `correlation_px` independent normal numbers, as the depth of a
    pixel comes from matching a block: the correlation falls linearly to 0 over that many pixels. A picture reads the
    table from a random corner (`random_corner`), so pictures are independent of each other but for one in a million.

    Raises:
        ValueError: if `correlation_px` does not lie in [1, `MAX_CORRELATION_PX`].
    """
    if not 1 <= correlation_px <= MAX_CORRELATION_PX:
        raise ValueError(f"correlation_px must lie between 1 and {MAX_CORRELATION_PX}, got {correlation_px}")
    white = rng.standard_normal((SIDE, SIDE), dtype=np.float32)
    for axis in (0, 1):
        total = white.copy()
        for shift in range(1, correlation_px):
            total += np.roll(white, shift, axis)
        white = total
    return np.ascontiguousarray(white / np.float32(correlation_px))


def random_corner(rng: np.random.Generator) -> tuple[int, int]:
    """Row and column of the table from which a picture is read."""
    row, column = rng.integers(SIDE, size=2)
    return int(row), int(column)
