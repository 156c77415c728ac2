# SPDX-License-Identifier: Apache-2.0
"""Maps for other programs: PLY (points or cubes, coloured by category, by object or as seen) and plain npz arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_mapping.labels.propagate import LabelConfig, propagate
from seal_mapping.labels.volume import Instance, LabelVolume
from seal_mapping.palette import category_colours, instance_colour, instance_colours
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.voxels.voxel_set import voxel_keys
from seal_perception.categories import CategorySet
from seal_perception.errors import InputError
from seal_perception.files import replacing
from seal_perception.types import Int32Array, UInt8Array

COLOURINGS = ("rgb", "category", "instance")

VERTEX = np.dtype(
    [
        ("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1"), ("score", "u1"),
        ("label", "<i4"), ("views", "<i4"), ("last", "<i4"), ("instance", "<i4"),
    ]
)  # fmt: skip
"""One vertex of a PLY file: score of 255; label is the category index, -1 = none; instance 0 = no object.

int, not the smaller types of the map: Open3D's tensor reader takes float, int and uchar alone."""
_PLY_TYPES = {"<f4": "float", "|u1": "uchar", "<i4": "int"}
_FACE = np.dtype([("count", "u1"), ("corners", "<i4", (4,))])
_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])


@dataclass(frozen=True)
class Export:
    """What goes into a file.

    Attributes:
        cloud: the voxels.
        instance: (N,) int32 object of each, 0 = none.
        objects: the objects of which a voxel is among them.
        voxel_m: edge of a voxel.
        confident: score of 255 from which a category is painted.
        names: the list of categories.
    """

    cloud: VoxelCloud
    instance: Int32Array
    objects: tuple[Instance, ...]
    voxel_m: float
    confident: int
    names: CategorySet


def collect(
    voxel_map: VoxelMap, volume: LabelVolume | None = None, config: LabelConfig | None = None, min_views: float = 1
) -> Export:
    """The voxels that enough frames saw, and the objects that they belong to.

    Args:
        voxel_map: the map.
        volume: its objects (`instance_ids.load_objects`); None = found now, by `propagate`.
        config: how they are found then.
        min_views: views that a voxel needs (`VoxelCloud.occupied`). Filled holes that no frame saw are left out.

    Raises:
        InputError: if the objects belong to a map of other voxels, or have a category that this one does not know.
    """
    if volume is None:
        volume = propagate(voxel_map, config)
    numbers = voxel_map.config
    if volume.voxel_m != numbers.voxel_m or not np.array_equal(volume.origin, numbers.origin):
        raise InputError(f"objects found with voxels of {volume.voxel_m} m do not fit a map of {numbers.voxel_m} m")
    known = numbers.names
    if any(name != other for name, other in zip(volume.names.names, known.names, strict=False)):
        raise InputError(f"objects of the categories {volume.names} do not fit a map of {known}")
    wrong = [item.id for item in volume.instances if not 0 <= item.category < numbers.num_categories]
    if wrong:
        raise InputError(f"object {wrong[0]} has a category that a map of {numbers.num_categories} categories lacks")
    cloud = voxel_map.voxels()
    cloud = cloud.take(cloud.occupied(min_views))
    instance = np.zeros(len(cloud), np.int32)
    there = volume.instance > 0
    _, ours, theirs = np.intersect1d(
        voxel_keys(cloud.ijk), voxel_keys(volume.ijk[there]), assume_unique=True, return_indices=True
    )
    instance[ours] = volume.instance[there][theirs]
    held = set(np.unique(instance).tolist())
    objects = tuple(item for item in volume.instances if item.id in held)
    return Export(cloud, instance, objects, numbers.voxel_m, numbers.confident, numbers.names)


def colours(export: Export, colour: str) -> UInt8Array:
    """(N, 3) uint8 RGB: as seen; or of the category (if confident) or object, the rest light grey by brightness.

    Raises:
        InputError: if `colour` is none of `COLOURINGS`.
    """
    if colour not in COLOURINGS:
        raise InputError(f"colour must be one of {', '.join(COLOURINGS)}, got {colour!r}")
    cloud = export.cloud
    if colour == "rgb":
        return cloud.rgb
    grey = (150 + 0.3 * cloud.rgb.mean(axis=1)).astype(np.uint8) if len(cloud) else np.zeros(0, np.uint8)
    out = np.repeat(grey[:, None], 3, axis=1)
    if colour == "category":
        named = (cloud.label >= 0) & (cloud.score >= export.confident)
        out[named] = category_colours(cloud.label[named], export.names)
    else:
        named = export.instance > 0
        out[named] = instance_colours(export.instance[named])
    return out


