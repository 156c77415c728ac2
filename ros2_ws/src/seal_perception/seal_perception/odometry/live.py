# SPDX-License-Identifier: Apache-2.0
"""Poses of pictures while a robot drives: odometry has stamps of its own, and comes before or after the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from seal_perception.odometry.buffer import PoseBuffer
from seal_perception.odometry.track import NoPoseError
from seal_perception.parameters import parameter
from seal_perception.types import FloatArray

TOO_MANY = "too many wait for poses"
WENT_BACK = "odometry's stamps went back"
BEFORE_FAULT = "taken before the poses jumped"
ODOMETRY, ODOMETRY_TF, TF = POSE_SOURCES = ("odometry", "odometry_tf", "tf")
_NS = 1_000_000_000


class PoseOverTime(Protocol):
    """Where a pose at a stamp comes from: `PoseBuffer`, or `ChainPoses`."""

    @property
    def newest_ns(self) -> int | None:
        """Until when it is known; None = not yet."""
        ...

    @property
    def lack(self) -> str:
        """Why a picture waits in vain, as text."""
        ...

    def at(self, stamp_ns: int, max_gap_ns: int) -> FloatArray:
        """(4, 4) pose at a stamp; raises `NoPoseError`."""
        ...


@dataclass(frozen=True)
class PoseConfig:
    """How a picture gets its pose outside lockstep."""

    max_gap_s: float = parameter(
        0.5, "longest time between the two odometry messages around a picture, in seconds", minimum=0.0
    )
    wait_s: float = parameter(
        2.0, "longest wait of a picture for the odometry after it, in seconds; then it is dropped", minimum=0.0
    )
    keep_s: float = parameter(
        60.0, "how long odometry is kept for pictures that come late, in seconds (/tf: always 60)", minimum=0.0
    )

    jump_m: float = parameter(
        0.3, "a longer way between two odometry messages is a jump, in metres; 0 = any is believed", minimum=0.0
    )
    jump_rad: float = parameter(
        0.5, "a larger turn between two odometry messages is a jump, in radians; 0 = any is believed", minimum=0.0
    )

    odom_frame: str = parameter("", "frame_id that odometry should have; another one is told; empty = any")
    base_frame: str = parameter("", "child_frame_id that odometry should have; another one is told; empty = any")

    pose_source: str = parameter(
        ODOMETRY,
        "odometry: poses from odom, mounting by parameters; odometry_tf: mounting from /tf; tf: both from /tf",
    )
    tf_odom_frame: str = parameter("odom", "frame of odometry on /tf, where pose_source is tf")
    tf_base_frame: str = parameter("base_link", "frame of the base on /tf: the one whose pose odometry gives")
    tf_camera_frame: str = parameter("", "optical frame on /tf; empty = the one that the pictures name")
    tf_map_frame: str = parameter(
        "", "frame that the map is made in, where somebody corrects odometry on /tf; empty = odometry's"
    )

    def __post_init__(self) -> None:
        if self.pose_source not in POSE_SOURCES:
            raise ValueError(f"pose_source must be one of {', '.join(POSE_SOURCES)}, got {self.pose_source!r}")
        if self.tf_map_frame and self.pose_source != TF:
            raise ValueError("tf_map_frame needs pose_source tf: odom alone does not know the map's frame")
        if self.pose_source != ODOMETRY and not (self.tf_odom_frame and self.tf_base_frame):
            raise ValueError("pose_source tf and odometry_tf need tf_odom_frame and tf_base_frame")
        if not (self.max_gap_s > 0 and self.wait_s >= 0 and self.keep_s > 0):
            raise ValueError(f"need max_gap_s > 0, wait_s >= 0 and keep_s > 0, got {self}")


class PosedPictures:
    """Hands pictures on with their poses, in the order of their stamps, as soon as these are known.

    Args:
        on_picture: called with the stamp, what was given as the picture, and a (4, 4) pose per source.
        config: how long a picture waits, and how far apart the poses around it may lie.
        most: pictures that wait at a time; of more the oldest goes.
        sources: of the poses; empty = odometry alone, by `see_odometry`.

    Attributes:
        poses: the odometry.
        dropped: pictures dropped so far, by reason.
    """

    def __init__(
        self,
        on_picture: Callable[..., None],
        config: PoseConfig | None = None,
        most: int = 100,
        sources: Sequence[PoseOverTime] = (),
    ) -> None:
        self.config = config or PoseConfig()
        self.poses = PoseBuffer(self.config.keep_s)
        self.dropped: Counter[str] = Counter()
        self.sources: tuple[PoseOverTime, ...] = tuple(sources) or (self.poses,)
        self._on_picture = on_picture
        self._most = most
        self._waiting: dict[int, tuple[float, Any]] = {}
        self._since_ns = 0

    @property
    def waiting(self) -> int:
        """Pictures that wait for their poses."""
        return len(self._waiting)

    @property
    def newest_ns(self) -> int | None:
        """Until when poses are known; None = not yet."""
        known = [source.newest_ns for source in self.sources]
        return min(newest for newest in known if newest is not None) if None not in known else None

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
        self.release()

    def release(self) -> None:
        """Hand on the pictures whose poses have become known."""
        newest = self.newest_ns if self._waiting else None
        if newest is None:
            return
        for due in sorted(stamp for stamp in self._waiting if stamp <= newest):
            self._hand_on(due, self._waiting.pop(due)[1])

    def see_picture(self, stamp_ns: int, picture: Any, now_s: float) -> None:
        """Take a picture; hands it on now or later.

        Args:
            stamp_ns: when it was taken.
            picture: handed on as it is.
            now_s: a clock that does not go back, in seconds.
        """
        if stamp_ns < self._since_ns:
            self.dropped[BEFORE_FAULT] += 1
            return
        newest = self.newest_ns
        if newest is not None and stamp_ns <= newest:
            self._hand_on(stamp_ns, picture)
            return
        self._waiting[stamp_ns] = (now_s, picture)
        if len(self._waiting) > self._most:
            self._drop(min(self._waiting), TOO_MANY)

    def look(self, now_s: float) -> None:
        """Drop the pictures that have waited for too long."""
        self.release()
        for stamp, (since_s, _) in sorted(self._waiting.items()):
            if now_s - since_s > self.config.wait_s:
                self._drop(stamp, self._lack(stamp))

    def _lack(self, stamp_ns: int) -> str:
        late = [s for s in self.sources if (newest := s.newest_ns) is None or newest < stamp_ns]
        return late[0].lack

    def begin_anew(self, reason: str, since_ns: int = 0) -> None:
        """Forget odometry, and drop the pictures that wait for their poses.

        Args:
            reason: why.
            since_ns: pictures from before are dropped from now on, too: poses by /tf reach back across the fault.
        """
        self._since_ns = since_ns
        for stamp in list(self._waiting):
            self._drop(stamp, reason)
        self.poses.clear()

    def _drop(self, stamp_ns: int, reason: str) -> None:
        del self._waiting[stamp_ns]
        self.dropped[reason] += 1

    def _hand_on(self, stamp_ns: int, picture: Any) -> None:
        gap_ns = round(self.config.max_gap_s * _NS)
        try:
            poses = [source.at(stamp_ns, gap_ns) for source in self.sources]
        except NoPoseError as error:
            self.dropped[error.reason] += 1
            return
        self._on_picture(stamp_ns, picture, *poses)
