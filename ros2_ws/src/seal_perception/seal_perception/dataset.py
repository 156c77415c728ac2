# SPDX-License-Identifier: Apache-2.0
"""Datasets on disk: a folder with `annotations.json` (COCO) and `images/NNNNNN.png`.

`annotations.json` is written last and by rename, so a folder without it is unfinished and is refused. Masks are
compressed COCO run-length codes, boxes are x, y, width, height in pixels (the right and lower edge lie behind the
last pixel), category ids are the index in the dataset's own list (`CategorySet`) plus one. An annotation may carry
further keys (`extra`): `ignore: true` marks a region that is neither object nor background for training. `CocoDataset`
also opens COCO datasets of others (docs/detector.md) and shows their rows in this form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any

import cv2
import numpy as np

from seal_perception.categories import SIX, CategorySet
from seal_perception.coco.document import CocoFile, read_document
from seal_perception.coco.names import CategoryNames, LeftOut
from seal_perception.coco.pictures import (
    check_picture,
    find_annotations,
    find_picture,
    inner_path,
    picture_folders,
    read_picture,
)
from seal_perception.coco.rows import OWN_KEYS, box_rle, own_row
from seal_perception.detections import mask_to_rle, rle_to_mask
from seal_perception.errors import InputError
from seal_perception.files import naming, replacing, write_bytes, write_json
from seal_perception.reading.text import load_json
from seal_perception.types import BoolArray, UInt8Array

ANNOTATIONS = "annotations.json"
JOURNAL = "pictures.jsonl"
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
"""On pictures of homes as small as OpenCV's default, in 60 % of its time."""
_MAX_MASK_PIXELS = 1 << 29
"""Objects of a picture times its pixels: their masks are in memory together."""


@dataclass(frozen=True)
class Annotation:
    """One labelled object of a picture.

    Attributes:
        category: index in the list that its dataset, map or detector has.
        mask: (H, W) bool.
        extra: further JSON-ready keys, for example instance, score, views or ignore.
    """

    category: int
    mask: BoolArray
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def ignore(self) -> bool:
        """True for a region that training counts neither as object nor as background."""
        return bool(self.extra.get("ignore", False))

    def box(self) -> tuple[int, int, int, int]:
        """Tight box x0, y0, x1, y1 in pixels (x1, y1 behind the last pixel) of a mask that is not empty."""
        rows, cols = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        return int(cols[0]), int(rows[0]), int(cols[-1]) + 1, int(rows[-1]) + 1


@dataclass(frozen=True)
class EncodedPicture:
    """A picture with its annotations, ready to be written; made by `encode_picture`, in any thread.

    Attributes:
        png: bytes of the picture's file.
        height: in pixels.
        width: in pixels.
        annotations: COCO rows without ids.
        extra: further keys of the picture.
    """

    png: bytes
    height: int
    width: int
    annotations: list[dict[str, Any]]
    extra: dict[str, Any]


