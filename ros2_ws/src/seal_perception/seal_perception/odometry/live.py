# SPDX-License-Identifier: Apache-2.0
"""Poses of pictures while a robot drives: odometry has stamps of its own, and comes before or after the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_perception.odometry.track import NoPoseError, Samples, pose_at
from seal_perception.parameters import parameter
from seal_perception.types import FloatArray, IntArray

NO_ODOMETRY = "no odometry yet"
TOO_OLD = "older than the odometry that is kept"
NOT_YET = "no odometry after it yet"
NEVER_CAME = "no odometry after it came in time"
TOO_MANY = "too many wait for odometry"
WENT_BACK = "odometry's stamps went back"
_NS = 1_000_000_000


@dataclass(frozen=True)
class PoseConfig:
    """How a picture gets its pose outside lockstep."""

    max_gap_s: float = parameter(
        0.5, "longest time between the two odometry messages around a picture, in seconds", minimum=0.0
    )
    wait_s: float = parameter(
        2.0, "longest wait of a picture for the odometry after it, in seconds; then it is dropped", minimum=0.0
    )
    keep_s: float = parameter(60.0, "how long odometry is kept for pictures that come late, in seconds", minimum=0.0)

    jump_m: float = parameter(
        0.3, "a longer way between two odometry messages is a jump, in metres; 0 = any is believed", minimum=0.0
    )
    jump_rad: float = parameter(
        0.5, "a larger turn between two odometry messages is a jump, in radians; 0 = any is believed", minimum=0.0
    )

    odom_frame: str = parameter("", "frame_id that odometry should have; another one is told; empty = any")
    base_frame: str = parameter("", "child_frame_id that odometry should have; another one is told; empty = any")

    def __post_init__(self) -> None:
        if not (self.max_gap_s > 0 and self.wait_s >= 0 and self.keep_s > 0):
            raise ValueError(f"need max_gap_s > 0, wait_s >= 0 and keep_s > 0, got {self}")


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


class PosedPictures:
    """Hands pictures on with their poses, in the order of their stamps, as soon as odometry has passed them.

    Args:
        on_picture: called with the stamp, what was given as the picture, and T_odom_base (4, 4).
        config: how long a picture waits, and how far apart the poses around it may lie.
        most: pictures that wait at a time; of more the oldest goes.

    Attributes:
        poses: the odometry.
        dropped: pictures dropped so far, by reason.
    """

    def __init__(
        self,
        on_picture: Callable[[int, Any, FloatArray], None],
        config: PoseConfig | None = None,
        most: int = 100,
    ) -> None:
        self.config = config or PoseConfig()
        self.poses = PoseBuffer(self.config.keep_s)
        self.dropped: Counter[str] = Counter()
        self._on_picture = on_picture
        self._most = most
        self._waiting: dict[int, tuple[float, Any]] = {}

    @property
    def waiting(self) -> int:
        """Pictures that wait for odometry."""
        return len(self._waiting)

    def see_odometry(
        self, stamp_ns: int, xyz: tuple[float, float, float], quat_xyzw: tuple[float, float, float, float]
    ) -> None:
        """Take odometry, then hand on the pictures that waited for it.

        Stamps that go back begin anew: what was kept belongs to another time.

        Raises:
            ValueError: if it is no pose.
        """
        newest = self.poses.newest_ns
        if newest is not None and stamp_ns < newest:
            self.begin_anew(WENT_BACK)
        self.poses.add(stamp_ns, xyz, quat_xyzw)
        for due in sorted(stamp for stamp in self._waiting if stamp <= stamp_ns):
            self._hand_on(due, self._waiting.pop(due)[1])

    def see_picture(self, stamp_ns: int, picture: Any, now_s: float) -> None:
        """Take a picture; hands it on now or later.

        Args:
            stamp_ns: when it was taken.
            picture: handed on as it is.
            now_s: a clock that does not go back, in seconds.
        """
        newest = self.poses.newest_ns
        if newest is not None and stamp_ns <= newest:
            self._hand_on(stamp_ns, picture)
            return
        self._waiting[stamp_ns] = (now_s, picture)
        if len(self._waiting) > self._most:
            self._drop(min(self._waiting), TOO_MANY)

    def look(self, now_s: float) -> None:
        """Drop the pictures that have waited for too long."""
        for stamp, (since_s, _) in sorted(self._waiting.items()):
            if now_s - since_s > self.config.wait_s:
                self._drop(stamp, NEVER_CAME if len(self.poses) else NO_ODOMETRY)

    def begin_anew(self, reason: str) -> None:
        """Forget odometry, and drop the pictures that wait for it."""
        for stamp in list(self._waiting):
            self._drop(stamp, reason)
        self.poses.clear()

    def _drop(self, stamp_ns: int, reason: str) -> None:
        del self._waiting[stamp_ns]
        self.dropped[reason] += 1

    def _hand_on(self, stamp_ns: int, picture: Any) -> None:
        try:
            T_odom_base = self.poses.at(stamp_ns, round(self.config.max_gap_s * _NS))
        except NoPoseError as error:
            self.dropped[error.reason] += 1
            return
        self._on_picture(stamp_ns, picture, T_odom_base)
