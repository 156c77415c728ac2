# SPDX-License-Identifier: Apache-2.0
"""Datasets on disk: a folder with `annotations.json` (COCO) and `images/NNNNNN.png`.

`annotations.json` is written last and by rename, so a folder without it is unfinished and is refused. Masks are
compressed COCO run-length codes, boxes are x, y, width, height in pixels (the right and lower edge lie behind the
last pixel), category ids are the index in `CATEGORIES` plus one. An annotation may carry further keys (`extra`):
`ignore: true` marks a region that is neither object nor background for training.
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

from seal_perception.categories import CATEGORIES, NUM_CATEGORIES
from seal_perception.detections import mask_to_rle, rle_to_mask
from seal_perception.errors import InputError
from seal_perception.files import read_json, replacing, write_json
from seal_perception.types import BoolArray, UInt8Array

ANNOTATIONS = "annotations.json"
JOURNAL = "pictures.jsonl"
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
"""On pictures of homes as small as OpenCV's default, in 60 % of its time."""
_OWN_KEYS = ("id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd")
CATEGORY_TABLE: list[dict[str, Any]] = [{"id": i + 1, "name": name} for i, name in enumerate(CATEGORIES)]


@dataclass(frozen=True)
class Annotation:
    """One labelled object of a picture.

    Attributes:
        category: index in `CATEGORIES`.
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
    rgb: UInt8Array, annotations: Sequence[Annotation] = (), extra: dict[str, Any] | None = None
) -> EncodedPicture:
    """Encode one picture with its annotations.

    Args:
        rgb: (H, W, 3) uint8.
        annotations: objects whose masks have the picture's size and at least one pixel.
        extra: further JSON-ready keys of the picture, for example stamp_ns or the frame's index.

    Raises:
        InputError: if a size, type, category or mask is wrong.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InputError(f"rgb must be (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
    for annotation in annotations:
        _check_annotation(annotation, rgb.shape[:2])
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
        rows.append({**{k: v for k, v in annotation.extra.items() if k not in _OWN_KEYS}, **own})
    return EncodedPicture(png.tobytes(), rgb.shape[0], rgb.shape[1], rows, dict(extra or {}))


class DatasetWriter:
    """Write a dataset picture by picture; it counts as finished only after `close`.

    An unfinished folder (no `annotations.json`) is overwritten, or resumed on request; a finished one is refused.

    Example:
        with DatasetWriter(folder) as writer:
            writer.add(rgb, [Annotation(category, mask)])
    """

    def __init__(self, folder: Path | str, info: dict[str, Any] | None = None, resume: bool = False) -> None:
        """Make the folder.

        Args:
            folder: where to write.
            info: JSON-ready facts kept under `info` (how the dataset was made).
            resume: keep a journal, so that a writer that was stopped, even by a kill, can be resumed; the pictures
                of an unfinished folder that its journal lists are taken over.

        Raises:
            InputError: if the folder already holds a finished dataset.
        """
        self.folder = Path(folder)
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
        whole = _whole_lines(path)
        for line in whole:
            row = json.loads(line)
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
        return self.add_encoded(encode_picture(rgb, annotations, extra))

    def add_encoded(self, picture: EncodedPicture) -> int:
        """Write what `encode_picture` made; the picture's id, counting from 1."""
        self._require_open()
        image_id = len(self._images) + 1
        name = f"images/{image_id:06d}.png"
        (self.folder / name).write_bytes(picture.png)
        image = {"id": image_id, "file_name": name, "width": picture.width, "height": picture.height, **picture.extra}
        first = len(self._annotations) + 1
        rows = [{**row, "id": first + n, "image_id": image_id} for n, row in enumerate(picture.annotations)]
        if self._journal is not None:
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
            "categories": CATEGORY_TABLE,
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


def _whole_lines(path: Path) -> list[str]:
    """Lines of a journal up to the first that is cut or broken."""
    lines: list[str] = []
    if not path.is_file():
        return lines
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                json.loads(line)
            except ValueError:
                break
            if not line.endswith("\n"):
                break
            lines.append(line)
    return lines


class CocoDataset:
    """A finished dataset folder, opened for reading; pictures and masks are decoded when asked for."""

    def __init__(self, folder: Path | str) -> None:
        """Read and check `annotations.json`.

        Raises:
            InputError: if the folder is no finished dataset or its annotations do not hold together.
        """
        self.folder = Path(folder)
        path = self.folder / ANNOTATIONS
        if not path.is_file():
            state = "incomplete (it has no annotations.json)" if self.folder.is_dir() else "not a folder"
            raise InputError(f"dataset {self.folder} is {state}; expected a folder written by `seal label` or `scene`")
        try:
            document = read_json(path)
        except ValueError as error:
            raise InputError(str(error)) from error
        try:
            self.info: dict[str, Any] = dict(document.get("info", {}))
            self._images: list[dict[str, Any]] = list(document["images"])
            self._rows = _check_document(document)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise InputError(f"{path} is not a COCO dataset as expected: {type(error).__name__} {error}") from error
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._images)

    @property
    def image_ids(self) -> list[int]:
        """Ids of the pictures in order."""
        return [int(image["id"]) for image in self._images]

    def labelled(self) -> list[int]:
        """Indices of the pictures that have at least one object (regions to ignore are none)."""
        return [i for i in range(len(self)) if any(not row.get("ignore", False) for row in self.rows(i))]

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of picture `index` (counting from 0)."""
        return int(self._images[index]["height"]), int(self._images[index]["width"])

    def image_info(self, index: int) -> dict[str, Any]:
        """The COCO row of picture `index`, with any extra keys."""
        return dict(self._images[index])

    def rows(self, index: int) -> list[dict[str, Any]]:
        """The COCO annotation rows of picture `index`, masks still encoded."""
        return self._rows[index]

    def image(self, index: int) -> UInt8Array:
        """Picture `index` as (H, W, 3) uint8 RGB.

        Raises:
            InputError: if its file is missing, broken or of another size.
        """
        path = self.folder / self._images[index]["file_name"]
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
        if bgr is None:
            raise InputError(f"picture {path} is missing or broken")
        if bgr.shape[:2] != self.size(index):
            raise InputError(f"picture {path} must be {self.size(index)} (H, W), got {bgr.shape[:2]}")
        return np.asarray(np.ascontiguousarray(bgr[..., ::-1]), dtype=np.uint8)

    def annotations(self, index: int) -> list[Annotation]:
        """Annotations of picture `index`, masks decoded."""
        return [
            Annotation(
                int(row["category_id"]) - 1,
                rle_to_mask(row["segmentation"]),
                {k: v for k, v in row.items() if k not in _OWN_KEYS},
            )
            for row in self._rows[index]
        ]

    def __iter__(self) -> Iterator[tuple[UInt8Array, list[Annotation]]]:
        """Pictures with their annotations, in order."""
        for index in range(len(self)):
            yield self.image(index), self.annotations(index)

    def hash(self) -> str:
        """SHA-256 over `annotations.json` and every picture's bytes in order: the same data, the same hash."""
        digest = hashlib.sha256((self.folder / ANNOTATIONS).read_bytes())
        for image in self._images:
            digest.update((self.folder / image["file_name"]).read_bytes())
        return digest.hexdigest()


