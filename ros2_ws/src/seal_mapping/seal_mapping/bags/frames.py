# SPDX-License-Identifier: Apache-2.0
"""The frames of a bag, selected from its index alone: matched pictures with camera and pose, and what is left over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from seal_mapping.bags import decode as bd
from seal_mapping.bags.index import BagIndex, CameraInfos
from seal_mapping.bags.options import BagOptions
from seal_mapping.bags.pictures import ENCODING, SIZE
from seal_mapping.bags.poses import PoseFinder, PoseSource
from seal_mapping.bags.sync import match, nearest, unique_stamps
from seal_mapping.bags.topics import (
    ELSEWHERE,
    camera_lines,
    choose_info,
    choose_pictures,
    registration,
    uses_projection,
)
from seal_mapping.geometry.conventions import resized_camera, same_view
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.odometry.track import NO_POSE, POSE_GAP, NoPoseError
from seal_perception.types import FloatArray, IntArray
from seal_perception.upright import upright_lines

DUPLICATE, UNREGISTERED = "duplicate stamp", "depth not registered"


@dataclass(frozen=True)
class Candidate:
    """A frame before its pictures are read: stamp, number of each picture within its topic, camera and pose."""

    stamp_ns: int
    colour: int
    depth: int
    camera: Camera
    T_map_camera: FloatArray


class FrameSelection:
    """The frames of a bag before their pictures are read.

    Args:
        index: the bag.
        options: what the user set.

    Attributes:
        colour: the colour topic's pictures.
        depth: the depth topic's pictures.
        posed: all frames between the user's start and end, in the order of their stamps.
        candidates: every n-th of them, as the user says.
        unused: colour pictures that give no frame, by reason.
        choices: lines that list what was chosen.
        source: where poses come from.

    Raises:
        InputError: if the bag gives no frame.
    """

    def __init__(self, index: BagIndex, options: BagOptions) -> None:
        self._index, self._options = index, options
        choice = choose_pictures(index, options)
        self.colour, self.depth = choice.colour, choice.depth
        self.unused: Counter[str] = Counter()
        self._late = f"no depth within {1000 * options.tolerance_s:g} ms"
        self._infos: CameraInfos | None = None
        lines = list(choice.lines)
        if options.camera is None:
            self._infos, line = choose_info(index, options, choice)
            self._infos, more = _fitted(self._infos, self.colour.usual)
            lines += [line, *more, *camera_lines(self._infos, self._cameras[0], self.colour.topic.name)]
        else:
            lines.append(f"camera: {options.camera} (as given)")
        stamps = np.array(self.colour.stamps, np.int64)
        order = self._in_time(unique_stamps(stamps), stamps)
        frame = options.camera_frame or self.colour.usual.frame_id
        self.source: PoseSource = PoseFinder(index, options, frame, stamps[order], self.colour.topic.name).find()
        lines += self.source.lines
        rows = self._pairs(stamps, order)
        self.posed: list[Candidate] = self._with_poses(rows)
        self.candidates: list[Candidate] = self.posed[:: options.every]
        lines.append(
            f"matching: nearest header stamps within {1000 * options.tolerance_s:g} ms; poses up to "
            f"{options.max_gap_s:g} s apart are interpolated"
        )
        lines += upright_lines(self.colour.topic.name, [each.T_map_camera for each in self.candidates])
        if index.detections_topic is not None:
            lines.append(f"detections: {index.detections_topic.name} ({len(index.detections)} frames, equal stamps)")
        lines += index.store.notes
        self.choices: tuple[str, ...] = tuple(lines)
        if not self.candidates:
            self._refuse(stamps[order])

    @property
    def _cameras(self) -> list[Camera]:
        assert self._infos is not None
        return self._infos.rectified if uses_projection(self.colour.topic.name) else self._infos.cameras

    def _in_time(self, order: IntArray, stamps: IntArray) -> IntArray:
        """The pictures between the user's start and end; doubled stamps are counted."""
        begin = int(stamps[order[0]])
        start, end = self._options.start_s, self._options.end_s
        low = begin if start is None else begin + round(start * m.NS)
        high = int(stamps[order[-1]]) if end is None else begin + round(end * m.NS)
        inside = np.array([low <= int(s) <= high for s in stamps], bool)
        self._inside = int(inside.sum())
        kept = order[inside[order]]
        if len(kept) < self._inside:
            self.unused[DUPLICATE] += self._inside - len(kept)
        if not len(kept):
            raise InputError(
                f"the bag {self._index.store.path} has no colour picture between {start or 0:g} s and "
                f"{'its end' if end is None else f'{end:g} s'}: they last {(int(stamps.max()) - begin) / m.NS:.1f} s"
            )
        return kept

    def _pairs(self, stamps: IntArray, order: IntArray) -> list[tuple[int, int, int, Camera]]:
        """Stamp, colour, depth and camera of the pictures that fit together; the others are counted."""
        depth_stamps = np.array(self.depth.stamps, np.int64)
        depth_order = unique_stamps(depth_stamps)
        # Pictures of a wrong encoding claim no depth, so that they take none from a good one.
        good = np.array([_readable(self.colour.kind(int(p)), m.COLOUR_ENCODINGS) for p in order], bool)
        self.unused[ENCODING] += int((~good).sum())
        order = order[good]
        found = match(stamps[order], depth_stamps[depth_order], round(self._options.tolerance_s * m.NS))
        cameras = self._camera_of(stamps[order])
        rows = []
        for position, partner, camera in zip(order.tolist(), found.tolist(), cameras, strict=True):
            if partner < 0:
                self.unused[self._late] += 1
                continue
            depth = int(depth_order[partner])
            reason = self._misfit(self.colour.kind(position), self.depth.kind(depth), camera)
            if reason:
                self.unused[reason] += 1
            else:
                rows.append((int(stamps[position]), position, depth, camera))
        return rows

    def _camera_of(self, stamps: IntArray) -> list[Camera]:
        """The camera of each picture: the user's, or the CameraInfo nearest in time."""
        if self._options.camera is not None or self._infos is None:
            return [self._options.camera] * len(stamps) if self._options.camera else []
        times = np.array(self._infos.stamps, np.int64)
        order = np.argsort(times, kind="stable")
        return [self._cameras[int(order[k])] for k in nearest(stamps, times[order])]

    def _misfit(self, colour: bd.PictureKind, depth: bd.PictureKind, camera: Camera) -> str:
        """Why two pictures make no frame; empty if they do."""
        if not _readable(depth, m.DEPTH_ENCODINGS):
            return ENCODING
        if _other_view(colour, depth) or (colour.frame_id != depth.frame_id and not self._options.assume_registered):
            return UNREGISTERED
        size = (camera.width, camera.height)
        if colour.width and (colour.width, colour.height) != size:
            return SIZE
        return SIZE if depth.width and not same_view((depth.width, depth.height), size) else ""

    def _with_poses(self, rows: list[tuple[int, int, int, Camera]]) -> list[Candidate]:
        candidates = []
        for stamp, colour, depth, camera in rows:
            try:
                candidates.append(Candidate(stamp, colour, depth, camera, self.source.at(stamp)))
            except NoPoseError as error:
                self.unused[error.reason] += 1
        return candidates

    def _refuse(self, stamps: IntArray) -> None:
        """Raise an error that explains, by the commonest reason, why there is no frame."""
        self.unused = +self.unused
        reason, number = self.unused.most_common(1)[0]
        path = self._index.store.path
        colour, depth = self.colour.usual, self.depth.usual
        if reason == UNREGISTERED:
            if registration(colour, depth) < ELSEWHERE:
                colour, depth = self.colour.kinds[0], self.depth.kinds[0]
            m.check_registered(_as_image(depth), _as_image(colour))
        advice = {
            ENCODING: f"colour is {colour.encoding!r}, depth {depth.encoding!r}",
            SIZE: f"colour is {colour.width} x {colour.height}, depth {depth.width} x {depth.height}, the camera info "
            f"{self._size()}",
            self._late: f"the nearest depth lies {self._usual_gap(stamps):.3g} s away (median); "
            "synchronise the streams, or widen the tolerance",
            NO_POSE: "the poses do not cover the pictures' time; are all stamps of one clock?",
            POSE_GAP: f"poses lie more than {self._options.max_gap_s:g} s apart; widen max_gap_s if that is meant",
        }
        counts = ", ".join(f"{n} {r}" for r, n in self.unused.most_common())
        raise InputError(
            f"the bag {path} has no frame with colour, depth, camera info and a pose: of {self._inside} colour "
            f"pictures {counts}; {advice.get(reason, f'{number} are lost by it')}"
        )

    def _size(self) -> str:
        camera = self._options.camera or self._cameras[0]
        return f"{camera.width} x {camera.height}"

    def _usual_gap(self, stamps: IntArray) -> float:
        others = np.unique(np.array(self.depth.stamps, np.int64))
        return float(np.median(np.abs(stamps - others[nearest(stamps, others)]))) / m.NS


