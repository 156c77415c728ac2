# SPDX-License-Identifier: Apache-2.0
"""Transforms as a tree: chains of frames, looked up at a stamp; of a bag and of a robot that drives."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from seal_perception.odometry.track import NoPoseError
from seal_perception.pose import invert
from seal_perception.types import FloatArray


class MovingPose(Protocol):
    """A pose over time: `Track` of a bag, `PoseBuffer` of a robot that drives."""

    def at(self, stamp_ns: int, max_gap_ns: int) -> FloatArray:
        """(4, 4) pose at a stamp; raises `NoPoseError`."""
        ...


@dataclass(frozen=True)
class Link:
    """One link of a chain of frames: the transform of (parent, child), used as it is or inverted."""

    edge: tuple[str, str]
    forward: bool


@dataclass
class TransformTree:
    """Transforms by edge.

    Attributes:
        static: (parent, child) -> T_parent_child of /tf_static; the last message counts.
        moving: (parent, child) -> the same over time, of /tf.
        restated: (parent, child) -> what another, earlier message of /tf_static said.
    """

    static: dict[tuple[str, str], FloatArray] = field(default_factory=dict)
    moving: Mapping[tuple[str, str], MovingPose] = field(default_factory=dict)
    restated: dict[tuple[str, str], FloatArray] = field(default_factory=dict)

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
            NoPoseError: if a moving link has no pose for the stamp; its `edge` is that link.
        """
        total: FloatArray | None = None
        for link in chain:
            T = self.static.get(link.edge)
            if T is None:
                try:
                    T = self.moving[link.edge].at(stamp_ns, max_gap_ns)
                except NoPoseError as error:
                    error.edge = link.edge
                    raise
            if not link.forward:
                T = invert(T)
            total = T if total is None else total @ T
        return np.eye(4) if total is None else total
