# SPDX-License-Identifier: Apache-2.0
"""What mapping publishes on request, for goal policies that see more than the two grids."""

from __future__ import annotations

from nav_msgs.msg import OccupancyGrid
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from seal_mapping.nodes import map_messages as convert
from seal_mapping.voxels.local_map import window_volume
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception import messages as m
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.params import declare
from seal_perception.types import FloatArray


class Layers:
    """Publishes `map/uncertainty` and `map/volume`.

    Args:
        uncertainty: publisher of the first; None = it is not wanted.
        volume: of the second.
    """

    def __init__(self, uncertainty: Publisher | None, volume: Publisher | None) -> None:
        self._uncertainty, self._volume = uncertainty, volume

    def publish(self, voxel_map: VoxelMap, T_map_base: FloatArray, header: Header) -> None:
        """Publish what was asked for, for the robot at a pose (4, 4)."""
        if self._uncertainty is not None:
            grid = convert.uncertainty_to_occupancy(voxel_map.uncertainty(), voxel_map.explored(), header)
            self._uncertainty.publish(grid)
        if self._volume is not None:
            # Rounded as the policy rounds its pose: both must find the robot in the same cell.
            window = window_volume(voxel_map, T_map_base[:2, 3].round(6))
            self._volume.publish(convert.volume_to_image(window, header))


def declare_layers(node: SealNode) -> Layers:
    """What the node's parameters `uncertainty` and `volume` ask for."""
    uncertainty = declare(
        node, "uncertainty", False, "publish map/uncertainty, which gainful_views and gainful_curiosity need"
    )
    volume = declare(node, "volume", False, "publish map/volume, which gainful_curiosity and semantic_curiosity need")
    return Layers(
        node.advertise(OccupancyGrid, m.UNCERTAINTY, latched=True) if uncertainty else None,
        node.advertise(Image, m.VOLUME, latched=True, depth=4) if volume else None,
    )