def encode_picture(
    rgb: UInt8Array,
    annotations: Sequence[Annotation] = (),
    extra: dict[str, Any] | None = None,
    names: CategorySet = SIX,
) -> EncodedPicture:
    """Encode one picture with its annotations.

    Args:
        rgb: (H, W, 3) uint8.
        annotations: objects whose masks have the picture's size and at least one pixel.
        extra: further JSON-ready keys of the picture, for example stamp_ns or the frame's index.
        names: the list that the annotations' categories are of.

    Raises:
        InputError: if a size, type, category or mask is wrong.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InputError(f"rgb must be (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
    for annotation in annotations:
        _check_annotation(annotation, rgb.shape[:2], names)
    ok, png = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), _PNG)
    if not ok:
        raise InputError(f"a picture of {rgb.shape} cannot be encoded as PNG")
    rows = []
    for annotation in annotations:
        x0, y0, x1, y1 = annotation.box()
        own = {
            "category_id": int(annotation.category) + 1,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": int(np.count_nonzero(annotation.mask)),
            "segmentation": mask_to_rle(annotation.mask),
            "iscrowd": 0,
        }
        rows.append({**{k: v for k, v in annotation.extra.items() if k not in OWN_KEYS}, **own})
    return EncodedPicture(png.tobytes(), rgb.shape[0], rgb.shape[1], rows, dict(extra or {}))


class DatasetWriter:
    """Write a dataset picture by picture; it counts as finished only after `close`.

    An unfinished folder (no `annotations.json`) is overwritten, or resumed on request; a finished one is refused.

    Example:
        with DatasetWriter(folder) as writer:
            writer.add(rgb, [Annotation(category, mask)])
    """

    def __init__(
        self,
        folder: Path | str,
        info: dict[str, Any] | None = None,
        resume: bool = False,
        names: CategorySet = SIX,
    ) -> None:
        """Make the folder.

        Args:
            folder: where to write.
            info: JSON-ready facts kept under `info` (how the dataset was made).
            resume: keep a journal, so that a writer that was stopped, even by a kill, can be resumed; the pictures
                of an unfinished folder that its journal lists are taken over.
            names: the list that the annotations' categories are of.

        Raises:
            InputError: if the folder already holds a finished dataset.
        """
        self.folder, self.names = Path(folder), names
        if (self.folder / ANNOTATIONS).exists():
            raise InputError(f"{self.folder} already holds a finished dataset; choose another folder or remove it")
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        self._info = dict(info or {})
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._closed = False
        self._journal: IO[str] | None = None
        path = self.folder / JOURNAL
        if not resume:
            path.unlink(missing_ok=True)
            return
        whole = whole_lines(path)
        for line in whole:
            row = load_json(line, path)
            self._take(row["image"], row["annotations"])
        if path.is_file() and len("".join(whole).encode()) != path.stat().st_size:  # cut in the middle of a line
            with replacing(path) as beside:
                beside.write_text("".join(whole), encoding="utf-8")
        self._journal = open(path, "a", encoding="utf-8")  # noqa: SIM115 - open until `close`

    @property
    def images(self) -> tuple[dict[str, Any], ...]:
        """COCO rows of the pictures written so far."""
        return tuple(self._images)

    @property
    def annotations(self) -> tuple[dict[str, Any], ...]:
        """COCO rows of the annotations written so far."""
        return tuple(self._annotations)

    def add(
        self,
        rgb: UInt8Array,
        annotations: Sequence[Annotation] = (),
        extra: dict[str, Any] | None = None,
    ) -> int:
        """Write one picture with its annotations (`encode_picture`).

        Returns:
            The picture's id, counting from 1.

        Raises:
            InputError: if a size, type, category or mask is wrong; nothing is written then.
        """
        self._require_open()
        return self.add_encoded(encode_picture(rgb, annotations, extra, self.names))

    def add_encoded(self, picture: EncodedPicture) -> int:
        """Write what `encode_picture` made; the picture's id, counting from 1."""
        self._require_open()
        image_id = len(self._images) + 1
        name = f"images/{image_id:06d}.png"
        write_bytes(self.folder / name, picture.png)
        image = {"id": image_id, "file_name": name, "width": picture.width, "height": picture.height, **picture.extra}
        first = len(self._annotations) + 1
        rows = [{**row, "id": first + n, "image_id": image_id} for n, row in enumerate(picture.annotations)]
        if self._journal is not None:
            with naming(self.folder / JOURNAL):
                self._journal.write(json.dumps({"image": image, "annotations": rows}) + "\n")
                self._journal.flush()
        self._take(image, rows)
        return image_id

    def _require_open(self) -> None:
        if self._closed:
            raise InputError(f"{self.folder} is closed; nothing can be added")

    def _take(self, image: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        self._images.append(image)
        self._annotations.extend(rows)

    def close(self) -> None:
        """Write `annotations.json`, last and by rename: from now on the dataset is finished."""
        if self._closed:
            return
        if (self.folder / ANNOTATIONS).exists():
            raise InputError(f"another writer has finished {self.folder} meanwhile; its dataset was left as it is")
        document = {
            "info": self._info,
            "images": self._images,
            "annotations": self._annotations,
            "categories": self.names.table(),
        }
        write_json(self.folder / ANNOTATIONS, document, indent=None)
        self._closed = True
        if self._journal is not None:
            self._journal.close()
            (self.folder / JOURNAL).unlink(missing_ok=True)

    def __enter__(self) -> DatasetWriter:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the dataset unless an error came up."""
        if kind is None:
            self.close()
        elif self._journal is not None:
            self._journal.close()


def whole_lines(path: Path) -> list[str]:
    """Lines of a journal up to the first that is cut or broken."""
    lines: list[str] = []
    if not path.is_file():
        return lines
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                load_json(line, path)
            except ValueError:
                break
            if not line.endswith("\n"):
                break
            lines.append(line)
    return lines


def own_categories(folder: Path | str) -> CategorySet:
    """The list of categories of a dataset that SEAL wrote, whose ids count from 1; the six if its file has another.

    Raises:
        InputError: if there is no dataset.
    """
    document = read_document(find_annotations(Path(folder)))
    rows = document.get("categories") if isinstance(document, dict) else None
    try:
        names = CategorySet(tuple(row["name"] for row in rows or ()))
    except (TypeError, KeyError, ValueError):
        return SIX
    return names if names.table() == rows else SIX


class CocoDataset:
    """A finished dataset, opened for reading: every row is checked at once, pictures and masks decoded when asked for.

    Attributes:
        folder: where it lies.
        file: its annotations.
        names: the list that the rows' category_id count in, from 1.
        not_in_file: the names of it that the file does not have.
        info: what the file says about itself.
        crowds: regions marked `iscrowd`: neither object nor background.
        boxes_alone: annotations without outline: objects by their box alone.
    """

    def __init__(
        self, folder: Path | str, names: CategoryNames | None = None, pictures: Path | str | None = None
    ) -> None:
        """Read and check the annotations.

        Args:
            folder: a dataset's folder, or a COCO file.
            names: our list, the six by default, and which names in the file are one of it beyond the usual ones.
            pictures: folder of the pictures; None = beside the file, where tools put them.

        Raises:
            InputError: if there is no finished dataset, or its annotations do not hold together; the text names the
                annotation.
        """
        names, self.file = names or CategoryNames(), find_annotations(Path(folder))
        self.folder = self.file.parent if Path(folder).is_file() else Path(folder)
        source = CocoFile(self.file, read_document(self.file), names, LeftOut(names.known))
        self.names, self.not_in_file = names.known, source.not_in_file
        self.info, self._left_out, self._mapped = source.info, source.left_out, dict(names.mapped)
        self._folders = picture_folders(self.file) if pictures is None else (Path(pictures),)
        self._images: list[dict[str, Any]] = []
        self._names: list[PurePosixPath] = []
        self._rows: list[list[dict[str, Any]]] = []
        self.crowds = self.boxes_alone = 0
        try:
            for index, image in enumerate(source.images):
                self._names.append(inner_path(image.row.get("file_name"), f"image {image.id}"))
                if source.count(index) * image.width * image.height > _MAX_MASK_PIXELS:
                    raise InputError(f"{image.name}: too many objects for so large a picture; make it smaller")
                self._images.append({**image.row, "id": image.id, "width": image.width, "height": image.height})
                rows = [own_row(item, image) for item in source.objects(index)]
                self._rows.append([row for row in rows if row is not None])
                self._left_out.add("annotations not used: smaller than a pixel", rows.count(None))
                self.crowds += sum(row["iscrowd"] for row in self._rows[-1])
                self.boxes_alone += sum(row["segmentation"] is None for row in self._rows[-1])
        except InputError as error:
            raise InputError(str(error) if str(self.file) in str(error) else f"{self.file}: {error}") from error

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._images)

    @property
    def image_ids(self) -> list[int]:
        """Ids of the pictures in order."""
        return [int(image["id"]) for image in self._images]

    def left_out(self) -> dict[str, int]:
        """What the file holds and is not used, by reason: a text that goes on after the number."""
        return self._left_out.rows()

    def labelled(self) -> list[int]:
        """Indices of the pictures that have at least one object to learn from: no region to ignore, no box alone."""
        return [i for i in range(len(self)) if not all(_neither(row) for row in self.rows(i))]

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of picture `index` (counting from 0)."""
        return int(self._images[index]["height"]), int(self._images[index]["width"])

    def image_info(self, index: int) -> dict[str, Any]:
        """The COCO row of picture `index`, with any extra keys."""
        return dict(self._images[index])

    def rows(self, index: int) -> list[dict[str, Any]]:
        """The annotations of picture `index` as COCO rows of our own form, whatever the file's ids and outlines.

        Masks are still encoded; None for a box alone.
        """
        return self._rows[index]

    def objects(self, index: int) -> list[dict[str, Any]]:
        """Those of `rows` that are objects: neither regions to ignore nor crowds."""
        return [row for row in self._rows[index] if not row.get("ignore", False) and not row["iscrowd"]]

    def picture_path(self, index: int) -> Path:
        """File of picture `index`.

        Raises:
            InputError: if there is none.
        """
        return find_picture(self._names[index], self._folders)

    def image(self, index: int) -> UInt8Array:
        """Picture `index` as (H, W, 3) uint8 RGB, in the orientation that was drawn on.

        Raises:
            InputError: if its file is missing, broken or of another size.
        """
        return read_picture(self.picture_path(index), self.size(index))

    def check_pictures(self) -> None:
        """See that every picture is there and of its size, by its header, before work begins.

        Raises:
            InputError: if one is not.
        """
        for index in range(len(self)):
            check_picture(self.picture_path(index), self.size(index))

    def annotations(self, index: int) -> list[Annotation]:
        """Annotations of picture `index` to learn from, masks decoded; crowds and boxes alone are regions to ignore."""
        out = []
        for row in self._rows[index]:
            extra = {k: v for k, v in row.items() if k not in OWN_KEYS}
            mask = row["segmentation"]
            if mask is None:
                mask = box_rle(row["bbox"], *self.size(index))
            if _neither(row):
                extra["ignore"] = True
            out.append(Annotation(int(row["category_id"]) - 1, rle_to_mask(mask), extra))
        return out

    def __iter__(self) -> Iterator[tuple[UInt8Array, list[Annotation]]]:
        """Pictures with their annotations, in order."""
        for index in range(len(self)):
            yield self.image(index), self.annotations(index)

    def hash(self) -> str:
        """SHA-256 over the annotations and every picture's bytes in order: the same data, the same hash."""
        digest = hashlib.sha256(self.file.read_bytes())
        if self.names != SIX:
            digest.update(json.dumps(self.names.names).encode())
        if self._mapped:
            digest.update(json.dumps(self._mapped, sort_keys=True).encode())
        for index in range(len(self)):
            digest.update(self.picture_path(index).read_bytes())
        return digest.hexdigest()


def own_dataset(folder: Path | str) -> CocoDataset:
    """A dataset that SEAL wrote, read with its own list of categories.

    Raises:
        InputError: as `CocoDataset`.
    """
    return CocoDataset(folder, CategoryNames(known=own_categories(folder)))


def _neither(row: dict[str, Any]) -> bool:
    """Whether a row is neither object nor background for training."""
    return bool(row.get("ignore", False) or row["iscrowd"]) or row["segmentation"] is None


def _check_annotation(annotation: Annotation, size: tuple[int, ...], names: CategorySet) -> None:
    if not 0 <= int(annotation.category) < len(names):
        raise InputError(f"category must be 0..{len(names) - 1}, got {annotation.category}")
    if annotation.mask.shape != tuple(size) or annotation.mask.dtype != np.bool_:
        raise InputError(f"mask must be {tuple(size)} bool, got {annotation.mask.shape} {annotation.mask.dtype}")
    if not annotation.mask.any():
        raise InputError(f"mask of a {names.name(annotation.category)} is empty; leave such an annotation out")
