# SPDX-License-Identifier: Apache-2.0
"""Maps as files: one compressed .npz, no pickle, a version inside (docs/mapping.md lists the arrays)."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from seal_mapping.voxels.blocks import Voxels
from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.store import VoxelStore
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import CategorySet
from seal_perception.errors import InputError
from seal_perception.files import replacing
from seal_perception.grid import Grid2D
from seal_perception.parameters import parameters_of
from seal_perception.reading.arrays import BROKEN, read_npz
from seal_perception.reading.text import load_json

FORMAT = "seal_voxel_map"
VERSION = 3
"""2: with votes, last frames and, where views are weighted by range, `weight`. 3: arrays named as in `VoxelCloud`."""
_ARRAYS_OF_2 = {"last": "last_frame", "best": "best_score", "said": "votes", "evidence": "score_sum"}
_PER_VOXEL = ("ijk", "rgb", "views", "last_frame", "best_score", "votes", "score_sum")
_CONFIG_OF_2 = {"said_score": "vote_score"}


def save_map(voxel_map: VoxelMap, path: Path | str) -> None:
    """Write a map; the name must end in .npz.

    Raises:
        InputError: if it does not.
    """
    if Path(path).suffix != ".npz":
        raise InputError(f"a map is written as .npz, got {path}")
    cloud, explored = voxel_map.voxels(), voxel_map.explored()
    head = {
        "format": FORMAT,
        "version": VERSION,
        "config": voxel_map.config.as_dict(),
        "frames": voxel_map.frames,
        "explored_shape": list(explored.shape),
    }
    arrays: dict[str, Any] = {"head": np.frombuffer(json.dumps(head).encode(), np.uint8)}
    names = [*_PER_VOXEL, *(["weight"] if voxel_map.config.range_weight_m > 0 else [])]
    arrays.update({name: getattr(cloud, name) for name in names})
    arrays.update(explored=np.packbits(explored.cells), explored_origin_xy=explored.origin_xy)
    with replacing(path) as beside, open(beside, "wb") as stream:
        np.savez_compressed(stream, **arrays)


def load_map(path: Path | str) -> VoxelMap:
    """Read a map.

    Raises:
        InputError: if the file is missing, broken, of another kind or of another version.
    """
    path = Path(path)
    if not path.is_file():
        inside = path / "map.npz"
        raise InputError(f"no map at {path}" + (f"; did you mean {inside}?" if inside.is_file() else ""))
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a readable map: it is no whole .npz file")
    try:
        arrays = read_npz(path)
        head = load_json(arrays["head"].tobytes(), path) if "head" in arrays else {}
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise InputError(f"{path} is not a map written by SEAL")
        if head.get("version") not in (2, VERSION):
            raise InputError(
                f"{path} is a map of version {head.get('version')}; this SEAL reads versions 2 and {VERSION}"
            )
        if head["version"] == 2:
            head["config"] = {_CONFIG_OF_2.get(name, name): value for name, value in head["config"].items()}
            arrays = {_ARRAYS_OF_2.get(name, name): array for name, array in arrays.items()}
        return _rebuild(head, arrays)
    except InputError as error:
        raise InputError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
    except BROKEN as error:
        raise InputError(f"{path} is not a readable map ({type(error).__name__}: {error})".split("\n")[0]) from error


def _rebuild(head: dict[str, Any], arrays: dict[str, Any]) -> VoxelMap:
    _check_config(head["config"])
    config = MapConfig(**head["config"])
    frames = _whole(head["frames"], "frames")
    nx, ny = (_whole(s, "explored_shape") for s in head["explored_shape"])
    _check_arrays(arrays, config)
    if nx * ny > 8 * len(arrays["explored"]):
        raise InputError(f"its grid of {nx} x {ny} cells does not fit its {len(arrays['explored'])} bytes")
    cells = np.unpackbits(arrays["explored"], count=nx * ny).reshape(nx, ny).astype(bool)
    rows = Voxels(**{name: arrays[name] for name in Voxels._fields if name in _types(config)})
    cloud = VoxelCloud.from_voxels(arrays["ijk"], config, rows)
    _check_counts(cloud, frames)
    explored = Grid2D(cells, arrays["explored_origin_xy"], config.voxel_m)
    return VoxelMap(config, VoxelStore.restore(config, cloud, explored), frames)


def _check_config(values: dict[str, Any]) -> None:
    """Refuse a text, a truth value or a fraction where `MapConfig` has a number, or a whole one."""
    for known in parameters_of(MapConfig):
        value = values.get(known.name, known.default)
        if isinstance(known.default, tuple):
            CategorySet.stored(list(value) if isinstance(value, tuple) else value)
            continue
        kinds = (int, float) if isinstance(known.default, float) else (int,)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(f"its {known.name} must be {kinds[-1].__name__}, got {str(value)[:40]!r}")


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise InputError(f"its {name} must be whole numbers from 0 on, got {str(value)[:40]}")
    return value


def _types(config: MapConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape behind N of each array with a row per voxel."""
    fresh = Voxels.zeros(0, config.num_categories, weighted=config.range_weight_m > 0)
    known = {"ijk": np.zeros((0, 3), np.int32), **fresh._asdict()}
    kept = {name: array for name, array in known.items() if name in _PER_VOXEL}
    if config.range_weight_m > 0:
        kept["weight"] = fresh.weight
    return {name: (array.dtype.name, array.shape[1:]) for name, array in kept.items()}


def _check_arrays(arrays: dict[str, Any], config: MapConfig) -> None:
    """Refuse arrays of another type or shape: numpy would cut their values to size without a word."""
    n = len(arrays["ijk"])
    wanted = {name: (kind, (n, *rest)) for name, (kind, rest) in _types(config).items()}
    wanted["explored"] = ("uint8", (len(arrays["explored"]),))
    wanted["explored_origin_xy"] = ("float64", (2,))
    for name, (kind, shape) in wanted.items():
        array = arrays[name]
        if array.dtype != np.dtype(kind) or array.shape != shape:
            raise InputError(f"its array {name!r} must be {kind} {shape}, got {array.dtype} {array.shape}")


def _check_counts(cloud: VoxelCloud, frames: int) -> None:
    """Refuse counts that contradict each other: shares of them would leave 0..1."""
    if len(cloud) == 0:
        return
    if int(cloud.last_frame.max()) >= frames:
        raise InputError(f"a voxel was last seen in frame {int(cloud.last_frame.max())} of {frames}")
    if (cloud.votes > cloud.views[:, None]).any():
        raise InputError("a voxel has more votes than frames that saw it")
    if (cloud.score_sum > 255 * cloud.weight.astype(np.uint64)[:, None]).any():
        raise InputError("a voxel's sum of scores is more than its frames can have given")
