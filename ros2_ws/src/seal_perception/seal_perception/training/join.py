# SPDX-License-Identifier: Apache-2.0
"""Several datasets as one, to learn from all of them together: labels of many homes in one fine-tuning."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import ANNOTATIONS, CocoDataset, own_categories
from seal_perception.errors import InputError, NoLabelsError
from seal_perception.files import write_json


def join_datasets(
    sources: Sequence[CocoDataset | Path | str],
    out: Path | str,
    labelled_only: Callable[[CocoDataset], bool] = lambda source: False,
) -> CocoDataset:
    """Write a dataset with the pictures of several, in their order, and open it.

    Pictures are hard links where the file system allows it, else copies. Ids of pictures and annotations are counted
    anew from 1; every other key stays, `ignore`, `iscrowd` and a box without outline among them. A picture says with
    `joined_from` which of the datasets it is of, counting from 0. The same datasets give the same bytes.

    Args:
        sources: opened datasets, or folders of datasets that SEAL wrote; all with one list of categories.
        out: folder to make; a folder without `annotations.json` is unfinished and is replaced.
        labelled_only: whether the pictures of a dataset that have no label are left out.

    Raises:
        NoLabelsError: if that leaves nothing.
        InputError: if there is no dataset, their lists of categories differ, one lacks a category that another has, a
            picture is missing, or `out` holds a finished dataset.
    """
    out = Path(out)
    parts = [
        source if isinstance(source, CocoDataset) else CocoDataset(source, CategoryNames(known=own_categories(source)))
        for source in sources
    ]
    require_alike(parts)
    used = [part.labelled() if labelled_only(part) else list(range(len(part))) for part in parts]
    if not any(used):
        raise NoLabelsError(f"no picture of {', '.join(str(part.file) for part in parts)} has a label")
    if (out / ANNOTATIONS).exists():
        raise InputError(f"{out} already holds a finished dataset; choose another folder or remove it")
    shutil.rmtree(out, ignore_errors=True)
    (out / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        for index in used[number]:
            path, image_id = part.picture_path(index), len(images) + 1
            name = f"images/{image_id:06d}{path.suffix.lower()}"
            link_or_copy(path, out / name)
            images.append({**part.image_info(index), "id": image_id, "file_name": name, "joined_from": number})
            for row in part.rows(index):
                annotations.append({**row, "id": len(annotations) + 1, "image_id": image_id})
    lacking = parts[0].not_in_file
    table = [row for row in parts[0].names.table() if row["name"] not in lacking]
    info = {"joined": [len(indices) for indices in used]}
    document = {"info": info, "images": images, "annotations": annotations, "categories": table}
    write_json(out / ANNOTATIONS, document, indent=None)
    return CocoDataset(out, CategoryNames(known=parts[0].names))


def link_or_copy(path: Path, out: Path) -> None:
    """Give a file a second name; a copy where that cannot be, as on another disk."""
    try:
        os.link(path, out)
    except OSError:
        shutil.copyfile(path, out)


def require_alike(parts: Sequence[CocoDataset]) -> None:
    """Refuse datasets that cannot be joined.

    Raises:
        InputError: if there is none, or their lists of categories differ.
    """
    if not parts:
        raise InputError("there is no dataset to join; give at least one")
    first = parts[0]
    for part in parts[1:]:
        if part.names != first.names:
            raise InputError(
                f"{part.file} was read for {part.names}, {first.file} for {first.names}: join datasets of one list"
            )
        # A picture in which nobody looked for tvs would teach that its tvs are background.
        if differing := sorted(set(part.not_in_file) ^ set(first.not_in_file)):
            raise InputError(
                f"only one of {first.file} and {part.file} has {', '.join(differing)}: join datasets with the same"
                " categories"
            )
