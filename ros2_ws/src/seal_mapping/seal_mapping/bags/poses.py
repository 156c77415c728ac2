# SPDX-License-Identifier: Apache-2.0
"""Where the camera was: odometry with the camera's mounting, recorded transforms, or a PoseStamped topic."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from seal_mapping.bags.index import NO_POSE_TOPIC, BagIndex, PoseMessages
from seal_mapping.bags.options import BagOptions
from seal_mapping.bags.topics import named
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.odometry.track import NoPoseError, Track
from seal_perception.odometry.tree import Link, TransformTree
from seal_perception.pose import invert
from seal_perception.types import FloatArray, IntArray

ODOM_NAMES = (rf"(^|/){m.ODOM}$", r"(^|/)odometry/filtered$", r"filtered", r"(^|/)odom", r"odom", r"")
"""Names of odometry topics, best first."""
FIXED_FRAMES = (m.MAP_FRAME, m.ODOM_FRAME, "world")
"""Fixed frames, best first; a namespace before them (locobot/odom) does not matter."""
BASE_FRAMES = (m.BASE_FRAME, "base_footprint")
"""Bodies that odometry is assumed to track where it names none that the transforms know."""


@dataclass(frozen=True)
class PoseSource:
    """T_map_camera over time.

    Attributes:
        name: odom, tf or pose_stamped.
        lines: what was chosen and why.
        at: T_map_camera (4, 4) at a stamp; raises `NoPoseError`.
        base_at: T_map_base (4, 4) at a stamp for odom and pose_stamped, None for tf.
        mounting: T_base_camera (4, 4) if it never moves.
    """

    name: str
    lines: tuple[str, ...]
    at: Callable[[int], FloatArray]
    base_at: Callable[[int], FloatArray] | None = None
    mounting: FloatArray | None = None


def _last(frame: str) -> str:
    return frame.rsplit("/", 1)[-1]


def _in_words(chain: list[Link], target: str) -> str:
    names = [target]
    for link in chain:
        parent, child = link.edge
        names.append(child if link.forward else parent)
    return " -> ".join(names)


def _restated_lines(tree: TransformTree, chain: list[Link]) -> list[str]:
    """A line per link of a chain that /tf_static gave twice with different values."""
    lines = []
    for edge in (link.edge for link in chain if link.edge in tree.restated):
        T = invert(tree.restated[edge]) @ tree.static[edge]
        apart, turn = np.linalg.norm(T[:3, 3]), np.degrees(np.arccos(np.clip((np.trace(T[:3, :3]) - 1) / 2, -1, 1)))
        lines.append(
            f"warning: /tf_static gives {edge[0]} -> {edge[1]} twice, {apart:.2f} m and {turn:.0f} degrees apart: "
            "the later is taken; mounting=... overrides"
        )
    return lines


class PoseFinder:
    """Finds a bag's pose source.

    Args:
        index: the bag.
        options: what the user set.
        camera_frame: optical frame of the colour pictures.
        stamps_ns: (N,) stamps of the pictures, to see which source covers them.
        colour_topic: of the pictures; odometry of the same namespace is preferred.
    """

    def __init__(
        self,
        index: BagIndex,
        options: BagOptions,
        camera_frame: str,
        stamps_ns: IntArray,
        colour_topic: str,
    ) -> None:
        self._index, self._options, self._frame = index, options, camera_frame
        self._stamps, self._colour = stamps_ns, colour_topic
        self._gap_ns = round(options.max_gap_s * m.NS)
        self._why: list[str] = []

    def find(self) -> PoseSource:
        """The first of odom, tf, pose_stamped that has a pose for any picture, or the one that the user chose.

        Raises:
            InputError: if there is none; the text lists what each of them lacks.
        """
        finders = {"odom": self._odometry, "tf": self._transforms, "pose_stamped": self._pose_stamped}
        wanted = list(finders) if self._options.pose == "auto" else [self._options.pose]
        useless = None
        for name in wanted:
            found = finders[name]()
            if found is None:
                continue
            if self._coverage(found.at) > 0.0:
                return found
            useless = useless or found
        if useless is not None:
            return useless
        raise InputError(
            f"the bag {self._index.store.path} has no pose of the camera: {'; '.join(self._why)}; "
            f"it has {self._index.listing()}"
        )

    def _tracks(self, group: dict[str, PoseMessages]) -> list[PoseMessages]:
        return [poses for poses in group.values() if len(poses.samples.stamps)]

    def _odometry(self) -> PoseSource | None:
        found = self._tracks(self._index.odometry)
        if self._options.odom:
            names = named([p.topic.name for p in found], self._options.odom, "Odometry", self._index)
            found = [p for p in found if p.topic.name in names]
        if not found:
            self._why.append("no odometry messages")
            return None
        first = self._colour.strip("/").split("/")[0]

        def key(poses: PoseMessages) -> tuple[object, ...]:
            name = poses.topic.name
            place = next(i for i, pattern in enumerate(ODOM_NAMES) if re.search(pattern, name))
            # Odometry that leads to the camera comes before a better name that does not.
            return (
                self._mounting(poses.child_frame_id) is None,
                name.strip("/").split("/")[0] != first,
                place,
                len(name),
                name,
            )

        chosen = min(found, key=key)
        others = sorted(p.topic.name for p in found if p is not chosen)
        also = f"; also there: {', '.join(others)}" if others else ""
        line = f"pose: odometry on {chosen.topic.name} ({len(chosen.samples.stamps)} messages){also}"
        return self._with_mounting("odom", chosen, chosen.child_frame_id, line)

    def _pose_stamped(self) -> PoseSource | None:
        found = self._tracks(self._index.poses)
        if self._options.pose_topic:
            names = named([p.topic.name for p in found], self._options.pose_topic, "PoseStamped", self._index)
            found = [p for p in found if p.topic.name in names]
        else:
            found = [p for p in found if not NO_POSE_TOPIC.search(p.topic.name)]
        if not found:
            self._why.append("no PoseStamped messages")
            return None
        if self._options.T_base_camera is None and self._options.base_frame is None:
            self._why.append(
                f"{found[0].topic.name} (PoseStamped) does not say whose pose it is: give base_frame (the camera's own "
                "frame, or a body that the transforms know) or T_base_camera"
            )
            return None
        chosen = min(found, key=lambda p: (-len(p.samples.stamps), p.topic.name))
        others = sorted(p.topic.name for p in found if p is not chosen)
        also = f"; also there: {', '.join(others)}" if others else ""
        line = f"pose: PoseStamped on {chosen.topic.name} ({len(chosen.samples.stamps)} messages){also}"
        return self._with_mounting("pose_stamped", chosen, "", line)

    def _mounting(self, child_frame: str) -> tuple[str, list[Link]] | None:
        """Base frame and chain from it to the camera; the chain is empty if the user set the mounting."""
        given = self._options.base_frame
        if self._options.T_base_camera is not None:
            return given or child_frame, []
        tree = self._index.tree
        candidates = [given] if given else [child_frame]
        if not given and child_frame not in tree.frames and child_frame != self._frame:
            candidates = [f for base in BASE_FRAMES for f in sorted(tree.frames) if _last(f) == base]
        for base in candidates:
            chain = tree.chain(base, self._frame)
            if chain is not None and (chain or base == self._frame):
                return base, chain
        return None

    def _with_mounting(self, name: str, poses: PoseMessages, child_frame: str, line: str) -> PoseSource | None:
        """The camera's pose by a body's pose and the way from the body to the camera."""
        track, gap = Track(poses.samples), self._gap_ns
        found = self._mounting(child_frame)
        if found is None:
            body = self._options.base_frame or child_frame or m.BASE_FRAME
            self._why.append(
                f"{poses.topic.name} gives the pose of {body}, but there is no {body} -> {self._frame} on /tf_static "
                "or /tf: give the camera's mounting (T_base_camera)"
            )
            return None
        base, chain = found
        tree: TransformTree = self._index.tree
        if self._options.T_base_camera is not None or tree.is_static(chain):
            T = self._options.T_base_camera
            mounting = tree.along(chain, 0, 0) if T is None else T
            way = "as given" if T is not None else f"{_in_words(chain, base)} on /tf_static"

            def at(stamp_ns: int) -> FloatArray:
                return track.at(stamp_ns, gap) @ mounting

        else:
            mounting = None
            way = f"{_in_words(chain, base)}, it moves (/tf), interpolated"

            def at(stamp_ns: int) -> FloatArray:
                return track.at(stamp_ns, gap) @ tree.along(chain, stamp_ns, gap)

        lines = [
            line,
            f"frames: {poses.frame_id!r} is the map; mounting {way}",
            *self._hint(),
            *_restated_lines(tree, chain),
        ]
        return PoseSource(name, tuple(lines), at, lambda stamp_ns: track.at(stamp_ns, gap), mounting)

    def _hint(self) -> list[str]:
        """A hint that a localised frame is recorded too, where odometry was chosen by default."""
        moving = {edge for edge, track in self._index.moving.items() if not track.constant}
        localised = [edge for edge in moving if _last(edge[0]) == m.MAP_FRAME]
        if self._options.pose != "auto" or not localised:
            return []
        return [f"also there: /tf moves {localised[0][0]} -> {localised[0][1]} (localisation); pose=tf uses it"]

    def _transforms(self) -> PoseSource | None:
        tree = self._index.tree
        if not tree.frames:
            self._why.append("no /tf or /tf_static messages")
            return None
        if self._frame not in tree.frames:
            self._why.append(f"/tf and /tf_static do not know the camera's frame {self._frame!r}")
            return None
        candidates = self._fixed_frames()
        chains = {f: chain for f in candidates if (chain := tree.chain(f, self._frame)) is not None and chain}
        if not chains:
            wanted = self._options.fixed_frame or " or ".join(FIXED_FRAMES)
            self._why.append(f"/tf and /tf_static do not lead from {wanted} to {self._frame}")
            return None
        gap = self._gap_ns
        shares = {f: self._coverage(partial(tree.along, chain, max_gap_ns=gap)) for f, chain in chains.items()}
        best = max(shares.values())
        frame = next(f for f, share in shares.items() if share >= 0.5 * best)
        chain = chains[frame]
        passed = [f"{f} ({100 * s:.0f} % of the pictures)" for f, s in shares.items() if f != frame]
        also = f"; also there: {', '.join(passed)}" if passed else ""
        lines = (
            f"pose: recorded transforms {_in_words(chain, frame)}, interpolated ({100 * shares[frame]:.0f} % of the "
            f"pictures){also}",
            f"frames: {frame!r} is the map",
            *_restated_lines(tree, chain),
        )
        return PoseSource("tf", lines, lambda stamp_ns: tree.along(chain, stamp_ns, self._gap_ns))

    def _fixed_frames(self) -> list[str]:
        """Frames that may be the map, best first."""
        tree = self._index.tree
        if self._options.fixed_frame:
            return [self._options.fixed_frame]
        named_ones = [f for name in FIXED_FRAMES for f in sorted(tree.frames, key=len) if _last(f) == name]
        children = {child for _, child in (*tree.static, *tree.moving)}
        roots = [
            f
            for f in sorted(tree.frames - children)
            if (chain := tree.chain(f, self._frame)) and not tree.is_static(chain) and f not in named_ones
        ]
        return named_ones + roots

    def _coverage(self, at: Callable[[int], FloatArray]) -> float:
        """Share of the pictures for which there is a pose, from at most 200 of them."""
        some = self._stamps[:: max(1, len(self._stamps) // 200)]
        found = 0
        for stamp in some:
            try:
                at(int(stamp))
                found += 1
            except NoPoseError:
                continue
        return found / max(1, len(some))
