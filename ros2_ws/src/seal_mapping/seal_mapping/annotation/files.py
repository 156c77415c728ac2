# SPDX-License-Identifier: Apache-2.0
"""Reading polygon files: COCO and labelme. `annotations.read_annotations` is the way in.

Files come from outside: only JSON is read, every size is checked, each mistake is one line that names its annotation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from seal_mapping.annotation.drawn import AnnotatedPicture, DrawnObject
from seal_mapping.annotation.masks import read_runs
from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError
from seal_perception.types import FloatArray

MAX_FILE_BYTES = 256_000_000
MAX_FILES = 10_000
MAX_SIDE = 16_384
MAX_PIXELS = 100_000_000
MAX_POINTS = 10_000
MAX_OBJECTS = 1000
"""Per picture."""
MAX_COORDINATE = 1e6

ALIASES = {
    "dining chair": "chair",
    "office chair": "chair",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "house plant": "potted plant",
    "houseplant": "potted plant",
    "tvmonitor": "tv",
    "tv monitor": "tv",
    "television": "tv",
    "television set": "tv",
}
"""Other names of our categories (COCO, Pascal VOC, LVIS), lower case, with spaces for _ and -."""

_FLOAT_SLACK_NS = 1024
"""A stamp that went through a tool's double has lost its last digits; the file name has kept them."""
_STAMP_IN_NAME = re.compile(r"(?<![0-9A-Za-z])[0-9]{9,19}(?![0-9A-Za-z])")
_NUMBERED = re.compile(r"(.*?[^\W\d])[ _-]*(\d+)")
_MAX_NAME = 100
_LABELME_IGNORE = "__ignore__"


