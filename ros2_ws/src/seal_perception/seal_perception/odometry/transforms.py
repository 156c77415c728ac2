# SPDX-License-Identifier: Apache-2.0
"""Transforms while a robot drives: kept for a while, and the pose of one frame in another at a picture's stamp."""

from __future__ import annotations

from collections.abc import Collection

from seal_perception.odometry.buffer import NOT_YET, TOO_OLD, PoseBuffer
from seal_perception.odometry.track import POSE_GAP, NoPoseError
from seal_perception.odometry.tree import Link, TransformTree
from seal_perception.pose import pose_from_xyz_quat
from seal_perception.types import FloatArray

ALWAYS_NS = (1 << 63) - 1
"""Until when a chain is known that never moves."""
KEEP_S = 60.0
"""How long transforms of /tf are kept, by their stamps."""
_BACK_NS = 100_000_000
"""Transforms that go back by less overtook each other; those that go back by more are of another time."""
_WORDS = {
    NOT_YET: "no transform after it yet",
    TOO_OLD: "older than the transforms that are kept",
    POSE_GAP: "a gap in the transforms",
}


class LiveTransforms:
    """The transforms of the last while (`KEEP_S`), of /tf and /tf_static.

    Attributes:
        tree: the edges.
    """

    def __init__(self) -> None:
        self._moving: dict[tuple[str, str], PoseBuffer] = {}
        self.tree = TransformTree({}, self._moving)
        self._chains: dict[tuple[str, str], list[Link] | None] = {}
        self._asked: set[tuple[str, str]] = set()

    def add_static(
        self, parent: str, child: str, xyz: tuple[float, float, float], quat_xyzw: tuple[float, float, float, float]
    ) -> None:
        """Take T_parent_child of /tf_static; the last one counts.

        Raises:
            ValueError: if it is no pose.
        """
        T = pose_from_xyz_quat(xyz, quat_xyzw)
        if (parent, child) not in self.tree.static:
            self._chains.clear()
        self.tree.static[parent, child] = T

    def add(
        self,
        edge: tuple[str, str],
        stamp_ns: int,
        xyz: tuple[float, float, float],
        quat_xyzw: tuple[float, float, float, float],
    ) -> int:
        """Take T_parent_child of /tf.

        An edge whose stamps go back begins anew; all of /tf does only where poses are looked up along that edge.

        Args:
            edge: parent and child.
            stamp_ns: of the transform.
            xyz: metres.
            quat_xyzw: of unit length.

        Returns:
            By how many nanoseconds its stamps went back, if that makes all of /tf begin anew, else 0.

        Raises:
            ValueError: if it is no pose.
        """
        known = self._moving.get(edge)
        newest = known.newest_ns if known is not None else None
        back = newest - stamp_ns if newest is not None and stamp_ns < newest else 0
        pose_from_xyz_quat(xyz, quat_xyzw)  # first: a pose that is none must not cost what is known
        if 0 < back <= _BACK_NS:
            return 0
        # Else another publisher's affair: a late transform of a gripper is no reason to lose odometry.
        anew = back > 0 and self._in_use(edge)
        if anew:
            self.begin_anew()
        if edge not in self._moving:
            self._chains.clear()
        if back or edge not in self._moving:
            self._moving[edge] = PoseBuffer(KEEP_S)
        self._moving[edge].add(stamp_ns, xyz, quat_xyzw)
        return back if anew else 0

    def _in_use(self, edge: tuple[str, str]) -> bool:
        """Whether poses that were asked for depend on the stamps of this edge."""
        chains = (self.chain(*key) or () for key in tuple(self._asked))
        return edge not in self.tree.static and any(link.edge == edge for chain in chains for link in chain)

    def begin_anew(self) -> None:
        """Forget what moves."""
        self._moving.clear()
        self._chains.clear()

    def chain(self, target: str, source: str) -> list[Link] | None:
        """The links from one frame to the other; None if they are not connected."""
        key = target, source
        self._asked.add(key)
        if key not in self._chains:
            self._chains[key] = self.tree.chain(target, source)
        return self._chains[key]

    def parent_of(self, child: str, own_edge: tuple[str, str], own_stamps_ns: Collection[int]) -> str:
        """The frame that somebody else made the parent of another one; empty = nobody did.

        Args:
            child: that frame.
            own_edge: the edge that the caller itself publishes.
            own_stamps_ns: of what it published: a transform of that edge at another time is somebody else's.
        """
        for edge in (*self.tree.static, *self._moving):
            if edge[1] != child:
                continue
            moving = self._moving.get(edge) if edge not in self.tree.static else None
            if edge != own_edge or moving is None or moving.newest_ns not in own_stamps_ns:
                return edge[0]
        return ""

    def moving_links(self, chain: list[Link]) -> list[tuple[tuple[str, str], int]]:
        """The edges of a chain that move, with the stamps of their newest transforms."""
        rows = []
        for link in chain:
            if link.edge not in self.tree.static:
                newest = self._moving[link.edge].newest_ns
                assert newest is not None
                rows.append((link.edge, newest))
        return rows


class ChainPoses:
    """T_target_source by transforms: where one frame was in another at a stamp, as a source of poses.

    Args:
        transforms: what was heard.
        target: the frame to express it in.
        source: the frame that is looked for.
    """

    def __init__(self, transforms: LiveTransforms, target: str, source: str) -> None:
        self._transforms = transforms
        self.target, self.source = target.lstrip("/"), source.lstrip("/")

    @property
    def newest_ns(self) -> int | None:
        """Until when the pose is known: `ALWAYS_NS` where nothing moves, None where no transforms lead there."""
        chain = self._transforms.chain(self.target, self.source)
        if chain is None:
            return None
        return min((newest for _, newest in self._transforms.moving_links(chain)), default=ALWAYS_NS)

    @property
    def lack(self) -> str:
        """Why a picture waits in vain, as text."""
        chain = self._transforms.chain(self.target, self.source)
        if chain is None:
            return f"no transforms that lead from {self.target} to {self.source}"
        edge = min(self._transforms.moving_links(chain), key=lambda row: row[1], default=((self.target, ""), 0))[0]
        return f"no transform {edge[0]} -> {edge[1]} after it in time"

    def at(self, stamp_ns: int, max_gap_ns: int) -> FloatArray:
        """(4, 4) at a stamp: each link that moves is interpolated at it, by `pose_at`.

        Raises:
            NoPoseError: if the frames are not connected, or a link has no pose for the stamp; the reason names it.
        """
        chain = self._transforms.chain(self.target, self.source)
        if chain is None:
            raise NoPoseError(self.lack)
        try:
            return self._transforms.tree.along(chain, stamp_ns, max_gap_ns)
        except NoPoseError as error:
            what = _WORDS.get(error.reason, error.reason)
            raise NoPoseError(f"{what} ({error.edge[0]} -> {error.edge[1]})") from error

    def newest(self) -> FloatArray | None:
        """(4, 4) at the newest stamp that all links know; None where there is none."""
        stamp_ns = self.newest_ns
        if stamp_ns is None:
            return None
        try:
            return self.at(stamp_ns, ALWAYS_NS)
        except NoPoseError:
            return None
