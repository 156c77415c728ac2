# SPDX-License-Identifier: Apache-2.0
"""Reading a recorded run frame by frame, without ROS: any rosbag2 or ROS 1 bag with colour, depth and poses.

One walk over the bag indexes stamps, locations and poses (`index`). From them the frames are selected (`frames`), and
their pictures are read one by one. docs/bags.md lists what is found, and how.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seal_mapping.bags.decode import BrokenMessageError, decode
from seal_mapping.bags.frames import Candidate, FrameSelection
from seal_mapping.bags.geometry import Facts, Geometry, body_heights_known, examine, sample
from seal_mapping.bags.index import BagIndex
from seal_mapping.bags.options import BagOptions
from seal_mapping.bags.pictures import BROKEN, PictureError, colour_pixels, depth_pixels
from seal_mapping.bags.store import BagAccess, BagStore, one_line, require_bag
from seal_mapping.bags.unpack import BrokenDataError
from seal_mapping.source import BagFrame
from seal_perception import messages as m
from seal_perception.categories import CategorySet
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.types import Float32Array, FloatArray

__all__ = ["BagOptions", "BagReader", "open_bag", "require_bag"]


class BagReader:
    """The frames of a bag in the order of their stamps.

    May be walked through many times, and from any frame on; memory holds the pictures of one frame, at most 64 MB of
    decompressed chunks (or one chunk) and the index, never the bag.

    Args:
        path: folder of a rosbag2 bag, one of its files, or a .bag file of ROS 1.
        options: what is to be read.
        T_base_camera: (4, 4) the camera's mounting, in place of what /tf and /tf_static say.

    Attributes:
        stamps_ns: stamps of the frames that are tried, in order. A frame whose pictures turn out broken when they are
            read is left out of a walk and counted; the others keep their index.
        choices: lines that say what was chosen and why.
        confirmed: lines about what was found to be as it should.
        store: the bag's messages.

    Raises:
        InputError: if it is no whole bag or has no frame; the text says what is missing.
    """

    def __init__(
        self,
        path: Path | str,
        options: BagOptions | None = None,
        T_base_camera: FloatArray | None = None,
    ) -> None:
        self.options = options or BagOptions()
        if T_base_camera is not None:
            values = {name: getattr(self.options, name) for name in self.options.__dataclass_fields__}
            self.options = BagOptions(**{**values, "T_base_camera": T_base_camera})
        self.path = require_bag(path)
        with one_line(self.path):
            self.store = BagStore(self.path)
            self._index = BagIndex(self.store, self.options.detections)
            self._selection = self._select()
            self._geometry = examined(self.store, self._selection, self.options)
        self.stamps_ns: tuple[int, ...] = tuple(c.stamp_ns for c in self._selection.candidates)
        self.choices: tuple[str, ...] = (*self._selection.choices, *self._geometry.lines)
        self.confirmed: tuple[str, ...] = self._geometry.notes
        self._failed: dict[int, str] = {}
        self._no_detections: set[int] = set()

    def _select(self) -> FrameSelection:
        """The frames; where there is none, what could not be read may be the cause.

        Raises:
            InputError: if there is none.
        """
        try:
            return FrameSelection(self._index, self.options)
        except InputError as error:
            broken = ", ".join(f"{count} {reason}" for reason, count in self._index.broken.items())
            if not broken:
                raise
            raise InputError(f"{error}; in it {broken}") from error

    @property
    def frames_with_detections(self) -> int:
        """Frames for which the robot's own detections were recorded."""
        return sum(stamp in self._index.detections for stamp in self.stamps_ns)

    @property
    def names(self) -> CategorySet | None:
        """The list of categories of the recorded detections; None without any."""
        return self._index.names

    def __len__(self) -> int:
        return len(self.stamps_ns)

    @property
    def unused(self) -> dict[str, int]:
        """What gave no frame, by reason: colour pictures, and messages or chunks that could not be read.

        Walks count each broken picture once, when they reach it.
        """
        counts = self._selection.unused + self._index.broken + Counter(self._failed.values())
        counts["broken detections"] += len(self._no_detections)
        return dict(+counts)

    @property
    def dropped(self) -> int:
        """Number of colour pictures that gave no frame."""
        return sum(self._selection.unused.values()) + len(self._failed)

    @property
    def T_base_camera(self) -> FloatArray:
        """(4, 4) mounting of the camera.

        Raises:
            InputError: if it moves, or if poses come from recorded transforms alone.
        """
        if self._selection.source.mounting is None:
            raise InputError(f"the bag {self.path} has no fixed mounting: poses are from {self._selection.source.name}")
        return self._geometry.mounting(self._selection.source.mounting)

    def odometry(self) -> FloatArray:
        """(N, 4, 4) T_odom_base of the frames.

        Raises:
            InputError: if poses come from recorded transforms alone.
        """
        at = self._selection.source.base_at
        if at is None:
            raise InputError(
                f"the bag {self.path} is read without odometry: poses are from {self._selection.source.name}"
            )
        return np.stack([self._geometry.body_pose(at(stamp)) for stamp in self.stamps_ns])

    def __iter__(self) -> Iterator[BagFrame]:
        """All frames from the first on.

        Raises:
            InputError: if the file is gone, or if not one picture of the bag can be read.
        """
        return self.frames()

    def frames(self, start: int = 0) -> Iterator[BagFrame]:
        """Frames from number `start` on; what lies before is not decoded.

        Raises:
            InputError: if `start` is no number of a frame (or their count), if the file is gone, or if not one of the
                pictures can be read.
        """
        if not 0 <= start <= len(self):
            raise InputError(f"the bag {self.path} has {len(self)} frames, there is no number {start}")
        return self._walk(start)

    def _walk(self, start: int) -> Iterator[BagFrame]:
        given, why = 0, ""
        with one_line(self.path), self.store.access() as access:
            for index in range(start, len(self)):
                try:
                    frame = self._frame(self._selection.candidates[index], access)
                except PictureError as error:
                    self._failed[index] = error.reason
                    why = why or str(error)
                    continue
                given += 1
                yield BagFrame(index, frame, self._detections(index, access))
        if not given and start == 0:
            raise InputError(f"the bag {self.path} has {len(self)} frames, but none of them can be read: {why}")

    def _frame(self, candidate: Candidate, access: BagAccess) -> Frame:
        selection, camera = self._selection, candidate.camera
        try:
            colour = access.read(selection.colour.where(candidate.colour))
            depth = access.read(selection.depth.where(candidate.depth))
        except BrokenDataError as error:
            raise PictureError(BROKEN, str(error)) from error
        return Frame(
            candidate.stamp_ns,
            colour_pixels(selection.colour.topic, colour, camera),
            depth_pixels(selection.depth.topic, depth, camera, self._geometry.depth_factor),
            camera,
            self._geometry.camera_pose(candidate.T_map_camera),
        )

    def _detections(self, index: int, access: BagAccess) -> Detections | None:
        """Detections of a frame: None if none were recorded, or, counted, if they cannot be read."""
        where = self._index.detections.get(self.stamps_ns[index])
        topic = self._index.detections_topic
        if where is None or topic is None:
            return None
        try:
            found = m.detections_from_text(decode(topic, access.read(where)).data)
        except (InputError, BrokenDataError, BrokenMessageError):
            self._no_detections.add(index)
            return None
        camera = self._selection.candidates[index].camera
        if (found.width, found.height) != (camera.width, camera.height):
            self._no_detections.add(index)
            return None
        return found.detections


