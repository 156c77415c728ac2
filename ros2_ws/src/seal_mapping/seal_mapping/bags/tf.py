# SPDX-License-Identifier: Apache-2.0
"""Recorded transforms: chains of frames, looked up at a stamp."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from seal_perception.odometry.track import Track
from seal_perception.pose import invert
from seal_perception.types import FloatArray


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
        restated: (parent, child) -> what another, earlier message of /tf_static said.
    """

    static: dict[tuple[str, str], FloatArray] = field(default_factory=dict)
    moving: dict[tuple[str, str], Track] = field(default_factory=dict)
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

    def restated_lines(self, chain: list[Link]) -> list[str]:
        """A line per link of a chain that /tf_static gave twice with different values."""
        lines = []
        for edge in (link.edge for link in chain if link.edge in self.restated):
            T = invert(self.restated[edge]) @ self.static[edge]
            apart, turn = np.linalg.norm(T[:3, 3]), np.degrees(np.arccos(np.clip((np.trace(T[:3, :3]) - 1) / 2, -1, 1)))
            lines.append(
                f"warning: /tf_static gives {edge[0]} -> {edge[1]} twice, {apart:.2f} m and {turn:.0f} degrees apart: "
                "the later is taken; mounting=... overrides"
            )
        return lines

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
