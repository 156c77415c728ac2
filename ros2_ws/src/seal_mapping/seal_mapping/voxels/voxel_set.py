# SPDX-License-Identifier: Apache-2.0
"""Sets of voxels by index: keys, lookup, neighbours, connected components.

A voxel's key is one int64 that orders voxels by x, y, z, so a list of seen voxels is searched like a dictionary, and
memory follows what was seen and not the box around it.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csgraph

from seal_perception.types import Int32Array, IntArray

MAX_INDEX = 1 << 20
"""Greatest voxel index, up and down, that a key holds."""


def voxel_keys(ijk: npt.NDArray[Any]) -> IntArray:
    """(N,) one number per voxel (N, 3), in the order x, y, z; any index within +-`MAX_INDEX`."""
    i, j, k = ijk.astype(np.int64).T + MAX_INDEX
    keys: IntArray = (i << 42) | (j << 21) | k
    return keys


def key_offset(offset: tuple[int, ...]) -> int:
    """What a step of whole voxels (3,) adds to a voxel's key."""
    i, j, k = offset
    return (i << 42) + (j << 21) + k


def lookup(keys: IntArray, wanted: IntArray) -> IntArray:
    """(N,) places of the `wanted` keys in the sorted `keys`, -1 where there is none."""
    if len(keys) == 0:
        return np.full(len(wanted), -1, np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)


class VoxelSet:
    """Voxels in the order x, y, z, none twice, found by index.

    Attributes:
        keys: (N,) int64 their sorted keys.
    """

    def __init__(self, ijk: npt.NDArray[Any]) -> None:
        self.keys = voxel_keys(ijk)

    def rows(self, ijk: npt.NDArray[Any]) -> IntArray:
        """(M,) rows of the voxels (M, 3) in the set, -1 where it does not have them."""
        return lookup(self.keys, voxel_keys(ijk))

    def neighbours(self, offset: tuple[int, ...]) -> IntArray:
        """(N,) row of the voxel at this offset (3,) from each voxel, -1 where the set does not have it."""
        return lookup(self.keys, self.keys + key_offset(offset))


def connected_components(ijk: npt.NDArray[Any], labels: npt.NDArray[Any]) -> tuple[Int32Array, int]:
    """26-connected components of equal non-zero labels, numbered by label, then by first voxel.

    Args:
        ijk: (N, 3) voxel indices in the order x, y, z, none twice.
        labels: (N,) whole number of each; 0 = none.

    Returns:
        (N,) int32 numbers from 1, 0 = none; how many there are.
    """
    part = np.zeros(len(labels), np.int32)
    rows = np.flatnonzero(labels)
    if len(rows) == 0:
        return part, 0
    count, of_row = _group(VoxelSet(ijk[rows]), labels[rows])
    first = np.full(count, len(rows), np.int64)
    np.minimum.at(first, of_row, np.arange(len(rows)))
    order = np.lexsort((first, labels[rows][first]))
    number = np.empty(count, np.int32)
    number[order] = np.arange(1, count + 1)
    part[rows] = number[of_row]
    return part, int(count)


def _group(voxels: VoxelSet, labels: npt.NDArray[Any]) -> tuple[int, Int32Array]:
    """How many components there are, and the component (N,) of each voxel, in no order to rely on."""
    ends: list[tuple[IntArray, IntArray]] = []
    forward = [offset for offset in itertools.product((-1, 0, 1), repeat=3) if offset > (0, 0, 0)]
    for offset in forward:
        other = voxels.neighbours(offset)
        near = np.flatnonzero((other >= 0) & (labels[other] == labels))
        ends.append((near, other[near]))
    a, b = (np.concatenate([pair[side] for pair in ends]) for side in (0, 1))
    graph = coo_matrix((np.ones(len(a), np.bool_), (a, b)), shape=(len(labels), len(labels)))
    count, of_row = csgraph.connected_components(graph, directed=False)
    return int(count), of_row