def examined(store: BagStore, selection: FrameSelection, options: BagOptions) -> Geometry:
    """What some frames of a bag say about frame, unit, up and floor.

    Raises:
        InputError: if a file is gone.
    """
    if options.optical is not None and None not in (options.depth_scale, options.up, options.floor):
        return examine([], [], _facts(selection, options), options)
    depth = selection.depth

    def sampled(candidate: Candidate) -> Float32Array | None:
        """Depth of a frame in the usual unit; None if it cannot be read, which a walk will count."""
        try:
            return depth_pixels(depth.topic, access.read(depth.where(candidate.depth)), candidate.camera)
        except (BrokenDataError, PictureError):
            return None

    with store.access() as access:
        return examine(*sample(selection.posed, sampled), _facts(selection, options), options)


def _facts(selection: FrameSelection, options: BagOptions) -> Facts:
    source = selection.source
    some = selection.posed[:: max(1, len(selection.posed) // 200)]
    kind = selection.depth.usual
    bodies = None
    if source.base_at is not None and body_heights_known(source.mounting):
        bodies = np.stack([source.base_at(c.stamp_ns) for c in some])
    return Facts(
        encoding="32FC1" if "32FC1" in kind.encoding else "16UC1",
        frame=options.camera_frame or selection.colour.usual.frame_id,
        cameras=np.stack([c.T_map_camera for c in some]),
        bodies=bodies,
    )


def open_bag(
    path: Path | str,
    options: BagOptions | None = None,
    T_base_camera: FloatArray | None = None,
) -> BagReader:
    """A bag's frames.

    Raises:
        InputError: if it is no whole bag or has no frame; the text says what is missing.
    """
    return BagReader(path, options, T_base_camera)
