# SPDX-License-Identifier: Apache-2.0
"""What a human drew on one picture: objects, each with outlines or a mask."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from seal_perception.coco.masks import Mask, fill_polygons, resize_mask, runs_to_mask
from seal_perception.errors import InputError
from seal_perception.types import FloatArray, IntArray
from seal_perception.upright import turn_picture

_LOG = logging.getLogger(__name__)
_TURNED_NAME = re.compile(r"_turned(90|180|270)(?=(\.\w+)?$)")
MAX_ASPECT_CHANGE = 0.02
"""A picture whose width and height are scaled more differently than this was cropped or turned, not resized."""


def turned_suffix(turns: int) -> str:
    """End of the name, before .png, of a picture turned by quarter turns counter-clockwise; tools keep names."""
    return f"_turned{90 * turns}" if turns else ""


def split_turned(name: str) -> tuple[str, int]:
    """A picture's name without `turned_suffix`, and the quarter turns that it says."""
    found = _TURNED_NAME.search(name)
    return (name, 0) if found is None else (_TURNED_NAME.sub("", name), int(found[1]) // 90)


@dataclass(frozen=True)
class DrawnObject:
    """One object as drawn.

    Attributes:
        where: names it in messages, such as "annotation 7".
        category: index in the list that the file was read for.
        polygons: (P, 2) float64 x, y each, in the file's pixels; their union is the object.
        runs: run lengths of a mask of the file's size, instead of polygons or beside them.
        object: the annotator's own name of the object, the same in every frame that shows it; None if not given.
    """

    where: str
    category: int
    polygons: tuple[FloatArray, ...] = ()
    runs: IntArray | None = None
    object: str | int | None = None


@dataclass(frozen=True)
class AnnotatedPicture:
    """One frame that a human has looked at; no objects means that there are none in it.

    Attributes:
        name: the picture's file name.
        width: of the picture that was drawn on, in pixels.
        height: of that picture.
        stamp_ns: stamp of the frame; None if only `index` is known.
        index: position of the frame in the bag; None if the stamp is known.
        objects: what was drawn.
        ignored: regions that were marked as "do not count" and left out.
        turns: quarter turns counter-clockwise by which the picture was turned from the recorded one.
    """

    name: str
    width: int
    height: int
    stamp_ns: int | None
    index: int | None
    objects: tuple[DrawnObject, ...]
    ignored: int = 0
    turns: int = 0

    def masks(self, height: int, width: int) -> list[tuple[DrawnObject, Mask]]:
        """The objects with their masks in a frame of this size, as recorded; one that covers no pixel is left out.

        Raises:
            InputError: if the frame has another shape than the picture.
        """
        if self.turns % 2:
            width, height = height, width
        across, down = width / self.width, height / self.height
        if abs(across / down - 1.0) > MAX_ASPECT_CHANGE:
            raise InputError(
                f"{self.name} is {self.width} x {self.height}, its frame {width} x {height}: annotate the frame as it "
                "is, or resized, but neither cropped nor turned"
            )
        out = []
        for item in self.objects:
            mask = fill_polygons([points * (across, down) for points in item.polygons], height, width)
            if item.runs is not None:
                mask |= resize_mask(runs_to_mask(item.runs, self.height, self.width), height, width)
            if mask.any():
                out.append((item, turn_picture(mask, -self.turns)))
            else:
                _LOG.warning("%s of %s covers no pixel of %d x %d: left out", item.where, self.name, width, height)
        return out
