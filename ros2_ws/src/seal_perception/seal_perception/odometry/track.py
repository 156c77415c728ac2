# SPDX-License-Identifier: Apache-2.0
"""A pose over time: interpolated between recorded ones, never extrapolated."""

from __future__ import annotations

import math
from array import array

import numpy as np

from seal_perception.pose import pose_from_xyz_quat
from seal_perception.types import FloatArray, IntArray

NO_POSE, POSE_GAP = "no pose", "pose gap"


class NoPoseError(LookupError):
    """There is no pose for a stamp; `reason` says why: in a bag `NO_POSE` or `POSE_GAP`.

    `NO_POSE` means before the first pose or after the last one. `PoseBuffer` tells these cases apart. `edge` is the
    transform (parent, child) that it is about, where it is about one.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.edge = ("", "")


def slerp(a: FloatArray, b: FloatArray, share: float) -> FloatArray:
    """Unit quaternion (4,) on the shorter arc from `a` (share 0) to `b` (share 1); the order of parts does not matter.

    Args:
        a: (4,) quaternion of unit length.
        b: (4,) quaternion of unit length.
        share: in [0, 1].
    """
    dot = float(a @ b)
    if dot < 0.0:
        b, dot = -b, -dot
    if dot > 1.0 - 1e-9:
        mixed = a + share * (b - a)
    else:
        angle = np.arccos(min(dot, 1.0))
        mixed = (np.sin((1.0 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    return np.asarray(mixed / np.linalg.norm(mixed), np.float64)


class Samples:
    """Poses with their stamps as they come out of a bag, 64 bytes each."""

    def __init__(self) -> None:
        self.stamps: array[int] = array("q")
        self.values: array[float] = array("d")

    def add(self, stamp_ns: int, xyz: tuple[float, float, float], quat_xyzw: tuple[float, float, float, float]) -> None:
        """Append a pose.

        Raises:
            ValueError: if it is not finite or its quaternion is not of unit length.
        """
        # The check of `pose_from_xyz_quat` without its matrix: there may be a million of these.
        if not (all(map(math.isfinite, xyz)) and abs(math.hypot(*quat_xyzw) - 1.0) < 1e-2):
            raise ValueError(f"pose needs finite metres and a unit quaternion x, y, z, w; got {xyz}, {quat_xyzw}")
        self.stamps.append(stamp_ns)
        self.values.extend((*xyz, *quat_xyzw))


class Track:
    """A pose over time.

    Args:
        samples: in any order; of two with one stamp the later recorded counts.
    """

    def __init__(self, samples: Samples) -> None:
        stamps = np.array(samples.stamps, np.int64)
        order = np.argsort(stamps, kind="stable")
        last = np.append(stamps[order][1:] != stamps[order][:-1], True)[: len(stamps)]
        self.stamps_ns: IntArray = stamps[order][last]
        self._values = np.array(samples.values, np.float64).reshape(-1, 7)[order][last]

    def __len__(self) -> int:
        return len(self.stamps_ns)

    @property
    def constant(self) -> bool:
        """Whether the pose never changes."""
        return bool((self._values == self._values[:1]).all())

    def at(self, stamp_ns: int, max_gap_ns: int) -> FloatArray:
        """(4, 4) pose at a stamp, by `pose_at`.

        Raises:
            NoPoseError: outside of the recorded time, or if the neighbours lie more than `max_gap_ns` apart.
        """
        return pose_at(self.stamps_ns, self._values, stamp_ns, max_gap_ns)


def pose_at(stamps_ns: IntArray, values: FloatArray, stamp_ns: int, max_gap_ns: int) -> FloatArray:
    """(4, 4) pose at a stamp: one of the given bit for bit, else between its two neighbours.

    Translation is interpolated linearly, rotation along the shorter arc (slerp). Pictures of bags and of running robots
    get their poses here.

    Args:
        stamps_ns: (N,) stamps, rising.
        values: (N, 7) x, y, z in metres and the quaternion x, y, z, w at these stamps.
        stamp_ns: of the picture.
        max_gap_ns: longest time between the two neighbours.

    Raises:
        NoPoseError: outside of the given time, or over a longer gap.
    """
    after = int(np.searchsorted(stamps_ns, stamp_ns))
    if after < len(stamps_ns) and int(stamps_ns[after]) == stamp_ns:
        return pose_from_xyz_quat(values[after, :3], values[after, 3:])
    if after in (0, len(stamps_ns)):
        raise NoPoseError(NO_POSE)
    begin, end = int(stamps_ns[after - 1]), int(stamps_ns[after])
    if end - begin > max_gap_ns:
        raise NoPoseError(POSE_GAP)
    share = (stamp_ns - begin) / (end - begin)
    a, b = values[after - 1], values[after]
    quats = [q / np.linalg.norm(q) for q in (a[3:], b[3:])]
    return pose_from_xyz_quat(a[:3] + share * (b[:3] - a[:3]), slerp(quats[0], quats[1], share))
