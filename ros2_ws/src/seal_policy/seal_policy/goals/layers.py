# SPDX-License-Identifier: Apache-2.0
"""What policies may see of a voxel map beyond its two grids."""

from __future__ import annotations

from seal_mapping.voxels.local_map import window_volume
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_policy.goals.policy import MapLayers


def layers_of(voxel_map: VoxelMap) -> MapLayers:
    """The layers of a map as it is when they are asked for."""
    return MapLayers(voxel_map.uncertainty, lambda xy: window_volume(voxel_map, xy))
