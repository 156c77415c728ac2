# SPDX-License-Identifier: Apache-2.0
"""Poses over time and recorded transforms: looked up at a stamp, interpolated, never extrapolated."""

from __future__ import annotations

import math
from array import array
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from seal_perception.pose import invert, pose_from_xyz_quat
from seal_perception.types import FloatArray, IntArray

NO_POSE, POSE_GAP = "no pose", "pose gap"


class NoPoseError(LookupError):
    """There is no pose for a stamp; `reason` is `NO_POSE` (before the first or after the last) or `POSE_GAP`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
        """(4, 4) pose at a stamp: a recorded one bit for bit, else between its two neighbours.

        Translation is interpolated linearly, rotation along the shorter arc (slerp).

        Raises:
            NoPoseError: outside of the recorded time, or if the neighbours lie more than `max_gap_ns` apart.
        """
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if after < len(self) and int(self.stamps_ns[after]) == stamp_ns:
            return pose_from_xyz_quat(self._values[after, :3], self._values[after, 3:])
        if after in (0, len(self)):
            raise NoPoseError(NO_POSE)
        begin, end = int(self.stamps_ns[after - 1]), int(self.stamps_ns[after])
        if end - begin > max_gap_ns:
            raise NoPoseError(POSE_GAP)
        share = (stamp_ns - begin) / (end - begin)
        a, b = self._values[after - 1], self._values[after]
        quats = [q / np.linalg.norm(q) for q in (a[3:], b[3:])]
        return pose_from_xyz_quat(a[:3] + share * (b[:3] - a[:3]), slerp(quats[0], quats[1], share))


@dataclass(frozen=True)
class Link:
    """One link of a chain of frames: the recorded transform of (parent, child), used as it is or inverted."""

    edge: tuple[str, str]
    forward: bool


@dataclass
class TransformTree:
    """Recorded transforms.

    Attributes:
        static: (parent, child) -> T_parent_child of /tf_static; the last message counts.
        moving: (parent, child) -> the same over time, of /tf.
    """

    static: dict[tuple[str, str], FloatArray] = field(default_factory=dict)
    moving: dict[tuple[str, str], Track] = field(default_factory=dict)

    @property
    def frames(self) -> frozenset[str]:
        """All frames."""
        return frozenset(name for edge in (*self.static, *self.moving) for name in edge)

    def chain(self, target: str, source: str) -> list[Link] | None:
        """The shortest chain of links from one frame to the other, None if they are not connected."""
        links: dict[str, list[tuple[str, Link]]] = {}
        for parent, child in dict.fromkeys((*self.static, *self.moving)):
            links.setdefault(parent, []).append((child, Link((parent, child), True)))
            links.setdefault(child, []).append((parent, Link((parent, child), False)))
        if target not in links or source not in links:
            return [] if target == source else None
        came: dict[str, tuple[str, Link] | None] = {target: None}
        queue = deque([target])
        while queue:
            name = queue.popleft()
            for other, link in links[name]:
                if other not in came:
                    came[other] = (name, link)
                    queue.append(other)
        if source not in came:
            return None
        links_back: list[Link] = []
        at = source
        while (back := came[at]) is not None:
            at = back[0]
            links_back.append(back[1])
        return links_back[::-1]

    def is_static(self, chain: list[Link]) -> bool:
        """Whether no link of a chain moves."""
        return all(link.edge in self.static for link in chain)

    def along(self, chain: list[Link], stamp_ns: int, max_gap_ns: int) -> FloatArray:
        """T_target_source (4, 4) of a chain at a stamp.

        Raises:
            NoPoseError: if a moving link has no pose for the stamp.
        """
        total: FloatArray | None = None
        for link in chain:
            T = self.static.get(link.edge)
            if T is None:
                T = self.moving[link.edge].at(stamp_ns, max_gap_ns)
            if not link.forward:
                T = invert(T)
            total = T if total is None else total @ T
        return np.eye(4) if total is None else total