def _check_annotation(annotation: Annotation, size: tuple[int, ...]) -> None:
    if not 0 <= int(annotation.category) < NUM_CATEGORIES:
        raise InputError(f"category must be 0..{NUM_CATEGORIES - 1}, got {annotation.category}")
    if annotation.mask.shape != tuple(size) or annotation.mask.dtype != np.bool_:
        raise InputError(f"mask must be {tuple(size)} bool, got {annotation.mask.shape} {annotation.mask.dtype}")
    if not annotation.mask.any():
        raise InputError(f"mask of a {CATEGORIES[annotation.category]} is empty; leave such an annotation out")


def _check_document(document: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Check a COCO document; annotation rows per picture."""
    table = [{"id": c["id"], "name": c["name"]} for c in document["categories"]]
    if table != CATEGORY_TABLE:
        raise InputError(f"categories must be {[c['name'] for c in CATEGORY_TABLE]} with ids from 1, got {table}")
    position: dict[int, int] = {}
    for index, image in enumerate(document["images"]):
        name = PurePosixPath(image["file_name"])
        if name.is_absolute() or ".." in name.parts:
            raise InputError(f"file_name must lie in the dataset's folder, got {image['file_name']!r}")
        if image["id"] in position:
            raise InputError(f"picture id {image['id']} occurs twice")
        if int(image["width"]) < 1 or int(image["height"]) < 1:
            raise InputError(f"picture {image['id']} must have a positive size")
        position[image["id"]] = index
    rows: list[list[dict[str, Any]]] = [[] for _ in document["images"]]
    for row in document["annotations"]:
        if row["image_id"] not in position:
            raise InputError(f"annotation {row['id']} belongs to no picture (image_id {row['image_id']})")
        index = position[row["image_id"]]
        image = document["images"][index]
        if not 1 <= row["category_id"] <= NUM_CATEGORIES:
            raise InputError(f"annotation {row['id']}: category_id must be 1..{NUM_CATEGORIES}")
        if list(row["segmentation"]["size"]) != [image["height"], image["width"]]:
            raise InputError(f"annotation {row['id']}: mask has another size than its picture")
        x, y, w, h = row["bbox"]
        if w <= 0 or h <= 0 or x < -1 or y < -1 or x + w > image["width"] + 1 or y + h > image["height"] + 1:
            raise InputError(f"annotation {row['id']}: box {row['bbox']} must be x, y, w, h inside the picture")
        rows[index].append(row)
    return rows
