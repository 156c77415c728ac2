# SPDX-License-Identifier: Apache-2.0
"""The colour pictures of a bag by themselves, without depth.

Where there are poses, pictures of a camera on its side are turned upright (`seal_perception.upright`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seal_mapping.annotation.drawn import turned_suffix
from seal_mapping.bags.frames import FrameSelection
from seal_mapping.bags.index import BagIndex, PictureIndex
from seal_mapping.bags.options import BagOptions
from seal_mapping.bags.pictures import BROKEN, PictureError, plain_pixels
from seal_mapping.bags.poses import PoseFinder
from seal_mapping.bags.reader import examined
from seal_mapping.bags.store import BagAccess, BagStore, one_line
from seal_mapping.bags.sync import nearest, unique_stamps
from seal_mapping.bags.topics import choose_colour
from seal_mapping.bags.unpack import BrokenDataError
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.odometry.track import NoPoseError
from seal_perception.pictures.source import BadPicture, Picture
from seal_perception.types import IntArray
from seal_perception.upright import TURNED, pose_by_transforms, quarter_turns, turn_picture, upright_lines

Turns = Callable[[int], int]
"""Quarter turns that bring the picture of a stamp upright."""
_OF_FRAMES = frozenset(
    ("depth", "camera_info", "camera", "tolerance_s", "assume_registered", "depth_scale", "optical", "up", "floor")
)
"""Options that mean something for frames with depth alone."""
_OF_POSES = frozenset(("odom", "pose_topic", "pose", "fixed_frame", "base_frame", "max_gap_s"))


class BagPictures:
    """The pictures of a bag's colour topic in the order of their stamps: a `PictureSource`.

    Args:
        path: as `require_bag` takes it.
        options: topics, poses, times; `every` counts pictures here.

    Raises:
        InputError: if it is no whole bag, or has no colour picture, or what the user named cannot be used.
    """

    def __init__(self, path: Path, options: BagOptions | None = None) -> None:
        self._options = options or BagOptions()
        self.store = BagStore(path)
        with one_line(self.store.path):
            index = BagIndex(self.store)
            self._colour, lines, self._turns = _choose(index, self._options)
            self._order = self._in_time()
            self.lines: tuple[str, ...] = (*lines, *self.store.notes)

    def _in_time(self) -> list[int]:
        """Numbers of the pictures between the user's start and end, by stamp; of doubled stamps the first."""
        stamps = np.array(self._colour.stamps, np.int64)
        order = unique_stamps(stamps)
        seconds = (stamps[order] - stamps[order[0]]) / m.NS
        start, end = self._options.start_s, self._options.end_s
        kept = (seconds >= (-np.inf if start is None else start)) & (seconds <= (np.inf if end is None else end))
        if not kept.any():
            raise InputError(
                f"the bag {self.store.path} has no colour picture between {start or 0:g} s and "
                f"{'its end' if end is None else f'{end:g} s'}: they last {seconds[-1]:.1f} s"
            )
        return [int(number) for number in order[kept][:: self._options.every]]

    def __len__(self) -> int:
        return len(self._order)

    def read(self, indices: Sequence[int]) -> Iterator[Picture | BadPicture]:
        """These pictures, upright; their names are their stamps."""
        with one_line(self.store.path), self.store.access() as access:
            for index in indices:
                yield self._picture(index, access)

    def _picture(self, index: int, access: BagAccess) -> Picture | BadPicture:
        number = self._order[index]
        stamp_ns = int(self._colour.stamps[number])
        turns = self._turns(stamp_ns)
        name = f"{stamp_ns}{turned_suffix(turns)}.jpg"
        try:
            rgb = plain_pixels(self._colour.topic, access.read(self._colour.where(number)))
        except (PictureError, BrokenDataError) as error:
            return BadPicture(name, f"{getattr(error, 'reason', BROKEN)}: {error}")
        extra: dict[str, Any] = {"stamp_ns": stamp_ns, **({TURNED: 90 * turns} if turns else {})}
        return Picture(name, turn_picture(rgb, turns), index + 1, extra)

    def facts(self) -> list[Any]:
        """Files and options."""
        files = [[str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns] for file in self.store.files]
        return [files, repr(self._options), self.lines]


def _choose(index: BagIndex, options: BagOptions) -> tuple[PictureIndex, list[str], Turns]:
    """The colour topic, what was chosen in lines, and how its pictures are turned.

    The topic is that of `seal label` where the bag has frames with depth and poses.

    Raises:
        InputError: if there is no colour, or the user named what frames need and the bag gives none.
    """
    try:
        selection = FrameSelection(index, options)
    except InputError as error:  # no depth, no camera info or no pose: colour alone is enough
        _require_none(_OF_FRAMES, options, error)
        colour, line = choose_colour(index, options)
        more, turns = _without_depth(index, options, colour)
        return colour, [line, *more], turns
    geometry = examined(index.store, selection, options)
    poses = [geometry.camera_pose(c.T_map_camera) for c in selection.posed]
    stamps = np.array([c.stamp_ns for c in selection.posed], np.int64)
    quarters = [quarter_turns(T) for T in poses]
    line = next(line for line in selection.choices if line.startswith("colour: "))
    lines = [line, *upright_lines(selection.colour.topic.name, poses)]
    return selection.colour, lines, lambda stamp: quarters[int(nearest(np.array([stamp], np.int64), stamps)[0])]


def _without_depth(index: BagIndex, options: BagOptions, colour: PictureIndex) -> tuple[list[str], Turns]:
    """How the pictures of a bag without frames are turned: by poses if there are some, else by fixed transforms.

    Raises:
        InputError: if the user named poses or a frame that the bag has not.
    """
    topic, frame = colour.topic.name, options.camera_frame or colour.usual.frame_id
    stamps: IntArray = np.sort(np.array(colour.stamps, np.int64))
    try:
        at = PoseFinder(index, options, frame, stamps, topic).find().at
    except InputError as error:
        _require_none(_OF_POSES, options, error)
        links = {child: (parent, T) for (parent, child), T in index.tree.static.items()}
        given = options.T_base_camera
        fixed = given if given is not None else pose_by_transforms(links, frame)
        if fixed is None:
            _require_none(frozenset(("camera_frame",)), options, error)
            return [f"{topic}: nothing says how the camera is mounted: its pictures are taken as upright"], lambda _: 0
        turns = quarter_turns(fixed)
        return upright_lines(topic, [fixed]), lambda _: turns

    def turned(stamp_ns: int) -> int:
        """0 where there is no pose."""
        try:
            return quarter_turns(at(stamp_ns))
        except NoPoseError:
            return 0

    return [], turned


def _require_none(names: frozenset[str], options: BagOptions, error: InputError) -> None:
    """Say why what the user named cannot be used, in place of going on without it.

    Raises:
        InputError: if one of these options is given.
    """
    given = [name for name in options.given() if name in names]
    if given:
        raise InputError(f"--read {', '.join(given)} cannot be used: {error}; leave it out for colour alone") from error