def _readable(kind: bd.PictureKind, encodings: frozenset[str]) -> bool:
    return kind.compressed or kind.encoding in encodings


def _other_view(colour: bd.PictureKind, depth: bd.PictureKind) -> bool:
    """Whether two pictures are known to be of sizes that cannot be one view."""
    return bool(colour.width and depth.width) and not same_view(
        (colour.width, colour.height), (depth.width, depth.height)
    )


def _fitted(infos: CameraInfos, kind: bd.PictureKind) -> tuple[CameraInfos, list[str]]:
    """The camera infos for pictures of this kind: one without a size, or of the same view in another size, is fitted.

    Raises:
        InputError: if it has no size and neither have the pictures, or its centre lies outside of them.
    """
    width, height = kind.width, kind.height
    camera = infos.cameras[0]
    if infos.unsized:
        if not (0 < camera.cx < width - 1 and 0 < camera.cy < height - 1):
            raise InputError(
                f"{infos.topic.name} has a size of 0 x 0 and a centre ({camera.cx:g}, {camera.cy:g}) that does not fit "
                f"pictures of {width} x {height}: give the camera's intrinsics"
            )
        fitted = infos.sized(lambda c: Camera(width, height, c.fx, c.fy, c.cx, c.cy))
        return fitted, [f"camera info has a size of 0 x 0: that of the pictures is taken, {width} x {height}"]
    size = (camera.width, camera.height)
    if not width or size == (width, height) or not same_view(size, (width, height)):
        return infos, []
    line = f"warning: camera info is of {size[0]} x {size[1]} pixels, the pictures {width} x {height}: K is scaled"
    return infos.sized(lambda c: resized_camera(c, width, height)), [line]


def _as_image(kind: bd.PictureKind) -> SimpleNamespace:
    return SimpleNamespace(
        width=kind.width, height=kind.height, header=SimpleNamespace(frame_id=kind.frame_id), encoding=kind.encoding
    )
