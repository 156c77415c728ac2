# SPDX-License-Identifier: Apache-2.0
"""Poses of the last while, by their stamps: of odometry, or of one transform."""

from __future__ import annotations

import numpy as np

from seal_perception.odometry.track import NoPoseError, Samples, pose_at
from seal_perception.types import FloatArray, IntArray

NO_ODOMETRY = "no odometry yet"
TOO_OLD = "older than the odometry that is kept"
NOT_YET = "no odometry after it yet"
NEVER_CAME = "no odometry after it came in time"
_NS = 1_000_000_000


class PoseBuffer:
    """The odometry of the last while.

    Args:
        keep_s: how long a pose is kept, by the stamps.
    """

    def __init__(self, keep_s: float = 60.0) -> None:
        self._keep_ns = round(keep_s * _NS)
        self._samples = Samples()

    def __len__(self) -> int:
        return len(self._samples.stamps)

    @property
    def lack(self) -> str:
        """Why a picture waits in vain, as text."""
        return NEVER_CAME if len(self) else NO_ODOMETRY

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest pose; None while there is none."""
        return self._samples.stamps[-1] if len(self) else None

    def add(self, stamp_ns: int, xyz: tuple[float, float, float], quat_xyzw: tuple[float, float, float, float]) -> None:
        """Take a pose; one with the stamp of the newest replaces it.

        Raises:
            ValueError: if it is not finite, its quaternion is not of unit length, or it is older than the newest.
        """
        newest = self.newest_ns
        if newest is not None and stamp_ns < newest:
            raise ValueError(f"stamps of odometry must rise, got {stamp_ns} ns after {newest} ns")
        self._samples.add(stamp_ns, xyz, quat_xyzw)
        if newest == stamp_ns:
            self._cut(len(self) - 2, len(self) - 1)
        old = int(np.searchsorted(self._stamps(), stamp_ns - self._keep_ns))
        if old > len(self) // 2:  # now and then, not with each message
            self._cut(0, old)

    def _cut(self, begin: int, end: int) -> None:
        del self._samples.stamps[begin:end]
        del self._samples.values[7 * begin : 7 * end]

    def _stamps(self) -> IntArray:
        return np.array(self._samples.stamps, np.int64)

    def clear(self) -> None:
        """Forget all."""
        self._samples = Samples()

    def at(self, stamp_ns: int, max_gap_ns: int) -> FloatArray:
        """T_odom_base (4, 4) at a stamp, by `pose_at`.

        Raises:
            NoPoseError: with the reason `NO_ODOMETRY`, `TOO_OLD`, `NOT_YET` or `POSE_GAP`.
        """
        if not len(self):
            raise NoPoseError(NO_ODOMETRY)
        stamps = self._stamps()
        if stamp_ns > int(stamps[-1]):
            raise NoPoseError(NOT_YET)
        if stamp_ns < int(stamps[0]):
            raise NoPoseError(TOO_OLD)
        return pose_at(stamps, np.array(self._samples.values).reshape(-1, 7), stamp_ns, max_gap_ns)
