# SPDX-License-Identifier: Apache-2.0
"""Reading what a human drew: COCO and labelme. `annotations.read_annotations` is the way in.

Files come from outside: only JSON is read, every size is checked, each mistake is one line that names its annotation.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from seal_mapping.annotation.drawn import AnnotatedPicture, DrawnObject, split_turned
from seal_mapping.annotation.labelme import is_labelme, labelme_name, labelme_objects
from seal_perception.coco.document import CocoFile, CocoImage, CocoObject, object_box, read_document
from seal_perception.coco.names import CategoryNames, LeftOut, shown
from seal_perception.coco.pictures import NAMES
from seal_perception.coco.shapes import MAX_OBJECTS, size_of
from seal_perception.errors import InputError
from seal_perception.upright import TURNED

MAX_FILES = 10_000

_FLOAT_SLACK_NS = 1024
"""A stamp that went through a tool's double has lost its last digits; the file name has kept them."""
_STAMP_IN_NAME = re.compile(r"(?<![0-9A-Za-z])[0-9]{9,19}(?![0-9A-Za-z])")
_NOT_COUNTED = "regions not used: marked as not to count (ignore, __ignore__, iscrowd polygons)"
_BOXES = "objects are drawn as a box alone: all of the box counts as the object"
_NOT_LOOKED_AT = 'pictures not used: nobody has annotated them yet ("annotated": false)'


def read_pictures(path: Path, names: CategoryNames, left_out: LeftOut) -> list[AnnotatedPicture]:
    """Annotated pictures of a COCO file, a labelme file, or a folder of one COCO file or of labelme files.

    Args:
        path: file or folder.
        names: which names of categories are ours.
        left_out: counts what is not taken.

    Raises:
        InputError: see `annotations.read_annotations`.
    """
    if not path.is_dir():
        return _read_files([path], False, names, left_out)
    for name in NAMES:
        if (path / name).is_file():
            return _read_files([path / name], False, names, left_out)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".json" and file.name[0] != ".")
    if not files:
        raise InputError(f"{path} has no labelme files (*.json); for COCO give the file itself")
    if len(files) > MAX_FILES:
        raise InputError(f"{path} has {len(files)} files; at most {MAX_FILES} are read")
    return _read_files(files, True, names, left_out)


def _read_files(files: list[Path], in_folder: bool, names: CategoryNames, left_out: LeftOut) -> list[AnnotatedPicture]:
    out: list[AnnotatedPicture] = []
    labels: set[str] = set()
    for path in files:
        document = read_document(path)
        out += _read_file(path, document, in_folder, names, left_out)
        if is_labelme(document):
            labels.update(str(shape["label"]) for shape in document["shapes"])
        else:
            return out  # a COCO file has looked at the names itself
    names.check_used(labels)
    return out


def _read_file(
    path: Path, document: Any, in_folder: bool, names: CategoryNames, left_out: LeftOut
) -> list[AnnotatedPicture]:
    try:
        if is_labelme(document):
            return [_labelme_picture(document, path, names, left_out)]
        if in_folder:
            raise InputError(
                "is no labelme file; a folder must hold labelme files alone, for COCO give the file itself"
            )
        if not isinstance(document, dict) or "images" not in document:
            raise InputError("is neither a COCO file (no key images) nor a labelme file (no key shapes)")
        return _coco_pictures(path, document, names, left_out)
    except InputError as error:
        raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is not built as expected: {type(error).__name__} {shown(error)}") from error