def read_pictures(path: Path) -> list[AnnotatedPicture]:
    """Annotated pictures of a COCO file, a labelme file or a folder of labelme files.

    Raises:
        InputError: see `annotations.read_annotations`.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".json" and file.name[0] != ".")
        if not files:
            raise InputError(f"{path} has no labelme files (*.json); for COCO give the file itself")
        if len(files) > MAX_FILES:
            raise InputError(f"{path} has {len(files)} files; at most {MAX_FILES} are read")
        return [picture for file in files for picture in _read_file(file, in_folder=True)]
    return _read_file(path, in_folder=False)


def _read_file(path: Path, in_folder: bool) -> list[AnnotatedPicture]:
    document = _load(path)
    try:
        if isinstance(document, dict) and "shapes" in document:
            return [_labelme_picture(document, path)]
        if in_folder:
            raise InputError(
                "is no labelme file; a folder must hold labelme files alone, for COCO give the file itself"
            )
        if not isinstance(document, dict) or "images" not in document:
            raise InputError("is neither a COCO file (no key images) nor a labelme file (no key shapes)")
        return _coco_pictures(document)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is not built as expected: {type(error).__name__} {error}") from error


def _load(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path} is no file; expected COCO (.json) or a folder of labelme files")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(f"{path} has {size / 1e6:.0f} MB; at most {MAX_FILE_BYTES / 1e6:.0f} MB are read")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error


def _coco_pictures(document: dict[str, Any]) -> list[AnnotatedPicture]:
    names = {row["id"]: row["name"] for row in document["categories"]}
    images = {row["id"]: row for row in document["images"]}
    if len(images) != len(document["images"]):
        raise InputError("two images have the same id")
    rows: dict[Any, list[dict[str, Any]]] = {number: [] for number in images}
    for row in document["annotations"]:
        where = f"annotation {row['id']}"
        if row["image_id"] not in rows:
            raise InputError(f"{where}: there is no image with the id {row['image_id']}")
        if row["category_id"] not in names:
            raise InputError(f"{where}: there is no category with the id {row['category_id']}")
        rows[row["image_id"]].append(row)
    out = []
    for number, image in images.items():
        mine = rows[number]
        # `seal annotate` marks its pictures as not looked at yet; a labelling tool drops the mark.
        if not mine and image.get("annotated") is False:
            continue
        width, height = _size(image["width"], image["height"], f"image {number}")
        drawn = [row for row in mine if not row.get("iscrowd") and not row.get("ignore")]
        objects = [_coco_object(row, names[row["category_id"]], width, height) for row in drawn]
        stamp_ns, index = _which_frame(image, f"image {number}")
        name = str(image.get("file_name", f"image {number}"))
        ignored = len(mine) - len(drawn)
        out.append(AnnotatedPicture(name, width, height, stamp_ns, index, _limited(objects, name), ignored))
    return out


def _coco_object(row: dict[str, Any], name: Any, width: int, height: int) -> DrawnObject:
    where = f"annotation {row['id']}"
    category, _ = category_of(name, where)
    segmentation, known = row.get("segmentation"), row.get("object")
    if known is not None and type(known) not in (str, int):
        raise InputError(f"{where}: object must be a name or a whole number, got {type(known).__name__}")
    if isinstance(segmentation, dict):
        if list(segmentation["size"]) != [height, width]:
            raise InputError(
                f"{where}: its mask is {segmentation['size']}, its image {[height, width]} (height, width)"
            )
        try:
            runs = read_runs(segmentation["counts"], height, width)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if not runs[1::2].any():
            raise InputError(f"{where}: its mask is empty; remove the annotation")
        return DrawnObject(where, category, (), runs, known)
    if not isinstance(segmentation, list) or not segmentation:
        raise InputError(f"{where}: has no outline (a box alone is not enough); draw a polygon")
    polygons = []
    for flat in segmentation:
        if not isinstance(flat, list) or len(flat) % 2:
            raise InputError(f"{where}: a polygon must be a list x, y, x, y, ...")
        polygons.append(_polygon(zip(flat[::2], flat[1::2], strict=True), where))
    _inside(polygons, width, height, where)
    return DrawnObject(where, category, tuple(polygons), None, known)


def _labelme_picture(document: dict[str, Any], path: Path) -> AnnotatedPicture:
    name = str(document.get("imagePath") or path.with_suffix("").name)
    width, height = _size(document.get("imageWidth"), document.get("imageHeight"), name)
    stamp_ns, index = _which_frame({**document, "file_name": name}, name)
    objects: dict[Any, DrawnObject] = {}
    ignored = 0
    for number, shape in enumerate(document["shapes"]):
        where = f"shape {number} ({shape['label']!r})"
        if shape["label"] == _LABELME_IGNORE:
            ignored += 1
            continue
        category, known = category_of(shape["label"], where)
        polygon = _labelme_outline(shape, where)
        _inside([polygon], width, height, where)
        # Parts of one object share a group or a numbered label; every other shape is an object of its own.
        group = shape.get("group_id")
        key = ("group", category, known, group) if group is not None else ("label", known) if known else number
        if key in objects:
            old = objects[key]
            objects[key] = DrawnObject(old.where, category, (*old.polygons, polygon), None, old.object)
        else:
            objects[key] = DrawnObject(where, category, (polygon,), None, known)
    return AnnotatedPicture(name, width, height, stamp_ns, index, _limited(list(objects.values()), name), ignored)


def _labelme_outline(shape: dict[str, Any], where: str) -> FloatArray:
    kind, points = shape.get("shape_type", "polygon"), shape["points"]
    if kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        points = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    elif kind not in ("polygon", "rectangle"):
        raise InputError(f"{where}: is a {kind}; draw a polygon or a rectangle")
    return _polygon(points, where)


def category_of(name: Any, where: str = "category") -> tuple[int, str | None]:
    """Category index of a name or one of its `ALIASES`; "chair_2" also gives the object's name "chair 2".

    Raises:
        InputError: if it is none of ours.
    """
    name = str(name)[:_MAX_NAME]
    plain = " ".join(re.sub("[_-]", " ", name).lower().split())
    numbered = _NUMBERED.fullmatch(plain)
    for text, number in ((plain, None), (numbered[1], numbered[2]) if numbered else (plain, None)):
        ours = ALIASES.get(text, text)
        if ours in CATEGORIES:
            return CATEGORIES.index(ours), None if number is None else f"{ours} {int(number)}"
    raise InputError(
        f"{where}: unknown category {name!r}; expected one of {', '.join(CATEGORIES)}: rename or remove it"
    )


def _which_frame(row: dict[str, Any], where: str) -> tuple[int | None, int | None]:
    """Stamp in nanoseconds, or else index, of the frame that a picture shows."""
    stamp, index = row.get("stamp_ns"), row.get("index")
    for key, value in (("stamp_ns", stamp), ("index", index)):
        if value is not None and (type(value) is not int or value < 0):
            raise InputError(f"{where}: {key} must be a whole number >= 0, got {value!r}")
    stem = PurePosixPath(str(row.get("file_name", "")).replace("\\", "/")).stem
    found = [stem] if re.fullmatch("[0-9]{1,19}", stem) else _STAMP_IN_NAME.findall(stem)
    named = int(found[0]) if len(found) == 1 else None
    if stamp is not None:
        return (named if named is not None and abs(named - stamp) <= _FLOAT_SLACK_NS else stamp), None
    if index is not None:
        return None, index
    if named is None:
        raise InputError(
            f"{where}: {row.get('file_name')!r} names no frame; expected a file name with the stamp in nanoseconds "
            "such as 1700000000000000000.png, or a key stamp_ns or index"
        )
    return named, None


def _size(width: Any, height: Any, where: str) -> tuple[int, int]:
    if not all(type(side) is int and 1 <= side <= MAX_SIDE for side in (width, height)) or width * height > MAX_PIXELS:
        raise InputError(f"{where}: width and height must be 1..{MAX_SIDE} pixels, got {width!r} x {height!r}")
    return width, height


def _polygon(points: Iterable[Any], where: str) -> FloatArray:
    """(P, 2) float64 checked outline."""
    try:
        pairs = [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: a polygon's points must be pairs of numbers ({error})") from error
    if len(pairs) < 3:
        raise InputError(f"{where}: a polygon needs at least 3 points, got {len(pairs)}")
    if len(pairs) > MAX_POINTS:
        raise InputError(f"{where}: a polygon may have {MAX_POINTS} points, got {len(pairs)}")
    for x, y in pairs:
        if not (math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) <= MAX_COORDINATE):
            raise InputError(f"{where}: a point lies at {x:g}, {y:g}")
    out = np.array(pairs)
    # Not the signed area: that is 0 for a figure of eight too. All points on one line is what encloses nothing.
    away = out - out[0]
    longest = away[np.argmax((away**2).sum(axis=1))]
    if np.abs(away[:, 0] * longest[1] - away[:, 1] * longest[0]).max() < 1e-9:
        raise InputError(f"{where}: its polygon has no area; remove or redraw it")
    return out


def _inside(polygons: list[FloatArray], width: int, height: int, where: str) -> None:
    points = np.concatenate(polygons)
    if (points.max(axis=0) <= 0).any() or (points.min(axis=0) >= (width, height)).any():
        raise InputError(f"{where}: lies wholly outside its picture of {width} x {height}")


def _limited(objects: list[DrawnObject], name: str) -> tuple[DrawnObject, ...]:
    if len(objects) > MAX_OBJECTS:
        raise InputError(f"{name}: has {len(objects)} objects; at most {MAX_OBJECTS} per picture")
    return tuple(objects)
