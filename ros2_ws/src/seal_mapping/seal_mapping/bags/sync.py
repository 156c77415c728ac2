# SPDX-License-Identifier: Apache-2.0
"""Which depth picture belongs to which colour picture, by their stamps.

Stamps are 32-bit seconds and nanoseconds in ROS 1 and 2, so their differences always fit into 64 bits.
"""

from __future__ import annotations

import numpy as np

from seal_perception.types import IntArray


def unique_stamps(stamps_ns: IntArray) -> IntArray:
    """Positions (K,) of the first picture of each stamp, in the order of the stamps."""
    return np.unique(stamps_ns, return_index=True)[1].astype(np.int64)


def nearest(stamps_ns: IntArray, others_ns: IntArray) -> IntArray:
    """(N,) position of the nearest of `others_ns` for each stamp; of two equally near the earlier.

    Args:
        stamps_ns: (N,) stamps.
        others_ns: (M,) stamps in rising order, at least one.
    """
    after = np.clip(np.searchsorted(others_ns, stamps_ns), 0, len(others_ns) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(stamps_ns - others_ns[before]) <= np.abs(stamps_ns - others_ns[after])
    return np.where(closer, before, after).astype(np.int64)


def match(colour_ns: IntArray, depth_ns: IntArray, tolerance_ns: int) -> IntArray:
    """(N,) position of the depth picture of each colour picture, -1 where there is none.

    The nearest within the tolerance (its bound included); each depth picture goes to the nearest of the colour
    pictures that ask for it (the earlier of two), the others get none.

    Args:
        colour_ns: (N,) stamps in rising order, none twice.
        depth_ns: (M,) stamps in rising order, none twice.
        tolerance_ns: how far they may lie apart.
    """
    if not len(colour_ns) or not len(depth_ns):
        return np.full(len(colour_ns), -1, np.int64)
    chosen = nearest(colour_ns, depth_ns)
    gap = np.abs(colour_ns - depth_ns[chosen])
    found = np.where(gap <= tolerance_ns, chosen, -1)
    order = np.lexsort((colour_ns, gap, found))
    repeated = np.zeros(len(found), bool)
    repeated[order[1:]] = (found[order[1:]] == found[order[:-1]]) & (found[order[1:]] >= 0)
    return np.where(repeated, -1, found).astype(np.int64)
