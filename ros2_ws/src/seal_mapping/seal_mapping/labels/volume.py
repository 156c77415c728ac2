# SPDX-License-Identifier: Apache-2.0
"""What 3DLabelProp makes: objects, and the voxels at which rays stop, with dense crops of them cut on demand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from seal_perception.camera import Camera
from seal_perception.categories import SIX, CategorySet
from seal_perception.types import BoolArray, FloatArray, Int8Array, Int32Array, IntArray, UInt8Array

_WHOLE = 1 << 25
"""Up to this many cells the box around all voxels is one crop (5 bytes a cell)."""
_TILE = 256
"""Otherwise crops belong to tiles of this many voxels a side, so that neighbouring frames share one."""
_KEPT = 3


@dataclass(frozen=True)
class Instance:
    """One object found in the map, or one region to ignore.

    Attributes:
        id: > 0 for an object, < 0 for a region to ignore.
        category: category index.
        voxels: number of voxels, filled holes included.
        score: mean over the seen voxels of what the rule went by: best score ("paper"), evidence, or expected overlap
            ("objects"), 0..1.
        views: median over the seen voxels of the frames that saw them.
        support: median over the seen voxels of the frames that voted for the category (`MapConfig.vote_score`).
        seen: share of the voxels that a camera saw (the rest are filled holes).
        centre_xyz: mean of the voxels' centres in metres, map frame.
        size_xyz: extent along the map's axes in metres.
    """

    id: int
    category: int
    voxels: int
    score: float
    views: float
    support: float
    seen: float
    centre_xyz: tuple[float, float, float]
    size_xyz: tuple[float, float, float]


class LabelCrop(NamedTuple):
    """A dense box cut out of a labelled volume, ready for ray-tracing.

    Attributes:
        low: (3,) int64 voxel index of [0, 0, 0].
        instance: (X, Y, Z) int32; 0 = none, > 0 an object, < 0 a region to ignore.
        clearance: (X, Y, Z) uint8 chessboard distance in voxels to the nearest voxel of the crop at which a ray
            stops; 0 = stops.
    """

    low: IntArray
    instance: Int32Array
    clearance: UInt8Array


class _Crops:
    """The crops used last, shared by threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: OrderedDict[tuple[int, ...], LabelCrop] = OrderedDict()
        self.bounds: tuple[IntArray, IntArray] | None = None


@dataclass(frozen=True)
class LabelVolume:
    """The labelled voxels of a map.

    Attributes:
        ijk: (N, 3) int32 voxels at which a ray stops, in the order x, y, z.
        instance: (N,) int32; 0 = occupied without label, > 0 an object, < 0 a region to ignore.
        origin: (3,) float64 lower corner of the map's voxel (0, 0, 0) in metres.
        voxel_m: edge of a voxel.
        instances: the objects.
        ignored: the regions to ignore, ids -1, -2, ...
        next_id: the id that the next new object gets; 0 = one more than the greatest. So the id of an object that is
            gone is not given again.
        names: the list that categories are indices of.
    """

    ijk: Int32Array
    instance: Int32Array
    origin: FloatArray
    voxel_m: float
    instances: tuple[Instance, ...]
    ignored: tuple[Instance, ...] = ()
    next_id: int = 0
    names: CategorySet = SIX
    _crops: _Crops = field(default_factory=_Crops, repr=False, compare=False)

    def first_free_id(self) -> int:
        """The least id that no object has or, as far as is known, ever had."""
        return max(self.next_id, 1 + max((item.id for item in self.instances), default=0))

    def by_id(self) -> dict[int, Instance]:
        """Objects and regions to ignore by their id."""
        return {item.id: item for item in (*self.instances, *self.ignored)}

    def category_table(self) -> Int8Array:
        """(greatest id + regions + 1,) int8: entry [id] is the category, [0] is -1; ids < 0 count from the end."""
        greatest = max((item.id for item in self.instances), default=0)
        table = np.full(1 + greatest + len(self.ignored), -1, np.int8)
        for item in (*self.instances, *self.ignored):
            table[item.id] = item.category
        return table

    def table(self) -> list[dict[str, Any]]:
        """The objects as JSON has them, categories by name."""
        return [{**asdict(item), "category": self.names.name(item.category)} for item in self.instances]

    def bounds(self) -> tuple[IntArray, IntArray]:
        """(3,) lowest and (3,) highest voxel; both zero where there is none."""
        if self._crops.bounds is None:
            ijk = self.ijk if len(self.ijk) else np.zeros((1, 3), np.int32)
            self._crops.bounds = ijk.min(axis=0).astype(np.int64), ijk.max(axis=0).astype(np.int64)
        return self._crops.bounds

    def crop(self, low: IntArray, high: IntArray) -> LabelCrop:
        """The dense box low..high (inclusive) of voxel indices."""
        shape = tuple((high - low + 1).tolist())
        inside = ((self.ijk >= low) & (self.ijk <= high)).all(axis=1)
        place = tuple((self.ijk[inside].astype(np.int64) - low).T)
        instance = np.zeros(shape, np.int32)
        instance[place] = self.instance[inside]
        free = np.ones(shape, np.bool_)
        free[place] = False
        return LabelCrop(low, instance, _clearance(free))

    def crop_around(self, camera: Camera, T_map_camera: FloatArray, max_range_m: float) -> LabelCrop:
        """A crop that holds every voxel that a ray of this camera can meet up to depth `max_range_m`.

        The whole volume where it is small; otherwise the tile that the camera stands in and what can be seen from it,
        so that memory does not grow with the building.
        """
        low, high = self.bounds()
        if float(np.prod((high - low + 1).astype(np.float64))) > _WHOLE:
            corners = camera.rays()[[0, 0, -1, -1], [0, -1, 0, -1]]
            reach_m = max_range_m * float(np.linalg.norm(corners, axis=1).max())
            reach = int(np.ceil(reach_m / self.voxel_m)) + 2
            here = np.floor((T_map_camera[:2, 3] - self.origin[:2]) / self.voxel_m).astype(np.int64)
            tile = here // _TILE * _TILE
            low, high = low.copy(), high.copy()
            low[:2], high[:2] = tile - reach, tile + _TILE - 1 + reach
        return self._kept_crop(low, high)

    def _kept_crop(self, low: IntArray, high: IntArray) -> LabelCrop:
        key, crops = (*low.tolist(), *high.tolist()), self._crops
        with crops.lock:
            if key not in crops.kept:
                crops.kept[key] = self.crop(low, high)
            crops.kept.move_to_end(key)
            while len(crops.kept) > _KEPT:
                crops.kept.popitem(last=False)
            return crops.kept[key]


def _clearance(free: BoolArray) -> UInt8Array:
    """(X, Y, Z) uint8 chessboard distance to the nearest voxel that is not free; 255 stands for 255 or more."""
    if free.all():
        return np.full(free.shape, 255, np.uint8)
    distance = ndimage.distance_transform_cdt(free, metric="chessboard")
    return np.minimum(distance, 255).astype(np.uint8)
