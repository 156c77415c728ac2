# SPDX-License-Identifier: Apache-2.0
"""The one reader of COCO files, of whatever tool: `CocoFile`.

Files come from outside: only JSON is read, ids are any whole numbers, categories are taken by their names, every size
is checked before a mask is unpacked, and each mistake is one line that names its annotation.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seal_perception.coco.masks import read_runs
from seal_perception.coco.names import CategoryNames, LeftOut, shown
from seal_perception.coco.shapes import MAX_OBJECTS, box_of, outlines, require_inside, size_of, whole
from seal_perception.errors import InputError
from seal_perception.reading.text import read_json
from seal_perception.types import FloatArray, IntArray

_MISBUILT = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError)


@dataclass(frozen=True)
class CocoImage:
    """One picture of a file.

    Attributes:
        id: as in the file.
        width: in pixels.
        height: in pixels.
        row: its row in the file, with all keys.
    """

    id: int
    width: int
    height: int
    row: dict[str, Any]

    @property
    def name(self) -> str:
        """Its file name, for messages."""
        return shown(self.row.get("file_name", f"image {self.id}"))


@dataclass(frozen=True)
class CocoObject:
    """One annotation of one of our categories; without polygons and runs it is a box alone.

    Attributes:
        where: names it in messages, such as "annotation 7".
        category: index in our list (`CategoryNames.known`).
        row: its row in the file, with all keys.
        crowd: whether it is marked `iscrowd`.
        ignore: whether it is marked `ignore`.
        polygons: (P, 2) float64 x, y each; their union is the object.
        runs: run lengths of a mask of the picture's size instead (`masks.read_runs`).
    """

    where: str
    category: int
    row: dict[str, Any]
    crowd: bool = False
    ignore: bool = False
    polygons: tuple[FloatArray, ...] = ()
    runs: IntArray | None = None


class CocoFile:
    """A COCO file whose tables hold together; outlines and masks are checked as they are asked for.

    Attributes:
        path: the file.
        info: its key `info`, empty if it has none.
        images: its pictures.
        not_in_file: those of our categories that no name in the file stands for.
        left_out: counts annotations that are not of our categories; readers add what else they leave out.
    """

    def __init__(self, path: Path, document: Any, names: CategoryNames, left_out: LeftOut) -> None:
        """Take a document apart.

        Args:
            path: the file, for messages.
            document: what `read_document` read.
            names: which names of categories are ours.
            left_out: see above.

        Raises:
            InputError: if it is no COCO file, or its tables do not hold together.
        """
        self.path, self.left_out = path, left_out
        try:
            _require_tables(document)
            info = document.get("info")
            self.info: dict[str, Any] = dict(info) if isinstance(info, dict) else {}
            self._known = _categories(document["categories"])
            names.check_used(self._known.values())
            self._ours = {number: names.find(name) for number, name in self._known.items()}
            there = {found[0] for found in self._ours.values() if found is not None}
            self.not_in_file = tuple(name for n, name in enumerate(names.known.names) if n not in there)
            self.images = [_image(row, n) for n, row in enumerate(document["images"])]
            self._rows = self._by_image(document["annotations"])
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from error
        except _MISBUILT as error:
            raise InputError(f"{self.path} is not built as expected: {_what(error)}") from error

    def _by_image(self, rows: list[Any]) -> list[list[tuple[str, dict[str, Any]]]]:
        """Rows of our categories by picture, each with its name for messages."""
        place = {image.id: n for n, image in enumerate(self.images)}
        if len(place) < len(self.images):
            twice = Counter(image.id for image in self.images).most_common(1)[0][0]
            raise InputError(f"two images have the same id: {twice} occurs twice")
        out: list[list[tuple[str, dict[str, Any]]]] = [[] for _ in self.images]
        self._touched = [False] * len(self.images)
        for n, row in enumerate(rows):
            if not isinstance(row, dict):
                raise InputError(f"annotations[{n}] must be an object, got {type(row).__name__}")
            number = whole(row.get("id"))
            where = f"annotations[{n}]" if number is None else f"annotation {number}"
            index = place.get(_id(row.get("image_id"), f"{where}: image_id"))
            if index is None:
                lost = shown(row["image_id"])
                raise InputError(f"{where}: there is no image with the id {lost}: it belongs to no picture")
            self._touched[index] = True
            category = _id(row.get("category_id"), f"{where}: category_id")
            if category not in self._known:
                raise InputError(f"{where}: there is no category with the id {category}; category_id must be known")
            if self._ours[category] is None:
                self.left_out.other(self._known[category])
                continue
            out[index].append((where, row))
            if len(out[index]) > MAX_OBJECTS:
                raise InputError(
                    f"{self.images[index].name}: has more than {MAX_OBJECTS} objects, the most per picture"
                )
        return out

    def count(self, index: int) -> int:
        """Number of annotations of our categories in picture `index`."""
        return len(self._rows[index])

    def touched(self, index: int) -> bool:
        """Whether picture `index` has annotations, of whatever category."""
        return self._touched[index]

    def objects(self, index: int) -> list[CocoObject]:
        """Annotations of our categories in picture `index` (counting from 0), checked.

        Raises:
            InputError: if one is broken; the text names the file and the annotation.
        """
        out = []
        for where, row in self._rows[index]:
            try:
                out.append(self._object(where, row, self.images[index]))
            except InputError as error:
                raise InputError(f"{self.path}: {error}") from error
            except _MISBUILT as error:
                raise InputError(f"{self.path}: {where} is not built as expected: {_what(error)}") from error
        return out

    def _object(self, where: str, row: dict[str, Any], image: CocoImage) -> CocoObject:
        ours = self._ours[_id(row["category_id"], where)]
        assert ours is not None  # others were left out
        category, _ = ours
        segmentation, width, height = row.get("segmentation"), image.width, image.height
        item = CocoObject(where, category, row, _flag(row, "iscrowd", where), _flag(row, "ignore", where))
        if isinstance(segmentation, dict):
            size = segmentation.get("size")
            if size != [height, width]:
                raise InputError(
                    f"{where}: its mask is {shown(size)}, its image {[height, width]} (height, width): another size"
                )
            try:
                runs = read_runs(segmentation.get("counts"), height, width)
            except InputError as error:
                raise InputError(f"{where}: {error}") from error
            if not runs[1::2].any():
                raise InputError(f"{where}: its mask is empty; remove the annotation")
            return replace(item, runs=runs)
        if segmentation is None or segmentation == []:
            return item
        if not isinstance(segmentation, list):
            raise InputError(f"{where}: segmentation must be polygons or a mask, got {shown(segmentation)}")
        polygons = outlines(segmentation, where)
        require_inside(polygons, width, height, where)
        return replace(item, polygons=polygons)


def object_box(item: CocoObject, image: CocoImage) -> tuple[float, float, float, float] | None:
    """The box x, y, w, h that an annotation gives, None if it gives none.

    Raises:
        InputError: if it is no box inside of its picture.
    """
    return box_of(item.row.get("bbox"), image.width, image.height, item.where)


def read_document(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: if it is no regular file, larger than the limits `json_mb` and `json_values`, or not JSON.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file; expected COCO (.json) or a folder of labelme files")
    return read_json(path)


def _require_tables(document: Any) -> None:
    if not isinstance(document, dict) or "images" not in document:
        raise InputError("is not a COCO dataset: it has no key images")
    for key in ("images", "annotations", "categories"):
        if not isinstance(document.get(key), list):
            raise InputError(f"is not built as expected: {key} must be a list, got {shown(document.get(key))[:40]}")


def _categories(rows: list[Any]) -> dict[int, str]:
    """Names by id."""
    out: dict[int, str] = {}
    for n, row in enumerate(rows):
        number, name = _id(row["id"], f"categories[{n}]: id"), str(row["name"])
        if out.setdefault(number, name) != name:
            raise InputError(f"two categories have the same id, {number}")
    return out


def _image(row: Any, n: int) -> CocoImage:
    if not isinstance(row, dict):
        raise InputError(f"images[{n}] is not built as expected: must be an object, got {type(row).__name__}")
    number = _id(row.get("id"), f"images[{n}]: id")
    width, height = size_of(row.get("width"), row.get("height"), f"image {number}")
    return CocoImage(number, width, height, row)


def _flag(row: dict[str, Any], key: str, where: str) -> bool:
    """A key that is 0 or 1, absent or null."""
    value = row.get(key)
    number = 0 if value is None else int(value) if isinstance(value, bool) else whole(value)
    if number not in (0, 1):
        raise InputError(f"{where}: {key} must be 0 or 1, got {shown(value)}")
    return bool(number)


def _id(value: Any, where: str) -> int:
    number = whole(value)
    if number is None or abs(number) >= 1 << 63:
        raise InputError(f"{where} must be a whole number, got {shown(repr(value))}")
    return number


def _what(error: Exception) -> str:
    return f"{type(error).__name__} {shown(error)}"
