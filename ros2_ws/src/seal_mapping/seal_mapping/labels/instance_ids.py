# SPDX-License-Identifier: Apache-2.0
"""Ids of objects that last: through an episode, and with a saved map across episodes; and objects as files."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.voxels.voxel_set import MAX_INDEX, voxel_keys
from seal_perception.categories import SIX, CategorySet
from seal_perception.errors import InputError
from seal_perception.files import replacing
from seal_perception.reading.arrays import BROKEN, read_npz
from seal_perception.reading.text import load_json
from seal_perception.types import IntArray

FORMAT = "seal_objects"
VERSION = 1
LEAST_OVERLAP = 0.25
"""Of the smaller of the two, for an object to be the same as before."""


def keep_ids(ijk: IntArray, number: IntArray, category: IntArray, previous: LabelVolume | None) -> IntArray:
    """Ids of parts: those of the objects of before that they lie on; the others go on after the greatest ever given.

    Part and object match if they are of one category and share at least `LEAST_OVERLAP` of the smaller one's voxels;
    pairs are made greedily, most shared voxels first (ties: lower part, then lower id), each part and object once.

    Args:
        ijk: (M, 3) voxels of the parts.
        number: (M,) part of each, from 1.
        category: (parts + 1,) category + 1 of each part.
        previous: the volume before; None = ids are the parts' numbers.

    Returns:
        (parts + 1,) int64 ids; entry 0 is 0.
    """
    count = len(category) - 1
    if previous is None:
        return np.arange(count + 1, dtype=np.int64)
    ids = np.zeros(count + 1, np.int64)
    objects = previous.instance > 0
    _, a, b = np.intersect1d(voxel_keys(ijk), voxel_keys(previous.ijk[objects]), return_indices=True)
    pairs, shared = np.unique(np.stack([number[a], previous.instance[objects][b]], axis=1), axis=0, return_counts=True)
    size, table = np.bincount(number, minlength=count + 1), previous.by_id()
    used: set[int] = set()
    for row in np.lexsort((pairs[:, 1], pairs[:, 0], -shared)):
        part, old = int(pairs[row, 0]), int(pairs[row, 1])
        same = table[old].category == category[part] - 1
        enough = shared[row] >= LEAST_OVERLAP * min(int(size[part]), table[old].voxels)
        if same and enough and ids[part] == 0 and old not in used:
            ids[part] = old
            used.add(old)
    fresh = np.flatnonzero(ids[1:] == 0) + 1
    ids[fresh] = previous.first_free_id() + np.arange(len(fresh))
    return ids


def save_objects(volume: LabelVolume, path: Path | str) -> None:
    """Write the labelled voxels and the table of objects as .npz, without pickle, whole or not at all."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "voxel_m": volume.voxel_m,
        "origin": volume.origin.tolist(),
        "next_id": volume.first_free_id(),
        "instances": [asdict(item) for item in volume.instances],
    }
    if volume.names != SIX:
        head["categories"] = list(volume.names.names)
    objects = volume.instance > 0
    with replacing(path) as beside, open(beside, "wb") as stream:
        np.savez_compressed(
            stream,
            head=np.frombuffer(json.dumps(head).encode(), np.uint8),
            ijk=volume.ijk[objects],
            instance=volume.instance[objects],
        )


def load_objects(path: Path | str) -> LabelVolume:
    """Read what `save_objects` wrote: the objects' voxels alone, nothing that is merely occupied.

    Raises:
        InputError: if the file is missing, broken, of another kind or version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no objects at {path}")
    try:
        data = read_npz(path)
        head = load_json(data["head"].tobytes(), path)
        ijk, instance = data["ijk"], data["instance"]
        if head.get("format") != FORMAT or head.get("version") != VERSION:
            raise InputError(f"{path} is no table of objects of version {VERSION} written by SEAL")
        return _volume(head, ijk, instance)
    except InputError:
        raise
    except BROKEN as error:
        text = f"{path} is not a readable table of objects ({type(error).__name__}: {error})"
        raise InputError(text.split("\n")[0]) from error


def _volume(head: dict[str, Any], ijk: npt.NDArray[Any], instance: npt.NDArray[Any]) -> LabelVolume:
    items = tuple(
        Instance(**{**row, "centre_xyz": tuple(row["centre_xyz"]), "size_xyz": tuple(row["size_xyz"])})
        for row in head["instances"]
    )
    names = CategorySet.stored(head.get("categories"))
    for item in items:
        _check_object(item)
        if "categories" in head and item.category >= len(names):
            raise ValueError(f"object {item.id} has the category {item.category} of {len(names)}")
    ids = {item.id for item in items}
    if len(ids) < len(items):
        raise ValueError("two objects have one id")
    for name, array, shape in (("ijk", ijk, (len(instance), 3)), ("instance", instance, (len(instance),))):
        if array.dtype != np.int32 or array.shape != shape:
            raise ValueError(f"its array {name!r} must be int32 {shape}, got {array.dtype.name} {array.shape}")
    if set(np.unique(instance).tolist()) - ids:
        raise ValueError("voxels and table disagree")
    if len(ijk) and max(int(ijk.max()), -int(ijk.min())) >= MAX_INDEX:
        raise ValueError(f"a voxel index is beyond {MAX_INDEX}")
    if len(np.unique(voxel_keys(ijk))) < len(ijk):
        raise ValueError("a voxel occurs twice")
    origin, voxel_m, next_id = (
        np.asarray(head["origin"], np.float64).reshape(3),
        head["voxel_m"],
        head.get("next_id", 0),
    )
    if not (np.isfinite(origin).all() and isinstance(voxel_m, (int, float)) and 0 < voxel_m < math.inf):
        raise ValueError(f"origin and voxel_m must be finite metres, got {origin.tolist()}, {voxel_m}")
    if not isinstance(next_id, int) or not 0 <= next_id < 1 << 31:
        raise ValueError(f"next_id must be a whole number from 0 on, got {next_id}")
    return LabelVolume(ijk, instance, origin, float(voxel_m), items, next_id=next_id, names=names)


def _check_object(item: Instance) -> None:
    """Refuse numbers that no object has."""
    whole = (item.id, item.category, item.voxels)
    shares = (item.score, item.seen)
    others = (item.views, item.support, *item.centre_xyz, *item.size_xyz)
    if not all(isinstance(v, int) and not isinstance(v, bool) for v in whole) or not (
        0 < item.id < 1 << 31 and 0 <= item.category < 127 and item.voxels >= 0
    ):
        raise ValueError(f"an object has an impossible id, category or number of voxels: {whole}")
    if len(item.centre_xyz) != 3 or len(item.size_xyz) != 3 or not all(map(math.isfinite, others)):
        raise ValueError(f"object {item.id} has a number that is none: {others}")
    if not all(0.0 <= v <= 1.0 for v in shares):
        raise ValueError(f"object {item.id} has a score or share outside of 0..1: {shares}")