def write_ply(path: Path | str, export: Export, colour: str = "category", cubes: bool = False) -> int:
    """Write a binary PLY file (little endian), whole or not at all.

    Args:
        path: the file; its name must end in .ply.
        export: of `collect`.
        colour: "rgb", "category" or "instance".
        cubes: the outer faces of the voxels as quads, instead of one point per voxel.

    Returns:
        Number of vertices.

    Raises:
        InputError: if the name or the colouring is wrong.
    """
    if Path(path).suffix != ".ply":
        raise InputError(f"a PLY file's name must end in .ply, got {path}")
    cloud, rgb = export.cloud, colours(export, colour)
    points: npt.NDArray[Any] = np.zeros(len(cloud), VERTEX)
    points["x"], points["y"], points["z"] = cloud.xyz.T
    points["red"], points["green"], points["blue"] = rgb.T
    points["label"], points["score"] = cloud.label, cloud.score
    points["views"], points["last"] = cloud.views, cloud.last_frame
    points["instance"] = export.instance
    faces: npt.NDArray[Any] = np.zeros(0, _FACE)
    if cubes:
        points, faces = _cubes(points, cloud.ijk, export.voxel_m)
    with replacing(path) as beside, open(beside, "wb") as stream:
        stream.write(_header(export, colour, len(points), len(faces) if cubes else None).encode("ascii"))
        stream.write(points.tobytes())
        stream.write(faces.tobytes())
    return len(points)


def _header(export: Export, colour: str, vertices: int, faces: int | None) -> str:
    lines = ["ply", "format binary_little_endian 1.0", f"comment SEAL voxel map, voxel {export.voxel_m} m, z up"]
    lines.append(f"comment coloured by {colour}")
    for index, name in enumerate(export.names.names):
        lines.append(f"comment category {index} {name}: {_rgb(export.names.colour(index))}")
    for item in export.objects:
        what = f"{export.names.name(item.category)}, score {item.score:.2f}, {item.voxels} voxels"
        lines.append(f"comment instance {item.id} {what}: {_rgb(instance_colour(item.id))}")
    lines.append(f"element vertex {vertices}")
    assert VERTEX.fields is not None
    lines += [f"property {_PLY_TYPES[kind[0].str]} {name}" for name, kind in VERTEX.fields.items()]
    if faces is not None:
        lines += [f"element face {faces}", "property list uchar int vertex_indices"]
    return "\n".join([*lines, "end_header", ""])


def _rgb(colour: Sequence[int]) -> str:
    return " ".join(str(v) for v in colour)


def _cubes(points: npt.NDArray[Any], ijk: Int32Array, voxel_m: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Four vertices and one quad per face between a voxel and an empty place, turned outwards."""
    keys, vertices = voxel_keys(ijk), []
    for axis in range(3):
        for side in (-1, 1):
            beside = ijk.copy()
            beside[:, axis] += side
            bare = points[~np.isin(voxel_keys(beside), keys)]
            corners = np.repeat(bare, 4).reshape(-1, 4)
            names = ("x", "y", "z")
            corners[names[axis]] += 0.5 * side * voxel_m
            for n, corner in enumerate(_CORNERS if side > 0 else _CORNERS[::-1]):
                corners[names[(axis + 1) % 3]][:, n] += (corner[0] - 0.5) * voxel_m
                corners[names[(axis + 2) % 3]][:, n] += (corner[1] - 0.5) * voxel_m
            vertices.append(corners.reshape(-1))
    every = np.concatenate(vertices)
    faces = np.zeros(len(every) // 4, _FACE)
    faces["count"], faces["corners"] = 4, np.arange(len(every)).reshape(-1, 4)
    return every, faces


def write_npz(path: Path | str, export: Export, voxel_map: VoxelMap) -> int:
    """Write plain arrays (docs/mapping.md lists them) for programs without SEAL, whole or not at all.

    Args:
        path: the file; its name must end in .npz.
        export: of `collect`, from `voxel_map`.
        voxel_map: the map, for its grids.

    Returns:
        Number of voxels.

    Raises:
        InputError: if the name is wrong.
    """
    if Path(path).suffix != ".npz":
        raise InputError(f"plain arrays are written as .npz, got {path}")
    cloud, objects, grid = export.cloud, export.objects, voxel_map.obstacles()
    arrays: dict[str, Any] = {name: getattr(cloud, name) for name in ("ijk", "xyz", "rgb", "label", "score", "views")}
    arrays.update(
        last=cloud.last_frame,
        best=cloud.best_score,
        said=cloud.votes,
        mean_score=cloud.mean_score().astype(np.float32),
        instance=export.instance,
        voxel_m=np.float64(export.voxel_m),
        frames=np.int64(voxel_map.frames),
        category_names=np.array(export.names.names),
        category_colours=export.names.colours,
        object_id=np.array([item.id for item in objects], np.int32),
        object_category=np.array([item.category for item in objects], np.int8),
        object_score=np.array([item.score for item in objects], np.float32),
        object_voxels=np.array([item.voxels for item in objects], np.int32),
        object_centre_xyz=np.array([item.centre_xyz for item in objects], np.float32).reshape(-1, 3),
        object_size_xyz=np.array([item.size_xyz for item in objects], np.float32).reshape(-1, 3),
        obstacles=grid.cells,
        explored=voxel_map.explored().cells,
        grid_origin_xy=grid.origin_xy,
    )
    with replacing(path) as beside, open(beside, "wb") as stream:
        np.savez_compressed(stream, **arrays)
    return len(cloud)
