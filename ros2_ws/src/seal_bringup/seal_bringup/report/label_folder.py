# SPDX-License-Identifier: Apache-2.0
"""What a folder of labels holds, and which labels are right where the truth is known (evaluation only)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.report.run_folder import as_dict, number
from seal_bringup.report.voxels import Voxels
from seal_mapping.datasets.label_prop import MAP, OBJECTS
from seal_mapping.datasets.labelling import LABELS
from seal_mapping.labels.export import collect
from seal_mapping.labels.instance_ids import load_objects
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.voxels.io import load_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.dataset import CocoDataset, own_dataset
from seal_perception.errors import InputError
from seal_perception.evaluation.box_matching import KINDS, match_boxes
from seal_perception.reading.text import read_json


@dataclass(frozen=True)
class LabelFolder:
    """Labels as they lie on disk.

    Attributes:
        path: the folder.
        summary: what labels.json holds.
        dataset: pictures and annotations, decoded when asked for.
        rows: (picture's position, COCO row) of every object's annotation; regions to ignore are left out.
        voxels: the map, each voxel with the category of the object it belongs to and that object's score; None where
            there is none.
        missing: one plain line per thing that is not there.
    """

    path: Path
    summary: dict[str, Any]
    dataset: CocoDataset
    rows: tuple[tuple[int, dict[str, Any]], ...]
    voxels: Voxels | None
    missing: tuple[str, ...]

    @property
    def instances(self) -> list[dict[str, Any]]:
        """The table of objects, most voxels first within a category; [] where labels belong to no object."""
        return [as_dict(row) for row in self.summary.get("instances") or []]

    def frame(self, position: int) -> int:
        """Number of a picture's frame in its recording."""
        info = self.dataset.image_info(position)
        return int(info.get("frame", info["id"]))

    def labels_of(self) -> Counter[int]:
        """Number of frames in which each object is labelled."""
        return Counter(int(row["instance"]) for _, row in self.rows if number(row.get("instance")) is not None)


def read_labels(folder: Path | str, with_map: bool = True) -> LabelFolder:
    """Read a folder of labels; without its map where that is not shown.

    Raises:
        InputError: if it is no finished folder of labels or one of its files is broken; one line.
    """
    folder = Path(folder)
    dataset = own_dataset(folder)
    if not (folder / LABELS).is_file():
        raise InputError(f"{folder} has no {LABELS}: a page of labels needs a folder written by `seal label`")
    try:
        summary = read_json(folder / LABELS)
    except ValueError as error:
        raise InputError(str(error)) from error
    if not isinstance(summary, dict) or summary.get("format") != "seal_labels":
        raise InputError(f"{folder / LABELS} must be a table of labels written by `seal label`; label the bag again")
    if not isinstance(summary.get("instances") or [], list):
        raise InputError(f"{folder / LABELS}: instances must be a list; label the bag again")
    rows = tuple((n, row) for n in range(len(dataset)) for row in dataset.rows(n) if not row.get("ignore", False))
    missing: list[str] = []
    voxels = _voxels(folder, summary, missing) if with_map else None
    return LabelFolder(folder, summary, dataset, rows, voxels, tuple(missing))


def _voxels(folder: Path, summary: dict[str, Any], missing: list[str]) -> Voxels | None:
    if not (folder / MAP).is_file():
        if summary.get("rule") not in ("self_training", "optical_flow"):
            missing.append(f"{MAP} is missing: no map is shown")
        return None
    voxel_map = load_map(folder / MAP)
    if not (folder / OBJECTS).is_file():
        missing.append(f"{OBJECTS} is missing: the map is shown without objects")
        cloud = voxel_map.voxels()
        bare = replace(cloud, label=np.full(len(cloud), -1, np.int8))
        return Voxels.from_cloud(bare, voxel_map.config.voxel_m, voxel_map.config.names) if len(cloud) else None
    objects = load_objects(folder / OBJECTS)
    at_least = number(as_dict(summary.get("label_config")).get("min_views")) or 1.0
    voxels = object_voxels(voxel_map, objects, at_least)
    if not len(voxels):
        missing.append(f"{MAP} holds no voxel")
        return None
    return voxels


def object_voxels(voxel_map: VoxelMap, objects: LabelVolume, min_views: float) -> Voxels:
    """The voxels that enough frames saw or that belong to an object: their category and score are the object's.

    Raises:
        InputError: if the objects belong to another map.
    """
    found = collect(voxel_map, objects, min_views=0)
    shown = found.cloud.occupied(min_views) | (found.instance > 0)
    table = np.full((max((item.id for item in objects.instances), default=0) + 1, 2), (-1, 0))
    for item in objects.instances:
        table[item.id] = item.category, round(255 * min(max(item.score, 0.0), 1.0))
    label, score = table[found.instance].T
    cloud = replace(found.cloud, label=label.astype(np.int8), score=score.astype(np.uint8))
    return Voxels.from_cloud(cloud.take(shown), voxel_map.config.voxel_m, voxel_map.config.names)


RIGHT = KINDS[0]


@dataclass(frozen=True)
class Verdicts:
    """What every label is, and what has no label.

    Attributes:
        kind: one of `KINDS` per annotation id of the labels; labels that cannot be judged are not in it.
        missed: per picture's position the true annotations' rows that no label found.
    """

    kind: dict[int, str]
    missed: dict[int, list[dict[str, Any]]]

    def wrong(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of the labels' rows that are judged and not right."""
        return [row for row in rows if self.kind.get(row["id"], RIGHT) != RIGHT]

    def right(self, rows: list[dict[str, Any]]) -> int | None:
        """How many of the labels' rows are right; None if there are some and none of them can be judged."""
        kinds = [self.kind[row["id"]] for row in rows if row["id"] in self.kind]
        return None if rows and not kinds else kinds.count(RIGHT)


def judge(labels: CocoDataset, truth: CocoDataset) -> Verdicts:
    """Match every picture's labels as `evaluation.label_quality` does, which also checks that pictures fit.

    Labels of categories that the truth's file does not have are not judged there, and not here.
    """
    lost = {labels.names.index(name) + 1 for name in truth.not_in_file}
    place = {image_id: index for index, image_id in enumerate(truth.image_ids)}
    kind: dict[int, str] = {}
    missed: dict[int, list[dict[str, Any]]] = {}
    for index, image_id in enumerate(labels.image_ids):
        guesses = [r for r in labels.rows(index) if not r.get("ignore", False) and r["category_id"] not in lost]
        guesses.sort(key=lambda row: -float(row.get("score", 1.0)))
        real = [row for row in truth.rows(place[image_id]) if not row.get("ignore", False)]
        found, kinds = match_boxes(
            [_corners(row) for row in guesses],
            [row["category_id"] for row in guesses],
            [_corners(row) for row in real],
            [row["category_id"] for row in real],
        )
        kind.update({int(row["id"]): KINDS[k] for row, k in zip(guesses, kinds, strict=True)})
        missed[index] = [row for n, row in enumerate(real) if n not in found]
    return Verdicts(kind, missed)


def _corners(row: dict[str, Any]) -> tuple[float, float, float, float]:
    x, y, w, h = row["bbox"]
    return x, y, x + w, y + h
