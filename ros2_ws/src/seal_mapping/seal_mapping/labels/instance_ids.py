# SPDX-License-Identifier: Apache-2.0
"""Ids of objects that last: through an episode, and with a saved map across episodes; and objects as files."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.voxels.voxel_set import voxel_keys
from seal_perception.errors import InputError
from seal_perception.files import replacing
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
    head = {
        "format": FORMAT,
        "version": VERSION,
        "voxel_m": volume.voxel_m,
        "origin": volume.origin.tolist(),
        "next_id": volume.first_free_id(),
        "instances": [asdict(item) for item in volume.instances],
    }
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
        with np.load(path, allow_pickle=False) as data:
            head = json.loads(data["head"].tobytes())
            ijk, instance = data["ijk"], data["instance"]
        if head.get("format") != FORMAT or head.get("version") != VERSION:
            raise InputError(f"{path} is no table of objects of version {VERSION} written by SEAL")
        return _volume(head, ijk, instance)
    except InputError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        MemoryError,
        RuntimeError,
    ) as error:
        text = f"{path} is not a readable table of objects ({type(error).__name__}: {error})"
        raise InputError(text.split("\n")[0]) from error


def _volume(head: dict[str, Any], ijk: npt.NDArray[Any], instance: npt.NDArray[Any]) -> LabelVolume:
    items = tuple(
        Instance(**{**row, "centre_xyz": tuple(row["centre_xyz"]), "size_xyz": tuple(row["size_xyz"])})
        for row in head["instances"]
    )
    if any(not 0 < item.id < 1 << 31 or not 0 <= item.category < 127 for item in items):
        raise ValueError("an object has an impossible id or category")
    if ijk.shape != (len(instance), 3) or set(np.unique(instance).tolist()) - {item.id for item in items}:
        raise ValueError("voxels and table disagree")
    origin = np.asarray(head["origin"], np.float64).reshape(3)
    voxels = (ijk.astype(np.int32), instance.astype(np.int32))
    return LabelVolume(*voxels, origin, float(head["voxel_m"]), items, next_id=int(head.get("next_id", 0)))
