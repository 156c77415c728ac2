# SPDX-License-Identifier: Apache-2.0
"""Frames of a bag that a human annotated, as detections of score 1 (SEAL, section 5.2).

How pictures are matched with frames by name, stamp and size: docs/weak_supervision.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seal_mapping.annotation.drawn import AnnotatedPicture
from seal_mapping.annotation.files import read_pictures
from seal_mapping.source import BagFrame
from seal_perception.categories import SIX, CategorySet
from seal_perception.coco.names import CategoryNames, LeftOut
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.types import BoolArray


class FrameAnnotations:
    """The annotated frames of a bag.

    Attributes:
        path: where they were read.
        pictures: one per annotated frame, in the file's order.
        left_out: what the file holds and is not used, by reason: a text that goes on after the number.
        names: the list that the drawings' categories are of.
    """

    def __init__(
        self,
        path: Path,
        pictures: Sequence[AnnotatedPicture],
        left_out: Mapping[str, int] | None = None,
        names: CategorySet = SIX,
    ) -> None:
        """Hold these pictures.

        Raises:
            InputError: if there is none, or two belong to one frame.
        """
        self.path, self.left_out, self.names = path, dict(left_out or {}), names
        self.pictures = tuple(pictures)
        if not self.pictures:
            text = f"{path}: nothing is annotated yet; draw the objects first (see README.txt beside it)"
            images = (path if path.is_dir() else path.parent) / "images"
            labelme = f"; the files that labelme wrote lie in {images}: give that folder"
            raise InputError(text + (labelme if any(images.glob("*.json")) else ""))
        self._at: dict[tuple[str, int], AnnotatedPicture] = {}
        for picture in self.pictures:
            key = _key(picture)
            if key in self._at:
                raise InputError(f"{path}: {self._at[key].name} and {picture.name} are of one frame ({_frame(key)})")
            self._at[key] = picture

    def __len__(self) -> int:
        """Number of annotated frames."""
        return len(self.pictures)

    @property
    def ignored(self) -> int:
        """Regions marked as "do not count" in all frames; they are not used."""
        return sum(picture.ignored for picture in self.pictures)

    def picture(self, stamp_ns: int, index: int | None = None) -> AnnotatedPicture | None:
        """The annotated picture of a frame, None if it was not annotated.

        Raises:
            InputError: if one picture names the frame by its stamp and another by its index.
        """
        by_stamp = self._at.get(("stamp", stamp_ns))
        by_index = None if index is None else self._at.get(("index", index))
        if by_stamp is not None and by_index is not None:
            raise InputError(f"{self.path}: {by_stamp.name} and {by_index.name} are of one frame (stamp {stamp_ns} ns)")
        return by_index if by_stamp is None else by_stamp

    def for_stamp(self, stamp_ns: int, height: int, width: int, index: int | None = None) -> Detections | None:
        """What a human drew on a frame, as detections of score 1.

        Args:
            stamp_ns: the frame's stamp.
            height: of the frame in pixels.
            width: of the frame in pixels.
            index: the frame's position in the bag, for files that name frames by it.

        Returns:
            None if the frame was not annotated; no detections if it was and there is nothing in it.

        Raises:
            InputError: if the annotated picture has another shape than the frame.
        """
        picture = self.picture(stamp_ns, index)
        if picture is None:
            return None
        try:
            found = picture.masks(height, width)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from error
        if not found:
            return Detections.empty(height, width, names=self.names)
        masks = np.stack([mask for _, mask in found])
        return Detections(
            np.array([_box(mask) for mask in masks], np.float32),
            np.array([item.category for item, _ in found], np.int64),
            np.ones(len(found), np.float32),
            masks,
            self.names,
        )

    def for_frame(self, item: BagFrame) -> Detections | None:
        """`for_stamp` of a recorded frame."""
        height, width = item.frame.depth.shape
        return self.for_stamp(item.frame.stamp_ns, height, width, item.index)

    def digest(self) -> str:
        """SHA-256 of what was drawn: the same drawings, the same digest."""
        out = hashlib.sha256()
        if self.names != SIX:
            out.update(repr(self.names.names).encode())
        for picture in self.pictures:
            known = (picture.name, picture.width, picture.height, picture.stamp_ns, picture.index)
            out.update(repr((*known, picture.turns) if picture.turns else known).encode())
            for item in picture.objects:
                out.update(repr((item.category, item.object, len(item.polygons), item.runs is None)).encode())
                for array in (*item.polygons, *(() if item.runs is None else (item.runs,))):
                    out.update(repr(array.shape).encode() + array.tobytes())
        return out.hexdigest()

    def missing(self, stamps_ns: Sequence[int]) -> list[str]:
        """Annotated pictures whose frame the bag does not have, each as text to show.

        Args:
            stamps_ns: stamps of all frames of the bag, in order.
        """
        known = set(stamps_ns)
        lost = []
        for picture in self.pictures:
            kind, value = _key(picture)
            if value not in known if kind == "stamp" else value >= len(stamps_ns):
                lost.append(f"{picture.name} ({_frame((kind, value))})")
        return lost


def read_annotations(path: Path | str, names: CategoryNames | None = None) -> FrameAnnotations:
    """Read a COCO file, a labelme file, or a folder of labelme files.

    Args:
        path: file or folder.
        names: our list, the six by default, and which names are one of it, beyond the usual ones; what has another
            name is left out, counted.

    Raises:
        InputError: if it is none of these, an outline is degenerate, or a size is absurd; the text names the file and
            the annotation.
    """
    names = names or CategoryNames()
    path, left_out = Path(path), LeftOut(names.known)
    pictures = read_pictures(path, names, left_out)
    return FrameAnnotations(path, pictures, left_out.rows(), names.known)


def _key(picture: AnnotatedPicture) -> tuple[str, int]:
    if picture.stamp_ns is not None:
        return "stamp", picture.stamp_ns
    if picture.index is None:
        raise InputError(f"{picture.name} names neither a stamp nor an index")
    return "index", picture.index


def _frame(key: tuple[str, int]) -> str:
    return f"stamp {key[1]} ns" if key[0] == "stamp" else f"index {key[1]}"


def _box(mask: BoolArray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
