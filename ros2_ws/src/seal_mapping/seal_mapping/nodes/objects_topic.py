# SPDX-License-Identifier: Apache-2.0
"""`map/objects`: the labelled objects of the map as it is, looked for anew from time to time."""

from __future__ import annotations

import time

from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from seal_mapping.labels.config import LabelConfig
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.nodes.markers import objects_to_markers
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.nodes.base import SealNode

OBJECTS = "map/objects"
_MOST_TIME = 0.03
"""Share of the time that looking for objects may take outside lockstep: meanwhile no frame is mapped."""


class ObjectsTopic:
    """Publishes the objects; those found before keep their numbers.

    Args:
        node: publishes.
        config: of the labels.
    """

    def __init__(self, node: SealNode, config: LabelConfig) -> None:
        self._config, self._lockstep = config, node.lockstep
        self._volume: LabelVolume | None = None
        self._topic = node.advertise(MarkerArray, OBJECTS, latched=True, depth=1)
        self.from_s = 0.0

    def due(self, frame: int, every: int) -> bool:
        """Whether it is a frame's turn; outside lockstep, where frames do not wait, also whether there is time."""
        return frame % every == 0 and (self._lockstep or time.monotonic() >= self.from_s)

    def publish(self, voxel_map: VoxelMap, header: Header) -> None:
        """Look for the objects and publish them."""
        begun_s = time.monotonic()
        self._volume = propagate(voxel_map, self._config, previous=self._volume)
        self._topic.publish(objects_to_markers(self._volume, header))
        ended_s = time.monotonic()
        self.from_s = ended_s + (ended_s - begun_s) * (1.0 / _MOST_TIME - 1.0)

    def forget(self) -> None:
        """The map is another one."""
        self._volume, self.from_s = None, 0.0