def _coco_pictures(
    path: Path, document: dict[str, Any], names: CategoryNames, left_out: LeftOut
) -> list[AnnotatedPicture]:
    file = CocoFile(path, document, names, left_out)
    out = []
    for position, image in enumerate(file.images):
        # `seal annotate` marks its pictures as not looked at yet; a labelling tool drops the mark.
        if not file.touched(position) and image.row.get("annotated") is False:
            left_out.add(_NOT_LOOKED_AT)
            continue
        mine = file.objects(position)
        objects = [_coco_object(item, image, left_out) for item in mine if not _not_counted(item)]
        stamp_ns, index = _which_frame(image.row, f"image {image.id}")
        ignored = len(mine) - len(objects)
        left_out.add(_NOT_COUNTED, ignored)
        name = str(image.row.get("file_name", f"image {image.id}"))
        turns = _turns(image.row, name)
        out.append(AnnotatedPicture(name, image.width, image.height, stamp_ns, index, tuple(objects), ignored, turns))
    return out


def _not_counted(item: CocoObject) -> bool:
    """Whether a human marked a region as not to count. CVAT writes a brush's mask as crowd: that one is drawn."""
    return item.ignore or (item.crowd and item.runs is None)


def _coco_object(item: CocoObject, image: CocoImage, left_out: LeftOut) -> DrawnObject:
    known = item.row.get("object")
    if known is not None and type(known) not in (str, int):
        raise InputError(f"{item.where}: object must be a name or a whole number, got {type(known).__name__}")
    polygons = item.polygons
    if item.runs is None and not polygons:
        box = object_box(item, image)
        if box is None or not box[2] or not box[3]:
            raise InputError(f"{item.where}: has no outline; draw a polygon")
        left_out.add(_BOXES)
        x, y, w, h = box
        polygons = (np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float64),)
    return DrawnObject(item.where, item.category, polygons, item.runs, known)


def _labelme_picture(document: dict[str, Any], path: Path, names: CategoryNames, left_out: LeftOut) -> AnnotatedPicture:
    name = labelme_name(document, path)
    width, height = size_of(document.get("imageWidth"), document.get("imageHeight"), name)
    stamp_ns, index = _which_frame({**document, "file_name": name}, name)
    objects, ignored = labelme_objects(document, (width, height), names, left_out)
    left_out.add(_NOT_COUNTED, ignored)
    shown_objects = _limited(objects, name)
    return AnnotatedPicture(name, width, height, stamp_ns, index, shown_objects, ignored, _turns(document, name))


def _which_frame(row: dict[str, Any], where: str) -> tuple[int | None, int | None]:
    """Stamp in nanoseconds, or else index, of the frame that a picture shows."""
    stamp, index = row.get("stamp_ns"), row.get("index")
    for key, value in (("stamp_ns", stamp), ("index", index)):
        if value is not None and (type(value) is not int or value < 0):
            raise InputError(f"{where}: {key} must be a whole number >= 0, got {shown(repr(value))}")
    stem, _ = split_turned(PurePosixPath(str(row.get("file_name", "")).replace("\\", "/")).stem)
    found = [stem] if re.fullmatch("[0-9]{1,19}", stem) else _STAMP_IN_NAME.findall(stem)
    named = int(found[0]) if len(found) == 1 else None
    if stamp is not None:
        return (named if named is not None and abs(named - stamp) <= _FLOAT_SLACK_NS else stamp), None
    if index is not None:
        return None, index
    if named is None:
        raise InputError(
            f"{where}: {shown(repr(row.get('file_name')))} names no frame; expected a file name with the stamp in "
            "nanoseconds such as 1700000000000000000.png, or a key stamp_ns or index"
        )
    return named, None


def _limited(objects: list[DrawnObject], name: str) -> tuple[DrawnObject, ...]:
    if len(objects) > MAX_OBJECTS:
        raise InputError(f"{shown(name)}: has {len(objects)} objects; at most {MAX_OBJECTS} per picture")
    return tuple(objects)


def _turns(row: dict[str, Any], name: str) -> int:
    """Quarter turns of a picture: its key `TURNED` (datasets of `seal label`), or what its name says."""
    degrees = row.get(TURNED)
    if degrees is None:
        return split_turned(name)[1]
    if type(degrees) is not int or degrees not in (0, 90, 180, 270):
        raise InputError(f"{name}: {TURNED} must be 0, 90, 180 or 270, got {shown(degrees)}")
    return degrees // 90
